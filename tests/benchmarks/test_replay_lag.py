"""How late a channel was told, worked out from two series of steps."""

from __future__ import annotations

import math

import pytest

from benchmarks.replay.lag import Step, lags, percentile


def steps(*pairs: tuple[float, int]) -> list[Step]:
    return [Step(at, units) for at, units in pairs]


def seconds(truth: list[Step], shown: list[Step]) -> list[float]:
    return [lag.seconds for lag in lags(truth, shown)]


def test_a_change_is_published_when_the_channel_shows_it() -> None:
    assert seconds(steps((0, 5), (10, 4), (20, 3)), steps((0, 5), (12, 4), (25, 3))) == [2, 5]


def test_a_change_in_the_transaction_that_publishes_it_has_no_lag() -> None:
    assert seconds(steps((0, 5), (10, 4)), steps((0, 5), (10, 4))) == [0]


def test_a_newer_quantity_stands_for_every_change_before_it() -> None:
    assert seconds(steps((0, 5), (10, 4), (11, 3), (12, 2)), steps((0, 5), (15, 2))) == [5, 4, 3]


def test_an_older_quantity_does_not_stand_for_a_newer_change() -> None:
    assert seconds(steps((0, 5), (10, 4), (11, 3)), steps((0, 5), (15, 4), (18, 3))) == [5, 7]


def test_a_quantity_that_returns_to_what_the_channel_shows_leaves_nothing_to_say() -> None:
    assert seconds(steps((0, 5), (10, 4), (13, 5)), steps((0, 5))) == [3, 0]


def test_what_the_channel_never_shows_never_was_published() -> None:
    assert seconds(steps((0, 5), (10, 4)), steps((0, 5), (11, 7))) == [math.inf]
    assert seconds(steps((0, 5), (10, 4)), []) == [math.inf]


def test_without_changes_there_is_no_lag() -> None:
    assert lags(steps((0, 5)), steps((0, 0), (1, 5))) == []
    assert lags([], []) == []


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_the_value_that_so_large_a_share_does_not_exceed(share: float, value: float) -> None:
    assert percentile(range(100, 0, -1), share) == value


def test_a_percentile_of_nothing_is_nothing() -> None:
    assert percentile([], 0.99) == 0
    assert percentile([7.0], 0.01) == 7
