"""Parcels that come back: expected once, received once, each unit where it was decided."""

from __future__ import annotations

import pytest

from fulfillment.models import Shipment
from fulfillment.services import hand_over
from inventory.models import Sku
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.models import OutboxEvent, Transition
from orders.models import Order, OrderEvent
from returns.models import Return
from returns.selectors import count_by_state, find_return, unannounced_parcel
from returns.services import expect_rto, receive
from tests.factories import World, make_line, make_sku, make_world
from tests.fulfillment.floor import labelled, make_carrier, make_work, stock_of, units_of
from tests.fulfillment.to_store import allow_transfers, on_the_road, order_to_collect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


@pytest.fixture
def parcel(world: World) -> Shipment:
    shipment = labelled(make_work(world, "1", make_line(world.kurta, 2), make_line(world.saree)))
    hand_over(shipment_ids=[shipment.pk], actor="dock")
    shipment.refresh_from_db()
    return shipment


def decide(item: Return, **by_sku: str) -> dict[int, str]:
    return {line.pk: by_sku[line.order_line.sku_code.split("-")[0].lower()] for line in item.lines.all()}


def test_a_parcel_is_expected_once_with_what_was_in_it(world: World, parcel: Shipment) -> None:
    made = expect_rto(shipment_id=parcel.pk)

    assert expect_rto(shipment_id=parcel.pk) == made
    assert (made.number, made.kind, made.state, made.node) == (f"RTO-{parcel.pk}", "rto", "in_transit", world.blr)
    assert dict(made.lines.values_list("order_line__sku_code", "quantity")) == {"KURTA-M": 2, "SAREE-1": 1}
    assert OrderEvent.objects.filter(kind="rto").count() == 1


EFFECTS = {
    "restock": {"on_hand": 10},
    "damaged": {"on_hand": 8, "damaged": 2},
    "quarantine": {"on_hand": 8, "quarantine": 2},
    "missing": {"on_hand": 8},
}


@pytest.mark.parametrize("decision", sorted(EFFECTS))
def test_each_decision_has_its_stock_effect(world: World, parcel: Shipment, decision: str) -> None:
    item = expect_rto(shipment_id=parcel.pk)

    receive(return_id=item.pk, dispositions=decide(item, kurta=decision, saree="restock"), actor="Asha")

    assert stock_of(world.kurta, world.blr) == EFFECTS[decision]
    assert stock_of(world.saree, world.blr) == {"on_hand": 10}
    assert units_of(parcel.order_id) == {"shipped": 3, "returned": 3}
    parcel.refresh_from_db()
    item.refresh_from_db()
    assert (parcel.state, item.state, Order.objects.get().stage) == ("rto_received", "disposed", "returned")
    assert item.received_at is not None


def test_goods_of_a_sku_with_a_new_code_come_back_to_where_they_left(world: World, parcel: Shipment) -> None:
    Sku.objects.filter(pk=world.kurta.pk).update(code="KURTA-MEDIUM")
    other = make_sku("KURTA-M")
    item = expect_rto(shipment_id=parcel.pk)

    receive(return_id=item.pk, dispositions=decide(item, kurta="restock", saree="restock"), actor="Asha")

    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}
    assert not other.levels.exists()


def test_receiving_twice_counts_once(world: World, parcel: Shipment) -> None:
    item = expect_rto(shipment_id=parcel.pk)
    receive(return_id=item.pk, dispositions=decide(item, kurta="restock", saree="restock"), actor="Asha")

    receive(return_id=item.pk, dispositions=decide(item, kurta="damaged", saree="damaged"), actor="Ravi")

    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}
    assert OutboxEvent.objects.filter(kind="returns.ReturnReceived").count() == 1
    steps = Transition.objects.filter(model="returns.Return").order_by("pk").values_list("to_state", flat=True)
    assert list(steps) == ["received", "inspected", "disposed"]


@pytest.mark.parametrize("choice", ["", "pending", "elsewhere"])
def test_a_line_without_a_decision_is_refused_and_nothing_moves(world: World, parcel: Shipment, choice: str) -> None:
    item = expect_rto(shipment_id=parcel.pk)

    with pytest.raises(DomainError, match="Say what happens to KURTA-M"):
        receive(return_id=item.pk, dispositions=decide(item, kurta=choice, saree="restock"), actor="Asha")

    assert stock_of(world.kurta, world.blr) == {"on_hand": 8}
    assert stock_of(world.saree, world.blr) == {"on_hand": 9}
    assert set(item.lines.values_list("disposition", flat=True)) == {"pending"}


def test_a_cancelled_return_is_not_received(parcel: Shipment) -> None:
    item = expect_rto(shipment_id=parcel.pk)
    Return.objects.filter(pk=item.pk).update(state="cancelled")

    with pytest.raises(Conflict, match="cannot be received"):
        receive(return_id=item.pk, dispositions=decide(item, kurta="restock", saree="restock"), actor="Asha")


def test_there_is_no_such_return() -> None:
    with pytest.raises(NotFound):
        receive(return_id=404, dispositions={}, actor="Asha")


def test_a_scan_finds_the_return_or_the_parcel_that_nobody_announced(parcel: Shipment) -> None:
    assert find_return(Return.objects.all(), parcel.awb) is None
    assert unannounced_parcel(Shipment.objects.all(), parcel.awb) == parcel

    item = expect_rto(shipment_id=parcel.pk)

    for code in (parcel.awb, f" {parcel.awb} ", item.number.lower(), parcel.order.number):
        assert find_return(Return.objects.all(), code) == item
    assert unannounced_parcel(Shipment.objects.all(), parcel.awb) is None
    assert find_return(Return.objects.all(), "") is None
    assert count_by_state(Return.objects.all()) == {"open": 1, "all": 1, "done": 0}


def test_a_parcel_to_a_store_is_not_expected_as_a_return_of_a_customer(world: World) -> None:
    allow_transfers()
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    parcel = on_the_road(order_id).arrives_in
    assert parcel is not None

    assert unannounced_parcel(Shipment.objects.all(), parcel.awb) is None
    with pytest.raises(Conflict, match="goes to its store"):
        expect_rto(shipment_id=parcel.pk)

    assert (Return.objects.count(), units_of(order_id)) == (0, {"packed": 2})
