"""What is packed is invoiced: a parcel that leaves a node with a GSTIN has its tax invoice before it has its label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from django.db import transaction

from carriers.zones import ENCLAVES, normal_state, state_of_pin
from fulfillment.locks import lock_shipments
from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentItem, ShipmentState
from oms.core.db import run_atomic
from oms.core.errors import Conflict, NotFound
from oms.core.places import find_place
from orders.errors import CannotInvoice
from orders.gst.gstin import what_is_wrong
from orders.gst.numbers import financial_year
from orders.gst.places import ABROAD, state_code
from orders.models import Invoice, InvoiceKind, TaxRegistration
from orders.selectors import full_series
from orders.services import Goods, InvoiceRequest, cancel_invoices, issue_invoices


def place_of_supply(shipment: Shipment) -> str:
    """The number of the state in which the sale takes place; empty where nobody can tell.

    Goods that are collected: the store's. Delivered for a registered buyer: the buyer's. Else where the delivery ends,
    by the state of the address, or where that has none, by its PIN code (IGST Act 2017, section 10(1)(a) to (c)).
    """
    if shipment.fulfillment_order.kind == FulfillmentOrderKind.PICKUP:
        return shipment.node.gstin[:2]
    order = shipment.order
    if order.ship_country != "IN":
        return ABROAD
    if order.buyer_gstin and not what_is_wrong(order.buyer_gstin):
        return order.buyer_gstin[:2]
    region = order.ship_region
    written = state_code(region) or state_code(normal_state(region))
    if written:
        return written
    # What is known of the very PIN code comes before what its first digits say.
    place = find_place("IN", order.ship_postcode)
    found = ENCLAVES.get(order.ship_postcode.strip()) or (normal_state(place.state) if place is not None else "")
    return state_code(found) or state_code(state_of_pin(order.ship_postcode))


def why_not_invoiced(shipment: Shipment) -> str:
    """Why a parcel can have no tax invoice, as a sentence; empty where it can."""
    return whys_not_invoiced([shipment])[shipment.pk]


def whys_not_invoiced(shipments: Sequence[Shipment]) -> dict[int, str]:
    """Why each of these parcels can have no tax invoice, by its id, as `why_not_invoiced`."""
    gstins = {shipment.node.gstin for shipment in shipments}
    registered, full = _registered(gstins), full_series(gstins)
    # Goods without tax are numbered by another series.
    taxed = ShipmentItem.objects.filter(shipment__in=shipments, line__sku__tax_rate_bp__gt=0)
    with_tax = set(taxed.values_list("shipment_id", flat=True)) if full else set()

    def no_number(shipment: Shipment) -> str:
        kind = InvoiceKind.INVOICE if shipment.pk in with_tax else InvoiceKind.BILL
        return full.get((shipment.node.gstin, kind, financial_year(shipment.node.today())), "")

    return {shipment.pk: _why_not(shipment, registered) or no_number(shipment) for shipment in shipments}


def _registered(gstins: Collection[str]) -> frozenset[str]:
    return frozenset(TaxRegistration.objects.filter(gstin__in=gstins).values_list("gstin", flat=True))


def _why_not(shipment: Shipment, registered: Collection[str]) -> str:
    node, order = shipment.node, shipment.order
    if shipment.fulfillment_order.kind == FulfillmentOrderKind.TRANSFER:
        return "It goes to a store of ours: the store invoices it when it is collected."
    if not node.gstin:
        return f"{node.name} has no GSTIN."
    if node.gstin not in registered:
        return f"The GSTIN {node.gstin} of {node.name} is not registered here. An admin adds it."
    if order.currency != "INR":
        return f"{order.number} is in {order.currency}: GST invoices are in rupees."
    if not place_of_supply(shipment):
        return f"Nobody knows the state of {order.ship_region or 'the address'} {order.ship_postcode}."
    return ""


def invoice_packed(shipments: Sequence[Shipment], actor: str) -> list[Invoice]:
    """Invoices of parcels that are being packed, in the same transaction. Those that can have none go on without.

    Costs nothing where no node has a GSTIN.
    """
    taxed = [shipment for shipment in shipments if shipment.node.gstin]
    if not taxed:
        return []
    registered = _registered({shipment.node.gstin for shipment in taxed})
    return _issue_possible([shipment for shipment in taxed if not _why_not(shipment, registered)], actor)


def _issue_possible(shipments: Sequence[Shipment], actor: str) -> list[Invoice]:
    """The invoices that can be: where a series is full, all of them are tried alone."""
    if not shipments:
        return []
    try:
        with transaction.atomic():
            return _issue(shipments, actor)
    except CannotInvoice:
        if len(shipments) == 1:
            return []
    return [invoice for shipment in shipments for invoice in _issue_possible([shipment], actor)]


def invoice_parcel(*, shipment_id: int, actor: str) -> Invoice:
    """The invoice of a parcel that was packed without one. Raises CannotInvoice with what is in the way."""

    def work() -> Invoice:
        # What is judged here must not be cancelled or opened before its invoice is written.
        shipment = next(iter(lock_shipments([shipment_id])), None)
        if shipment is None:
            raise NotFound(f"There is no parcel {shipment_id}.")
        if shipment.state == ShipmentState.CANCELLED:
            raise Conflict(f"The parcel of {shipment.order.number} was opened again: nothing is sold in it.")
        why = why_not_invoiced(shipment)
        if why:
            raise CannotInvoice(why)
        return _issue([shipment], actor)[0]

    return run_atomic(work)


def cancel_invoices_of(shipments: Sequence[Shipment], *, reason: str, actor: str) -> None:
    """What these parcels had was not sold: their invoices are cancelled."""
    cancel_invoices(parcel_uids=[shipment.uid for shipment in shipments], reason=reason, actor=actor)


def _issue(shipments: Sequence[Shipment], actor: str) -> list[Invoice]:
    contents: dict[int, list[ShipmentItem]] = defaultdict(list)
    for item in ShipmentItem.objects.select_related("line__sku").filter(shipment__in=shipments).order_by("pk"):
        contents[item.shipment_id].append(item)
    return issue_invoices(
        requests=[
            InvoiceRequest(
                order_id=shipment.order_id, parcel_uid=shipment.uid, gstin=shipment.node.gstin,
                place_of_supply=place_of_supply(shipment), issued_on=shipment.node.today(),
                ship_from=shipment.node.address,
                goods=[
                    Goods(order_line_id=item.line.order_line_id, quantity=item.quantity, hsn=item.line.sku.hsn,
                          rate_bp=item.line.sku.tax_rate_bp)
                    for item in contents[shipment.pk]
                ],
            )
            for shipment in shipments
        ],
        actor=actor,
    )  # fmt: skip
