"""When work that comes to a node leaves it, and on which days a carrier delivers. Pure: aware datetimes in and out.

Every node keeps the clock of its own time zone. Lengths of time are minutes as they pass on the clock; days are
calendar days of the place that they are spoken of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
#: A node that works on no day of so many never will.
_NEVER_DAYS = 400

EVERY_DAY = frozenset(range(1, 8))
MONDAY_TO_SATURDAY = frozenset(range(1, 7))


class NeverOpen(ValueError):
    """A calendar without a working day: nothing leaves, nothing is delivered."""


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """ISO weekdays (Monday 1) on which somebody works, but for the holidays."""

    weekdays: frozenset[int] = MONDAY_TO_SATURDAY
    holidays: frozenset[date] = frozenset()

    def works_on(self, day: date) -> bool:
        """Whether it is a working day."""
        return day.isoweekday() in self.weekdays and day not in self.holidays

    def from_day(self, day: date) -> Iterator[date]:
        """The working days from this one on, without end. Raises NeverOpen where there is none in a year."""
        for _ in range(_NEVER_DAYS):
            if self.works_on(day):
                break
            day += _DAY
        else:
            raise NeverOpen("No day in a year is a working day.")
        while True:
            if self.works_on(day):
                yield day
            day += _DAY

    def after(self, day: date, count: int) -> tuple[date, ...]:
        """The days that are 0, 1 ... `count` - 1 working days after `day`: 0 is `day` itself or the first one after."""
        return _days_after(self, day, count)

    def between(self, start: date, end: date) -> int:
        """How many working days `end` is after `start`, so that `after(start, n + 1)[n]` is `end` or the working day
        that follows it. 0 for an end before the start."""
        first = next(self.from_day(start))
        if end <= first:
            return 0
        last = next(self.from_day(end))
        whole, rest = divmod((last - first).days, 7)
        days = whole * len(self.weekdays)
        days += sum((last - _DAY * back).isoweekday() in self.weekdays for back in range(rest))
        return days - sum(first < day <= last and day.isoweekday() in self.weekdays for day in self.holidays)


@lru_cache(maxsize=4096)
def _days_after(calendar: WorkingDays, day: date, count: int) -> tuple[date, ...]:
    return tuple(islice(calendar.from_day(day), count))


@dataclass(frozen=True, slots=True)
class NodeCalendar:
    """When a node works and how fast.

    What comes by `cutoff_at` on a working day is begun that day, everything later on the next one. Work goes on between
    `opens_at` and `closes_at` only. `orders_ahead` are worked off first, `orders_per_hour` of them an hour (0: not
    known, then nothing waits). Carriers collect at the times of `pickups` on working days, at closing where none is
    named.
    """

    days: WorkingDays = WorkingDays()
    time_zone: str = "Asia/Kolkata"
    opens_at: time = time(9, 0)
    closes_at: time = time(20, 0)
    cutoff_at: time = time(16, 0)
    processing_minutes: int = 120
    orders_ahead: int = 0
    orders_per_hour: float = 0.0
    pickups: tuple[time, ...] = ()

    @property
    def queue_minutes(self) -> int:
        """Working minutes until those ahead are done."""
        return round(60 * self.orders_ahead / self.orders_per_hour) if self.orders_per_hour > 0 else 0


@dataclass(frozen=True, slots=True)
class Departure:
    """The moments of an order at a node: it came, it is begun, its turn comes, it is packed, the carrier takes it.

    The spans between them are the parts of the bar: wait for the cut-off, queue, pick and pack, wait for the pickup.
    `minutes_to_cutoff` counts down to the moment from which the order would be begun a day later.
    """

    came_at: datetime
    begun_at: datetime
    turn_at: datetime
    packed_at: datetime
    leaves_at: datetime
    leaves_on: date
    minutes_to_cutoff: int


@lru_cache(maxsize=1024)
def departure(calendar: NodeCalendar, moment: datetime) -> Departure:
    """When an order that comes to the node at this moment leaves it. Raises NeverOpen; ValueError without a zone.

    Remembered, because every way of delivery of one question asks the same of the same nodes.
    """
    if moment.tzinfo is None:
        raise ValueError("A moment needs a time zone.")
    zone = ZoneInfo(calendar.time_zone)
    local = moment.astimezone(zone)
    begun = _begun(calendar, local, zone)
    turn = _worked(calendar, begun, calendar.queue_minutes, zone)
    packed = _worked(calendar, turn, calendar.processing_minutes, zone)
    leaves = _collected(calendar, packed, zone)
    return Departure(
        came_at=moment.astimezone(UTC),
        begun_at=begun,
        turn_at=turn,
        packed_at=packed,
        leaves_at=leaves,
        leaves_on=leaves.astimezone(zone).date(),
        minutes_to_cutoff=minutes_to_cutoff(calendar, moment),
    )


def still_to_do(calendar: NodeCalendar, came: datetime, moment: datetime) -> Departure:
    """When work that came to the node before, and is there still, leaves it at the earliest.

    Unlike fresh work it does not wait for the next cut-off once it may be begun. `calendar` says what is still to be
    done: those ahead of it now, and the minutes that are left. Raises NeverOpen; ValueError without a zone.
    """
    if came.tzinfo is None or moment.tzinfo is None:
        raise ValueError("A moment needs a time zone.")
    zone = ZoneInfo(calendar.time_zone)
    begun = _begun(calendar, came.astimezone(zone), zone)
    start = max(begun, moment.astimezone(UTC))
    turn = _worked(calendar, start, calendar.queue_minutes, zone)
    packed = _worked(calendar, turn, calendar.processing_minutes, zone)
    leaves = _collected(calendar, packed, zone)
    return Departure(
        came_at=came.astimezone(UTC),
        begun_at=begun,
        turn_at=turn,
        packed_at=packed,
        leaves_at=leaves,
        leaves_on=leaves.astimezone(zone).date(),
        minutes_to_cutoff=0,
    )


def last_pickup(calendar: NodeCalendar, day: date) -> datetime:
    """The last moment of a day at which a carrier collects."""
    return _at(day, max(calendar.pickups) if calendar.pickups else calendar.closes_at, ZoneInfo(calendar.time_zone))


def opening(calendar: NodeCalendar, day: date) -> datetime:
    """When the node opens on a day."""
    return _at(day, calendar.opens_at, ZoneInfo(calendar.time_zone))


def minutes_to_cutoff(calendar: NodeCalendar, moment: datetime) -> int:
    """Minutes until the next cut-off: of today, or of the next working day where today's has passed."""
    zone = ZoneInfo(calendar.time_zone)
    local = moment.astimezone(zone)
    for day in calendar.days.from_day(local.date()):
        cutoff = _at(day, _last_start(calendar), zone)
        if cutoff >= moment:
            return int((cutoff - moment).total_seconds() // 60)
    raise NeverOpen("No working day follows.")


def _last_start(calendar: NodeCalendar) -> time:
    return min(calendar.cutoff_at, calendar.closes_at)


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """A time of a day on the clock of a place, as a moment in UTC: so that differences are true when clocks change."""
    return datetime.combine(day, clock, zone).astimezone(UTC)


def _begun(calendar: NodeCalendar, local: datetime, zone: ZoneInfo) -> datetime:
    today = local.date()
    moment = local.astimezone(UTC)
    if calendar.days.works_on(today) and moment <= _at(today, _last_start(calendar), zone):
        return max(moment, _at(today, calendar.opens_at, zone))
    following = next(calendar.days.from_day(today + _DAY))
    return _at(following, calendar.opens_at, zone)


def _worked(calendar: NodeCalendar, start: datetime, minutes: int, zone: ZoneInfo) -> datetime:
    """The moment at which so many minutes have been worked since the start, in opening hours of working days."""
    left = timedelta(minutes=minutes)
    for day in calendar.days.from_day(start.astimezone(zone).date()):
        opens, closes = _at(day, calendar.opens_at, zone), _at(day, calendar.closes_at, zone)
        begins = max(start, opens)
        room = max(closes - begins, timedelta())
        if left <= room:
            return begins + left
        if closes <= opens:
            raise NeverOpen("The node closes before it opens.")
        left -= room
    raise NeverOpen("No working day follows.")


def _collected(calendar: NodeCalendar, packed: datetime, zone: ZoneInfo) -> datetime:
    times = sorted(calendar.pickups) or [calendar.closes_at]
    for day in calendar.days.from_day(packed.astimezone(zone).date()):
        for clock in times:
            pickup = _at(day, clock, zone)
            if pickup >= packed:
                return pickup
    raise NeverOpen("No working day follows.")
