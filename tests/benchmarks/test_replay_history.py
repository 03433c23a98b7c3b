"""Histories of orders and stock, as files have them and as they are replayed."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.replay.history import Book, Item, Sale, busiest, cut
from benchmarks.replay.sources import made_up, read_book

ORDERS = """order_id,placed_at,sku,quantity,postcode,city
A,2026-03-01T10:00:00,KURTA,2,560001,Bengaluru
A,2026-03-01T10:00:00,SAREE,1,560001,Bengaluru
B,2026-03-01T10:30:00,KURTA,1,,
A,2026-03-01T11:00:00,KURTA,-1,560001,Bengaluru
Z,2026-03-01T11:05:00,KURTA,-1,,
C,2026-03-02T23:00:00,SHOE,1,110001,Delhi
"""
STOCK = "sku,on_hand,node\nKURTA,3,BLR\nKURTA,1,DEL\nSAREE,0,BLR\n"
RECEIPTS = "received_at,sku,quantity,node\n2026-03-01T12:00:00,SAREE,5,DEL\n2026-03-09T12:00:00,SAREE,5,DEL\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Plain files of a small shop; one of them zipped."""
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "stock.csv.gz").write_bytes(gzip.compress(STOCK.encode()))
    (tmp_path / "receipts.csv").write_text(RECEIPTS)
    return tmp_path


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}")


def test_plain_files_are_read_with_their_nodes_and_a_negative_quantity_cancels(folder: Path) -> None:
    book = read_book("auto", folder)

    first, second, third = book.sales
    assert first == Sale("A", at("01T10:00"), (Item("KURTA", 2, 1), Item("SAREE", 1)), "560001", "Bengaluru",
                         at("01T11:00"))  # fmt: skip
    assert not first.is_cancelled_whole
    assert (second.order_id, second.units, second.cancelled_at, second.postcode) == ("B", 1, None, "400001")
    assert third.order_id == "C"
    assert book.stock == {("KURTA", "BLR"): 3, ("KURTA", "DEL"): 1, ("SAREE", "BLR"): 0}
    assert [node.code for node in book.nodes] == ["BLR", "DEL"]


def test_a_stretch_has_its_orders_its_stock_and_its_deliveries(folder: Path) -> None:
    history = cut(read_book("plain", folder), 4)

    assert (history.begins, history.ends) == (at("01T10:00"), at("01T14:00"))
    assert [sale.order_id for sale in history.sales] == ["A", "B"]
    assert history.opening == {("KURTA", "BLR"): 3, ("KURTA", "DEL"): 1, ("SAREE", "BLR"): 0}
    assert [(d.node, d.at, dict(d.units)) for d in history.deliveries] == [("DEL", at("01T12:00"), {"SAREE": 5})]
    assert history.skus == ["KURTA", "SAREE"]


def test_what_is_cancelled_after_the_stretch_stays_ordered(folder: Path) -> None:
    history = cut(read_book("plain", folder), 0.75)
    assert history.sales[0].cancelled_at is None
    assert [item.cancelled for item in history.sales[0].items] == [0, 0]


def test_the_busiest_stretch_begins_at_a_full_hour() -> None:
    times = ["01T03:10", "02T08:20", "02T09:10", "02T09:50", "03T01:00"]
    sales = tuple(Sale(time, at(time), (Item("KURTA", 1),), "560001") for time in times)
    assert busiest(Book("book", (), sales), 2) == (at("02T08:00"), at("02T10:00"))
    with pytest.raises(ValueError, match="no order"):
        busiest(Book("book", (), ()), 2)


def test_stock_that_nobody_knows_is_a_share_of_what_was_sold() -> None:
    sales = tuple(
        Sale(f"{number}", at("01T00:00") + timedelta(minutes=number), (Item(f"SKU-{number % 500}", 1),), "560001")
        for number in range(1000)
    )
    history = cut(Book("book", (), sales), 24)
    assert 850 <= sum(history.opening.values()) <= 950
    assert {node for _, node in history.opening} == {"BHIWANDI", "GURUGRAM", "BENGALURU"}
    # Every SKU has one day in the week, and one node to which its goods come.
    brought = Counter(sku for delivery in history.deliveries for sku in delivery.units)
    assert 0 < len(brought) < 200
    assert set(brought.values()) == {1}


def test_scarce_stock_forgets_what_really_lay_there(folder: Path) -> None:
    history = cut(read_book("plain", folder), 4, scarce=True)
    assert sum(history.opening.values()) in (3, 4)


def test_without_a_folder_a_history_is_made_up_and_says_so(tmp_path: Path) -> None:
    for missing in (tmp_path / "nothing", tmp_path, None):
        book = read_book("auto", missing)
        assert book == made_up()
        assert book.notes[0].startswith("made up")
    history = cut(made_up(), 30)
    assert 1_500 < len(history.sales) < 2_500
    assert any(sale.cancelled_at and sale.is_cancelled_whole for sale in history.sales)
    assert any(sale.cancelled_at and not sale.is_cancelled_whole for sale in history.sales)
    by_minute = Counter(sale.placed_at.replace(second=0, microsecond=0) for sale in history.sales)
    assert max(by_minute.values()) >= 28


def test_a_kind_that_the_folder_does_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no history of kind report"):
        read_book("report", tmp_path)
    with pytest.raises(ValueError, match="no folder"):
        read_book("plain", tmp_path / "nothing")


def test_the_real_report_is_read_with_the_stock_of_the_same_seller(shared_dir: Path) -> None:
    book = read_book("report", shared_dir / "data" / "orders")

    assert len(book.sales) == 5_336
    assert sum(sale.units for sale in book.sales) == 5_717
    assert sum(sale.cancelled_at is not None for sale in book.sales) == sum(
        any(item.cancelled for item in sale.items) for sale in book.sales
    )
    assert sum(item.cancelled > 0 for sale in book.sales for item in sale.items) == 807
    assert len(book.stock) == 9_169
    history = cut(book, 30)
    assert history.ends - history.begins == timedelta(hours=30)
    assert sum(history.opening[key] for key in history.opening) > 240_000
