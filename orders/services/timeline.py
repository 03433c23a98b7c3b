"""The timeline of an order: append-only, numbered without gaps under the order's row lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from oms.core.db import execute
from oms.core.json_text import to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One thing that happened to an order, in a sentence for people, with data for machines."""

    order_id: int
    kind: str
    message: str
    actor: str
    data: dict[str, Any] = field(default_factory=dict)


_RECORD = """
WITH entry AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY ord) AS nth
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])
        WITH ORDINALITY AS e(order_id, kind, actor, message, data, ord)
),
locked AS MATERIALIZED (
    SELECT id FROM orders_order WHERE id IN (SELECT order_id FROM entry) ORDER BY id FOR NO KEY UPDATE
),
counted AS (
    UPDATE orders_order o SET timeline_seq = o.timeline_seq + c.n, version = o.version + 1, updated_at = now()
    FROM (SELECT order_id, count(*) AS n FROM entry GROUP BY order_id) c JOIN locked ON locked.id = c.order_id
    WHERE o.id = c.order_id
    RETURNING o.id, o.timeline_seq - c.n AS before
)
INSERT INTO orders_orderevent (order_id, seq, kind, actor, message, data)
SELECT e.order_id, c.before + e.nth, e.kind, e.actor, e.message, e.data::jsonb
FROM entry e JOIN counted c ON c.id = e.order_id
"""


def record(entries: Sequence[TimelineEntry]) -> None:
    """Append the entries to the timelines of their orders, in one statement; also raises the orders' versions."""
    if not entries:
        return
    execute(_RECORD, entry_columns(entries))


def entry_columns(entries: Sequence[TimelineEntry]) -> list[list[Any]]:
    """The entries as the arrays that the statements of this package take."""
    return [
        [entry.order_id for entry in entries],
        [entry.kind[:40] for entry in entries],
        [entry.actor[:120] for entry in entries],
        [entry.message[:500] for entry in entries],
        [to_json(entry.data) for entry in entries],
    ]
