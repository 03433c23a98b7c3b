"""Parcels that other nodes send to the store of collection: what became of those that do not come."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from fulfillment.services import give_up_parcel
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.dashboard.orders.action_views import done
from oms.dashboard.orders.detail import order_or_404

_SAID = {
    "missing": "{parcel} is written off as lost; {number} is routed again.",
    "sent_back": "{parcel} is back at {node}; {number} is routed again.",
}


@require_POST
@requires("orders.reroute")
def give_up(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """A parcel will not come to the store: it is lost, or back where it came from. Saying it again changes nothing."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    work = get_object_or_404(
        order.fulfillment_orders.select_related("arrives_in__node"), pk=pk, arrives_in__isnull=False
    )
    parcel, how = work.arrives_in, request.POST.get("how", "")
    assert parcel is not None
    if how not in _SAID:
        raise DomainError(f"Say what became of {parcel}: lost, or sent back.", field="how")
    note = request.POST.get("note", "").strip()[:200]
    once_per_form(
        request,
        lambda: {"id": give_up_parcel(fulfillment_order_id=work.pk, how=how, note=note, actor=principal.name).pk},
        one_action=True,
    )
    text = _SAID[how].format(parcel=parcel, number=order.number, node=parcel.node.code)
    return done(request, number, text)
