"""Purchase orders from a file: drafted once, changed while they are drafts, refused row by row."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from channels.imports.checking import rejected_rows
from channels.imports.errors import ImportRefused
from channels.imports.kinds import purchase_orders
from channels.imports.kinds.base import Context, Written
from channels.imports.kinds.purchase_orders import PurchaseOrderHandler, PurchaseRecord, PurchaseRow
from channels.imports.services import plan, template_csv
from channels.imports.types import Counts, Options, Unit
from inventory.models import (
    Node,
    NodeKind,
    PurchaseOrder,
    PurchaseOrderLine,
    Sku,
    StockMovement,
    Supplier,
    SupplierItem,
)
from inventory.services import cancel_purchase_order, draft_purchase_order, place_purchase_order
from inventory.services.purchasing import MOST_LINES
from oms.core.db import run_atomic
from tests.channels.imports.conftest import WriteFile, look, run
from tests.threads import behind

pytestmark = pytest.mark.django_db

HEADER = "Supplier code,Reference,Node code,SKU code,Quantity,Unit cost,Expected on,Note"
MILL = (
    HEADER, "mill,S-1,DEL,KURTA-M,100,410.50,2026-12-01,First half", "mill,S-2,BOM,KURTA-M,7,,,",
    "mill,S-1,DEL,KURTA-L,50,,,",
)  # fmt: skip


OF_ANOTHER_NODE = "another reference; this reference belongs to an order for another node"


@pytest.fixture(autouse=True)
def supplier(nodes: list[Node], skus: list[Sku]) -> Supplier:
    mill = Supplier.objects.create(code="mill", name="The mill")
    SupplierItem.objects.create(supplier=mill, sku=skus[1], unit_cost_minor=39_900)
    return mill


def lines(reference: str) -> list[tuple[str, int, int]]:
    rows = PurchaseOrder.objects.get(reference=reference).lines.order_by("sku__code")
    return list(rows.values_list("sku__code", "quantity", "unit_cost_minor"))


def test_rows_of_one_reference_are_one_draft_and_the_file_again_changes_nothing(write_file: WriteFile) -> None:
    path = write_file(*MILL)
    inspection = look(path, "purchase_orders")
    assert set(inspection.mapping) == {
        "supplier", "reference", "node", "sku", "quantity", "unit_cost", "expected_on", "note"
    }  # fmt: skip
    check = plan(inspection, inspection.mapping, Options())
    assert (check.create, check.update, check.skip, check.bad_rows, PurchaseOrder.objects.count()) == (2, 0, 0, 0, 0)

    first, again = run(path, "purchase_orders"), run(path, "purchase_orders")

    assert (first.created, first.failed, again.created, again.skipped) == (2, 0, 0, 2)
    order = PurchaseOrder.objects.get(reference="S-1")
    assert (order.state, order.node.code, order.expected_on, order.note, order.created_by) == (
        "draft", "DEL", date(2026, 12, 1), "First half", "tester",
    )  # fmt: skip
    # Without a cost in the file the supplier's price counts.
    assert lines("S-1") == [("KURTA-L", 50, 39_900), ("KURTA-M", 100, 41_050)]
    assert not StockMovement.objects.exists()


def test_a_draft_follows_the_file_and_keeps_what_the_file_does_not_say(write_file: WriteFile) -> None:
    run(write_file(*MILL), "purchase_orders")
    changed = write_file(HEADER, "mill,S-1,DEL,KURTA-M,120,,,", name="next.csv")

    result = run(changed, "purchase_orders")

    assert (result.created, result.updated, result.skipped) == (0, 1, 0)
    order = PurchaseOrder.objects.get(reference="S-1")
    assert (order.expected_on, order.note, order.version) == (date(2026, 12, 1), "First half", 2)
    assert [(code, units) for code, units, _ in lines("S-1")] == [("KURTA-M", 120)]


def test_a_draft_keeps_the_costs_and_days_of_lines_that_the_file_leaves_out(write_file: WriteFile) -> None:
    run(write_file(*MILL), "purchase_orders")
    own = {"unit_cost_minor": 38_000, "expected_on": date(2026, 12, 15)}
    PurchaseOrderLine.objects.filter(order__reference="S-1", sku__code="KURTA-L").update(**own)
    changed = write_file(HEADER, "mill,S-1,DEL,KURTA-M,120,,,", "mill,S-1,DEL,KURTA-L,60,,,", name="next.csv")

    assert run(changed, "purchase_orders").updated == 1

    # The price list says 39900 of the one, and nothing of the other.
    assert lines("S-1") == [("KURTA-L", 60, 38_000), ("KURTA-M", 120, 41_050)]
    days = PurchaseOrderLine.objects.filter(order__reference="S-1").values_list("sku__code", "expected_on")
    assert dict(days) == {"KURTA-L": date(2026, 12, 15), "KURTA-M": None}
    # What the file does say counts: the day of its row, and its cost.
    said = write_file(HEADER, "mill,S-1,DEL,KURTA-M,120,400,,", "mill,S-1,DEL,KURTA-L,60,,2026-12-20,", name="said.csv")
    assert run(said, "purchase_orders").updated == 1
    assert lines("S-1") == [("KURTA-L", 60, 38_000), ("KURTA-M", 120, 40_000)]
    assert PurchaseOrder.objects.get(reference="S-1").expected_on == date(2026, 12, 20)
    assert not PurchaseOrderLine.objects.filter(expected_on__isnull=False).exists()
    assert run(said, "purchase_orders").skipped == 1


def test_a_cost_in_a_currency_that_the_supplier_left_is_not_kept(write_file: WriteFile, supplier: Supplier) -> None:
    run(write_file(*MILL), "purchase_orders")
    Supplier.objects.filter(pk=supplier.pk).update(currency="USD")
    SupplierItem.objects.update(unit_cost_minor=500)

    assert run(write_file(HEADER, "mill,S-1,DEL,KURTA-L,51,,,", name="next.csv"), "purchase_orders").updated == 1

    assert (PurchaseOrder.objects.get(reference="S-1").currency, lines("S-1")) == ("USD", [("KURTA-L", 51, 500)])


def test_what_was_placed_or_cancelled_stands(write_file: WriteFile) -> None:
    run(write_file(*MILL), "purchase_orders")
    first, second = PurchaseOrder.objects.get(reference="S-1"), PurchaseOrder.objects.get(reference="S-2")
    place_purchase_order(order_id=first.pk, actor="Meera")
    cancel_purchase_order(order_id=second.pk, reason="Too dear", actor="Meera")
    cancelled = f"another reference; {second.number} with this reference is cancelled"

    # The same again is nothing new of what was placed; of what was cancelled it would buy nothing, and says so.
    inspection = look(write_file(*MILL, name="again.csv"), "purchase_orders")
    check = plan(inspection, inspection.mapping, Options())
    assert (check.create, check.update, check.skip, check.bad_rows) == (0, 0, 1, 1)
    assert [(group.field, group.expected) for group in check.errors] == [("reference", cancelled)]
    assert run(inspection.path, "purchase_orders").skipped == 1

    other = write_file(HEADER, "mill,S-1,DEL,KURTA-M,1,,,", "mill,S-2,BOM,KURTA-M,8,,,", name="next.csv")
    result = run(other, "purchase_orders")

    assert (result.created, result.updated, result.failed, PurchaseOrder.objects.count()) == (0, 0, 2, 2)
    placed = f"the same as {first.number}, which is placed; change it there, or use another reference"
    assert {group.field for group in result.errors} == {"reference"}
    assert {group.expected for group in result.errors} == {placed, cancelled}


def test_a_reference_of_an_order_for_another_node_is_refused_without_a_word_of_that_order(
    write_file: WriteFile,
) -> None:
    run(write_file(*MILL), "purchase_orders")
    before = PurchaseOrder.objects.get(reference="S-1")
    path = write_file("Supplier code,Reference,SKU code,Quantity", "mill,S-1,KURTA-M,1", name="other.csv")
    inspection = look(path, "purchase_orders")

    check = plan(inspection, inspection.mapping, Options(node="BOM"))
    result = run(path, "purchase_orders", node="BOM")

    assert (check.create, check.update, check.skip, check.bad_rows) == (0, 0, 0, 1)
    assert (result.created, result.updated, result.failed) == (0, 0, 1)
    assert check.errors == result.errors
    [group] = result.errors
    assert (group.field, group.examples, group.expected) == ("reference", ("S-1",), OF_ANOTHER_NODE)
    after = PurchaseOrder.objects.get(reference="S-1")
    assert (after.node.code, after.version, len(lines("S-1"))) == ("DEL", before.version, 2)


def unit(node: str = "DEL", quantity: int = 9) -> Unit:
    """One row of order S-1, as it was read."""
    row = PurchaseRow(2, "KURTA-M", quantity, None, False)
    return Unit(key="mill S-1", rows=(2,), value=PurchaseRecord("mill", "S-1", node, None, None, (row,)))


def written(one: Unit) -> Written:
    """Write it, whatever was verified before."""
    context = Context(options=Options(), actor="tester", fingerprint="f")
    return run_atomic(lambda: PurchaseOrderHandler().write([one], context))


@pytest.mark.parametrize(("fields", "expected"), [
    ([{"node": "BOM"}], OF_ANOTHER_NODE),
    ([{"node": "BOM", "state": "cancelled"}], OF_ANOTHER_NODE),
    ([{}, {"node": "BOM"}], OF_ANOTHER_NODE),
    ([{}, {}], "a reference of one order; PO-0, PO-1 have it"),
    ([{"state": "cancelled"}], "another reference; PO-0 with this reference is cancelled"),
    ([{"state": "placed"}], "the same as PO-0, which is placed; change it there, or use another reference"),
])  # fmt: skip
def test_what_became_of_a_reference_since_it_was_verified_is_refused_when_it_is_written(
    supplier: Supplier, nodes: list[Node], fields: list[dict[str, str]], expected: str
) -> None:
    assert PurchaseOrderHandler().verify([unit()], Options()) == []
    at = {node.code: node for node in nodes}
    for number, one in enumerate(fields):
        PurchaseOrder.objects.create(number=f"PO-{number}", supplier=supplier, node=at[one.get("node", "DEL")],
                                     reference="S-1", state=one.get("state", "draft"))  # fmt: skip

    result = written(unit())

    assert result.counts == Counts()
    assert [(issue.row, issue.field, issue.got, issue.expected) for issue in result.refused] == [
        (2, "reference", "S-1", expected)
    ]  # fmt: skip
    assert PurchaseOrder.objects.count() == len(fields)
    assert not PurchaseOrderLine.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_draft_that_is_placed_while_the_file_is_written_stands() -> None:
    assert written(unit(quantity=4)).counts == Counts(create=1)
    order = PurchaseOrder.objects.get()

    result = behind(lambda: place_purchase_order(order_id=order.pk, actor="Meera"), lambda: written(unit(quantity=9)))

    assert [issue.expected.partition(";")[0] for issue in result.refused] == [
        f"the same as {order.number}, which is placed"
    ]  # fmt: skip
    assert [units for _code, units, _cost in lines("S-1")] == [4]


def test_an_order_with_more_lines_than_one_may_have_is_refused_before_it_is_written(write_file: WriteFile) -> None:
    Sku.objects.bulk_create(Sku(code=f"B-{n}", name="Bead") for n in range(MOST_LINES + 1))
    rows = [f"mill,S-7,DEL,B-{n},1,,," for n in range(MOST_LINES + 1)]
    path = write_file(HEADER, *rows, "mill,S-8,DEL,B-0,1,,,")
    inspection = look(path, "purchase_orders")

    check = plan(inspection, inspection.mapping, Options())
    result = run(path, "purchase_orders")

    assert (check.create, check.bad_rows) == (1, MOST_LINES + 1)
    assert (result.created, result.failed) == (1, MOST_LINES + 1)
    told = {(group.field, group.examples, group.expected, group.count) for group in result.errors}
    expected = "at most 1000 lines in one order; spread them over several references"
    assert ("lines", ("1001 lines",), expected, 1) in told
    few = write_file(HEADER, *rows[:-1], name="few.csv")
    assert run(few, "purchase_orders").created == 1


@pytest.mark.parametrize(("row", "field", "got", "expected"), [
    ("other,S-3,DEL,KURTA-M,1,,,", "supplier", "other", "the code of a supplier"),
    ("closed,S-3,DEL,KURTA-M,1,,,", "supplier", "closed", "a supplier that is bought from; this one is switched off"),
    ("mill,S-3,XYZ,KURTA-M,1,,,", "node", "XYZ", "the code of a node"),
    ("mill,S-3,OWN,KURTA-M,1,,,", "node", "OWN", "a node of yours; this one stands for a supplier's own stock"),
    ("mill,S-3,,KURTA-M,1,,,", "node", "", "a value"),
    ("mill,S-3,DEL,KURTA-X,1,,,", "sku", "KURTA-X", "a SKU of the catalogue"),
    ("mill,S-3,DEL,SET,1,,,", "sku", "SET", "a SKU with stock of its own; of a kit buy the components"),
    ("mill,S-3,DEL,KURTA-M,0,,,", "quantity", "0", "a whole number from 1 to 1000000000"),
    ("mill,S-3,DEL,KURTA-M,two,,,", "quantity", "two", "a whole number from 1"),
    ("mill,S-3,DEL,KURTA-M,1,-4,,", "unit_cost", "-4", "an amount such as 1,23,456.78, not negative"),
    ("mill,S-3,DEL,KURTA-M,1,,05/06/2026,", "expected_on", "05/06/2026",
     "a declared date order: this can be day/month or month/day"),
    ("mill,,DEL,KURTA-M,1,,,", "reference", "", "a value"),
    ("abroad,S-3,DEL,KURTA-M,1,4,,", "unit_cost", "an amount in INR",
     "USD, in which abroad sells: choose that currency for the file"),
])  # fmt: skip
def test_a_row_at_fault_is_named_and_nothing_of_it_is_written(
    write_file: WriteFile, row: str, field: str, got: str, expected: str
) -> None:
    Supplier.objects.create(code="closed", name="Closed", is_active=False)
    Supplier.objects.create(code="abroad", name="Abroad", currency="USD")
    Node.objects.create(code="OWN", name="Own", kind=NodeKind.SUPPLIER, city="Pune", postcode="411001")
    Sku.objects.create(code="SET", name="Set", is_kit=True)

    result = run(write_file(HEADER, "mill,S-9,DEL,KURTA-L,5,,,", row), "purchase_orders")

    assert (result.created, result.failed) == (1, 1)
    [group] = result.errors
    assert (group.field, group.examples, group.rows) == (field, (got or "nothing",), (3,))
    assert group.expected.startswith(expected)
    assert list(PurchaseOrder.objects.values_list("reference", flat=True)) == ["S-9"]


def test_one_row_at_fault_keeps_its_whole_order_out_and_the_rejects_can_be_sent_again(write_file: WriteFile) -> None:
    path = write_file(
        HEADER, "mill,S-1,DEL,KURTA-M,100,,,", "mill,S-1,DEL,KURTA-L,x,,,", "mill,S-2,DEL,KURTA-M,1,,,",
        "mill,S-2,DEL,NOPE,1,,,", "mill,S-3,BOM,KURTA-M,1,,,",
    )  # fmt: skip
    inspection = look(path, "purchase_orders")
    check = plan(inspection, inspection.mapping, Options())
    assert (check.create, check.good_rows, check.bad_rows) == (1, 1, 4)
    rejected = rejected_rows(inspection, inspection.mapping, Options()).decode("utf-8-sig")
    assert rejected.count("mill,S-1,") == rejected.count("mill,S-2,") == 2
    assert "an order whose rows are all right; row 3 is not" in rejected

    result = run(path, "purchase_orders")

    assert (result.created, result.failed) == (1, 4)
    mended = write_file(*rejected.replace(",x,", ",50,").replace("NOPE", "KURTA-L").splitlines(), name="mended.csv")
    assert run(mended, "purchase_orders").created == 2
    assert [(code, units) for code, units, _ in lines("S-1")] == [("KURTA-L", 50), ("KURTA-M", 100)]


def test_rows_of_one_order_must_agree(write_file: WriteFile) -> None:
    result = run(write_file(
        HEADER, "mill,S-1,DEL,KURTA-M,1,,,", "mill,S-1,BOM,KURTA-L,1,,,", "mill,S-2,DEL,KURTA-M,1,,,",
        "mill,S-2,DEL,KURTA-M,2,,,",
    ), "purchase_orders")  # fmt: skip

    assert (result.created, result.failed) == (0, 4)
    told = {(group.field, group.examples, group.expected) for group in result.errors}
    assert ("node", ("BOM",), "DEL as in row 2 of the same order") in told
    assert ("sku", ("KURTA-M",), "each SKU once in an order, with the sum; row 4 has it too") in told


def test_a_node_for_the_whole_file_stands_in_for_the_column(write_file: WriteFile) -> None:
    path = write_file("Vendor,PO number,SKU,Qty", "mill,S-1,KURTA-M,4")
    with pytest.raises(ImportRefused, match="no column with the node"):
        run(path, "purchase_orders")
    with pytest.raises(ImportRefused, match="There is no node XYZ"):
        run(path, "purchase_orders", node="XYZ")

    assert run(path, "purchase_orders", node="BOM").created == 1
    assert PurchaseOrder.objects.get().node.code == "BOM"


def test_a_reference_of_two_orders_is_nobodys(write_file: WriteFile, supplier: Supplier, nodes: list[Node]) -> None:
    for number in ("PO-1", "PO-2"):
        PurchaseOrder.objects.create(number=number, supplier=supplier, node=nodes[0], reference="S-1")

    result = run(write_file(*MILL), "purchase_orders")

    assert (result.created, result.failed) == (1, 2)
    assert result.errors[0].expected == "a reference of one order; PO-1, PO-2 have it"


@pytest.mark.django_db(transaction=True)
def test_a_file_that_dies_half_way_goes_on_without_buying_twice(
    write_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"mill,S-{number},DEL,KURTA-M,{number},,," for number in range(1, 6)]
    path, left = write_file(HEADER, *rows), [draft_purchase_order] * 3
    monkeypatch.setattr(PurchaseOrderHandler, "chunk_size", 2)

    def dies(**fields: Any) -> PurchaseOrder:
        if not left:
            raise RuntimeError("gone")
        return left.pop()(**fields)

    with monkeypatch.context() as broken:
        broken.setattr(purchase_orders, "draft_purchase_order", dies)
        with pytest.raises(RuntimeError):
            run(path, "purchase_orders")
    # The chunk that died left nothing, the one before it stays.
    assert PurchaseOrder.objects.count() == 2

    assert run(path, "purchase_orders").created == 3
    assert sorted(PurchaseOrder.objects.values_list("reference", flat=True)) == [f"S-{n}" for n in range(1, 6)]


def test_the_blank_file_has_every_column() -> None:
    assert template_csv("purchase_orders").decode("utf-8-sig").splitlines() == [HEADER]
