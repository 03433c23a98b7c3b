"""Rules decided against a past window of real orders, with the stock of that time. Writes nothing.

What is needed is read in two short transactions that the database keeps from writing; what is played in between asks
the database nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from inventory.selectors import stock_story
from oms.core.db import fetch_dicts, read_only
from routing.engine import LaneOf, NodeInput, Policy, Terms, Weights
from routing.policy.compiled import CompiledPolicy
from routing.selectors.past_orders import FirstDecision, Window, node_holidays, orders_given, past_orders
from routing.services.context import (
    NODES,
    lane_as_measured,
    measured_now,
    minutes_to_cutoff,
    node_of,
    rate_table,
    read_groups,
)
from routing.services.facts import facts_of
from routing.services.kits import in_components
from routing.services.planning import order_input
from routing.services.reading import Demand
from routing.simulation import Past, PastOrder, Played, play
from routing.simulation.playing import Stage

#: How the nodes stand towards their cut-offs: of each, how many of the numbers of minutes that matter are left.
_Standing: TypeAlias = tuple[int, ...]
#: Standings whose nodes and terms are kept.
_MOST_KEPT = 500


@dataclass(slots=True)
class PastNodes:
    """The nodes at past moments: their own clock, cut-off and holidays of then; all else as it is now.

    Deciding asks of the minutes to a node's cut-off only whether they are fewer than its processing takes, or than a
    rule asks for (`marks`). Moments that agree in all of these share nodes and terms, which costs most of a replay's
    time otherwise.
    """

    rows: list[dict[str, Any]]
    holidays: dict[int, frozenset[date]]
    lane: LaneOf
    marks: frozenset[int] = frozenset()
    _minute: int = -1
    _stage: Stage | None = None
    _kept: dict[_Standing, tuple[list[NodeInput], Callable[[Policy], Terms]]] = field(default_factory=dict)

    def by_code(self, moment: datetime) -> dict[str, NodeInput]:
        """The nodes by code, seen from a moment."""
        return {row["code"]: node_of(moment, row) for row in self.rows}

    @property
    def codes(self) -> dict[int, str]:
        """Codes by node id."""
        return {row["id"]: row["code"] for row in self.rows}

    def stage_at(self, moment: datetime) -> Stage:
        """Nodes, days and terms, to the minute, as live decisions have them."""
        minute = int(moment.timestamp()) // 60
        if self._stage is None or minute != self._minute:
            self._minute, self._stage = minute, self._staged(moment)
        return self._stage

    def _staged(self, moment: datetime) -> Stage:
        today = {zone: moment.astimezone(ZoneInfo(zone)).date() for zone in {row["time_zone"] for row in self.rows}}
        days = {row["id"]: today[row["time_zone"]] for row in self.rows}
        seen = [row | {"holiday": days[row["id"]] in self.holidays.get(row["id"], ())} for row in self.rows]
        standing = tuple(self._marks_left(row, minutes_to_cutoff(moment, row)) for row in seen)
        kept = self._kept.get(standing)
        if kept is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            nodes = [node_of(moment, row) for row in seen]
            kept = self._kept[standing] = nodes, _terms_over(nodes, self.lane)
        return Stage(kept[0], days, rate_table(), kept[1])

    def _marks_left(self, row: dict[str, Any], left: int) -> int:
        return sum(left >= mark for mark in {row["processing_minutes"], *self.marks})


@dataclass(slots=True)
class Replay:
    """A window ready to be played. `found` counts its orders before a sample was taken."""

    window: Window
    found: int
    orders: list[PastOrder]
    past: Past
    nodes: PastNodes

    def played_by(self, policies: Sequence[CompiledPolicy]) -> Iterator[list[Played]]:
        """Every order decided by every policy, in groups of one moment; the first policy is the baseline."""
        asked = {rule.attempt.policy.eligibility.min_minutes_to_cutoff for policy in policies for rule in policy.rules}
        self.nodes = replace(
            self.nodes, marks=frozenset(mark for mark in asked if mark is not None), _kept={}, _stage=None
        )
        return play(self.orders, policies, self.past, self.nodes.stage_at)


def _terms_over(nodes: Sequence[NodeInput], lane: LaneOf) -> Callable[[Policy], Terms]:
    kept: dict[Weights, Terms] = {}

    def terms_of(policy: Policy) -> Terms:
        terms = kept.get(policy.weights)
        if terms is None:
            terms = kept[policy.weights] = Terms(nodes, lane, rate_table(), policy.weights)
        return terms

    return terms_of


def read_replay(window: Window) -> Replay:
    """Everything that a replay of this window needs, from one picture of the database.

    Raises DomainError where the window begins in months of the ledger that are archived, or where more happened in it
    than is kept in memory.
    """
    with read_only():
        found = past_orders(window)
        nodes = PastNodes(fetch_dicts(NODES), node_holidays(), lane_as_measured(measured_now()))
        ids = [each.order_id for each in found.orders]
        skus = {line["sku_id"] for each in found.orders for line in each.lines if line["sku_id"] is not None}
        story = stock_story(skus, window.since, window.until, without_orders=ids)
        given = orders_given(window.since, window.until, without=ids)
        groups = read_groups()
    by_code = nodes.by_code(window.until)
    return Replay(
        window, found.found, [_past_order(each, groups, by_code) for each in found.orders],
        Past(story.start, story.changes, given, found.cancelled),
        nodes,
    )  # fmt: skip


def _past_order(found: FirstDecision, groups: dict[int, frozenset[str]], by_code: dict[str, NodeInput]) -> PastOrder:
    demand = Demand(found.order_id, found.lines, 1, "", set())
    order = order_input(demand, groups, by_code, found.at)
    due = found.lines[0]["due_by"]
    return PastOrder(
        order_id=found.order_id, number=found.lines[0]["number"], at=found.at, order=order,
        facts=facts_of(found.lines, found.at), in_components=partial(in_components, lines=found.lines),
        units=sum(line.quantity for line in order.lines),
        promised_by=datetime.fromisoformat(due) if due else None,
        really=frozenset(node_id for _, _, node_id, _ in found.assignments),
    )  # fmt: skip
