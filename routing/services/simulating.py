"""Simulations: asked for, played, and kept. Playing itself writes nothing; see `routing.services.replaying`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import transaction

from oms.core.clock import now
from oms.core.db import execute, run_atomic
from oms.core.errors import DomainError
from routing.models import PolicyState, RoutingPolicy, SimulatedOrder, Simulation
from routing.policy.compiled import CompiledPolicy
from routing.policy.document import STANDARD, document_json, read_document
from routing.selectors.past_orders import Window
from routing.services.arriving import read_chances
from routing.services.replaying import Replay, read_replay
from routing.simulation import Decided, Played, count_version, differences, result_as_json

#: Orders that one simulation decides at most: as many as are played well within one slice of a job.
MOST_ORDERS = 5_000
#: Versions beside the baseline.
MOST_DRAFTS = 3
LONGEST = timedelta(days=92)
#: Orders between two looks at whether somebody cancelled it.
_STEP_ORDERS = 50

#: Told how many orders more were decided; may raise to end it.
Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationTerms:
    """What is simulated: the policies by id, against which baseline (None: the live version), on which orders:
    those of the window, or only those named by id."""

    policy_ids: Sequence[int]
    since: datetime
    until: datetime
    baseline_id: int | None = None
    channels: Sequence[str] = ()
    most_orders: int = 1_000
    order_ids: Sequence[int] = ()


def new_simulation(terms: SimulationTerms, *, actor: str) -> Simulation:
    """Write down what is to be simulated, with the rules as they are now. Raises DomainError for terms that make no
    sense."""
    _check(terms)
    found = RoutingPolicy.objects.in_bulk([*terms.policy_ids, *([terms.baseline_id] if terms.baseline_id else [])])
    gone = [pk for pk in (*terms.policy_ids, *([terms.baseline_id] if terms.baseline_id else [])) if pk not in found]
    if gone:
        raise DomainError("Some of these rules are not there any more: somebody discarded the draft.", field="policies")
    baseline = found[terms.baseline_id] if terms.baseline_id else _live()
    return Simulation.objects.create(
        since=terms.since, until=terms.until, channels=sorted(set(terms.channels)), most_orders=terms.most_orders,
        order_ids=sorted(set(terms.order_ids)),
        versions=[_version(baseline), *(_version(found[pk]) for pk in terms.policy_ids)], created_by=actor[:120],
    )  # fmt: skip


def _check(terms: SimulationTerms) -> None:
    if not 1 <= len(set(terms.policy_ids)) <= MOST_DRAFTS:
        raise DomainError(f"Choose one to {MOST_DRAFTS} drafts or versions to simulate.", field="policies")
    if terms.baseline_id in terms.policy_ids:
        raise DomainError("The baseline is compared with others, not with itself.", field="policies")
    if terms.since >= terms.until:
        raise DomainError("The window ends before it begins.", field="until")
    if terms.since >= now():
        raise DomainError("The window lies in the future: there are no orders yet.", field="since")
    if terms.until - terms.since > LONGEST:
        raise DomainError(f"A window is at most {LONGEST.days} days long.", field="since")
    if len(terms.order_ids) > MOST_ORDERS:
        raise DomainError(f"Name at most {MOST_ORDERS:,} orders; there are {len(terms.order_ids):,}.", field="numbers")
    if not 1 <= terms.most_orders <= MOST_ORDERS:
        raise DomainError(f"A simulation takes 1 to {MOST_ORDERS:,} orders.", field="most_orders")


def _live() -> RoutingPolicy | None:
    return RoutingPolicy.objects.filter(state=PolicyState.LIVE).first()


def _version(policy: RoutingPolicy | None) -> dict[str, Any]:
    """What decides where nothing was published is the standard rule."""
    if policy is None:
        document = document_json(STANDARD)
        return {"id": None, "version": None, "edit": 0, "name": "The standard rule", "document": document}
    return {
        "id": policy.pk, "version": policy.version, "edit": policy.edit_version, "name": policy.name,
        "document": policy.document,
    }  # fmt: skip


@dataclass(slots=True)
class Opened:
    """A simulation with the window that it is played on."""

    simulation: Simulation
    replay: Replay
    seconds_reading: float

    @property
    def orders(self) -> int:
        """How many orders will be decided."""
        return len(self.replay.orders)


@dataclass(slots=True)
class Outcome:
    """What is kept of a simulation that was played: its result and the orders that differ."""

    result: dict[str, Any]
    orders: list[SimulatedOrder]


def open_simulation(simulation: Simulation) -> Opened:
    """Read the window of a simulation. Raises DomainError where the stock of that time is not known any more."""
    began = monotonic()
    window = Window(
        simulation.since, min(simulation.until, now()), simulation.most_orders, tuple(simulation.channels),
        tuple(simulation.order_ids),
    )  # fmt: skip
    return Opened(simulation, read_replay(window), monotonic() - began)


def play_simulation(opened: Opened, report: Progress) -> Outcome:
    """Decide every order by every version and count. Writes nothing; `report` may raise to end it."""
    began = monotonic()
    policies = [
        CompiledPolicy(read_document(each["document"]), each["version"] or 0) for each in opened.simulation.versions
    ]
    played: list[Played] = []
    reported = 0
    for group in opened.replay.played_by(policies):
        played += group
        if len(played) - reported >= _STEP_ORDERS:
            report(len(played) - reported)
            reported = len(played)
    if len(played) > reported:
        report(len(played) - reported)
    return _counted(opened, played, monotonic() - began)


def _counted(opened: Opened, played: Sequence[Played], seconds: float) -> Outcome:
    began = monotonic()
    replay = opened.replay
    codes = replay.nodes.codes
    chances = read_chances(played, replay.nodes.stage_at(opened.simulation.since).nodes, replay.nodes.holidays)
    currency, others = _currency(played)
    stored = [
        result_as_json(count_version(played, index, chances.of, currency), codes)
        for index in range(len(opened.simulation.versions))
    ]
    for each in stored[1:]:
        each["words"] = differences(stored[0], each, currency)
    result = {
        "found": replay.found, "orders": len(played), "currency": currency, "other_currencies": others,
        "versions": stored,
        "seconds": {
            "reading": round(opened.seconds_reading, 3), "deciding": round(seconds, 3),
            "counting": round(monotonic() - began, 3),
        },
    }  # fmt: skip
    return Outcome(result, list(_changed(opened.simulation, played, codes)))


def _currency(played: Sequence[Played]) -> tuple[str, int]:
    """The currency of most orders, of which alone money is told, and how many orders are in others."""
    counted = Counter(each.past.order.currency for each in played)
    if not counted:
        return "", 0
    currency = min(counted, key=lambda each: (-counted[each], each))
    return currency, counted.total() - counted[currency]


def _changed(simulation: Simulation, played: Iterable[Played], codes: dict[int, str]) -> Iterable[SimulatedOrder]:
    for each in played:
        changed = each.changed
        if changed:
            yield SimulatedOrder(
                simulation=simulation, order_id=each.past.order_id, number=each.past.number,
                currency=each.past.order.currency, decided_at=each.past.at,
                decisions=[_decision(decided, codes) for decided in each.decided], changed=list(changed),
            )  # fmt: skip


def _decision(decided: Decided, codes: dict[int, str]) -> dict[str, Any]:
    return {
        "outcome": decided.outcome, "rule": decided.rule, "cost": decided.cost_minor,
        "nodes": [[codes.get(parcel.node_id, ""), parcel.units] for parcel in decided.parcels],
        "sentence": decided.sentence,
    }  # fmt: skip


def keep_simulation(simulation: Simulation, outcome: Outcome) -> None:
    """Keep what came of it, in the caller's transaction if there is one; kept twice it is kept once."""
    with transaction.atomic():
        SimulatedOrder.objects.filter(simulation=simulation).delete()
        SimulatedOrder.objects.bulk_create(outcome.orders, batch_size=1000)
        simulation.result, simulation.finished_at = outcome.result, now()
        simulation.save(update_fields=["result", "finished_at"])


#: Simulations that one run of the clock deletes: each has at most MOST_ORDERS orders.
_PRUNED_A_RUN = 20
_PRUNE = """
WITH old AS MATERIALIZED (
    SELECT s.id FROM routing_simulation s
    WHERE coalesce(s.finished_at, s.created_at) < %(before)s::timestamptz
        AND NOT EXISTS (SELECT FROM core_job j WHERE j.id = s.job_id AND j.state IN ('queued', 'running'))
    ORDER BY s.id LIMIT %(most)s::int FOR UPDATE OF s SKIP LOCKED
),
orders AS (DELETE FROM routing_simulatedorder WHERE simulation_id IN (SELECT id FROM old))
DELETE FROM routing_simulation WHERE id IN (SELECT id FROM old)
"""


def prune_simulations(*, limit: int = _PRUNED_A_RUN) -> int:
    """Delete simulations that ended SIMULATION_KEPT_DAYS ago with their orders, the oldest first; how many.

    One that waits or runs stays, and so do all where the days are 0. Jobs stay in their list.
    """
    if not settings.SIMULATION_KEPT_DAYS:
        return 0
    before = now() - timedelta(days=settings.SIMULATION_KEPT_DAYS)
    return run_atomic(lambda: execute(_PRUNE, {"before": before, "most": limit}))
