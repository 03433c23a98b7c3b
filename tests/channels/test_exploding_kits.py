"""A kit becomes its components, and its money theirs to the minor unit."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from channels.kits import explode_line, share_out
from inventory.selectors import Component, Recipe
from orders.canonical import CanonicalLine


def component(number: int, quantity: int, price: int = 0, cost: int = 0) -> Component:
    return Component(sku_id=number, code=f"C-{number}", name=f"Component {number}", quantity=quantity,
                     price_minor=price, cost_minor=cost)  # fmt: skip


def recipe(*components: Component) -> Recipe:
    return Recipe(kit_id=99, code="SET", ships_together=True, components=components)


def line(quantity: int = 1, **fields: Any) -> CanonicalLine:
    return CanonicalLine(external_id="17", sku_code="SET", sku_id=99, quantity=quantity, name="The set", **fields)


def test_each_component_becomes_a_line_with_its_share_of_the_money() -> None:
    sold = line(2, unit_price_minor=1000, discount_minor=101, tax_minor=95)
    tea, cup = explode_line(sold, recipe(component(1, 2, price=300), component(2, 1, price=400)))

    assert (tea.external_id, tea.sku_id, tea.sku_code, tea.quantity, tea.units_per_kit) == ("17#1", 1, "C-1", 4, 2)
    assert (cup.external_id, cup.sku_id, cup.sku_code, cup.quantity, cup.units_per_kit) == ("17#2", 2, "C-2", 2, 1)
    assert (tea.unit_price_minor, tea.discount_minor, tea.tax_minor) == (300, 61, 57)
    assert (cup.unit_price_minor, cup.discount_minor, cup.tax_minor) == (400, 40, 38)
    assert tea.kit == cup.kit
    assert (tea.kit.sold, tea.kit.sku_id) == (sold, 99)


def test_prices_decide_then_costs_then_every_unit_counts_the_same() -> None:
    def prices(*parts: Component) -> list[int]:
        return [one.unit_price_minor for one in explode_line(line(unit_price_minor=1000), recipe(*parts))]

    assert prices(component(1, 1, price=900, cost=10), component(2, 1, price=100, cost=10)) == [900, 100]
    assert prices(component(1, 1, price=900, cost=30), component(2, 1, cost=10)) == [750, 250]
    assert prices(component(1, 3, price=900), component(2, 1, cost=10)) == [250, 250]


def test_a_price_that_does_not_divide_by_the_units_makes_two_lines_of_the_component() -> None:
    dearer, rest = explode_line(line(3, unit_price_minor=1001), recipe(component(1, 2)))
    assert [(one.units_per_kit, one.quantity, one.unit_price_minor) for one in (dearer, rest)] == [
        (1, 3, 501), (1, 3, 500),
    ]  # fmt: skip


def test_minor_units_that_are_left_over_go_to_as_many_units_one_each() -> None:
    made = explode_line(line(unit_price_minor=102), recipe(component(1, 1), component(2, 5), component(3, 5)))
    assert [(one.sku_code, one.units_per_kit, one.unit_price_minor) for one in made] == [
        ("C-1", 1, 10), ("C-2", 2, 10), ("C-2", 3, 9), ("C-3", 5, 9),
    ]  # fmt: skip


def test_cancelled_kits_are_cancelled_components() -> None:
    sold = CanonicalLine(external_id="17", sku_code="SET", sku_id=99, quantity=3, cancelled_quantity=2)
    assert [one.cancelled_quantity for one in explode_line(sold, recipe(component(1, 2), component(2, 1)))] == [4, 2]


components = st.builds(
    component,
    st.integers(1, 10**9),
    st.integers(1, 7),
    st.sampled_from([0, 1, 333, 99_900]),
    st.sampled_from([0, 5, 1200]),
)
amounts = st.integers(0, 500_000)


recipes = st.lists(components, min_size=1, max_size=6, unique_by=lambda one: one.sku_id)


@given(recipes, st.integers(1, 40), amounts, amounts, amounts)
def test_money_splits_exactly_and_no_line_is_worth_less_than_nothing(
    parts: list[Component], quantity: int, price: int, discount: int, tax: int
) -> None:
    discount = min(discount, price * quantity)
    sold = line(quantity, unit_price_minor=price, discount_minor=discount, tax_minor=tax)

    made = explode_line(sold, recipe(*parts))

    assert sum(one.unit_price_minor * one.units_per_kit for one in made) == price
    assert sum(one.unit_price_minor * one.quantity for one in made) == price * quantity
    assert (sum(one.discount_minor for one in made), sum(one.tax_minor for one in made)) == (discount, tax)
    assert all(0 <= one.discount_minor <= one.unit_price_minor * one.quantity and one.tax_minor >= 0 for one in made)
    assert sum(one.units_per_kit for one in made) == sum(part.quantity for part in parts)
    assert len(made) <= len(parts) + 1
    weights = [part.price_minor for part in parts]
    if not all(weights):
        weights = [part.cost_minor for part in parts]
    if not all(weights):
        weights = [1] * len(parts)
    whole = sum(weight * part.quantity for weight, part in zip(weights, parts, strict=True))
    shares = {part.sku_id: Fraction(price * weight, whole) for part, weight in zip(parts, weights, strict=True)}
    assert all(abs(one.unit_price_minor - shares[one.sku_id or 0]) < 1 for one in made)
    assert len({one.external_id for one in made}) == len(made)


@given(amounts, st.lists(st.integers(0, 9999), min_size=1, max_size=8).filter(any))
def test_shares_add_up_and_are_next_to_their_exact_value(amount: int, weights: list[int]) -> None:
    parts = share_out(amount, weights)
    assert sum(parts) == amount
    total = sum(weights)
    assert all(abs(part - amount * weight / total) < 1 for part, weight in zip(parts, weights, strict=True))
