"""Where a history comes from: a folder of files as retailers wrote them, or made up where there is none.

Three kinds of folder are understood:

- a seller's marketplace report with the stock list of the same seller (`india_marketplace_lines.csv.gz`,
  `india_stock_by_sku.csv.gz`);
- lines of a marketplace with the seller of each (`olist_lines.parquet`, `olist_sellers.parquet`), where pyarrow is
  installed;
- plain files: `orders.csv` (order_id, placed_at, sku, quantity, and if known postcode, city, price, cancelled_at),
  `stock.csv` (sku, on_hand, and if known node) and `receipts.csv` (received_at, sku, quantity, and if known node). A
  row of `orders.csv` with a negative quantity cancels that many units of the order, at its `placed_at`. All three may
  be gzipped.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any

from benchmarks.replay.history import THREE_NODES, Book, Delivery, Item, Sale, Shelf
from channels.simulators.woocommerce.world import (
    HOUR_SHARES,
    LINES_PER_ORDER,
    PLACES,
    UNITS_PER_LINE,
    ZIPF_EXPONENT,
    place_weights,
)

#: No requirement of the project: it is needed for one kind of history only.
parquet: Any = import_module("pyarrow.parquet") if find_spec("pyarrow") else None

REPORT, REPORT_STOCK = "india_marketplace_lines.csv.gz", "india_stock_by_sku.csv.gz"
LINES, SELLERS = "olist_lines.parquet", "olist_sellers.parquet"
#: How long buyers take, on average, to cancel, where the data says that they did and not when.
CANCELS_AFTER = timedelta(hours=4)
SOONEST_CANCEL = timedelta(minutes=10)
#: Postcode where an order names none: it must be one that exists.
SOMEWHERE = ("400001", "Mumbai")
MADE_UP_DAYS = 4
MADE_UP_PER_DAY = 1_400
MADE_UP_SKUS = 2_200
#: Orders of the busiest minute of a real marketplace: so many come at once, for one SKU, when something is on offer.
MADE_UP_BURST = 28
MADE_UP_CANCELLED = 0.14


@dataclass(slots=True)
class _Order:
    """An order while its rows are read: units ordered and cancelled by SKU."""

    placed_at: datetime
    postcode: str
    city: str
    ordered: Counter[str] = field(default_factory=Counter)
    cancelled: Counter[str] = field(default_factory=Counter)
    price_minor: dict[str, int] = field(default_factory=dict)
    cancelled_at: datetime | None = None

    def sale(self, order_id: str) -> Sale:
        """The order as it is replayed."""
        items = tuple(
            Item(sku, units, min(units, self.cancelled[sku]), self.price_minor.get(sku, 49_900))
            for sku, units in self.ordered.items()
        )
        at = self.cancelled_at if any(item.cancelled for item in items) else None
        if any(item.cancelled for item in items) and at is None:
            at = self.placed_at + _hesitation(order_id)
        return Sale(order_id, self.placed_at, items, self.postcode, self.city, at)


def _hesitation(order_id: str) -> timedelta:
    chance = random.Random(f"cancel {order_id}")
    return SOONEST_CANCEL + chance.expovariate(1 / CANCELS_AFTER.total_seconds()) * timedelta(seconds=1)


def read_book(kind: str, folder: Path | None) -> Book:
    """The book of a kind, or with "auto" of the first kind that the folder holds; made up where it holds none.

    Raises ValueError where a kind was named that cannot be read.
    """
    if kind == "generated":
        return made_up()
    readers: dict[str, tuple[Callable[[Path], bool], Callable[[Path], Book]]] = {
        "report": (lambda path: (path / REPORT).is_file(), read_report),
        "plain": (lambda path: _file(path, "orders") is not None, read_plain),
        "lines": (lambda path: (path / LINES).is_file() and parquet is not None, read_lines),
    }
    if folder is None or not folder.is_dir():
        if kind != "auto":
            raise ValueError(f"There is no folder {folder} to read a history of kind {kind} from.")
        return made_up()
    for name, (holds, read) in readers.items():
        if kind in ("auto", name) and holds(folder):
            return read(folder)
    if kind == "auto":
        return made_up()
    hint = " pyarrow must be installed for it." if kind == "lines" and parquet is None else ""
    raise ValueError(f"{folder} holds no history of kind {kind}.{hint}")


def _rows(path: Path) -> Iterator[dict[str, str]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    yield from csv.DictReader(io.StringIO(text, newline=""))


# -- a seller's marketplace report ------------------------------------------------------------------------------------


def read_report(folder: Path) -> Book:
    """An Indian apparel seller's report: the days whose lines name their SKU, and the stock list of the same seller.

    The report gives the day of an order and not its time: the time is drawn by the hours at which people shop. A line
    that was cancelled before it shipped is reported with the quantity 0: it is taken for one unit.
    """
    orders: dict[str, _Order] = {}
    for row in _rows(folder / REPORT):
        if not row["SKU"]:
            continue
        key, sku, units = row["Order ID"], row["SKU"], max(1, int(row["Qty"]))
        order = orders.get(key)
        if order is None:
            moment = _time_of_day(datetime.fromisoformat(row["Date"]), key)
            order = orders[key] = _Order(moment, row["pincode"], row["ship-city"].title())
        order.ordered[sku] += units
        order.cancelled[sku] += units if row["Status"] == "Cancelled" else 0
        order.price_minor[sku] = max(100, round(float(row["Amount"] or 0) * 100) // units)
    stock: dict[tuple[str, str], int] = {}
    for row in _rows(folder / REPORT_STOCK):
        if row["SKU Code"] not in {"", "#REF!"} and row["Stock"]:
            stock.setdefault((row["SKU Code"], ""), int(float(row["Stock"])))
    days = sorted({order.placed_at.date() for order in orders.values()})
    notes = (
        f"{REPORT}: an Indian apparel seller, {len(orders):,} orders of {days[0]} to {days[-1]} that name their SKU",
        "time of day drawn by the hours at which people shop: the report gives the day",
        f"cancelled orders are those of the report, cancelled {CANCELS_AFTER.seconds // 3600} h later on average",
        "stock spread over three nodes, which the report does not name",
    )
    return Book("report", notes, tuple(order.sale(key) for key, order in orders.items()), stock=stock)


def _time_of_day(day: datetime, key: str) -> datetime:
    chance = random.Random(f"time {key}")
    (hour,) = chance.choices(range(24), HOUR_SHARES)
    return day + timedelta(hours=hour, seconds=chance.uniform(0, 3600))


# -- lines of a marketplace with many sellers -------------------------------------------------------------------------


def read_lines(folder: Path) -> Book:
    """A Brazilian marketplace's lines, to the second. Goods lie with their sellers: a node for each postal region."""
    zips = {row["seller_id"]: str(row["seller_zip_code_prefix"]) for row in _table(folder / SELLERS)}
    orders: dict[str, _Order] = {}
    home: dict[str, str] = {}
    for row in _table(folder / LINES):
        key, sku = row["order_id"], row["product_id"]
        order = orders.get(key)
        if order is None:
            postcode = str(row["customer_zip_code_prefix"])
            order = orders[key] = _Order(row["order_purchase_timestamp"], postcode, row["customer_state"])
        order.ordered[sku] += row["qty"]
        order.price_minor[sku] = round(row["price"] * 100)
        order.cancelled[sku] += row["qty"] if row["order_status"] in ("canceled", "unavailable") else 0
        home.setdefault(sku, f"REGION-{zips.get(row['seller_id'], '0')[0]}")
    used = sorted(set(home.values()))
    nodes = tuple(Shelf(code, code.title(), f"{code[-1]}0000", 1 / len(used)) for code in used)
    notes = (
        f"{LINES}: a Brazilian marketplace, {len(orders):,} orders with their times to the second",
        f"nodes: the {len(nodes)} postal regions in which the sellers are",
    )
    sales = tuple(order.sale(key) for key, order in orders.items())
    return Book("lines", notes, sales, nodes=nodes, country="BR", home=home)


def _table(path: Path) -> list[Mapping[str, Any]]:
    return list(parquet.read_table(path).to_pylist())


# -- plain files ------------------------------------------------------------------------------------------------------


def _file(folder: Path, name: str) -> Path | None:
    return next((path for end in (".csv", ".csv.gz") if (path := folder / f"{name}{end}").is_file()), None)


def read_plain(folder: Path) -> Book:
    """Orders, stock and receipts in columns of our own naming, see above."""
    path = _file(folder, "orders")
    assert path is not None
    orders: dict[str, _Order] = {}
    for row in sorted(_rows(path), key=lambda row: datetime.fromisoformat(row["placed_at"])):
        moment, units = datetime.fromisoformat(row["placed_at"]), int(row["quantity"])
        if units < 0:
            order = orders.get(row["order_id"])
            # What was ordered before the file begins is not known here.
            if order is not None and order.ordered[row["sku"]]:
                order.cancelled[row["sku"]] -= units
                order.cancelled_at = moment
            continue
        place = (row.get("postcode") or SOMEWHERE[0], row.get("city") or SOMEWHERE[1])
        order = orders.setdefault(row["order_id"], _Order(moment, *place))
        order.ordered[row["sku"]] += units
        if row.get("price"):
            order.price_minor[row["sku"]] = round(float(row["price"]) * 100)
        if row.get("cancelled_at"):
            order.cancelled[row["sku"]] += units
            order.cancelled_at = datetime.fromisoformat(row["cancelled_at"])
    stock, deliveries = _plain_stock(folder), _plain_receipts(folder)
    named = {node for _, node in stock if node} | {delivery.node for delivery in deliveries or () if delivery.node}
    codes = sorted(named)
    nodes = tuple(Shelf(code, SOMEWHERE[1], SOMEWHERE[0], 1 / len(codes)) for code in codes) or THREE_NODES
    if deliveries is not None:
        deliveries = tuple(replace(d, node=d.node or nodes[0].code) for d in deliveries)
    sales = tuple(order.sale(key) for key, order in orders.items())
    notes = (f"{path.name}: {len(sales):,} orders", f"nodes: {'those of the files' if codes else 'three, made up'}")
    return Book("plain", notes, sales, nodes=nodes, stock=stock, deliveries=deliveries)


def _plain_stock(folder: Path) -> dict[tuple[str, str], int]:
    path = _file(folder, "stock")
    return {(row["sku"], row.get("node") or ""): int(row["on_hand"]) for row in _rows(path)} if path else {}


def _plain_receipts(folder: Path) -> tuple[Delivery, ...] | None:
    path = _file(folder, "receipts")
    if path is None:
        return None
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in _rows(path):
        found[row["received_at"], row.get("node") or ""][row["sku"]] += int(row["quantity"])
    return tuple(
        Delivery(f"GRN-{number}", node, datetime.fromisoformat(at), units)
        for number, ((at, node), units) in enumerate(sorted(found.items()), start=1)
    )


# -- made up ----------------------------------------------------------------------------------------------------------


def made_up(seed: int = 20) -> Book:
    """A history of the same shape: hours, lines, units and popularity as in the real ones, with a burst for one SKU."""
    chance = random.Random(seed)
    skus = [f"ART-{number:04d}" for number in range(MADE_UP_SKUS)]
    popularity = list(accumulate((rank + 1) ** -ZIPF_EXPONENT for rank in range(MADE_UP_SKUS)))
    weights, begins = place_weights(), datetime(2022, 4, 27)
    sales: list[Sale] = []
    for number in range(MADE_UP_DAYS * MADE_UP_PER_DAY):
        key = f"made-up-{number}"
        order = _made_up_order(chance, _time_of_day(begins + timedelta(days=number % MADE_UP_DAYS), key), weights)
        for _ in range(_draw(chance, LINES_PER_ORDER)):
            order.ordered[chance.choices(skus, cum_weights=popularity)[0]] += _draw(chance, UNITS_PER_LINE)
        if chance.random() < MADE_UP_CANCELLED:
            # Of several lines one is cancelled as often as all.
            order.cancelled.update(dict(list(order.ordered.items())[: chance.choice((1, None))]))
        sales.append(order.sale(key))
    for number in range(MADE_UP_BURST):
        moment = begins + timedelta(days=MADE_UP_DAYS - 1, hours=12, seconds=chance.uniform(0, 60))
        order = _made_up_order(chance, moment, weights)
        order.ordered[skus[0]] += 1
        sales.append(order.sale(f"made-up-burst-{number}"))
    notes = (
        "made up, not read from files; hours, lines, units and popularity are those of real marketplaces",
        f"{MADE_UP_CANCELLED:.0%} of the orders are cancelled later; {MADE_UP_BURST} orders for one SKU in one minute",
    )
    return Book("generated", notes, tuple(sales))


def _made_up_order(chance: random.Random, moment: datetime, weights: list[float]) -> _Order:
    ((postcode, city, _),) = chance.choices(PLACES, weights)
    return _Order(moment, postcode, city)


def _draw(chance: random.Random, shares: Mapping[int, float]) -> int:
    return chance.choices(list(shares), list(shares.values()))[0]
