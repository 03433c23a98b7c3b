"""How many days something takes: learned by lane, forgetting what is old, shrunk to what lies above the lane.

A table keeps for every lane and every day n two weights: how many parcels were still under way when day n began
(`risk`) and how many of those arrived on it (`events`). Their quotient is the hazard of day n, and the hazards give the
distribution (the life-table estimate of Kaplan and Meier, 1958, in discrete time). A parcel that is still under way
counts for the days that it has survived, so slow parcels are seen before they arrive; a mere histogram of delivered
parcels would see only the fast ones of the last weeks.

A lane with little data leans on the level above it: its hazard is (events + k * hazard above) / (risk + k), the mean
of a beta posterior whose prior weighs `k` parcels. What is old weighs less (`Memory`).

The same tables learn how many days later than planned goods leave a node.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import NamedTuple

from routing.promise.calendar import WorkingDays

#: Days are told apart up to this one; what takes longer is `LONGEST` for all purposes.
LONGEST = 60
#: A share of parcels that arrive on each further day where nothing at all is known of the day.
_UNKNOWN_HAZARD = 0.3
_EPOCH = date(2016, 1, 1).toordinal()


class DayCounts:
    """Weights by day, from 0 to `LONGEST`."""

    __slots__ = ("events", "risk")

    def __init__(self, risk: Sequence[float] = (), events: Sequence[float] = ()) -> None:
        self.risk = list(risk) + [0.0] * (LONGEST + 1 - len(risk))
        self.events = list(events) + [0.0] * (LONGEST + 1 - len(events))


@dataclass(frozen=True)
class Days:
    """A distribution of whole days. `hazard[n]` is the chance to arrive on day n for what has not arrived before."""

    hazard: tuple[float, ...]

    @cached_property
    def chance(self) -> tuple[float, ...]:
        """The probability of each day from 0 on; what is left falls to the last one."""
        left, chances = 1.0, []
        for hazard in self.hazard[:-1]:
            chances.append(left * hazard)
            left *= 1.0 - hazard
        return (*chances, left)

    @cached_property
    def likely(self) -> tuple[tuple[int, float], ...]:
        """The days that are worth looking at, with their probabilities."""
        return tuple((days, chance) for days, chance in enumerate(self.chance) if chance > 1e-6)

    @cached_property
    def _within(self) -> tuple[float, ...]:
        return tuple(accumulate(self.chance))

    def within(self, days: int) -> float:
        """P(days <= `days`)."""
        return 0.0 if days < 0 else min(1.0, self._within[min(days, len(self.hazard) - 1)])

    def quantile(self, level: float) -> int:
        """The fewest days within which at least this share arrives."""
        return next((days for days, reached in enumerate(self._within) if reached >= level), len(self.hazard) - 1)

    def given_not_before(self, days: int) -> Days:
        """The distribution for what has not arrived before day `days`."""
        if days <= 0:
            return self
        # What has lasted longer than anything that is told apart comes on the next day.
        return Days((0.0,) * days + (self.hazard[days:] or (1.0,)))


def exactly(days: int) -> Days:
    """It takes so many days and no other number."""
    return Days((0.0,) * min(days, LONGEST) + (1.0,))


def around(days: int, *, on_time: float = 0.85) -> Days:
    """A cold start from a rate card: as a rule `days`, sometimes one fewer, with a tail of delays.

    `on_time` of the parcels arrive within the days of the card; of those that are late two thirds arrive on each
    further day. The figures are ours, to be replaced by the first parcels that are delivered.
    """
    first = max(0, days - 1)
    early = on_time / 3 if days > 0 else 0.0
    on_the_day = (on_time - early) / (1.0 - early)
    head = (0.0,) * first + ((early,) if days > 0 else ()) + (on_the_day,)
    return Days((*head, *(2 / 3,) * max(0, LONGEST + 1 - len(head))))


@dataclass(frozen=True, slots=True)
class Memory:
    """How a table forgets and leans, level by level from the widest one (the last value holds for all deeper ones).

    `half_life_days` is the time in which a parcel loses half of its weight, `prior_parcels` how many parcels the level
    above weighs.
    """

    half_life_days: tuple[float, ...]
    prior_parcels: tuple[float, ...]

    def weight(self, depth: int, days: int) -> float:
        """What a parcel seen so many days ago weighs; more than one for a negative number."""
        return float(2.0 ** (-days / _at(self.half_life_days, depth)))

    def prior(self, depth: int) -> float:
        """What the level above weighs at a level."""
        return _at(self.prior_parcels, depth)


#: Chosen on the second half of 2017 of the data of `benchmarks/promise_calibration.py`, where the loss hardly moves
#: between half and twice these figures. Handling differs much from node to node, transit less from lane to lane.
HANDLING = Memory((21.0, 45.0, 90.0), (1.0, 20.0, 4.0))
TRANSIT = Memory((21.0, 45.0, 90.0), (1.0, 20.0, 20.0))


def blended(levels: Iterable[tuple[DayCounts | None, float]], start: Days | None = None) -> Days:
    """The distribution from the counts of each level, the widest first, each with what the level above weighs there.

    `start` is believed where the widest level knows nothing.
    """
    hazard = list(start.hazard) if start is not None else [_UNKNOWN_HAZARD] * (LONGEST + 1)
    hazard += [hazard[-1]] * (LONGEST + 1 - len(hazard))
    for counts, prior in levels:
        if counts is not None:
            hazard = [
                (arrived + prior * above) / (risk + prior) if risk else above
                for arrived, risk, above in zip(counts.events, counts.risk, hazard, strict=True)
            ]
    return Days(tuple(hazard))


@dataclass
class DayTable:
    """What is known of each lane, kept up to date day by day. A lane is a path of keys from the widest level on."""

    memory: Memory = TRANSIT
    lanes: dict[Hashable, DayCounts] = field(default_factory=dict)

    def observe(self, path: Sequence[Hashable], day: int, *, arrived: bool, on: date, parcels: float = 1.0) -> None:
        """On the date `on` so many parcels of a lane lived through day `day` of their way: they arrived or did not.

        Newer parcels are given more weight, which is the same as older ones losing it.
        """
        at = min(day, LONGEST)
        for depth, key in enumerate(path):
            counts = self.lanes.get(key)
            if counts is None:
                counts = self.lanes[key] = DayCounts()
            weight = parcels * self._weight(depth, on)
            counts.risk[at] += weight
            if arrived:
                counts.events[at] += weight

    def of(self, path: Sequence[Hashable], on: date, start: Days | None = None) -> Days:
        """The distribution for a lane as known on a date."""
        return blended(
            [
                (self.lanes.get(key), self.memory.prior(depth) * self._weight(depth, on))
                for depth, key in enumerate(path)
            ],
            start,
        )

    def _weight(self, depth: int, on: date) -> float:
        return self.memory.weight(depth, _EPOCH - on.toordinal())


class Way(NamedTuple):
    """Parcels of one lane that have been so many days under way: they arrived then, or are still travelling.

    `seen_days_ago` is when they arrived, 0 for those that travel.
    """

    path: tuple[str, ...]
    day: int
    arrived: bool
    seen_days_ago: int
    parcels: int = 1


def tally(ways: Iterable[Way], memory: Memory) -> dict[str, tuple[int, DayCounts, int]]:
    """The counts of every level of every lane, weighed as of today: key -> depth, counts, parcels."""
    found: dict[str, tuple[int, DayCounts, int]] = {}
    for way in ways:
        at = min(way.day, LONGEST)
        for depth, key in enumerate(way.path):
            weight = way.parcels * memory.weight(depth, way.seen_days_ago)
            _, counts, parcels = found.get(key) or (depth, DayCounts(), 0)
            # Until the end `risk` holds on which day a way ended, or was at when it was looked at.
            counts.risk[at] += weight
            if way.arrived and way.day <= LONGEST:
                counts.events[at] += weight
            found[key] = (depth, counts, parcels + way.parcels)
    for _, counts, _ in found.values():
        counts.risk = list(accumulate(reversed(counts.risk)))[::-1]
    return found


def _at(values: Sequence[float], depth: int) -> float:
    return values[min(depth, len(values) - 1)]


def arrivals(leaves: Mapping[date, float], transit: Days, carrier: WorkingDays) -> dict[date, float]:
    """P(arrives on a date), for what leaves on dates with these probabilities and then takes so many of the carrier's
    working days. In the order of the dates."""
    chances: dict[date, float] = {}
    spread = transit.likely
    if not spread:
        return chances
    count = spread[-1][0] + 1
    for day, departs in leaves.items():
        dates = carrier.after(day, count)
        for days, chance in spread:
            chances[dates[days]] = chances.get(dates[days], 0.0) + departs * chance
    return dict(sorted(chances.items()))


class Passage(NamedTuple):
    """The days on which something leaves a node, and those on which it arrives, with their probabilities."""

    leaves: Mapping[date, float]
    arrives: Mapping[date, float]


@lru_cache(maxsize=4096)
def passage(planned: date, slip: Days, node: WorkingDays, transit: Days, carrier: WorkingDays) -> Passage:
    """From the day on which it is planned to leave, by the node's slip, to the customer.

    Remembered, because many orders of a day have the same way: what is returned is shared and not to be changed.
    """
    leaves = arrivals({planned: 1.0}, slip, node)
    return Passage(leaves, arrivals(leaves, transit, carrier))


def date_at(chances: Mapping[date, float], level: float) -> tuple[date, float]:
    """The first date by which at least `level` has arrived, with the share that has; the last date where none has."""
    reached, last = 0.0, date.max
    for day, chance in chances.items():
        reached, last = reached + chance, day
        if reached >= level:
            break
    return last, min(1.0, reached)
