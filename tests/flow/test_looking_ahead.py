"""Promises are looked at again after every event and by the clock, and news that come late or twice change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from carriers.models import CarrierAccount
from fulfillment.events import PickingStarted
from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import open_fulfillment_orders, pick_all
from inventory.models import Node, Reservation
from oms.accounts.access import principal_of_user
from oms.accounts.models import User
from oms.core.models import OutboxEvent
from oms.flow.promises import judge_due_promises, look_again, look_ahead, look_at_missed
from oms.flow.steps.decisions import look_ahead as step
from oms.reporting.scope import Scope
from oms.reporting.troubles import trouble_groups, trouble_members
from orders.models import Order
from orders.services import place_hold
from routing.events import OrderRouted
from routing.models import DeliveryService, OrderOutlook, OrderPromise, OutlookBand, OutlookChange, RoutingDecision
from routing.services import forget_promises, route_orders
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db(transaction=True)
#: A Friday, noon in India.
NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        forget_promises()
        yield traveller
    forget_promises()


@pytest.fixture
def world() -> World:
    made = make_world()
    Node.objects.update(opens_at=time(9), closes_at=time(20), cutoff_at=time(16))
    return made


def routed(world: World, name: str = "A-1", **fields: object) -> int:
    """An order that is routed and whose work is open."""
    order_id = capture(world, make_order(name, make_line(world.kurta), **fields))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    FulfillmentOrder.objects.filter(order=order_id).update(created_at=NOON, released_at=NOON)
    RoutingDecision.objects.filter(order=order_id).update(decided_at=NOON)
    return order_id


def leave(order_id: int, **fields: object) -> Shipment:
    """The node let go of all of it: one parcel."""
    work = FulfillmentOrder.objects.get(order=order_id)
    Reservation.objects.filter(order_id=order_id).delete()
    FulfillmentOrder.objects.filter(order=order_id).update(state="completed", packed_at=NOON, completed_at=NOON)
    Order.objects.filter(pk=order_id).update(stage="shipped")
    return Shipment.objects.create(
        order_id=order_id, fulfillment_order=work, node=work.node, handed_over_at=NOON, created_at=NOON, **fields
    )


def news(order_id: int) -> OrderRouted:
    return OrderRouted(order_id=order_id, number="", node_ids=[], complete=True)


def test_a_routed_order_without_a_date_is_promised_one_and_looked_at(world: World) -> None:
    order_id = routed(world)

    step([news(order_id)])

    order = Order.objects.get(pk=order_id)
    promised = OrderPromise.objects.get(order=order_id)
    outlook = OrderOutlook.objects.get(order=order_id)
    assert order.promised_by == order.first_promised_by == promised.promised_by == outlook.promised_by
    assert outlook.breach == pytest.approx(1 - promised.said, abs=0.05)
    assert (outlook.band, outlook.stage, outlook.place) == (OutlookBand.ON_TRACK, "node", "blr-01")
    assert [part[0] for part in outlook.parts] == ["processing", "pickup", "transit"]
    assert outlook.next_at == NOON + HOUR


def test_switched_off_an_order_without_a_date_stays_without(world: World, settings: Any) -> None:
    settings.PROMISE_WHERE_NONE = False
    order_id = routed(world)

    step([news(order_id)])

    assert Order.objects.get(pk=order_id).promised_by is None
    assert OrderPromise.objects.filter(order=order_id).exists()
    assert not OrderOutlook.objects.exists()


def test_a_date_of_the_channel_stands(world: World) -> None:
    order_id = routed(world, promised_by=NOON + 9 * DAY)

    step([news(order_id)])

    assert Order.objects.get(pk=order_id).promised_by == NOON + 9 * DAY
    assert OrderOutlook.objects.get().promised_by == NOON + 9 * DAY


def test_news_that_come_twice_or_late_end_in_the_same_row(world: World) -> None:
    order_id = routed(world)
    step([news(order_id)])
    pick_all(fulfillment_order_id=FulfillmentOrder.objects.get().pk, actor="Ravi")
    picking = PickingStarted(fulfillment_order_id=FulfillmentOrder.objects.get().pk, order_id=order_id, node_id=1)

    step([picking])
    once = OrderOutlook.objects.values("breach", "band", "stage", "parts", "expected_on").get()
    step([news(order_id)])
    step([picking, picking])

    assert OrderOutlook.objects.values("breach", "band", "stage", "parts", "expected_on").get() == once
    assert OutlookChange.objects.count() == 1


def test_picking_says_so(world: World) -> None:
    routed(world)

    pick_all(fulfillment_order_id=FulfillmentOrder.objects.get().pk, actor="Ravi")

    assert OutboxEvent.objects.filter(kind="fulfillment.PickingStarted").count() == 1


def test_an_order_that_does_not_move_gets_worse_each_hour(world: World, clock: time_machine.Traveller) -> None:
    order_id = routed(world)
    step([news(order_id)])
    seen = [OrderOutlook.objects.get().breach]

    for hours in range(1, 80, 2):
        clock.move_to(NOON + hours * HOUR)
        look_again()
        seen.append(OrderOutlook.objects.get().breach)

    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    bands = list(OutlookChange.objects.order_by("version").values_list("band", flat=True))
    order = ["on_track", "watch", "at_risk", "late"]
    assert [order.index(band) for band in bands] == sorted(order.index(band) for band in bands)
    assert bands[-1] == "late"


def test_the_road_is_judged_by_what_it_has_lasted(world: World, clock: time_machine.Traveller) -> None:
    order_id = routed(world, promised_by=NOON + 3 * DAY)
    carrier = CarrierAccount.objects.create(code="fast", name="Fast", adapter="simulated")
    OrderPromise.objects.create(order_id=order_id, made_at=NOON, promised_by=NOON + 3 * DAY, said=0.9, level=0.9,
                                service="standard")  # fmt: skip
    leave(order_id, state="in_transit", carrier_account=carrier, courier_name="Fast")
    look_ahead({order_id: "Handed to the carrier"})
    fresh = OrderOutlook.objects.get()

    clock.move_to(NOON + 2 * DAY)
    look_ahead({order_id: "Time passed"})
    silent = OrderOutlook.objects.get()
    Shipment.objects.update(state="delivered", delivered_at=NOON + 2 * DAY)
    Order.objects.filter(pk=order_id).update(stage="delivered", delivered_at=NOON + 2 * DAY)
    look_ahead({order_id: "Delivered"})
    over = OrderOutlook.objects.get()

    assert (fresh.stage, fresh.place, silent.stage) == ("road", "Fast", "road")
    assert silent.breach > fresh.breach
    assert (over.band, over.breach, over.next_at) == ("done", 0.0, None)
    assert OrderPromise.objects.get().carrier == "fast"


def test_a_hold_and_a_lost_parcel_make_it_worse(world: World) -> None:
    held, lost = routed(world, "A-1"), routed(world, "A-2")
    step([news(held), news(lost)])
    before = OrderOutlook.objects.get(order=held).breach
    place_hold(order_id=held, reason="fraud_risk", source="test", handle="check", actor="Ravi")
    leave(lost, state="lost")
    look_ahead({held: "Put on hold", lost: "Lost by the carrier"})

    assert OrderOutlook.objects.get(order=held).breach > before + 0.2
    gone = OrderOutlook.objects.get(order=lost)
    assert (gone.breach, gone.band, gone.expected_on, gone.sure_by) == (1.0, "late", None, None)


def test_a_look_of_many_orders_takes_as_many_statements_as_one_of_a_few(world: World) -> None:
    few = [routed(world, f"A-{number}") for number in range(2)]
    many = [routed(world, f"B-{number}") for number in range(6)]
    step([news(order_id) for order_id in (*few, *many)])
    look_ahead(dict.fromkeys(many, "Warm"))

    def statements(ids: list[int]) -> int:
        with CaptureQueriesContext(connection) as seen:
            look_ahead(dict.fromkeys(ids, "Looked at"))
        return len(seen)

    # What is remembered for seconds may have to be read again in between: the fewest of three are those of the work.
    assert min(statements(many) for _ in range(3)) == min(statements(few) for _ in range(3)) <= 8


def test_an_open_order_that_nobody_looked_at_is_found(world: World) -> None:
    order_id = routed(world, promised_by=NOON + 9 * DAY)

    assert look_at_missed() == 1
    assert look_at_missed() == 0

    assert OrderOutlook.objects.get().order_id == order_id


def test_an_order_for_the_same_day_is_promised_its_window_and_judged_by_it(
    world: World, clock: time_machine.Traveller
) -> None:
    DeliveryService.objects.create(code="same_day", name="Tonight", slots=[["18:00", "21:00"]], radius_km=30)
    order_id = routed(world, service_level="same_day")

    step([news(order_id)])

    # 21:00 in India.
    due = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
    promised = OrderPromise.objects.get()
    assert (promised.service, promised.promised_by, promised.state) == ("same_day", due, "open")
    assert OrderOutlook.objects.get().promised_by == due
    leave(order_id, state="delivered", delivered_at=due - HOUR)
    Order.objects.filter(pk=order_id).update(stage="delivered", delivered_at=due - HOUR)
    clock.move_to(due + HOUR)
    assert judge_due_promises() == 1
    assert OrderPromise.objects.get().state == "kept"


def test_an_order_at_risk_stands_in_the_queue_by_its_money_and_on_its_page(
    world: World, clock: time_machine.Traveller
) -> None:
    cheap, dear = routed(world, "A-1"), routed(world, "A-2")
    Order.objects.filter(pk=dear).update(total_minor=900_000)
    step([news(cheap), news(dear)])
    clock.move_to(NOON + 3 * DAY)
    look_again()

    user = User.objects.create(email="ops@example.com", role="ops_manager", all_nodes=True)
    scope = Scope.of(principal_of_user(user))
    group = next(each for each in trouble_groups(scope) if each.kind == "promise_watch")
    members = trouble_members(scope, kind="promise_watch", cause=group.cause)
    page = Client()
    page.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    number = Order.objects.get(pk=dear).number
    shown = page.get(f"/orders/{number}/").content.decode()
    drawer = page.get("/tower/trouble/promise_watch/", {"cause": group.cause}).content.decode()

    assert (group.cause, group.orders) == ("node|blr-01", 2)
    outlook = OrderOutlook.objects.get(order=dear)
    assert outlook.at_risk_minor == round(outlook.breach * 900_000)
    assert [member.order_id for member in members] == [dear, cheap]
    assert group.value_minor == {"INR": sum(member.at_risk_minor or 0 for member in members)}
    assert 'id="order-promise"' in shown
    assert "Promised by us" in shown
    assert number in drawer
    assert f"{outlook.breach:.0%}" in drawer
