"""The only place where rows of the stock room are locked, always in key order."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from inventory.models import Node, Reservation, ReservationState, StockLevel
from oms.core.errors import NotFound

OPEN_STATES = (ReservationState.SOFT, ReservationState.HARD)


def lock_open_reservations(keys: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], Reservation]:
    """The open reservations of (line uid, node id), locked in id order."""
    wanted = Q(pk__in=[])
    for line_uid, node_id in keys:
        wanted |= Q(line_uid=line_uid, node_id=node_id)
    rows = Reservation.objects.select_for_update(no_key=True).filter(wanted, state__in=OPEN_STATES).order_by("pk")
    return {(row.line_uid, row.node_id): row for row in rows}


def lock_level(sku_id: int, node_id: int) -> StockLevel | None:
    """One stock level, locked; None where the node never had the SKU."""
    return StockLevel.objects.select_for_update(no_key=True).filter(sku_id=sku_id, node_id=node_id).first()


def lock_node(node_id: int) -> Node:
    """One node, locked. Raises NotFound."""
    node = Node.objects.select_for_update(no_key=True).filter(pk=node_id).first()
    if node is None:
        raise NotFound(f"There is no node {node_id}.")
    return node
