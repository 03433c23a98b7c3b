"""Promises are kept as often as was said, whatever the distribution they are read off says."""

from __future__ import annotations

import random
from collections import deque

import pytest

from routing.promise.calibration import Calibrator, Promise, reliability, wilson


def test_nothing_learned_changes_nothing() -> None:
    calibrator = Calibrator(0.9)
    assert calibrator.level("D") == pytest.approx(0.9)
    assert calibrator.probability(0.93, "D") == pytest.approx(0.93)


def test_probability_is_the_way_back_of_level() -> None:
    calibrator = Calibrator(0.9, overall=0.7, groups={"D": -0.2})
    assert calibrator.probability(calibrator.level("D"), "D") == pytest.approx(0.9)
    assert calibrator.level("D") > 0.9


def test_a_broken_promise_raises_the_level_and_a_kept_one_lowers_it_less() -> None:
    calibrator = Calibrator(0.9)
    calibrator.due(kept=0, waiting=300, group="D", group_waiting=300)
    raised = calibrator.level("D")
    assert raised > 0.9
    assert 0.9 < calibrator.level("C") < raised
    for _ in range(9):
        calibrator.due(kept=1, waiting=300, group="D", group_waiting=300)
    assert calibrator.level("D") == pytest.approx(0.9)


def test_corrections_are_bounded() -> None:
    calibrator = Calibrator(0.9)
    for _ in range(100_000):
        calibrator.due(kept=0, waiting=0, group="D")
    assert 0.99 < calibrator.level("D") < 1.0


@pytest.mark.parametrize("delay", [0, 500, 3000])
def test_the_share_kept_comes_to_what_was_promised_though_the_world_is_worse_than_believed(delay: int) -> None:
    """Given a distribution that says 90 % where 75 % is true, and news that come late
    when promises fall due
    then of the last ones nine of ten are kept."""
    calibrator, dice = Calibrator(0.9), random.Random(7)
    waiting: deque[bool] = deque()
    kept: list[bool] = []
    for _ in range(60_000 + 60 * delay):
        level = calibrator.level()
        waiting.append(dice.random() < level**2.73)  # 0.9 ** 2.73 is 0.75
        if len(waiting) > delay:
            result = waiting.popleft()
            kept.append(result)
            calibrator.due(kept=float(result), waiting=len(waiting))
    assert sum(kept[-20_000:]) / 20_000 == pytest.approx(0.9, abs=0.012)
    assert sum(kept[:delay] or kept[:200]) / max(delay, 200) < 0.85


def test_the_table_counts_promised_and_kept_by_group() -> None:
    rows = reliability([
        Promise(0.9, True, "b"), Promise(0.9, True, "b"), Promise(0.8, False, "a"), Promise(0.9, True, "a"),
    ])  # fmt: skip
    assert [(row.group, row.promises, row.kept) for row in rows] == [("a", 2, 0.5), ("b", 2, 1.0)]
    assert rows[0].said == pytest.approx(0.85)
    assert rows[0].as_said


def test_bounds_of_a_share_hold_it() -> None:
    low, high = wilson(90, 100)
    assert (round(low, 3), round(high, 3)) == (0.826, 0.945)
    assert wilson(0, 0) == (0.0, 1.0)
