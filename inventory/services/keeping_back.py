"""Applying the buffer rules: safety stock of levels, and what is hidden from single channels. Idempotent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from django.db.models import Q

from inventory.events import StockArrived, StockChanged
from inventory.models import BufferMeasure, BufferRule, ChannelBuffer, Sku, StockLevel
from inventory.selectors.buffers import REMOVED
from inventory.services.buffers_sql import (
    AT_NODES,
    HIDE,
    KEEP_BACK,
    OF_ALL,
    OF_RANGE,
    OF_SKUS,
    PREVIEW,
    PREVIEW_SETTINGS,
    SPEAKS_OF_DEMAND,
    targets,
)
from oms.core.db import bigints, execute, fetch_all, fetch_dicts, run_atomic
from oms.core.jobs import SLICE_SECONDS, progress, start_job
from oms.core.json_text import to_json
from oms.core.models import Job, JobState
from oms.core.outbox import publish

#: Kind of the job that applies the rules to everything.
BUFFERS = "inventory.buffers"
#: SKUs in one transaction, and so at most in one event.
CHUNK_SKUS = 500
#: As many levels are done at once while somebody waits; more of them by a job.
INLINE_LEVELS = 20_000
#: SKUs that a preview names.
MOST_NAMED = 20
#: Reasons of changes after which no rule can say anything else: on hand stayed as it was, or rules were applied.
UNMOVED_REASONS = frozenset({"buffers", "reserved", "released", "cancelled"})


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did: levels whose buffer changed, or the job that will do it."""

    changed: int
    job: Job | None = None


def apply_buffers(*, sku_ids: Iterable[int] | None = None, node_ids: Iterable[int] | None = None) -> int:
    """Give every level the safety stock, and every channel the buffer, that the rules say now; how many changed.

    Of these SKUs and nodes, or of all. Goes through the SKUs in chunks, each a transaction of its own that locks only
    the levels that differ and publishes StockChanged for their SKUs. Doing it again changes nothing.
    """
    nodes = sorted(set(node_ids)) if node_ids is not None else None
    if sku_ids is None:
        return sum(apply_to_range(after, until, nodes) for after, until in _ranges())
    wanted = sorted(set(sku_ids))
    parts = [wanted[start : start + CHUNK_SKUS] for start in range(0, len(wanted), CHUNK_SKUS)]
    return sum(_apply(OF_SKUS, {"skus": bigints(part)}, nodes) for part in parts)


def apply_to_range(after: int, until: int, node_ids: Sequence[int] | None = None) -> int:
    """The same for the SKUs with ids above `after`, up to `until`."""
    return _apply(OF_RANGE, {"after": after, "until": until}, node_ids)


def _ranges() -> Iterator[tuple[int, int]]:
    after = 0
    while part := _next_skus(after):
        yield after, part[-1]
        after = part[-1]


def _next_skus(after: int) -> list[int]:
    return list(Sku.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:CHUNK_SKUS])


def _apply(condition: str, params: dict[str, Any], node_ids: Sequence[int] | None) -> int:
    at = AT_NODES if node_ids is not None else ""
    given = params | {"without": "{}", "instead": "[]"}
    if node_ids is not None:
        given["nodes"] = bigints(node_ids)

    def work() -> int:
        rated = _rated()
        safety = targets(of=condition, at=at, rated=rated)
        hiding = targets(of=condition, at=at, rated=rated, for_channel=True)
        kept = fetch_all(f"{safety}{KEEP_BACK}", given | {"channel": ""})
        hidden: list[tuple[int, int, int]] = []
        for code in channel_codes():
            hidden += fetch_all(f"{hiding}{HIDE}", given | {"channel": code})
        _announce(kept, hidden)
        return len(kept) + len(hidden)

    return run_atomic(work)


def _rated(instead: Sequence[dict[str, Any]] = ()) -> bool:
    """Whether demand has to be looked at."""
    asked = any(row["measure"] == BufferMeasure.DAYS or row["velocity"] for row in instead)
    return asked or bool(fetch_all(SPEAKS_OF_DEMAND)[0][0])


def channel_codes() -> list[str]:
    """Channels that rules speak of, or that still have a buffer from one."""
    ruled = BufferRule.objects.exclude(channel_code="").order_by().values_list("channel_code", flat=True).distinct()
    hidden = ChannelBuffer.objects.order_by().values_list("channel_code", flat=True).distinct()
    return sorted({*ruled, *hidden})


def _announce(kept: Sequence[tuple[int, int, int]], hidden: Sequence[tuple[int, int, int]]) -> None:
    """Say of which SKUs more or fewer units may be sold, and where units became free."""
    changed = sorted({sku_id for sku_id, _, change in (*kept, *hidden) if change})
    freed: dict[int, list[int]] = {}
    for sku_id, node_id, change in sorted(kept):
        if change < 0:
            freed.setdefault(node_id, []).append(sku_id)
    if changed:
        publish([
            StockChanged(sku_ids=changed, reason="buffers"),
            *(StockArrived(sku_ids=skus, node_id=node_id) for node_id, skus in sorted(freed.items())),
        ])  # fmt: skip


def apply_after_change(
    *, sku_ids: Iterable[int] | None, node_ids: Iterable[int] | None, title: str, user_id: int | None = None
) -> Applied:
    """Apply the rules where a rule was changed: at once where that concerns few levels, else by a job."""
    if sku_ids is not None:
        return Applied(apply_buffers(sku_ids=sku_ids, node_ids=node_ids))
    nodes = sorted(set(node_ids)) if node_ids is not None else None
    levels = StockLevel.objects.all() if nodes is None else StockLevel.objects.filter(node__in=nodes)
    if len(levels.order_by().values_list("pk")[: INLINE_LEVELS + 1]) <= INLINE_LEVELS:
        return Applied(apply_buffers(node_ids=nodes))
    return Applied(0, start_job(kind=BUFFERS, title=title, args={"nodes": nodes}, user_id=user_id))


def run_buffers(job: Job) -> bool:
    """A slice of the job that applies the rules: goes on after the SKUs that are done."""
    until = monotonic() + SLICE_SECONDS
    done, nodes = job.done, job.args.get("nodes")
    if not job.total:
        progress(job, total=Sku.objects.count())
    while monotonic() < until:
        part = list(Sku.objects.order_by("pk").values_list("pk", flat=True)[done : done + CHUNK_SKUS])
        if not part:
            remove_ended_rules()
            return True

        def work() -> None:
            changed = apply_to_range(part[0] - 1, part[-1], nodes)  # noqa: B023 - runs at once
            progress(job, done=len(part), succeeded=changed)  # noqa: B023

        run_atomic(work)
        done += len(part)
    return False


_FORGET = """
DELETE FROM inventory_bufferrule rule WHERE NOT is_active AND note = %s
    AND NOT EXISTS (SELECT FROM inventory_stocklevel level WHERE level.safety_rule_id = rule.id)
    AND NOT EXISTS (SELECT FROM inventory_channelbuffer buffer WHERE buffer.rule_id = rule.id)
"""


def remove_ended_rules() -> int:
    """Delete rules that were removed and that no level names any more; how many."""
    return execute(_FORGET, [REMOVED])


def apply_moving_buffers() -> object:
    """By the clock: apply the rules where one depends on stock, demand or time. The levels that changed, or a job.

    Also what a job that failed left undone is done then.
    """
    moving = ~Q(measure=BufferMeasure.UNITS) | ~Q(velocity="") | Q(starts_at__isnull=False) | Q(ends_at__isnull=False)
    if not BufferRule.objects.filter(moving).exists():
        return 0
    if Job.objects.filter(kind=BUFFERS, state__in=[JobState.QUEUED, JobState.RUNNING]).exists():
        return 0
    applied = apply_after_change(sku_ids=None, node_ids=None, title="Apply the buffer rules")
    return applied.job or applied.changed


def apply_buffers_after(changes: Iterable[StockChanged]) -> int:
    """Apply the rules to SKUs whose stock changed: percent rules follow what is on hand, new levels get their rule.

    Changes that leave on hand as it was are passed over.
    """
    skus = {sku_id for change in changes if change.reason not in UNMOVED_REASONS for sku_id in change.sku_ids}
    if not skus or not BufferRule.objects.filter(is_active=True).exists():
        return 0
    return apply_buffers(sku_ids=skus)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewNode:
    """What a change of rules does at one node: units of ATP that it hides and that it frees."""

    code: str
    name: str
    levels: int
    hides: int
    frees: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSku:
    """Units of a SKU that may be promised over all nodes looked at, before and after."""

    sku_id: int
    code: str
    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferPreview:
    """What saving would do. Units are of ATP, each level counted from zero; `emptied` SKUs go to zero everywhere."""

    looked_at: int
    levels: int
    hides: int
    frees: int
    emptied: int
    opened: int
    nodes: tuple[PreviewNode, ...]
    skus: tuple[PreviewSku, ...]


def preview_buffers(
    *, instead: Sequence[dict[str, Any]], without: Sequence[int], channel_code: str, sku_ids: Sequence[int] | None
) -> BufferPreview:
    """What the rules would change if `instead` (rows as `buffers_sql.RULE_COLUMNS`) stood for those of `without`.

    Compared with what is kept back at this moment, for these SKUs or for all. Nothing is written.
    """
    params: dict[str, Any] = {
        "channel": channel_code, "without": bigints(without), "most": MOST_NAMED,
        "instead": to_json([{key: _plain(value) for key, value in row.items()} for row in instead]),
    }  # fmt: skip
    if sku_ids is not None:
        params["skus"] = bigints(sku_ids)
    found = targets(
        of=OF_SKUS if sku_ids is not None else OF_ALL, for_channel=bool(channel_code), rated=_rated(instead)
    )

    def work() -> dict[str, Any]:
        if sku_ids is None:
            fetch_all(PREVIEW_SETTINGS)
        return fetch_dicts(f"{found}{PREVIEW}", params)[0]

    row = run_atomic(work)
    nodes, skus = (json.loads(row.pop(name)) if isinstance(row[name], str) else row.pop(name)
                   for name in ("nodes", "skus"))  # fmt: skip
    return BufferPreview(
        **{name: int(value) for name, value in row.items()},
        nodes=tuple(PreviewNode(**item) for item in nodes), skus=tuple(PreviewSku(**item) for item in skus),
    )  # fmt: skip


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
