"""The ledger of a SKU: its rows with the balances after each, and what they add up to, now or at any moment before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from inventory.models import Bucket, LedgerArchive
from oms.core.db import fetch_all, fetch_dicts
from oms.core.errors import DomainError

#: Balances of a stock level, in the order in which people read them.
BALANCES = ("on_hand", "reserved", "packed", "damaged", "quarantine", "inbound")
LEDGER_ROWS = 50
#: Postings of one level that are added up while somebody waits for it: some ten milliseconds.
ADDED_UP_AT_ONCE = 20_000
#: Rows read at a time where a whole ledger is written out.
CHUNK_ROWS = 10_000


def change_sql(bucket: str, row: str = "") -> str:
    """What a posting did to a bucket, as SQL. `row` is the alias of the posting with its dot, if it has one."""
    return f"{row}quantity * (({row}to_bucket = '{bucket}')::int - ({row}from_bucket = '{bucket}')::int)"


# In order, so that an index is used: a plan that takes any would read whole months in the hope of finding them soon.
_SUMS = """
SELECT from_bucket, to_bucket, sum(quantity)::bigint AS units, count(*) AS postings FROM (
    SELECT from_bucket, to_bucket, quantity FROM inventory_stockmovement
    WHERE sku_id = %(sku)s AND node_id = %(node)s ORDER BY id DESC LIMIT %(limit)s
) AS posting GROUP BY from_bucket, to_bucket
"""

_CLOSED = f"""
SELECT {", ".join(BALANCES)} FROM inventory_ledgerclosing
WHERE sku_id = %(sku)s AND node_id = %(node)s AND lot_id IS NULL
"""  # noqa: S608 - only names of buckets are put in


def ledger_balances(sku_id: int, node_id: int) -> dict[str, int] | None:
    """What the ledger of a SKU at a node adds up to, by balance, with what was brought forward from archived months.

    None where it has more than ADDED_UP_AT_ONCE postings: that is work for the auditor, not for an open page.
    """
    key = {"sku": sku_id, "node": node_id}
    moves = fetch_all(_SUMS, key | {"limit": ADDED_UP_AT_ONCE + 1}, planned_anew=True)
    if sum(postings for *_, postings in moves) > ADDED_UP_AT_ONCE:
        return None
    sums: Counter[str] = Counter()
    for from_bucket, to_bucket, units, _ in moves:
        sums[from_bucket] -= units
        sums[to_bucket] += units
    for closed in fetch_dicts(_CLOSED, key):
        sums.update(closed)
    return {bucket: sums[bucket] for bucket in BALANCES}


@dataclass(frozen=True, slots=True)
class BroughtForward:
    """Where the ledger of a SKU at a node begins: balances of the months that are archived."""

    until: datetime
    postings: int
    balances: dict[str, int]


def brought_forward(sku_id: int, node_id: int) -> BroughtForward | None:
    """The balances with which the ledger of a SKU at a node begins; None where nothing of it is archived."""
    rows = fetch_dicts(_CLOSED.replace("SELECT ", "SELECT until, postings, ", 1), {"sku": sku_id, "node": node_id})
    if not rows:
        return None
    row = rows[0]
    start = datetime.combine(row.pop("until"), time(), UTC)
    return BroughtForward(start, row.pop("postings"), row)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One posting with the balances of its node after it. `change` is what it did to on hand there."""

    id: int
    node_id: int
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
    lot: str
    serial: str
    unit_cost_minor: int | None

    @property
    def is_reservation(self) -> bool:
        """Nothing moved in the building: units were promised, or the promise ended."""
        return Bucket.DEMAND in (self.from_bucket, self.to_bucket)


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Rows, newest first; `before` leads to the older ones, empty where there are none."""

    rows: list[LedgerRow]
    before: str


# Read backwards from the balances of now, each node for itself, and no further than the page needs. Filters come after
# the balances: each row shows the true balance of its moment. `read` is how many postings of a node are enough where
# nothing is filtered (else NULL): a plan that does not know it may sort the whole ledger of a level first.
_LEDGER = f"""
WITH start AS MATERIALIZED (
    SELECT level.node_id, level.on_hand - coalesce(newer.on_hand, 0) AS on_hand,
        level.reserved - coalesce(newer.reserved, 0) AS reserved
    FROM inventory_stocklevel level LEFT JOIN LATERAL (
        SELECT sum({change_sql("on_hand")}) AS on_hand, sum({change_sql("reserved")}) AS reserved
        FROM inventory_stockmovement
        WHERE sku_id = level.sku_id AND node_id = level.node_id AND id >= %(before)s::bigint
    ) newer ON %(before)s::bigint IS NOT NULL
    WHERE level.sku_id = %(sku)s AND level.node_id = ANY(%(nodes)s::bigint[])
),
page AS (
    SELECT history.* FROM start CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT id, node_id, occurred_at, recorded_at, reason, from_bucket, to_bucket, quantity, reference, note,
                actor, lot_id, serial_id, unit_cost_minor, {change_sql("on_hand")} AS change,
                start.on_hand - coalesce(sum({change_sql("on_hand")}) OVER newer, 0) AS on_hand,
                start.reserved - coalesce(sum({change_sql("reserved")}) OVER newer, 0) AS reserved
            FROM (
                SELECT * FROM inventory_stockmovement
                WHERE sku_id = %(sku)s AND node_id = start.node_id
                    AND (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
                ORDER BY id DESC LIMIT %(read)s
            ) AS read
            WINDOW newer AS (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        ) AS posting
        WHERE (%(bucket)s::text = '' OR %(bucket)s::text IN (from_bucket, to_bucket))
            AND (%(reason)s::text = '' OR reason = %(reason)s::text)
            AND (%(reference)s::text = '' OR reference ILIKE %(reference)s::text)
            AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s::timestamptz)
            AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s::timestamptz)
        ORDER BY id DESC LIMIT %(limit)s
    ) AS history
    ORDER BY history.id DESC LIMIT %(limit)s
)
SELECT page.id, page.node_id, page.occurred_at, page.recorded_at, page.reason, page.from_bucket, page.to_bucket,
    page.quantity, page.reference, page.note, page.actor, page.unit_cost_minor, page.change,
    page.on_hand::bigint AS on_hand, page.reserved::bigint AS reserved, coalesce(lot.code, '') AS lot,
    coalesce(serial.number, '') AS serial
FROM page LEFT JOIN inventory_lot lot ON lot.id = page.lot_id
LEFT JOIN inventory_serialnumber serial ON serial.id = page.serial_id
ORDER BY page.id DESC
"""  # noqa: S608 - only names of buckets are put in


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFilter:
    """Which postings to show. Empty fields show all; `reference` is the beginning of an order or document number."""

    bucket: str = ""
    reason: str = ""
    reference: str = ""
    since: datetime | None = None
    until: datetime | None = None


def ledger_page(
    sku_id: int,
    node_ids: int | Sequence[int],
    *,
    only: LedgerFilter | None = None,
    before: str = "",
    size: int = LEDGER_ROWS,
) -> LedgerPage:
    """One page of the ledger of a SKU at a node, or at several together, newest first, by key."""
    rows = _ledger(sku_id, node_ids, only or LedgerFilter(), before, size + 1)
    more, rows = len(rows) > size, rows[:size]
    return LedgerPage(rows, str(rows[-1].id) if more else "")


def iter_ledger(sku_id: int, node_ids: int | Sequence[int], *, only: LedgerFilter | None = None) -> Iterator[LedgerRow]:
    """The whole ledger of a SKU at a node, or at several together, newest first, some rows at a time."""
    before = ""
    while True:
        rows = _ledger(sku_id, node_ids, only or LedgerFilter(), before, CHUNK_ROWS)
        yield from rows
        if len(rows) < CHUNK_ROWS:
            return
        before = str(rows[-1].id)


def _ledger(sku_id: int, node_ids: int | Sequence[int], only: LedgerFilter, before: str, limit: int) -> list[LedgerRow]:
    params: dict[str, Any] = {
        "sku": sku_id, "nodes": [node_ids] if isinstance(node_ids, int) else list(node_ids), "bucket": only.bucket,
        "reason": only.reason, "since": only.since, "until": only.until,
        "reference": f"{_literal(only.reference)}%" if only.reference else "",
        "before": int(before) if before.isdigit() and len(before) < 19 else None, "limit": limit,
        "read": limit if only == LedgerFilter() else None,
    }  # fmt: skip
    return [LedgerRow(**row) for row in fetch_dicts(_LEDGER, params, planned_anew=True)]


def _literal(text: str) -> str:
    """Without the signs that mean something to LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


# Nothing happens after it is known, so every posting that does not count yet was recorded after the earlier of both.
_AS_OF = f"""
SELECT level.node_id,
    {
    ", ".join(
        f"(level.{bucket} - coalesce(sum({change_sql(bucket, 'later.')}), 0))::bigint AS {bucket}"
        for bucket in BALANCES
    )
}
FROM inventory_stocklevel level LEFT JOIN inventory_stockmovement later
    ON later.sku_id = level.sku_id AND later.node_id = level.node_id
    AND later.recorded_at > least(%(happened)s::timestamptz, %(known)s::timestamptz)
    AND (later.recorded_at > %(known)s::timestamptz OR later.occurred_at > %(happened)s::timestamptz)
WHERE level.sku_id = %(sku)s AND level.node_id = ANY(%(nodes)s::bigint[])
GROUP BY level.id
"""  # noqa: S608 - only names of buckets are put in


def balances_as_of(
    sku_id: int, node_ids: Sequence[int], *, happened: datetime, known: datetime | None = None
) -> dict[int, dict[str, int]]:
    """The balances of a SKU at nodes as of a moment, by node: of all that had happened by then.

    With `known` only of what was known here by that moment: what the screens showed. Raises DomainError for a moment
    whose postings are archived.
    """
    known = known or datetime.max.replace(tzinfo=UTC)
    first = archived_until()
    if first is not None and min(happened, known) < first:
        raise DomainError(
            f"Postings before {first:%-d %B %Y} are archived; ask for a later moment, or look into the archive files.",
            field="at",
        )
    rows = fetch_all(
        _AS_OF, {"sku": sku_id, "nodes": list(node_ids), "happened": happened, "known": known}, planned_anew=True
    )
    return {row[0]: dict(zip(BALANCES, row[1:], strict=True)) for row in rows}


def archived_until() -> datetime | None:
    """The moment at which the postings in the database begin; None where no month is archived."""
    month = LedgerArchive.objects.order_by("-month").values_list("month", flat=True).first()
    if month is None:
        return None
    following = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    return datetime.combine(following, time(), UTC)


def ledger_size() -> int:
    """About how many postings the database holds, without counting them."""
    rows = fetch_all(
        "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_inherits "
        "JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = 'inventory_stockmovement'::regclass"
    )
    return int(rows[0][0])
