"""The real report, stock list and nodes that may stand beside a checkout."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from channels.adapters.files.registry import detect_format
from channels.imports.kinds.orders import OrderHandler
from channels.imports.services import commit
from channels.imports.tables import read_table
from channels.imports.types import Options
from inventory.models import Node, Sku, StockLevel
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
