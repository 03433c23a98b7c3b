"""How long a channel showed less or more than was true. Pure.

A quantity that may be sold changes in steps, and what a channel knows follows in steps of its own, some of which it
skips. A change counts as published at the first moment at which the channel shows a quantity that was true at or after
the change: a newer truth does as well as this one, and where the quantity returns to what the channel shows already,
nothing was left to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """From this moment on (seconds since 1970), so many units."""

    at: float
    units: int


@dataclass(frozen=True, slots=True)
class Lag:
    """A change of the truth, and when what is shown had caught up with it; None where it never did."""

    changed_at: float
    caught_up_at: float | None

    @property
    def seconds(self) -> float:
        """How long it took; endless where it never did."""
        return float("inf") if self.caught_up_at is None else self.caught_up_at - self.changed_at


def lags(truth: Sequence[Step], shown: Sequence[Step]) -> list[Lag]:
    """One for each change of the truth, in its order. The first step of either is where it stood at the beginning.

    What changes both at one moment, because one transaction did, has no lag.
    """
    if not truth:
        return []
    caught_up: list[float | None] = [None] * len(truth)
    waiting = 1  # the first change that is not published; the beginning is no change
    reached = 0  # the last change that has happened
    now_shown = shown[0].units if shown else None
    moments = [(step.at, 0, step.units) for step in truth[1:]] + [(step.at, 1, step.units) for step in shown[1:]]
    for at, is_shown, units in sorted(moments, key=lambda moment: (moment[0], moment[1])):
        if is_shown:
            now_shown = units
        else:
            reached += 1
        newest = next((i for i in range(reached, waiting - 1, -1) if truth[i].units == now_shown), None)
        if newest is not None:
            for change in range(waiting, newest + 1):
                caught_up[change] = at
            waiting = newest + 1
    return [Lag(step.at, caught_up[index]) for index, step in enumerate(truth) if index]


def percentile(values: Iterable[float], share: float) -> float:
    """The value that so large a share of the values does not exceed (nearest rank); 0 where there are none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
