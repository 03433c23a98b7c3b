"""Receiving, adjusting and moving stock: what people and other systems do to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory.errors import BadQuantity
from inventory.events import StockArrived, StockChanged
from inventory.locks import lock_level, lock_levels
from inventory.models import Bucket, LotLevel, Sku, StockMovementReason
from inventory.services.posting import Posting, post
from inventory.services.units import Units
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import DomainError
from oms.core.outbox import publish
from oms.core.values import MAX_QUANTITY


@dataclass(frozen=True, slots=True)
class StockLine:
    """So many units of a SKU."""

    sku_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """What a node has of a SKU on the first day."""

    sku_id: int
    node_id: int
    on_hand: int


@dataclass(frozen=True, slots=True)
class AdjustmentEffect:
    """What an adjustment reason does, written beside it on the screen: units go from one bucket to another."""

    label: str
    effect: str
    movement: StockMovementReason
    from_bucket: Bucket
    to_bucket: Bucket


#: Reasons a person may give, and what each does to stock.
ADJUSTMENTS: dict[str, AdjustmentEffect] = {
    "lost": AdjustmentEffect("Not found", "On hand and ATP go down", StockMovementReason.LOST,
                             Bucket.ON_HAND, Bucket.ADJUSTMENT),
    "found": AdjustmentEffect("Found", "On hand and ATP go up", StockMovementReason.FOUND,
                              Bucket.ADJUSTMENT, Bucket.ON_HAND),
    "damaged": AdjustmentEffect("Damaged", "On hand and ATP go down, damaged goes up", StockMovementReason.DAMAGE,
                                Bucket.ON_HAND, Bucket.DAMAGED),
    "repaired": AdjustmentEffect("Good again", "Damaged goes down, on hand and ATP go up", StockMovementReason.QUALITY,
                                 Bucket.DAMAGED, Bucket.ON_HAND),
    "to_check": AdjustmentEffect("Put aside to check", "On hand and ATP go down, quarantine goes up",
                                 StockMovementReason.QUALITY, Bucket.ON_HAND, Bucket.QUARANTINE),
    "checked": AdjustmentEffect("Checked, good", "Quarantine goes down, on hand and ATP go up",
                                StockMovementReason.QUALITY, Bucket.QUARANTINE, Bucket.ON_HAND),
    "check_failed": AdjustmentEffect("Checked, damaged", "Quarantine goes down, damaged goes up",
                                     StockMovementReason.DAMAGE, Bucket.QUARANTINE, Bucket.DAMAGED),
    "display": AdjustmentEffect("On display or worn", "On hand and ATP go down, damaged goes up",
                                StockMovementReason.DAMAGE, Bucket.ON_HAND, Bucket.DAMAGED),
    "expired": AdjustmentEffect("Expired", "On hand and ATP go down, the units are written off",
                                StockMovementReason.QUALITY, Bucket.ON_HAND, Bucket.ADJUSTMENT),
    "expired_aside": AdjustmentEffect("Expired, put aside", "On hand and ATP go down, quarantine goes up",
                                      StockMovementReason.EXPIRED, Bucket.ON_HAND, Bucket.QUARANTINE),
    "theft": AdjustmentEffect("Stolen", "On hand and ATP go down, the units are written off",
                              StockMovementReason.LOST, Bucket.ON_HAND, Bucket.ADJUSTMENT),
    "given_away": AdjustmentEffect("Given away or used for marketing",
                                   "On hand and ATP go down, the units are written off",
                                   StockMovementReason.CORRECTION, Bucket.ON_HAND, Bucket.ADJUSTMENT),
    "to_supplier": AdjustmentEffect("Good units back to the supplier", "On hand and ATP go down",
                                    StockMovementReason.TO_SUPPLIER, Bucket.ON_HAND, Bucket.SUPPLIER),
    "damaged_to_supplier": AdjustmentEffect("Damaged units back to the supplier", "Damaged goes down, ATP stays",
                                            StockMovementReason.TO_SUPPLIER, Bucket.DAMAGED, Bucket.SUPPLIER),
    "damaged_written_off": AdjustmentEffect("Damaged units written off", "Damaged goes down, ATP stays",
                                            StockMovementReason.DAMAGE, Bucket.DAMAGED, Bucket.ADJUSTMENT),
    "checked_written_off": AdjustmentEffect("Checked and written off", "Quarantine goes down, ATP stays",
                                            StockMovementReason.QUALITY, Bucket.QUARANTINE, Bucket.ADJUSTMENT),
}  # fmt: skip


def announce(sku_ids: Sequence[int], *, reason: str, grew_at: int | None = None) -> None:
    """Publish that ATP of the SKUs changed, and where it grew, so that waiting orders are tried again."""
    unique = sorted(set(sku_ids))
    if not unique:
        return
    publish([StockChanged(sku_ids=unique, reason=reason)])
    if grew_at is not None:
        publish([StockArrived(sku_ids=unique, node_id=grew_at)])


def _whole(quantity: int) -> int:
    if not 1 <= quantity <= MAX_QUANTITY:
        raise BadQuantity(f"{quantity} is not a quantity; expected a whole number from 1.", field="quantity")
    return quantity


def set_opening_stock(*, rows: Sequence[OpeningRow], op_key: str, actor: str) -> int:
    """Set on hand at nodes where it differs: the ledger gets the difference. The number of levels changed.

    Units that are reserved stay: a count below them raises NotEnoughStock for the whole batch. Raises DomainError for a
    kit, which has no stock of its own.
    """

    def work() -> int:
        wanted = {(row.sku_id, row.node_id): row.on_hand for row in rows}
        kit = Sku.objects.filter(pk__in={sku_id for sku_id, _ in wanted}, is_kit=True).order_by("code").first()
        if kit is not None:
            raise DomainError(f"{kit.code} is a kit and has no stock of its own: set its components.", field="sku")
        have = {key: level.on_hand for key, level in lock_levels(wanted).items()}
        postings: list[Posting] = []
        for (sku_id, node_id), on_hand in sorted(wanted.items()):
            if not 0 <= on_hand <= MAX_QUANTITY:
                raise BadQuantity(f"{on_hand} is not a stock quantity.", field="on_hand")
            change = on_hand - have.get((sku_id, node_id), 0)
            if change:
                source, target = (
                    (Bucket.ADJUSTMENT, Bucket.ON_HAND) if change > 0 else (Bucket.ON_HAND, Bucket.ADJUSTMENT)
                )
                postings.append(
                    Posting(op_key=f"{op_key}/{sku_id}/{node_id}", sku_id=sku_id, node_id=node_id, from_bucket=source,
                            to_bucket=target, quantity=abs(change), reason=StockMovementReason.OPENING, actor=actor)
                )  # fmt: skip
        new = post(postings)
        grown: dict[int, list[int]] = {}
        for posting in postings:
            if (posting.op_key, posting.leg) in new:
                grown.setdefault(posting.node_id, []).append(posting.sku_id)
        for node_id, sku_ids in grown.items():
            announce(sku_ids, reason="opening", grew_at=node_id)
        return len(new)

    return run_atomic(work)


def adjust(
    *, node_id: int, sku_id: int, reason: str, quantity: int, op_key: str, actor: str, note: str = "",
    units: Sequence[Units] = (), reference: str = "", unit_cost_minor: int | None = None,
) -> bool:  # fmt: skip
    """Move units as the reason says (see ADJUSTMENTS); False where `op_key` was posted before.

    `units` are the lots or serial numbers that make up the quantity, for a SKU that is kept by them. Raises DomainError
    for an unknown reason and NotEnoughStock where so many units are not there or are reserved.
    """
    effect = ADJUSTMENTS.get(reason)
    if effect is None:
        raise DomainError(f"{reason!r} is not a reason for an adjustment.", field="reason")

    def work() -> bool:
        _whole(quantity)
        new = post([
            Posting(op_key=op_key, leg=leg, sku_id=sku_id, node_id=node_id, from_bucket=effect.from_bucket,
                    to_bucket=effect.to_bucket, quantity=part.quantity, lot_id=part.lot_id, serial_id=part.serial_id,
                    reason=effect.movement, note=note[:200], reference=reference, actor=actor,
                    unit_cost_minor=unit_cost_minor)
            for leg, part in enumerate(units or [Units(quantity)], start=1)
        ])  # fmt: skip
        if new:
            announce([sku_id], reason=reason, grew_at=node_id if effect.to_bucket == Bucket.ON_HAND else None)
        return bool(new)

    return run_atomic(work)


def count(
    *, node_id: int, sku_id: int, counted: int, op_key: str, actor: str, note: str = "", lot_id: int | None = None,
    counted_at: datetime | None = None, reference: str = "",
) -> int:  # fmt: skip
    """Set on hand (with `lot_id` that of the lot) to what was counted; the difference posted (0 where nothing differs).

    What moved since `counted_at` moved after the count and stays. Raises NotEnoughStock where fewer were counted than
    are reserved: release or reroute those orders first.
    """
    if not 0 <= counted <= MAX_QUANTITY:
        raise BadQuantity(f"{counted} is not a count.", field="counted")

    def work() -> int:
        level = lock_level(sku_id, node_id)
        stored = level.on_hand if level is not None else 0
        if lot_id is not None:
            lot_levels = LotLevel.objects.filter(lot_id=lot_id, node_id=node_id)
            stored = lot_levels.values_list("on_hand", flat=True).first() or 0
        change = counted - (stored - _moved_since(sku_id, node_id, lot_id, counted_at))
        if change == 0:
            return 0
        source, target = (Bucket.ADJUSTMENT, Bucket.ON_HAND) if change > 0 else (Bucket.ON_HAND, Bucket.ADJUSTMENT)
        new = post([
            Posting(op_key=op_key, sku_id=sku_id, node_id=node_id, from_bucket=source, to_bucket=target,
                    quantity=abs(change), lot_id=lot_id, reason=StockMovementReason.COUNT, note=note[:200],
                    reference=reference, actor=actor)
        ])  # fmt: skip
        if not new:
            return 0
        announce([sku_id], reason="count", grew_at=node_id if change > 0 else None)
        return change

    return run_atomic(work)


_MOVED = """
SELECT coalesce(sum(quantity * ((to_bucket = 'on_hand')::int - (from_bucket = 'on_hand')::int)), 0)::int
FROM inventory_stockmovement
WHERE sku_id = %(sku)s AND node_id = %(node)s AND recorded_at > %(since)s
    AND (%(lot)s::bigint IS NULL OR lot_id = %(lot)s)
"""


def _moved_since(sku_id: int, node_id: int, lot_id: int | None, since: datetime | None) -> int:
    """By how much on hand grew since a moment."""
    if since is None:
        return 0
    return int(fetch_all(_MOVED, {"sku": sku_id, "node": node_id, "since": since, "lot": lot_id})[0][0])


def move(*, from_node_id: int, to_node_id: int, lines: Sequence[StockLine], op_key: str, actor: str) -> int:
    """Carry stock from one node to another at once; the number of units moved, 0 where `op_key` was moved before.

    Raises NotEnoughStock where the first node has not enough that is not reserved.
    """
    if from_node_id == to_node_id:
        raise DomainError("Choose two different nodes.", field="to_node")

    def work() -> int:
        postings: list[Posting] = []
        for leg, line in enumerate(lines, start=1):
            quantity = _whole(line.quantity)
            postings.append(
                Posting(op_key=op_key, leg=2 * leg - 1, sku_id=line.sku_id, node_id=from_node_id,
                        from_bucket=Bucket.ON_HAND, to_bucket=Bucket.TRANSIT, quantity=quantity,
                        reason=StockMovementReason.MOVE_OUT, actor=actor)
            )  # fmt: skip
            postings.append(
                Posting(op_key=op_key, leg=2 * leg, sku_id=line.sku_id, node_id=to_node_id,
                        from_bucket=Bucket.TRANSIT, to_bucket=Bucket.ON_HAND, quantity=quantity,
                        reason=StockMovementReason.MOVE_IN, actor=actor)
            )  # fmt: skip
        new = post(postings)
        if new:
            announce([line.sku_id for line in lines], reason="move", grew_at=to_node_id)
        return sum(line.quantity for line in lines) if new else 0

    return run_atomic(work)
