"""The screens of purchase orders, of receiving, of receipts and of suppliers."""

from __future__ import annotations

import re
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import (
    InboundShipment,
    PurchaseOrder,
    PurchaseOrderLine,
    Receipt,
    Supplier,
    SupplierItem,
    Tracking,
)
from inventory.services import (
    AnnouncedLine,
    ReceiptItem,
    Source,
    announce_shipment,
    receive_goods,
    set_safety_stock,
)
from oms.accounts.models import User
from oms.dashboard.inventory.purchase_forms import minor_of
from oms.dashboard.inventory.sku_labels import sku_label_pdf
from orders.models import Order
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_sku, make_world, stock
from tests.inventory.purchases import buckets, line_of, make_draft, make_placed, make_supplier, state_of

pytestmark = pytest.mark.django_db
LIST = "/inventory/purchase-orders/"


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def supplier() -> Supplier:
    return make_supplier()


def signed_in(role: str = "ops_manager", **fields: object) -> Client:
    scope: dict[str, object] = {"all_nodes": True, "all_channels": True}
    user = User.objects.create_user(f"{role}{uuid4().hex[:6]}@example.com", name="Meera", role=role,
                                    **(scope | fields))  # type: ignore[arg-type]  # fmt: skip
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(order: PurchaseOrder, tail: str = "") -> str:
    return f"{LIST}{order.pk}/{tail}"


def read(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status, url
    return " ".join(unescape(response.content.decode()).split())


def test_the_list_shows_each_part_and_filters_it(world: World, supplier: Supplier) -> None:
    client, other = signed_in(), make_supplier("mill")
    assert "Nothing was bought yet" in read(client, LIST)
    draft = make_draft(supplier, world.blr, (world.kurta, 5))
    placed = make_placed(other, world.delhi, (world.saree, 7))
    late = make_placed(supplier, world.blr, (world.shoe, 9))
    PurchaseOrder.objects.filter(pk=late.pk).update(expected_on=timezone.localdate().replace(year=2020))

    def shown(query: str) -> set[str]:
        body = read(client, f"{LIST}{query}")
        return {order.number for order in (draft, placed, late) if order.number in body}

    assert shown("") == {draft.number, placed.number, late.number}
    assert shown("?show=late") == {late.number}
    assert shown("?show=draft") == {draft.number}
    assert shown("?show=all&supplier=mill") == {placed.number}
    assert shown("?node=blr-01") == {draft.number, late.number}
    assert shown("?q=saree-1") == {placed.number}
    assert shown(f"?q={late.number}") == {late.number}
    assert "No purchase order matches" in read(client, f"{LIST}?show=closed")
    csv = b"".join(client.get(f"{LIST}export.csv?show=late").streaming_content).decode()  # type: ignore[attr-defined]
    assert f"{late.number},The weaver,blr-01,Placed,2020" in csv
    assert draft.number not in csv


def test_the_list_pages_by_key_and_asks_as_often_for_more_rows(world: World, supplier: Supplier) -> None:
    client = signed_in()

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            read(client, LIST)
        return len(queries)

    make_placed(supplier, world.blr, (world.kurta, 1))
    few = statements()
    for _ in range(54):
        make_draft(supplier, world.blr, (world.kurta, 1))
    assert statements() == few
    body = read(client, LIST)
    assert "before=" in body
    last = PurchaseOrder.objects.order_by("-pk")[49]
    second = read(client, f"{LIST}?before={last.pk}")
    assert PurchaseOrder.objects.order_by("pk").first().number in second  # type: ignore[union-attr]
    assert last.number not in second


def test_an_order_is_drafted_from_pasted_lines_and_the_suppliers_items(world: World, supplier: Supplier) -> None:
    SupplierItem.objects.create(supplier=supplier, sku=world.saree, unit_cost_minor=120_000, pack_size=6)
    client = signed_in()
    body = read(client, f"{LIST}new/")
    assert "Choose a supplier" in body
    url = f"{LIST}new/?supplier=weaver&node=blr-01"
    assert "What this supplier sells" in read(client, url)
    form = {
        "lines": "KURTA-M 12 @ 415.50\nshoe-42\t3\t1,200\n", f"item-{world.saree.pk}": "6", "op_key": str(uuid4()),
        "idempotency_key": str(uuid4()), "reference": "Q-9",
    }  # fmt: skip

    first, second = client.post(url, form), client.post(url, form)

    order = PurchaseOrder.objects.get()
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"] == page(order)
    lines = order.lines.order_by("pk").values_list("sku__code", "quantity", "unit_cost_minor")
    assert list(lines) == [("KURTA-M", 12, 41_550), ("SHOE-42", 3, 120_000), ("SAREE-1", 6, 120_000)]
    assert (order.reference, order.created_by) == ("Q-9", "Meera")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("NOPE 3", "Not in the catalogue: NOPE"), ("KURTA-M 0", "Line 1: the quantity must be"),
        ("KURTA-M\tmany", "Line 1: many is not a quantity"), ("KURTA-M 2 @ 1.2.3", "Line 1: 1.2.3 is not an amount"),
        ("KURTA-M 2 @ 4\nKURTA-M 2 @ 5", "Line 2: KURTA-M stands above at another cost"), ("", "at least one item"),
    ],
)  # fmt: skip
def test_lines_that_cannot_be_read_are_named(world: World, supplier: Supplier, lines: str, words: str) -> None:
    response = signed_in().post(f"{LIST}new/?supplier=weaver&node=blr-01", {"lines": lines, "op_key": str(uuid4())})

    assert response.status_code == 422
    assert words in unescape(response.content.decode())
    assert not PurchaseOrder.objects.exists()


def test_a_draft_is_changed_and_a_stale_page_is_told(world: World, supplier: Supplier) -> None:
    client, order = signed_in(), make_draft(supplier, world.blr, (world.kurta, 5))
    assert "KURTA-M 5 @ 400.00" in read(client, page(order, "edit/"))
    form = {"lines": "KURTA-M 8", "version": "1", "op_key": str(uuid4())}

    assert client.post(page(order, "edit/"), form).status_code == 302
    stale = client.post(page(order, "edit/"), form | {"lines": "KURTA-M 9"})

    assert stale.status_code == 409
    assert "you saw version 1" in stale.content.decode()
    assert order.lines.get().quantity == 8


def test_placing_is_shown_first_and_done_once(world: World, supplier: Supplier) -> None:
    client, order = signed_in(), make_draft(supplier, world.blr, (world.kurta, 5), (world.saree, 7))
    body = read(client, page(order, "place/"))
    assert "Inbound at blr-01" in body
    assert "+12" in body
    form = {"version": "1", "idempotency_key": str(uuid4())}

    for _ in range(2):
        assert client.post(page(order, "place/"), form).status_code in (302, 409)

    assert state_of(order) == "placed"
    assert buckets(world.kurta, world.blr) == (10, 0, 5)
    assert client.post(page(order, "place/"), form | {"idempotency_key": str(uuid4())}).status_code == 409


def test_an_order_is_cancelled_or_closed_with_its_reason(world: World, supplier: Supplier) -> None:
    client = signed_in()
    first, second = (make_placed(supplier, world.blr, (world.kurta, 5)) for _ in range(2))
    assert "Waiting orders lose the dates" in read(client, page(first, "cancel/"))

    client.post(page(first, "cancel/"), {"version": "2", "reason": "Too dear"})
    client.post(page(second, "close/"), {"version": "2", "reason": "Out of cloth"})

    assert (state_of(first), state_of(second)) == ("cancelled", "closed")
    body = read(client, page(second))
    assert "Out of cloth" in body
    assert "Receive</a>" not in body
    assert "this is not possible" in read(client, page(second, "cancel/"), 409)


def test_a_new_date_is_noted(world: World, supplier: Supplier) -> None:
    client, order = signed_in(), make_placed(supplier, world.blr, (world.kurta, 5))

    client.post(page(order, "date/"), {"version": "2", "expected_on": "2027-01-15", "reference": "SO-9"})

    order.refresh_from_db()
    assert (str(order.expected_on), order.reference) == ("2027-01-15", "SO-9")
    assert client.post(page(order, "date/"), {"version": "3", "expected_on": "soon"}).status_code == 422


# -- receiving ---------------------------------------------------------------------------------------------------------


def count(order: PurchaseOrder, **texts: str) -> dict[str, str]:
    """The fields of the receive page, each for the first row of the order's only line."""
    line = PurchaseOrderLine.objects.get(order=order)
    return {f"{name}-{line.pk}-0": text for name, text in texts.items()} | {"op_key": str(uuid4())}


def test_goods_are_counted_shown_and_received_once(world: World, supplier: Supplier) -> None:
    client, order = signed_in("warehouse_lead"), make_placed(supplier, world.blr, (world.kurta, 100))
    body = read(client, page(order, "receive/"))
    assert "data-scan-page" in body
    assert f'data-codes="KURTA-M 890{world.kurta.pk:010d}"' in body
    form = count(order, good="60", damaged="5") | {"reference": "DN-1"}

    preview = client.post(page(order, "receive/"), form)
    assert "60 x KURTA-M, ATP at blr-01" in preview.content.decode()
    assert not Receipt.objects.exists()
    for _ in range(2):
        assert client.post(page(order, "receive/"), form | {"confirmed": "1"}).status_code == 302

    assert line_of(order, world.kurta) == (35, 60, 5, 0, 0)
    assert Receipt.objects.get().reference == "DN-1"
    assert "DN-1" in read(client, page(order))


def test_surplus_asks_to_be_accepted(world: World, supplier: Supplier) -> None:
    client, order = signed_in(), make_placed(supplier, world.blr, (world.kurta, 100))
    form = count(order, good="120") | {"confirmed": "1"}

    refused = client.post(page(order, "receive/"), form)

    assert refused.status_code == 422
    assert 'name="accept_over"' in refused.content.decode()
    assert client.post(page(order, "receive/"), form | {"accept_over": "1"}).status_code == 302
    assert line_of(order, world.kurta) == (0, 100, 0, 0, 20)


@pytest.mark.parametrize(
    ("texts", "words"),
    [({"good": "x"}, "KURTA-M: x good units"), ({}, "Count at least one unit"), ({"good": "-1"}, "KURTA-M: -1 good")],
)
def test_a_count_that_cannot_be_read_is_named(
    world: World, supplier: Supplier, texts: dict[str, str], words: str
) -> None:
    client, order = signed_in(), make_placed(supplier, world.blr, (world.kurta, 100))

    response = client.post(page(order, "receive/"), count(order, **texts))

    assert response.status_code == 422
    assert words in response.content.decode()


def test_lots_and_serial_numbers_are_typed_or_scanned(world: World, supplier: Supplier) -> None:
    client = signed_in()
    cream, phone = make_sku("CREAM", tracking=Tracking.LOT), make_sku("PHONE", tracking=Tracking.SERIAL)
    first, second = (make_placed(supplier, world.blr, (sku, 3)) for sku in (cream, phone))

    client.post(page(first, "receive/"), count(first, good="3", lot="L1", expires="2099-01-31") | {"confirmed": "1"})
    client.post(page(second, "receive/"), count(second, serials="A\nB", damaged_serials="C") | {"confirmed": "1"})

    assert (line_of(first, cream), line_of(second, phone)) == ((0, 3, 0, 0, 0), (0, 2, 1, 0, 0))
    body = read(client, f"/inventory/receipts/{Receipt.objects.latest('pk').pk}/")
    assert "A, B" in body
    mixed = make_placed(supplier, world.blr, (phone, 2))
    wrong = client.post(page(mixed, "receive/"), count(mixed, serials="D\nkurta-m"))
    assert "kurta-m is the code of KURTA-M, not a serial number" in wrong.content.decode()
    bad = count(make_placed(supplier, world.blr, (cream, 1)), good="1", lot="L1", expires="31 Jan")
    refused = client.post(page(PurchaseOrder.objects.latest("pk"), "receive/"), bad)
    assert "CREAM: 31 Jan is no day" in refused.content.decode()


def test_an_asn_is_announced_arrives_and_is_received(world: World, supplier: Supplier) -> None:
    client, order = signed_in(), make_placed(supplier, world.blr, (world.kurta, 100))
    assert "KURTA-M 100" in read(client, page(order, "announce/"))
    client.post(page(order, "announce/"), {"lines": "KURTA-M 40", "number": "ASN-7", "op_key": str(uuid4())})
    shipment = InboundShipment.objects.get()
    too_many = client.post(page(order, "announce/"), {"lines": "KURTA-M 61", "op_key": str(uuid4())})
    assert too_many.status_code == 422
    assert "61 announced, but 60 are open" in too_many.content.decode()

    client.post(f"/inventory/asns/{shipment.pk}/arrive/")
    assert "Arrived" in read(client, page(order))
    form = count(order, good="38") | {"asn": str(shipment.pk), "finish": "1", "confirmed": "1"}
    client.post(page(order, "receive/"), form)

    shipment.refresh_from_db()
    assert (shipment.state, shipment.lines.get().received_quantity) == ("received", 38)
    assert client.get(page(order, f"receive/?asn={shipment.pk}")).status_code == 404


def test_an_asn_that_will_not_come_gives_its_units_back(world: World, supplier: Supplier) -> None:
    client, order = signed_in(), make_placed(supplier, world.blr, (world.kurta, 100))
    shipment = announce_shipment(
        order_id=order.pk, lines=[AnnouncedLine(sku_id=world.kurta.pk, quantity=40)], actor="x"
    )  # fmt: skip

    client.post(f"/inventory/asns/{shipment.pk}/cancel/")

    shipment.refresh_from_db()
    assert shipment.state == "cancelled"


def test_labels_are_a_page_each(world: World) -> None:
    response = signed_in().get(f"/inventory/{world.kurta.pk}/label.pdf?copies=3&lot=L1&expires=2099-01-31")

    assert response["Content-Type"] == "application/pdf"
    assert response.content.count(b"/Type /Page\n") == 3
    assert sku_label_pdf(make_sku("गुलाब"), copies=1, moment=timezone.now()).startswith(b"%PDF")


# -- receipts ----------------------------------------------------------------------------------------------------------


def test_a_receipt_is_found_shown_and_taken_back(world: World, supplier: Supplier) -> None:
    client, order = signed_in(), make_placed(supplier, world.blr, (world.kurta, 100))
    receipt = receive_goods(
        node_id=world.blr.pk, items=[ReceiptItem(sku_id=world.kurta.pk, good=60)], op_key="a", actor="Ravi",
        reference="DN-77", source=Source(order_id=order.pk),
    ).receipt  # fmt: skip
    url = f"/inventory/receipts/{receipt.pk}/"
    assert "DN-77" in read(client, "/inventory/receipts/?q=dn-7")
    assert "No receipt matches" in read(client, "/inventory/receipts/?node=del-01")
    assert "expected again on" in read(client, url + "reverse/")

    done = client.post(url + "reverse/", {"reason": "Wrong truck", "idempotency_key": str(uuid4())})

    assert done.status_code == 302
    assert line_of(order, world.kurta) == (100, 0, 0, 0, 0)
    assert "Taken back" in read(client, url)
    assert client.get(url + "reverse/").status_code == 409
    assert "Takes back" in read(client, "/inventory/receipts/")


def test_a_receipt_whose_units_are_promised_says_so(world: World) -> None:
    client = signed_in()
    stock(world.kurta, world.blr, 0)
    stock(world.kurta, world.delhi, 0)
    receipt = receive_goods(
        node_id=world.blr.pk, items=[ReceiptItem(sku_id=world.kurta.pk, good=4)], op_key="a", actor="Ravi"
    ).receipt
    route_orders([capture(world, make_order("A", make_line(world.kurta, 3)))], trigger="captured")
    url = f"/inventory/receipts/{receipt.pk}/reverse/"
    assert "Only 1 of these are free: 3 are reserved" in read(client, url)

    refused = client.post(url, {"reason": "x"})

    assert refused.status_code == 409
    assert "only 1 are free now" in refused.content.decode()


def test_receipts_cost_no_more_statements_for_more_rows(world: World) -> None:
    client = signed_in()

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            read(client, "/inventory/receipts/")
        return len(queries)

    def some(start: int, number: int) -> None:
        for one in range(start, start + number):
            receive_goods(
                node_id=world.blr.pk, items=[ReceiptItem(sku_id=world.kurta.pk, good=1)], op_key=f"r{one}", actor="x"
            )

    some(0, 3)
    few = statements()
    some(3, 6)
    assert statements() == few


# -- suppliers ---------------------------------------------------------------------------------------------------------


def test_a_supplier_is_made_changed_and_sells_something(world: World) -> None:
    client = signed_in()
    assert "No supplier yet" in read(client, "/inventory/suppliers/")
    form = {"code": "mill", "name": "The Mill", "currency": "INR", "lead_days": "9", "is_active": "on"}
    assert client.post("/inventory/suppliers/new/", form)["Location"] == "/inventory/suppliers/mill/"
    assert client.post("/inventory/suppliers/new/", form).status_code == 422
    client.post("/inventory/suppliers/mill/", form | {"lead_days": "12"})
    assert Supplier.objects.get().lead_days == 12

    item = {"sku": "kurta-m", "cost": "415.50", "pack_size": "12", "least_order": "24", "is_preferred": "on"}
    client.post("/inventory/suppliers/mill/items/", item)

    row = SupplierItem.objects.get()
    assert (row.sku, row.unit_cost_minor, row.pack_size, row.is_preferred) == (world.kurta, 41_550, 12, True)
    bad = client.post("/inventory/suppliers/mill/items/", item | {"sku": "NOPE", "cost": "x"})
    assert bad.status_code == 422
    assert "NOPE is not in the catalogue" in bad.content.decode()
    assert "The Mill" in read(client, "/inventory/suppliers/?q=kurta-m")
    client.post(f"/inventory/suppliers/mill/items/{world.kurta.pk}/remove/")
    assert not SupplierItem.objects.exists()


# -- who may -----------------------------------------------------------------------------------------------------------


def test_who_may_not_buy_looks_only(world: World, supplier: Supplier) -> None:
    client, order = signed_in("ops_agent"), make_draft(supplier, world.blr, (world.kurta, 5))

    body = read(client, page(order))

    assert "Place the order" not in body
    for url in (page(order, "place/"), page(order, "edit/"), f"{LIST}new/", page(order, "receive/"),
                "/inventory/suppliers/new/"):  # fmt: skip
        assert client.get(url).status_code == 403, url
    assert client.post("/inventory/suppliers/weaver/", {"name": "x"}).status_code == 403


def test_an_order_for_another_node_looks_as_if_it_did_not_exist(world: World, supplier: Supplier) -> None:
    order = make_placed(supplier, world.blr, (world.kurta, 5))
    client = signed_in("store_manager", all_nodes=False, node_codes=["blr-s1"])

    for tail in ("", "receive/", "announce/"):
        assert client.get(page(order, tail)).status_code == 404
    assert order.number not in read(client, LIST)
    assert order.number not in read(client, f"/inventory/{world.kurta.pk}/")


# -- what is on its way ------------------------------------------------------------------------------------------------


def test_the_sku_page_and_the_order_say_what_is_expected_and_for_whom(world: World, supplier: Supplier) -> None:
    for node in (world.blr, world.delhi):
        stock(world.kurta, node, 0)
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=0)
    order_id = capture(world, make_order("A", make_line(world.kurta, 9)))
    route_orders([order_id], trigger="captured")
    purchase = make_placed(supplier, world.blr, (world.kurta, 14))
    PurchaseOrder.objects.filter(pk=purchase.pk).update(expected_on="2026-12-03")
    client = signed_in()

    body = read(client, f"/inventory/{world.kurta.pk}/")

    assert "On its way" in body
    assert "3 Dec 2026" in body
    row = body[body.index("sku-expected") :]
    assert '<td class="num">14</td> <td class="num">9</td> <td class="num">5</td>' in row
    assert "9 expected on 3 Dec" in read(client, f"/orders/{Order.objects.get(pk=order_id).number}/")


@pytest.mark.parametrize(("text", "minor"), [("1,249.50", 124_950), ("7", 700), ("0", 0)])
def test_amounts_are_read_as_people_write_them(text: str, minor: int) -> None:
    assert minor_of(text, "INR") == minor


@pytest.mark.parametrize("text", ["", "x", "-1", "1.234", "1e99", "NaN"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        minor_of(text, "INR")
