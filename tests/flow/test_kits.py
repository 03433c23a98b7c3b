"""A kit from the shop that sells it to the parcel, the shop's own books, and back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

import pytest

from channels.models import ChannelAccount, Listing, OutboundUpdate
from channels.services import OrderNews, poll_account, process_inbox, queue_order_updates
from channels.simulators.woocommerce.server import SimulatedStore
from fulfillment.models import FulfillmentOrder
from fulfillment.services import ParcelPlan, hand_over, pack, pick, report_short
from inventory.models import Sku, StockLevel
from inventory.services import audit_stock
from orders.kits import kit_units
from orders.models import Order, OrderKit, OrderLine
from orders.services import UnitMove, move_units
from returns.models import ReturnLine
from returns.services import expect_rto, receive
from routing.models import RoutingDecision
from routing.services import route_orders
from tests.channels.services.doors import connect, make_account, take, woo
from tests.channels.woocommerce.store import place, running_store, seed
from tests.factories import World, make_sku, make_world, stock
from tests.flow.driver import drain
from tests.fulfillment.floor import make_carrier
from tests.kits import make_kit
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


@pytest.fixture
def kit(world: World) -> Sku:
    return make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))


@pytest.fixture
def account(world: World) -> ChannelAccount:
    return make_account(world)


@pytest.fixture
def store(account: ChannelAccount, kit: Sku) -> Iterator[SimulatedStore]:
    with running_store() as found:
        seed(found, "GIFT-SET")
        connect(account, found)
        yield found


def at_node() -> list[tuple[str, str, int]]:
    rows = StockLevel.objects.filter(reserved__gt=0).order_by("node__code", "sku__code")
    return [(row.node.code, row.sku.code, row.reserved) for row in rows.select_related("node", "sku")]


def test_a_kit_is_bought_assembled_shipped_in_two_parcels_told_and_comes_back(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    (number,) = place(store, sku="GIFT-SET", quantity=1, cod=False, postcode="560001")
    poll_account(account.pk)
    process_inbox()
    drain()
    order = Order.objects.get()
    assert order.stage == "released"
    assert at_node() == [("blr-01", "KURTA-M", 2), ("blr-01", "SHOE-42", 1)]
    assert Listing.objects.get(external_sku="GIFT-SET").wanted_quantity == 9

    work = FulfillmentOrder.objects.get()
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Ravi")
    pick(fulfillment_order_id=work.pk, code="SHOE-42", quantity=1, actor="Ravi")
    kurtas, shoes = work.lines.order_by("sku__code")
    parcels = pack(fulfillment_order_id=work.pk, actor="Ravi",
                   parcels=[ParcelPlan(items={kurtas.pk: 2}), ParcelPlan(items={shoes.pk: 1})])  # fmt: skip
    drain()

    hand_over(shipment_ids=[parcels[0].pk], actor="Ravi")
    drain()
    assert store.orders.get(number)["status"] == "processing"
    hand_over(shipment_ids=[parcels[1].pk], actor="Ravi")
    drain()
    assert store.orders.get(number)["status"] == "completed"
    assert kit_units(OrderLine.objects.all()).shipped == 1

    back = expect_rto(shipment_id=parcels[0].pk)
    [line] = ReturnLine.objects.all()
    receive(return_id=back.pk, dispositions={line.pk: "restock"}, actor="Ravi")
    drain()
    level = StockLevel.objects.get(sku=world.kurta, node=world.blr)
    assert (level.on_hand, level.reserved, level.packed) == (10, 0, 0)
    # The parcel with the shoes is still with the buyer: no whole kit came back.
    assert kit_units(OrderLine.objects.all()).returned == 0
    assert Listing.objects.get(external_sku="GIFT-SET").wanted_quantity == 10
    assert audit_stock().differences == 0


def test_all_of_a_kit_leaves_from_one_node_or_it_waits(world: World, account: ChannelAccount, kit: Sku) -> None:
    stock(world.kurta, world.blr, 1)
    stock(world.shoe, world.delhi, 0)
    take(account, woo(sku="GIFT-SET", quantity=1))
    drain()
    assert (Order.objects.get().stage, at_node()) == ("backordered", [])
    decision = RoutingDecision.objects.get()
    assert decision.sentence == "No node has GIFT-SET: 1 wanted, 0 sellable at 3 nodes."

    stock(world.shoe, world.delhi, 1)
    drain()
    assert at_node() == [("del-01", "KURTA-M", 2), ("del-01", "SHOE-42", 1)]
    last = RoutingDecision.objects.latest("pk")
    kurtas, shoes = OrderLine.objects.order_by("position")
    assert sorted(last.assignments) == [
        [kurtas.pk, world.kurta.pk, world.delhi.pk, 2], [shoes.pk, world.shoe.pk, world.delhi.pk, 1],
    ]  # fmt: skip


def test_a_kit_that_may_be_split_is_split(world: World, account: ChannelAccount, kit: Sku) -> None:
    Sku.objects.filter(pk=kit.pk).update(ships_together=False)
    stock(world.kurta, world.blr, 1)
    stock(world.shoe, world.delhi, 0)
    take(account, woo(sku="GIFT-SET", quantity=1))
    drain()
    # The second kurta from afar would begin another slab of the dear zone; the one that is near goes with the shoes.
    assert at_node() == [("blr-01", "KURTA-M", 1), ("blr-01", "SHOE-42", 1), ("del-01", "KURTA-M", 1)]


def test_what_is_missing_of_a_kit_after_a_short_pick_comes_from_elsewhere(
    world: World, account: ChannelAccount, kit: Sku
) -> None:
    take(account, woo(sku="GIFT-SET", quantity=1))
    drain()
    work = FulfillmentOrder.objects.get()
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Ravi")
    shoes = work.lines.get(sku=world.shoe)
    report_short(fulfillment_order_id=work.pk, line_id=shoes.pk, quantity=1, reason="not_found", actor="Ravi")
    drain()
    assert ("del-01", "SHOE-42", 1) in at_node()
    assert Order.objects.get().open_holds == 0


def test_kits_and_their_components_sold_at_once_never_oversell(world: World) -> None:
    draw = random.Random(4)
    tea, cup = make_sku("TEA"), make_sku("CUP")
    kit = make_kit("TEA-SET", (tea, 2), (cup, 1))
    for node in (world.blr, world.delhi):
        stock(tea, node, 9)
        stock(cup, node, 5)
    account = make_account(world)
    orders = []
    for number in range(24):
        sku = draw.choice([kit, kit, tea, cup])
        take(account, woo(1000 + number, sku=sku.code, quantity=draw.choice([1, 1, 2])))
        orders.append(Order.objects.latest("pk").pk)

    at_once([partial(route_orders, [order_id], trigger="captured") for order_id in orders])

    for level in StockLevel.objects.filter(sku__in=[tea, cup]):
        assert 0 <= level.reserved <= level.on_hand
    for parts in (list(kit.lines.all()) for kit in OrderKit.objects.prefetch_related("lines")):
        # All or nothing of each unit: as many cups as pairs of tea have a node.
        allocated = {line.allocated / (line.units_per_kit or 1) for line in parts}
        assert len(allocated) == 1, parts
    left = {sku: sum(row.atp for row in StockLevel.objects.filter(sku=sku)) for sku in (tea, cup)}
    waiting = [line for line in OrderLine.objects.all() if line.unrouted and line.kit_id is None]
    # Nobody waits for a single unit that is there.
    assert all(left[tea if line.sku_id == tea.pk else cup] < line.quantity for line in waiting)
    assert audit_stock().differences == 0


def test_two_parcels_that_leave_at_once_tell_their_kit_once(world: World, account: ChannelAccount, kit: Sku) -> None:
    take(account, woo(sku="GIFT-SET", quantity=1))
    order = Order.objects.get()
    kurtas, shoes = order.lines.order_by("position")
    move_units([UnitMove(kurtas.pk, "unallocated", "shipped", 2), UnitMove(shoes.pk, "unallocated", "shipped", 1)])
    news = [
        OrderNews(order_id=order.pk, kind="shipped", update_key=f"shipped/{line.pk}", lines={line.pk: line.quantity})
        for line in (kurtas, shoes)
    ]

    at_once([partial(queue_order_updates, [item]) for item in news])

    told = OutboundUpdate.objects.filter(order=order).values_list("payload__lines", flat=True)
    assert sorted(lines["71"] for lines in told) == [0, 1]
