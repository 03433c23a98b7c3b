"""Invoices of parcels: numbered without a gap, cancelled with their parcel, together what the order costs."""

from __future__ import annotations

import contextlib

import pytest
from django.db import DatabaseError, transaction

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import (
    ParcelPlan,
    accept,
    cancel_order,
    cash_of_parcel,
    invoice_parcel,
    pack,
    pack_many,
    pick_all,
    why_not_invoiced,
)
from oms.core.errors import Conflict
from oms.core.values import Address
from orders.canonical import CanonicalPayment
from orders.errors import CannotInvoice
from orders.gst.numbers import financial_year
from orders.models import Invoice, InvoiceLine, InvoiceSeries, InvoiceState, Order, OrderEvent, TaxRegistration
from orders.services import cancel_invoices
from tests.factories import ASHA, World, make_line, make_world, register_for_tax
from tests.fulfillment.floor import make_work, packed, picked
from tests.threads import at_once, behind

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    found = make_world()
    register_for_tax(found.blr)
    return found


def test_a_parcel_is_invoiced_when_it_is_packed(world: World) -> None:
    shipment = packed(make_work(world, "1", make_line(world.kurta, 2)))
    invoice = Invoice.objects.get(parcel_uid=shipment.uid)
    assert (invoice.number[:3], invoice.number[-6:]) == ("KA/", "/00001")
    assert (invoice.place_of_supply, invoice.between_states) == ("29", False)
    assert not invoice.place_from_postcode
    assert invoice.total_minor == Order.objects.get().total_minor == 199_800
    assert (invoice.taxable_minor, invoice.cgst_minor, invoice.sgst_minor) == (190_286, 4_757, 4_757)
    assert invoice.party("seller").name == "Kaveri Retail Private Limited"
    [line] = invoice.lines.all()
    assert (line.hsn, line.quantity, line.rate_bp, line.gross_minor) == ("6204", 2, 500, 199_800)
    assert OrderEvent.objects.filter(kind="invoiced", message__contains=invoice.number).count() == 1


@pytest.mark.parametrize(
    ("ship_to", "buyer", "place", "between"),
    [
        ({"region": "Karnataka"}, "", "29", False),
        ({"region": "KA"}, "", "29", False),
        ({"region": "Maharashtra", "postcode": "400001"}, "", "27", True),
        ({"region": "", "postcode": "400001"}, "", "27", True),
        # Enclaves, whose PIN codes begin as those of the state around them.
        ({"region": "Daman & Diu", "postcode": "396210"}, "", "26", True),
        ({"region": "", "postcode": "362520"}, "", "26", True),
        ({"region": "", "postcode": "533464"}, "", "34", True),
        # For a buyer who is registered elsewhere the sale is there, wherever the goods go.
        ({"region": "Karnataka"}, "07AAGCB7383J1ZA", "07", True),
    ],
)
def test_where_the_sale_takes_place(
    world: World, ship_to: dict[str, str], buyer: str, place: str, between: bool
) -> None:
    address = Address(**{**ASHA.as_json(), **ship_to})
    fields = {"buyer_gstin": buyer, "is_b2b": bool(buyer)}
    shipment = packed(make_work(world, "1", make_line(world.kurta), ship_to=address, **fields))
    if shipment.node_id != world.blr.pk:
        shipment = Shipment.objects.get(pk=shipment.pk)
        shipment.node.gstin = world.blr.gstin
        shipment.node.save()
        invoice_parcel(shipment_id=shipment.pk, actor="Asha")
    invoice = Invoice.objects.get()
    assert (invoice.place_of_supply, invoice.between_states) == (place, between)
    assert (invoice.igst_minor > 0, invoice.cgst_minor > 0) == (between, not between)


@pytest.mark.parametrize(
    ("region", "postcode", "place"),
    [
        ("Karnatka", "560001", "29"),  # a slip: the directory knows the very PIN code
        ("", "605001", "34"),
    ],
)
def test_a_state_that_nobody_wrote_is_taken_from_a_known_pin_code_and_said(
    world: World, region: str, postcode: str, place: str
) -> None:
    address = Address(**{**ASHA.as_json(), "region": region, "postcode": postcode})
    packed(make_work(world, "1", make_line(world.kurta), ship_to=address))
    invoice = Invoice.objects.get()
    assert (invoice.place_of_supply, invoice.place_from_postcode) == (place, True)
    said = OrderEvent.objects.get(kind="invoiced").message
    assert said.endswith(f"Its state, {invoice.place}, was taken from the PIN code.")


def test_a_parcel_that_is_cancelled_while_it_is_invoiced_keeps_no_invoice(world: World) -> None:
    gstin, world.blr.gstin = world.blr.gstin, ""
    world.blr.save()
    shipment = packed(make_work(world, "1", make_line(world.kurta)))
    world.blr.gstin = gstin
    world.blr.save()

    def invoice() -> None:
        with contextlib.suppress(Conflict):
            invoice_parcel(shipment_id=shipment.pk, actor="Asha")

    behind(lambda: cancel_order(order_id=shipment.order_id, reason="No", actor="Ravi"), invoice)

    assert not Invoice.objects.filter(state=InvoiceState.ISSUED).exists()


def test_an_order_that_is_given_away_is_invoiced_at_nothing(world: World) -> None:
    free = 99_900 + 5_000
    packed(make_work(world, "1", make_line(world.kurta), shipping_minor=5_000, order_discount_minor=free,
                     payment=CanonicalPayment(method="prepaid", state="paid", amount_minor=0)))  # fmt: skip
    invoice = Invoice.objects.get()
    assert (Order.objects.get().total_minor, invoice.total_minor, invoice.cgst_minor) == (0, 0, 0)


def test_parcels_of_an_order_add_up_to_it_to_the_paisa(world: World) -> None:
    line = make_line(world.kurta, 3)
    total = 3 * 99_900 + 4_999 + 2_500 - 10_001
    work = picked(make_work(
        world, "1", line, make_line(world.saree), shipping_minor=4_999, cod_fee_minor=2_500,
        order_discount_minor=10_001,
        payment=CanonicalPayment(method="cod", state="pending", amount_minor=total + 250_000),
    ))  # fmt: skip
    kurta, saree = work.lines.order_by("pk")
    plans = [ParcelPlan(items={kurta.pk: 1}), ParcelPlan(items={kurta.pk: 2, saree.pk: 1})]
    pack(fulfillment_order_id=work.pk, actor="Asha", parcels=plans)
    first, second = Invoice.objects.order_by("pk")
    order = Order.objects.get()
    assert first.total_minor + second.total_minor == order.total_minor
    assert [row.kind for row in first.lines.all()] == ["goods", "shipping", "cod"]
    assert [row.kind for row in second.lines.all()] == ["goods", "goods"]
    assert sum(row.order_discount_minor for row in InvoiceLine.objects.all()) == 10_001
    # Both carry what the carrier collects with them.
    for invoice, shipment in zip((first, second), Shipment.objects.order_by("pk"), strict=True):
        assert shipment.uid == invoice.parcel_uid
        shipment.cod_minor = cash_of_parcel(shipment)
        shipment.save()
        assert shipment.cod_minor == invoice.total_minor


@pytest.mark.parametrize("first_leaves", [False, True])
def test_a_parcel_that_is_booked_first_collects_what_its_own_invoice_says(world: World, first_leaves: bool) -> None:
    total = 2 * 99_900 + 4_999 + 2_500
    work = picked(make_work(
        world, "1", make_line(world.kurta, 2), shipping_minor=4_999, cod_fee_minor=2_500,
        payment=CanonicalPayment(method="cod", state="pending", amount_minor=total),
    ))  # fmt: skip
    [line] = work.lines.all()
    pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[ParcelPlan(items={line.pk: 1})] * 2)
    first, second = Shipment.objects.order_by("pk")
    if first_leaves:
        # Without the invoice that bears the charges nobody else would ask for them.
        cancel_invoices(parcel_uids=[first.uid], reason="Opened", actor="Asha")
    collected = []
    for shipment in (second, first):
        shipment.cod_minor = cash_of_parcel(shipment)
        shipment.save()
        collected.append(shipment.cod_minor)
    assert collected == ([107_399, 99_900] if first_leaves else [99_900, 107_399])


def test_a_cancelled_parcel_cancels_its_invoice_and_the_number_stays_taken(world: World) -> None:
    shipment = packed(make_work(world, "1", make_line(world.kurta)))
    cancel_order(order_id=shipment.order_id, reason="Ordered twice", actor="Ravi")
    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.cancel_reason, invoice.cancelled_by) == ("cancelled", "Ordered twice", "Ravi")
    other = packed(make_work(world, "2", make_line(world.kurta)))
    assert Invoice.objects.get(parcel_uid=other.uid).number.endswith("/00002")
    with pytest.raises(Exception, match="opened again"):
        invoice_parcel(shipment_id=shipment.pk, actor="Asha")


def test_what_a_cancelled_invoice_had_goes_to_the_next(world: World) -> None:
    work = picked(make_work(world, "1", make_line(world.kurta, 2), shipping_minor=5_000, total_minor=204_800))
    [line] = work.lines.all()
    plans = [ParcelPlan(items={line.pk: 1}), ParcelPlan(items={line.pk: 1})]
    first, _second = pack(fulfillment_order_id=work.pk, actor="Asha", parcels=plans)
    assert len(cancel_invoices(parcel_uids=[first.uid], reason="Opened", actor="Asha")) == 1
    assert cancel_invoices(parcel_uids=[first.uid], reason="Opened", actor="Asha") == []
    replaced = Shipment.objects.create(order=first.order, fulfillment_order=work, node=first.node)
    replaced.items.create(line=line, quantity=1)
    invoice_parcel(shipment_id=replaced.pk, actor="Asha")
    live = Invoice.objects.filter(state=InvoiceState.ISSUED)
    assert sum(row.total_minor for row in live) == 204_800


def test_numbers_have_no_gap_however_many_pack_at_once_and_fail(world: World) -> None:
    works = [picked(make_work(world, str(n), make_line(world.kurta))) for n in range(8)]

    def close(work: FulfillmentOrder, fails: bool) -> None:
        try:
            with transaction.atomic():
                pack(fulfillment_order_id=work.pk, actor="Asha")
                if fails:
                    raise InterruptedError
        except InterruptedError:
            pass

    at_once([lambda work=work, n=n: close(work, n % 3 == 0) for n, work in enumerate(works)])  # type: ignore[misc]
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert [number[-5:] for number in numbers] == [f"{n:05d}" for n in range(1, 6)]


def test_a_parcel_is_invoiced_once(world: World) -> None:
    shipment = packed(make_work(world, "1", make_line(world.kurta)))
    made = at_once([lambda: invoice_parcel(shipment_id=shipment.pk, actor="Asha").pk for _ in range(4)])
    assert len(set(made)) == Invoice.objects.count() == 1


def test_many_are_invoiced_in_the_statements_of_one(world: World) -> None:
    works = []
    for number in range(6):
        work = make_work(world, str(number), make_line(world.kurta))
        accept(fulfillment_order_ids=[work.pk], actor="Asha")
        works.append(pick_all(fulfillment_order_id=work.pk, actor="Asha"))
    shipments = pack_many(fulfillment_order_ids=[work.pk for work in works], actor="Asha")
    numbers = [Invoice.objects.get(parcel_uid=shipment.uid).number[-5:] for shipment in shipments]
    assert numbers == [f"{n:05d}" for n in range(1, 7)]


def test_packing_goes_on_where_nothing_can_be_invoiced(world: World) -> None:
    TaxRegistration.objects.all().delete()
    shipment = packed(make_work(world, "1", make_line(world.kurta)))
    assert not Invoice.objects.exists()
    assert "is not registered here" in why_not_invoiced(shipment)
    with pytest.raises(CannotInvoice, match="is not registered here"):
        invoice_parcel(shipment_id=shipment.pk, actor="Asha")
    register_for_tax(world.blr)
    assert invoice_parcel(shipment_id=shipment.pk, actor="Asha").number.endswith("00001")


def test_a_full_series_stops_no_packing_and_leaves_no_gap(world: World) -> None:
    seller = TaxRegistration.objects.get()
    TaxRegistration.objects.update(invoice_prefix="KAKA")
    year = financial_year(world.blr.today())
    InvoiceSeries.objects.create(registration=seller, financial_year=year, prefix="KAKA", last_number=99_998)
    world.saree.tax_rate_bp = 0
    world.saree.save()
    skus = (world.kurta, world.kurta, world.saree)
    works = [picked(make_work(world, str(number), make_line(sku))) for number, sku in enumerate(skus)]
    first, second, bill = pack_many(fulfillment_order_ids=[work.pk for work in works], actor="Asha")

    numbers = {row.parcel_uid: row.number for row in Invoice.objects.all()}
    assert [numbers.get(row.uid, "")[-6:] for row in (first, second, bill)] == ["/99999", "", "/00001"]
    assert "/100000 has more than 16 signs: choose a shorter prefix. An admin" in why_not_invoiced(second)
    with pytest.raises(CannotInvoice, match="shorter prefix"):
        invoice_parcel(shipment_id=second.pk, actor="Asha")
    TaxRegistration.objects.update(invoice_prefix="KA")
    assert invoice_parcel(shipment_id=second.pk, actor="Asha").number.endswith("/00001")


def test_an_address_in_no_known_state_waits_for_a_person(world: World) -> None:
    shipment = packed(make_work(world, "1", make_line(world.kurta)))
    shipment.order.ship_region, shipment.order.ship_postcode = "Atlantis", "999999"
    assert "Atlantis" in why_not_invoiced(shipment)
    # No such PIN code is known, and its first digits are no proof.
    shipment.order.ship_region, shipment.order.ship_postcode = "", "560999"
    wanted = f"Nobody knows the state of the address 560999. Write it into the address of {shipment.order.number}."
    assert why_not_invoiced(shipment) == wanted


def test_goods_without_tax_are_on_a_bill_of_supply_of_its_own_series(world: World) -> None:
    world.kurta.tax_rate_bp = 0
    world.kurta.save()
    packed(make_work(world, "1", make_line(world.kurta)))
    packed(make_work(world, "2", make_line(world.saree)))
    bill, invoice = Invoice.objects.order_by("pk")
    assert (bill.kind, bill.number[:3], bill.number[-5:]) == ("bill_of_supply", "KAB", "00001")
    assert (invoice.kind, invoice.number[:3], invoice.number[-5:]) == ("invoice", "KA/", "00001")


@pytest.mark.parametrize(
    "change",
    [
        lambda invoice: Invoice.objects.filter(pk=invoice.pk).update(total_minor=1, taxable_minor=1, cgst_minor=0,
                                                                     sgst_minor=0),
        lambda invoice: Invoice.objects.filter(pk=invoice.pk).update(number="KA/26-27/00099"),
        lambda invoice: InvoiceLine.objects.filter(invoice=invoice).update(name="Something else"),
        lambda invoice: InvoiceLine.objects.filter(invoice=invoice)._raw_delete("default"),
        lambda invoice: Invoice.objects.filter(pk=invoice.pk)._raw_delete("default"),
    ],
)  # fmt: skip
def test_the_database_keeps_an_invoice_as_it_was_issued(world: World, change: object) -> None:
    packed(make_work(world, "1", make_line(world.kurta)))
    with pytest.raises(DatabaseError, match=r"stays as it was issued|append-only"), transaction.atomic():
        change(Invoice.objects.get())  # type: ignore[operator]
    assert Invoice.objects.get().number.endswith("00001")
