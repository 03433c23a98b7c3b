"""A rehearsal as people read it: goals with what was reached, and where the time went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from oms.flow.rehearsal.measures import Figures

#: The market asks for 10,000 orders in half an hour with decisions under a second.
MARKET_ORDERS, MARKET_SECONDS, MARKET_DECISION_MS = 10_000, 30 * 60.0, 1_000.0
#: What this project aims at on two processor cores, for as many. Reported, and no reason to fail.
AIM_SECONDS = 10.0
#: The least part of the orders that stock can serve which is routed with nobody's help.
LEAST_SHARE = 0.98


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that must hold, with what was reached."""

    name: str
    reached: str
    wanted: str
    is_met: bool


def goals(found: Figures, *, wanted_orders: int, is_paced: bool) -> list[Goal]:
    """What decides whether the rehearsal passed. A pace makes waiting times mean something, so they must hold, too."""
    limit = MARKET_SECONDS * max(1.0, wanted_orders / MARKET_ORDERS)
    rows = [
        Goal("Orders captured", f"{found.orders:,}", f"{wanted_orders:,}", found.orders == wanted_orders),
        Goal("All done", f"{found.rest_seconds:,.1f} s", f"at most {limit:,.0f} s", found.rest_seconds <= limit),
        Goal("Decision, p99", f"{found.decision_ms[1]:,.0f} ms", f"under {MARKET_DECISION_MS:,.0f} ms",
             found.decision_ms[1] < MARKET_DECISION_MS),
        Goal("Oversold units", str(found.oversold), "0", found.oversold == 0),
        Goal("Routed of what stock can serve", f"{found.routed:,} of {found.servable:,} ({found.share:.2%})",
             f"at least {LEAST_SHARE:.0%}", found.share >= LEAST_SHARE),
        Goal("Left at the node that is off", str(found.left_at_off_node), "0", found.left_at_off_node == 0),
        Goal("Ledger", found.ledger, "0 differences", found.ledger_clean),
        Goal("Steps given up", str(found.dead), "0", found.dead == 0),
    ]  # fmt: skip
    if is_paced:
        rows.insert(3, Goal("From captured to decided, p99", f"{found.wait_ms[1]:,.0f} ms",
                            f"under {MARKET_DECISION_MS:,.0f} ms", found.wait_ms[1] < MARKET_DECISION_MS))  # fmt: skip
    return rows


def lines(found: Figures, met: list[Goal], *, workers: int, head: str) -> Iterator[str]:
    """The report, line by line."""
    yield f"{found.orders:,} orders with {found.lines:,} lines, {found.nodes} nodes, {workers} workers; {head}"
    yield ""
    yield f"captured         {found.captured_seconds:8.1f} s   {_rate(found.orders, found.captured_seconds)}"
    yield f"decided          {found.decided_seconds:8.1f} s   {_rate(found.orders, found.decided_seconds)}"
    yield (
        f"all at rest      {found.rest_seconds:8.1f} s   {_rate(found.orders, found.rest_seconds)}; the aim is "
        f"{AIM_SECONDS:.0f} s for {MARKET_ORDERS:,} on two cores: "
        + ("met" if found.rest_seconds <= AIM_SECONDS * found.orders / MARKET_ORDERS else "not met")
    )
    yield f"planning one     {_pair(found.engine_ms)}   the engine alone"
    yield f"decision         {_pair(found.decision_ms)}   read, planned, reserved and recorded, with its batch"
    yield f"captured-decided {_pair(found.wait_ms)}   waiting for its turn included"
    yield (
        f"{found.off_node} went off: {found.rerouted:,} orders decided again, {found.moved:,} of them whole elsewhere, "
        f"the last after {found.reroute_seconds:.1f} s"
    )
    yield f"the hot article: {found.hot_asked:,} asked for, {found.hot_stock:,} there, {found.hot_reserved:,} reserved"
    yield f"nodes that are full today: {found.full_nodes}; deliveries that were tried again: {found.retried:,}"
    if found.kept_waiting:
        yield f"{found.kept_waiting:,} orders wait for which stock is somewhere; for example:"
        yield from (f"    {sentence}" for sentence in found.waiting_because)
    yield ""
    yield f"{'where the time went':<22}{'batches':>9}{'events':>9}{'seconds':>9}{'ms each':>9}"
    for step, (batches, events, seconds) in found.steps.items():
        yield f"{step:<22}{batches:>9,}{events:>9,}{seconds:>9.2f}{1e3 * seconds / max(1, events):>9.2f}"
    yield ""
    for goal in met:
        yield f"{'pass' if goal.is_met else 'FAIL'}  {goal.name}: {goal.reached} ({goal.wanted})"


def as_json(found: Figures, met: list[Goal], *, workers: int, head: str) -> dict[str, Any]:
    """The report for programs."""
    return {
        "head": head, "workers": workers, "passed": all(goal.is_met for goal in met),
        "goals": [asdict(goal) for goal in met], "share": found.share, "per_second": found.per_second, **asdict(found),
    }  # fmt: skip


def _rate(orders: int, seconds: float) -> str:
    return f"{orders / seconds if seconds else 0:8,.0f} orders/s"


def _pair(values: tuple[float, float]) -> str:
    return f"p50 {values[0]:9,.2f} ms  p99 {values[1]:9,.2f} ms"
