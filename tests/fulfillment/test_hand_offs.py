"""Work that a node's own WMS does: the handshake, versions, and what people can do about it."""

from __future__ import annotations

import pytest

from carriers.models import CarrierAccount
from fulfillment.errors import WithWms
from fulfillment.models import FulfillmentOrder, HandOff, HandOffEvent, LinkAccepts, LinkLabels, LinkSilence, Shipment
from fulfillment.selectors import work_at
from fulfillment.selectors.waves import ready_pool
from fulfillment.services import book_shipment, cancel_order, open_fulfillment_orders, pick, reroute_order
from fulfillment.services.hand_off_ending import SILENT, cancel_anyway, look_at_hand_offs
from fulfillment.services.hand_off_leaving import book_what_left
from fulfillment.services.hand_off_work import PackedBox, Part
from fulfillment.services.hand_offs import send_moved, take_over
from fulfillment.services.work import hold_back, release_fulfillment_orders
from inventory.models import StockLevel
from oms.core.errors import Conflict
from oms.integrations.services.hand_off_files import make_file
from orders.canonical import CanonicalPayment
from orders.models import HoldReason, Order
from orders.services import place_hold, release_orders
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import make_carrier, make_work, stock_of, units_of
from tests.fulfillment.linked import box, given, hand_off_of, left, link, refusal, says, time_passes, told
from tests.fulfillment.tracked import make_lot_sku, put_lot

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def test_work_of_a_linked_node_is_handed_off_in_the_statement_that_opens_it(world: World) -> None:
    link(world.blr)

    work = given(world)

    assert (work.state, told(work)) == ("open", [(1, "pick", "pending")])
    assert hand_off_of(work).state == "unsubmitted"
    # The floor's own screens and services do not offer it.
    assert (work_at(world.blr.pk, ["open"]), ready_pool(world.blr.pk)) == ([], [])
    with pytest.raises(WithWms):
        pick(fulfillment_order_id=work.pk, code="KURTA-M", actor="Asha")


def test_what_is_collected_at_the_counter_stays_with_its_people(world: World) -> None:
    link(world.store)
    stock(world.kurta, world.store, 5)

    work = make_work(world, "1", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1")

    assert (work.with_wms, HandOff.objects.exists()) == (False, False)


def test_the_way_through_a_wms_that_fetches_our_labels(world: World) -> None:
    make_carrier()
    wms = link(world.blr)
    work = given(world)
    make_file(wms.pk)
    assert (told(work), hand_off_of(work).state) == ([(1, "pick", "sent")], "submitted")

    early = says(work, "ship", left=left())
    assert refusal(early)[1].endswith("confirm its boxes first, then that they left.")
    packed = says(work, "pack", boxes=box(2))

    # The boxes imply acceptance and pick.
    parcel = Shipment.objects.get()
    assert packed.result == {"shipments": [{"box": "B1", "shipment": parcel.pk}]}
    work.refresh_from_db()
    assert (work.state, hand_off_of(work).state, parcel.weight_grams) == ("packed", "accepted", 900)
    book_shipment(parcel.pk)
    assert says(work, "ship", "again", left=left()).status == "applied"
    assert units_of(work.order) == {"shipped": 2}
    assert (stock_of(world.kurta, world.blr), hand_off_of(work).state) == ({"on_hand": 8}, "closed")


def test_a_wms_that_books_itself_brings_the_awb(world: World) -> None:
    account = CarrierAccount.objects.create(code="theirs", name="Theirs", adapter="manual")
    link(world.blr, labels=LinkLabels.THEIRS, carrier_account_id=account.pk)
    work = given(world)
    assert says(work, "pack", boxes=box(2)).result["shipments"][0]["cod_minor"] == 0
    assert book_shipment(Shipment.objects.get().pk).awb == ""  # The flow would: it is not ours to book.
    nameless = says(work, "ship", "no awb", left=left())
    assert refusal(nameless)[2] == "awb"

    says(work, "ship", left=left(awb="del 123456", carrier="Delhivery"))
    event = HandOffEvent.objects.get(kind="ship", outcome="applied")
    assert (book_what_left(event.pk), book_what_left(event.pk)) == (1, 0)

    parcel = Shipment.objects.get()
    assert (parcel.awb, parcel.courier_name, parcel.state) == ("DEL123456", "Delhivery", "handed_over")
    assert units_of(work.order) == {"shipped": 2}


def test_each_box_leaves_once_and_under_an_awb_of_its_own(world: World) -> None:
    account = CarrierAccount.objects.create(code="theirs", name="Theirs", adapter="manual")
    link(world.blr, labels=LinkLabels.THEIRS, carrier_account_id=account.pk)
    work = given(world)
    says(work, "pack", boxes=(*box(1, "B1"), *box(1, "B2")))

    shared = says(work, "ship", left=(*left("B1", "DEL1"), *left("B2", "DEL1")))
    twice = says(work, "ship", left=(*left("B1", "DEL1"), *left("B1", "DEL2")))
    assert says(work, "ship", "s1", left=left("B1", "DEL1")).status == "applied"
    other = says(work, "ship", "s2", left=left("B1", "DEL2"))

    assert [refusal(heard)[2] for heard in (shared, twice, other)] == ["awb", "box", "awb"]
    # Where it could not be booked, another AWB is the way out.
    Shipment.objects.update(problem="Another booking has this AWB.")
    assert says(work, "ship", "s3", left=left("B1", "DEL2")).status == "applied"


def test_an_event_counts_once_and_another_under_its_id_is_refused(world: World) -> None:
    link(world.blr)
    work = given(world)
    one = (Part(sku="KURTA-M", quantity=1),)

    assert [says(work, "pick", "e1", parts=one).status for _ in range(3)] == ["applied", "repeated", "repeated"]
    other = says(work, "pick", "e1", parts=(Part(sku="KURTA-M", quantity=2),))

    assert refusal(other)[0] == "conflict"
    assert (work.lines.get().picked, HandOffEvent.objects.get().times) == (1, 4)


def test_a_lot_of_less_than_one_unit_is_refused_as_that(world: World) -> None:
    link(world.blr)
    serum = make_lot_sku()
    put_lot(serum, world.blr, "SOON", 5, days=60)
    put_lot(serum, world.blr, "LATE", 5, days=200)
    work = make_work(world, "1", make_line(serum, 2))
    part = Part(sku=serum.code, quantity=2, lots=(("SOON", 3), ("LATE", -1)))

    for kind, said in (("pick", {"parts": (part,)}), ("pack", {"boxes": (PackedBox(ref="B1", parts=(part,)),)})):
        assert refusal(says(work, kind, **said)) == (
            "tracking_needed", "Lot LATE of SERUM-30: -1 units came, expected 1 or more.", "lot",
        )  # fmt: skip
    assert work.lines.get().picked == 0


def test_a_refused_event_is_kept_and_counts_once_it_is_right(world: World) -> None:
    link(world.blr)
    work = given(world)

    missing = says(work, "pack", "p1", boxes=box(1))
    assert refusal(missing)[1].startswith("1 x KURTA-M of ")
    assert (work.lines.get().picked, HandOffEvent.objects.get().outcome) == (0, "refused")

    short = (Part(sku="KURTA-M", quantity=1, reason="not_found"),)
    assert says(work, "short", parts=short).status == "applied"
    assert says(work, "pack", "p1", boxes=box(1)).status == "applied"
    assert (stock_of(world.kurta, world.blr), units_of(work.order)) == (
        {"on_hand": 8, "packed": 1}, {"unallocated": 1, "packed": 1},
    )  # fmt: skip


def test_a_change_is_sent_anew_and_the_old_version_is_void(world: World) -> None:
    wms = link(world.blr)
    work = given(world, units=3)
    make_file(wms.pk)
    says(work, "accept")
    line = work.order.lines.get()

    cancel_order(order_id=work.order_id, lines={line.pk: 1}, reason="One less", actor="Ravi")
    send_moved([work.order_id])

    # The first change was never told: the second one says it all.
    assert told(work) == [(1, "pick", "sent"), (2, "change", "overtaken"), (3, "change", "pending")]
    old = says(work, "pick", version=1, parts=(Part(sku="KURTA-M", quantity=3),))
    assert refusal(old)[0] == "old_version"
    assert "version 1 is void, version 3 counts" in refusal(old)[1]
    assert says(work, "pack", boxes=box(2)).status == "applied"


def test_on_hold_it_waits_and_is_submitted_anew(world: World) -> None:
    wms = link(world.blr)
    work = given(world)
    make_file(wms.pk)

    place_hold(order_id=work.order_id, reason=HoldReason.OTHER, source="test", handle="h", actor="Ravi")
    hold_back([work.order_id])
    waits = says(work, "pack", boxes=box(2))
    assert "on hold" in refusal(waits)[1]
    assert (hand_off_of(work).state, hand_off_of(work).answer_by) == ("unsubmitted", None)

    release_orders(order_ids=[work.order_id], actor="Ravi")
    release_fulfillment_orders([work.order_id])
    assert [row[:2] for row in told(work)] == [(1, "pick"), (2, "hold"), (3, "pick")]
    assert says(work, "pack", "later", boxes=box(2)).status == "applied"


def test_a_silent_wms_counts_as_rejecting_where_the_node_wants_it(world: World) -> None:
    wms = link(world.blr)
    work = given(world)
    make_file(wms.pk)
    time_passes(work)

    assert look_at_hand_offs()["overdue"] == 1
    assert look_at_hand_offs()["overdue"] == 0

    work.refresh_from_db()
    assert (work.state, work.end_reason, hand_off_of(work).state) == ("rejected", SILENT, "rejected")
    assert told(work)[-1][:2] == (2, "stop")
    late = says(work, "pack", boxes=box(2))
    assert refusal(late)[0] == "not_yours"
    assert units_of(work.order) == {"unallocated": 2}


def test_a_silent_wms_is_waited_for_where_the_node_wants_that(world: World) -> None:
    link(world.blr, on_silence=LinkSilence.WAIT)
    work = given(world)
    time_passes(work)

    look_at_hand_offs()

    work.refresh_from_db()
    assert (work.state, hand_off_of(work).overdue_at is not None) == ("open", True)


def test_what_is_delivered_is_accepted_where_no_answer_is_needed(world: World) -> None:
    wms = link(world.blr, accepts=LinkAccepts.AUTOMATIC)
    work = given(world)
    make_file(wms.pk)

    work.refresh_from_db()
    assert (work.state, hand_off_of(work).state, hand_off_of(work).answer_by) == ("accepted", "accepted", None)


def test_before_it_was_delivered_a_cancellation_asks_nobody(world: World) -> None:
    link(world.blr)
    work = given(world)

    cancel_order(order_id=work.order_id, reason="Changed my mind", actor="Ravi")

    assert (told(work), hand_off_of(work).state) == ([(1, "pick", "overtaken")], "closed")
    assert units_of(work.order) == {"cancelled": 2}


def test_a_cancellation_asks_the_wms_and_follows_once_it_agrees(world: World) -> None:
    wms = link(world.blr)
    work = given(world)
    make_file(wms.pk)
    says(work, "accept")

    done = cancel_order(order_id=work.order_id, reason="Changed my mind", actor="Ravi")

    assert (done.asked, done.units, done.asked_units) == (["blr-01"], 0, 2)
    assert (hand_off_of(work).state, told(work)[-1][:2]) == ("cancellation_requested", (2, "cancel"))
    assert units_of(work.order) == {"released": 2}
    assert says(work, "cancel_accept").status == "applied"
    assert (units_of(work.order), Order.objects.get().stage) == ({"cancelled": 2}, "cancelled")
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}
    assert hand_off_of(work).state == "cancellation_accepted"


def test_a_refused_or_overdue_cancellation_is_for_a_person(world: World) -> None:
    wms = link(world.blr)
    first, second = given(world), given(world, "2")
    make_file(wms.pk)
    for work in (first, second):
        cancel_order(order_id=work.order_id, reason="Changed my mind", actor="Ravi")
    says(first, "cancel_reject", reason="On the van")
    with pytest.raises(Conflict, match="still has time"):
        cancel_anyway(hand_off_id=hand_off_of(second).pk, reason="Fraud", actor="Ravi")
    time_passes(second)

    for work in (first, second):
        cancel_anyway(hand_off_id=hand_off_of(work).pk, reason="Fraud", actor="Ravi")
        assert (units_of(work.order), told(work)[-1][:2]) == ({"cancelled": 2}, (3, "stop"))
        gone = says(work, "pack", boxes=box(2))
        assert refusal(gone)[0] == "not_yours"
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}


def test_a_parcel_that_leaves_answers_the_question(world: World) -> None:
    make_carrier()
    wms = link(world.blr)
    work = given(world)
    make_file(wms.pk)
    says(work, "pack", boxes=box(2))
    book_shipment(Shipment.objects.get().pk)
    cancel_order(order_id=work.order_id, reason="Changed my mind", actor="Ravi")

    assert says(work, "ship", left=left()).status == "applied"

    assert (units_of(work.order), hand_off_of(work).state) == ({"shipped": 2}, "closed")
    assert says(work, "cancel_accept").status == "refused"


def test_a_reroute_asks_first_too(world: World) -> None:
    wms = link(world.blr)
    work = given(world)
    make_file(wms.pk)

    assert reroute_order(order_id=work.order_id, actor="Ravi", to_node_id=world.delhi.pk) == []
    says(work, "cancel_accept")

    assert FulfillmentOrder.objects.get(state="accepted").node == world.delhi
    assert units_of(work.order) == {"released": 2}


def test_a_person_takes_work_over(world: World) -> None:
    wms = link(world.blr)
    work = given(world)
    make_file(wms.pk)

    take_over(hand_off_id=hand_off_of(work).pk, reason="Their scanner is down", actor="Ravi")

    assert [item.pk for item in work_at(world.blr.pk, ["open"])] == [work.pk]
    assert (hand_off_of(work).state, told(work)[-1][:2]) == ("closed", (2, "stop"))
    gone = says(work, "accept")
    assert refusal(gone)[0] == "not_yours"
    pick(fulfillment_order_id=work.pk, code="KURTA-M", actor="Asha")


def test_cash_of_boxes_that_a_wms_books_is_fixed_and_adds_up(world: World) -> None:
    account = CarrierAccount.objects.create(code="theirs", name="Theirs", adapter="manual")
    link(world.blr, labels=LinkLabels.THEIRS, carrier_account_id=account.pk)
    total = 2 * world.kurta.price_minor
    work = given(world, payment=CanonicalPayment(method="cod", state="pending", amount_minor=total))

    said = says(work, "pack", boxes=(*box(1, "B1"), *box(1, "B2")))

    assert sum(row["cod_minor"] for row in said.result["shipments"]) == total
    assert list(Shipment.objects.order_by("pk").values_list("cod_minor", flat=True)) == [total // 2, total // 2]


def test_an_order_on_hold_is_first_told_when_it_is_released(world: World) -> None:
    link(world.blr)
    order_id = capture(world, make_order("held", make_line(world.kurta)))
    place_hold(order_id=order_id, reason=HoldReason.OTHER, source="test", handle="h", actor="Ravi")
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    work = FulfillmentOrder.objects.get()
    assert (work.state, told(work), hand_off_of(work).answer_by) == ("scheduled", [], None)

    release_orders(order_ids=[order_id], actor="Ravi")
    release_fulfillment_orders([order_id])

    assert (told(work), hand_off_of(work).answer_by is not None) == ([(1, "pick", "pending")], True)


def test_an_order_at_two_nodes_is_cancelled_where_no_wms_has_it(world: World) -> None:
    wms = link(world.blr)
    for sku, node in ((world.shoe, world.blr), (world.kurta, world.delhi)):
        StockLevel.objects.filter(sku=sku, node=node).update(safety_stock=10)
    order_id = capture(world, make_order("two", make_line(world.kurta), make_line(world.shoe)))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    works = {item.node_id: item for item in FulfillmentOrder.objects.all()}
    assert sorted(works) == sorted((world.blr.pk, world.delhi.pk))
    make_file(wms.pk)

    done = cancel_order(order_id=order_id, reason="Changed my mind", actor="Ravi")

    assert (done.units, done.asked_units) == (1, 1)
    assert units_of(order_id) == {"released": 1, "cancelled": 1}
    says(works[world.blr.pk], "cancel_accept")
    assert (units_of(order_id), Order.objects.get().stage) == ({"cancelled": 2}, "cancelled")
