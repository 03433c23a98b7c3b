"""Shares from few observations: exact values, and an interval that holds as often as it says."""

from __future__ import annotations

import random

import pytest

from routing.performance.shares import Belief, Share, believe, beta_below, beta_quantile, product, shrunk_mean


def test_a_share_is_drawn_to_its_prior_by_the_formula() -> None:
    belief = believe(Share(good=8, bad=2), mean=0.95, weight=20)

    assert belief.a == pytest.approx(27.0)
    assert belief.b == pytest.approx(3.0)
    assert belief.mean == pytest.approx((8 + 20 * 0.95) / (10 + 20))


def test_the_beta_distribution_has_known_values() -> None:
    assert beta_below(0.5, 1, 1) == pytest.approx(0.5)
    assert beta_below(0.25, 2, 1) == pytest.approx(0.0625)
    assert beta_below(0.9, 1, 3) == pytest.approx(1 - 0.1**3)
    # Five heads or more of nine throws, as a sum of a binomial.
    assert beta_below(0.3, 5, 5) == pytest.approx(0.0988, abs=5e-5)
    assert beta_quantile(0.05, 1, 3) == pytest.approx(1 - 0.95 ** (1 / 3))
    assert beta_quantile(0.5, 4000, 400) == pytest.approx(10 / 11, abs=1e-3)
    assert (beta_below(0.0, 2, 2), beta_below(1.0, 2, 2)) == (0.0, 1.0)


def test_an_interval_holds_the_true_share_as_often_as_it_says() -> None:
    drawn = random.Random(7)
    held = 0
    for _ in range(2_000):
        true = drawn.betavariate(19, 1)
        good = sum(drawn.random() < true for _ in range(15))
        low, high = believe(Share(good, 15 - good), 0.95, 20).interval()
        held += low <= true <= high

    assert held / 2_000 == pytest.approx(0.9, abs=0.02)


def test_a_product_has_the_mean_and_the_spread_of_its_factors() -> None:
    one, other = Belief(40, 10), Belief(27, 3)
    both = product([one, other])

    assert both.mean == pytest.approx(0.8 * 0.9)
    assert both.square == pytest.approx(one.square * other.square)


def test_a_mean_is_drawn_to_its_prior() -> None:
    assert shrunk_mean(total=30.0, weight_seen=10.0, mean=6.0, weight=20.0) == pytest.approx(5.0)
    assert shrunk_mean(total=0.0, weight_seen=0.0, mean=6.0, weight=20.0) == 6.0
