"""Carrier scans move shipments by rule: in any order, repeated or late, they end in the same state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.base import Milestone
from carriers.models import TrackingEvent
from fulfillment.models import Shipment
from fulfillment.services import apply_tracking, cancel_order, hand_over
from fulfillment.states import SHIPMENT, STATE_OF_MILESTONE, shipment_state_after
from oms.core.models import OutboxEvent
from orders.canonical import CanonicalPayment
from orders.models import Order
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import labelled, make_carrier, make_work, stock_of, units_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MILESTONES = st.sampled_from([milestone.value for milestone in Milestone])


@given(st.lists(MILESTONES, max_size=12))
def test_a_fold_ends_where_the_machine_allows(milestones: list[str]) -> None:
    state = shipment_state_after(milestones)

    assert state is None or state in SHIPMENT.edges
    known = [STATE_OF_MILESTONE[name] for name in milestones if name in STATE_OF_MILESTONE]
    assert (state is None) == (not known)


@given(st.lists(MILESTONES, min_size=1, max_size=10), st.data())
def test_saying_a_scan_twice_in_a_row_changes_nothing(milestones: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(milestones) - 1))
    repeated = [*milestones[: at + 1], milestones[at], *milestones[at + 1 :]]

    assert shipment_state_after(repeated) == shipment_state_after(milestones)


@given(st.lists(MILESTONES, max_size=8))
def test_nothing_follows_a_delivery(later: list[str]) -> None:
    assert shipment_state_after(["picked_up", "in_transit", "delivered", *later]) == "delivered"


JOURNEYS = {
    "delivered": ["picked_up", "in_transit", "out_for_delivery", "delivered"],
    "second attempt": [
        "picked_up",
        "in_transit",
        "out_for_delivery",
        "attempt_failed",
        "out_for_delivery",
        "delivered",
    ],
    "returned": ["picked_up", "in_transit", "attempt_failed", "rto_initiated", "rto_in_transit", "rto_delivered"],
}
ENDS = {"delivered": "delivered", "second attempt": "delivered", "returned": "rto_received"}


def scan(shipment: Shipment, milestone: str, hour: int) -> None:
    assert shipment.booking_id is not None
    TrackingEvent.objects.create(booking_id=shipment.booking_id, scan_key=f"{milestone}/{hour}", milestone=milestone,
                                 occurred_at=NOON + timedelta(hours=hour), carrier_status=milestone)  # fmt: skip


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def shipment(world: World) -> Shipment:
    make_carrier()
    return labelled(make_work(world, "1", make_line(world.kurta, 2)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("journey", sorted(JOURNEYS))
@pytest.mark.parametrize("arrival", ["in order", "backwards", "last first"])
def test_scans_that_arrive_in_any_order_end_the_same(
    world: World, shipment: Shipment, journey: str, arrival: str
) -> None:
    scans = list(enumerate(JOURNEYS[journey]))
    if arrival == "backwards":
        scans.reverse()
    if arrival == "last first":
        scans = [scans[-1], *scans[:-1]]

    for hour, milestone in scans:
        scan(shipment, milestone, hour)
        apply_tracking([shipment.booking_id or 0])

    shipment.refresh_from_db()
    assert shipment.state == ENDS[journey]
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8}
    expected = {"shipped": 2, "delivered": 2} if ENDS[journey] == "delivered" else {"shipped": 2}
    assert units_of(shipment.order_id) == expected
    assert OutboxEvent.objects.filter(kind="fulfillment.ShipmentHandedOver").count() == 1
    assert OutboxEvent.objects.filter(kind="fulfillment.ShipmentDelivered").count() == (ENDS[journey] == "delivered")


@pytest.mark.django_db(transaction=True)
def test_applying_the_same_scans_again_changes_nothing(shipment: Shipment) -> None:
    scan(shipment, "in_transit", 1)

    assert apply_tracking([shipment.booking_id or 0]) == [shipment.pk]
    assert apply_tracking([shipment.booking_id or 0]) == []


@pytest.mark.django_db(transaction=True)
def test_booking_scans_leave_the_parcel_with_us(world: World, shipment: Shipment) -> None:
    scan(shipment, "booked", 0)
    scan(shipment, "pickup_scheduled", 1)

    assert apply_tracking([shipment.booking_id or 0]) == []
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8, "packed": 2}


@pytest.mark.django_db(transaction=True)
def test_a_delivery_on_cash_pays_the_order(world: World) -> None:
    make_carrier()
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=99_900)
    shipment = labelled(make_work(world, "1", make_line(world.kurta), payment=payment))
    hand_over(shipment_ids=[shipment.pk], actor="dock")
    scan(shipment, "delivered", 5)

    apply_tracking([shipment.booking_id or 0])

    order = Order.objects.select_related("payment").get()
    assert (order.stage, order.payment.state, order.payment.captured_minor) == ("delivered", "paid", 99_900)
    shipment.refresh_from_db()
    assert shipment.delivered_at == order.delivered_at == NOON + timedelta(hours=5)


@pytest.mark.django_db(transaction=True)
def test_a_scan_of_a_cancelled_parcel_moves_nothing(world: World, shipment: Shipment) -> None:
    cancel_order(order_id=shipment.order_id, reason="Changed their mind", actor="care")
    scan(shipment, "in_transit", 1)

    assert apply_tracking([shipment.booking_id or 0]) == []
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("milestone", "kind"), [("attempt_failed", "ShipmentMoved"), ("rto_initiated", "ReturningToOrigin")]
)
def test_failed_and_returning_parcels_are_announced(shipment: Shipment, milestone: str, kind: str) -> None:
    scan(shipment, "picked_up", 0)
    scan(shipment, milestone, 1)

    apply_tracking([shipment.booking_id or 0])

    assert OutboxEvent.objects.filter(kind=f"fulfillment.{kind}").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_delivery_counts_from_the_scan_that_says_so_whatever_is_scanned_after_it(shipment: Shipment) -> None:
    hand_over(shipment_ids=[shipment.pk], actor="dock")
    scan(shipment, "delivered", 3)
    scan(shipment, "in_transit", 9)

    apply_tracking([shipment.booking_id or 0])

    shipment.refresh_from_db()
    assert (shipment.state, shipment.delivered_at) == ("delivered", NOON + timedelta(hours=3))
