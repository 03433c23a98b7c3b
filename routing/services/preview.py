"""What routing would decide now, and what a person may ask of it, without writing anything."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction

from routing.engine import OrderInput, Plan, plan_orders
from routing.models import RoutingExclusion
from routing.services.context import active_policy, lane, rate_table, read_nodes, read_stock


def plan_for(
    order: OrderInput, *, only_node_id: int | None = None, freed: dict[tuple[int, int], int] | None = None
) -> Plan:
    """The plan the active policy would make for these inputs now.

    `only_node_id` leaves only that node to choose from; `freed` is stock that a reroute would give back first.
    """
    nodes = read_nodes()
    if only_node_id is not None:
        nodes = [node for node in nodes if node.node_id == only_node_id]
        order = replace(order, excluded_node_ids=frozenset(), allowed_groups=frozenset())
    stock = read_stock(line.sku_id for line in order.lines)
    for key, quantity in (freed or {}).items():
        stock[key] = stock.get(key, 0) + quantity
    return plan_orders([order], nodes, stock, lane, rate_table(), active_policy())[0]


def exclude_node(*, order_id: int, node_id: int, reason: str) -> None:
    """Never offer this order to this node again."""
    with transaction.atomic():
        RoutingExclusion.objects.get_or_create(order_id=order_id, node_id=node_id, defaults={"reason": reason[:200]})
