"""What the order's page and the queue say of goods on their way to the store of collection, and what one may do."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import hand_over, receive_for_pickup
from oms.accounts.models import Role
from oms.core.clock import now
from oms.reporting.scope import Scope
from oms.reporting.troubles import trouble_groups
from orders.models import Order
from orders.selectors.views import VIEWS
from routing.engine import TransferTerms
from tests.dashboard.orders.conftest import SignIn
from tests.factories import World, make_line, stock
from tests.fulfillment.floor import labelled, make_carrier, stock_of, units_of
from tests.fulfillment.to_store import allow_transfers, on_the_road, order_to_collect, scanned, work_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(world: World) -> FulfillmentOrder:
    """The store's work, whose parcel is on the road."""
    make_carrier()
    allow_transfers()
    return on_the_road(order_to_collect(world, "W1", make_line(world.kurta, 2)))


def gone(waiting: FulfillmentOrder) -> str:
    return f"/orders/{waiting.order.number}/transfers/{waiting.pk}/gone/"


def said(**fields: str) -> dict[str, str]:
    return {"idempotency_key": str(uuid4()), **fields}


def test_the_page_says_what_the_order_waits_for(ops: Client, waiting: FulfillmentOrder) -> None:
    page = ops.get(f"/orders/{waiting.order.number}/").content.decode()

    assert "Waiting for a transfer from <strong>blr-01</strong>" in page
    assert gone(waiting) in page


def test_a_parcel_that_is_back_at_its_node_is_on_hand_there_and_the_order_is_routed_again(
    world: World, ops: Client, waiting: FulfillmentOrder
) -> None:
    for _ in range(2):
        ops.post(gone(waiting), said(how="sent_back", note="Refused at the door"))

    waiting.refresh_from_db()
    assert (waiting.state, stock_of(world.kurta, world.blr)) == ("rejected", {"on_hand": 10})
    assert units_of(waiting.order_id) == {"unallocated": 2}
    page = ops.get(f"/orders/{waiting.order.number}/").content.decode()
    assert "No node has the order yet" in page
    assert "did not come to blr-s1: 2 back at blr-01 (Refused at the door)" in page


def test_without_a_reason_or_an_answer_nothing_changes(ops: Client, waiting: FulfillmentOrder) -> None:
    answers = [ops.post(gone(waiting), said(how="missing", note=" ")), ops.post(gone(waiting), said(note="x"))]

    assert all(answer.status_code >= 400 or answer.status_code == 302 for answer in answers)
    assert units_of(waiting.order_id) == {"packed": 2}


def test_who_may_not_reroute_may_not_say_so(sign_in: SignIn, waiting: FulfillmentOrder) -> None:
    packer = sign_in(Role.PACKER, node_codes=["blr-01"])

    assert packer.post(gone(waiting), said(how="missing", note="Lost")).status_code in (302, 403, 404)
    assert units_of(waiting.order_id) == {"packed": 2}


def queue(*kinds: str) -> list[tuple[str, str]]:
    """The groups of these kinds in the queue, with their causes."""
    return [(group.kind, group.cause) for group in trouble_groups(Scope()) if group.kind in kinds]


def test_a_parcel_that_is_late_stands_in_the_queue_until_it_is_received(waiting: FulfillmentOrder) -> None:
    FulfillmentOrder.objects.filter(pk=waiting.pk).update(due_at=now() + timedelta(hours=1))
    assert queue("not_arrived") == []

    FulfillmentOrder.objects.filter(pk=waiting.pk).update(due_at=now() - timedelta(hours=1))

    assert queue("not_arrived") == [("not_arrived", "blr-01|blr-s1")]
    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")
    assert queue("not_arrived") == []


def test_a_parcel_for_which_nobody_named_a_day_is_due_after_the_days_of_its_rule(world: World) -> None:
    make_carrier()
    allow_transfers(transfer=TransferTerms(max_days=7, minor=0))
    order_id = order_to_collect(world, "W1", make_line(world.kurta))
    parcel = labelled(work_of(order_id))
    Shipment.objects.filter(pk=parcel.pk).update(expected_delivery=None)
    Order.objects.filter(pk=order_id).update(promised_by=None)

    hand_over(shipment_ids=[parcel.pk], actor="Ravi")

    due = FulfillmentOrder.objects.get(arrives_in=parcel).due_at
    assert due is not None
    assert timedelta(days=6, hours=23) < due - now() <= timedelta(days=7)


@pytest.mark.parametrize(
    "milestones", [("rto_initiated",), ("rto_initiated", "rto_delivered"), ("lost",), ("attempt_failed",)]
)
def test_a_parcel_that_will_not_come_stands_in_the_queue_before_it_is_due_and_only_there(
    ops: Client, waiting: FulfillmentOrder, milestones: tuple[str, ...]
) -> None:
    parcel = waiting.arrives_in
    assert parcel is not None
    FulfillmentOrder.objects.filter(pk=waiting.pk).update(due_at=now() + timedelta(days=3))
    Order.objects.filter(pk=waiting.order_id).update(ship_by=now() + timedelta(days=1))
    assert queue("not_arrived") == []

    scanned(parcel, "picked_up", *milestones)

    assert queue("not_arrived", "lost", "ndr", "rto") == [("not_arrived", "blr-01|blr-s1")]
    assert not seen_in("action", waiting)
    assert not seen_in("rto", waiting)
    ops.post(gone(waiting), said(how="missing", note="Lost"))
    assert queue("not_arrived", "lost", "ndr", "rto") == []


def test_an_order_that_only_waits_for_a_parcel_is_nobodys_late_work(world: World, waiting: FulfillmentOrder) -> None:
    Order.objects.filter(pk=waiting.order_id).update(ship_by=now() - timedelta(hours=1))
    assert queue("late") == []
    stock(world.kurta, world.store, 1)
    other = on_the_road(order_to_collect(world, "W2", make_line(world.kurta, 2)))

    Order.objects.filter(pk=other.order_id).update(ship_by=now() - timedelta(hours=1))

    [(kind, _)] = queue("late")
    assert kind == "late"


def seen_in(view: str, waiting: FulfillmentOrder) -> bool:
    """Whether the order is in this named view of the orders list."""
    return Order.objects.filter(VIEWS[view].where(now())).filter(pk=waiting.order_id).exists()
