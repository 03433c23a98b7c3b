"""What the preview of a reroute says is what the reroute then does: same stock, same rules, same places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from fulfillment.models import FulfillmentOrder
from fulfillment.services import open_fulfillment_orders, pick, preview_reroute, reroute_order
from inventory.models import Node, NodeGroup, StockLevel
from oms.core.clock import now
from orders.canonical import CanonicalLine
from orders.models import Order, OrderLine
from routing.models import ChannelSourcing, NodeLoad, RoutingDecision
from routing.services import exclude_node, forget_policy, route_orders
from tests.factories import World, capture, make_line, make_order, make_sku, make_world, stock
from tests.fulfillment.floor import make_work, stock_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    forget_policy()
    return make_world()


def order_of(world: World, *lines: CanonicalLine, **fields: object) -> int:
    return int(make_work(world, "1", *lines, **fields).order_id)


def plain(world: World) -> int:
    return order_of(world, make_line(world.kurta, 2))


def pickup(world: World) -> int:
    """Only the store will do, though Bengaluru has everything."""
    stock(world.kurta, world.store, 2)
    return order_of(world, make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1")


def other_group(world: World) -> int:
    """Since it was routed, the channel ships from Delhi only."""
    order_id = order_of(world, make_line(world.kurta))
    north = NodeGroup.objects.create(code="north", name="North")
    world.delhi.groups.add(north)
    ChannelSourcing.objects.get(channel=world.channel).groups.set([north])
    forget_policy()
    return order_id


def promised(world: World) -> int:
    """Bengaluru is nearer and takes a week; Delhi, where stock came since, keeps the promise."""
    stock(world.kurta, world.delhi, 0)
    Node.objects.filter(pk=world.blr.pk).update(processing_minutes=7 * 24 * 60)
    order_id = order_of(world, make_line(world.kurta), promised_by=now() + timedelta(days=6, hours=12))
    stock(world.kurta, world.delhi, 5)
    return order_id


def heavy(world: World) -> int:
    """Twelve kilograms, which cost more the farther they go."""
    trunk = make_sku("TRUNK", weight_grams=12_000)
    stock(trunk, world.blr, 1)
    stock(trunk, world.delhi, 1)
    return order_of(world, make_line(trunk))


def rejected(world: World) -> int:
    order_id = order_of(world, make_line(world.kurta))
    exclude_node(order_id=order_id, node_id=world.blr.pk, reason="Rejected: no time")
    return order_id


def full(world: World) -> int:
    """The one order that Bengaluru takes a day is this one."""
    Node.objects.filter(pk=world.blr.pk).update(daily_capacity=1)
    return order_of(world, make_line(world.kurta))


def half_begun(world: World) -> int:
    """Ten are being picked in Bengaluru; the two in Delhi may move, but nothing of the ten is free."""
    order_id = capture(world, make_order("1", make_line(world.kurta, 12)))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    pick(fulfillment_order_id=FulfillmentOrder.objects.get(node=world.blr).pk, code="KURTA-M", actor="Asha")
    return order_id


def waiting(world: World) -> int:
    """Three wait for stock, of which two came to Delhi meanwhile."""
    stock(world.kurta, world.delhi, 0)
    order_id = order_of(world, make_line(world.kurta, 13))
    stock(world.kurta, world.delhi, 2)
    return order_id


def oversold(world: World) -> int:
    """Three were promised, two are left: what is given back is one short."""
    order_id = order_of(world, make_line(world.kurta, 3))
    stock(world.kurta, world.delhi, 0)
    Node.objects.filter(pk=world.store.pk).update(is_active=False)
    stock(world.kurta, world.blr, 3)
    StockLevel.objects.filter(sku=world.kurta, node=world.blr).update(safety_stock=1)
    return order_id


def unopened(world: World) -> int:
    order_id = capture(world, make_order("1", make_line(world.kurta)))
    route_orders([order_id], trigger="captured")
    exclude_node(order_id=order_id, node_id=world.blr.pk, reason="Rejected: no time")
    return order_id


CASES: dict[str, tuple[Callable[[World], int], Sequence[str]]] = {
    "plain": (plain, ["blr-01"]),
    "pickup": (pickup, ["blr-s1"]),
    "other group": (other_group, ["del-01"]),
    "promised": (promised, ["del-01"]),
    "heavy": (heavy, ["blr-01"]),
    "rejected": (rejected, ["del-01"]),
    "full": (full, ["blr-01"]),
    "half begun": (half_begun, ["del-01"]),
    "waiting": (waiting, ["blr-01", "del-01"]),
    "oversold": (oversold, ["blr-01"]),
    "unopened": (unopened, ["del-01"]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_preview_is_what_the_reroute_does(world: World, case: str) -> None:
    make, codes = CASES[case]
    order_id = make(world)

    plan = preview_reroute(order_id=order_id).plan
    work_ids = reroute_order(order_id=order_id, actor="care")

    assert plan is not None
    decided = RoutingDecision.objects.filter(order=order_id).order_by("-attempt")[0]
    assert decided.trigger == "reroute"
    assert [list(part) for part in plan.assignments] == decided.assignments
    assert (plan.outcome, plan.cost_minor, plan.sentence) == (decided.outcome, decided.cost_minor, decided.sentence)
    opened = FulfillmentOrder.objects.filter(pk__in=work_ids).order_by("node__code")
    assert list(opened.values_list("node__code", flat=True)) == codes


def test_a_person_s_choice_is_previewed_against_what_kept_the_order_from_there(world: World) -> None:
    order_id = rejected(world)

    preview = preview_reroute(order_id=order_id, to_node_id=world.blr.pk)
    reroute_order(order_id=order_id, actor="care", to_node_id=world.blr.pk)

    assert preview.plan is not None
    decided = RoutingDecision.objects.filter(order=order_id).order_by("-attempt")[0]
    assert [list(part) for part in preview.plan.assignments] == decided.assignments
    assert (preview.from_nodes, preview.plan.node_ids) == (["blr-01"], (world.blr.pk,))


def test_a_preview_changes_nothing(world: World) -> None:
    order_id = waiting(world)
    version = Order.objects.get(pk=order_id).version

    preview_reroute(order_id=order_id)

    assert Order.objects.get(pk=order_id).version == version
    assert RoutingDecision.objects.count() == 1
    assert list(NodeLoad.objects.values_list("orders", flat=True)) == [1]
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 10}


def test_an_order_with_nothing_left_to_route_says_so(world: World) -> None:
    order_id = capture(world, make_order("1", make_line(world.kurta)))
    OrderLine.objects.update(unallocated=0, cancelled=1)

    preview = preview_reroute(order_id=order_id)

    assert (preview.plan, preview.refused) == (None, f"Nothing of {preview.number} needs a node.")
