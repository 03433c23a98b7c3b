"""Collecting at a store: the proof, five tries, the shelf, and what nobody collects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from fulfillment.models import FulfillmentOrder, Pickup, Shipment, StagedParcel
from fulfillment.selectors.arrivals import ready_parcels
from fulfillment.selectors.keeping import kept_until
from fulfillment.selectors.picking import put_backs
from fulfillment.selectors.pickups import pickup_code, unstaged
from fulfillment.services.keeping import note_ready, take_back_not_collected
from fulfillment.services.pickups import (
    HandedOut,
    Proof,
    hand_out,
    stage_parcel,
    unlock_pickup,
)
from inventory.models import Node
from oms.core.errors import Conflict, DomainError
from oms.core.models import OutboxEvent
from orders.models import Order, OrderEvent, OrderLine, Payment
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import make_carrier, make_work, packed, stock_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    stock(made.kurta, made.store, 5)
    return made


@pytest.fixture
def pickup(world: World) -> Shipment:
    return packed(make_work(world, "1", make_line(world.kurta, 2), service_level="pickup", pickup_node_code="blr-s1"))


def wrong(shipment: Shipment) -> str:
    """Six digits that are not the code."""
    return f"{(int(pickup_code(shipment.order)) + 1) % 1_000_000:06}"


def hand(shipment: Shipment, **proof: object) -> HandedOut:
    return hand_out(shipment_id=shipment.pk, actor="Asha", proof=Proof(**proof))  # type: ignore[arg-type]


def told(order: Order | int) -> list[str]:
    rows = OrderEvent.objects.filter(order=order, kind="pickup").order_by("seq")
    return list(rows.values_list("message", flat=True))


def test_the_code_is_of_the_order_and_of_the_secret(world: World, pickup: Shipment, settings: object) -> None:
    other = packed(make_work(world, "2", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1"))
    code = pickup_code(pickup.order)

    assert len(code) == 6
    assert code.isdecimal()
    assert pickup_code(Order.objects.get(pk=pickup.order_id)) == code != pickup_code(other.order)
    settings.SECRET_KEY = "another"  # type: ignore[attr-defined]
    assert pickup_code(pickup.order) != code


def test_the_right_code_hands_out_once(world: World, pickup: Shipment) -> None:
    code = pickup_code(pickup.order)

    assert [hand(pickup, code=code).refused for _ in range(2)] == ["", ""]

    assert stock_of(world.kurta, world.store) == {"on_hand": 3}
    assert Order.objects.get().stage == "delivered"
    assert told(pickup.order_id) == ["Pickup at blr-s1: handed out to Asha Rao, who knew the code."]


def test_a_code_of_a_letter_from_before_a_change_of_keys_is_right(pickup: Shipment, settings: object) -> None:
    told_before = pickup_code(pickup.order)
    settings.SECRET_KEY, former = "another", settings.SECRET_KEY  # type: ignore[attr-defined]
    assert "not the code" in hand(pickup, code=told_before).refused
    settings.SECRET_KEY_FALLBACKS = [former]  # type: ignore[attr-defined]

    assert hand(pickup, code=told_before).refused == ""


def test_five_wrong_codes_lock_the_order_until_a_manager_unlocks_it(world: World, pickup: Shipment) -> None:
    tries = [hand(pickup, code=wrong(pickup)) for _ in range(5)]

    assert [each.is_locked for each in tries] == [False] * 4 + [True]
    assert tries[3].refused.endswith("1 try is left.")
    for proof in ({"code": pickup_code(pickup.order)}, {"has_shown_qr": True}, {"id_kind": "pan", "id_last": "12AB"}):
        assert hand(pickup, **proof).is_locked
    assert stock_of(world.kurta, world.store) == {"on_hand": 3, "packed": 2}
    assert told(pickup.order_id)[:5] == [f"Pickup at blr-s1: wrong code, {n} of 5." for n in range(1, 6)]

    assert [unlock_pickup(order_id=pickup.order_id, actor="Manju") for _ in range(2)] == [True, False]
    assert hand(pickup, code=pickup_code(pickup.order)).refused == ""
    assert Order.objects.get().stage == "delivered"


def test_ten_tries_at_once_are_no_more_than_five(pickup: Shipment) -> None:
    answers = at_once([partial(hand, pickup, code=wrong(pickup))] * 10)

    assert sum(answer.is_locked for answer in answers) == 6
    assert Pickup.objects.get().wrong_codes == 5
    assert sum("wrong code," in text for text in told(pickup.order_id)) == 5


def test_two_right_codes_at_once_hand_out_once(world: World, pickup: Shipment) -> None:
    answers = at_once([partial(hand, pickup, code=pickup_code(pickup.order))] * 2)

    assert [answer.refused for answer in answers] == ["", ""]
    assert stock_of(world.kurta, world.store) == {"on_hand": 3}
    assert len(told(pickup.order_id)) == 1


def test_the_database_bounds_the_tries(pickup: Shipment) -> None:
    for values in ({"wrong_codes": 6}, {"wrong_codes": 5, "locked_at": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Pickup.objects.create(order=pickup.order, **values)


@pytest.mark.parametrize(
    ("proof", "field"),
    [({}, "code"), ({"code": "12345"}, "code"), ({"code": "12345x"}, "code"), ({"code": "१२३४५६"}, "code"),
     ({"id_kind": "pan", "id_last": "1"}, "id_last"), ({"id_kind": "library", "id_last": "1234"}, "id_kind"),
     ({"other": "Ravi"}, "relation"), ({"other": "Ravi", "relation": "brother"}, "code"),
     ({"other": "Ravi", "relation": "brother", "id_kind": "pan", "id_last": "1234"}, "code")],
)  # fmt: skip
def test_an_incomplete_proof_is_no_try(pickup: Shipment, proof: dict[str, str], field: str) -> None:
    with pytest.raises(DomainError) as caught:
        hand(pickup, **proof)

    assert caught.value.field == field
    assert not Pickup.objects.exists()
    assert told(pickup.order_id) == []


@pytest.mark.parametrize(
    ("proof", "words"),
    [({"id_kind": "pan", "id_last": "12ab"}, "Asha Rao, who showed a pan card ending in 12AB"),
     ({"has_shown_qr": True, "other": "Ravi", "relation": "brother"}, "Ravi (brother), who showed the QR code")],
)  # fmt: skip
def test_other_proofs_are_written_down(pickup: Shipment, proof: dict[str, str], words: str) -> None:
    assert hand(pickup, **proof).refused == ""

    assert told(pickup.order_id) == [f"Pickup at blr-s1: handed out to {words}."]


# -- the shelf ---------------------------------------------------------------------------------------------------------


def test_where_a_store_wants_a_shelf_nothing_is_ready_before(world: World, pickup: Shipment) -> None:
    assert ready_parcels([pickup.order_id]) == {pickup.order_id: pickup.pk}
    Node.objects.filter(pk=world.store.pk).update(stages_pickups=True)
    assert ready_parcels([pickup.order_id]) == {}

    for shelf in ("a-1", " b-2 "):
        stage_parcel(shipment_id=pickup.pk, shelf=shelf, actor="Asha")

    assert StagedParcel.objects.get().shelf == "B-2"
    assert ready_parcels([pickup.order_id]) == {pickup.order_id: pickup.pk}
    assert not unstaged(Shipment.objects.all()).exists()
    assert OutboxEvent.objects.filter(kind="fulfillment.ParcelStaged").count() == 2


@pytest.mark.parametrize("shelf", ["", "  ", "x" * 41, "A<1>"])
def test_what_is_no_shelf_is_refused(pickup: Shipment, shelf: str) -> None:
    with pytest.raises(DomainError):
        stage_parcel(shipment_id=pickup.pk, shelf=shelf, actor="Asha")
    assert not StagedParcel.objects.exists()


def test_what_was_collected_lies_on_no_shelf(pickup: Shipment) -> None:
    hand(pickup, code=pickup_code(pickup.order))
    with pytest.raises(Conflict):
        stage_parcel(shipment_id=pickup.pk, shelf="A-1", actor="Asha")


# -- nobody came -------------------------------------------------------------------------------------------------------


def ready_since(shipment: Shipment, days: int) -> None:
    """It was said to be ready so many days earlier than it was, or than now."""
    note_ready([shipment.order_id])
    Pickup.objects.filter(order=shipment.order_id).update(ready_at=F("ready_at") - timedelta(days=days))


def test_what_nobody_collects_goes_back_and_is_paid_back(world: World, pickup: Shipment) -> None:
    Node.objects.filter(pk=world.store.pk).update(pickup_days=3)
    ready_since(pickup, 3)
    assert take_back_not_collected() == []
    ready_since(pickup, 1)

    assert [take_back_not_collected() for _ in range(2)] == [[pickup.order.number], []]

    order = Order.objects.get()
    work = FulfillmentOrder.objects.get()
    assert (order.stage, work.state, work.end_reason) == ("cancelled", "no_show", "Not collected within 3 days")
    assert stock_of(world.kurta, world.store) == {"on_hand": 5}
    assert [item.units for item in put_backs(world.store.pk)] == [2]
    assert Payment.objects.get().refund_due_minor == order.total_minor
    assert OutboxEvent.objects.filter(kind="orders.OrderCancelled").count() == 1


def test_what_lay_there_for_longer_than_a_month_is_put_back_from_its_shelf(world: World, pickup: Shipment) -> None:
    Node.objects.filter(pk=world.store.pk).update(pickup_days=60, stages_pickups=True)
    FulfillmentOrder.objects.update(released_at=F("released_at") - timedelta(days=61))
    stage_parcel(shipment_id=pickup.pk, shelf="A-1", actor="Asha")
    ready_since(pickup, 61)

    assert take_back_not_collected() == [pickup.order.number]

    assert [(item.units, item.shelves) for item in put_backs(world.store.pk)] == [(2, ["A-1"])]


def test_a_store_without_a_limit_keeps_it_for_ever(pickup: Shipment) -> None:
    ready_since(pickup, 400)
    assert take_back_not_collected() == []


def test_the_days_begin_on_the_shelf(world: World, pickup: Shipment) -> None:
    Node.objects.filter(pk=world.store.pk).update(pickup_days=3, stages_pickups=True)
    Shipment.objects.update(created_at=F("created_at") - timedelta(days=9))
    assert take_back_not_collected() == []
    stage_parcel(shipment_id=pickup.pk, shelf="A-1", actor="Asha")
    assert take_back_not_collected() == []

    ready_since(pickup, 4)

    assert take_back_not_collected() == [pickup.order.number]


def test_an_order_to_which_more_is_to_come_is_kept_and_its_days_begin_anew_with_the_rest(
    world: World, pickup: Shipment
) -> None:
    Node.objects.filter(pk=world.store.pk).update(pickup_days=3)
    ready_since(pickup, 9)
    line = pickup.order.lines.get()
    OrderLine.objects.filter(pk=line.pk).update(quantity=F("quantity") + 1, unallocated=1)
    assert take_back_not_collected() == []

    # The rest came in a parcel of its own.
    later = Shipment.objects.create(order=pickup.order, fulfillment_order=pickup.fulfillment_order, node=pickup.node)
    OrderLine.objects.filter(pk=line.pk).update(unallocated=0, packed=F("packed") + 1)

    assert take_back_not_collected() == []
    assert note_ready([pickup.order_id]) == {pickup.order_id: later.pk}
    assert kept_until(pickup.order_id) == world.store.today() + timedelta(days=3)


def test_the_same_news_twice_does_not_begin_the_days_anew(world: World, pickup: Shipment) -> None:
    Node.objects.filter(pk=world.store.pk).update(pickup_days=3)
    ready_since(pickup, 2)
    before = kept_until(pickup.order_id)

    at_once([partial(note_ready, [pickup.order_id])] * 2)

    assert kept_until(pickup.order_id) == before == world.store.today() + timedelta(days=1)


def test_who_comes_at_the_last_moment_and_the_clock_do_not_both_win(world: World, pickup: Shipment) -> None:
    Node.objects.filter(pk=world.store.pk).update(pickup_days=1)
    ready_since(pickup, 5)

    def come() -> list[str]:
        try:
            return [hand(pickup, code=pickup_code(pickup.order)).refused]
        except Conflict:
            return ["too late"]

    tasks: list[Callable[[], list[str]]] = [come, take_back_not_collected]
    came, gone = at_once(tasks)

    assert (came, gone) in [([""], []), (["too late"], [pickup.order.number])]
    assert stock_of(world.kurta, world.store) == {"on_hand": 3 if came == [""] else 5}
