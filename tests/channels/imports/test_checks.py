"""Matching columns and checking every row before anything is written."""

from __future__ import annotations

import pytest

from channels.imports.catalogue import FIELDS
from channels.imports.errors import ImportRefused
from channels.imports.matching import fingerprint, suggest
from channels.imports.saved import save_mapping
from channels.imports.services import plan, template_csv
from channels.imports.tables import read_table
from channels.imports.types import Kind, Options
from inventory.models import Barcode, Node, Sku
from tests.channels.imports.conftest import WriteFile, look

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "header", "expected"),
    [
        ("stock", "index,SKU Code,Design No.,Stock,Category,Size,Color",
         {"sku": "SKU Code", "on_hand": "Stock", "category": "Category", "size": "Size", "color": "Color",
          "style": "Design No."}),
        ("nodes", "store_id,city,pincode,lat,lng",
         {"code": "store_id", "city": "city", "postcode": "pincode", "latitude": "lat", "longitude": "lng"}),
        ("nodes", "center,out_degree,pincode,state,district,lat,lon,geo_ok",
         {"code": "center", "city": "district", "region": "state", "postcode": "pincode", "latitude": "lat",
          "longitude": "lon"}),
        ("skus", "Variant SKU,Title,Variant Barcode,Variant Price",
         {"code": "Variant SKU", "name": "Title", "barcodes": "Variant Barcode", "price": "Variant Price"}),
        ("orders", "Order No,Order Date,Item SKU Code,Qty,PIN Code,Total Price",
         {"order_id": "Order No", "placed_at": "Order Date", "sku": "Item SKU Code", "quantity": "Qty",
          "ship_postcode": "PIN Code", "line_total": "Total Price"}),
    ],
)  # fmt: skip
def test_columns_of_real_files_are_suggested(kind: Kind, header: str, expected: dict[str, str]) -> None:
    assert {item.field: item.column for item in suggest(FIELDS[kind], header.split(","))} == expected


def test_a_misspelt_column_is_suggested_with_its_score_and_a_strange_one_is_not() -> None:
    found = suggest(FIELDS["skus"], ["SKU Cod", "Catagory", "Moon phase"])
    assert [(item.field, item.column, item.source) for item in found] == [
        ("code", "SKU Cod", "similar"), ("category", "Catagory", "similar"),
    ]  # fmt: skip
    assert all(80 <= item.score < 95 for item in found)


def test_an_inspection_shows_ten_rows_what_is_unmapped_and_what_is_missing(write_file: WriteFile) -> None:
    inspection = look(write_file("Title,Moon phase", *(f"Kurta {n},full" for n in range(12))), "skus")
    assert (inspection.rows, len(inspection.preview), inspection.preview[0].number) == (12, 10, 2)
    assert inspection.preview[0].cells == ("Kurta 0", "full")
    assert (inspection.unmapped, inspection.missing) == (("Moon phase",), ("code",))


def test_the_mapping_of_a_file_is_remembered_for_the_next_one_of_its_shape(write_file: WriteFile) -> None:
    first = look(write_file("Ref,Titel", "A,Kurta"), "skus")
    assert first.saved_mapping == ""
    save_mapping("skus", "Supplier", first.header, {"code": "Ref", "name": "Titel"}, Options(decimal=","))
    again = look(write_file("titel,REF", "Kurta,A", name="other.csv"), "skus")
    assert again.saved_mapping == "Supplier"
    assert again.mapping == {"code": "REF", "name": "titel"}
    assert again.saved_options["decimal"] == ","
    assert {item.source for item in again.suggestions} == {"saved"}


def test_the_fingerprint_ignores_order_case_and_the_reason_column() -> None:
    assert fingerprint(["SKU Code", "Qty"]) == fingerprint(["qty", "sku-code", "Import reason"])
    assert fingerprint(["SKU Code"]) != fingerprint(["SKU Code", "Qty"])


BAD_ROWS = (
    ("missing code", ",Kurta,1,100,500,yes", "code", "a value"),
    ("rounded barcode as a code", "8.90E+12,Kurta,1,100,500,yes", "code", "all digits"),
    ("formula error", "#REF!,Kurta,1,100,500,yes", "code", "formula error"),
    ("control character", "A\x07,Kurta,1,100,500,yes", "code", "control characters"),
    ("NUL", "A\x00B,Kurta,1,100,500,yes", "code", "control characters"),
    ("too long", f"{'x' * 81},Kurta,1,100,500,yes", "code", "at most 80 characters"),
    ("not a number", "A1,Kurta,NaN,100,500,yes", "weight", "a number from"),
    ("infinity", "A2,Kurta,1,inf,500,yes", "price", "an amount"),
    ("underscore digits", "A3,Kurta,1,1_000,500,yes", "price", "an amount"),
    ("full-width digits", "A4,Kurta,1,１２,500,yes", "price", "an amount"),
    ("negative amount", "A5,Kurta,1,-5,500,yes", "price", "not negative"),
    ("three decimals", "A6,Kurta,1,1.005,500,yes", "price", "at most 2 decimals"),
    ("absurd amount", f"A7,Kurta,1,{'9' * 30},500,yes", "price", "an amount up to"),
    ("impossible rate", "A8,Kurta,1,100,500,maybe", "is_active", "yes or no"),
    ("cells too many", "A9,Kurta,1,100,500,yes,extra", "row", "as many as the header"),
    ("decimal comma", 'A10,Kurta,1,"12,50",500,yes', "price", "decimal comma"),
)


@pytest.mark.parametrize(("row", "field", "expected"), [case[1:] for case in BAD_ROWS], ids=[c[0] for c in BAD_ROWS])
def test_a_bad_row_is_named_with_what_stands_there_and_what_was_expected(
    write_file: WriteFile, row: str, field: str, expected: str
) -> None:
    inspection = look(write_file("SKU Code,Name,Weight,Price,HSN,Active", "GOOD,Kurta,1,100,500,yes", row), "skus")
    check = plan(inspection, inspection.mapping, Options())
    assert (check.rows, check.good_rows, check.bad_rows, check.create) == (2, 1, 1, 1)
    [group] = check.errors
    assert (group.field, group.count, group.rows) == (field, 1, (3,))
    assert expected in group.expected


def test_issues_of_one_cause_are_one_group_and_warnings_stand_apart(write_file: WriteFile) -> None:
    rows = ["A,x", "B,y", "C,10", "D,20", "D,20", "E,30", "E,31"]
    inspection = look(write_file("SKU Code,Price", *rows), "skus")
    check = plan(inspection, inspection.mapping, Options())
    assert [(group.field, group.count, group.rows, group.examples) for group in check.errors] == [
        ("price", 2, (2, 3), ("x", "y")),
        ("code", 2, (7, 8), ("E (rows 7, 8)",)),
    ]
    assert [(group.field, group.rows) for group in check.warnings] == [("code", (6,))]
    assert (check.create, check.good_rows, check.bad_rows) == (2, 3, 4)


def test_a_check_counts_what_it_would_do_and_writes_nothing(write_file: WriteFile) -> None:
    same = Sku.objects.create(code="SAME", name="Kurta", price_minor=10000)
    Sku.objects.create(code="OTHER", name="Old name")
    Barcode.objects.create(sku=same, code="890")
    inspection = look(
        write_file("SKU Code,Name,Price,Barcode", "SAME,Kurta,100,890", "OTHER,Kurta,100,", "NEW,Kurta,100,891"), "skus"
    )
    check = plan(inspection, inspection.mapping, Options())
    assert (check.create, check.update, check.skip, check.errors) == (1, 1, 1, ())
    assert Sku.objects.count() == 2
    assert Sku.objects.get(code="OTHER").name == "Old name"


def test_barcodes_that_another_sku_has_are_refused(write_file: WriteFile) -> None:
    Barcode.objects.create(sku=Sku.objects.create(code="OWNER", name="x"), code="890")
    inspection = look(write_file("SKU Code,Barcode", "A,890", "B,891", "C,891|892"), "skus")
    check = plan(inspection, inspection.mapping, Options())
    assert {(group.rows, group.examples) for group in check.errors} == {
        ((2,), ("890",)), ((3,), ("891",)), ((4,), ("891",)),
    }  # fmt: skip
    assert check.create == 0


def test_stock_of_unknown_skus_and_nodes_is_refused(write_file: WriteFile, nodes: list[Node], skus: list[Sku]) -> None:
    inspection = look(write_file("sku,node,qty", "KURTA-M,DEL,5", "NOPE,DEL,5", "KURTA-M,MARS,5"), "stock")
    check = plan(inspection, inspection.mapping, Options())
    assert [(group.field, group.examples, group.rows) for group in check.errors] == [
        ("sku", ("NOPE",), (3,)), ("node", ("MARS",), (4,)),
    ]  # fmt: skip
    assert plan(inspection, inspection.mapping, Options(create_skus=True)).create == 2


def test_a_file_that_lacks_a_required_column_is_refused_as_a_whole(write_file: WriteFile, nodes: list[Node]) -> None:
    inspection = look(write_file("Name,Colour", "Kurta,red"), "skus")
    with pytest.raises(ImportRefused, match="No column is named for: SKU code"):
        plan(inspection, inspection.mapping, Options())
    stock = look(write_file("sku,qty", "A,1", name="s.csv"), "stock")
    with pytest.raises(ImportRefused, match="no column with the node"):
        plan(stock, stock.mapping, Options())
    with pytest.raises(ImportRefused, match="There is no node MARS"):
        plan(stock, stock.mapping, Options(node="MARS"))
    orders = look(write_file("Order No,Qty", "1,1", name="o.csv"), "orders")
    with pytest.raises(ImportRefused, match="There is no channel"):
        plan(orders, orders.mapping, Options(channel="nowhere"))


@pytest.mark.parametrize("kind", ["orders", "skus", "nodes", "stock"])
def test_our_own_template_needs_no_mapping(kind: Kind) -> None:
    header = read_table(template_csv(kind)).header
    found = suggest(FIELDS[kind], header)
    assert {item.field for item in found} == {field.name for field in FIELDS[kind]}
    assert {item.score for item in found} == {100}
