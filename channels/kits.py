"""A line that is sold as a kit becomes a line for each component, its money shared out to the minor unit. Pure.

Of the price each component gets its share by stand-alone selling price where every component has one, else by cost
where every component has one, else every unit counts the same (the allocation of a bundle's price by relative
stand-alone selling prices, IFRS 15.73-86). Discount and tax follow the prices. What does not divide goes to the largest
remainders (Hamilton's method), so that every sum is the kit's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from inventory.selectors import Component, Recipe
from orders.canonical import CanonicalKit, CanonicalLine, CanonicalOrder, ComponentLine

#: Characters of the channel's line id that stay in the ids of its components: "17" becomes "17#1", "17#2".
_ID_LENGTH = 112


def explode_order(order: CanonicalOrder, recipes: Mapping[int, Recipe]) -> CanonicalOrder:
    """The order with every line of a kit replaced by its components. Every recipe has some."""
    if not any(line.sku_id in recipes for line in order.lines):
        return order
    lines: list[CanonicalLine] = []
    for line in order.lines:
        recipe = recipes.get(line.sku_id) if line.sku_id is not None else None
        lines += [line] if recipe is None else explode_line(line, recipe)
    return replace(order, lines=tuple(lines))


def explode_line(line: CanonicalLine, recipe: Recipe) -> list[ComponentLine]:
    """The components of a line that is sold as a kit.

    A component has two lines where its share of the price does not divide by its units: some cost one minor unit more.
    """
    kit = CanonicalKit(sold=line, sku_id=recipe.kit_id, ships_together=recipe.ships_together)
    pieces = list(_priced(line.unit_price_minor, recipe.components))
    weights = [piece.unit_price_minor * piece.units for piece in pieces]
    if not any(weights):
        weights = [piece.units for piece in pieces]
    discounts, taxes = share_out(line.discount_minor, weights), share_out(line.tax_minor, weights)
    return [
        ComponentLine(
            external_id=f"{line.external_id[:_ID_LENGTH]}#{position}", sku_code=piece.of.code, sku_id=piece.of.sku_id,
            name=piece.of.name, quantity=line.quantity * piece.units, unit_price_minor=piece.unit_price_minor,
            discount_minor=discount, tax_minor=tax, tax_included=line.tax_included,
            cancelled_quantity=line.cancelled_quantity * piece.units, kit=kit, units_per_kit=piece.units,
        )
        for position, (piece, discount, tax) in enumerate(zip(pieces, discounts, taxes, strict=True), start=1)
    ]  # fmt: skip


def share_out(amount: int, weights: Sequence[int]) -> list[int]:
    """Whole parts of the amount in proportion to the weights; they add up to it. Not all weights are zero.

    Every part is its exact share rounded down or up; the largest remainders go up, of equal ones the first.
    """
    total = sum(weights)
    parts = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % total), place))
    for place in by_remainder[: amount - sum(parts)]:
        parts[place] += 1
    return parts


class _Piece(NamedTuple):
    """So many units of a component in each kit, at this price for one of them."""

    of: Component
    units: int
    unit_price_minor: int


def _priced(price_minor: int, components: Sequence[Component]) -> Iterator[_Piece]:
    """Components with their unit prices: those of one kit add up to its price.

    Every unit costs its exact share rounded down or up, those of the largest remainders up, of equal ones the first; so
    at most one component has units of both prices.
    """
    shares = _shares(price_minor, components)
    prices = [int(share) for share in shares]
    left = price_minor - sum(price * one.quantity for price, one in zip(prices, components, strict=True))
    dearer = [0] * len(components)
    for place in sorted(range(len(components)), key=lambda place: (prices[place] - shares[place], place)):
        dearer[place] = min(left, components[place].quantity)
        left -= dearer[place]
    for one, price, more in zip(components, prices, dearer, strict=True):
        if more:
            yield _Piece(one, more, price + 1)
        if more < one.quantity:
            yield _Piece(one, one.quantity - more, price)


def _shares(price_minor: int, components: Sequence[Component]) -> list[Fraction]:
    """The exact share of one unit of each component in the price of a kit."""
    weights = [one.price_minor for one in components]
    if not all(weights):
        weights = [one.cost_minor for one in components]
    if not all(weights):
        weights = [1 for _ in components]
    total = sum(weight * one.quantity for weight, one in zip(weights, components, strict=True))
    return [Fraction(price_minor * weight, total) for weight in weights]
