"""Decides which nodes fulfill an order: pure functions from frozen inputs to a frozen plan."""

from __future__ import annotations

from routing.engine.certificate import faults_of
from routing.engine.cost import INDIA_RATES, Terms
from routing.engine.counterfactual import WhyNot, why_not
from routing.engine.filters import REASONS
from routing.engine.plan import plan_by_rules, plan_order, plan_orders, plan_with
from routing.engine.table import expand_candidates
from routing.engine.types import (
    ANY_NODE,
    FACTORS,
    Assignment,
    Attempt,
    CandidateResult,
    Eligibility,
    Lane,
    LaneOf,
    LineInput,
    NodeInput,
    OrderInput,
    Outcome,
    Plan,
    Policy,
    RateTable,
    Rule,
    SlabRate,
    Stock,
    TransferTerms,
    Weights,
)

__all__ = [
    "ANY_NODE",
    "FACTORS",
    "INDIA_RATES",
    "REASONS",
    "Assignment",
    "Attempt",
    "CandidateResult",
    "Eligibility",
    "Lane",
    "LaneOf",
    "LineInput",
    "NodeInput",
    "OrderInput",
    "Outcome",
    "Plan",
    "Policy",
    "RateTable",
    "Rule",
    "SlabRate",
    "Stock",
    "Terms",
    "TransferTerms",
    "Weights",
    "WhyNot",
    "expand_candidates",
    "faults_of",
    "plan_by_rules",
    "plan_order",
    "plan_orders",
    "plan_with",
    "why_not",
]
