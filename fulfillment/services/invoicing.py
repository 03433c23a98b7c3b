"""What is packed is invoiced: a parcel that leaves a node with a GSTIN has its tax invoice before it has its label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import transaction

from carriers.zones import ENCLAVES, normal_state
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


@dataclass(frozen=True, slots=True)
class PlaceOfSupply:
    """The number of the state in which a sale takes place; empty where nobody can tell."""

    code: str
    #: Nobody wrote a state that there is: the directory of PIN codes says it.
    from_postcode: bool = False


def place_of_supply(shipment: Shipment) -> PlaceOfSupply:
    """Where the sale takes place.

    Goods that are collected: at the store. Delivered for a registered buyer: with the buyer. Else where the delivery
    ends, by the state of the address, or where that names none, by its PIN code (IGST Act 2017, section 10(1)(a) to
    (c)). A PIN code counts as India Post's directory has it, never by its first digits: those of some states reach into
    others, and a tax of the wrong kind is paid twice before it comes back.
    """
    if shipment.fulfillment_order.kind == FulfillmentOrderKind.PICKUP:
        return PlaceOfSupply(shipment.node.gstin[:2])
    order = shipment.order
    if order.ship_country != "IN":
        return PlaceOfSupply(ABROAD)
    if order.buyer_gstin and not what_is_wrong(order.buyer_gstin):
        return PlaceOfSupply(order.buyer_gstin[:2])
    region = order.ship_region
    written = state_code(region) or state_code(normal_state(region))
    if written:
        return PlaceOfSupply(written)
    place = find_place("IN", order.ship_postcode)
    found = ENCLAVES.get(order.ship_postcode.strip()) or (normal_state(place.state) if place is not None else "")
    return PlaceOfSupply(state_code(found), from_postcode=True)


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
    if not place_of_supply(shipment).code:
        where = f"{order.ship_region or 'the address'} {order.ship_postcode}".strip()
        return f"Nobody knows the state of {where}. Write it into the address of {order.number}."
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
    places = {shipment.pk: place_of_supply(shipment) for shipment in shipments}
    return issue_invoices(
        requests=[
            InvoiceRequest(
                order_id=shipment.order_id, parcel_uid=shipment.uid, gstin=shipment.node.gstin,
                place_of_supply=places[shipment.pk].code, place_from_postcode=places[shipment.pk].from_postcode,
                issued_on=shipment.node.today(), ship_from=shipment.node.address,
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
