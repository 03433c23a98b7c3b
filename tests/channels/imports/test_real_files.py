"""The real report, stock list and nodes that may stand beside a checkout."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from channels.adapters.files.registry import detect_format
from channels.imports.kinds.orders import OrderHandler
from channels.imports.services import commit
from channels.imports.tables import read_table
from channels.imports.types import Options, Result
from channels.models import InboundMessage
from inventory.models import Node, Sku, StockLevel
from orders.models import Order, OrderLine, SalesChannel
from tests.channels.imports.conftest import look

pytestmark = pytest.mark.django_db


def rows_of(path: Path) -> list[dict[str, str]]:
    """The file as the standard library reads it."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_real_report_has_an_order_for_every_order_id_and_every_refusal_has_its_cause(shared_dir: Path) -> None:
    path = shared_dir / "data" / "orders" / "india_marketplace_lines.csv.gz"
    expected = rows_of(path)
    table = read_table(path)
    format = detect_format(table.header)
    assert format is not None
    assert format.code == "amazon_sale_report"
    reading = OrderHandler().read(table, {}, Options(channel="amazon", treat_as="open"))
    assert reading.rows == len(expected)
    assert {unit.key for unit in reading.units} == {row["Order ID"] for row in expected}
    assert sorted(number for unit in reading.units for number in unit.rows) == list(range(2, len(expected) + 2))

    without_sku = {row["Order ID"] for row in expected if not row["SKU"]}
    without_amount = {
        row["Order ID"] for row in expected if not row["Amount"] and not row["Status"].startswith("Cancelled")
    }
    good = {unit.key: unit.value.message.payload for unit in reading.units if unit.value.is_good}
    assert good.keys() == {row["Order ID"] for row in expected} - without_sku - without_amount
    assert {issue.field for issue in reading.issues if not issue.warning} == {"sku", "line_total", "quantity"}
    cancelled = {row["Order ID"] for row in expected if row["Status"] == "Cancelled"}
    assert {key for key, order in good.items() if order["cancelled"]} == cancelled & good.keys()
    paise = sum(round(float(row["Amount"] or 0) * 100) for row in expected if row["Order ID"] in good)
    assert sum(order["total_minor"] for order in good.values()) == paise


def orders_of(rows: Sequence[dict[str, str]], ids: Sequence[str], path: Path) -> Path:
    """A report with the rows of these orders only, order by order."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        for order_id in ids:
            writer.writerows(row for row in rows if row["Order ID"] == order_id)
    return path


def import_orders(path: Path) -> Result:
    report = look(path, "orders")
    return commit(report, report.mapping, Options(channel="bazaar", treat_as="open"), actor="test")


def test_real_orders_are_captured_once_and_the_others_wait_with_their_reasons(
    shared_dir: Path, channel: SalesChannel, tmp_path: Path
) -> None:
    rows = rows_of(shared_dir / "data" / "orders" / "india_marketplace_lines.csv.gz")
    without_amount = {
        row["Order ID"] for row in rows if not row["Amount"] and not row["Status"].startswith("Cancelled")
    }
    refused = {row["Order ID"] for row in rows if not row["SKU"]} | without_amount
    every_id = list(dict.fromkeys(row["Order ID"] for row in rows))
    ids = [pk for pk in every_id if pk not in refused][:290] + [pk for pk in every_id if pk in refused][:10]
    some = [row for row in rows if row["Order ID"] in set(ids)]
    unknown_sku = next(row["SKU"] for row in some if row["Order ID"] == ids[0])
    Sku.objects.bulk_create(
        Sku(code=code, name=code) for code in sorted({row["SKU"] for row in some} - {"", unknown_sku})
    )
    unknown = {row["Order ID"] for row in some if row["SKU"] == unknown_sku} - refused
    waiting = unknown | set(ids[290:])

    result = import_orders(orders_of(some, ids, tmp_path / "report.csv"))

    assert (result.rows, result.objects) == (len(some), 300)
    assert (result.captured, result.quarantined, result.waiting) == (300 - len(waiting), len(waiting), 0)
    assert result.failed == sum(1 for row in some if row["Order ID"] in refused)
    assert {group.field for group in result.errors} <= {"sku", "line_total", "quantity"}
    captured = dict(Order.objects.values_list("external_id", "total_minor"))
    assert captured.keys() == set(ids) - waiting
    paise: Counter[str] = Counter()
    for row in some:
        paise[row["Order ID"]] += round(float(row["Amount"] or 0) * 100)
    assert captured == {order_id: paise[order_id] for order_id in captured}
    units = sum(OrderLine.objects.values_list("quantity", flat=True))
    messages = InboundMessage.objects.filter(state="quarantined")
    assert set(messages.values_list("external_id", flat=True)) == waiting
    causes = Counter(messages.values_list("cause", flat=True))
    assert causes.pop(f"Unknown SKU {unknown_sku}") == len(unknown)
    assert sum(causes.values()) == 10
    assert "" not in causes
    assert all(message.issues for message in messages)

    for name, sequence in (("report.csv", ids), ("downloaded again.csv", ids[::-1])):
        again = import_orders(orders_of(some, sequence, tmp_path / name))
        assert (again.created, again.captured, again.quarantined) == (0, 0, 0)
        assert dict(Order.objects.values_list("external_id", "total_minor")) == captured
        assert sum(OrderLine.objects.values_list("quantity", flat=True)) == units
        assert InboundMessage.objects.count() == 300


def test_the_real_stock_list_is_spread_over_real_stores(shared_dir: Path) -> None:
    stores = look(shared_dir / "data" / "places" / "hometown_india_39_stores.csv", "nodes")
    assert commit(stores, stores.mapping, Options(node_kind="store"), actor="test").created == 39
    path = shared_dir / "data" / "orders" / "india_stock_by_sku.csv.gz"
    stock = look(path, "stock")
    options = Options(node_split=("HT01", "HT02"), create_skus=True)
    result = commit(stock, stock.mapping, options, actor="test")
    usable: dict[str, set[int]] = {}
    for row in rows_of(path):
        if row["SKU Code"] not in {"", "#REF!"} and row["Stock"]:
            usable.setdefault(row["SKU Code"], set()).add(int(float(row["Stock"])))
    counts = {sku: next(iter(found)) for sku, found in usable.items() if len(found) == 1}
    assert result.objects == 2 * len(counts)
    assert Sku.objects.count() == len(counts)
    assert sum(StockLevel.objects.values_list("on_hand", flat=True)) == sum(counts.values())


def test_real_logistics_centres_become_nodes_unless_their_pin_code_is_missing(shared_dir: Path) -> None:
    path = shared_dir / "data" / "places" / "delhivery_1590_facilities_geo.csv.gz"
    centres = look(path, "nodes")
    result = commit(centres, centres.mapping, Options(), actor="test")
    known = sum(1 for row in rows_of(path) if row["pincode"] not in {"", "0.0"})
    assert (result.created, result.failed) == (known, 1590 - known)
    assert Node.objects.filter(kind="warehouse").count() == known
