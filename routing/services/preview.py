"""What routing would decide now, and what a person may ask of it, without writing a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction

from routing.engine import Plan
from routing.models import RoutingExclusion
from routing.services.planning import plan_demands
from routing.services.reading import Freed, read_surroundings


def plan_again(
    order_ids: Sequence[int], freed: Sequence[Freed], *, only_node_id: int | None = None,
    without_node_id: int | None = None,
) -> dict[int, Plan]:  # fmt: skip
    """The plans that `route_orders` would make, by order id, once `freed` was given back. Writes nothing.

    From the same reading, by the same rules and in the same sequence. Orders without a unit to route are left out.
    `only_node_id` is a person's choice, as there; `without_node_id` a node that is taken to be switched off.
    """
    around = read_surroundings(order_ids, freed)
    if without_node_id is not None:
        around.nodes = [replace(n, active=False) if n.node_id == without_node_id else n for n in around.nodes]
    return {each.demand.order_id: each.plan for each in plan_demands(around, only_node_id)}


def exclude_node(*, order_id: int, node_id: int, reason: str) -> None:
    """Never offer this order to this node again."""
    with transaction.atomic():
        RoutingExclusion.objects.get_or_create(order_id=order_id, node_id=node_id, defaults={"reason": reason[:200]})
