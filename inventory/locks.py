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


def lock_levels(keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], StockLevel]:
    """The stock levels of (sku id, node id), locked in key order; those that do not exist are left out."""
    wanted = set(keys)
    rows = (
        StockLevel.objects.select_for_update(no_key=True)
        .filter(sku_id__in={key[0] for key in wanted}, node_id__in={key[1] for key in wanted})
        .order_by("sku_id", "node_id")
    )
    return {(row.sku_id, row.node_id): row for row in rows if (row.sku_id, row.node_id) in wanted}


def lock_node(node_id: int) -> Node:
    """One node, locked. Raises NotFound."""
    node = Node.objects.select_for_update(no_key=True).filter(pk=node_id).first()
    if node is None:
        raise NotFound(f"There is no node {node_id}.")
    return node
