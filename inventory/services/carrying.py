"""Goods of an order that travel to the store of collection: out of one node's books, and into those of the store.

On the road they are in transit and nobody's stock, so that no channel sells them and no other order gets them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from inventory.locks import lock_carried
from inventory.models import Bucket, CarriedGoods, StockMovementReason
from inventory.services.posting import Posting, post
from inventory.services.stock import announce
from inventory.services.units import Units
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict

Reason = StockMovementReason


class Fate(StrEnum):
    """What became of units that were on the road."""

    FOR_ORDER = "for_order"
    FOR_STOCK = "for_stock"
    DAMAGED = "damaged"
    MISSING = "missing"
    SENT_BACK = "sent_back"


#: Where each goes in the ledger, and for which reason. What was sent back goes there at the node that it came from.
_TARGETS: dict[Fate, tuple[Bucket, StockMovementReason]] = {
    Fate.FOR_ORDER: (Bucket.PACKED, Reason.MOVE_IN),
    Fate.FOR_STOCK: (Bucket.ON_HAND, Reason.MOVE_IN),
    Fate.DAMAGED: (Bucket.DAMAGED, Reason.MOVE_IN),
    Fate.MISSING: (Bucket.ADJUSTMENT, Reason.LOST),
    Fate.SENT_BACK: (Bucket.ON_HAND, Reason.MOVE_IN),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What of one SKU leaves a node in a parcel. `key` names it for ever; `units` are its lots and serial numbers."""

    key: str
    sku_id: int
    from_node_id: int
    to_node_id: int
    reference: str
    units: tuple[Units, ...]


@dataclass(frozen=True, slots=True)
class Came:
    """Units of one item of a parcel, and what became of them."""

    key: str
    fate: Fate
    units: tuple[Units, ...]


def send_for_order(goods: Sequence[Leaving], *, actor: str) -> None:
    """Packed units leave their node: from packed into transit. Keys that left before are passed over.

    Must run in the transaction that says so of their parcel. Raises what `post` raises.
    """
    known = set(CarriedGoods.objects.filter(key__in=[item.key for item in goods]).values_list("key", flat=True))
    fresh = [item for item in goods if item.units and item.key not in known]
    if not fresh:
        return
    post([
        Posting(
            op_key=f"carry/{item.key}", leg=leg, sku_id=item.sku_id, node_id=item.from_node_id,
            from_bucket=Bucket.PACKED, to_bucket=Bucket.TRANSIT, quantity=part.quantity, lot_id=part.lot_id,
            serial_id=part.serial_id, reason=Reason.MOVE_OUT, reference=item.reference, actor=actor,
        )
        for item in fresh for leg, part in enumerate(item.units, start=1)
    ])  # fmt: skip
    CarriedGoods.objects.bulk_create(
        CarriedGoods(
            key=item.key, sku_id=item.sku_id, from_node_id=item.from_node_id, to_node_id=item.to_node_id,
            reference=item.reference, quantity=(units := sum(part.quantity for part in item.units)), in_transit=units,
        )
        for item in fresh
    )  # fmt: skip


def settle_carried(came: Sequence[Came], *, actor: str, note: str = "") -> None:
    """Units of parcels came to the store, or will not: out of transit, each to where it is now.

    Raises Conflict for more units than are in transit, so that nothing arrives twice.
    """

    def work() -> None:
        rows = {row.key: row for row in lock_carried([item.key for item in came])}
        legs: dict[str, int] = {}
        before = {key: row.in_transit for key, row in rows.items()}
        postings: list[Posting] = []
        for item in came:
            row, quantity = rows[item.key], sum(part.quantity for part in item.units)
            if quantity > row.in_transit:
                raise Conflict(f"{row.sku.code}: {quantity} came for {row.reference}, {row.in_transit} are in transit.")
            row.in_transit -= quantity
            setattr(row, item.fate, getattr(row, item.fate) + quantity)
            row.closed_at = None if row.in_transit else now()
            target, reason = _TARGETS[item.fate]
            for part in item.units:
                legs[item.key] = legs.get(item.key, 0) + 1
                postings.append(
                    Posting(
                        # What is in transit only falls, so that each settlement of a row has a name of its own.
                        op_key=f"carry/{item.key}/{before[item.key]}", leg=legs[item.key], sku_id=row.sku_id,
                        node_id=row.from_node_id if item.fate == Fate.SENT_BACK else row.to_node_id,
                        from_bucket=Bucket.TRANSIT, to_bucket=target, quantity=part.quantity, lot_id=part.lot_id,
                        serial_id=part.serial_id, reason=reason, reference=row.reference, note=note[:200], actor=actor,
                    )
                )  # fmt: skip
        post(postings)
        CarriedGoods.objects.bulk_update(
            rows.values(), [*(fate.value for fate in Fate), "in_transit", "closed_at"], batch_size=200
        )
        for fate in (Fate.FOR_STOCK, Fate.SENT_BACK):
            _announce([rows[item.key] for item in came if item.fate == fate], fate)

    run_atomic(work)


def _announce(rows: Sequence[CarriedGoods], fate: Fate) -> None:
    """What became stock may be sold, and serves who waits for it."""
    for node_id in sorted({_place(row, fate) for row in rows}):
        announce([row.sku_id for row in rows if _place(row, fate) == node_id], reason="transfer", grew_at=node_id)


def _place(row: CarriedGoods, fate: Fate) -> int:
    return row.from_node_id if fate == Fate.SENT_BACK else row.to_node_id
