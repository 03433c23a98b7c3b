"""The commercial invoice that customs wants of a parcel that goes abroad."""

from __future__ import annotations

from dataclasses import dataclass

from carriers.labels import CustomsInvoiceData, customs_invoice_pdf
from carriers.models import Booking
from carriers.services.customs import customs_invoice
from fulfillment.models import Shipment
from oms.core.errors import Conflict, NotFound, PermanentError


@dataclass(frozen=True, slots=True)
class CustomsPaper:
    """What the commercial invoice of a booked parcel says, or why there can be none, as a sentence."""

    data: CustomsInvoiceData | None
    problem: str = ""


def customs_paper(shipment: Shipment) -> CustomsPaper | None:
    """The commercial invoice of a parcel; None for one that no carrier has yet, or that stays in its country.

    `order` and `node` must be loaded; parcels within a country cost no query.
    """
    if shipment.booking_id is None or shipment.order.ship_country == shipment.node.country:
        return None
    booking = Booking.objects.select_related("account").get(pk=shipment.booking_id)
    gstin = shipment.node.gstin
    try:
        data = customs_invoice(booking, exporter_number=f"GSTIN {gstin}" if gstin else "")
    except PermanentError as error:
        return CustomsPaper(None, str(error))
    return CustomsPaper(data) if data is not None else None


def commercial_invoice_pdf(shipment: Shipment) -> bytes:
    """The paper in all its copies. Raises NotFound where there is none, Conflict where it cannot be made."""
    paper = customs_paper(shipment)
    if paper is None:
        raise NotFound(f"Parcel {shipment.pk} has no commercial invoice: it is not booked, or stays in its country.")
    if paper.data is None:
        raise Conflict(f"There is no commercial invoice of {shipment.awb}: {paper.problem}")
    return customs_invoice_pdf(paper.data)
