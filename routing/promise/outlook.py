"""How likely an order that is under way keeps its promise, given what has happened to it until now. Pure.

The same distributions as for a fresh promise, conditional on what is known by now. Goods that have not left their node
by today cannot have left earlier: the hazards of the days before are struck out, those that follow stand as they were
learned (which is what a survival model says). The same holds on the road. Within a day the chance that it still happens
today shrinks with every hour, as if such moments lay evenly over the day: of a chance h in the morning
h (1 - u) / (1 - h u) is left when the share u of the day is gone. So an order that does not move looks worse each hour
without any event.

What is not learned from parcels is named below, in one place, with the values that we took for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from routing.promise.calendar import (
    Departure,
    NeverOpen,
    NodeCalendar,
    WorkingDays,
    last_pickup,
    opening,
    still_to_do,
)
from routing.promise.calibration import Calibrator
from routing.promise.options import all_by
from routing.promise.transit import Days, Passage, arrivals, passage

#: A hold that is open is cleared on each further day with this chance; an order without a node finds one with that.
HOLD_HAZARD, STOCK_HAZARD = 0.5, 0.25
#: Who waits longer than this waits for ever, for these purposes.
_LONGEST_WAIT = 10
#: A parcel that is out for delivery comes that day so often; one that failed at the door comes on a later day.
OUT_TODAY = 0.9
#: A day that the carrier names later than the lane would have it is believed so much.
CARRIERS_WORD = 0.7
#: Parcels are handed over at the door between these hours, evenly.
_DOOR_OPENS, _DOOR_CLOSES = 9.0, 20.0

#: Bands by the probability of breach, from the lowest limit on, and how far below a limit a band is left again.
LIMITS = (("late", 0.9), ("at_risk", 0.3), ("watch", 0.1), ("on_track", 0.0))
HYSTERESIS = 0.03
#: Silence is looked at again after so long.
LOOK_AGAIN = timedelta(hours=1)
LOOK_AGAIN_BROKEN = timedelta(hours=6)

Kind = Literal["waiting", "node", "road", "lost", "done"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an order that travels by itself, as far as it has come.

    `waiting`: units without a node. `node`: work or a parcel at a node. `road`: it left at `left_at`. `lost`: it never
    arrives (lost, damaged, on its way back). `done`: it arrived at `done_at`. `carrier` is the code of the account,
    `courier` its name. `ahead` work of the node comes first. `expected_on` is what the carrier says.
    """

    kind: Kind
    node_id: int = 0
    came_at: datetime | None = None
    packed_at: datetime | None = None
    left_at: datetime | None = None
    done_at: datetime | None = None
    carrier: str = ""
    courier: str = ""
    ahead: int = 0
    picking: bool = False
    picked: bool = False
    packed: bool = False
    collected: bool = False
    out_today: bool = False
    failed: bool = False
    expected_on: date | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """An order with a promise and its pieces. `value_minor` is its total, `held_until` None for an open end."""

    order_id: int
    stage: str
    service: str
    country: str
    postcode: str
    currency: str
    value_minor: int
    placed_at: datetime
    promised_by: datetime
    delivered_at: datetime | None
    is_held: bool
    held_until: datetime | None
    can_tell: bool
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Leg:
    """A piece with what is known of its node and of its road. `node` is the code."""

    piece: Piece
    transit: Days
    carrier: WorkingDays
    calendar: NodeCalendar | None = None
    slip: Days | None = None
    node: str = ""


class Span(NamedTuple):
    """A part of the time that it takes: `waiting`, `processing`, `pickup` or `transit`."""

    key: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Outlook:
    """When an order comes and how likely that is too late; `slowest` is the piece that it waits for."""

    breach: float
    expected_on: date | None
    sure_by: datetime | None
    stage: Kind
    slowest: Leg | None
    parts: tuple[Span, ...]
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Way:
    """A leg as it may go on: the day it arrives, the day on which it leaves, and how it leaves at the earliest."""

    leg: Leg
    chances: Mapping[date, float]
    leaves: Mapping[date, float]
    leaving: Departure | None

    @property
    def typical(self) -> date:
        """The day by which half of such pieces arrive; the last day of all for one that never does."""
        return _median(self.chances) or date.max


def band_of(breach: float, before: str = "") -> str:
    """The band of a probability. From the one it was in it falls only when it is clearly below the limit."""
    for name, limit in LIMITS:
        if breach >= (limit - HYSTERESIS if name == before else limit):
            return name
    return LIMITS[-1][0]


def look(
    standing: Standing, legs: Sequence[Leg], moment: datetime, calibrator: Calibrator, *, group: str = "",
    time_zone: str = "Asia/Kolkata",
) -> Outlook:  # fmt: skip
    """The outlook of an order at a moment. Never raises: a piece that nothing can be said of never arrives."""
    zone = ZoneInfo(time_zone)
    open_legs = [leg for leg in legs if leg.piece.kind != "done"]
    if standing.stage in ("delivered", "returned", "cancelled") or not open_legs:
        return _over(standing, legs, zone)
    ways = [_way(standing, leg, moment, zone) for leg in open_legs]
    slowest = max(ways, key=lambda way: way.typical)
    raw = 1.0
    for way in ways:
        raw *= _in_time(way, standing.promised_by, moment, zone)
    arrived = [leg.piece.done_at for leg in legs if leg.piece.done_at is not None]
    late_already = moment > standing.promised_by or any(at > standing.promised_by for at in arrived)
    on_time = 0.0 if late_already else _calibrated(raw, calibrator, group)
    level = calibrator.level(group or None)
    expected = _day_of(ways, 0.5)
    sure = _day_of(ways, level)
    return Outlook(
        breach=1.0 - on_time,
        expected_on=expected,
        sure_by=datetime.combine(sure, time(23, 59), zone).astimezone(UTC) if sure else None,
        stage=slowest.leg.piece.kind,
        slowest=slowest.leg,
        parts=_parts(standing, slowest, expected, moment, zone),
        next_at=_next(standing.promised_by, moment),
    )


def _next(promised_by: datetime, moment: datetime) -> datetime:
    if moment >= promised_by:
        return moment + LOOK_AGAIN_BROKEN
    return min(moment + LOOK_AGAIN, promised_by + timedelta(seconds=1))


def _over(standing: Standing, legs: Sequence[Leg], zone: ZoneInfo) -> Outlook:
    """Nothing is open any more: it arrived in time, or late, or will not come and was cancelled."""
    ends = [leg.piece.done_at for leg in legs if leg.piece.done_at is not None]
    at = standing.delivered_at or max(ends, default=None)
    if at is None:
        return Outlook(0.0, None, None, "done", None, (), None)
    slowest = max((leg for leg in legs if leg.piece.done_at), key=lambda leg: leg.piece.done_at or at, default=None)
    parts = _spans(standing.placed_at, slowest.piece, at) if slowest else ()
    on = at.astimezone(zone).date()
    return Outlook(float(at > standing.promised_by), on, at, "done", slowest, parts, None)


def _calibrated(raw: float, calibrator: Calibrator, group: str) -> float:
    """What share of such promises is kept. What is certain stays so."""
    if raw <= 0.0 or raw >= 1.0:
        return min(1.0, max(0.0, raw))
    return calibrator.probability(raw, group or None)


def _day_of(ways: Sequence[_Way], level: float) -> date | None:
    """The first day by which all pieces are there with this probability; None where they never are."""
    if any(sum(way.chances.values()) < level for way in ways):
        return None
    return all_by([way.chances for way in ways], level)[0]


def _median(chances: Mapping[date, float]) -> date | None:
    reached = 0.0
    for day in sorted(chances):
        reached += chances[day]
        if reached >= 0.5:
            return day
    return None


# -- where a piece goes from here --------------------------------------------------------------------------------------


def _way(standing: Standing, leg: Leg, moment: datetime, zone: ZoneInfo) -> _Way:
    piece = leg.piece
    try:
        if piece.kind == "road" and piece.left_at is not None:
            return _Way(leg, _road(leg, piece.left_at, moment, zone), {}, None)
        if piece.kind == "node" and leg.calendar is not None and leg.slip is not None:
            return _from_node(standing, leg, leg.calendar, leg.slip, moment)
        if piece.kind == "waiting":
            return _without_node(standing, leg, moment, zone)
    except NeverOpen:
        pass
    return _Way(leg, {}, {}, None)


def _road(leg: Leg, left_at: datetime, moment: datetime, zone: ZoneInfo) -> Mapping[date, float]:
    piece = leg.piece
    left_on, today = left_at.astimezone(zone).date(), moment.astimezone(zone).date()
    done = leg.carrier.between(left_on, today)
    hazard = list(leg.transit.given_not_before(done).hazard)
    at = min(done, len(hazard) - 1)
    if leg.carrier.works_on(today) and next(leg.carrier.from_day(left_on)) <= today:
        gone = _door_share(moment.astimezone(zone))
        if piece.out_today:
            hazard[at] = max(hazard[at], OUT_TODAY)
        hazard[at] = 0.0 if piece.failed and at < len(hazard) - 1 else _left_of(hazard[at], gone)
    chances = arrivals({left_on: 1.0}, _ending(hazard), leg.carrier)
    return _with_carriers_word(chances, piece.expected_on, today)


def _ending(hazard: Sequence[float]) -> Days:
    """As `Days`, where the last hazard of all falls to the last day anyway."""
    return Days(tuple(hazard))


def _left_of(chance: float, gone: float) -> float:
    """What is left of today's chance when this share of the day is gone without it."""
    return chance * (1.0 - gone) / (1.0 - chance * gone) if chance * gone < 1.0 else 0.0


def _door_share(local: datetime) -> float:
    """The share of the hours in which parcels are brought that is over."""
    hours = local.hour + local.minute / 60
    return min(1.0, max(0.0, (hours - _DOOR_OPENS) / (_DOOR_CLOSES - _DOOR_OPENS)))


def _with_carriers_word(chances: Mapping[date, float], said: date | None, today: date) -> Mapping[date, float]:
    """The days after what the carrier says, as far as the carrier is believed; a day that has passed says nothing."""
    if said is None or said < today:
        return chances
    later = {day: chance for day, chance in chances.items() if day >= said}
    whole, early = sum(chances.values()), sum(chance for day, chance in chances.items() if day < said)
    if not early:
        return chances
    if not later:
        later = {said: 1.0}
    share = sum(later.values())
    mixed = {day: (1 - CARRIERS_WORD) * chance for day, chance in chances.items()}
    for day, chance in later.items():
        mixed[day] = mixed.get(day, 0.0) + CARRIERS_WORD * whole * chance / share
    return dict(sorted(mixed.items()))


def _from_node(standing: Standing, leg: Leg, calendar: NodeCalendar, slip: Days, moment: datetime) -> _Way:
    piece = leg.piece
    came = piece.came_at or moment
    begins = _begins(standing, moment)
    if begins is None:
        planned, slips, leaving = _leaves(piece, calendar, slip, came, moment)
        way = passage(planned, slips, calendar.days, leg.transit, leg.carrier)
    else:
        left, leaving = _leaves_after(piece, calendar, slip, begins)
        way = Passage(left, arrivals(left, leg.transit, leg.carrier))
    return _Way(leg, way.leaves if piece.collected else way.arrives, way.leaves, leaving)


def _rest(piece: Piece, calendar: NodeCalendar) -> NodeCalendar:
    """The node's calendar with what is still to be done of the piece."""
    left = 0 if piece.packed else calendar.processing_minutes // (2 if piece.picked else 1)
    ahead = 0 if piece.packed or piece.picking or piece.picked else piece.ahead
    return replace(calendar, processing_minutes=left, orders_ahead=ahead)


def _leaves(
    piece: Piece, calendar: NodeCalendar, slip: Days, came: datetime, moment: datetime
) -> tuple[date, Days, Departure]:
    """The day on which it was to leave, and by how many working days it slips: as learned, and not before it can."""
    rest = _rest(piece, calendar)
    planned = still_to_do(replace(calendar, orders_ahead=0), came, came).leaves_on
    leaving = still_to_do(rest, came, moment)
    if piece.collected:
        leaving = replace(leaving, leaves_at=leaving.packed_at)
    late = calendar.days.between(planned, leaving.leaves_on)
    hazard = list(slip.given_not_before(late).hazard)
    at = min(late, len(hazard) - 1)
    if not piece.packed and leaving.leaves_on == moment.astimezone(ZoneInfo(calendar.time_zone)).date():
        hazard[at] = _left_of(hazard[at], _work_share(rest, leaving, moment))
    return planned, Days(tuple(hazard)), leaving


def _work_share(rest: NodeCalendar, leaving: Departure, moment: datetime) -> float:
    """The share of the time that is over in which today's work has to be begun so that it still leaves today."""
    starts = max(opening(rest, leaving.leaves_on), leaving.begun_at)
    ends = last_pickup(rest, leaving.leaves_on) - timedelta(minutes=rest.processing_minutes + rest.queue_minutes)
    if ends <= starts:
        return 0.0
    return min(1.0, max(0.0, (moment - starts) / (ends - starts)))


def _begins(standing: Standing, moment: datetime) -> list[tuple[datetime, float]] | None:
    """The moments at which a held order may go on, with their chances; None for one that is not held."""
    if not standing.is_held:
        return None
    first = moment
    if standing.held_until is not None and standing.held_until > moment:
        first = standing.held_until
    return _waits(first, HOLD_HAZARD)


def _waits(first: datetime, hazard: float) -> list[tuple[datetime, float]]:
    """One day after the other, each with the chance that the wait ends on it; what is left never ends."""
    return [(first + timedelta(days=day), (1 - hazard) ** day * hazard) for day in range(_LONGEST_WAIT)]


def _leaves_after(
    piece: Piece, calendar: NodeCalendar, slip: Days, begins: Sequence[tuple[datetime, float]]
) -> tuple[Mapping[date, float], Departure]:
    rest = _rest(piece, calendar)
    starts = [(still_to_do(rest, at, at), chance) for at, chance in begins]
    planned: dict[date, float] = {}
    for leaving, chance in starts:
        planned[leaving.leaves_on] = planned.get(leaving.leaves_on, 0.0) + chance
    return arrivals(planned, slip, calendar.days), starts[0][0]


def _without_node(standing: Standing, leg: Leg, moment: datetime, zone: ZoneInfo) -> _Way:
    """Units that no node has: they leave a working day after they find one."""
    left: dict[date, float] = {}
    for at, chance in _waits(moment, STOCK_HAZARD):
        day = leg.carrier.after(at.astimezone(zone).date() + timedelta(days=1), 1)[0]
        left[day] = left.get(day, 0.0) + chance
    return _Way(leg, arrivals(left, leg.transit, leg.carrier), left, None)


# -- in time -----------------------------------------------------------------------------------------------------------


def _in_time(way: _Way, promised_by: datetime, moment: datetime, zone: ZoneInfo) -> float:
    """P(arrives by the promised moment). Of the promised day only the hours up to it count."""
    promised = promised_by.astimezone(zone)
    last = promised.date()
    share = 1.0
    if not way.leg.piece.collected:
        share = _door_share(promised)
        if last == moment.astimezone(zone).date():
            gone = _door_share(moment.astimezone(zone))
            share = (share - gone) / (1.0 - gone) if share < 1.0 and gone < 1.0 else float(share >= 1.0)
    elif way.leaving is not None and way.leaving.leaves_on == last:
        share = float(way.leaving.packed_at <= promised_by)
    reached = sum(chance for day, chance in way.chances.items() if day < last)
    return min(1.0, reached + max(0.0, share) * way.chances.get(last, 0.0))


# -- the parts of the bar ----------------------------------------------------------------------------------------------


def _parts(
    standing: Standing, way: _Way, expected: date | None, moment: datetime, zone: ZoneInfo
) -> tuple[Span, ...]:  # fmt: skip
    """Where the time goes, of the slowest piece: as it went until now, and as it may go on."""
    piece = way.leg.piece
    closes = time(int(_DOOR_CLOSES))
    ends = datetime.combine(expected, closes, zone).astimezone(UTC) if expected else None
    if piece.kind in ("lost", "waiting") or (piece.kind == "node" and way.leaving is None):
        return _spans(standing.placed_at, piece, max(ends or moment, moment))
    if way.leaving is None:
        return _spans(standing.placed_at, piece, max(ends or moment, moment))
    leaves_on = _median(way.leaves) or way.leaving.leaves_on
    left = way.leaving.leaves_at
    if leaves_on != way.leaving.leaves_on and way.leg.calendar is not None:
        left = last_pickup(way.leg.calendar, leaves_on)
    guessed = replace(
        piece,
        came_at=piece.came_at if _is_begun(piece) else max(way.leaving.begun_at, standing.placed_at),
        packed_at=piece.packed_at if piece.packed else min(way.leaving.packed_at, left),
        left_at=left,
    )
    return _spans(standing.placed_at, guessed, left if piece.collected else max(ends or left, left))


def _is_begun(piece: Piece) -> bool:
    return piece.packed or piece.picked or piece.picking


def _spans(placed_at: datetime, piece: Piece, ends_at: datetime) -> tuple[Span, ...]:
    """The parts between the moments that are known, each from the end of the one before."""
    moments = (
        ("waiting", piece.came_at), ("processing", piece.packed_at), ("pickup", piece.left_at), ("transit", ends_at),
    )  # fmt: skip
    spans, at = [], placed_at
    known = [(key, end) for key, end in moments if end is not None]
    if piece.kind == "waiting":
        known = [("waiting", ends_at)]
    for key, end in known:
        if end > at:
            spans.append(Span(key, at, end))
            at = end
    return tuple(spans)
