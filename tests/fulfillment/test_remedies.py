"""Orders at risk get the remedy that helps best, and the remedy does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentOrder, RerouteAttempt
from fulfillment.selectors.standing import standings_of
from fulfillment.services import find_remedies, go_faster, open_fulfillment_orders, pick_all, save_promise
from fulfillment.services.remedies import _may_go_faster
from inventory.models import Node
from oms.accounts.models import User
from oms.core.errors import Conflict
from oms.core.ids import uuid7
from oms.core.models import Job
from oms.flow.promises import look_ahead
from oms.flow.telling import tell_new_date
from oms.notifications.models import Message
from orders.models import Order, OrderEvent
from routing.models import DeliveryService, OrderOutlook, OrderPromise, OutlookRemedy, RoutingDecision
from routing.services import forget_promises, orders_to_help, route_orders, write_promises
from tests.factories import World, capture, make_line, make_order, make_world, stock

pytestmark = pytest.mark.django_db(transaction=True)
#: A Friday, noon in India.
NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


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


def at_risk(world: World, name: str, days: float, **fields: object) -> int:
    """An order at Bengaluru, promised in so many days, whose node does not work this week."""
    order_id = capture(world, make_order(name, make_line(world.kurta), promised_by=NOON + days * DAY, **fields))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    _as_of_noon(order_id)
    write_promises([order_id])
    Node.objects.filter(pk=world.blr.pk).update(working_days=[4])
    forget_promises()
    look_ahead({order_id: "Routed"})
    return order_id


def _as_of_noon(order_id: int) -> None:
    FulfillmentOrder.objects.filter(order=order_id).update(created_at=NOON, released_at=NOON)
    RoutingDecision.objects.filter(order=order_id).update(decided_at=NOON)


def test_another_node_that_would_be_in_time_is_the_remedy_and_one_call_moves_the_work(world: World) -> None:
    order_id = at_risk(world, "A-1", 6)
    assert OrderOutlook.objects.get().is_at_risk

    assert find_remedies() == 1
    assert find_remedies() == 0, "it is not looked for again at once"

    found = OrderOutlook.objects.get()
    assert (found.remedy, found.remedy_nodes) == (OutlookRemedy.REROUTE, ["del-01"])
    assert found.remedy_breach is not None
    assert found.remedy_breach < found.breach - 0.1

    assert save_promise(order_id=order_id, actor="Asha")
    with pytest.raises(Conflict, match="not at blr-01 any more"):
        save_promise(order_id=order_id, actor="Asha")
    _as_of_noon(order_id)  # the database stamps rows by its own clock
    look_ahead({order_id: "Routed"})

    work = FulfillmentOrder.objects.get(order=order_id, state__in=FulfillmentOrder.LIVE)
    assert work.node == world.delhi
    assert RerouteAttempt.objects.get().outcome == "moved"
    after = OrderOutlook.objects.get()
    assert (after.place, after.remedy) == ("del-01", "")
    assert after.breach < found.breach


def test_work_that_somebody_began_is_not_moved(world: World) -> None:
    order_id = at_risk(world, "A-1", 6)
    pick_all(fulfillment_order_id=FulfillmentOrder.objects.get().pk, actor="Ravi")

    with pytest.raises(Conflict, match="somebody has begun"):
        save_promise(order_id=order_id, actor="Asha")

    assert FulfillmentOrder.objects.get().node == world.blr


def test_where_nothing_helps_the_customer_is_told_the_date_that_can_be_kept(world: World) -> None:
    order_id = at_risk(world, "A-1", 0.4)
    stock(world.kurta, world.delhi, 0)
    find_remedies()
    found = OrderOutlook.objects.get()
    assert found.remedy == OutlookRemedy.TELL

    told = tell_new_date(order_id=order_id, actor="Asha")

    order = Order.objects.get(pk=order_id)
    assert (order.promised_by, order.first_promised_by) == (told, NOON + 0.4 * DAY)
    assert told == found.sure_by
    message = Message.objects.get(template="new_date")
    assert "takes longer" in message.text
    assert list(OrderPromise.objects.order_by("seq").values_list("seq", "promised_by"))[1] == (2, told)
    assert OrderEvent.objects.filter(order=order_id, kind="promised").count() == 1
    assert not OrderOutlook.objects.get().is_at_risk
    with pytest.raises(Conflict, match="nothing to tell"):
        tell_new_date(order_id=order_id, actor="Asha")
    assert Message.objects.filter(template="new_date").count() == 1


def clicked(kind: str, ids: list[int], client: Client | None = None) -> Any:
    """The action of a group of the queue, confirmed by somebody of operations."""
    if client is None:
        client = Client()
        user = User.objects.create(email="ops@example.com", role="ops_manager", all_nodes=True, all_channels=True)
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    sent = {"confirmed": "1", "ids": ",".join(map(str, ids)), "idempotency_key": str(uuid7())}
    return client.post(f"/tower/trouble/{kind}/act/?cause=node|blr-01", sent, follow=True)


def test_orders_are_moved_from_the_queue_each_in_a_transaction_of_its_own(world: World) -> None:
    first, begun, last = (at_risk(world, name, 6) for name in ("A-1", "A-2", "A-3"))
    find_remedies()
    pick_all(fulfillment_order_id=FulfillmentOrder.objects.get(order=begun).pk, actor="Ravi")

    answer = clicked("promise_reroute", [last, begun, first])

    job = Job.objects.get()
    number = Order.objects.get(pk=begun).number
    reason = f"{number} cannot be moved: somebody has begun with it."
    assert (job.state, job.args["order_ids"]) == ("done", [first, begun, last])
    assert (job.succeeded, job.failed, job.result["refused"]) == (2, 1, {str(begun): reason})
    assert f"2 orders moved to another node, 1 refused. {reason}" in answer.content.decode()
    live = FulfillmentOrder.objects.filter(state__in=FulfillmentOrder.LIVE).order_by("order")
    assert list(live.values_list("order", "node__code")) == [(first, "del-01"), (begun, "blr-01"), (last, "del-01")]


def test_an_order_that_no_other_node_has_is_refused_and_that_it_was_tried_stays(world: World) -> None:
    order_id = at_risk(world, "A-1", 6)
    find_remedies()
    stock(world.kurta, world.delhi, 0)

    answer = clicked("promise_reroute", [order_id])

    assert "No other node can take all of it now." in answer.content.decode()
    assert RerouteAttempt.objects.get().order_id == order_id
    assert FulfillmentOrder.objects.get().node == world.blr


def test_customers_are_told_from_the_queue_and_a_delivered_order_is_refused_alone(world: World) -> None:
    delivered, open_one = at_risk(world, "A-1", 0.4), at_risk(world, "A-2", 0.4)
    stock(world.kurta, world.delhi, 0)
    find_remedies()
    Order.objects.filter(pk=delivered).update(stage="delivered")

    clicked("promise_tell", [open_one, delivered])

    job = Job.objects.get()
    assert (job.succeeded, job.failed) == (1, 1)
    assert "there is no date to tell" in job.result["refused"][str(delivered)]
    assert list(Message.objects.filter(template="new_date").values_list("order", flat=True)) == [open_one]


def test_a_faster_service_that_is_not_sold_is_not_proposed(world: World) -> None:
    [standing] = standings_of([at_risk(world, "A-1", 6)])
    DeliveryService.objects.all().delete()
    DeliveryService.objects.create(code="standard", name="Standard")
    forget_promises()
    assert not _may_go_faster(standing)

    DeliveryService.objects.create(code="express", name="Express")
    forget_promises()
    assert _may_go_faster(standing)


def test_one_call_sends_what_has_no_label_by_the_fastest_service(world: World) -> None:
    order_id = at_risk(world, "A-1", 6)
    with pytest.raises(Conflict, match="not what helps"):
        go_faster(order_id=order_id, actor="Asha")
    OrderOutlook.objects.update(remedy=OutlookRemedy.UPGRADE, remedy_breach=0.1)

    go_faster(order_id=order_id, actor="Asha")
    OrderOutlook.objects.update(remedy=OutlookRemedy.UPGRADE)
    with pytest.raises(Conflict, match="nothing waits for a label"):
        go_faster(order_id=order_id, actor="Asha")

    assert FulfillmentOrder.objects.get().goes_fast
    assert [standing.service for standing in standings_of([order_id])] == ["express"]
    assert OrderEvent.objects.get(order=order_id, kind="goes_fast").message == (
        "Goes from blr-01 by the fastest service, because its promise is at risk."
    )


def test_what_was_done_is_not_asked_for_again_and_what_helps_now_is_looked_for_at_once(world: World) -> None:
    order_id = at_risk(world, "A-1", 6)
    find_remedies()
    OrderOutlook.objects.update(
        remedy=OutlookRemedy.UPGRADE, remedy_breach=0.1, remedy_nodes=["blr-01"], remedy_cost_minor=5
    )
    assert orders_to_help(10) == []

    go_faster(order_id=order_id, actor="Asha")

    outlook = OrderOutlook.objects.get()
    assert (outlook.remedy, outlook.remedy_breach, outlook.remedy_cost_minor, outlook.remedy_nodes) == (
        "", None, None, [],
    )  # fmt: skip
    assert orders_to_help(10) == [order_id]
    find_remedies()
    assert OrderOutlook.objects.get().remedy not in ("", OutlookRemedy.UPGRADE)


def test_the_faster_service_is_asked_for_from_the_queue_and_on_the_order(world: World, client: Client) -> None:
    first, second = at_risk(world, "A-1", 6), at_risk(world, "A-2", 6)
    OrderOutlook.objects.update(remedy=OutlookRemedy.UPGRADE, remedy_breach=0.1)
    ops = User.objects.create(email="ops@example.com", role="ops_manager", all_nodes=True, all_channels=True)
    client.force_login(ops, backend="django.contrib.auth.backends.ModelBackend")
    number = Order.objects.get(pk=second).number

    page = client.get(f"/orders/{number}/")
    assert f"/orders/{number}/promise/faster/" in page.content.decode()
    shown = client.get(f"/orders/{number}/promise/faster/").content.decode()
    assert "10%" in shown
    client.post(f"/orders/{number}/promise/faster/", {"idempotency_key": str(uuid7())})
    assert FulfillmentOrder.objects.get(order=second).goes_fast
    assert f"/orders/{number}/promise/faster/" not in client.get(f"/orders/{number}/").content.decode()
    # Found again by a look that began before it was done.
    OrderOutlook.objects.update(remedy=OutlookRemedy.UPGRADE)
    answer = clicked("promise_upgrade", [first, second], client)

    assert "1 order set to go by the fastest service, 1 refused." in answer.content.decode()
    assert FulfillmentOrder.objects.filter(goes_fast=True).count() == 2


def test_a_channel_that_writes_itself_is_not_gone_round(world: World) -> None:
    world.channel.notifies_customer = False
    world.channel.save()
    order_id = at_risk(world, "A-1", 0.4)
    stock(world.kurta, world.delhi, 0)

    find_remedies()

    assert OrderOutlook.objects.get().remedy == OutlookRemedy.NONE
    with pytest.raises(Conflict, match="its channel writes itself"):
        tell_new_date(order_id=order_id, actor="Asha")


def test_remedies_for_many_take_as_many_statements_as_for_few(world: World) -> None:
    # What is remembered for seconds may have to be read again in between: the fewest of three are those of the work.
    def fewest() -> int:
        return min(statements() for _ in range(3))

    def statements() -> int:
        OrderOutlook.objects.update(remedied_at=None)
        with CaptureQueriesContext(connection) as seen:
            find_remedies()
        return len(seen)

    for number in range(2):
        at_risk(world, f"A-{number}", 6)
        Node.objects.filter(pk=world.blr.pk).update(working_days=[1, 2, 3, 4, 5, 6, 7])
    Node.objects.filter(pk=world.blr.pk).update(working_days=[4])
    few = fewest()
    for number in range(2, 6):
        Node.objects.filter(pk=world.blr.pk).update(working_days=[1, 2, 3, 4, 5, 6, 7])
        at_risk(world, f"A-{number}", 6)

    assert OrderOutlook.objects.count() == 6
    assert fewest() == few
