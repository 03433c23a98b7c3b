"""The order page, the peek at an order, and the labels of its parcels."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carriers.models import Label
from fulfillment.selectors.handing_over import with_contents
from oms.accounts.access import Principal, principal_of, requires
from oms.dashboard.fulfil.invoice_paper import invoice_of, invoice_response
from oms.dashboard.orders.detail import detail_context, order_or_404, page_version
from oms.dashboard.orders.listing import shown
from oms.dashboard.orders.offers import next_step, offers_for
from oms.dashboard.orders.posting import is_fragment
from oms.dashboard.orders.timeline import FILTERS, timeline_of
from oms.reporting.order_rows import read_rows
from orders.models import Order


@require_GET
@requires("orders.view")
def order_page(request: HttpRequest, number: str) -> HttpResponse:
    """The page; polled, it answers 204 while the order is as it was."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    if is_fragment(request) and request.headers.get("X-Fragment-Version") == page_version(order):
        return HttpResponse(status=204)
    kind = request.GET.get("timeline", "")
    context = detail_context(order, principal, kind=kind if kind in FILTERS else "")
    template = "_detail" if is_fragment(request) else "detail"
    return render(request, f"dashboard/orders/{template}.html", context)


def rendered_order(request: HttpRequest, number: str) -> HttpResponse:
    """The order as it is now, to replace what is on the screen after a write."""
    principal = principal_of(request)
    context = detail_context(order_or_404(principal, number), principal)
    return render(request, "dashboard/orders/_detail.html", context)


def peeked_order(request: HttpRequest, number: str) -> HttpResponse:
    """The peek as it is now, after a write that began in it."""
    principal = principal_of(request)
    return render(request, "dashboard/orders/_peek.html", peek_context(order_or_404(principal, number), principal))


@require_GET
@requires("orders.view")
def timeline(request: HttpRequest, number: str) -> HttpResponse:
    """One filter of the timeline."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    kind = request.GET.get("kind", "")
    kind = kind if kind in FILTERS else ""
    context = {
        "order": order, "timeline": timeline_of(order, kind, masked=not principal.may("pii.view")),
        "timeline_kind": kind, "timeline_filters": FILTERS,
    }  # fmt: skip
    return render(request, "dashboard/orders/_timeline.html", context)


@require_GET
@requires("orders.view")
def peek(request: HttpRequest, number: str) -> HttpResponse:
    """Enough of an order to decide without opening it: in the drawer, or as a page."""
    principal = principal_of(request)
    context = peek_context(order_or_404(principal, number), principal)
    template = "_peek" if is_fragment(request) else "peek"
    return render(request, f"dashboard/orders/{template}.html", context)


def peek_context(order: Order, principal: Principal) -> dict[str, Any]:
    """Lines, nodes, clock, parcels and the next action."""
    [row] = shown(read_rows([order], masked=not principal.may("pii.view")))
    data = row.row
    return {
        "order": order, "r": row, "row": data,
        "next": next_step(order, holds=data.holds, work=data.work, shipments=data.shipments),
        "offers": offers_for(order, principal, holds=data.holds, work=data.work),
        "why": order.routing_decisions.order_by("-attempt").values_list("sentence", flat=True).first() or "",
    }  # fmt: skip


@require_GET
@requires("orders.view")
def label(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """The label of one parcel as PDF."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    principal.require_labels()
    shipment = order.shipments.filter(pk=pk).first()
    found = Label.objects.filter(booking=shipment.booking_id).first() if shipment and shipment.booking_id else None
    if shipment is None or found is None:
        raise Http404("This parcel has no label.")
    response = HttpResponse(bytes(found.pdf), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="label-{shipment.awb or shipment.pk}.pdf"'
    return response


@require_GET
@requires("orders.view")
def invoice(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """The tax invoice of one parcel as PDF."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    principal.require_labels()
    shipment = with_contents(order.shipments.filter(pk=pk)).first()
    found = invoice_of(shipment) if shipment is not None else None
    if shipment is None or found is None:
        raise Http404("This parcel has no invoice.")
    return invoice_response(found, shipment)
