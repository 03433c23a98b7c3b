"""Which orders a version on trial decides, and when its figures say that it has to stop. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

#: Shares of orders that a trial may have, in percent.
SHARES = (5, 25, 100)


def in_trial(version: int, order_id: int, percent: int) -> bool:
    """Whether an order is among the `percent` of 100 that a version on trial decides.

    Always the same answer for the same order; a greater share has all orders of a smaller one; other versions try
    other orders.
    """
    return crc32(f"{version}:{order_id}".encode()) % 100 < percent


@dataclass(frozen=True, slots=True)
class Figures:
    """What a version decided: how many orders, how many that no node can ship, and the mean cost of those routed
    whole, in minor units (None where there were none). The cost is that of orders in `currency`; `other_currencies`
    counts those routed whole that it leaves out."""

    decisions: int = 0
    unroutable: int = 0
    cost_minor: float | None = None
    currency: str = ""
    other_currencies: int = 0

    @property
    def unroutable_percent(self) -> float:
        """Share of the orders that no node can ship."""
        return 100 * self.unroutable / self.decisions if self.decisions else 0.0


@dataclass(frozen=True, slots=True)
class StopRule:
    """What ends a trial by itself; None does not."""

    max_unroutable_points: int | None
    max_cost_percent: int | None
    min_decisions: int


def reason_to_stop(rule: StopRule, trial: Figures, live: Figures) -> str:
    """Why the trial ends now, in a sentence; empty where it may go on, or where too little was decided to tell."""
    if min(trial.decisions, live.decisions) < rule.min_decisions:
        return ""
    more = trial.unroutable_percent - live.unroutable_percent
    if rule.max_unroutable_points is not None and more > rule.max_unroutable_points:
        return (
            f"No node could ship {trial.unroutable_percent:.1f} % of {trial.decisions} orders, against "
            f"{live.unroutable_percent:.1f} % with the live version."
        )
    if rule.max_cost_percent is None or trial.cost_minor is None or not live.cost_minor:
        return ""
    if 100 * trial.cost_minor <= (100 + rule.max_cost_percent) * live.cost_minor:
        return ""
    dearer = 100 * (trial.cost_minor / live.cost_minor - 1)
    return f"An order cost {dearer:.1f} % more than with the live version, over {trial.decisions} orders."
