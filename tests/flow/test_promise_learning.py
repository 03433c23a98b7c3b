"""What promises are made from is learned from parcels, by the clock, and doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine

from carriers.models import Booking, CarrierAccount, TrackingEvent
from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import open_fulfillment_orders
from inventory.models import Node
from oms.core.ids import uuid7
from oms.flow.promises import judge_due_promises, learn_promises, measure_paces
from orders.models import Order
from routing.models import (
    LearnedDays,
    NodePace,
    OrderPromise,
    PromiseCalibration,
    PromiseState,
    RoutingDecision,
)
from routing.services import Question, forget_promises, promise, route_orders, write_promises
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db(transaction=True)
#: A Friday, noon in India.
NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        forget_promises()
        yield
    forget_promises()


@pytest.fixture
def world() -> World:
    made = make_world()
    Node.objects.update(opens_at=time(9), closes_at=time(20), cutoff_at=time(16))
    return made


def parcel(world: World, number: str, left: datetime, arrived: datetime | None) -> Order:
    """An order whose work was released on the morning of the day on which it left."""
    order_id = capture(world, make_order(number, make_line(world.kurta)))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    released = left.replace(hour=4)
    FulfillmentOrder.objects.filter(order=order_id).update(
        state="completed", released_at=released, packed_at=released + timedelta(hours=2), completed_at=left
    )
    work = FulfillmentOrder.objects.get(order=order_id)
    Shipment.objects.create(
        order_id=order_id, fulfillment_order=work, node=work.node, handed_over_at=left, delivered_at=arrived,
        state="delivered" if arrived else "in_transit",
    )  # fmt: skip
    Order.objects.filter(pk=order_id).update(delivered_at=arrived)
    return Order.objects.get(pk=order_id)


def test_days_are_learned_by_lane_and_learning_twice_changes_nothing(world: World) -> None:
    monday = datetime(2026, 11, 9, 12, tzinfo=UTC)
    parcel(world, "A-1", monday, monday + 3 * DAY)
    parcel(world, "A-2", monday + DAY, monday + 4 * DAY)
    parcel(world, "A-3", NOON - 3 * DAY, None)

    learn_promises()
    first = list(LearnedDays.objects.order_by("kind", "lane").values_list("kind", "lane", "risk", "events", "parcels"))
    learn_promises()

    transit = LearnedDays.objects.get(kind="transit", lane="all")
    assert (transit.service, transit.carrier, transit.parcels) == ("standard", "", 3)
    assert transit.events[3] == pytest.approx(2 ** (-8 / 21) + 2 ** (-7 / 21))
    assert transit.risk[0] == pytest.approx(1 + 2 ** (-8 / 21) + 2 ** (-7 / 21))
    assert transit.risk[3] == pytest.approx(transit.events[3])
    assert set(LearnedDays.objects.filter(kind="transit").values_list("lane", flat=True)) == {
        "all", "zone A", "blr-01 > karnataka", "blr-01 > karnataka / bengaluru urban", "blr-01 > 560001",
    } or LearnedDays.objects.filter(kind="transit").count() == 5  # fmt: skip
    handling = LearnedDays.objects.get(kind="handling", lane="node blr-01")
    assert handling.events[0] == pytest.approx(handling.risk[0])
    again = LearnedDays.objects.order_by("kind", "lane").values_list("kind", "lane", "risk", "events", "parcels")
    assert list(again) == first


def test_parcels_that_went_faster_than_their_order_asked_teach_nothing(world: World) -> None:
    monday = datetime(2026, 11, 9, 12, tzinfo=UTC)
    parcel(world, "A-1", monday, monday + 3 * DAY)
    fast = parcel(world, "A-2", monday, monday + DAY)
    FulfillmentOrder.objects.filter(order=fast).update(goes_fast=True)

    learn_promises()

    assert LearnedDays.objects.get(kind="transit", lane="all").parcels == 1


def test_what_was_learned_moves_the_next_promise(world: World) -> None:
    question = Question((("KURTA-M", 1),), "560001")
    before = promise(question, channel_code="web").answer.options[-1]
    left = datetime(2026, 11, 2, 12, tzinfo=UTC)
    for number in range(8):
        parcel(world, f"A-{number}", left, left + 10 * DAY)

    learn_promises()

    after = promise(question, channel_code="web").answer.options[-1]
    assert after.day > before.day


def test_paces_count_what_waits_and_what_was_done(world: World) -> None:
    parcel(world, "A-1", NOON - DAY, None)
    waiting = capture(world, make_order("A-2", make_line(world.kurta)))
    route_orders([waiting], trigger="captured")
    open_fulfillment_orders([waiting])

    measure_paces()
    measure_paces()

    pace = NodePace.objects.get(node=world.blr)
    assert pace.orders_ahead == 1
    assert pace.orders_per_hour == 0.0, "few orders came, so nobody knows how fast it is"
    assert pace.hours_median == pytest.approx(2.0)
    assert NodePace.objects.count() == 3


def test_a_pace_is_what_a_node_does_while_work_waits_for_it(world: World) -> None:
    start = datetime(2026, 11, 19, 4, tzinfo=UTC)
    order_id = capture(world, make_order("A-1", make_line(world.kurta)))

    def work(number: int, node: Node, packed: datetime | None) -> FulfillmentOrder:
        return FulfillmentOrder(
            number=f"{node.code}-{number}", order_id=order_id, node=node, released_at=start - DAY / 24,
            packed_at=packed, state="packed" if packed else "open",
        )  # fmt: skip

    # Forty orders wait at Bengaluru and four are packed an hour; Delhi packs one an hour as they come.
    FulfillmentOrder.objects.bulk_create(
        [work(n, world.blr, start + timedelta(minutes=15 * n)) for n in range(40)]
        + [work(40 + n, world.blr, None) for n in range(6)]
    )
    alone = [work(n, world.delhi, start + timedelta(hours=n, minutes=30)) for n in range(10)]
    for number, each in enumerate(alone):
        each.released_at = start + timedelta(hours=number)
    FulfillmentOrder.objects.bulk_create(alone)

    measure_paces()

    busy, calm = NodePace.objects.get(node=world.blr), NodePace.objects.get(node=world.delhi)
    assert busy.orders_per_hour == pytest.approx(4.0)
    assert busy.orders_ahead == 6
    assert (calm.orders_per_hour, calm.orders_ahead) == (0.0, 0)


def make_promise(order: Order, due: datetime, seq: int = 1) -> OrderPromise:
    return OrderPromise.objects.create(
        order=order, seq=seq, made_at=due - 4 * DAY, promised_by=due, said=0.9, level=0.9, service="standard",
        group="standard A",
    )  # fmt: skip


def test_promises_are_judged_once_when_their_day_is_over_and_move_the_level(world: World) -> None:
    kept = make_promise(parcel(world, "A-1", NOON - 5 * DAY, NOON - 3 * DAY), NOON - DAY)
    broken = make_promise(parcel(world, "A-2", NOON - 5 * DAY, None), NOON - DAY)
    early = make_promise(parcel(world, "A-3", NOON - 5 * DAY, NOON - 4 * DAY), NOON + DAY)
    void = make_promise(parcel(world, "A-4", NOON - 5 * DAY, None), NOON - DAY)
    Order.objects.filter(pk=void.order_id).update(stage="cancelled")

    assert judge_due_promises() == 3
    assert judge_due_promises() == 0

    states = dict(OrderPromise.objects.values_list("pk", "state"))
    assert states == {
        kept.pk: PromiseState.KEPT, broken.pk: PromiseState.BROKEN, early.pk: PromiseState.OPEN,
        void.pk: PromiseState.VOID,
    }  # fmt: skip
    overall = PromiseCalibration.objects.get(service="standard", group="")
    assert (overall.judged, overall.kept) == (2, 1)
    assert overall.correction == pytest.approx(0.3 * (0.9 - 0.1) / 200)
    assert PromiseCalibration.objects.get(service="standard", group="standard A").correction > 0


def tried_at(order: Order, *moments: datetime) -> None:
    """The carrier was at the door then and left with the parcel; nothing is at a node any more."""
    account, _ = CarrierAccount.objects.get_or_create(code="road", name="Road", adapter="manual")
    booking = Booking.objects.create(
        account=account, client_reference=order.number, parcel_uid=uuid7(), order_number=order.number, state="booked"
    )
    Shipment.objects.filter(order=order).update(booking=booking)
    TrackingEvent.objects.bulk_create(
        [TrackingEvent(booking=booking, scan_key=str(at), milestone="attempt_failed", occurred_at=at) for at in moments]
    )
    Order.objects.filter(pk=order.pk).update(stage="shipped")


def test_who_was_not_at_home_was_not_let_down(world: World) -> None:
    left, due = NOON - 5 * DAY, NOON - DAY
    refused, late, half = (make_promise(parcel(world, f"A-{n}", left, None), due) for n in range(3))
    tried_at(refused.order, due - DAY / 24, due + DAY / 2)
    tried_at(late.order, due + DAY / 24)
    tried_at(half.order, due - DAY)
    work = FulfillmentOrder.objects.get(order=half.order)
    Shipment.objects.create(
        order=half.order, fulfillment_order=work, node=work.node, handed_over_at=left, state="in_transit"
    )

    assert judge_due_promises() == 3

    states = [OrderPromise.objects.get(pk=each.pk).state for each in (refused, late, half)]
    assert states == [PromiseState.KEPT, PromiseState.BROKEN, PromiseState.BROKEN]


def test_a_routed_order_gets_the_promise_that_its_cart_was_shown_and_only_one(world: World) -> None:
    shown = promise(Question((("KURTA-M", 1),), "560001"), channel_code="web").answer.options[-1]
    order_id = capture(world, make_order("A-1", make_line(world.kurta)))
    route_orders([order_id], trigger="captured")
    RoutingDecision.objects.filter(order=order_id).update(decided_at=NOON)

    assert write_promises() == 1
    assert write_promises() == 0

    kept = OrderPromise.objects.get(order=order_id)
    assert kept.promised_by == shown.promised_by
    assert kept.said == pytest.approx(shown.probability)
    assert (kept.nodes, kept.lane, kept.group) == (["blr-01"], "blr-01 > karnataka", "standard A")
    assert [part[0] for part in kept.parts] == [part.key for part in shown.parts]
