"""The carrier's proof that a parcel was delivered: asked for by a person, kept, and looked at."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from carriers.models import DeliveryProof
from carriers.services import fetch_proof
from fulfillment.models import ShipmentState
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError, NotFound, PermanentError, TransientError
from oms.dashboard.fulfil.invoice_paper import pdf_response
from oms.dashboard.fulfil.label_views import parcel_of


@require_POST
@requires("orders.view")
def ask_proof(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the carrier for the proof now; back to the page that asked."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    principal.require_labels()
    try:
        if shipment.state != ShipmentState.DELIVERED or shipment.booking_id is None:
            raise NotFound(_("Only a parcel that was delivered has a proof of it."))
        fetch_proof(shipment.booking_id, actor=principal.name)
    except DomainError as error:
        messages.error(request, error.message)
    except (TransientError, PermanentError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The proof of delivery is here."))
    back = request.POST.get("back", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = "/"
    return HttpResponseRedirect(back)


@require_safe
@requires("orders.view")
def proof_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The proof as the carrier gave it."""
    principal = principal_of(request)
    shipment = parcel_of(principal, pk)
    principal.require_labels()
    proof = DeliveryProof.objects.filter(booking=shipment.booking_id).first() if shipment.booking_id else None
    if proof is None:
        raise NotFound(f"Parcel {pk} has no proof of delivery.")
    return pdf_response(bytes(proof.pdf), f"proof-of-delivery-{shipment.awb}")
