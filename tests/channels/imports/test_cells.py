"""Cells: what is understood, and what is refused instead of guessed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.imports.moments import parse_moment, prove_date_order
from channels.imports.parsers import (
    Unreadable,
    parse_code,
    parse_currency,
    parse_money,
    parse_number,
    parse_postcode,
    parse_quantity,
    parse_text,
)
from channels.imports.rejects import safe_cell, write_csv
from channels.imports.tables import read_table
from channels.imports.types import DateOrder


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("1,23,456.78", 12345678), ("123,456.78", 12345678), ("₹ 500", 50000), ("Rs. 500", 50000),
        ("INR 1,000", 100000), (".5", 50), ("647.6200", 64762), ("0", 0), ("'12", 1200), ("1,00,00,000", 1_000_000_000),
    ],
)  # fmt: skip
def test_amounts_with_indian_and_western_groups_are_minor_units(text: str, minor: int) -> None:
    assert parse_money(text, currency="INR") == minor


@pytest.mark.parametrize(
    "text",
    ["NaN", "inf", "-Infinity", "1_000", "１２", "٣", "-5", "(5)", "1e5", "12,50", "1,2,3", "647.625", "1.2.3", ".",
     "abc", "9" * 400],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_money(text, currency="INR")


def test_currencies_have_their_own_decimals_and_a_decimal_comma_must_be_declared() -> None:
    assert parse_money("1500", currency="JPY") == 1500
    assert parse_money("1.234", currency="KWD") == 1234
    assert parse_money("1.234,56", currency="EUR", decimal=",") == 123456
    with pytest.raises(Unreadable, match="at most 0 decimals"):
        parse_money("15.5", currency="JPY")
    with pytest.raises(Unreadable):
        parse_currency("RUPEES")


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("5.0", 5), ("1,000", 1000), ("1,00,000", 100000), ("0", 0)])
def test_quantities_are_whole(text: str, value: int) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    "text", ["5.5", "-1", "１２", "1_000", "NaN", "inf", "1e3", "9999999999", "9" * 400, "", "five"]
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_quantity(text)


def test_codes_keep_their_zeros_and_a_rounded_barcode_is_refused() -> None:
    assert parse_code("00123", most=80) == "00123"
    assert parse_code("'00123", most=80) == "00123"
    assert parse_code('="00123"', most=80) == "00123"
    assert parse_code("1000000000000", most=80) == "1000000000000"
    for text in ("8.90123E+12", "1E+12", "#REF!", "A\x00B", "A\nB", "x" * 81, "'"):
        with pytest.raises(Unreadable):
            parse_code(text, most=80)


def test_text_is_composed_and_takes_every_script_but_no_control_character() -> None:
    assert parse_text("Cafe\u0301 कुर्ता 👕", most=80) == "Café कुर्ता 👕"
    for text in ("a\x00b", "a\x07b", "a\ud800b"):
        with pytest.raises(Unreadable):
            parse_text(text, most=80)


def test_numbers_are_never_nan_nor_exponents() -> None:
    assert float(parse_number("-12.5", low=-90, high=90)) == -12.5
    for text in ("NaN", "inf", "1e3", "91", "1_0"):
        with pytest.raises(Unreadable):
            parse_number(text, low=-90, high=90)


def test_postcodes_are_those_of_the_country() -> None:
    assert parse_postcode("411033.0", country="IN") == "411033"
    assert parse_postcode("'560 001", country="IN") == "560001"
    for text in ("0.0", "012345", "5600011", "ABC"):
        with pytest.raises(Unreadable):
            parse_postcode(text, country="IN")


def utc(text: str, date_order: DateOrder = "") -> datetime:
    """The moment in UTC, read in Indian time."""
    return parse_moment(text, zone="Asia/Kolkata", date_order=date_order).astimezone(UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-08-26", "26/08/2026", "08/26/2026", "Aug 26, 2026", "26-Aug-2026", "26 August 2026", "2026/08/26 00:00:00",
     "2026-08-25T18:30:00Z", "2026-08-26T00:00:00+05:30", "2026-08-26 00:00 IST", "26 Aug 2026 12:00 AM"],
)  # fmt: skip
def test_dates_that_can_be_read_in_one_way_only_need_no_declaration(text: str) -> None:
    assert utc(text) == datetime(2026, 8, 25, 18, 30, tzinfo=UTC)


def test_a_date_that_can_be_read_in_two_ways_is_refused_until_its_order_is_declared() -> None:
    with pytest.raises(Unreadable, match="declared date order"):
        utc("05/06/2026")
    assert parse_moment("05/06/2026", zone="UTC", date_order="dmy").month == 6
    assert parse_moment("05/06/2026", zone="UTC", date_order="mdy").month == 5
    assert parse_moment("04-30-22", zone="UTC", date_order="mdy").year == 2022


@pytest.mark.parametrize("text", ["31/02/2026", "2026-13-01", "1899-01-01", "45000", "yesterday", "2026-08-26 25:00"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        utc(text)


def test_a_column_of_dates_may_prove_its_order() -> None:
    assert prove_date_order(["05/06/2026", "25/06/2026"]) == "dmy"
    assert prove_date_order(["05/06/2026", "06/25/2026"]) == "mdy"
    assert prove_date_order(["05/06/2026"]) == ""
    assert prove_date_order(["25/06/2026", "06/25/2026"]) == ""


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\tx", "\rx", "＝1", "＋1", "＠x"])
def test_cells_that_a_spreadsheet_would_run_are_written_as_text_and_read_back(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert parse_text(safe_cell(text), most=80) == text or text.startswith("\r")


def test_numbers_stay_numbers_and_nul_is_never_written() -> None:
    assert [safe_cell(text) for text in ("-5", "+91", "-1,000.50", "a\x00b")] == ["-5", "+91", "-1,000.50", "ab"]


PARSERS: list[Callable[[str], object]] = [
    lambda text: parse_quantity(text),
    lambda text: parse_money(text, currency="INR"),
    lambda text: parse_code(text, most=80),
    lambda text: parse_text(text, most=80),
    lambda text: parse_postcode(text, country="IN"),
    lambda text: parse_moment(text, zone="Asia/Kolkata"),
]


@given(st.text(max_size=60))
def test_no_text_at_all_breaks_a_parser(text: str) -> None:
    for parse in PARSERS:
        with suppress(Unreadable):
            parse(text)


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), min_size=2,
                         max_size=2), min_size=1, max_size=5))  # fmt: skip
def test_what_is_written_can_be_read_again(rows: list[list[str]]) -> None:
    table = read_table(write_csv(["one", "two"], rows))
    assert table.header == ("one", "two")
    assert len(list(table.rows())) <= len(rows)
