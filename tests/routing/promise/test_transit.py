"""Distributions of days: learned with forgetting, leaning on the level above, fair to parcels still under way."""

from __future__ import annotations

from datetime import date

import pytest

from routing.promise.calendar import WorkingDays
from routing.promise.transit import (
    LONGEST,
    TRANSIT,
    Days,
    DayTable,
    Memory,
    Way,
    around,
    arrivals,
    blended,
    date_at,
    exactly,
    tally,
)

TODAY = date(2026, 11, 20)
#: Nothing is forgotten and nothing is believed from above.
PLAIN = Memory((1e9,), (1e-9,))


def test_a_distribution_of_what_was_seen() -> None:
    table = DayTable(PLAIN)
    for day, arrived in ((1, 0), (2, 6), (3, 4)):
        left = 10 if day < 3 else 4
        table.observe(("all",), day, arrived=True, on=TODAY, parcels=arrived)
        table.observe(("all",), day, arrived=False, on=TODAY, parcels=left - arrived)
    days = table.of(("all",), TODAY, exactly(0))
    assert days.within(1) == pytest.approx(0, abs=1e-6) or days.within(0) == 1.0
    seen = table.of(("all",), TODAY, Days((0.0,) * LONGEST + (1.0,)))
    assert seen.within(1) == pytest.approx(0.0, abs=1e-6)
    assert seen.within(2) == pytest.approx(0.6, abs=1e-6)
    assert seen.within(3) == pytest.approx(1.0, abs=1e-6)
    assert (seen.quantile(0.5), seen.quantile(0.9)) == (2, 3)


def test_parcels_under_way_count_for_the_days_they_lived() -> None:
    """Of ten parcels five arrived on day 2 and five are at day 4 still: half of them are slow, not none."""
    counts = tally([Way(("all",), 2, True, 0, 5), Way(("all",), 4, False, 0, 5)], PLAIN)
    depth, learned, parcels = counts["all"]
    assert (depth, parcels) == (0, 10)
    assert learned.risk[:5] == [10, 10, 10, 5, 5]
    assert learned.events[:5] == [0, 0, 5, 0, 0]
    days = blended([(learned, 1e-9)], Days((0.0,) * LONGEST + (1.0,)))
    assert days.within(4) == pytest.approx(0.5)


def test_a_lane_with_few_parcels_leans_on_the_level_above() -> None:
    wide = tally([Way(("all",), 3, True, 0, 1000)], PLAIN)["all"][1]
    narrow = tally([Way(("lane",), 5, True, 0, 5)], PLAIN)["lane"][1]
    few = blended([(wide, 1.0), (narrow, 20.0)])
    assert few.within(3) == pytest.approx(20 / 25, abs=0.01)
    many = blended([(wide, 1.0), (tally([Way(("lane",), 5, True, 0, 5000)], PLAIN)["lane"][1], 20.0)])
    assert many.within(3) == pytest.approx(20 / 5020, abs=0.001)


def test_old_parcels_weigh_less() -> None:
    counts = tally(
        [Way(("all",), 2, True, 42, 100), Way(("all",), 6, True, 0, 100)], Memory((21.0,), (1.0,))
    )["all"][1]  # fmt: skip
    assert counts.events[2] == pytest.approx(25)
    assert counts.events[6] == pytest.approx(100)


def test_a_table_of_single_days_and_a_tally_agree_where_nothing_is_forgotten() -> None:
    table = DayTable(PLAIN)
    for day in range(4):
        table.observe(("all",), day, arrived=day == 3, on=TODAY)
    counts = tally([Way(("all",), 3, True, 0)], PLAIN)["all"][1]
    assert table.lanes["all"].risk == pytest.approx(counts.risk, rel=1e-4)
    assert table.lanes["all"].events == pytest.approx(counts.events, rel=1e-4)


def test_nothing_known_gives_the_rate_card() -> None:
    days = DayTable(TRANSIT).of(("all", "lane"), TODAY, around(4))
    assert days.quantile(0.8) == 4
    assert days.within(4) == pytest.approx(0.85)
    assert days.within(2) == 0.0
    assert around(1).within(1) == pytest.approx(0.85)


def test_what_has_not_come_by_now_is_expected_later() -> None:
    days = around(3)
    assert days.given_not_before(4).within(3) == 0.0
    assert days.given_not_before(4).within(4) == pytest.approx(2 / 3)


def test_arrivals_step_over_days_off() -> None:
    """Leaves on Friday or, one time of four, on Saturday; takes one working day, Monday to Saturday."""
    friday, saturday, monday = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 23)
    chances = arrivals({friday: 0.75, saturday: 0.25}, exactly(1), WorkingDays())
    assert chances == {saturday: 0.75, monday: 0.25}
    assert date_at(chances, 0.7) == (saturday, 0.75)
    assert date_at(chances, 0.9) == (monday, 1.0)


def test_chances_add_up_to_one() -> None:
    chances = arrivals({TODAY: 1.0}, around(5), WorkingDays())
    assert sum(chances.values()) == pytest.approx(1.0, abs=1e-4)
    assert sum(around(5).chance) == pytest.approx(1.0)
