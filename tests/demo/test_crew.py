"""The crew works through the real API over HTTP, and riders bring what nobody else knows."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from pytest_django.live_server_helper import LiveServer

from carriers.models import CarrierAccount
from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import book_shipment, open_fulfillment_orders
from oms.accounts.models import ApiToken
from oms.accounts.services import create_token
from oms.core.errors import PermanentError
from oms.demo import brand, third_party
from oms.demo.crew import Team, crew_token
from oms.demo.nodes import DCS
from oms.demo.pace import Pace
from oms.demo.riders import Riders
from oms.demo.third_party import ThirdParty
from oms.demo.warehouse import WarehouseClient
from oms.demo.world import Standing
from oms.integrations.services import write_hand_off_files
from orders.models import Order
from routing.services import route_orders
from tests.factories import capture, make_line, make_order, make_world

VERBS = ("fulfillment.view", "fulfillment.work", "inventory.receive", "inventory.view")


def released_order() -> tuple[int, str]:
    """An order with work at a node; its id and the node's code."""
    world = make_world()
    order_id = capture(world, make_order("crew-1", make_line(world.kurta, 2)))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    return order_id, FulfillmentOrder.objects.get().node.code


def clock_from(moments: list[float]) -> Callable[[], float]:
    return lambda: moments.pop(0)


@pytest.mark.django_db(transaction=True)
def test_a_team_takes_an_order_from_the_shelf_to_the_van(live_server: LiveServer) -> None:
    # Given an order to pick at a node, and a courier without an API
    order_id, node = released_order()
    CarrierAccount.objects.create(code=brand.RIDERS, name="City riders", adapter="manual")
    _, token = create_token(name="test crew", verbs=VERBS, node_codes=[node])
    pace = Pace(short_share=0.0, restock_seconds=1e9)
    client = WarehouseClient(live_server.url, token)
    team = Team(node, client, pace, random.Random(1), clock_from([0.0, 30.0, 90.0]), next_restock=1e9)
    # When the team works a first round: it picks; a second round, later: it packs
    team.work()
    assert Order.objects.get(pk=order_id).stage == "picked"
    team.work()
    assert Order.objects.get(pk=order_id).stage == "packed"
    # When the label is there and the driver comes
    book_shipment(Shipment.objects.get().pk)
    team.work()
    # Then the parcel is on the road, and riders bring it to the door in a few steps
    assert Order.objects.get(pk=order_id).stage == "shipped"
    riders = Riders(random.Random(1), share_failed=0.0)
    assert [riders.ride(3) for _ in range(5)] == [1, 1, 1, 1, 0]
    assert list(Shipment.objects.get().booking.scans.values_list("milestone", flat=True)) == [  # type: ignore[union-attr]
        "picked_up", "in_transit", "out_for_delivery", "delivered",
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_told_in_the_applications_own_words(live_server: LiveServer) -> None:
    _, node = released_order()
    _, token = create_token(name="test crew", verbs=VERBS, node_codes=[node])
    client = WarehouseClient(live_server.url, token)
    work = client.list_open(node, ["accepted"])[0]
    with pytest.raises(PermanentError, match="pick it first"):
        client.pack(work["id"])
    with pytest.raises(PermanentError, match="live API token"):
        WarehouseClient(live_server.url, "oms_wrong").list_open(node, ["accepted"])


@pytest.mark.django_db
def test_the_crew_may_not_touch_a_store() -> None:
    first, second = crew_token(), crew_token()
    assert first != second
    token = ApiToken.objects.get()
    assert token.node_codes == [node.code for node in DCS]
    assert not token.all_nodes


@pytest.mark.django_db(transaction=True)
def test_the_3pl_takes_its_work_from_files_to_the_van(live_server: LiveServer) -> None:
    # Given work at the node that the 3PL runs, in a file for its WMS
    world = make_world()
    CarrierAccount.objects.create(code=brand.RIDERS, name="City riders", adapter="manual")
    world.blr.code = third_party.NODE
    world.blr.save()
    riders = CarrierAccount.objects.get()
    third_party.add(Standing({third_party.NODE: world.blr}, {}, {}, riders, riders))
    order_id = capture(world, make_order("3pl-1", make_line(world.kurta, 2)))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    write_hand_off_files()
    # When it works: it accepts, packs, and hands over once the label is there
    _, token = create_token(name="test crew", verbs=VERBS, node_codes=[third_party.NODE])
    client = WarehouseClient(live_server.url, token)
    moments = [float(moment) for moment in range(0, 1000, 100)]
    people = ThirdParty(client, Pace(short_share=0.0), random.Random(1), clock_from(moments))
    assert [people.work() for _ in range(3)] == [1, 1, 0]
    book_shipment(Shipment.objects.get().pk)
    assert people.work() == 1
    # Then the parcel is on the road
    assert Order.objects.get(pk=order_id).stage == "shipped"
