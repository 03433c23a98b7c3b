"""Decides which nodes fulfill an order: pure functions from frozen inputs to a frozen plan."""

from __future__ import annotations

from routing.engine.types import (
    FACTORS,
    Assignment,
    CandidateResult,
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
    Weights,
)

__all__ = [
    "FACTORS",
    "Assignment",
    "CandidateResult",
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
    "Weights",
]
