"""GST: numbers, states, and a price split into value and tax."""

from __future__ import annotations

from datetime import date

import pytest

from carriers.zones import normal_state, state_of_pin
from orders.gst.gstin import check_sign, what_is_wrong
from orders.gst.numbers import financial_year, invoice_number
from orders.gst.places import STATES, place_name, state_code
from orders.gst.tax import split_price
from orders.gst.words import rupees_in_words


def test_a_gstin_is_known_by_its_check_sign() -> None:
    assert what_is_wrong("29AAGCB7383J1Z4") == ""
    assert check_sign("29AAGCB7383J1Z") == "4"
    assert "last sign would be 4" in what_is_wrong("29AAGCB7383J1Z5")
    assert "no state has the number 99" in what_is_wrong("99AAGCB7383J1Z4")
    assert "expected 15 signs" in what_is_wrong("29AAGCB7383")
    assert what_is_wrong("").startswith("Nothing is no GSTIN")


@pytest.mark.parametrize(
    ("text", "code"),
    [("Karnataka", "29"), ("karnataka", "29"), ("KA", "29"), ("IN-KA", "29"), ("TS", "36"), ("TG", "36"), ("", ""),
     ("Atlantis", "")],
)  # fmt: skip
def test_states_are_found_by_name_and_by_letters(text: str, code: str) -> None:
    assert state_code(text) == code


def test_every_state_that_a_pin_code_stands_for_has_a_number() -> None:
    pins = {f"{first:03d}001" for first in range(110, 860)}
    states = {state_of_pin(pin) for pin in pins} - {""}
    assert len(states) > 30
    assert [state for state in states if not state_code(state)] == []
    assert all(state_code(normal_state(state.name)) == code for code, state in STATES.items())
    assert place_name("29") == "29 Karnataka"
    assert place_name("96") == "96 Outside India"


@pytest.mark.parametrize("rate", [0, 25, 300, 500, 1200, 1800, 2800, 4000])
@pytest.mark.parametrize("paid", [0, 1, 2, 99, 100, 105, 11_800, 99_999, 123_456_789])
def test_value_and_tax_are_the_price_and_halves_are_equal(paid: int, rate: int) -> None:
    within, between = (split_price(paid, rate, between_states=far) for far in (False, True))
    for split in (within, between):
        assert split.total_minor == paid
        # The tax is the rate of the value, to the paisa of each half.
        assert abs(split.tax_minor * 10_000 - split.taxable_minor * rate) <= 10_000 + rate
    assert (within.cgst_minor, within.igst_minor) == (within.sgst_minor, 0)
    assert between.cgst_minor == between.sgst_minor == 0


def test_a_price_that_is_known() -> None:
    assert split_price(118_00, 1800, between_states=True).igst_minor == 18_00
    split = split_price(105_00, 500, between_states=False)
    assert (split.taxable_minor, split.cgst_minor, split.sgst_minor) == (100_00, 2_50, 2_50)


def test_numbers_have_a_year_from_april_to_march_and_sixteen_signs() -> None:
    assert financial_year(date(2026, 3, 31)) == 2025
    assert financial_year(date(2026, 4, 1)) == 2026
    assert invoice_number("KA", 2026, 42) == "KA/26-27/00042"
    assert invoice_number("KA", 2099, 1) == "KA/99-00/00001"
    with pytest.raises(ValueError, match="16 signs"):
        invoice_number("KARNATAKA", 2026, 42)


@pytest.mark.parametrize(
    ("paise", "words"),
    [(0, "Zero rupees only"), (100, "One rupee only"), (1, "Zero rupees and one paisa only"),
     (10_200_050, "One lakh two thousand rupees and fifty paise only"),
     (123_456_789, "Twelve lakh thirty-four thousand five hundred sixty-seven rupees and eighty-nine paise only"),
     (10_000_000_000, "Ten crore rupees only")],
)  # fmt: skip
def test_amounts_in_words(paise: int, words: str) -> None:
    assert rupees_in_words(paise) == words
