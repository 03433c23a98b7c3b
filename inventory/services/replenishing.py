"""Working out what should be bought and carried: suggestions that follow demand, lead times and rules. Idempotent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from django.db.models import F
from django.db.models.functions import Greatest

from inventory.locks import lock_replenishment
from inventory.models import ReplenishmentSuggestion, Sku, SuggestionState
from inventory.selectors.replenishment import active_levels, z_json
from inventory.selectors.replenishment_sql import (
    FIGURES,
    NARROW,
    NONE_WAITING,
    OF_RANGE,
    OF_SKUS,
    SOURCE_FIGURES,
    WIDE,
    plan,
)
from inventory.services.demand import refresh_demand_rates
from inventory.states import REPLENISHMENT_SUGGESTION
from oms.core.clock import now
from oms.core.db import bigints, execute, fetch_all, run_atomic
from oms.core.jobs import SLICE_SECONDS, progress, start_job
from oms.core.models import Job, JobState
from oms.core.states import advance_many

#: Kind of the job that works out all suggestions.
REPLENISH = "inventory.replenish"
#: SKUs of one transaction, with all their nodes: a node can only be asked for what another one has when both are seen.
CHUNK_SKUS = 200
#: Days that suggestions which came to nothing are kept.
OUTDATED_DAYS = 30
_CLOCK = "The clock"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a run did: suggestions that are new, that changed, and that are not needed any more."""

    new: int = 0
    changed: int = 0
    outdated: int = 0

    def __add__(self, other: Refreshed) -> Refreshed:
        return Refreshed(self.new + other.new, self.changed + other.changed, self.outdated + other.outdated)


_PUT = f""",
due AS MATERIALIZED (
    SELECT chosen.*, json_build_object({FIGURES}, {SOURCE_FIGURES})::jsonb AS sums
    FROM chosen WHERE NOT EXISTS (
        SELECT FROM inventory_replenishmentsuggestion asleep
        WHERE asleep.sku_id = chosen.sku_id AND asleep.node_id = chosen.node_id AND asleep.state = 'dismissed'
            AND asleep.snoozed_until > now() AND {{of_asleep}}
    )
),
put AS (
    INSERT INTO inventory_replenishmentsuggestion AS known
        (sku_id, node_id, supplier_id, from_node_id, rule_id, quantity, cover_days, slack_days, sums, state, decided_by,
         created_at, updated_at)
    SELECT sku_id, node_id, supplier_id, CASE WHEN way = 'transfer' THEN from_node_id END, rule_id,
        quantity, cover, slack, sums, 'open', '', now(), now()
    FROM due ORDER BY sku_id, node_id
    ON CONFLICT (sku_id, node_id) WHERE state = 'open' DO UPDATE
    SET supplier_id = excluded.supplier_id, from_node_id = excluded.from_node_id, rule_id = excluded.rule_id,
        quantity = excluded.quantity, cover_days = excluded.cover_days, slack_days = excluded.slack_days,
        sums = excluded.sums, updated_at = excluded.updated_at
    WHERE (known.supplier_id, known.from_node_id, known.rule_id, known.quantity, known.sums)
        IS DISTINCT FROM
        (excluded.supplier_id, excluded.from_node_id, excluded.rule_id, excluded.quantity, excluded.sums)
    RETURNING (xmax = 0) AS is_new
)
SELECT (SELECT count(*) FROM put WHERE is_new), (SELECT count(*) FROM put WHERE NOT is_new),
    ARRAY(SELECT open_one.id FROM inventory_replenishmentsuggestion open_one
     WHERE open_one.state = 'open' AND {{of_open}}
        AND NOT EXISTS (SELECT FROM due WHERE due.sku_id = open_one.sku_id AND due.node_id = open_one.node_id))
"""  # noqa: S608 - only constants are put in


def refresh_suggestions(*, sku_ids: Iterable[int] | None = None, waiting: str = NONE_WAITING) -> Refreshed:
    """Make the open suggestions what rules, demand and stock say now; of these SKUs, or of all.

    `waiting` is a query of the units that orders wait for at one certain node (sku_id, node_id, units). In chunks of
    SKUs, each a transaction of its own. Doing it again changes nothing; of two at once the second waits for the chunk.
    """
    if sku_ids is None:
        return sum((_range(after, until, waiting) for after, until in _ranges()), Refreshed())
    wanted = sorted(set(sku_ids))
    parts = [wanted[start : start + CHUNK_SKUS] for start in range(0, len(wanted), CHUNK_SKUS)]
    return sum((_refresh(OF_SKUS, {"skus": bigints(part)}, waiting) for part in parts), Refreshed())


def _ranges() -> Iterator[tuple[int, int]]:
    after = 0
    while part := _next_skus(after):
        yield after, part[-1]
        after = part[-1]


def _next_skus(after: int) -> list[int]:
    return list(Sku.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:CHUNK_SKUS])


def _range(after: int, until: int, waiting: str) -> Refreshed:
    return _refresh(OF_RANGE, {"after": after, "until": until}, waiting)


def _refresh(of: str, given: Mapping[str, Any], waiting: str) -> Refreshed:
    """One chunk. The lock comes first and in a statement of its own, so that the plan sees every draft made before."""
    put = _PUT.format(of_open=of.format("open_one.sku_id"), of_asleep=of.format("asleep.sku_id"))
    statement = f"{plan(of=of, waiting=waiting)}{put}"

    def work() -> Refreshed:
        lock_replenishment()
        levels = active_levels()
        fetch_all(WIDE)
        new, changed, stale = fetch_all(statement, {**given, "z": z_json(levels)})[0]
        fetch_all(NARROW)
        outdated = advance_many(
            ReplenishmentSuggestion, stale, SuggestionState.OUTDATED, using=REPLENISHMENT_SUGGESTION, actor=_CLOCK,
            reason="Not needed any more", decided_at=now(), decided_by=_CLOCK,
        )  # fmt: skip
        return Refreshed(new, changed, len(outdated))

    return run_atomic(work)


_FORGET = """
DELETE FROM inventory_replenishmentsuggestion
WHERE state = 'outdated' AND decided_at < now() - make_interval(days => %s)
"""


def forget_outdated() -> int:
    """Drop suggestions that came to nothing long ago; how many."""
    return execute(_FORGET, [OUTDATED_DAYS])


def start_replenishing(*, title: str, rates: bool = True, user_id: int | None = None) -> Job:
    """Queue the job that works out all suggestions, with new demand rates first unless they are fresh.

    Where one of the same person waits already that does as much, that one: nothing is gained by two. Nobody is given
    the job of somebody else, which they may not see and others may cancel. One that runs may have passed what changed
    since; of two at once, one waits for the other's chunk.
    """
    waiting = Job.objects.filter(kind=REPLENISH, state=JobState.QUEUED, created_by_id=user_id)
    if rates:
        waiting = waiting.filter(args__rates=True)
    return waiting.order_by("pk").first() or start_job(
        kind=REPLENISH, title=title, args={"rates": rates}, user_id=user_id
    )


def run_replenishing(job: Job, *, waiting: str = NONE_WAITING) -> bool:
    """A slice of the job: goes on after the SKUs that are done. Counts SKUs, and as succeeded what was suggested."""
    until, done = monotonic() + SLICE_SECONDS, job.done
    if not job.total:
        if job.args.get("rates", True):
            refresh_demand_rates()
        progress(job, total=Sku.objects.count())
    while monotonic() < until:
        part = list(Sku.objects.order_by("pk").values_list("pk", flat=True)[done : done + CHUNK_SKUS])
        if not part:
            forget_outdated()
            return True
        run_atomic(lambda: _chunk_of_job(job, part, waiting))  # noqa: B023 - runs at once
        done += len(part)
    return False


def _chunk_of_job(job: Job, part: Sequence[int], waiting: str) -> None:
    found = _range(part[0] - 1, part[-1], waiting)
    progress(job, done=len(part), succeeded=found.new + found.changed)
    earlier = Job.objects.values_list("result", flat=True).get(pk=job.pk) or {}
    counted = {"new": found.new, "changed": found.changed, "outdated": found.outdated}
    result = {name: earlier.get(name, 0) + number for name, number in counted.items()}
    Job.objects.filter(pk=job.pk).update(result=result, total=Greatest(F("total"), F("done")))
