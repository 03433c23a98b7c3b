"""Review: what counts as a variance, who may accept it, and that it is posted once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from inventory.models import (
    ApprovalLimit,
    Bucket,
    CountItem,
    Lot,
    LotLevel,
    SerialNumber,
    Sku,
    StockCount,
    StockCountState,
    StockMovement,
    Tracking,
)
from inventory.selectors.count_history import count_accuracy, last_count
from inventory.selectors.count_plans import suggested_skus
from inventory.selectors.shelf import Carried, nothing_carried
from inventory.services import Posting, StockLine, adjust, post, receive
from inventory.services.counting import (
    Reviewer,
    accept_items,
    close_counting,
    count_as_none,
    finish_count,
    match_code,
    recount_items,
    reject_items,
)
from inventory.services.counting.deciding import Decision
from oms.core.clock import now
from oms.core.errors import Conflict
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent
from oms.core.values import MAX_MINOR
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_sku, make_world
from tests.fulfillment.floor import stock_of
from tests.inventory.counting import (
    APPROVER,
    MANAGER,
    MEERA,
    begun,
    count_postings,
    held,
    ids_of,
    in_review,
    items_of,
    reviewed,
    scan,
    scanned,
    submitted,
)
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def accepted(count: StockCount, *skus: Sku, by: Reviewer = MANAGER) -> Decision:
    return accept_items(
        count_uid=count.uid, reviewer=by, carried_since=nothing_carried, item_ids=ids_of(count, *skus) if skus else None
    )


# -- expected ----------------------------------------------------------------------------------------------------------


def test_a_right_count_is_accepted_by_itself_and_posts_nothing(world: World) -> None:
    count = in_review(begun(world.blr, world.kurta), scan("KURTA-M", 10))

    assert items_of(count) == {"KURTA-M": ("auto", 10, 10, 0)}
    assert count_postings(count.uid) == []


def test_counts_of_several_sessions_add_up_and_the_variance_is_posted_once(world: World) -> None:
    count = begun(world.blr, world.kurta, world.saree)
    submitted(held(count, "A"), scan("KURTA-M", 4), scan("SAREE-1", 11))
    submitted(held(count, "B", MEERA, "phone-2"), scan("KURTA-M", 3))
    reviewed(count)
    assert items_of(count) == {"KURTA-M": ("counted", 7, 10, 0), "SAREE-1": ("counted", 11, 10, 0)}

    first, second = accepted(count), accepted(count)

    assert (len(first.accepted), first.units, second.accepted, second.refused) == (2, -2, [], [])
    assert count_postings(count.uid) == [
        ("KURTA-M", "on_hand", "adjustment", 3, count.number), ("SAREE-1", "adjustment", "on_hand", 1, count.number)
    ]  # fmt: skip
    assert items_of(count) == {"KURTA-M": ("accepted", 7, 10, -3), "SAREE-1": ("accepted", 11, 10, 1)}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 7}
    rows = StockMovement.objects.filter(reference=count.number)
    assert {(row.reason, row.actor) for row in rows} == {("count", "Manager")}
    told = OutboxEvent.objects.filter(payload__reason="count").order_by("pk").values_list("payload", flat=True)
    assert [row["sku_ids"] for row in told] == [[world.saree.pk], [world.kurta.pk]]
    arrived = OutboxEvent.objects.filter(kind="inventory.StockArrived").order_by("-pk")[0]
    assert arrived.payload == {"sku_ids": [world.saree.pk], "node_id": world.blr.pk}


def test_what_comes_and_goes_between_counting_and_review_is_no_variance(world: World) -> None:
    count = begun(world.blr, world.kurta)
    submitted(held(count), scan("KURTA-M", 9))
    receive(node_id=world.blr.pk, lines=[StockLine(world.kurta.pk, 5)], op_key="r", reference="DN-1", actor="Ravi")
    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="damaged", quantity=2, op_key="d", actor="Ravi")
    reviewed(count)
    receive(node_id=world.blr.pk, lines=[StockLine(world.kurta.pk, 1)], op_key="r2", reference="DN-2", actor="Ravi")

    accepted(count)

    assert items_of(count) == {"KURTA-M": ("accepted", 9, 10, -1)}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 13, "damaged": 2}


def test_goods_that_came_before_the_count_and_were_typed_in_after_it_are_no_variance(world: World) -> None:
    before = now() - timedelta(minutes=5)
    count = begun(world.blr, world.kurta)
    submitted(held(count), scan("KURTA-M", 14))
    post([Posting(op_key="late", sku_id=world.kurta.pk, node_id=world.blr.pk, from_bucket=Bucket.SUPPLIER,
                  to_bucket=Bucket.ON_HAND, quantity=4, reason="receipt", occurred_at=before)])  # fmt: skip
    reviewed(count)

    assert items_of(count) == {"KURTA-M": ("auto", 14, 14, 0)}


def test_what_becomes_known_after_the_review_began_is_shown_before_it_is_accepted(world: World) -> None:
    before = now() - timedelta(minutes=5)
    count = in_review(begun(world.blr, world.kurta), scan("KURTA-M", 12))
    post([Posting(op_key="late", sku_id=world.kurta.pk, node_id=world.blr.pk, from_bucket=Bucket.SUPPLIER,
                  to_bucket=Bucket.ON_HAND, quantity=1, reason="receipt", occurred_at=before)])  # fmt: skip

    first = accepted(count)
    assert [row.text for row in first.refused] == [
        "KURTA-M: more is known about that moment now. 11 should have been there, not 10. Look at it again."
    ]
    assert items_of(count) == {"KURTA-M": ("counted", 12, 11, 0)}
    accepted(count)

    assert items_of(count) == {"KURTA-M": ("accepted", 12, 11, 1)}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 12}


def test_goods_that_come_while_their_shelf_is_counted_make_the_expected_a_range(world: World) -> None:
    def counted(found: int) -> tuple[str, int | None, int | None, int]:
        count = begun(world.blr, world.kurta)
        session = held(count)
        scanned(session, scan("KURTA-M"))
        key = f"r/{count.pk}"
        receive(node_id=world.blr.pk, lines=[StockLine(world.kurta.pk, 2)], op_key=key, reference=key, actor="Ravi")
        submitted(session, scan("KURTA-M", found - 1))
        return items_of(reviewed(count))["KURTA-M"]

    # 10 to 12, then 12 to 14, then 14 to 16 units lie there.
    assert counted(11) == ("auto", 11, 11, 0)
    assert counted(11) == ("counted", 11, 12, 0)
    assert counted(18) == ("counted", 18, 16, 0)


def test_units_in_a_tote_are_on_hand_but_not_on_the_shelf(world: World) -> None:
    count = begun(world.blr, world.kurta, world.saree)
    start = now() - timedelta(minutes=10)
    submitted(held(count), scan("KURTA-M", 8), scan("SAREE-1", 9))

    def carried(node_id: int, sku_ids: Sequence[int], since: datetime) -> list[Carried]:
        sure = Carried(sku_id=world.kurta.pk, quantity=2, taken_after=start, taken_by=start)
        perhaps = Carried(sku_id=world.saree.pk, quantity=1, taken_after=start)
        return [sure, perhaps]

    close_counting(count_uid=count.uid, actor="Manager", carried_since=carried)

    assert items_of(count) == {"KURTA-M": ("auto", 8, 8, 0), "SAREE-1": ("auto", 9, 9, 0)}
    assert CountItem.objects.get(count=count, sku=world.kurta).carried_quantity == 2


# -- thresholds and approval -------------------------------------------------------------------------------------------


def test_small_variances_accept_themselves_by_units_and_by_value(world: World) -> None:
    Sku.objects.filter(pk=world.kurta.pk).update(cost_minor=40_000)
    Sku.objects.filter(pk=world.saree.pk).update(cost_minor=60_000)
    count = begun(world.blr, world.kurta, world.saree, world.shoe, accept_units=2, accept_value_minor=100_000)

    in_review(count, scan("KURTA-M", 8), scan("SAREE-1", 8), scan("SHOE-42", 7))

    assert items_of(count) == {
        "KURTA-M": ("auto", 8, 10, -2), "SAREE-1": ("counted", 8, 10, 0), "SHOE-42": ("counted", 7, 10, 0)
    }  # fmt: skip
    assert count_postings(count.uid) == [("KURTA-M", "on_hand", "adjustment", 2, count.number)]


def test_a_threshold_does_not_reach_above_the_limit_of_the_node(world: World) -> None:
    ApprovalLimit.objects.create(node_kind="", units=1, value_minor=MAX_MINOR)
    count = begun(world.blr, world.kurta, accept_units=5, accept_value_minor=MAX_MINOR)

    in_review(count, scan("KURTA-M", 8))

    assert items_of(count) == {"KURTA-M": ("counted", 8, 10, 0)}


def test_above_the_limit_another_person_who_approves_decides(world: World) -> None:
    ApprovalLimit.objects.create(node_kind="", units=100, value_minor=MAX_MINOR)
    ApprovalLimit.objects.create(node_kind="warehouse", units=2, value_minor=MAX_MINOR)
    count = in_review(begun(world.blr, world.kurta, world.saree), scan("KURTA-M", 7), scan("SAREE-1", 8))
    counter_who_approves = Reviewer("user:1", "Ravi", may_approve=True)

    by_manager = accepted(count)
    by_counter = accepted(count, by=counter_who_approves)
    assert [item.sku.code for item in by_manager.accepted] == ["SAREE-1"]
    assert [row.text for row in by_manager.refused] == [
        "KURTA-M: -3 is above the limit here. Somebody who approves has to accept it."
    ]
    assert [row.text for row in by_counter.refused] == [
        "KURTA-M: -3 is above the limit here, and you counted it. Another person has to accept it."
    ]
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}

    accepted(count, by=APPROVER)
    assert stock_of(world.kurta, world.blr) == {"on_hand": 7}


def test_a_large_value_needs_approval_too(world: World) -> None:
    Sku.objects.filter(pk=world.kurta.pk).update(cost_minor=40_000)
    ApprovalLimit.objects.create(node_kind="", units=100, value_minor=39_999)
    count = in_review(begun(world.blr, world.kurta), scan("KURTA-M", 11))

    assert [row.code for row in accepted(count).refused] == ["needs_approval"]


# -- what was not asked for, and what was not found --------------------------------------------------------------------


def test_what_was_not_asked_for_waits_for_a_person(world: World) -> None:
    count = begun(world.blr, world.kurta, accept_units=100, accept_value_minor=MAX_MINOR)

    in_review(count, scan("KURTA-M", 9), scan("SAREE-1", 2))

    assert items_of(count) == {"KURTA-M": ("auto", 9, 10, -1), "SAREE-1": ("counted", 2, 10, 0)}
    assert not CountItem.objects.get(count=count, sku=world.saree).is_directed


def test_what_nobody_found_counts_as_none_only_where_somebody_says_so(world: World) -> None:
    count = in_review(begun(world.blr, world.kurta, world.saree, world.shoe), scan("KURTA-M", 10))
    assert items_of(count)["SAREE-1"] == ("to_count", None, None, 0)

    count_as_none(count_uid=count.uid, item_ids=ids_of(count, world.saree), actor="Manager",
                  carried_since=nothing_carried)  # fmt: skip
    assert items_of(count)["SAREE-1"] == ("counted", 0, 10, 0)
    with pytest.raises(Conflict, match="1 variances"):
        finish_count(count_uid=count.uid, actor="Manager")
    accepted(count)
    finish_count(count_uid=count.uid, actor="Manager")
    finish_count(count_uid=count.uid, actor="Manager")

    assert items_of(count)["SAREE-1"] == ("accepted", 0, 10, -10)
    assert items_of(count)["SHOE-42"] == ("to_count", None, None, 0)
    assert stock_of(world.shoe, world.blr) == {"on_hand": 10}
    assert StockCount.objects.get().state == StockCountState.CLOSED


def test_a_count_is_not_closed_before_its_unknown_codes_are_settled(world: World) -> None:
    count = in_review(begun(world.blr, world.kurta), scan("KURTA-M", 8), scan("ODD", 2))
    reject_items(count_uid=count.uid, actor="Manager")

    with pytest.raises(Conflict, match="unknown codes first: ODD"):
        finish_count(count_uid=count.uid, actor="Manager")


def test_a_matched_code_adds_to_its_variance(world: World) -> None:
    count = in_review(begun(world.blr, world.kurta), scan("KURTA-M", 8), scan("ODD", 2), scan("OTHER", 3))

    for code, sku in (("ODD", world.kurta), ("OTHER", world.saree)):
        match_code(count_uid=count.uid, code=code, sku_id=sku.pk, keep_barcode=False, actor="Manager",
                   carried_since=nothing_carried)  # fmt: skip

    assert items_of(count) == {"KURTA-M": ("counted", 10, 10, 0), "SAREE-1": ("counted", 3, 10, 0)}


def test_rejecting_posts_nothing_and_a_recount_takes_what_was_rejected(world: World) -> None:
    count = in_review(begun(world.blr, world.kurta, world.saree, world.shoe), scan("KURTA-M", 1), scan("SAREE-1", 2))
    uid = uuid7()

    rejected = reject_items(count_uid=count.uid, item_ids=ids_of(count, world.kurta), actor="Manager", note="No")
    again = [recount_items(count_uid=count.uid, uid=uid, actor="Manager") for _ in range(2)]
    finish_count(count_uid=count.uid, actor="Manager")

    assert rejected == 1
    assert again[0].pk == again[1].pk
    assert (again[0].recount_of_id, sorted(items_of(again[0]))) == (count.pk, ["SAREE-1", "SHOE-42"])
    assert {state for state, *_ in items_of(count).values()} == {"rejected"}
    assert count_postings(count.uid) == []


def test_counting_is_not_closed_while_somebody_counts_or_nothing_was_counted(world: World) -> None:
    count = begun(world.blr, world.kurta)
    with pytest.raises(Conflict, match="Nothing of"):
        reviewed(count)
    session = held(count)
    with pytest.raises(Conflict, match="Ravi in A"):
        reviewed(count)
    submitted(session, scan("KURTA-M", 10))

    assert reviewed(count).state == reviewed(count).state == "review"
    with pytest.raises(Conflict, match="to review"):
        held(count, "B")


# -- reserved units ----------------------------------------------------------------------------------------------------


def test_fewer_than_reserved_is_refused_with_the_orders_and_the_others_are_accepted(world: World) -> None:
    route_orders([capture(world, make_order("A", make_line(world.kurta, 4)))], trigger="captured")
    number = "".join(StockMovement.objects.filter(reason="reserve").values_list("reference", flat=True))
    count = in_review(begun(world.blr, world.kurta, world.saree), scan("KURTA-M", 3), scan("SAREE-1", 9))

    decision = accepted(count)

    assert [(item.sku.code, item.posted_quantity) for item in decision.accepted] == [("SAREE-1", -1)]
    [refusal] = decision.refused
    assert refusal.text == (
        f"KURTA-M: on hand would become 3, but 4 units are reserved for {number}. Reroute or cancel those orders first."
    )
    assert (refusal.orders, refusal.code) == ((number,), "not_enough_stock")
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 4}
    assert items_of(count)["KURTA-M"][0] == "counted"


# -- lots and serial numbers -------------------------------------------------------------------------------------------


def add_units(world: World, sku: Sku, quantity: int = 1, **of: int) -> None:
    post([Posting(op_key=f"in/{uuid7()}", sku_id=sku.pk, node_id=world.blr.pk, from_bucket=Bucket.SUPPLIER,
                  to_bucket=Bucket.ON_HAND, quantity=quantity, reason="receipt", **of)])  # type: ignore[arg-type]  # fmt: skip


def test_a_variance_is_posted_lot_by_lot(world: World) -> None:
    cream = make_sku("CREAM", tracking=Tracking.LOT)
    old, new = (Lot.objects.create(sku=cream, code=code) for code in ("L1", "L2"))
    add_units(world, cream, 6, lot_id=old.pk)
    add_units(world, cream, 4, lot_id=new.pk)
    count = in_review(begun(world.blr, cream), scan("CREAM", 4, lot="l1"), scan("CREAM", 5, lot="L2"),
                      scan("CREAM", 2, lot="L3"))  # fmt: skip
    assert items_of(count) == {"CREAM": ("counted", 11, 10, 0)}

    accepted(count)
    accepted(count)

    levels = LotLevel.objects.filter(node=world.blr).order_by("lot__code").values_list("lot__code", "on_hand")
    assert list(levels) == [("L1", 4), ("L2", 5), ("L3", 2)]
    assert items_of(count) == {"CREAM": ("accepted", 11, 10, 1)}
    assert stock_of(cream, world.blr) == {"on_hand": 11}


def test_serial_numbers_that_are_missing_go_and_those_that_are_found_come(world: World) -> None:
    phone = make_sku("PHONE", tracking=Tracking.SERIAL)
    numbers = [SerialNumber.objects.create(sku=phone, number=f"IMEI-{n}") for n in range(3)]
    for row in numbers:
        add_units(world, phone, serial_id=row.pk)
    count = in_review(begun(world.blr, phone), scan("IMEI-0"), scan("PHONE", serial="IMEI-1"),
                      scan("PHONE", serial="IMEI-NEW"))  # fmt: skip
    # As many as expected, but not the same ones: a person looks at it.
    assert items_of(count) == {"PHONE": ("counted", 3, 3, 0)}
    accepted(count)

    places = dict(SerialNumber.objects.values_list("number", "bucket"))
    assert places == {"IMEI-0": "on_hand", "IMEI-1": "on_hand", "IMEI-2": "adjustment", "IMEI-NEW": "on_hand"}
    assert stock_of(phone, world.blr) == {"on_hand": 3}


def test_a_serial_number_that_is_elsewhere_is_refused(world: World) -> None:
    phone = make_sku("PHONE", tracking=Tracking.SERIAL)
    far = SerialNumber.objects.create(sku=phone, number="IMEI-1")
    post([Posting(op_key="far", sku_id=phone.pk, node_id=world.delhi.pk, from_bucket=Bucket.SUPPLIER,
                  to_bucket=Bucket.ON_HAND, quantity=1, reason="receipt", serial_id=far.pk)])  # fmt: skip
    count = in_review(begun(world.blr, phone), scan("IMEI-1"))

    decision = accepted(count)

    assert [row.code for row in decision.refused] == ["serial_elsewhere"]
    assert SerialNumber.objects.get().node == world.delhi


def test_serial_numbers_that_left_since_are_neither_missing_nor_found(world: World) -> None:
    phone = make_sku("PHONE", tracking=Tracking.SERIAL)
    numbers = [SerialNumber.objects.create(sku=phone, number=f"IMEI-{n}") for n in range(3)]
    for row in numbers:
        add_units(world, phone, serial_id=row.pk)
    count = begun(world.blr, phone)
    submitted(held(count), scan("IMEI-0"), scan("IMEI-1"))
    for row in (numbers[0], numbers[2]):
        post([Posting(op_key=f"out/{row.pk}", sku_id=phone.pk, node_id=world.blr.pk, from_bucket=Bucket.ON_HAND,
                      to_bucket=Bucket.PACKED, quantity=1, reason="pack", serial_id=row.pk)])  # fmt: skip
    reviewed(count)
    assert items_of(count) == {"PHONE": ("counted", 2, 3, 0)}

    accepted(count)

    assert items_of(count) == {"PHONE": ("accepted", 2, 3, 0)}
    assert stock_of(phone, world.blr) == {"on_hand": 1, "packed": 2}


# -- what it showed ----------------------------------------------------------------------------------------------------


def test_history_tells_the_last_count_and_how_right_the_stock_was(world: World) -> None:
    Sku.objects.filter(pk=world.kurta.pk).update(cost_minor=40_000)
    assert last_count(world.kurta.pk, world.blr.pk) is None
    count = in_review(begun(world.blr, world.kurta, world.saree), scan("KURTA-M", 7), scan("SAREE-1", 10))
    accepted(count)

    found = last_count(world.kurta.pk, world.blr.pk)
    [figures] = count_accuracy([world.blr.pk, world.delhi.pk])

    assert found is not None
    assert (found.number, found.counted, found.variance, found.posted) == (count.number, 7, -3, -3)
    assert (figures.lines, figures.right, figures.units_lost, figures.units_found) == (2, 1, 3, 0)
    assert (figures.value_minor, figures.share) == (120_000, 0.5)


def test_what_was_not_found_by_pickers_is_suggested_first(world: World) -> None:
    count = in_review(begun(world.blr, world.kurta, world.saree), scan("KURTA-M", 7), scan("SAREE-1", 10))
    accepted(count)
    CountItem.objects.filter(count=count).update(counted_at=now() - timedelta(days=8))
    finish_count(count_uid=count.uid, actor="Manager")

    found = suggested_skus(world.blr.pk, short_sku_ids=[world.saree.pk], short_since=now() - timedelta(days=1))

    assert [(row.code, row.reason) for row in found] == [
        ("SAREE-1", "A picker did not find it"), ("KURTA-M", "3 too few at its last count"),
        ("SHOE-42", "Never counted"),
    ]  # fmt: skip
    begun(world.blr, world.saree)
    found = suggested_skus(world.blr.pk, short_sku_ids=[world.saree.pk], short_since=now() - timedelta(days=1))
    assert [row.code for row in found] == ["KURTA-M", "SHOE-42"]


# -- several at once ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_several_who_accept_at_once_post_once() -> None:
    world = make_world()
    count = in_review(begun(world.blr, world.kurta, world.saree), scan("KURTA-M", 7), scan("SAREE-1", 12))

    decisions = at_once([lambda: accepted(count)] * 4)

    assert sorted(len(decision.accepted) for decision in decisions) == [0, 0, 0, 2]
    assert [(row[0], row[3]) for row in count_postings(count.uid)] == [("KURTA-M", 3), ("SAREE-1", 2)]
    assert stock_of(world.kurta, world.blr) == {"on_hand": 7}


@pytest.mark.django_db(transaction=True)
def test_a_crash_between_posting_and_settling_leaves_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    count = in_review(begun(world.blr, world.kurta), scan("KURTA-M", 7))

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr("inventory.services.counting.deciding.advance_many", fail)
        with pytest.raises(RuntimeError):
            accepted(count)
    assert (items_of(count)["KURTA-M"][0], count_postings(count.uid)) == ("counted", [])

    accepted(count)
    assert stock_of(world.kurta, world.blr) == {"on_hand": 7}
