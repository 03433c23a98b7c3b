"""Counts: how far they are, who counts where, and the codes that nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet, Sum

from inventory.models import (
    CountItem,
    CountItemState,
    CountScan,
    CountSession,
    CountSessionState,
    StockCount,
    StockCountState,
)
from oms.core.db import fetch_all
from oms.core.errors import NotFound


def count_named(uid: UUID, counts: QuerySet[StockCount] | None = None) -> StockCount:
    """A count by its uid, with its node. Raises NotFound; `counts` limits what may be found."""
    rows = StockCount.objects.all() if counts is None else counts
    found = rows.select_related("node").filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such count.")
    return found


@dataclass(frozen=True, slots=True)
class CountProgress:
    """How far a count is: SKUs asked for, of those found so far, and what is open."""

    items: int
    counted: int
    to_review: int
    sessions: int
    open_sessions: int
    unmatched: int


def progress_of(counts: Sequence[StockCount]) -> dict[int, CountProgress]:
    """Progress by id of the count. Four statements, however many counts."""
    ids = [count.pk for count in counts]
    items = CountItem.objects.filter(count__in=ids).values("count_id").annotate(
        n=Count("pk", filter=Q(is_directed=True)),
        done=Count("pk", filter=Q(is_directed=True) & ~Q(state=CountItemState.TO_COUNT)),
        review=Count("pk", filter=Q(state=CountItemState.COUNTED)),
    )  # fmt: skip
    found = fetch_all(
        """SELECT i.count_id, count(*) FROM inventory_countitem i
        WHERE i.count_id = ANY(%s) AND i.is_directed AND EXISTS (
            SELECT FROM inventory_countscan s JOIN inventory_countsession c ON c.id = s.session_id
            WHERE c.count_id = i.count_id AND s.sku_id = i.sku_id AND NOT s.is_undone AND c.state <> 'discarded')
        GROUP BY 1""",
        [ids],
    )
    scans: dict[int, int] = dict(found)
    sessions = CountSession.objects.filter(count__in=ids).exclude(state=CountSessionState.DISCARDED)
    by_session = {
        row["count_id"]: row
        for row in sessions.values("count_id").annotate(
            n=Count("pk"), going=Count("pk", filter=Q(state=CountSessionState.OPEN))
        )
    }
    unmatched = dict(
        unmatched_scans(ids).values("session__count_id").annotate(n=Count("code", distinct=True)).values_list(
            "session__count_id", "n"
        )
    )  # fmt: skip
    by_item = {row["count_id"]: row for row in items}
    empty = {"n": 0, "done": 0, "review": 0, "going": 0}
    return {
        pk: CountProgress(
            items=by_item.get(pk, empty)["n"], counted=max(by_item.get(pk, empty)["done"], scans.get(pk, 0)),
            to_review=by_item.get(pk, empty)["review"], sessions=by_session.get(pk, empty)["n"],
            open_sessions=by_session.get(pk, empty)["going"], unmatched=unmatched.get(pk, 0),
        )
        for pk in ids
    }  # fmt: skip


def unmatched_scans(count_ids: Sequence[int]) -> QuerySet[CountScan]:
    """Scans that count for nothing until somebody says what they are."""
    return CountScan.objects.filter(
        session__count__in=count_ids, sku__isnull=True, is_undone=False, set_aside=""
    ).exclude(session__state=CountSessionState.DISCARDED)


@dataclass(frozen=True, slots=True)
class UnmatchedCode:
    """A code that is not in the catalogue, with the units that carried it and where."""

    code: str
    units: int
    areas: tuple[str, ...]
    last_at: datetime


def unmatched_codes(count_id: int) -> list[UnmatchedCode]:
    """Codes that nobody matched or set aside yet, the newest first."""
    found: dict[str, UnmatchedCode] = {}
    rows = unmatched_scans([count_id]).order_by("-scanned_at").values_list(
        "code", "quantity", "session__area", "scanned_at"
    )  # fmt: skip
    for code, quantity, area, at in rows:
        old = found.get(code)
        if old is None:
            found[code] = UnmatchedCode(code, quantity, (area,), at)
        else:
            areas = old.areas if area in old.areas else (*old.areas, area)
            found[code] = UnmatchedCode(code, old.units + quantity, areas, old.last_at)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session with what it scanned."""

    session: CountSession
    scans: int
    units: int
    skus: int


def count_sessions(count_id: int) -> list[SessionRow]:
    """Every session of a count, the newest first, with its numbers. Two statements."""
    sessions = list(CountSession.objects.filter(count=count_id).order_by("-pk"))
    numbers = {
        row["session_id"]: row
        for row in CountScan.objects.filter(session__count=count_id, is_undone=False)
        .values("session_id")
        .annotate(n=Count("pk"), units=Sum("quantity"), skus=Count("sku", distinct=True))
    }
    empty = {"n": 0, "units": 0, "skus": 0}
    return [
        SessionRow(row, *(numbers.get(row.pk, empty)[name] or 0 for name in ("n", "units", "skus"))) for row in sessions
    ]


def areas_of(node_id: int, *, limit: int = 12) -> list[str]:
    """Areas that were counted at a node before, the most recent first."""
    rows = CountSession.objects.filter(count__node=node_id).exclude(area="").values("area").annotate(last=Max("pk"))
    return [row["area"] for row in rows.order_by("-last")[:limit]]


def open_counts(node_id: int) -> QuerySet[StockCount]:
    """Counts that go on at a node, those that are due first."""
    rows = StockCount.objects.select_related("node").filter(node=node_id, state=StockCountState.OPEN)
    return rows.order_by("due_on", "pk")


def session_here(uid: UUID, node_id: int) -> CountSession:
    """A session of a count at a node. Raises NotFound."""
    found = CountSession.objects.select_related("count__node").filter(uid=uid, count__node=node_id).first()
    if found is None:
        raise NotFound("There is no such counting here.")
    return found
