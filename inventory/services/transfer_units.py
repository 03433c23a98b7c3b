"""Which lots and serial numbers of a transfer are on the road: what its postings put into inbound and left there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inventory.errors import NotEnoughStock, SerialElsewhere
from inventory.models import Bucket, Lot, SerialNumber, Tracking, Transfer, TransferLine
from inventory.services.units import Units, refuse_miscount, share_out
from oms.core.db import fetch_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Units of a line that leave inbound, good and damaged, with the lot and the serial numbers that were scanned."""

    line: TransferLine
    good: int
    damaged: int = 0
    lot: str = ""
    serials: tuple[str, ...] = ()
    damaged_serials: tuple[str, ...] = ()


# Every posting of a transfer names it; its SKUs at the second node lead there by index.
_LOTS = """
SELECT sku_id, lot_id, sum(quantity * ((to_bucket = 'inbound')::int - (from_bucket = 'inbound')::int))::int
FROM inventory_stockmovement
WHERE sku_id = ANY(%(skus)s) AND node_id = %(node)s AND reference = %(reference)s AND lot_id IS NOT NULL
    AND recorded_at >= %(since)s
GROUP BY sku_id, lot_id
"""


def lots_in_transit(transfer: Transfer, sku_ids: Sequence[int]) -> dict[int, list[tuple[Lot, int]]]:
    """Lots of each SKU that are still on the road, first to expire first, with their units. Two statements."""
    if not sku_ids:
        return {}
    rows = fetch_all(
        _LOTS,
        {"skus": list(sku_ids), "node": transfer.to_node_id, "reference": transfer.number,
         "since": transfer.created_at},
    )  # fmt: skip
    lots = Lot.objects.in_bulk([lot_id for _, lot_id, units in rows if units > 0])
    found: dict[int, list[tuple[Lot, int]]] = {}
    for sku_id, lot_id, units in rows:
        if lot_id in lots:
            found.setdefault(sku_id, []).append((lots[lot_id], units))
    for ordered in found.values():
        ordered.sort(key=lambda row: (row[0].expires_on is None, row[0].expires_on or 0, row[0].pk))
    return found


def serials_in_transit(transfer: Transfer, sku_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Serial numbers of each SKU that are still on the road, with their ids. One statement."""
    if not sku_ids:
        return {}
    rows = SerialNumber.objects.filter(
        sku__in=sku_ids, node_id=transfer.to_node_id, bucket=Bucket.INBOUND, reference=transfer.number
    )
    found: dict[int, dict[str, int]] = {}
    for row in rows.order_by("pk"):
        found.setdefault(row.sku_id, {})[row.number] = row.pk
    return found


def units_in_transit(transfer: Transfer, arrived: Sequence[Arrived]) -> list[tuple[list[Units], list[Units]]]:
    """The units that good and damaged quantities are made of, out of what is on the road.

    Serial numbers need not be named where all of them came alike; lots that are not named are taken first to expire
    first. Raises SerialElsewhere, TrackingNeeded and NotEnoughStock.
    """
    by_kind = {
        kind: [item.line.sku_id for item in arrived if item.line.sku.tracking == kind]
        for kind in (Tracking.LOT, Tracking.SERIAL)
    }
    lots = lots_in_transit(transfer, by_kind[Tracking.LOT])
    serials = serials_in_transit(transfer, by_kind[Tracking.SERIAL])
    return [
        _units_of(item, transfer, lots.get(item.line.sku_id, []), serials.get(item.line.sku_id, {})) for item in arrived
    ]


def _units_of(
    item: Arrived, transfer: Transfer, lots: list[tuple[Lot, int]], serials: dict[str, int]
) -> tuple[list[Units], list[Units]]:
    tracking = item.line.sku.tracking
    if tracking == Tracking.SERIAL:
        good = _serials_of(item, transfer, item.good, item.serials, serials)
        left = {number: pk for number, pk in serials.items() if pk not in {unit.serial_id for unit in good}}
        return good, _serials_of(item, transfer, item.damaged, item.damaged_serials, left)
    if tracking == Tracking.LOT:
        good = _lots_of(item, item.good, lots)
        used = {unit.lot_id: unit.quantity for unit in good}
        rest = [(lot, units - used.get(lot.pk, 0)) for lot, units in lots]
        return good, _lots_of(item, item.damaged, rest)
    return [Units(n) for n in (item.good,) if n], [Units(n) for n in (item.damaged,) if n]


def _serials_of(
    item: Arrived, transfer: Transfer, quantity: int, named: tuple[str, ...], there: dict[str, int]
) -> list[Units]:
    if quantity == 0 and not named:
        return []
    numbers = list(there) if not named and quantity == len(there) else refuse_miscount(item.line.sku, named, quantity)
    for number in numbers:
        if number not in there:
            raise SerialElsewhere(
                f"Serial number {number} of {item.line.sku.code} is not in transit with {transfer.number}.",
                field="serials",
            )
    return [Units(1, serial_id=there[number]) for number in numbers]


def _lots_of(item: Arrived, quantity: int, lots: list[tuple[Lot, int]]) -> list[Units]:
    if quantity == 0:
        return []
    code = item.lot.strip().upper()
    chosen = [row for row in lots if row[0].code.upper() == code] if code else lots
    taken, missing = share_out(chosen, quantity)
    if missing:
        raise NotEnoughStock(
            f"{item.line.sku.code}: {missing} of {quantity} units are not in transit"
            f"{f' in lot {item.lot}' if code else ''}.", field="lot",
        )  # fmt: skip
    return taken
