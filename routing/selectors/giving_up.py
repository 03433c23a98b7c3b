"""Orders that wait, whose rule says that they are held or that what waits too long is cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from oms.core.db import fetch_dicts
from routing.models import PolicyState, RoutingPolicy
from routing.policy.document import read_document


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An order that waits: `lines` are units that wait by line id, `whole` where nothing else of it is left to ship.

    `hold`: it is to be held and never was for this. `days`: cancelled after that many, which have passed; else None.
    """

    order_id: int
    rule: str
    hold: bool
    days: int | None
    lines: dict[int, int]
    whole: bool


# The rule of the last decision counts. What waits makes the stage of an order "backordered", which has an index.
_GIVEN_UP = """
SELECT * FROM (
    SELECT o.id AS order_id, t.rule,
        t.hold AND NOT EXISTS (SELECT FROM orders_hold h WHERE h.order_id = o.id AND h.handle = %(handle)s) AS hold,
        CASE WHEN o.captured_at < now() - t.days * interval '1 day' THEN t.days END AS days,
        (SELECT json_object_agg(l.id, l.backordered) FROM orders_orderline l
         WHERE l.order_id = o.id AND l.backordered > 0) AS lines,
        NOT EXISTS (SELECT FROM orders_orderline l WHERE l.order_id = o.id
                    AND l.quantity - l.backordered - l.cancelled > 0) AS whole
    FROM orders_order o
    JOIN LATERAL (SELECT d.policy_version, d.rule FROM routing_routingdecision d WHERE d.order_id = o.id
                  ORDER BY d.attempt DESC LIMIT 1) d ON true
    JOIN unnest(%(versions)s::int[], %(rules)s::text[], %(holds)s::bool[], %(days)s::int[])
        AS t(version, rule, hold, days) ON t.version = d.policy_version AND t.rule = d.rule
    WHERE o.stage = 'backordered' AND o.id > %(after)s
) found
WHERE (hold OR days IS NOT NULL) AND lines IS NOT NULL ORDER BY order_id LIMIT %(limit)s
"""


def given_up(*, handle: str, limit: int, after: int = 0) -> list[GivenUp]:
    """Orders behind `after` that their rule gives up, oldest first. `handle` names the holds that are placed for it."""
    terms = list(_terms())
    if not terms:
        return []
    versions, rules, holds, days = (list(column) for column in zip(*terms, strict=True))
    rows = fetch_dicts(_GIVEN_UP, {
        "versions": versions, "rules": rules, "holds": holds, "days": days, "handle": handle, "limit": limit,
        "after": after,
    })  # fmt: skip
    return [GivenUp(**row | {"lines": {int(pk): units for pk, units in row["lines"].items()}}) for row in rows]


def _terms() -> Iterator[tuple[int, str, bool, int | None]]:
    """(version, rule, hold, days) of published rules that give up."""
    published = RoutingPolicy.objects.exclude(state=PolicyState.DRAFT).exclude(version=None)
    for version, document in published.values_list("version", "document"):
        for rule in read_document(document).rules:
            if version is not None and (rule.fallback.hold or rule.fallback.cancel_after_days is not None):
                yield version, rule.name, rule.fallback.hold, rule.fallback.cancel_after_days
