"""Invoices on the screen: the paper of a parcel, the register of a month, what is missing, and the file for finance."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client

from fulfillment.services import cancel_order
from inventory.models import Node
from oms.accounts.models import Role
from oms.core.clock import now
from orders.models import Invoice, Order, TaxRegistration
from tests.carriers.labels.test_codes_are_read import codes, text_of
from tests.dashboard.fulfil.conftest import Show, SignIn
from tests.factories import World, make_line, register_for_tax
from tests.fulfillment.floor import make_work, packed

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_paper_of_a_parcel_is_its_invoice(client: Client, world: World, show: Show) -> None:
    register_for_tax(world.blr)
    shipment = packed(make_work(world, "1", make_line(world.kurta)))
    invoice = Invoice.objects.get()
    assert invoice.number in show(f"/fulfil/parcels/{shipment.pk}/")
    assert "Invoice" in show(f"/orders/{shipment.order.number}/")
    for url in (
        f"/fulfil/parcels/{shipment.pk}/invoice.pdf",
        f"/orders/{shipment.order.number}/invoices/{shipment.pk}/",
    ):
        pdf = client.get(url).content
        assert invoice.number in text_of(pdf)
        assert shipment.order.number in codes(pdf)


def test_a_parcel_says_why_it_has_no_invoice_and_is_invoiced_later(client: Client, world: World, show: Show) -> None:
    shipment = packed(make_work(world, "1", make_line(world.kurta)))
    assert "has no GSTIN" in show(f"/fulfil/parcels/{shipment.pk}/")
    assert client.get(f"/fulfil/parcels/{shipment.pk}/invoice.pdf").status_code == 404
    register_for_tax(world.blr)
    assert "1 parcel that has not left has none" in show("/fulfil/invoices/")
    client.post(f"/fulfil/parcels/{shipment.pk}/invoice/", {"idempotency_key": "a"})
    client.post(f"/fulfil/parcels/{shipment.pk}/invoice/", {"idempotency_key": "b"})
    assert Invoice.objects.count() == 1
    assert "has not left" not in show("/fulfil/invoices/")


def test_all_that_are_missing_are_issued_and_what_cannot_be_is_said(client: Client, world: World, show: Show) -> None:
    first, second = (packed(make_work(world, name, make_line(world.kurta))) for name in "12")
    second.order.ship_region, second.order.ship_postcode = "Atlantis", "999999"
    second.order.save()
    register_for_tax(world.blr)
    Order.objects.filter(pk=first.order_id).update(ship_region="Karnatka")
    page = show("/fulfil/invoices/")
    assert "By PIN code" not in page
    assert "Nobody knows the state of Atlantis 999999." in page
    assert "Nothing: it can be invoiced now." in page
    answer = client.post("/fulfil/invoices/missing/", follow=True).content.decode()
    assert "1 invoice issued. 1 not" in answer
    assert "Atlantis" in answer
    assert Invoice.objects.get().parcel_uid == first.uid
    assert "By PIN code" in show("/fulfil/invoices/")
    assert "taken from the PIN code: the address says Karnatka." in show(f"/fulfil/parcels/{first.pk}/")


def test_the_register_sums_what_counts_and_is_found_by_number_order_and_state(
    client: Client, world: World, show: Show
) -> None:
    assert "No GSTIN is registered" in show("/fulfil/invoices/")
    register_for_tax(world.blr)
    kept = packed(make_work(world, "1", make_line(world.kurta)))
    gone = packed(make_work(world, "2", make_line(world.saree)))
    cancel_order(order_id=gone.order_id, reason="Ordered twice", actor="Asha")
    page = show("/fulfil/invoices/")
    assert "₹999.00" in page
    assert "1 cancelled" in page
    assert gone.order.number not in show("/fulfil/invoices/?state=issued")
    assert kept.order.number not in show(f"/fulfil/invoices/?q={gone.order.number}")
    assert "No invoice of this month answers" in show("/fulfil/invoices/?q=nothing-like-that")
    before = (now() - timedelta(days=40)).strftime("%Y-%m")
    assert kept.order.number not in show(f"/fulfil/invoices/?month={before}")
    assert kept.order.number in show("/fulfil/invoices/?month=2026-13")


def test_the_file_has_a_row_for_each_invoice_and_rate(client: Client, world: World) -> None:
    register_for_tax(world.blr)
    world.saree.tax_rate_bp = 1800
    world.saree.save()
    packed(make_work(world, "1", make_line(world.kurta), make_line(world.saree)))
    response = client.get("/fulfil/invoices.csv")
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Rate %"] for row in rows] == ["5", "18"]
    assert [row["Total"] for row in rows] == ["999.00", "2500.00"]
    assert {row["Place of supply"] for row in rows} == {"29 Karnataka"}


def test_who_sees_one_node_sees_its_invoices_only(client: Client, world: World, sign_in: SignIn, show: Show) -> None:
    register_for_tax(world.blr)
    shipment = packed(make_work(world, "1", make_line(world.kurta)))
    sign_in(Role.WAREHOUSE_LEAD, world.delhi.code)
    assert shipment.order.number not in show("/fulfil/invoices/")
    assert client.get(f"/fulfil/parcels/{shipment.pk}/invoice.pdf").status_code == 404
    sign_in(Role.PACKER, world.blr.code)
    assert shipment.order.number in show("/fulfil/invoices/")


def test_an_admin_cannot_register_what_is_no_gstin(admin_client: Client) -> None:
    url = "/admin/orders/taxregistration/add/"
    fields = {"gstin": "29AAGCB7383J1Z5", "legal_name": "Kaveri", "line1": "4 Layout", "city": "Bengaluru",
              "postcode": "560037", "invoice_prefix": "KARNATAKA", "bill_prefix": "KB"}  # fmt: skip
    page = admin_client.post(url, fields).content.decode()
    assert "Is there a slip in it?" in page
    admin_client.post(url, fields | {"gstin": "29AAGCB7383J1Z4", "invoice_prefix": "KA"})
    assert TaxRegistration.objects.get().state_code == "29"
    assert Node.objects.filter(gstin="29AAGCB7383J1Z4").count() == 0
