"""Whoever picks and packs sees that the goods are a substitute, and for what; so does the paper in the box."""

from __future__ import annotations

import pytest

from fulfillment.models import FulfillmentOrder
from fulfillment.selectors import with_lines
from fulfillment.selectors.pick_lists import pick_list_of
from fulfillment.selectors.picking import pick_rows
from fulfillment.services import open_fulfillment_orders
from inventory.services import set_substitutes
from oms.core.clock import now
from oms.reporting.order_rows import COLUMNS, read_rows
from orders.models import Order
from routing.services import forget_policy, route_orders, substitute_line
from tests.factories import World, capture, make_line, make_order, make_world, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """An order of two kurtas that nobody has; a person sold sarees instead."""
    forget_policy()
    world = make_world()
    for node in (world.blr, world.delhi):
        stock(world.kurta, node, 0)
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[world.saree.pk], actor="Asha")
    order_id = capture(world, make_order("A", make_line(world.kurta, 2), substitutions="allowed"))
    route_orders([order_id], trigger="captured")
    line = Order.objects.get().lines.get()
    substitute_line(order_id=order_id, line_id=line.pk, sku_id=world.saree.pk, units=2, actor="Asha")
    open_fulfillment_orders([order_id])
    return world


def test_the_walk_and_the_list_on_paper_say_what_it_is_a_substitute_for(world: World) -> None:
    work = list(with_lines(FulfillmentOrder.objects.all()))

    [row] = pick_rows(work[0].node_id, work)
    [printed] = pick_list_of(work[0].node, work, now()).rows
    assert (row.sku.code, row.instead_of, row.quantity) == ("SAREE-1", ["KURTA-M"], 2)
    assert printed.lots == "substitute for KURTA-M"


def test_exports_say_it(world: World) -> None:
    [row] = read_rows(list(Order.objects.all()), masked=False)

    assert COLUMNS["substitutes"].value(row) == "2 x SAREE-1 for KURTA-M"
    assert COLUMNS["takes_substitutes"].value(row) == "Allowed"
