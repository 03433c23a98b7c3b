"""Carriers by lane: shares, days and costs, drawn to the carrier and to all carriers."""

from __future__ import annotations

from typing import Any

import pytest

from routing.performance.lanes import Carried, LaneKey, LaneSeen, score_lanes


def parcels(count: int, **changes: Any) -> Carried:
    row: dict[str, Any] = {
        "carrier": "swift", "node_code": "BLR", "country": "IN", "postcode": "110001", "fate": "delivered", "days": 3,
        "on_time": True, "first_attempt": True, "parcels": count, "weight": float(count), "cost_minor": count * 5_000.0,
        "costed": float(count), "charged": 0.0,
    } | changes  # fmt: skip
    return Carried(**row)


def lanes(*told: tuple[LaneKey, Carried]) -> dict[LaneKey, LaneSeen]:
    found: dict[LaneKey, LaneSeen] = {}
    for key, each in told:
        found.setdefault(key, LaneSeen()).note(each, 3)
    return found


SWIFT: LaneKey = ("swift", "Karnataka", "Delhi")
TURTLE: LaneKey = ("turtle", "Karnataka", "Delhi")


def test_every_level_is_told_and_the_slow_carrier_shows() -> None:
    found = {row.key: row for row in score_lanes(lanes(
        (SWIFT, parcels(200)),
        (TURTLE, parcels(100, days=6, on_time=False, first_attempt=False, cost_minor=300_000.0, charged=100.0)),
        (TURTLE, parcels(20, fate="rto", days=None, on_time=False, first_attempt=False)),
    ))}  # fmt: skip

    assert set(found) == {
        ("", "", ""), ("", "Karnataka", "Delhi"), ("swift", "", ""), SWIFT, ("turtle", "", ""), TURTLE,
    }  # fmt: skip
    assert found["", "", ""].parcels == 320
    # Drawn to the other carrier, of whose 120 parcels none was on time, by 30 parcels.
    assert found[SWIFT].shares["on_time"][0] == pytest.approx((200 + 30 * (2 * 0.9 / 122)) / 230)
    assert found[TURTLE].shares["on_time"][0] == pytest.approx((30 * (201.8 / 202)) / 150)
    assert found[TURTLE].shares["rto"][0] == pytest.approx((20 + 30 * (2 * 0.05 / 202)) / 150)
    assert (found[SWIFT].days_median, found[TURTLE].days_median) == (3.0, 6.0)
    assert (found[SWIFT].counted_days, found[TURTLE].counted_days) == (0, 2)
    assert found[TURTLE].charged_share == pytest.approx(100 / 120)
    # Of 100,000 paise by the card for 20 that came back and 300,000 charged for 100, and 30 parcels of 5,000 elsewhere.
    assert found[TURTLE].cost_minor == pytest.approx((400_000 + 30 * 5_000) / 150)


def test_a_lane_with_few_parcels_says_what_its_carrier_does() -> None:
    other: LaneKey = ("swift", "Karnataka", "Assam")
    found = {row.key: row for row in score_lanes(lanes((SWIFT, parcels(300)), (other, parcels(2, days=9))))}

    assert found[other].shares["on_time"][0] > 0.9
    assert found[other].counted_days == 0
    assert found[other].days_median == 3.0
    assert found[other].cost_minor == pytest.approx(5_000)


def test_a_parcel_on_its_way_says_nothing_before_its_day() -> None:
    found = {row.key: row for row in score_lanes(lanes(
        (SWIFT, parcels(5, fate="open", days=None, on_time=None, first_attempt=None, cost_minor=0.0, costed=0.0))
    ))}  # fmt: skip

    assert found[SWIFT].parcels == 5
    assert (found[SWIFT].seen, found[SWIFT].days_median, found[SWIFT].cost_minor) == (0.0, None, None)
    assert found[SWIFT].shares["on_time"][0] == pytest.approx(0.9)
