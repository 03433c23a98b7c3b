"""A courier without an API."""

from functools import partial
from typing import Any

import pytest

from carriers.adapters.manual.awb import AwbRange, BadAwb, RangeExhausted, awb_of_reference, clean_awb
from carriers.base import Booked, CarrierConfig, GivesLabels, Rate, RateRequest, SchedulesPickups, TrackingUpdate
from carriers.errors import NoCarrier
from carriers.registry import adapter_for
from oms.core.errors import PermanentError
from tests.carriers.shiprocket.conftest import booking_request


def account(**settings: Any) -> CarrierConfig:
    return CarrierConfig(account_id=1, code="manual", settings=settings)


def test_rates_come_from_the_sample_card_until_there_is_one() -> None:
    request = RateRequest(from_postcode="560058", to_postcode="400001", weight_grams=700, cod_minor=100_000)

    assert adapter_for("manual").rates(account(), request) == [
        Rate(courier_id="manual", courier_name="Standard", charge_minor=13290, transit_days=3, supports_cod=True)
    ]


def test_rates_come_from_the_accounts_own_card() -> None:
    card = (
        "zone,first_grams,first_minor,additional_grams,additional_minor,cod_fixed_minor,cod_bp,fuel_bp,"
        "rto_first_minor,rto_additional_minor,transit_days\nC,1000,9900,1000,5000,0,0,0,0,0,2\n"
    )
    config = account(rate_card=card, card_name="City Riders", takes_cod=False, max_grams=2000)
    adapter = adapter_for("manual")
    way = partial(RateRequest, from_postcode="560058", to_postcode="400001")

    (rate,) = adapter.rates(config, way(weight_grams=300, length_mm=300, width_mm=300, height_mm=100))

    assert (rate.courier_name, rate.charge_minor, rate.transit_days, rate.supports_cod) == (
        "City Riders",
        14900,
        2,
        False,
    )
    assert adapter.rates(config, way(weight_grams=2001)) == []
    assert adapter.rates(config, RateRequest(from_postcode="560058", to_postcode="800001", weight_grams=1)) == []
    assert adapter.rates(config, RateRequest(from_postcode="560058", to_postcode="10001", weight_grams=1)) == []


def test_a_broken_card_needs_a_person() -> None:
    request = RateRequest(from_postcode="560058", to_postcode="400001", weight_grams=700)

    with pytest.raises(PermanentError, match="line 1, column first_grams"):
        adapter_for("manual").rates(account(rate_card="zone\nA"), request)


def test_the_same_reference_always_gets_the_same_awb() -> None:
    adapter = adapter_for("manual")

    first = adapter.book(account(awb_prefix="KH"), booking_request("oms-p/2026_17"))

    assert first == Booked(awb="KHOMS-P202617", courier_name="Standard", external_ids={"reference": "oms-p/2026_17"})
    assert adapter.book(account(awb_prefix="KH"), booking_request("oms-p/2026_17")) == first
    assert adapter.find_booking(account(), "oms-p/2026_17") is None
    assert adapter.track(account(), first.awb) == TrackingUpdate(awb="KHOMS-P202617", scans=())
    adapter.cancel(account(), first)


def test_a_typed_awb_wins_and_is_checked() -> None:
    adapter = adapter_for("manual")

    assert adapter.book(account(awb=" ab 12-34 "), booking_request()).awb == "AB12-34"
    with pytest.raises(PermanentError, match="letters, digits or dashes"):
        adapter.book(account(awb="??"), booking_request())


def test_a_range_gives_its_numbers_in_order_until_it_is_used_up() -> None:
    numbers = AwbRange(prefix="KH", first=98, last=101)

    assert [numbers.number_at(used) for used in range(numbers.size)] == ["KH098", "KH099", "KH100", "KH101"]
    with pytest.raises(RangeExhausted):
        numbers.number_at(4)
    with pytest.raises(BadAwb):
        AwbRange(first=5, last=4)


def test_awbs_are_short_and_plain() -> None:
    assert awb_of_reference("M", "OMS-1") == "MOMS-1"
    assert clean_awb("a1-2") == "A1-2"
    for text in ("", "ab", "-abc", "a" * 31, "नमस्ते"):
        with pytest.raises(BadAwb):
            clean_awb(text)


def test_it_prints_and_schedules_nothing_of_its_own() -> None:
    assert not isinstance(adapter_for("manual"), GivesLabels)
    assert not isinstance(adapter_for("manual"), SchedulesPickups)


def test_an_unknown_code_is_a_sentence() -> None:
    with pytest.raises(NoCarrier, match="pigeon"):
        adapter_for("pigeon")
