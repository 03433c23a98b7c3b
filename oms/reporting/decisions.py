"""Routing decisions as a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from oms.core.clock import now
from oms.core.db import fetch_all, fetch_dicts
from oms.reporting.scope import Scope

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One decision in a list."""

    id: int
    order_number: str
    attempt: int
    trigger: str
    actor: str
    policy_version: int
    rule: str
    outcome: str
    sentence: str
    cost_minor: int
    currency: str
    optimal: bool
    duration_us: int
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionQuestion:
    """Which decisions. `hours` back from now; empty texts mean all; `number` is the beginning of an order number."""

    outcome: str = ""
    hours: int = 24
    number: str = ""
    trigger: str = ""


# The page is cut out of the narrow index first; the wide rows are read only for what is shown.
_ROWS = """
SELECT d.id, o.number AS order_number, d.attempt, d.trigger, d.actor, d.policy_version, d.rule, d.outcome, d.sentence,
    d.cost_minor, o.currency, d.optimal, d.duration_us, d.decided_at
FROM routing_routingdecision d JOIN orders_order o ON o.id = d.order_id
WHERE d.decided_at > %(since)s AND (%(outcome)s = '' OR d.outcome = %(outcome)s)
    AND (%(trigger)s = '' OR d.trigger = %(trigger)s) AND (%(number)s = '' OR o.number ILIKE %(number)s)
    AND (%(at)s::timestamptz IS NULL OR (d.decided_at, d.id) < (%(at)s, %(id)s)) AND {orders}
ORDER BY d.decided_at DESC, d.id DESC LIMIT %(limit)s
"""


def decision_page(question: DecisionQuestion, scope: Scope, *, before: str = "") -> tuple[list[DecisionRow], str]:
    """Decisions, newest first, and the mark of the next page (empty on the last)."""
    at, row_id = _read_mark(before)
    number = question.number.replace("%", "").replace("_", "")
    params: dict[str, Any] = {
        "since": now() - timedelta(hours=question.hours), "outcome": question.outcome, "trigger": question.trigger,
        "number": f"{number}%" if number else "", "at": at, "id": row_id, "limit": PAGE_ROWS + 1, **scope.params,
    }  # fmt: skip
    rows = [DecisionRow(**row) for row in fetch_dicts(scope.apply(_ROWS), params)]
    more, rows = len(rows) > PAGE_ROWS, rows[:PAGE_ROWS]
    return rows, f"{rows[-1].decided_at.isoformat()}~{rows[-1].id}" if more else ""


def _read_mark(text: str) -> tuple[datetime | None, int]:
    at, _, row_id = text.partition("~")
    try:
        moment = datetime.fromisoformat(at)
        return (moment if timezone.is_aware(moment) else None), int(row_id)
    except ValueError:
        return None, 0


_SUMMARY = """
SELECT d.outcome, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY d.duration_us)::float / 1000,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY d.duration_us)::float / 1000
FROM routing_routingdecision d JOIN orders_order o ON o.id = d.order_id
WHERE d.decided_at > %(since)s AND {orders} GROUP BY d.outcome
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCount:
    """Decisions of one outcome, with the time they took in milliseconds."""

    outcome: str
    count: int
    p50_ms: float
    p95_ms: float


def outcome_counts(scope: Scope, *, hours: int) -> dict[str, OutcomeCount]:
    """How the decisions of the last hours came out."""
    rows = fetch_all(scope.apply(_SUMMARY), {"since": now() - timedelta(hours=hours), **scope.params})
    return {row[0]: OutcomeCount(outcome=row[0], count=row[1], p50_ms=row[2], p95_ms=row[3]) for row in rows}


def triggers_since(hours: int) -> Sequence[str]:
    """What set decisions off lately."""
    rows = fetch_all(
        "SELECT DISTINCT trigger FROM routing_routingdecision WHERE decided_at > %s ORDER BY 1",
        [now() - timedelta(hours=hours)],
    )
    return [row[0] for row in rows]
