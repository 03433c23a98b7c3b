"""A packed parcel that no carrier takes from its node: its goods go back on the shelf, and another node sends them."""

from __future__ import annotations

from dataclasses import replace

from carriers.services import choose
from carriers.services.choice import rate_request
from fulfillment.locks import lock_shipments
from fulfillment.models import RerouteCause, RerouteOutcome, Shipment, ShipmentItem, ShipmentState
from fulfillment.selectors.held import held_units
from fulfillment.services.moving import Move, decide_elsewhere, note_attempt
from fulfillment.services.shipping import booking_request, parcel_terms
from fulfillment.services.unpacking import open_parcel
from inventory.models import Node
from inventory.services import announce
from oms.core.db import run_atomic
from routing.services import Freed, plan_again


def reroute_refused_parcel(*, shipment_id: int, reason: str, actor: str = "flow") -> bool:
    """Send what is in a parcel from another node, which carriers do serve; whether it moved. Never in a transaction.

    First routing is asked which nodes it would choose, and the carriers whether they take it from there: a parcel that
    is too heavy for every carrier must not wander from node to node. Then, in one transaction, the parcel is opened,
    its node excluded for the order, and the order decided again, with `reason`, the carriers' words, in the decision.
    Where that leads nowhere the parcel stays packed, with its problem, for a person. Again, it finds the parcel gone.
    """
    shipment = Shipment.objects.select_related("order__channel", "node", "fulfillment_order").get(pk=shipment_id)
    if shipment.state != ShipmentState.CREATED or shipment.fulfillment_order.with_wms:
        return False  # What a WMS packed lies in its hands: a person asks for it.
    items = list(shipment.items.select_related("line__sku").order_by("pk"))
    words = f"No carrier serves {shipment.order.shipping_address.postcode} from {shipment.node.code}: {reason}"
    nodes = _planned_nodes(shipment, items)
    unserved = [node.code for node in nodes if not _takes(shipment, node)]
    if not nodes or unserved:
        why = f"Nor from {', '.join(unserved)}." if unserved else "No other node can take all of it."
        note_attempt(shipment.fulfillment_order, RerouteCause.NOT_SERVICEABLE, RerouteOutcome.STAYED, f"{words} {why}")
        return False
    served = {node.pk for node in nodes}
    return run_atomic(lambda: _move(shipment_id, words, served, actor))


def _planned_nodes(shipment: Shipment, items: list[ShipmentItem]) -> list[Node]:
    """The nodes that would send it now; none where some of it would have to wait."""
    freed = [Freed(i.line.order_line_id, shipment.node_id, i.line.sku_id, i.quantity) for i in items]
    plan = plan_again([shipment.order_id], freed, without_node_id=shipment.node_id).get(shipment.order_id)
    if plan is None or plan.outcome != "routed":
        return []
    return list(Node.objects.filter(pk__in=plan.node_ids).order_by("pk"))


def _takes(shipment: Shipment, node: Node) -> bool:
    """Whether any carrier takes the same parcel from another node."""
    request = replace(booking_request(shipment), ship_from=node.address, ship_from_code=node.code)
    quotes = choose(request=rate_request(request), terms=parcel_terms(shipment, request))
    return any(quote.eligible or quote.unanswered for quote in quotes)


def _move(shipment_id: int, words: str, served: set[int], actor: str) -> bool:
    shipment = next(iter(lock_shipments([shipment_id])), None)
    if shipment is None or shipment.state != ShipmentState.CREATED:
        return False
    items = list(shipment.items.select_related("line__sku").order_by("pk"))

    def take_back() -> None:
        held = held_units(items, {shipment.pk: shipment})
        open_parcel(shipment, items, held, why=words, actor=actor)
        announce([item.line.sku_id for item in items], reason="unpacked", grew_at=shipment.node_id)

    def allowed(nodes: set[int]) -> str:
        return "" if nodes <= served else "Meanwhile other nodes would send it than the carriers were asked about."

    move = Move(RerouteCause.NOT_SERVICEABLE, words, never_again=True)
    return decide_elsewhere(shipment.fulfillment_order, move, take_back, actor=actor, allowed=allowed)
