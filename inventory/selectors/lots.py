"""Lots that expire, are blocked or were recalled, and the story of one serial number. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import F, QuerySet

from inventory.models import Bucket, Lot, LotLevel, SerialNumber, StockMovement
from oms.core.db import fetch_all


@dataclass(frozen=True, slots=True)
class UnsoldLot:
    """Units of a lot on hand at a node that may not be sold, and why: `left` says the days that its SKU asks for.

    `reserved` are the units of the SKU that orders have reserved there: without any the next sweep puts the lot aside.
    """

    sku_id: int
    node_id: int
    lot_id: int
    units: int
    code: str
    expires_on: date | None
    is_blocked: bool
    block_reason: str
    left: int
    has_expired: bool
    reserved: int


# Lots that are in stock lead the way, by an index of their own: those that were sold out long ago cost nothing.
_UNSOLD = """
SELECT lot.sku_id, level.node_id, lot.id, level.on_hand, lot.code, lot.expires_on, lot.is_blocked, lot.block_reason,
    sku.shelf_life_days,
    coalesce(lot.expires_on < (%(at)s::timestamptz AT TIME ZONE node.time_zone)::date, false), stock.reserved
FROM inventory_lotlevel level
JOIN inventory_lot lot ON lot.id = level.lot_id
JOIN inventory_sku sku ON sku.id = lot.sku_id
JOIN inventory_node node ON node.id = level.node_id
JOIN inventory_stocklevel stock ON stock.sku_id = lot.sku_id AND stock.node_id = level.node_id
WHERE level.on_hand > 0
  AND (lot.is_blocked OR
       lot.expires_on < (%(at)s::timestamptz AT TIME ZONE node.time_zone)::date + sku.shelf_life_days)
  AND (%(lots)s::bigint[] IS NULL OR lot.id = ANY(%(lots)s))
  AND (%(nodes)s::bigint[] IS NULL OR level.node_id = ANY(%(nodes)s))
ORDER BY lot.sku_id, level.node_id, lot.expires_on NULLS LAST, lot.id
"""


def unsold_lots(
    moment: datetime, *, lot_ids: Collection[int] | None = None, node_ids: Collection[int] | None = None
) -> list[UnsoldLot]:
    """Units on hand of lots that are blocked, or have not the days of use left that their SKU asks for."""
    values = {
        "at": moment, "lots": list(lot_ids) if lot_ids is not None else None,
        "nodes": list(node_ids) if node_ids is not None else None,
    }  # fmt: skip
    return [UnsoldLot(*row) for row in fetch_all(_UNSOLD, values)]


def promised_unsold(moment: datetime, *, node_ids: Collection[int] | None = None) -> list[UnsoldLot]:
    """Those of them that orders wait for: a person must report them short, so that another node sends good ones."""
    return [row for row in unsold_lots(moment, node_ids=node_ids) if row.reserved > 0]


def lots_in_stock(rows: QuerySet[Lot], node_ids: Collection[int]) -> QuerySet[Lot]:
    """Those lots of which these nodes have units on hand or put aside, the first to expire first."""
    here = LotLevel.objects.filter(node__in=node_ids)
    here = here.filter(on_hand__gt=0) | here.filter(quarantine__gt=0)
    found = rows.filter(pk__in=here.values("lot_id")).select_related("sku")
    return found.order_by(F("expires_on").asc(nulls_last=True), "pk")


def levels_of_lots(lots: Sequence[Lot], node_ids: Collection[int]) -> dict[int, list[LotLevel]]:
    """Where units of the lots lie, by lot id, by node. One statement."""
    found: dict[int, list[LotLevel]] = {lot.pk: [] for lot in lots}
    rows = LotLevel.objects.filter(lot__in=lots, node__in=node_ids).select_related("node").order_by("node__code")
    for row in rows:
        if row.on_hand or row.packed or row.damaged or row.quarantine:
            found[row.lot_id].append(row)
    return found


def serials_numbered(text: str) -> list[SerialNumber]:
    """Serial numbers with this text, whatever their SKU; a few at most."""
    word = text.strip()
    if not word or len(word) > 60:
        return []
    rows = SerialNumber.objects.select_related("sku", "node").filter(number__in={word, word.upper()})
    return list(rows.order_by("sku__code")[:10])


def story_of_serial(serial: SerialNumber) -> list[StockMovement]:
    """Every posting of a serial number that the ledger still has, the newest first."""
    rows = StockMovement.objects.filter(sku=serial.sku_id, serial=serial).select_related("node")
    return list(rows.order_by("-id")[:500])


def story_of_lot(lot: Lot, node_ids: Collection[int]) -> list[StockMovement]:
    """The last postings of a lot that put it aside or brought it back, the newest first."""
    rows = StockMovement.objects.filter(sku=lot.sku_id, lot=lot, node__in=node_ids).select_related("node")
    return list(rows.exclude(from_bucket=Bucket.PACKED).order_by("-id")[:30])
