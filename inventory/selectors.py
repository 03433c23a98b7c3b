"""What can be asked about stock: what a code means, why ATP is what it is, the ledger with its running balance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inventory.models import Bucket, Node, Reservation, Sku, StockLevel
from oms.core.db import fetch_all, fetch_dicts
from oms.core.errors import NotFound

#: Balances of a stock level, in the order in which people read them.
BALANCES = ("on_hand", "reserved", "packed", "damaged", "quarantine", "inbound")
LEDGER_ROWS = 50
#: Rows read at a time where a whole ledger is written out.
CHUNK_ROWS = 2000


def find_sku_by_code_or_barcode(text: str) -> Sku | None:
    """The SKU that a scanned or typed code means: a barcode, else the SKU's own code in any case. None if unknown."""
    wanted = text.strip()
    if not wanted:
        return None
    by_barcode = Sku.objects.filter(barcodes__code=wanted).first()
    return by_barcode or Sku.objects.filter(code=wanted).first() or Sku.objects.filter(code__iexact=wanted).first()


def find_skus_by_codes(texts: Iterable[str]) -> dict[str, Sku]:
    """Many at once, by the text asked for; what is not known is left out. Two statements."""
    wanted = {text.strip() for text in texts if text.strip()}
    upper = {text.upper(): text for text in wanted}
    found = {row.code.upper(): row for row in Sku.objects.filter(code__in=[*wanted, *upper])}
    answer = {text: found[text.upper()] for text in wanted if text.upper() in found}
    for sku in Sku.objects.filter(barcodes__code__in=wanted).prefetch_related("barcodes"):
        answer |= {code.code: sku for code in sku.barcodes.all() if code.code in wanted}
    return answer


def sellable(sku_ids: Sequence[int], node_ids: Sequence[int] | None = None) -> dict[int, int]:
    """Units per SKU that may be promised, each node counted from zero: a deficit never hides another's surplus."""
    rows = fetch_all(
        """SELECT sku_id, sum(greatest(0, on_hand - reserved - safety_stock))::int FROM inventory_stocklevel
        WHERE sku_id = ANY(%s) AND (%s::bigint[] IS NULL OR node_id = ANY(%s)) GROUP BY sku_id""",
        [list(sku_ids), *(2 * [list(node_ids) if node_ids is not None else None])],
    )
    return dict(rows)


@dataclass(frozen=True, slots=True)
class Part:
    """One step from what is in the building to what may be promised. `bucket` names the ledger's account, if any."""

    key: str
    label: str
    quantity: int
    bucket: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelExplanation:
    """Why ATP of a SKU at a node is what it is."""

    sku: Sku
    node: Node
    level: StockLevel
    parts: tuple[Part, ...]
    reservations: tuple[Reservation, ...]
    reserved_orders: int
    ledger: tuple[LedgerRow, ...]
    ledger_balances: dict[str, int]

    @property
    def sentence(self) -> str:
        """ "3 = 9 on hand - 4 reserved - 2 safety stock"."""
        first, *others = self.parts
        steps = [f"{first.quantity} {first.label.lower()}"]
        steps += [f"{'+' if part.quantity > 0 else '−'} {abs(part.quantity)} {part.label.lower()}" for part in others]
        return f"{self.level.atp} = {' '.join(steps)}"

    @property
    def ledger_agrees(self) -> bool:
        """Every balance is what the ledger adds up to."""
        return all(self.ledger_balances.get(name, 0) == getattr(self.level, name) for name in BALANCES)


def level_of(sku_id: int, node_id: int) -> StockLevel:
    """The stock level, or an empty one where the node never had the SKU. Raises NotFound without SKU or node."""
    level = StockLevel.objects.select_related("sku", "node").filter(sku_id=sku_id, node_id=node_id).first()
    if level is not None:
        return level
    sku, node = Sku.objects.filter(pk=sku_id).first(), Node.objects.filter(pk=node_id).first()
    if sku is None or node is None:
        raise NotFound("There is no such SKU or node.")
    return StockLevel(sku=sku, node=node)


def explain_level(sku_id: int, node_id: int, *, ledger_rows: int = 10, reservations: int = 20) -> LevelExplanation:
    """ATP with every number behind it. Five statements at most. Raises NotFound."""
    level = level_of(sku_id, node_id)
    open_rows = Reservation.objects.filter(sku_id=sku_id, node_id=node_id, open_quantity__gt=0).order_by("pk")
    return LevelExplanation(
        sku=level.sku, node=level.node, level=level, parts=tuple(parts_of(level)),
        reservations=tuple(open_rows[:reservations]), reserved_orders=open_rows.values("order_id").distinct().count(),
        ledger=tuple(ledger_page(sku_id, node_id, size=ledger_rows).rows),
        ledger_balances=ledger_balances(sku_id, node_id),
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


_SUMS = """
SELECT bucket, sum(quantity)::int FROM (
    SELECT from_bucket AS bucket, -quantity AS quantity FROM inventory_stockmovement
    WHERE sku_id = %(sku)s AND node_id = %(node)s
    UNION ALL
    SELECT to_bucket, quantity FROM inventory_stockmovement WHERE sku_id = %(sku)s AND node_id = %(node)s
) AS legs GROUP BY bucket
"""


def ledger_balances(sku_id: int, node_id: int) -> dict[str, int]:
    """What the ledger of a SKU at a node adds up to, by bucket."""
    return dict(fetch_all(_SUMS, {"sku": sku_id, "node": node_id}))


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One posting with the balances after it. `change` is what it did to on hand, `atp_change` to what is promised."""

    id: int
    occurred_at: datetime
    recorded_at: datetime
    reason: str
    from_bucket: str
    to_bucket: str
    quantity: int
    change: int
    on_hand: int
    reserved: int
    reference: str
    note: str
    actor: str

    @property
    def is_reservation(self) -> bool:
        """Nothing moved in the building: units were promised, or the promise ended."""
        return Bucket.DEMAND in (self.from_bucket, self.to_bucket)


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Rows, newest first; `before` leads to the older ones, empty where there are none."""

    rows: list[LedgerRow]
    before: str


# Balances run over the whole ledger, filters come after: each row shows the true balance of its moment.
_LEDGER = """
SELECT * FROM (
    SELECT id, occurred_at, recorded_at, reason, from_bucket, to_bucket, quantity, reference, note, actor,
        quantity * ((to_bucket = 'on_hand')::int - (from_bucket = 'on_hand')::int) AS change,
        (sum(quantity * ((to_bucket = 'on_hand')::int - (from_bucket = 'on_hand')::int)) OVER running)::int AS on_hand,
        (sum(quantity * ((to_bucket = 'reserved')::int - (from_bucket = 'reserved')::int)) OVER running)::int
            AS reserved
    FROM inventory_stockmovement WHERE sku_id = %(sku)s AND node_id = %(node)s
    WINDOW running AS (ORDER BY id)
) AS history
WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
    AND (%(bucket)s = '' OR %(bucket)s IN (from_bucket, to_bucket))
    AND (%(reason)s = '' OR reason = %(reason)s)
    AND (%(reference)s = '' OR reference ILIKE %(reference)s)
    AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s)
ORDER BY id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFilter:
    """Which postings to show. Empty fields show all; `reference` is the beginning of an order or document number."""

    bucket: str = ""
    reason: str = ""
    reference: str = ""
    since: datetime | None = None
    until: datetime | None = None


def ledger_page(
    sku_id: int, node_id: int, *, only: LedgerFilter | None = None, before: str = "", size: int = LEDGER_ROWS
) -> LedgerPage:
    """One page of the ledger of a SKU at a node, newest first, by key."""
    rows = _ledger(sku_id, node_id, only or LedgerFilter(), before, size + 1)
    more, rows = len(rows) > size, rows[:size]
    return LedgerPage(rows, str(rows[-1].id) if more else "")


def iter_ledger(sku_id: int, node_id: int, *, only: LedgerFilter | None = None) -> Iterator[LedgerRow]:
    """The whole ledger of a SKU at a node, newest first, some rows at a time."""
    before = ""
    while True:
        rows = _ledger(sku_id, node_id, only or LedgerFilter(), before, CHUNK_ROWS)
        yield from rows
        if len(rows) < CHUNK_ROWS:
            return
        before = str(rows[-1].id)


def _ledger(sku_id: int, node_id: int, only: LedgerFilter, before: str, limit: int) -> list[LedgerRow]:
    params: dict[str, Any] = {
        "sku": sku_id, "node": node_id, "bucket": only.bucket, "reason": only.reason, "since": only.since,
        "until": only.until, "reference": f"{_literal(only.reference)}%" if only.reference else "",
        "before": int(before) if before.isdigit() and len(before) < 19 else None, "limit": limit,
    }  # fmt: skip
    return [LedgerRow(**row) for row in fetch_dicts(_LEDGER, params)]


def _literal(text: str) -> str:
    """Without the signs that mean something to LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
