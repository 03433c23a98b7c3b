"""What nodes had to promise at past moments, from the ledger: balances of now, less every posting since.

The moment of a posting is when it became known here (`recorded_at`), because that is what was decided from. Safety
stock has no history: it is taken as it is now.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from inventory.selectors.ledger import archived_until
from oms.core.db import bigints, fetch_all, stream
from oms.core.errors import DomainError

#: What a posting did to units that may be promised: on hand less reserved.
_CHANGE = """m.quantity * ((m.to_bucket = 'on_hand')::int - (m.from_bucket = 'on_hand')::int
        - (m.to_bucket = 'reserved')::int + (m.from_bucket = 'reserved')::int)"""
_MOVES = "(m.from_bucket IN ('on_hand', 'reserved') OR m.to_bucket IN ('on_hand', 'reserved'))"

#: Postings of one story that are told one by one; each takes some two hundred bytes of memory.
MOST_CHANGES = 500_000

# What was reserved for the orders that are left out, and given back of it, is told apart by the key of its posting,
# which names the reservation. The ledger is parted by `recorded_at`, so only the months since `since` are looked at.
_OWN = """own AS MATERIALIZED (
    SELECT r.uid::text AS uid, r.sku_id, r.node_id, r.quantity FROM inventory_reservation r
    WHERE r.order_id = ANY(%(without)s::bigint[]) AND r.sku_id = ANY(%(skus)s::bigint[]) AND r.node_id IS NOT NULL
)"""
_POSTED = f"""
    SELECT m.id, m.recorded_at, m.sku_id, m.node_id, {_CHANGE} AS change, m.op_key LIKE 'reserve/%%' AS is_reserve,
        (m.op_key LIKE 'reserve/%%' OR m.op_key LIKE 'release/%%')
            AND split_part(m.op_key, '/', 2) IN (SELECT uid FROM own) AS is_own
    FROM inventory_stockmovement m
    WHERE m.recorded_at > %(since)s::timestamptz AND m.sku_id = ANY(%(skus)s::bigint[]) AND {_MOVES}
"""  # noqa: S608 - only constants of this module are put in

# ATP when the window began: that of now less every posting since, which are only added up. With how many of them lie
# within the window.
_START = f"""
WITH {_OWN},
later AS (
    SELECT sku_id, node_id, sum(change) AS units, sum(change) FILTER (WHERE is_own AND is_reserve) AS own_units,
        count(*) FILTER (WHERE NOT is_own AND recorded_at <= %(until)s::timestamptz) AS changes
    FROM ({_POSTED}) AS posted WHERE change <> 0 GROUP BY sku_id, node_id
),
given_back AS (SELECT sku_id, node_id, sum(quantity) AS units FROM own GROUP BY sku_id, node_id)
SELECT level.sku_id, level.node_id,
    (level.on_hand - level.reserved - level.safety_stock - coalesce(later.units, 0) + coalesce(later.own_units, 0)
        + coalesce(given_back.units, 0))::bigint,
    coalesce(later.changes, 0)
FROM inventory_stocklevel level
LEFT JOIN later ON later.sku_id = level.sku_id AND later.node_id = level.node_id
LEFT JOIN given_back ON given_back.sku_id = level.sku_id AND given_back.node_id = level.node_id
WHERE level.sku_id = ANY(%(skus)s::bigint[])
"""  # noqa: S608 - only constants of this module are put in

_CHANGES = f"""
WITH {_OWN}
SELECT recorded_at, sku_id, node_id, change::bigint
FROM ({_POSTED} AND m.recorded_at <= %(until)s::timestamptz) AS posted
WHERE change <> 0 AND NOT is_own ORDER BY recorded_at, id
"""  # noqa: S608 - only constants of this module are put in


class StockChange(NamedTuple):
    """So many units more (or fewer) to promise of a SKU at a node, from this moment on."""

    at: datetime
    sku_id: int
    node_id: int
    units: int


@dataclass(frozen=True, slots=True)
class StockStory:
    """What nodes had to promise when a window began, by SKU and node id, and what changed in it, oldest first.

    `start` may be negative where safety stock was not covered.
    """

    start: dict[tuple[int, int], int]
    changes: list[StockChange]


def promisable_at(sku_ids: Sequence[int], moment: datetime) -> dict[tuple[int, int], int]:
    """ATP of SKUs at every node at a past moment, by SKU and node id: of all that was known here by then.

    Raises DomainError for a moment whose postings are archived.
    """
    return stock_story(sku_ids, moment, moment).start


def stock_story(
    sku_ids: Collection[int], since: datetime, until: datetime, *, without_orders: Collection[int] = ()
) -> StockStory:
    """What nodes had to promise of SKUs from `since` to `until`.

    As if the orders of `without_orders` had never been given stock: their reservations, and what was given back of
    them, are left out. Their goods leaving the shelf change nothing: what is packed was reserved before. What people
    and suppliers did (receipts, counts, damage, returns) and what other orders took stays in. Raises DomainError where
    `since` lies in archived months, or where more than MOST_CHANGES postings lie in the window.
    """
    first = archived_until()
    if first is not None and since < first:
        raise DomainError(
            f"Postings before {first:%-d %B %Y} are archived: the stock of earlier moments is not known.", field="since"
        )
    params = {"skus": bigints(sku_ids), "without": bigints(without_orders), "since": since, "until": until}
    rows = fetch_all(_START, params, planned_anew=True)
    changes = sum(row[3] for row in rows)
    if changes > MOST_CHANGES:
        raise DomainError(
            f"From {since:%-d %B %Y %H:%M} to {until:%-d %B %Y %H:%M} stock changed {changes:,} times, and at most"
            f" {MOST_CHANGES:,} changes are told: choose a shorter time, or fewer orders.", field="since",
        )  # fmt: skip
    start = {(sku_id, node_id): units for sku_id, node_id, units, _ in rows}
    return StockStory(start, [StockChange(*row) for row in stream(_CHANGES, params)] if changes else [])
