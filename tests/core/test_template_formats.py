"""What the formatting filters write, to the character."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone, translation

from oms.core.templatetags import oms_format as fmt

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def india() -> Any:
    with translation.override("en"), timezone.override("Asia/Kolkata"), time_machine.travel(NOON, tick=False):
        yield


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (0, "INR", "₹0.00"),
        (123_450, "INR", "₹1,234.50"),
        (123_456_750, "INR", "₹12,34,567.50"),
        (-129_900, "INR", "-₹1,299.00"),
        (1_999, "USD", "$19.99"),
        (1_500, "JPY", "JP¥1,500"),
        (1_250, "KWD", "KWD1.250"),
        (None, "INR", "–"),
    ],
)
def test_money_is_grouped_the_indian_way_and_knows_the_digits_of_its_currency(
    minor: Any, currency: Any, text: Any
) -> None:
    assert fmt.money(minor, currency) == text


def test_money_groups_alike_in_hindi() -> None:
    with translation.override("hi"):
        assert fmt.money(123_456_750, "INR") == "₹12,34,567.50"


def test_compact_money_is_for_tiles() -> None:
    assert fmt.money_compact(1_200_000_000, "INR") == "₹1.2Cr"
    assert fmt.money_compact(None) == "–"


def test_a_count_stops_at_its_ceiling() -> None:
    assert fmt.count(3_412) == "3,412"
    assert fmt.count(123_456) == "1,23,456"
    assert fmt.count(10_000, 10_000) == "10,000"
    assert fmt.count(10_001, 10_000) == "10,000+"
    assert fmt.count("42") == "42"
    assert fmt.count(None) == "–"


def test_percent_grams_and_length_of_time() -> None:
    assert fmt.percent(0.9534, 1) == "95.3%"
    assert fmt.percent(0.95) == "95%"
    assert fmt.grams(450) == "450 g"
    assert fmt.grams(1_250) == "1.25 kg"
    assert fmt.span(45) == "45 s"
    assert fmt.span(-18 * 60) == "18 m"
    assert fmt.span(3_900) == "1 h 05 m"
    assert fmt.span(93_600) == "1 d 2 h"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+919812345210", "+91 98xxx xx210"),
        ("09812345210", "+91 98xxx xx210"),
        ("98123 45210", "+91 98xxx xx210"),
        ("+442071838750", "xxxxxxxxx750"),
        ("12", "xxx"),
        ("", "–"),
        (None, "–"),
    ],
)
def test_a_phone_number_shows_two_digits_and_three(number: Any, shown: Any) -> None:
    assert fmt.masked_phone(number) == shown


def test_a_time_is_shown_in_the_current_zone_and_carries_its_instant() -> None:
    assert fmt.when(NOON) == '<time datetime="2026-11-21T12:00:00Z">21 Nov, 17:30</time>'
    assert fmt.when(NOON, "Asia/Dubai") == '<time datetime="2026-11-21T12:00:00Z">21 Nov, 16:00 +04</time>'
    assert fmt.when(NOON - timedelta(days=366)) == '<time datetime="2025-11-20T12:00:00Z">20 Nov 2025, 17:30</time>'
    assert fmt.when(date(2026, 11, 24)) == '<time datetime="2026-11-24">24 Nov</time>'
    assert fmt.when(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "just now"), (720, "12 m ago"), (3_900, "1 h 05 m ago"), (-720, "in 12 m"), (86_400, "20 Nov, 17:30")],
)
def test_a_near_time_is_told_from_now(seconds: Any, text: Any) -> None:
    assert f">{text}</time>" in fmt.ago(NOON - timedelta(seconds=seconds))
