"""The papers of a parcel: its packing slip, its tax invoice, and the commercial invoice of one that goes abroad."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from carriers.labels import packing_slip_pdf, parcel_papers_pdf
from fulfillment.selectors.customs import commercial_invoice_pdf, customs_paper
from fulfillment.services import invoice_parcel
from oms.accounts.access import principal_of, requires
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.invoice_paper import invoice_data, invoice_of, invoice_response, pdf_response
from oms.dashboard.fulfil.label_views import parcel_of
from oms.dashboard.fulfil.slip_paper import slip_data


@require_safe
@requires("fulfillment.view")
def invoice_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The tax invoice of a parcel, A4."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    principal.require_labels()
    invoice = invoice_of(shipment)
    if invoice is None:
        raise NotFound(f"Parcel {pk} has no invoice.")
    return invoice_response(invoice, shipment)


@require_safe
@requires("fulfillment.view")
def slip_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The packing slip of a parcel, A4, without prices."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    principal.require_labels()
    return pdf_response(packing_slip_pdf(slip_data(shipment, now())), f"packing-slip-{shipment.order.number}-{pk}")


@require_safe
@requires("fulfillment.view")
def papers_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """What goes with the parcel, as one document: the packing slip, the tax invoice, and for one that goes abroad the
    commercial invoice. A gift travels without prices in the box; what customs reads is outside."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    principal.require_labels()
    moment = now()
    invoice = None if shipment.order.is_gift else invoice_of(shipment)
    data = invoice_data(invoice, shipment, moment) if invoice is not None else None
    customs = customs_paper(shipment)
    name = f"papers-{shipment.order.number}-{pk}"
    slip = slip_data(shipment, moment)
    return pdf_response(parcel_papers_pdf(slip, data, customs.data if customs is not None else None), name)


@require_safe
@requires("fulfillment.view")
def customs_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The commercial invoice of a parcel that goes abroad, A4, in all its copies."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    principal.require_labels()
    return pdf_response(commercial_invoice_pdf(shipment), f"commercial-invoice-{shipment.awb}")


@require_POST
@requires("fulfillment.work")
def invoice_issue(request: HttpRequest, pk: int) -> HttpResponse:
    """Invoice a parcel that was packed without."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    try:
        number = once_per_form(
            request, lambda: {"number": invoice_parcel(shipment_id=shipment.pk, actor=principal.name).number}
        )["number"]
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Invoice %(number)s is issued.") % {"number": number})
    return HttpResponseRedirect(reverse("dashboard:fulfil_parcel", args=[pk]))
