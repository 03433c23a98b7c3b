"""A stretch of a retailer's history: what was sold and cancelled when, what lay on which shelf, what was delivered.

Pure: no clock, database or network. Times are the retailer's own wall clock, without a zone.
"""

from __future__ import annotations

import math
import random
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

#: Opening stock of a SKU whose real stock is not known, and what a weekly delivery brings of it: shares of the demand
#: of the stretch. So a part sells out, and a part of that comes back.
OPENING_SHARE = 0.90
DELIVERY_SHARE = 0.25
#: When the first truck of a day is unloaded, and how long after it the next node's.
TRUCKS_FROM = time(10, 0)
BETWEEN_TRUCKS = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Item:
    """Units of one SKU in an order; `cancelled` of them are cancelled later. The price is of one unit."""

    sku: str
    quantity: int
    cancelled: int = 0
    price_minor: int = 49_900


@dataclass(frozen=True, slots=True)
class Sale:
    """One order. `cancelled_at` is when its cancelled units were cancelled, None where none were."""

    order_id: str
    placed_at: datetime
    items: tuple[Item, ...]
    postcode: str
    city: str = ""
    cancelled_at: datetime | None = None

    @property
    def units(self) -> int:
        """Units ordered."""
        return sum(item.quantity for item in self.items)

    @property
    def is_cancelled_whole(self) -> bool:
        """Every unit is cancelled later."""
        return self.cancelled_at is not None and all(item.cancelled == item.quantity for item in self.items)

    def kept(self) -> Sale:
        """The same order, never cancelled."""
        items = tuple(replace(item, cancelled=0) for item in self.items)
        return replace(self, items=items, cancelled_at=None)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Goods that came to a node: units by SKU."""

    reference: str
    node: str
    at: datetime
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A node, and its share of the stock where the data does not say what lies where."""

    code: str
    city: str
    postcode: str
    share: float = 0.0


#: Where stock is spread over nodes that the data does not name.
THREE_NODES = (
    Shelf("BHIWANDI", "Bhiwandi", "421302", 0.5),
    Shelf("GURUGRAM", "Gurugram", "122001", 0.3),
    Shelf("BENGALURU", "Bengaluru", "560067", 0.2),
)


@dataclass(frozen=True, slots=True)
class Book:
    """Everything a source knows, before a stretch of it is chosen.

    `stock` is units by SKU and node code, the node "" where the data gives only a total. `home` is the node that stocks
    a SKU, where the data says so. `deliveries` is None where the data has none, so that weekly ones are made up.
    `notes` say where it comes from and what was made up.
    """

    name: str
    notes: tuple[str, ...]
    sales: tuple[Sale, ...]
    nodes: tuple[Shelf, ...] = THREE_NODES
    country: str = "IN"
    stock: Mapping[tuple[str, str], int] = field(default_factory=dict)
    home: Mapping[str, str] = field(default_factory=dict)
    deliveries: tuple[Delivery, ...] | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What is replayed, from `begins` to `ends`."""

    name: str
    notes: tuple[str, ...]
    country: str
    nodes: tuple[Shelf, ...]
    opening: Mapping[tuple[str, str], int]
    sales: tuple[Sale, ...]
    deliveries: tuple[Delivery, ...]
    begins: datetime
    ends: datetime

    @property
    def skus(self) -> list[str]:
        """Every SKU that is stocked or sold."""
        sold = {item.sku for sale in self.sales for item in sale.items}
        return sorted(sold | {sku for sku, _ in self.opening})


def busiest(book: Book, hours: float) -> tuple[datetime, datetime]:
    """The stretch of so many hours, begun at a full hour, in which most orders were placed."""
    moments = sorted(sale.placed_at for sale in book.sales)
    if not moments:
        raise ValueError(f"{book.name} holds no order that names its SKU.")
    by_hour = Counter(moment.replace(minute=0, second=0, microsecond=0) for moment in moments)
    length = math.ceil(hours)

    def orders_from(start: datetime) -> int:
        return sum(by_hour[start + timedelta(hours=hour)] for hour in range(length))

    # A stretch that ends after the data does would be half empty, unless the data is shorter than that.
    last = max(moments[0], moments[-1] - timedelta(hours=hours) + timedelta(hours=1))
    starts = [start for start in by_hour if start <= last] or list(by_hour)
    begins = max(sorted(starts), key=orders_from)
    return begins, begins + timedelta(hours=hours)


def cut(book: Book, hours: float, *, scarce: bool = False) -> History:
    """The busiest stretch of the book with its stock and deliveries.

    `scarce` forgets the real stock: every SKU begins with a share of its demand. Cancellations later than the stretch
    are left out, and their units stay ordered.
    """
    begins, ends = busiest(book, hours)
    inside = sorted(
        (sale for sale in book.sales if begins <= sale.placed_at < ends),
        key=lambda sale: (sale.placed_at, sale.order_id),
    )
    sales = tuple(sale if sale.cancelled_at and sale.cancelled_at < ends else sale.kept() for sale in inside)
    demand = Counter[str]()
    for sale in sales:
        for item in sale.items:
            demand[item.sku] += item.quantity
    opening, notes = _opening(book, demand, scarce)
    deliveries = _inside(book.deliveries, begins, ends)
    if deliveries is None:
        deliveries = tuple(_weekly(book, demand, begins, ends))
        notes += (f"deliveries: each SKU weekly, on a day of its own, {DELIVERY_SHARE:.0%} of its demand",)
    return History(
        name=book.name, notes=book.notes + notes, country=book.country, nodes=book.nodes, opening=opening, sales=sales,
        deliveries=deliveries, begins=begins, ends=ends,
    )  # fmt: skip


def _inside(deliveries: Sequence[Delivery] | None, begins: datetime, ends: datetime) -> tuple[Delivery, ...] | None:
    if deliveries is None:
        return None
    return tuple(delivery for delivery in deliveries if begins <= delivery.at < ends)


def _opening(book: Book, demand: Mapping[str, int], scarce: bool) -> tuple[dict[tuple[str, str], int], tuple[str, ...]]:
    known = {} if scarce else dict(book.stock)
    listed = {sku for sku, _ in known}
    opening: Counter[tuple[str, str]] = Counter()
    for (sku, node), units in sorted(known.items()):
        if node:
            opening[sku, node] += units
        else:
            opening.update(_spread(book, sku, units))
    derived = sorted(demand.keys() - listed)
    for sku in derived:
        # Rounded up or down by chance, so that SKUs sold once begin with one unit nine times in ten.
        units = math.floor(OPENING_SHARE * demand[sku] + random.Random(f"opening {sku}").random())
        opening.update(_spread(book, sku, units))
    notes = []
    if listed:
        notes.append(f"opening stock: the retailer's own list for {len(listed):,} SKUs")
    if derived:
        notes.append(f"opening stock: {OPENING_SHARE:.0%} of the demand of the stretch for {len(derived):,} SKUs")
    return dict(opening), tuple(notes)


def _spread(book: Book, sku: str, units: int) -> dict[tuple[str, str], int]:
    """The units at the SKU's home, or by the shares of the nodes; single units go where chance has it."""
    home = book.home.get(sku)
    if home is not None:
        return {(sku, home): units}
    parts = {node.code: math.floor(units * node.share) for node in book.nodes}
    chance = random.Random(f"spread {sku}")
    codes, shares = [node.code for node in book.nodes], [node.share for node in book.nodes]
    for _ in range(units - sum(parts.values())):
        parts[chance.choices(codes, shares)[0]] += 1
    return {(sku, code): part for code, part in parts.items()}


def _weekly(book: Book, demand: Mapping[str, int], begins: datetime, ends: datetime) -> Iterable[Delivery]:
    """One truck a day and node, with the SKUs whose day it is."""
    day = begins.date()
    while day <= ends.date():
        for place, node in enumerate(book.nodes):
            at = datetime.combine(day, TRUCKS_FROM) + place * BETWEEN_TRUCKS
            units = {
                sku: max(1, round(DELIVERY_SHARE * wanted))
                for sku, wanted in sorted(demand.items())
                if zlib.crc32(f"day {sku}".encode()) % 7 == day.weekday() and _home(book, sku) == node.code
            }
            if units and begins <= at < ends:
                yield Delivery(f"{node.code}-{day:%Y%m%d}", node.code, at, units)
        day += timedelta(days=1)


def _home(book: Book, sku: str) -> str:
    """The node to which a SKU is delivered."""
    known = book.home.get(sku)
    if known is not None:
        return known
    codes, shares = [node.code for node in book.nodes], [node.share for node in book.nodes]
    return random.Random(f"home {sku}").choices(codes, shares)[0]
