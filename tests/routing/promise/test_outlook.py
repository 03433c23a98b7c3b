"""What an order has lasted until now counts: at its node, on the road, within the day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.promise.calendar import EVERY_DAY, NodeCalendar, WorkingDays, departure, still_to_do
from routing.promise.calibration import Calibrator
from routing.promise.outlook import Leg, Outlook, Piece, Standing, band_of, look
from routing.promise.transit import Days, around

#: A Tuesday, noon in India.
NOON = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NODE = NodeCalendar(WorkingDays(EVERY_DAY), opens_at=time(9), closes_at=time(20), cutoff_at=time(16))
SLIP = Days((0.9, 0.8, 0.9, 1.0))
ROAD = around(2)
CARRIER = WorkingDays(EVERY_DAY)
END = datetime(2026, 11, 27, 18, 29, tzinfo=UTC)


def standing(**fields: object) -> Standing:
    whole: dict[str, object] = {
        "order_id": 1, "stage": "released", "service": "standard", "country": "IN", "postcode": "560001",
        "currency": "INR", "value_minor": 100_000, "placed_at": NOON, "promised_by": END, "delivered_at": None,
        "is_held": False, "held_until": None, "can_tell": True, "pieces": (),
    }  # fmt: skip
    return Standing(**(whole | fields))  # type: ignore[arg-type]


def leg(piece: Piece, **fields: object) -> Leg:
    known: dict[str, object] = {"transit": ROAD, "carrier": CARRIER, "calendar": NODE, "slip": SLIP, "node": "blr"}
    return Leg(piece, **(known | fields))  # type: ignore[arg-type]


def seen(piece: Piece, moment: datetime, *, calibrator: Calibrator | None = None, **fields: object) -> Outlook:
    return look(standing(**fields), [leg(piece)], moment, calibrator or Calibrator(0.9))


WORK = Piece("node", node_id=1, came_at=NOON)
PARCEL = Piece("road", node_id=1, came_at=NOON, packed_at=NOON, left_at=NOON, packed=True)


def test_fresh_work_is_as_sure_as_its_slip_and_its_road() -> None:
    found = seen(WORK, NOON)

    # It leaves today, tomorrow or on Thursday; Friday is the promised day.
    by_friday = 0.9 * ROAD.within(3) + 0.1 * (0.8 * ROAD.within(2) + 0.2 * 0.9 * ROAD.within(1))
    assert found.expected_on == date(2026, 11, 26)
    assert found.breach == pytest.approx(1 - by_friday)
    assert [part.key for part in found.parts] == ["processing", "pickup", "transit"]


@pytest.mark.parametrize("piece", [WORK, PARCEL])
def test_silence_makes_it_worse_with_each_hour_and_the_date_later(piece: Piece) -> None:
    looks = [seen(piece, NOON + hours * HOUR) for hours in range(120)]

    breaches = [each.breach for each in looks]
    assert breaches == sorted(breaches)
    assert breaches[-1] == 1.0
    days = [each.expected_on for each in looks if each.expected_on]
    assert days == sorted(days)


def test_what_is_done_is_not_waited_for_again() -> None:
    late = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)

    fresh, picked = seen(WORK, late), seen(replace(WORK, picked=True), late)
    packed = seen(replace(WORK, packed=True, packed_at=late), late)

    assert packed.breach <= picked.breach <= fresh.breach
    assert packed.breach < fresh.breach


def test_those_ahead_of_it_are_waited_for() -> None:
    busy = replace(NODE, orders_per_hour=2.0)
    behind = replace(WORK, ahead=30)

    alone = look(standing(), [leg(WORK, calendar=busy)], NOON, Calibrator(0.9))
    waiting = look(standing(), [leg(behind, calendar=busy)], NOON, Calibrator(0.9))

    assert waiting.breach > alone.breach


def test_out_for_delivery_comes_today_and_a_failed_one_does_not() -> None:
    morning = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
    tonight = datetime(2026, 11, 26, 18, 29, tzinfo=UTC)

    out = seen(replace(PARCEL, out_today=True), morning, promised_by=tonight)
    failed = seen(replace(PARCEL, failed=True), morning, promised_by=tonight)

    assert out.breach < 0.2
    assert (failed.breach, failed.expected_on) == (1.0, date(2026, 11, 27))


def test_a_later_day_that_the_carrier_names_is_believed_for_the_most() -> None:
    told = replace(PARCEL, expected_on=date(2026, 11, 29))

    assert seen(told, NOON).expected_on == date(2026, 11, 29)
    assert 0.7 <= seen(told, NOON).breach < 0.8
    assert seen(replace(PARCEL, expected_on=date(2026, 11, 23)), NOON).breach == seen(PARCEL, NOON).breach


def test_a_hold_waits_and_one_with_an_end_waits_until_then() -> None:
    held = seen(WORK, NOON, is_held=True)
    until = seen(WORK, NOON, is_held=True, held_until=NOON + 2 * DAY)

    assert seen(WORK, NOON).breach < held.breach < until.breach


def test_units_without_a_node_and_lost_ones() -> None:
    waiting, lost = seen(Piece("waiting"), NOON), seen(Piece("lost", node_id=1), NOON)

    assert (waiting.stage, waiting.parts[0].key) == ("waiting", "waiting")
    assert waiting.breach > 0.5
    assert (lost.breach, lost.expected_on, lost.sure_by) == (1.0, None, None)


def test_of_two_pieces_the_slower_one_counts_and_both_must_come() -> None:
    both = look(standing(), [leg(PARCEL), leg(Piece("waiting"))], NOON, Calibrator(0.9))

    assert both.stage == "waiting"
    assert both.breach >= seen(Piece("waiting"), NOON).breach


def test_the_level_learned_from_kept_promises_counts_here_too() -> None:
    careful = Calibrator(0.9, overall=1.0)

    assert seen(WORK, NOON, calibrator=careful).breach > seen(WORK, NOON).breach


def test_what_arrived_is_over_and_says_whether_it_was_in_time() -> None:
    done = replace(PARCEL, kind="done", done_at=END + HOUR)

    late = look(standing(stage="delivered", delivered_at=END + HOUR), [leg(done)], END + DAY, Calibrator(0.9))
    cancelled = look(standing(stage="cancelled"), [], NOON, Calibrator(0.9))

    assert (late.stage, late.breach, late.next_at) == ("done", 1.0, None)
    assert (cancelled.stage, cancelled.breach) == ("done", 0.0)


def test_a_band_is_left_only_when_it_is_clearly_over() -> None:
    assert [band_of(breach) for breach in (0.0, 0.1, 0.3, 0.9)] == ["on_track", "watch", "at_risk", "late"]
    assert band_of(0.28) == "watch"
    assert band_of(0.28, "at_risk") == "at_risk"
    assert band_of(0.26, "at_risk") == "watch"


def test_work_that_came_by_the_cut_off_goes_on_after_it() -> None:
    evening = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)

    assert still_to_do(NODE, NOON, evening).leaves_on == date(2026, 11, 24)
    assert departure(NODE, evening).leaves_on == date(2026, 11, 25)


@given(
    st.builds(
        Piece, kind=st.sampled_from(["waiting", "node", "road", "lost"]), node_id=st.just(1), came_at=st.just(NOON),
        left_at=st.just(NOON), ahead=st.integers(0, 500), picked=st.booleans(), packed=st.booleans(),
        out_today=st.booleans(), failed=st.booleans(), collected=st.booleans(),
        expected_on=st.none() | st.dates(date(2026, 11, 20), date(2026, 12, 20)),
    ),
    st.integers(0, 24 * 90), st.integers(-48, 24 * 30),
)  # fmt: skip
def test_whatever_comes_the_outlook_is_a_probability(piece: Piece, hours: int, due: int) -> None:
    moment = NOON + hours * HOUR
    found = seen(piece, moment, promised_by=NOON + due * HOUR)

    assert 0.0 <= found.breach <= 1.0
    assert found.next_at is not None
    assert found.next_at > moment
    assert all(part.starts_at < part.ends_at for part in found.parts)


def test_what_came_after_midnight_came_on_the_day_of_its_customer() -> None:
    after_midnight = datetime(2026, 11, 25, 19, 30, tzinfo=UTC)

    found = seen(replace(PARCEL, kind="done", done_at=after_midnight), after_midnight)

    assert (found.stage, found.expected_on) == ("done", date(2026, 11, 26))
