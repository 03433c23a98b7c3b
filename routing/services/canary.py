"""A published version tried beside the live one: for some channels, for a share of the orders, until it is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from oms.core.clock import now
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.states import advance
from routing.locks import lock_policy
from routing.models import PolicyState, RoutingCanary, RoutingPolicy
from routing.policy.trial import SHARES, Figures, StopRule, reason_to_stop
from routing.services.policies import (
    already_published,
    archive_live,
    lock_and_find_trial,
    publish_for_trial,
    require_publishable,
)
from routing.services.rules import forget_policy
from routing.states import POLICY

#: Who stops a trial by its stop rule.
CLOCK = "stop rule"
#: How far back the live version is looked at where the trial takes all orders of its channels.
_BEFORE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class TrialTerms:
    """For which orders a version is tried, and what ends the trial. See `RoutingCanary`."""

    percent: int
    channels: tuple[str, ...] = ()
    max_unroutable_points: int | None = 2
    max_cost_percent: int | None = 10
    min_decisions: int = 200


def start_canary(*, policy_id: int, edit_version: int, note: str, terms: TrialTerms, actor: str) -> RoutingPolicy:
    """Publish a draft for a trial beside the live version. Done twice it is done once.

    Raises DomainError where there is no live version, another trial runs, the share is unknown or the draft may not be
    published, and Conflict where somebody saved it since `edit_version`.
    """
    if terms.percent not in SHARES:
        raise DomainError(f"A trial takes {', '.join(map(str, SHARES))} percent.", field="percent")
    if terms.min_decisions < 1:
        raise DomainError("A trial is judged after at least one decision.", field="min_decisions")

    def work() -> RoutingPolicy:
        policy = lock_policy(policy_id)
        if already_published(policy, edit_version):
            return policy
        require_publishable(policy, edit_version, note)
        live = RoutingPolicy.objects.filter(state=PolicyState.LIVE).first()
        if live is None:
            raise DomainError("Nothing is live to try this beside: publish it.")
        running = RoutingPolicy.objects.filter(state=PolicyState.CANARY).first()
        if running is not None:
            raise DomainError(f"Version {running.version} is on trial already: stop it or make it live first.")
        publish_for_trial(policy, note, actor)
        RoutingCanary.objects.create(
            policy=policy, baseline=live, channels=sorted(set(terms.channels)), percent=terms.percent,
            max_unroutable_points=terms.max_unroutable_points, max_cost_percent=terms.max_cost_percent,
            min_decisions=terms.min_decisions, started_by=actor[:120],
        )  # fmt: skip
        return policy

    return run_atomic(work)


def widen_canary(*, policy_id: int, percent: int, actor: str) -> RoutingCanary:
    """Give a trial another share of the orders; those that it had stay with it when it grows.

    Raises Conflict where the trial is over, DomainError for an unknown share.
    """
    if percent not in SHARES:
        raise DomainError(f"A trial takes {', '.join(map(str, SHARES))} percent.", field="percent")

    def work() -> RoutingCanary:
        trial = _running(lock_policy(policy_id))
        if trial.percent != percent:
            trial.percent, trial.widened_at = percent, now()
            trial.save(update_fields=["percent", "widened_at"])
            transaction.on_commit(forget_policy)
        return trial

    return run_atomic(work)


def stop_canary(*, policy_id: int, reason: str, actor: str) -> None:
    """End a trial: the live version decides everything again. A trial that is over stays as it ended."""

    def work() -> None:
        policy = lock_policy(policy_id)
        if policy.state == PolicyState.CANARY:
            _end(policy, PolicyState.ARCHIVED, reason or "Stopped by hand", actor, archived_at=now())

    run_atomic(work)


def make_live(*, policy_id: int, actor: str) -> None:
    """End a trial by giving the version all orders. One that is live stays so; raises Conflict for a past one."""

    def work() -> None:
        policy = lock_policy(policy_id)
        if policy.state == PolicyState.LIVE:
            return
        _running(policy)
        archive_live(actor, f"Version {policy.version} follows after its trial")
        _end(policy, PolicyState.LIVE, "Made live", actor, live_since=now())

    run_atomic(work)


def _running(policy: RoutingPolicy) -> RoutingCanary:
    if policy.state != PolicyState.CANARY:
        raise Conflict(f"{policy} is not on trial any more.")
    return policy.canary


def _end(policy: RoutingPolicy, state: str, reason: str, actor: str, **changes: object) -> None:
    trial = policy.canary
    trial.stopped_at, trial.stopped_by, trial.stop_reason = now(), actor[:120], reason[:300]
    trial.save(update_fields=["stopped_at", "stopped_by", "stop_reason"])
    advance(policy, state, using=POLICY, actor=actor, reason=reason[:300], **changes)
    transaction.on_commit(forget_policy)


def check_canary() -> str:
    """Stop the running trial where its stop rule says so; the reason, or "". Running it twice at once is harmless."""

    def work() -> str:
        policy = lock_and_find_trial()
        if policy is None:
            return ""
        trial = policy.canary
        rule = StopRule(trial.max_unroutable_points, trial.max_cost_percent, trial.min_decisions)
        reason = reason_to_stop(rule, *trial_figures(trial))
        if reason:
            _end(policy, PolicyState.ARCHIVED, reason, CLOCK, archived_at=now())
        return reason

    return run_atomic(work)


# First attempts only: an order that is tried again was counted.
_FIGURES = """
SELECT o.currency, count(*), count(*) FILTER (WHERE d.outcome = 'unroutable'),
    count(*) FILTER (WHERE d.outcome = 'routed'), (avg(d.cost_minor) FILTER (WHERE d.outcome = 'routed'))::float
FROM routing_routingdecision d
JOIN orders_order o ON o.id = d.order_id
JOIN orders_saleschannel c ON c.id = o.channel_id
WHERE d.decided_at >= %(since)s AND d.decided_at < %(until)s AND d.attempt = 1 AND d.trigger <> 'checkout'
    AND d.policy_version = %(version)s AND (%(all)s OR c.code = ANY(%(channels)s::text[]))
GROUP BY o.currency
"""


def trial_figures(trial: RoutingCanary) -> tuple[Figures, Figures]:
    """What the version on trial decided since it began, and what the live one did for orders of the same channels.

    The live version is looked at over the same time; where the trial leaves it too few orders, over the week before.
    Costs of both are those of orders in one currency: in which the trial routed most of its orders.
    """
    end = trial.stopped_at or now()
    tried = _decided(trial, trial.policy.version, trial.started_at, end)
    live: list[_InCurrency] = []
    if trial.baseline is not None:
        live = _decided(trial, trial.baseline.version, trial.started_at, end)
        if sum(each.decisions for each in live) < trial.min_decisions:
            live = _decided(trial, trial.baseline.version, trial.started_at - _BEFORE, trial.started_at)
    currency = _commonest(tried) or _commonest(live)
    return _figures(tried, currency), _figures(live, currency)


class _InCurrency(NamedTuple):
    """What a version decided for orders of one currency; `cost_minor` is the mean of those `routed` whole."""

    currency: str
    decisions: int
    unroutable: int
    routed: int
    cost_minor: float | None


def _decided(trial: RoutingCanary, version: int | None, since: datetime, until: datetime) -> list[_InCurrency]:
    rows = fetch_all(_FIGURES, {
        "since": since, "until": until, "version": version, "all": not trial.channels, "channels": trial.channels,
    })  # fmt: skip
    return [_InCurrency(*row) for row in rows]


def _commonest(found: Sequence[_InCurrency]) -> str:
    """The currency of most orders that were routed whole; of two with as many the first of the alphabet."""
    routed = [each for each in found if each.routed]
    return min(routed, key=lambda each: (-each.routed, each.currency)).currency if routed else ""


def _figures(found: Sequence[_InCurrency], currency: str) -> Figures:
    if not found:
        return Figures()
    return Figures(
        sum(each.decisions for each in found), sum(each.unroutable for each in found),
        next((each.cost_minor for each in found if each.currency == currency), None), currency,
        sum(each.routed for each in found if each.currency != currency),
    )  # fmt: skip
