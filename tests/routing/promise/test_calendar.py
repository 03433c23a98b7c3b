"""When an order leaves a node: cut-offs, opening hours, queues, pickups, days off, clocks that change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from routing.promise.calendar import (
    EVERY_DAY,
    NeverOpen,
    NodeCalendar,
    WorkingDays,
    departure,
    minutes_to_cutoff,
)

INDIA = ZoneInfo("Asia/Kolkata")
#: Monday to Saturday, 9 to 20, cut-off at 16, two hours of work, collected from at closing.
PLAIN = NodeCalendar()


def india(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of November 2026; the 20th is a Friday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=INDIA)


def test_an_order_before_the_cut_off_leaves_the_same_day() -> None:
    left = departure(PLAIN, india(20, 12))
    assert left.begun_at == india(20, 12)
    assert left.packed_at == india(20, 14)
    assert left.leaves_at == india(20, 20)
    assert left.leaves_on == date(2026, 11, 20)
    assert left.minutes_to_cutoff == 4 * 60


def test_the_last_minute_counts_and_the_next_one_does_not() -> None:
    assert departure(PLAIN, india(20, 16)).leaves_on == date(2026, 11, 20)
    late = departure(PLAIN, india(20, 16, 1))
    assert late.begun_at == india(21, 9)
    assert late.leaves_on == date(2026, 11, 21)
    assert late.minutes_to_cutoff == 24 * 60 - 1


def test_a_night_is_waited_for_the_opening() -> None:
    assert departure(PLAIN, india(20, 3)).begun_at == india(20, 9)


def test_sundays_and_holidays_are_stepped_over() -> None:
    closed = replace(PLAIN, days=WorkingDays(holidays=frozenset({date(2026, 11, 23)})))
    left = departure(closed, india(21, 17))
    assert left.begun_at == india(24, 9)
    assert left.minutes_to_cutoff == (3 * 24 - 1) * 60


def test_those_ahead_are_worked_off_first_and_only_in_opening_hours() -> None:
    behind = replace(PLAIN, orders_ahead=100, orders_per_hour=20.0)
    left = departure(behind, india(20, 15))
    assert left.turn_at == india(20, 20)
    assert left.packed_at == india(21, 11)
    assert left.leaves_at == india(21, 20)


def test_the_carrier_takes_it_at_its_next_call() -> None:
    called = replace(PLAIN, pickups=(time(18), time(13)))
    assert departure(called, india(20, 10, 30)).leaves_at == india(20, 13)
    assert departure(called, india(20, 11, 1)).leaves_at == india(20, 18)
    assert departure(replace(called, pickups=(time(10),)), india(20, 9)).leaves_at == india(21, 10)


def test_every_node_keeps_its_own_clock() -> None:
    moment = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
    assert departure(PLAIN, moment).leaves_on == date(2026, 11, 21)  # 16:30 in India
    berlin = replace(PLAIN, time_zone="Europe/Berlin")
    assert departure(berlin, moment).leaves_on == date(2026, 11, 20)


def test_work_takes_as_long_where_the_clocks_change_meanwhile() -> None:
    night = NodeCalendar(WorkingDays(EVERY_DAY), "Europe/Berlin", time(0), time(23, 59), time(23, 59), 240)
    berlin = ZoneInfo("Europe/Berlin")
    left = departure(night, datetime(2026, 3, 29, 0, 30, tzinfo=berlin))  # at 2 the clocks go to 3
    assert left.packed_at - left.begun_at == timedelta(hours=4)
    assert left.packed_at.astimezone(berlin).hour == 5


def test_a_node_that_never_opens_is_an_error() -> None:
    with pytest.raises(NeverOpen):
        departure(replace(PLAIN, days=WorkingDays(frozenset())), india(20, 12))
    with pytest.raises(NeverOpen):
        departure(replace(PLAIN, opens_at=time(9), closes_at=time(9)), india(20, 8))


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        departure(PLAIN, datetime(2026, 11, 20, 12))


def test_working_days_are_counted_as_they_are_listed() -> None:
    days = WorkingDays(frozenset(range(1, 6)), frozenset({date(2026, 11, 24)}))
    assert days.after(date(2026, 11, 21), 3) == (date(2026, 11, 23), date(2026, 11, 25), date(2026, 11, 26))
    assert days.between(date(2026, 11, 20), date(2026, 11, 25)) == 2
    assert days.between(date(2026, 11, 20), date(2026, 11, 19)) == 0


@given(
    start=some.dates(date(2026, 1, 1), date(2026, 12, 31)),
    count=some.integers(0, 40),
    weekdays=some.sets(some.integers(1, 7), min_size=1),
    holidays=some.sets(some.dates(date(2026, 1, 1), date(2027, 3, 1)), max_size=20),
)
def test_counting_days_is_the_way_back_of_listing_them(
    start: date, count: int, weekdays: set[int], holidays: set[date]
) -> None:
    days = WorkingDays(frozenset(weekdays), frozenset(holidays))
    assert days.between(start, days.after(start, count + 1)[count]) == count


@given(
    moment=some.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=some.just(UTC)),
    ahead=some.integers(0, 500),
    minutes=some.integers(0, 3000),
)
def test_the_parts_follow_each_other_and_later_orders_never_leave_earlier(
    moment: datetime, ahead: int, minutes: int
) -> None:
    calendar = replace(PLAIN, orders_ahead=ahead, orders_per_hour=25.0, processing_minutes=minutes)
    left = departure(calendar, moment)
    assert left.came_at <= left.begun_at <= left.turn_at <= left.packed_at <= left.leaves_at
    assert departure(calendar, moment + timedelta(hours=1)).leaves_at >= left.leaves_at
    assert minutes_to_cutoff(calendar, moment) == left.minutes_to_cutoff >= 0
