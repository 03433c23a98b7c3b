"""What is ordered at the peak, and what lies where when it begins. Pure: the same seed gives the same.

Shares come from `channels.simulators.woocommerce.world`, where their sources are named; a line more or less is between
two of them: 95.0 % of the orders of an Indian apparel seller have one line, and 96.7 % of those of Olist.
"""

from __future__ import annotations

import bisect
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from math import ceil, sqrt

from channels.simulators.woocommerce import world
from inventory.models import NodeKind
from oms.core.values import Address
from orders.canonical import CanonicalLine, CanonicalOrder, CanonicalPayment

#: Number of lines of an order, and its share.
LINES_PER_ORDER = {1: 0.96, 2: 0.034, 3: 0.004, 4: 0.0015, 5: 0.0005}
#: Share of the orders that want the article that sells out, and the part of what they want that is there.
HOT_SHARE, HOT_STOCK = 0.03, 0.6
#: Share of cash on delivery: an assumption for Indian direct sellers.
CASH_SHARE = 0.6
#: Part of a node's goods by its kind: a warehouse has nearly every article, a store a few units of some.
_SHELVES: Mapping[str, tuple[float, float]] = {
    NodeKind.WAREHOUSE: (0.95, 1.0), NodeKind.THIRD_PARTY: (0.6, 0.6), NodeKind.DARK_STORE: (0.25, 0.15),
    NodeKind.STORE: (0.3, 0.12), NodeKind.SUPPLIER: (0.2, 0.3),
}  # fmt: skip
#: Units that are there for each that is likely to be asked for, before the spread of chance.
_ENOUGH = 1.8

Stock = dict[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class Article:
    """A SKU that is sold. The first of a list sells best."""

    sku_id: int
    code: str
    name: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class Place:
    """A node as stock is spread over them."""

    node_id: int
    code: str
    kind: str
    ships: bool = True


def draw_orders(
    articles: Sequence[Article], *, count: int, seed: int, placed_at: datetime
) -> list[CanonicalOrder]:  # fmt: skip
    """`count` orders in the sequence in which they arrive. The last article is the hot one; the others follow Zipf."""
    chance = random.Random(f"orders/{seed}")
    *usual, hot = articles
    popularity = list(accumulate(rank**-world.ZIPF_EXPONENT for rank in range(1, len(usual) + 1)))
    places = list(accumulate(world.place_weights()))
    made = []
    for number in range(1, count + 1):
        size = chance.choices(list(LINES_PER_ORDER), list(LINES_PER_ORDER.values()))[0]
        wanted = [_one_of(usual, popularity, chance) for _ in range(size)]
        if chance.random() < HOT_SHARE:
            wanted[0] = hot
        lines = [_line(article, position, chance) for position, article in enumerate(dict.fromkeys(wanted), start=1)]
        made.append(_order(number, lines, world.PLACES[_index(places, chance)], placed_at, chance))
    return made


def _index(weights: Sequence[float], chance: random.Random) -> int:
    """Of accumulated weights, one by its share."""
    return min(bisect.bisect(weights, chance.random() * weights[-1]), len(weights) - 1)


def _one_of(articles: Sequence[Article], popularity: Sequence[float], chance: random.Random) -> Article:
    return articles[_index(popularity, chance)]


def _line(article: Article, position: int, chance: random.Random) -> CanonicalLine:
    units = chance.choices(list(world.UNITS_PER_LINE), list(world.UNITS_PER_LINE.values()))[0]
    return CanonicalLine(
        external_id=str(position), sku_code=article.code, sku_id=article.sku_id, quantity=units, name=article.name,
        unit_price_minor=article.price_minor,
    )  # fmt: skip


def _order(
    number: int, lines: Sequence[CanonicalLine], place: tuple[str, str, str], placed_at: datetime, chance: random.Random
) -> CanonicalOrder:
    postcode, city, state = place
    name = f"{chance.choice(world.FIRST_NAMES)} {chance.choice(world.LAST_NAMES)}"
    address = Address(
        name=name, line1=f"{chance.randrange(1, 400)} {chance.choice(world.STREETS)}", city=city, region=state,
        postcode=postcode, country="IN", phone=f"+9198{chance.randrange(10**7, 10**8)}", email=f"b{number}@example.com",
    )  # fmt: skip
    total = sum(line.unit_price_minor * line.quantity for line in lines)
    cash = chance.random() < CASH_SHARE
    paid = CanonicalPayment(amount_minor=total, captured_minor=total)
    return CanonicalOrder(
        external_id=f"PEAK-{number}", placed_at=placed_at, lines=tuple(lines), customer_name=name,
        customer_email=address.email, customer_phone=address.phone, ship_to=address,
        payment=CanonicalPayment(method="cod", state="pending", amount_minor=total) if cash else paid,
    )  # fmt: skip


def plan_stock(articles: Sequence[Article], places: Sequence[Place], *, count: int, seed: int) -> Stock:
    """Units on hand by SKU and node before the first order: enough of most articles, of the hot one too little.

    Of each article so much is there as is likely to be asked for, by its popularity, and some more; articles that
    nearly nobody asks for have a few units. It is spread over the nodes that ship, by what shelves of their kind hold.
    """
    chance = random.Random(f"stock/{seed}")
    units_per_line = sum(units * share for units, share in world.UNITS_PER_LINE.items())
    lines = count * sum(lines * share for lines, share in LINES_PER_ORDER.items())
    *usual, hot = articles
    shares = [rank**-world.ZIPF_EXPONENT for rank in range(1, len(usual) + 1)]
    whole = sum(shares)
    found: Stock = {}
    for article, share in zip(usual, shares, strict=True):
        likely = lines * units_per_line * share / whole
        _spread(found, article, ceil(_ENOUGH * likely + 3 * sqrt(likely) + chance.randrange(2, 9)), places, chance)
    _spread(found, hot, max(1, round(count * HOT_SHARE * units_per_line * HOT_STOCK)), places, chance)
    return found


def _spread(found: Stock, article: Article, units: int, places: Sequence[Place], chance: random.Random) -> None:
    shelves = []
    for place in places:
        has, weight = _SHELVES[place.kind]
        if place.ships and chance.random() < has:
            shelves.append((place.node_id, weight * chance.uniform(0.5, 1.5)))
    if not shelves:
        shelves = [(place.node_id, 1.0) for place in places if place.ships][:1]
    whole, left = sum(weight for _, weight in shelves), units
    for node_id, weight in shelves:
        part = min(left, round(units * weight / whole))
        left -= part
        if part:
            found[article.sku_id, node_id] = part
    if left and shelves:
        key = (article.sku_id, shelves[0][0])
        found[key] = found.get(key, 0) + left


def busiest_node(stock: Stock) -> int:
    """The node with most units: the one whose loss hurts most."""
    units: Counter[int] = Counter()
    for (_, node_id), quantity in stock.items():
        units[node_id] += quantity
    return max(units, key=lambda node_id: (units[node_id], -node_id))


def servable(orders: Iterable[CanonicalOrder], stock: Stock, *, without_node_id: int) -> set[str]:
    """Orders (by external id) that the stock of the nodes that stay on can serve whole: as many as can be.

    Units of all nodes together, so that no rule, limit or distance keeps an order out. The smallest orders come first:
    of articles that are not enough for everybody that serves as many orders as possible where an order has one line,
    and where it has several, at least as many as to serve them as they come.
    """
    left: defaultdict[int, int] = defaultdict(int)
    for (sku_id, node_id), units in stock.items():
        if node_id != without_node_id:
            left[sku_id] += units
    found: set[str] = set()
    for order in sorted(orders, key=lambda order: (sum(line.quantity for line in order.lines), len(order.lines))):
        wanted: Counter[int] = Counter()
        for line in order.lines:
            if line.sku_id is not None:
                wanted[line.sku_id] += line.quantity
        if all(left[sku_id] >= units for sku_id, units in wanted.items()):
            found.add(order.external_id)
            for sku_id, units in wanted.items():
                left[sku_id] -= units
    return found
