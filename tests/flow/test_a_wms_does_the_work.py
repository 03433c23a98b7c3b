"""The whole way through a WMS over real HTTP, with a third of everything going wrong on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from fulfillment.models import FulfillmentOrder, HandOffInstruction, Shipment, ShipmentState, WmsLink
from fulfillment.services import book_shipment, cancel_order, open_fulfillment_orders
from fulfillment.simulators.wms import Faults, SimulatedWms, WmsServer
from inventory.models import StockLevel
from inventory.services import audit_stock
from oms.accounts.services import create_token
from oms.core.clock import now
from oms.integrations.services import send_instructions
from oms.integrations.services.wms_links import LinkWish, save_link
from orders.models import OrderLine
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import make_carrier
from tests.fulfillment.linked import hand_off_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ORDERS = 20
TOKEN = ("fulfillment.view", "fulfillment.work")


@pytest.fixture
def world(settings: Settings) -> World:
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    make_carrier()
    made = make_world()
    stock(made.kurta, made.blr, 100)
    return made


@contextmanager
def linked(world: World, api: LiveServer, faults: Faults) -> Iterator[tuple[WmsServer, WmsLink]]:
    """A WMS at the node in Bengaluru, which takes everything."""
    _, token = create_token(name="the WMS", verbs=TOKEN, node_codes=["blr-01"])
    server = WmsServer(SimulatedWms(api_url=api.url, token=token, faults=faults, seed=7))
    link, server.secret = save_link(world.blr.pk, LinkWish(mode="webhook", url=server.url))
    with server:
        yield server, link


def tell(link: WmsLink) -> None:
    """Send what is due, as though the pauses after failures were over."""
    HandOffInstruction.objects.filter(state="failed").update(next_try_at=now())
    WmsLink.objects.update(quiet_until=None, silent_tries=0)
    send_instructions(link.pk)


def some_work(world: World, number: int, units: int = 2) -> FulfillmentOrder:
    order_id = capture(world, make_order(str(number), make_line(world.kurta, units)))
    route_orders([order_id], trigger="captured")
    [work_id] = open_fulfillment_orders([order_id])
    return FulfillmentOrder.objects.get(pk=work_id)


def test_twenty_orders_with_a_third_of_everything_going_wrong(world: World, live_server: LiveServer) -> None:
    faults = Faults(error=0.15, lost_reply=0.15, duplicate=0.3, unheard=0.3, reject=0.1, short=0.2, disorder=0.3)
    with linked(world, live_server, faults) as (server, link):
        works = [some_work(world, number) for number in range(ORDERS)]
        for _ in range(60):
            tell(link)
            if len(server.wms.jobs) == ORDERS and not server.wms.open_jobs:
                break
            server.wms.work()
            for pk in Shipment.objects.filter(state=ShipmentState.CREATED).values_list("pk", flat=True):
                book_shipment(pk)
        jobs = server.wms.jobs

    # Every instruction came through, several more than once, each heard as one; faults did strike.
    assert len(jobs) == ORDERS
    assert max(server.wms.heard.values()) > 1
    assert any(job.refusals for job in jobs.values())
    # Both sides agree on each piece of work, to the unit.
    for work in works:
        work.refresh_from_db()
        job = jobs[work.number]
        line = work.lines.get()
        assert {line.pk: line.packed} if work.state == "completed" else job.shipped == {}
        assert (work.state == "completed") == (job.step == "shipped"), (work.state, job)
        assert job.short.get(line.pk, 0) == line.short
        assert work.hand_off.state in ("closed", "rejected")
    # Every unit was shipped once, or is short or rejected and needs a node again; the books say the same.
    shipped = sum(sum(job.shipped.values()) for job in jobs.values())
    totals = {name: sum(OrderLine.objects.values_list(name, flat=True)) for name in ("shipped", "unallocated")}
    assert totals == {"shipped": shipped, "unallocated": 2 * ORDERS - shipped}
    level = StockLevel.objects.get(sku=world.kurta, node=world.blr)
    shorts = sum(sum(job.short.values()) for job in jobs.values())
    assert (level.on_hand, level.reserved, level.packed) == (100 - shipped - shorts, 0, 0)
    assert audit_stock().differences == 0


def test_a_cancellation_and_a_parcel_at_the_same_moment_have_one_winner(world: World, live_server: LiveServer) -> None:
    with linked(world, live_server, Faults()) as (server, link):
        ends = {race(world, server, link, number) for number in range(6)}

    assert ends == {("completed", "shipped", 2, 0, "closed"), ("cancelled", "cancelled", 0, 2, "cancellation_accepted")}
    assert audit_stock().differences == 0


def race(world: World, server: WmsServer, link: WmsLink, number: int) -> tuple[str, str, int, int, str]:
    """Cancel one order while its WMS goes on: what both sides have in the end."""
    work = some_work(world, number)
    tell(link)
    for _ in range(2 + number % 2):
        server.wms.work()
    at_once([
        lambda: cancel_order(order_id=work.order_id, reason="Changed my mind", actor="Ravi").asked,
        lambda: [str(server.wms.work())],
    ])  # fmt: skip
    for _ in range(6):
        for pk in Shipment.objects.filter(state=ShipmentState.CREATED).values_list("pk", flat=True):
            book_shipment(pk)
        tell(link)
        server.wms.work()
    work.refresh_from_db()
    line = OrderLine.objects.get(order=work.order_id)
    return work.state, server.wms.jobs[work.number].step, line.shipped, line.cancelled, hand_off_of(work).state
