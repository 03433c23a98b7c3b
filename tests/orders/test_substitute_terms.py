"""What units cost that are sold as another SKU: never more, and to the minor unit what the line costs in all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orders.models import OrderLine
from orders.services import InPlace, terms_of

amounts = st.integers(0, 10_000_000)


@given(
    quantity=st.integers(1, 50), price=amounts, discount=st.fractions(0, 1), tax=amounts, included=st.booleans(),
    other_price=amounts, rate=st.integers(0, 10_000), parts=st.lists(st.integers(1, 50), max_size=5),
)  # fmt: skip
def test_no_minor_unit_is_lost_and_none_is_added(
    quantity: int, price: int, discount: float, tax: int, included: bool, other_price: int, rate: int, parts: list[int]
) -> None:
    line = OrderLine(quantity=quantity, unit_price_minor=price, discount_minor=int(price * quantity * discount),
                     tax_minor=tax, tax_included=included)  # fmt: skip
    sold = InPlace(1, "Y", "The Y", price_minor=other_price, tax_rate_bp=rate)
    gone = before = 0
    for units in [*parts, quantity]:
        taken = min(units, quantity - gone)
        if not taken:
            break
        terms = terms_of(line, taken, sold, gone)
        added = OrderLine(quantity=taken, unit_price_minor=terms.unit_price_minor, discount_minor=terms.discount_minor,
                          tax_minor=terms.tax_minor, tax_included=True)  # fmt: skip
        assert added.total_minor == terms.total_minor <= terms.before_minor
        # Never dearer than its own list price, but for what units do not divide by.
        assert other_price == 0 or terms.total_minor <= (other_price + 1) * taken + 1
        assert terms.saved_minor >= 0 <= terms.discount_minor
        assert 0 <= terms.tax_minor <= terms.total_minor
        gone, before = gone + taken, before + terms.before_minor
    assert (gone, before) == (quantity, line.total_minor)


def test_a_cheaper_substitute_keeps_the_discount_in_proportion() -> None:
    line = OrderLine(quantity=2, unit_price_minor=1_000, discount_minor=400)
    terms = terms_of(line, 1, InPlace(1, "Y", "The Y", price_minor=500, tax_rate_bp=1_800))

    assert (terms.before_minor, terms.total_minor, terms.unit_price_minor, terms.discount_minor) == (800, 400, 500, 100)
    assert terms.tax_minor == 61


def test_a_dearer_substitute_costs_what_was_agreed() -> None:
    line = OrderLine(quantity=3, unit_price_minor=1_000)

    assert terms_of(line, 3, InPlace(1, "Y", "The Y", price_minor=9_000)).total_minor == 3_000


def test_a_price_without_its_tax_is_compared_with_its_tax() -> None:
    line = OrderLine(quantity=1, unit_price_minor=100_000, tax_minor=18_000, tax_included=False)

    assert terms_of(line, 1, InPlace(1, "Y", "The Y", price_minor=110_000)).total_minor == 110_000
