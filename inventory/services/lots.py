"""Lots that may not be sold: their units leave the stock that can be promised, and come back when they may."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

from inventory.locks import lock_levels, lock_lot
from inventory.models import Bucket, Lot, LotLevel, StockMovementReason
from inventory.selectors.lots import UnsoldLot, unsold_lots
from inventory.services.posting import Posting, post
from inventory.services.put_aside import archived_piles, put_aside
from inventory.services.stock import announce
from inventory.services.units import why_not_sold
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.ids import uuid7
from oms.core.models import Transition

#: Levels whose lots are looked at in one transaction.
AT_ONCE = 200


def set_aside_unsold_lots(*, actor: str = "clock") -> int:
    """Units of lots that expired or are blocked go from on hand to quarantine; the number of units moved.

    So ATP counts nothing that may not be sold, and the ledger says why. Units that orders have reserved stay, for the
    picker to report, as soon as nothing else is there. Running it again moves nothing twice.
    """
    found = unsold_lots(now())
    levels = sorted({(row.sku_id, row.node_id) for row in found})
    moved = 0
    for start in range(0, len(levels), AT_ONCE):
        keys = set(levels[start : start + AT_ONCE])
        lots = sorted({row.lot_id for row in found if (row.sku_id, row.node_id) in keys})
        moved += run_atomic(partial(_set_aside, lots, keys, actor))
    return moved


def _set_aside(lot_ids: Sequence[int], keys: set[tuple[int, int]], actor: str) -> int:
    """Read again under the locks, and move what no order has reserved; the units moved."""
    levels = lock_levels(keys)
    free = {key: level.on_hand - level.reserved for key, level in levels.items()}
    postings: list[Posting] = []
    run = uuid7()
    for row in unsold_lots(now(), lot_ids=lot_ids, node_ids={key[1] for key in keys}):
        key = row.sku_id, row.node_id
        units = min(row.units, free.get(key, 0))
        if units < 1:
            continue
        free[key] -= units
        reason = StockMovementReason.BLOCK if row.is_blocked else StockMovementReason.EXPIRED
        postings.append(
            Posting(op_key=f"aside/{run}/{row.lot_id}/{row.node_id}", sku_id=row.sku_id, node_id=row.node_id,
                    from_bucket=Bucket.ON_HAND, to_bucket=Bucket.QUARANTINE, quantity=units, lot_id=row.lot_id,
                    reason=reason, note=_why(row)[:200], reference=f"lot {row.code}"[:80], actor=actor)
        )  # fmt: skip
    post(postings)
    announce([posting.sku_id for posting in postings], reason="lots")
    return sum(posting.quantity for posting in postings)


def _why(row: UnsoldLot) -> str:
    if row.is_blocked:
        return f"Blocked: {row.block_reason}" if row.block_reason else "Blocked"
    if row.has_expired or row.expires_on is None:
        return f"Expired on {row.expires_on:%d %b %Y}"
    return f"Expires on {row.expires_on:%d %b %Y}; {row.left} days must be left when it is sold"


def block_lot(*, lot_id: int, reason: str, actor: str) -> Lot:
    """Nothing of the lot is sold any more, from this moment: what no order has reserved goes into quarantine.

    Raises DomainError without a reason, Conflict where it is blocked already.
    """
    why = reason.strip()[:200]
    if not why:
        raise DomainError("Say why the lot is blocked.", field="reason")

    def work() -> Lot:
        lot = lock_lot(lot_id)
        if lot.is_blocked:
            raise Conflict(f"Lot {lot.code} is blocked already: {lot.block_reason or 'no reason was given'}.")
        lot.is_blocked, lot.block_reason = True, why
        lot.save(update_fields=["is_blocked", "block_reason"])
        _record(lot, "free", "blocked", actor, why)
        nodes = LotLevel.objects.filter(lot=lot, on_hand__gt=0).values_list("node_id", flat=True)
        _set_aside([lot.pk], {(lot.sku_id, node_id) for node_id in nodes}, actor)
        return lot

    return run_atomic(work)


def unblock_lot(*, lot_id: int, actor: str, reason: str = "") -> Lot:
    """The lot may be sold again: what was put aside because it might not, and lies there still, is on hand again.

    Units of a lot that expired meanwhile stay in quarantine, and come back when its day is corrected. Raises Conflict
    where it is not blocked.
    """

    def work() -> Lot:
        lot = lock_lot(lot_id)
        if not lot.is_blocked:
            raise Conflict(f"Lot {lot.code} is not blocked.")
        lot.is_blocked, lot.block_reason = False, ""
        lot.save(update_fields=["is_blocked", "block_reason"])
        _record(lot, "blocked", "free", actor, reason)
        _bring_back(lot, actor, reason)
        return lot

    return run_atomic(work)


def correct_lot(*, lot_id: int, expires_on: date | None, actor: str) -> Lot:
    """Another day of expiry, as it stands on the box: units that were put aside come back where they may be sold then.

    Raises DomainError where the SKU asks for a day and none is given.
    """

    def work() -> Lot:
        lot = lock_lot(lot_id)
        if expires_on is None and lot.sku.shelf_life_days:
            raise DomainError(f"{lot.sku.code} asks for {lot.sku.shelf_life_days} days: write the day of expiry.",
                              field="expires_on")  # fmt: skip
        if lot.expires_on == expires_on:
            return lot
        said = f"expires {lot.expires_on or 'never'}", f"expires {expires_on or 'never'}"
        lot.expires_on = expires_on
        lot.save(update_fields=["expires_on"])
        _record(lot, *said, actor, "")
        _bring_back(lot, actor, f"Expiry corrected to {expires_on or 'never'}")
        nodes = LotLevel.objects.filter(lot=lot, on_hand__gt=0).values_list("node_id", flat=True)
        _set_aside([lot.pk], {(lot.sku_id, node_id) for node_id in nodes}, actor)
        return lot

    return run_atomic(work)


def _record(lot: Lot, before: str, after: str, actor: str, reason: str) -> None:
    Transition.objects.create(model="inventory.Lot", object_id=lot.pk, from_state=before[:30], to_state=after[:30],
                              actor=actor[:120], reason=reason[:200])  # fmt: skip


def _bring_back(lot: Lot, actor: str, note: str) -> None:
    """What was put aside because the lot might not be sold, and lies there still, is on hand where it may be sold now.

    For whatever reason it was put aside: a lot that was blocked when it had expired already has one posting only.
    """
    levels = LotLevel.objects.filter(lot=lot)
    # First of all: the clock may be putting units aside, at another node too, that it still sees as not to be sold.
    lock_levels({(lot.sku_id, node_id) for node_id in levels.values_list("node_id", flat=True)})
    rows = levels.filter(quarantine__gt=0).select_related("node")
    free = {row.node_id for row in rows if not why_not_sold(lot, lot.sku, row.node.today())}
    if not free:
        return
    back = put_aside(lot, free, archived_piles(lot, free))
    run = uuid7()
    postings = [
        Posting(op_key=f"back/{run}/{lot.pk}/{node_id}", leg=leg, sku_id=lot.sku_id, node_id=node_id,
                from_bucket=Bucket.QUARANTINE, to_bucket=Bucket.ON_HAND, quantity=units, lot_id=lot.pk, reason=reason,
                note=note[:200], reference=f"lot {lot.code}"[:80], actor=actor)
        for node_id in sorted(back) for leg, (reason, units) in enumerate(back[node_id].items(), start=1)
    ]  # fmt: skip
    post(postings)
    for node_id in sorted({posting.node_id for posting in postings}):
        announce([lot.sku_id], reason="lots", grew_at=node_id)
