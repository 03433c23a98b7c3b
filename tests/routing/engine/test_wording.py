"""Amounts and counts as people write them."""

import pytest

from routing.engine.wording import all_items, days, items, listed, money


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (6200, "INR", "₹62"),
        (6250, "INR", "₹62.50"),
        (5, "INR", "₹0.05"),
        (12_345_650, "INR", "₹1,23,456.50"),
        (100_000_000_000, "INR", "₹1,00,00,00,000"),
        (-6250, "INR", "-₹62.50"),
        (123_456_750, "USD", "$1,234,567.50"),
        (1500, "JPY", "JPY 1,500"),
        (1500, "KWD", "KWD 1.500"),
    ],
)
def test_an_amount_is_grouped_as_its_country_does(minor: int, currency: str, text: str) -> None:
    assert money(minor, currency) == text


def test_counts_read_as_a_person_would_say_them() -> None:
    assert [days(count) for count in (0, 1, 3)] == ["today", "in 1 day", "in 3 days"]
    assert [items(count) for count in (1, 2)] == ["1 item", "2 items"]
    assert [all_items(count) for count in (1, 2, 3)] == ["the item", "both items", "all 3 items"]
    assert [listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
