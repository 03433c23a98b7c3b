"""Stored decisions weighed anew with other scores say where the order would have gone, or that it cannot be said."""

from __future__ import annotations

from typing import Any

import pytest

from routing.engine import (
    INDIA_RATES,
    Attempt,
    Eligibility,
    Lane,
    LineInput,
    NodeInput,
    OrderInput,
    Policy,
    Terms,
    Weights,
    plan_by_rules,
)
from routing.performance.effect import PerformanceTerms, weighed_anew


def lane(order: OrderInput, node: NodeInput) -> Lane:
    return Lane(True, "b", km=100.0 * node.node_id, transit_days=2)


def decided(scores: dict[int, float], minor: int, least: float | None = None, rows: int = 12, **line: int) -> Any:
    nodes = [NodeInput(number, f"N{number}", performance=scores.get(number)) for number in (1, 2, 3)]
    policy = Policy(
        weights=Weights(performance_minor=minor), max_candidates=rows, eligibility=Eligibility(min_performance=least)
    )
    order = OrderInput(1, (LineInput(1, 7, line.get("quantity", 1), 500),))
    stock = {(7, number): line.get("stock", 5) for number in (1, 2, 3)}
    terms = Terms(nodes, lane, INDIA_RATES, policy.weights)
    (plan,) = plan_by_rules(lambda _: terms, [(order, (Attempt(policy),))], stock, {})
    return plan


@pytest.mark.parametrize("rows", [1, 12])
@pytest.mark.parametrize("score", [0.99, 0.95, 0.9, 0.85, 0.8, 0.4])
@pytest.mark.parametrize("least", [None, 0.87])
def test_what_is_said_is_what_the_engine_decides(score: float, rows: int, least: float | None) -> None:
    used, scores = {1: 0.97, 2: 0.9}, {1: score, 2: 0.93, 3: 0.99}
    terms = PerformanceTerms(4_000, least)

    said = weighed_anew(decided(used, 4_000, rows=rows).compact(), scores, used, terms)

    again = decided(scores, 4_000, least)
    assert said == ("same" if again.node_ids == (1,) else "elsewhere")


def test_a_split_cannot_be_weighed_anew() -> None:
    stored = decided({}, 4_000, quantity=8).compact()

    assert weighed_anew(stored, {1: 0.1}, {}, PerformanceTerms(4_000)) == "unknown"


def test_a_rule_that_does_not_look_at_performance_says_so() -> None:
    assert not PerformanceTerms().looks
    assert PerformanceTerms(1).looks
    assert PerformanceTerms(0, 0.5).looks
    assert not PerformanceTerms(0, 0.5).refuses(None)
