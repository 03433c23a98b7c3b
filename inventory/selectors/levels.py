"""How many may be promised, and why it is that many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q

from inventory.models import (
    Bucket,
    Node,
    Reservation,
    ReservationState,
    Sku,
    StockAudit,
    StockDifference,
    StockDifferenceState,
    StockLevel,
)
from inventory.selectors.holds import SoftUnits, soft_units
from inventory.selectors.ledger import BALANCES, LedgerRow, ledger_balances, ledger_page
from oms.core.db import fetch_all
from oms.core.errors import NotFound


def sellable(sku_ids: Sequence[int], node_ids: Sequence[int] | None = None) -> dict[int, int]:
    """Units per SKU that may be promised, each node counted from zero: a deficit never hides another's surplus."""
    rows = fetch_all(
        """SELECT sku_id, sum(greatest(0, on_hand - reserved - safety_stock))::int FROM inventory_stocklevel
        WHERE sku_id = ANY(%s) AND (%s::bigint[] IS NULL OR node_id = ANY(%s)) GROUP BY sku_id""",
        [list(sku_ids), *(2 * [list(node_ids) if node_ids is not None else None])],
    )
    return dict(rows)


def has_stock(sku_id: int) -> bool:
    """True where any node has units of the SKU in any bucket, or expects some."""
    buckets = ("on_hand", "packed", "damaged", "quarantine", "inbound")
    filled = [~Q(**{bucket: 0}) for bucket in buckets]
    return StockLevel.objects.filter(reduce(or_, filled), sku_id=sku_id).exists()


@dataclass(frozen=True, slots=True)
class Part:
    """One step from what is in the building to what may be promised. `bucket` names the ledger's account, if any."""

    key: str
    label: str
    quantity: int
    bucket: str = ""


@dataclass(frozen=True, slots=True)
class LedgerProof:
    """Whether the balances of a level are what its ledger adds up to.

    `audited_at` is the moment of the audit that says so; None where it was added up just now. `agrees` is None where
    there are too many postings to add up now and no audit yet.
    """

    agrees: bool | None
    audited_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelExplanation:
    """Why ATP of a SKU at a node is what it is."""

    sku: Sku
    node: Node
    level: StockLevel
    parts: tuple[Part, ...]
    reservations: tuple[Reservation, ...]
    reserved_orders: int
    soft: SoftUnits | None
    ledger: tuple[LedgerRow, ...]
    proof: LedgerProof

    @property
    def sentence(self) -> str:
        """ "3 = 9 on hand - 4 reserved - 2 safety stock"."""
        first, *others = self.parts
        steps = [f"{first.quantity} {first.label.lower()}"]
        steps += [f"{'+' if part.quantity > 0 else '−'} {abs(part.quantity)} {part.label.lower()}" for part in others]
        return f"{self.level.atp} = {' '.join(steps)}"

    @property
    def reserved_firmly(self) -> int:
        """Reserved units that no checkout holds: those of orders and transfers."""
        return self.level.reserved - (self.soft.reserved if self.soft else 0)


def level_of(sku_id: int, node_id: int) -> StockLevel:
    """The stock level, or an empty one where the node never had the SKU. Raises NotFound without SKU or node."""
    level = StockLevel.objects.select_related("sku", "node").filter(sku_id=sku_id, node_id=node_id).first()
    if level is not None:
        return level
    sku, node = Sku.objects.filter(pk=sku_id).first(), Node.objects.filter(pk=node_id).first()
    if sku is None or node is None:
        raise NotFound("There is no such SKU or node.")
    return StockLevel(sku=sku, node=node)


def prove_level(level: StockLevel) -> LedgerProof:
    """Compare a level with its ledger: add it up here, or take the word of the last audit. At most four statements."""
    sums = ledger_balances(level.sku_id, level.node_id)
    if sums is not None:
        return LedgerProof(all(sums[name] == getattr(level, name) for name in BALANCES))
    audit = StockAudit.objects.order_by("-pk").values_list("at", flat=True).first()
    if audit is None:
        return LedgerProof(None)
    doubts = StockDifference.objects.filter(
        sku=level.sku_id, node=level.node_id, what__in=BALANCES,
        state__in=[StockDifferenceState.OPEN, StockDifferenceState.DISMISSED],
    )  # fmt: skip
    # One that a person left as it is counts until its number changes.
    settled = (row.state == row.State.DISMISSED and row.stored != getattr(level, row.what) for row in doubts)
    return LedgerProof(all(settled), audit)


def explain_level(sku_id: int, node_id: int, *, ledger_rows: int = 10, reservations: int = 20) -> LevelExplanation:
    """ATP with every number behind it. Eight statements at most. Raises NotFound."""
    level = level_of(sku_id, node_id)
    open_rows = Reservation.objects.filter(
        sku_id=sku_id, node_id=node_id, open_quantity__gt=0, state=ReservationState.HARD
    ).order_by("pk")
    return LevelExplanation(
        sku=level.sku, node=level.node, level=level, parts=tuple(parts_of(level)),
        reservations=tuple(open_rows[:reservations]), reserved_orders=open_rows.values("order_id").distinct().count(),
        soft=soft_units(sku_id, node_id),
        ledger=tuple(ledger_page(sku_id, node_id, size=ledger_rows).rows),
        proof=prove_level(level),
    )  # fmt: skip


def parts_of(level: StockLevel) -> list[Part]:
    """The steps to ATP. Goods that are in the building but not on hand (damaged, say) are shown where there are any."""
    apart = [
        Part(name, label, -getattr(level, name), name)
        for name, label in (("damaged", "Damaged"), ("quarantine", "To be checked"), ("packed", "Packed"))
        if getattr(level, name)
    ]
    inside = level.on_hand - sum(part.quantity for part in apart)
    parts = [Part("building", "In the building", inside), *apart] if apart else [
        Part("on_hand", "On hand", level.on_hand, Bucket.ON_HAND)
    ]  # fmt: skip
    parts.append(Part("reserved", "Reserved", -level.reserved, Bucket.RESERVED))
    if level.safety_stock:
        parts.append(Part("safety_stock", "Safety stock", -level.safety_stock))
    return parts
