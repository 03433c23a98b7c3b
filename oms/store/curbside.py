"""Customers who wait in the car: somebody of the store goes out to them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.models import Shipment
from fulfillment.selectors.pickups import waiting_parcels
from fulfillment.services.curbside import go_out
from inventory.models import Node
from oms.accounts.access import principal_of
from oms.core.errors import Conflict, DomainError
from oms.store.gate import store_write


@store_write
def curbside_go(request: HttpRequest, node: Node) -> HttpResponseBase:
    """On my way: others see it, and the checks of the hand-over open."""
    text = request.POST.get("visit", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise DomainError(_("Say to whom you go."), field="visit")
    try:
        visit = go_out(visit_id=int(text), node_id=node.pk, actor=principal_of(request).name)
    except Conflict as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(reverse("store:tasks"))
    parcel = waiting_parcels(Shipment.objects.filter(order=visit.order_id, node=node)).order_by("pk").first()
    if parcel is None:
        return HttpResponseRedirect(reverse("store:tasks"))
    return HttpResponseRedirect(reverse("store:collect", args=[parcel.pk]))
