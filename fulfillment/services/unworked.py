"""Reserved units that no live work covers: between the decision for a node and the opening of its work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import F, Sum

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from inventory.models import Reservation, ReservationState
from inventory.services import Release, announce, release_reservations
from orders.models import OrderLine

_OPEN = (ReservationState.HARD, ReservationState.SOFT)


@dataclass(frozen=True, slots=True)
class Unworked:
    """Units of one order line that are reserved at a node and that no live work there holds."""

    line: OrderLine
    node_id: int
    sku_id: int
    units: int


def unworked(order_id: int, *, states: Collection[str] = _OPEN) -> list[Unworked]:
    """What is reserved for an order beyond its live work, by line and node. Lock the order first to act on it."""
    lines = {line.uid: line for line in OrderLine.objects.filter(order_id=order_id).order_by("pk")}
    reserved: Counter[tuple[int, int, int]] = Counter()
    rows = Reservation.objects.filter(order_id=order_id, open_quantity__gt=0, state__in=states).order_by("pk")
    for row in rows:
        reserved[lines[row.line_uid].pk, row.node_id, row.sku_id] += row.open_quantity
    held = FulfillmentLine.objects.filter(
        fulfillment_order__order_id=order_id, fulfillment_order__state__in=FulfillmentOrder.LIVE
    )
    covered = {
        (line_id, node_id): units
        for line_id, node_id, units in held.values_list("order_line_id", "fulfillment_order__node_id").annotate(
            units=Sum(F("quantity") - F("short") - F("packed"))
        )
    }
    by_pk = {line.pk: line for line in lines.values()}
    found = [
        Unworked(by_pk[line_id], node_id, sku_id, units - covered.get((line_id, node_id), 0))
        for (line_id, node_id, sku_id), units in reserved.items()
    ]
    return [item for item in found if item.units > 0]


def release_unworked(items: Collection[Unworked], *, actor: str, reason: str, why: str) -> None:
    """Give these reservations back to ATP; `why` says in a word what made stock grow. Moves no units of the lines."""
    requests = [Release(item.line.uid, item.node_id, item.units) for item in items]
    release_reservations(requests=requests, actor=actor, reason=reason)
    for node_id in sorted({item.node_id for item in items}):
        announce([item.sku_id for item in items if item.node_id == node_id], reason=why, grew_at=node_id)
