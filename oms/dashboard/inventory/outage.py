"""What happens to a node's open work when it is switched off, or to waiting orders when it is switched on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db.models import Q

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from inventory.models import Node
from orders.models import Order, OrderLine
from routing.engine import LineInput, OrderInput, plan_orders
from routing.models import RoutingExclusion
from routing.services import active_policy, lane, place_of, rate_table, read_nodes, read_stock

#: Work that is taken back: everything that is not in a box yet.
_TAKEN_BACK = ("scheduled", "open", "accepted", "picking")
_STAYS = ("picked", "waiting_transfer", "packed", "ready")
#: Orders that are planned for the preview; the others are only counted.
PLANNED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OutagePreview:
    """Work by what becomes of it. `to_nodes` counts the planned orders by the node they would go to."""

    taken_back: int
    picking: int
    stays: int
    planned: int
    to_nodes: tuple[tuple[str, int], ...]
    partial: int
    stranded: int


def preview_outage(node: Node) -> OutagePreview:
    """Plan the node's open work again without it, against stock and capacity as they are. Writes nothing."""
    work = FulfillmentOrder.objects.filter(node=node)
    taken = work.filter(state__in=_TAKEN_BACK)
    ids = list(taken.order_by("due_at", "pk").values_list("pk", flat=True))
    planned = ids[:PLANNED]
    orders = _inputs(node, planned)
    nodes = [other for other in read_nodes() if other.node_id != node.pk]
    codes = {other.node_id: other.code for other in nodes}
    stock = read_stock(line.sku_id for order in orders for line in order.lines)
    stock = {key: units for key, units in stock.items() if key[1] != node.pk}
    plans = plan_orders(orders, nodes, stock, lane, rate_table(), active_policy()) if orders else []
    went = Counter(codes[node_id] for plan in plans for node_id in plan.node_ids)
    return OutagePreview(
        taken_back=len(ids), picking=taken.filter(state="picking").count(), stays=work.filter(state__in=_STAYS).count(),
        planned=len(plans), to_nodes=tuple(went.most_common()),
        partial=sum(plan.outcome == "partial" for plan in plans),
        stranded=sum(plan.outcome == "unroutable" for plan in plans),
    )  # fmt: skip


def _inputs(node: Node, work_ids: list[int]) -> list[OrderInput]:
    """The engine's view of the units that would be taken back, the most urgent first."""
    lines: dict[int, list[LineInput]] = {}
    for line in FulfillmentLine.objects.filter(fulfillment_order__in=work_ids).select_related(
        "sku", "fulfillment_order"
    ):
        units = line.quantity - line.short - line.packed
        if units > 0:
            lines.setdefault(line.fulfillment_order.order_id, []).append(
                LineInput(line.order_line_id, line.sku_id, units, line.sku.weight_grams, line.sku.code)
            )
    excluded: dict[int, set[int]] = {}
    for order_id, node_id in RoutingExclusion.objects.filter(order__in=lines).values_list("order_id", "node_id"):
        excluded.setdefault(order_id, set()).add(node_id)
    orders = Order.objects.in_bulk(list(lines))
    return [
        _input(orders[order_id], tuple(units), frozenset(excluded.get(order_id, ())))
        for order_id, units in lines.items()
    ]


def _input(order: Order, lines: tuple[LineInput, ...], excluded: frozenset[int]) -> OrderInput:
    place = place_of(order.ship_country, order.ship_postcode)
    return OrderInput(
        key=order.pk, lines=lines, postcode=order.ship_postcode, lat=place.lat if place else None,
        lon=place.lon if place else None, region=order.ship_region, cod=order.is_cod, value_minor=order.total_minor,
        currency=order.currency, service_level=order.service_level, excluded_node_ids=excluded,
    )  # fmt: skip


def waiting_for_a_node() -> int:
    """Orders that wait for a node; those that the node can supply are tried again when it comes on."""
    lines = OrderLine.objects.filter(Q(unallocated__gt=0) | Q(backordered__gt=0), sku_id__isnull=False)
    return lines.values("order_id").distinct().count()
