"""Drafts that decide beside the live rules: after the fact, outside of every transaction that decides.

A run looks, every few seconds, at the orders that were just decided, gives back in thought what nodes hold for them,
and lets the draft and the rules in force decide them from that same picture. So the differences are those of the rules
alone, and the live decision costs nothing more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inventory.models import Node, Reservation
from oms.core.clock import now
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import Conflict, DomainError
from orders.models import OrderLine
from routing.engine import Plan
from routing.locks import lock_policy, lock_running_shadow
from routing.models import PolicyState, RoutingShadow, ShadowDifference
from routing.policy.compiled import CompiledPolicy
from routing.policy.document import read_document
from routing.policy.problems import PolicyInvalid
from routing.selectors.past_orders import dated_by_us
from routing.services.context import rate_table
from routing.services.planning import Planned, plan_demands
from routing.services.reading import Freed, Surroundings, read_surroundings
from routing.simulation import PlayedParcel, parcels_of

log = logging.getLogger(__name__)

#: Orders decided again in one go; with the interval of the schedule some thirty a second.
MOST_ORDERS = 300
#: A run that is further behind goes on with the newest orders, and says how many it left out.
MOST_BEHIND = 2_000
#: Runs at once, of all drafts: each decides every order once more.
MOST_RUNS = 3
#: Examples that a run keeps.
MOST_EXAMPLES = 200
#: Who ends a run that no person ended.
CLOCK = "the clock"


def start_shadow(*, policy_id: int, edit_version: int, actor: str) -> RoutingShadow:
    """Let a draft decide beside the live rules from now on; one that does already goes on as it is.

    Raises Conflict where it is no draft any more or was saved since `edit_version`, DomainError where enough run.
    """

    def work() -> RoutingShadow:
        policy = lock_policy(policy_id)
        if policy.state != PolicyState.DRAFT:
            raise Conflict(f"{policy} decides for itself: only drafts run in the shadow.")
        if policy.edit_version != edit_version:
            raise Conflict("Somebody saved the draft meanwhile: look at it, then start.")
        running = RoutingShadow.objects.filter(policy=policy, stopped_at__isnull=True).first()
        if running is not None:
            return running
        if RoutingShadow.objects.filter(stopped_at__isnull=True).count() >= MOST_RUNS:
            raise DomainError(f"{MOST_RUNS} drafts run in the shadow already: stop one of them first.")
        newest = fetch_all("SELECT coalesce(max(id), 0) FROM routing_routingdecision")[0][0]
        return RoutingShadow.objects.create(
            policy=policy, document=policy.document, edit_version=policy.edit_version, after_decision=newest,
            started_by=actor[:120],
        )  # fmt: skip

    return run_atomic(work)


def stop_shadow(*, policy_id: int, actor: str, reason: str = "Stopped by hand.") -> None:
    """End the run of a draft with the reason; its figures stay. One that ended stays as it is."""
    RoutingShadow.objects.filter(policy_id=policy_id, stopped_at__isnull=True).update(
        stopped_at=now(), stopped_by=actor[:120], stop_reason=reason[:300]
    )


def decide_in_shadow() -> int:
    """Look at the orders decided since the last time, for every run; how many. Running it twice at once is harmless."""
    running = RoutingShadow.objects.filter(stopped_at__isnull=True).order_by("pk").values_list("pk", flat=True)
    return sum(_run_alone(pk) for pk in list(running))


def _run_alone(pk: int) -> int:
    """One run in a transaction of its own: one whose document no longer reads ends, and holds up no other."""

    def work() -> int:
        shadow = lock_running_shadow(pk)
        if shadow is None:
            return 0
        if shadow.policy.state != PolicyState.DRAFT:
            stop_shadow(policy_id=shadow.policy_id, actor=CLOCK, reason=f"It was published as {shadow.policy}.")
            return 0
        try:
            rules = CompiledPolicy(read_document(shadow.document), 0)
        except PolicyInvalid as error:
            log.warning("The shadow run %s ends: %s", pk, error)
            stop_shadow(policy_id=shadow.policy_id, actor=CLOCK, reason=f"Its rules cannot be read any more: {error}")
            return 0
        return _run(shadow, rules)

    return run_atomic(work)


# First decisions that a rule made. A transaction that was slow to commit is waited for: ids do not come in order.
_FRESH = """
SELECT id, order_id, count(*) OVER () AS waiting FROM routing_routingdecision
WHERE id > %(after)s::bigint AND attempt = 1 AND trigger <> 'checkout' AND decided_at <= now() - interval '3 seconds'
ORDER BY id LIMIT %(most)s::bigint
"""
_NEWEST = """
SELECT coalesce(min(id), 0) - 1 FROM (
    SELECT id FROM routing_routingdecision WHERE id > %(after)s::bigint ORDER BY id DESC LIMIT %(most)s::bigint
) AS newest
"""


def _run(shadow: RoutingShadow, rules: CompiledPolicy) -> int:
    rows = fetch_all(_FRESH, {"after": shadow.after_decision, "most": MOST_ORDERS})
    if rows and rows[0][2] > MOST_BEHIND:
        after = fetch_all(_NEWEST, {"after": shadow.after_decision, "most": MOST_ORDERS})[0][0]
        left = fetch_all(_FRESH, {"after": after, "most": MOST_ORDERS})
        shadow.skipped += rows[0][2] - (left[0][2] if left else 0)
        rows = left
    if not rows:
        return 0
    shadow.after_decision = rows[-1][0]
    _decide(shadow, rules, [row[1] for row in rows])
    shadow.save()
    return len(rows)


@dataclass(frozen=True, slots=True)
class _Side:
    """What one of the two would do with an order."""

    plan: Plan
    parcels: tuple[PlayedParcel, ...]

    @property
    def nodes(self) -> frozenset[tuple[int, int]]:
        return frozenset((parcel.node_id, parcel.units) for parcel in self.parcels)

    @property
    def freight_minor(self) -> int:
        return sum(parcel.freight_minor for parcel in self.parcels)


def _decide(shadow: RoutingShadow, rules: CompiledPolicy, order_ids: Sequence[int]) -> None:
    around = read_surroundings(order_ids, _held(order_ids))
    # The date that an order got since then was not there when it was decided.
    for order_id in dated_by_us(around.demands):
        for line in around.demands[order_id].lines:
            line["promised_by"] = None
    live = _sides(plan_demands(around), around)
    draft = _sides(plan_demands(around, rules=rules), around)
    differing: list[ShadowDifference] = []
    codes = dict(Node.objects.values_list("pk", "code"))
    for order_id, mine in draft.items():
        theirs, row = live[order_id], around.demands[order_id].order
        shadow.decided += 1
        shadow.live_unroutable += theirs.plan.outcome == "unroutable"
        shadow.draft_unroutable += mine.plan.outcome == "unroutable"
        shadow.live_split += len(theirs.parcels) > 1
        shadow.draft_split += len(mine.parcels) > 1
        if theirs.plan.outcome == mine.plan.outcome == "routed":
            shadow.note_freight(row["currency"], theirs.freight_minor, mine.freight_minor)
        if theirs.nodes == mine.nodes:
            shadow.agreed += 1
        else:
            differing.append(ShadowDifference(
                shadow=shadow, order_id=order_id, number=row["number"], currency=row["currency"],
                live=_said(theirs, codes), draft=_said(mine, codes),
            ))  # fmt: skip
    if differing:
        ShadowDifference.objects.bulk_create(differing, ignore_conflicts=True)
        old = ShadowDifference.objects.filter(shadow=shadow).order_by("-pk").values_list("pk", flat=True)
        ShadowDifference.objects.filter(pk__in=list(old[MOST_EXAMPLES:])).delete()


def _sides(planned: Sequence[Planned], around: Surroundings) -> dict[int, _Side]:
    rates = rate_table()
    found = {}
    for each in planned:
        row = each.demand.order
        cod = row["payment_method"] == "cod" and row["service_level"] != "pickup"
        parcels = parcels_of(each.plan.compact(), rates, cod=cod) if each.plan.assignments else ()
        found[each.demand.order_id] = _Side(each.plan, parcels)
    return found


def _said(side: _Side, codes: Mapping[int, str]) -> dict[str, Any]:
    return {
        "outcome": side.plan.outcome, "rule": side.plan.rule, "freight": side.freight_minor,
        "nodes": [[codes.get(parcel.node_id, ""), parcel.units] for parcel in side.parcels],
        "sentence": side.plan.sentence,
    }  # fmt: skip


def _held(order_ids: Sequence[int]) -> list[Freed]:
    """Units that nodes hold for the orders."""
    lines = dict(OrderLine.objects.filter(order__in=order_ids).values_list("uid", "pk"))
    rows = Reservation.objects.filter(order_id__in=order_ids, open_quantity__gt=0, node__isnull=False).order_by("pk")
    return [
        Freed(lines[row.line_uid], row.node_id, row.sku_id, row.open_quantity)
        for row in rows
        if row.line_uid in lines and row.node_id is not None
    ]
