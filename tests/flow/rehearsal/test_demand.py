"""What is ordered at a rehearsed peak, what lies where, and how much of it stock can serve."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from math import log

from channels.simulators.woocommerce import world
from oms.flow.rehearsal.demand import (
    Article,
    Place,
    Stock,
    busiest_node,
    draw_orders,
    plan_stock,
    servable,
)
from orders.canonical import CanonicalLine, CanonicalOrder

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ARTICLES = [Article(number, f"A{number}", f"Article {number}", 50_000) for number in range(1, 1001)]
PLACES = [
    Place(1, "north", "warehouse"), Place(2, "south", "warehouse"), Place(3, "shop", "store"),
    Place(4, "showroom", "store", ships=False),
]  # fmt: skip


def draw(count: int, seed: int = 7) -> list[CanonicalOrder]:
    return draw_orders(ARTICLES, count=count, seed=seed, placed_at=NOON)


def order(name: str, *wanted: tuple[int, int]) -> CanonicalOrder:
    lines = tuple(
        CanonicalLine(external_id=str(sku), sku_code=f"A{sku}", sku_id=sku, quantity=units) for sku, units in wanted
    )
    return CanonicalOrder(external_id=name, placed_at=NOON, lines=lines)


def test_the_same_seed_gives_the_same_orders_and_the_same_shelves() -> None:
    assert draw(500) == draw(500)
    assert draw(500) != draw(500, seed=8)
    assert plan_stock(ARTICLES, PLACES, count=500, seed=7) == plan_stock(ARTICLES, PLACES, count=500, seed=7)


def test_orders_are_as_small_and_articles_as_popular_as_in_real_shops() -> None:
    found = draw(20_000)

    sizes = Counter(len(one.lines) for one in found)
    assert 0.95 <= sizes[1] / 20_000 <= 0.97
    asked = Counter(line.sku_id for one in found for line in one.lines)
    # The exponent of a Zipf law from two ranks with many orders: the first ten against the second hundred.
    first = sum(asked[pk] for pk in range(1, 11)) / 10
    later = sum(asked[pk] for pk in range(101, 201)) / 100
    middle = sum(rank**-world.ZIPF_EXPONENT for rank in range(1, 11)) / 10
    exponent = log(first / later) / log(150 / middle ** (-1 / world.ZIPF_EXPONENT))
    assert 0.55 < exponent < 0.65
    assert asked[1000] / 20_000 > 0.025, "the hot article"


def test_the_hot_article_is_there_for_some_of_those_who_want_it() -> None:
    shelves = plan_stock(ARTICLES, PLACES, count=20_000, seed=7)

    asked = Counter[int]()
    for one in draw(20_000):
        asked.update({line.sku_id or 0: line.quantity for line in one.lines})
    have = Counter[int]()
    for (sku_id, _), units in shelves.items():
        have[sku_id] += units
    assert 0.5 < have[1000] / asked[1000] < 0.7
    enough = sum(have[pk] >= asked[pk] for pk in range(1, 1000))
    assert enough > 980


def test_a_node_that_does_not_ship_has_nothing_for_the_peak() -> None:
    shelves = plan_stock(ARTICLES, PLACES, count=500, seed=7)
    assert {node_id for _, node_id in shelves} == {1, 2, 3}
    assert busiest_node({(1, 1): 4, (2, 1): 4, (1, 2): 7}) == 1


def test_stock_serves_as_many_orders_as_it_can_the_small_ones_first() -> None:
    stock: Stock = {(1, 10): 2, (1, 20): 1, (2, 10): 5}
    orders = [order("big", (1, 3)), order("one", (1, 1)), order("two", (1, 1)), order("other", (2, 5))]

    assert servable(orders, stock, without_node_id=0) == {"one", "two", "other"}


def test_what_lies_at_the_node_that_goes_off_serves_nobody() -> None:
    stock: Stock = {(1, 10): 2, (1, 20): 1, (2, 10): 5}
    orders = [order("one", (1, 1)), order("two", (1, 1)), order("pair", (1, 1), (2, 1))]

    assert servable(orders, stock, without_node_id=10) == {"one"}
    assert servable(orders, stock, without_node_id=20) == {"one", "two"}


def test_units_of_several_nodes_serve_one_order() -> None:
    assert servable([order("three", (1, 3))], {(1, 10): 2, (1, 20): 1}, without_node_id=0) == {"three"}
