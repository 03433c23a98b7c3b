"""The only place where rows of the stock room are locked, always in key order."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from inventory.models import Node, Reservation, ReservationState, StockLevel
from oms.core.errors import NotFound

OPEN_STATES = (ReservationState.SOFT, ReservationState.HARD)


def lock_open_reservations(keys: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], list[Reservation]]:
    """The open reservations of each (line uid, node id), locked in id order."""
    wanted = set(keys)
    rows = (
        Reservation.objects.select_for_update(no_key=True)
        .filter(line_uid__in={key[0] for key in wanted}, state__in=OPEN_STATES)
        .order_by("pk")
    )
    found: dict[tuple[UUID, int], list[Reservation]] = {}
    for row in rows:
        if (row.line_uid, row.node_id) in wanted:
            found.setdefault((row.line_uid, row.node_id), []).append(row)
    return found


def lock_level(sku_id: int, node_id: int) -> StockLevel | None:
    """One stock level, locked; None where the node never had the SKU."""
    return StockLevel.objects.select_for_update(no_key=True).filter(sku_id=sku_id, node_id=node_id).first()


def lock_node(node_id: int) -> Node:
    """One node, locked. Raises NotFound."""
    node = Node.objects.select_for_update(no_key=True).filter(pk=node_id).first()
    if node is None:
        raise NotFound(f"There is no node {node_id}.")
    return node
