"""Keeping promises as often as was said: the level at which a date is read off a distribution is corrected online.

A distribution learned yesterday is a little wrong today, and a promise of 90 % read off it may be kept 85 % of the
time. Adaptive conformal inference (Gibbs and Candes, "Adaptive conformal inference under distribution shift", NeurIPS
2021) moves the level after every promise that fell due: up by a step where it was broken, down by a smaller one where
it was kept, so that in the long run the share kept is the share promised, whatever the world does. Two things are
added to it that leave its long-run guarantee as it is, since the correction stays bounded. The correction is made on
the logit of the level, so that it never leaves (0, 1) and a step means more in the tail (as the quantile tracker of
Angelopoulos, Candes and Tibshirani, "Conformal PID control for time series prediction", NeurIPS 2023, does on the
quantile). And what is learned comes late, because a promise falls due weeks after it was made: a step is divided by
the number of promises that wait for their day, else the correction would swing like a shower with a long pipe.

A group, say a carrier or a region, has a correction of its own on top of that of all.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

#: How far all promises that wait move the correction of all, and of their group, if every one of them is broken.
STEP = 0.3
GROUP_STEP = 0.1
#: Fewer waiting promises than these move it no farther.
_FEWEST_WAITING = 200
#: A correction never goes farther: e ** 4 is odds of 54 to 1.
_FARTHEST = 4.0


def logit(share: float) -> float:
    """The logarithm of the odds."""
    return math.log(share / (1.0 - share))


def logistic(value: float) -> float:
    """The share whose log odds these are."""
    return 1.0 / (1.0 + math.exp(-value))


@dataclass
class Calibrator:
    """The correction of one promised level (0.9, say), for all promises and by group."""

    target: float
    step: float = STEP
    group_step: float = GROUP_STEP
    overall: float = 0.0
    groups: dict[Hashable, float] = field(default_factory=dict)

    def level(self, group: Hashable = None) -> float:
        """The level to read a date off a distribution at, so that `target` of the promises are kept."""
        correction = self.overall + self.groups.get(group, 0.0)
        return logistic(logit(self.target) + max(-_FARTHEST, min(_FARTHEST, correction)))

    def probability(self, level: float, group: Hashable = None) -> float:
        """What share of promises is kept that are read off at a level: the way back of `level`."""
        inside = min(max(level, 1e-9), 1.0 - 1e-9)
        correction = self.overall + self.groups.get(group, 0.0)
        return logistic(logit(inside) - max(-_FARTHEST, min(_FARTHEST, correction)))

    def due(
        self, *, kept: float, waiting: int, promises: float = 1.0, group: Hashable = None, group_waiting: int = 0
    ) -> None:
        """So many promises of a group fell due and so many of them (a part of `promises`) were kept.

        `waiting` promises, `group_waiting` of them of this group, are made and not due yet.
        """
        missing = self.target * promises - kept
        self.overall = _bounded(self.overall + missing * self.step / max(waiting, _FEWEST_WAITING))
        if group is not None and self.group_step:
            moved = missing * self.group_step / max(group_waiting, _FEWEST_WAITING)
            self.groups[group] = _bounded(self.groups.get(group, 0.0) + moved)


def _bounded(correction: float) -> float:
    return max(-_FARTHEST, min(_FARTHEST, correction))


class Promise(NamedTuple):
    """A promise that fell due: what it was said to be kept with, whether it was, and what it is counted under."""

    said: float
    kept: bool
    group: str


class Reliability(NamedTuple):
    """Promised against kept: of so many promises of a group, said to be kept with `said` on average, `kept` were.

    `low` and `high` bound the true share (95 %, Wilson 1927).
    """

    group: str
    promises: int
    said: float
    kept: float
    low: float
    high: float

    @property
    def as_said(self) -> bool:
        """Whether the bounds hold what was said."""
        return self.low <= self.said <= self.high


def reliability(promises: Iterable[Promise]) -> list[Reliability]:
    """Promised against kept, by group in the order of the groups' names."""
    sums: dict[str, tuple[int, float, int]] = {}
    for promise in promises:
        count, said, kept = sums.get(promise.group, (0, 0.0, 0))
        sums[promise.group] = (count + 1, said + promise.said, kept + promise.kept)
    return [reliability_of(group, *sums[group]) for group in sorted(sums)]


def reliability_of(group: str, count: int, said: float, kept: int) -> Reliability:
    """The row of a group from its sums."""
    low, high = wilson(kept, count)
    return Reliability(group, count, said / count if count else 0.0, kept / count if count else 0.0, low, high)


def wilson(kept: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Bounds of a share (Wilson 1927), that hold for few observations too."""
    if not count:
        return 0.0, 1.0
    share, spread = kept / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
