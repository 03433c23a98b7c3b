"""What a carrier makes of a lane: from a state of origin to a state of destination."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from routing.performance.shares import START_WEIGHT, Share, believe, shrunk_mean

#: Parcels that left longer ago are not looked at; what is this old counts half as much as what left today.
WINDOW_DAYS, HALF_LIFE_DAYS = 180, 30.0
#: What the carrier does on all lanes weighs as much as this many parcels of the lane.
PRIOR_PARCELS = 30.0
#: Weighted parcels from which on a lane has something to say about the days that routing counts.
ENOUGH_PARCELS = 10.0
#: Days under way beyond this count as this many: a parcel that nobody closed is no journey.
LONGEST_DAYS = 30

#: Sums of weights are not exact: less than this is nothing.
_NONE = 1e-6

#: The shares of a lane, with what is expected before anything was seen.
SHARES: Mapping[str, float] = {"on_time": 0.9, "first_attempt": 0.85, "rto": 0.05, "lost": 0.005}

#: Carrier code ("" for all of them together), state of origin, state of destination; "" for all lanes of a carrier.
LaneKey = tuple[str, str, str]


class Carried(NamedTuple):
    """Parcels of one carrier from a node to a postcode that had the same fate; weights are halved with their age.

    `days` from hand-over to delivery on the clock of the node, None where they did not arrive. `on_time` and
    `first_attempt` are None where nothing was promised or tried. `cost_minor` is the sum of weight times cost over
    `costed`; `charged` of these cost what the carrier itself says.
    """

    carrier: str
    node_code: str
    country: str
    postcode: str
    fate: str
    days: int | None
    on_time: bool | None
    first_attempt: bool | None
    parcels: int
    weight: float
    cost_minor: float
    costed: float
    charged: float


@dataclass(slots=True)
class LaneSeen:
    """What was seen of one lane, weighted by age; `parcels` counts in full.

    `shares` by name as in `SHARES`. `days` are parcels by days from hand-over to delivery; `beyond` is the sum of what
    they took beyond the days of the rate card. `cost_minor` is what `costed` parcels cost, `charged` of them by the
    carrier's own charge and not by the rate card. Costs are of one currency: a carrier charges in its own.
    """

    parcels: int = 0
    shares: dict[str, Share] = field(default_factory=dict)
    days: dict[int, float] = field(default_factory=lambda: defaultdict[int, float](float))
    beyond: float = 0.0
    cost_minor: float = 0.0
    costed: float = 0.0
    charged: float = 0.0

    def share(self, name: str) -> Share:
        """What was seen of one share."""
        return self.shares.get(name, Share())

    def note(self, parcels: Carried, card_days: int) -> None:
        """Count parcels of the lane, for which the rate card says so many days."""
        weight = parcels.weight
        self.parcels += parcels.parcels
        for name, passed in (
            ("on_time", parcels.on_time), ("first_attempt", parcels.first_attempt),
            ("rto", None if parcels.fate == "open" else parcels.fate == "rto"),
            ("lost", None if parcels.fate == "open" else parcels.fate == "lost"),
        ):  # fmt: skip
            if passed is not None:
                self.shares[name] = self.share(name) + (Share(weight, 0.0) if passed else Share(0.0, weight))
        if parcels.days is not None:
            days = min(parcels.days, LONGEST_DAYS)
            self.days[days] += weight
            self.beyond += weight * (days - card_days)
        self.cost_minor += parcels.cost_minor
        self.costed += parcels.costed
        self.charged += parcels.charged

    @property
    def arrived(self) -> float:
        """The weight of the parcels that arrived."""
        return sum(self.days.values())

    def add(self, other: LaneSeen) -> None:
        """Count another one's parcels, too."""
        self.parcels += other.parcels
        for name in SHARES:
            self.shares[name] = self.share(name) + other.share(name)
        for day, weight in other.days.items():
            self.days[day] += weight
        self.beyond += other.beyond
        self.cost_minor += other.cost_minor
        self.costed += other.costed
        self.charged += other.charged

    def less(self, other: LaneSeen) -> LaneSeen:
        """What is left without the parcels of another one that is counted here."""
        return LaneSeen(
            self.parcels - other.parcels, {name: self.share(name) - other.share(name) for name in SHARES},
            {day: left for day, weight in self.days.items() if (left := weight - other.days.get(day, 0.0)) > _NONE},
            self.beyond - other.beyond, max(0.0, self.cost_minor - other.cost_minor),
            _left(self.costed - other.costed), _left(self.charged - other.charged),
        )  # fmt: skip


def _left(weight: float) -> float:
    return weight if weight > _NONE else 0.0


@dataclass(frozen=True, slots=True)
class LaneScore:
    """A carrier on a lane. Shares are from 0 to 1 with the bounds that hold them in nine of ten cases.

    `days_median` and `days_slow` (nine of ten are faster) are None where nothing arrived anywhere; `beyond_days` is the
    mean beyond the rate card's days. `cost_minor` is the mean cost of a parcel, `charged_share` how much of it the
    carrier itself charged. `seen` is the weight of the parcels that arrived.
    """

    key: LaneKey
    parcels: int
    seen: float
    shares: Mapping[str, tuple[float, float, float]]
    days_median: float | None
    days_slow: float | None
    beyond_days: float
    cost_minor: float | None
    charged_share: float

    @property
    def counted_days(self) -> int:
        """Whole days that routing adds to those of the rate card: none until the lane has enough to say."""
        return round(self.beyond_days) if self.seen >= ENOUGH_PARCELS else 0


def score_lanes(lanes: Mapping[LaneKey, LaneSeen]) -> list[LaneScore]:
    """Every lane, every carrier over its lanes, and all carriers together by lane and over all.

    Shares are Beta posteriors (`shares.believe`), days a Dirichlet one (the same formula for each day), costs and days
    beyond the rate card shrunk means: a lane is drawn to its carrier's other lanes with the weight of `PRIOR_PARCELS`,
    these to the other carriers with the same, and those to `SHARES`. Nothing counts in its own prior.
    """
    known = _added_up(lanes)
    return [_score(key, seen, _parent(key, seen, known)) for key, seen in sorted(known.items())]


def _parent(key: LaneKey, seen: LaneSeen, known: Mapping[LaneKey, LaneSeen]) -> _Parent:
    """What a lane is drawn to: its carrier's others, or all others where it has no carrier or is a whole one."""
    carrier, origin, _ = key
    every, start = known["", "", ""], _Parent(dict(SHARES), {}, 0.0, None)
    if not carrier:
        return start if not origin else _Parent.of(every.less(seen), start, START_WEIGHT)
    whole = known[carrier, "", ""]
    others = _Parent.of(every.less(whole), start, START_WEIGHT)
    return others if not origin else _Parent.of(whole.less(seen), others, PRIOR_PARCELS)


def _added_up(lanes: Mapping[LaneKey, LaneSeen]) -> dict[LaneKey, LaneSeen]:
    known: dict[LaneKey, LaneSeen] = {}
    for (carrier, origin, end), seen in lanes.items():
        for key in dict.fromkeys(((carrier, origin, end), (carrier, "", ""), ("", origin, end), ("", "", ""))):
            known.setdefault(key, LaneSeen()).add(seen)
    return known


@dataclass(frozen=True, slots=True)
class _Parent:
    """What a lane is drawn to."""

    shares: Mapping[str, float]
    days: Mapping[int, float]
    beyond: float
    cost_minor: float | None

    @classmethod
    def of(cls, seen: LaneSeen, above: _Parent, weight: float) -> _Parent:
        return cls(
            {name: believe(seen.share(name), above.shares[name], weight).mean for name in SHARES},
            _days(seen, above, weight), shrunk_mean(seen.beyond, seen.arrived, above.beyond, weight),
            _cost(seen, above, weight),
        )  # fmt: skip


def _score(key: LaneKey, seen: LaneSeen, parent: _Parent) -> LaneScore:
    shares = {}
    for name in SHARES:
        belief = believe(seen.share(name), parent.shares[name], PRIOR_PARCELS)
        shares[name] = (belief.mean, *belief.interval())
    days = _days(seen, parent, PRIOR_PARCELS)
    return LaneScore(
        key, seen.parcels, seen.arrived, shares, _quantile(days, 0.5), _quantile(days, 0.9),
        shrunk_mean(seen.beyond, seen.arrived, parent.beyond, PRIOR_PARCELS), _cost(seen, parent, PRIOR_PARCELS),
        seen.charged / seen.costed if seen.costed else 0.0,
    )  # fmt: skip


def _days(seen: LaneSeen, parent: _Parent, weight: float) -> dict[int, float]:
    """Shares of the days: those seen, with the parent's as a prior."""
    known = seen.arrived
    weight = weight if parent.days else 0.0
    if known + weight <= 0:
        return {}
    days = {day: weight * share for day, share in parent.days.items()}
    for day, count in seen.days.items():
        days[day] = days.get(day, 0.0) + count
    return {day: count / (known + weight) for day, count in days.items()}


def _cost(seen: LaneSeen, parent: _Parent, weight: float) -> float | None:
    if parent.cost_minor is None:
        return seen.cost_minor / seen.costed if seen.costed else None
    return shrunk_mean(seen.cost_minor, seen.costed, parent.cost_minor, weight)


def _quantile(days: Mapping[int, float], share: float) -> float | None:
    """The day by which this share arrived."""
    reached = 0.0
    for day in sorted(days):
        reached += days[day]
        if reached >= share - 1e-9:
            return float(day)
    return None
