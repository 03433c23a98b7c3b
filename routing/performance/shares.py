"""Shares and means from few observations: Beta and Gamma priors, and what may truly hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: A share before anything was seen: mean and weight, in observations, of the start of the hierarchy.
START_WEIGHT = 2.0
_STEPS = 60
_TERMS = 300
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Share:
    """Weighted counts of what went well and what did not."""

    good: float = 0.0
    bad: float = 0.0

    @property
    def seen(self) -> float:
        """The weight of all that was seen."""
        return self.good + self.bad

    def __add__(self, other: Share) -> Share:
        return Share(self.good + other.good, self.bad + other.bad)

    def __sub__(self, other: Share) -> Share:
        """What is left without `other`, never less than nothing: sums of weights are not exact."""
        return Share(max(0.0, self.good - other.good), max(0.0, self.bad - other.bad))


@dataclass(frozen=True, slots=True)
class Belief:
    """A Beta distribution of a share: `a` for what went well, `b` for what did not."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        """The share that is expected."""
        return self.a / (self.a + self.b)

    @property
    def square(self) -> float:
        """The expected square of the share."""
        total = self.a + self.b
        return self.a * (self.a + 1) / (total * (total + 1))

    def interval(self, covered: float = 0.9) -> tuple[float, float]:
        """Between which shares the true one lies with this probability, the same left out on either side."""
        side = (1 - covered) / 2
        return beta_quantile(side, self.a, self.b), beta_quantile(1 - side, self.a, self.b)


def believe(seen: Share, mean: float, weight: float) -> Belief:
    """The Beta posterior of a share: a prior of `mean` that weighs as much as `weight` observations, and what was seen.

    Beta-binomial shrinkage (Gelman et al., Bayesian Data Analysis, 3rd ed., chapter 5): the mean is
    (good + weight * mean) / (seen + weight). Counts that were halved with age make it a power prior (Ibrahim and Chen,
    2000): what is old widens the interval instead of counting in full.
    """
    return Belief(seen.good + weight * mean, seen.bad + weight * (1 - mean))


def shrunk_mean(total: float, weight_seen: float, mean: float, weight: float) -> float:
    """The mean of waits, costs or days: that of what was seen and of a prior that weighs as much as `weight` of them.

    For waits the inverse of the posterior mean of an exponential rate under a Gamma(weight, weight * mean) prior.
    """
    seen = weight_seen + weight
    return mean if seen <= 0 else (total + weight * mean) / seen


def product(beliefs: list[Belief]) -> Belief:
    """The share that passes all of several stages, each with its own belief, as one Beta of the same mean and variance.

    Stages are believed in separately, so means and mean squares multiply; the Beta is found by its moments (Fan, 1991,
    on products of independent Betas).
    """
    mean = math.prod(each.mean for each in beliefs)
    variance = math.prod(each.square for each in beliefs) - mean * mean
    weight = mean * (1 - mean) / variance - 1 if variance > 0 else 1e9
    return Belief(mean * weight, (1 - mean) * weight)


def beta_quantile(share: float, a: float, b: float) -> float:
    """The x below which this share of Beta(a, b) lies, found by halving: sure to end, exact to 1e-12."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if beta_below(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_below(x: float, a: float, b: float) -> float:
    """The part of Beta(a, b) below x: the regularised incomplete beta function, by its continued fraction (DLMF
    8.17.22), from the side on which that converges fast."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction, by Lentz's method."""
    c, d = 1.0, 1.0 / _not_zero(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _not_zero(1 + term * d)
            c = _not_zero(1 + term / c)
            found *= c * d
        if abs(c * d - 1) < 1e-13:
            break
    return found


def _not_zero(number: float) -> float:
    return number if abs(number) > _TINY else _TINY
