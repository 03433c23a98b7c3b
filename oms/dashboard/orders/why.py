"""Why this node: every attempt with its sentence, and a table of every candidate with its factors in money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orders.models import Order
from routing.engine import FACTORS, CandidateResult, Plan, expand_candidates
from routing.models import RoutingDecision

#: Factor of the engine -> heading, and what it is.
FACTOR_WORDS = {
    "shipping": ("Shipping", "Rate card of the zone and weight"),
    "distance": ("Distance", "Kilometres, weighted"),
    "transit": ("Transit", "Days on the way, weighted"),
    "late": ("Late", "Days after the promise, weighted"),
    "load": ("Load", "How full the node's day is, squared"),
    "priority": ("Priority", "Steps below the most preferred node"),
    "performance": ("Performance", "How far below perfect the node was measured, weighted"),
    "stock": ("Stock", "The share of its stock that would go, weighted"),
}
RESULT_WORDS = {"chosen": ("Chosen", "good"), "eligible": ("Eligible", "neutral"), "refused": ("Refused", "off")}


@dataclass(frozen=True, slots=True)
class Factor:
    """One part of a candidate's cost; `most` is the largest of its column, for the bar."""

    name: str
    minor: int
    most: int


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One row of the table."""

    candidate: CandidateResult
    word: str
    tone: str
    factors: tuple[Factor, ...]
    stock: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One decision, ready to show."""

    number: int
    sentence: str
    outcome: str
    outcome_words: str
    trigger: str
    actor: str
    at: datetime | None
    policy_version: int
    rule: str
    duration_us: int
    cost_minor: int
    optimal: bool
    rows: tuple[CandidateRow, ...] = field(repr=False)
    #: Of measured performance; 0 where none counted.
    edition: int = 0

    @property
    def milliseconds(self) -> str:
        """How long the decision took."""
        return f"{self.duration_us / 1000:.1f} ms"

    @property
    def shown_factors(self) -> list[str]:
        """Factors that cost anything anywhere: a column of zeros explains nothing."""
        return shown_factors(self.rows)

    @property
    def ranked(self) -> list[CandidateRow]:
        """Nodes that could supply something."""
        return [row for row in self.rows if row.candidate.result != "refused"]

    @property
    def refused(self) -> list[CandidateRow]:
        """Nodes that a rule refused."""
        return [row for row in self.rows if row.candidate.result == "refused"]


def attempts_of(order: Order, codes: Mapping[int, str], sku_codes: Mapping[int, str]) -> list[Attempt]:
    """Every attempt of an order, newest first."""
    decisions = RoutingDecision.objects.filter(order=order).order_by("-attempt")
    return [_attempt(decision, codes, sku_codes) for decision in decisions]


def _attempt(decision: RoutingDecision, codes: Mapping[int, str], sku_codes: Mapping[int, str]) -> Attempt:
    stored = decision.candidates
    candidates = expand_candidates(stored, codes) if stored else ()
    return Attempt(
        number=decision.attempt, sentence=decision.sentence, outcome=decision.outcome,
        outcome_words=decision.get_outcome_display(), trigger=decision.trigger, actor=decision.actor,
        at=decision.decided_at, policy_version=decision.policy_version, rule=decision.rule,
        duration_us=decision.duration_us,
        cost_minor=decision.cost_minor, optimal=decision.optimal, rows=candidate_rows(candidates, sku_codes),
        edition=stored.get("edition", 0),
    )  # fmt: skip


def shown_factors(rows: Sequence[CandidateRow]) -> list[str]:
    """The factors that are not zero in every row, in the order of the engine."""
    used = {factor.name for row in rows for factor in row.factors if factor.minor}
    return [name for name in FACTORS if name in used]


def plan_rows(plan: Plan, sku_codes: Mapping[int, str]) -> tuple[CandidateRow, ...]:
    """The table of a plan that was not stored: what would be decided now."""
    return candidate_rows(plan.candidates, sku_codes)


def candidate_rows(candidates: Sequence[CandidateResult], sku_codes: Mapping[int, str]) -> tuple[CandidateRow, ...]:
    """Rows with bars that are comparable across factors: the largest amount of the table fills a bar."""
    most = max((abs(minor) for item in candidates for minor in item.factors.values()), default=0)
    return tuple(_row(item, most, sku_codes) for item in candidates)


def _row(item: CandidateResult, most: int, sku_codes: Mapping[int, str]) -> CandidateRow:
    word, tone = RESULT_WORDS[item.result]
    factors = tuple(Factor(name, item.factors[name], most) for name in FACTORS) if item.factors else ()
    stock = tuple((sku_codes.get(sku, f"SKU {sku}"), units) for sku, units in _stock(item.atp))
    return CandidateRow(item, word, tone, factors, stock)


def _stock(atp: Mapping[int, int]) -> Iterable[tuple[int, int]]:
    return sorted(atp.items())
