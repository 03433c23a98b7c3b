"""The ledger of a SKU at a node: its rows with the balances after each, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inventory.models import Bucket
from oms.core.db import fetch_all, fetch_dicts

LEDGER_ROWS = 50
#: Rows read at a time where a whole ledger is written out.
CHUNK_ROWS = 2000


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
