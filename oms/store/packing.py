"""Packing one order, and its label."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from carriers.models import Label
from fulfillment.models import FulfillmentOrder, FulfillmentOrderKind, FulfillmentOrderState, ShipmentState
from fulfillment.selectors import put_backs, with_contents, work_at
from fulfillment.services import ParcelPlan, cash_of_work, pack
from inventory.models import Node
from oms.accounts.access import principal_of
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.store.boxes import BOXES, box_of, goods_grams, suggested
from oms.store.gate import is_fragment, shipment_here, show, store_page, store_write, work_here

State = FulfillmentOrderState
_MOST_GRAMS = 100_000


@store_page
def pack_page(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """What goes into the box, the box, its weight, what the customer wrote and what the courier collects."""
    work = work_here(node, pk)
    if work.state != State.PICKED:
        return _not_to_pack(request, node, work)
    return _pack_form(request, node, work)


def _not_to_pack(request: HttpRequest, node: Node, work: FulfillmentOrder) -> HttpResponseBase:
    if work.state in (State.CANCELLED, State.REJECTED):
        backs = put_backs(node.pk, work_ids=[work.pk])
        return show(request, node, "put_back", status=409, backs=backs, meanwhile=work)
    return HttpResponseRedirect(reverse("store:work", args=[work.pk]))


def _pack_form(
    request: HttpRequest, node: Node, work: FulfillmentOrder, problem: str = "", status: int = 200
) -> HttpResponse:
    lines = [line for line in work.lines.all() if line.picked]
    grams = goods_grams(lines)
    box = box_of(request.POST.get("box", "")) or suggested(grams)
    queue = [item.pk for item in work_at(node.pk, [State.PICKED], limit=200)]
    return show(
        request, node, "pack", status=status, work=work, lines=lines, boxes=BOXES, box=box,
        weight=request.POST.get("weight") or grams + box.empty_grams, queue_left=len(queue), problem=problem,
        pickup=work.kind == FulfillmentOrderKind.PICKUP, cod_minor=cash_of_work(work),
    )  # fmt: skip


@store_write
def pack_work(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Close the parcel; its label follows by itself. Pressing twice packs once."""
    work = work_here(node, pk)
    if work.state in (State.CANCELLED, State.REJECTED):
        return _not_to_pack(request, node, work)
    actor = principal_of(request).name
    try:
        plan = _plan(request)
        once_per_form(
            request,
            lambda: {"parcels": [row.pk for row in pack(fulfillment_order_id=pk, parcels=[plan], actor=actor)]},
            one_action=True,
        )
    except DomainError as error:
        return _pack_form(request, node, work_here(node, pk), error.message, error.http_status)
    return HttpResponseRedirect(reverse("store:packed", args=[pk]))


def _plan(request: HttpRequest) -> ParcelPlan:
    box = box_of(request.POST.get("box", ""))
    if box is None:
        raise DomainError(_("Choose a box."), field="box")
    text = request.POST.get("weight", "").strip()
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_GRAMS):
        raise DomainError(_("Give the weight in grams, for example 450."), field="weight")
    return ParcelPlan(weight_grams=int(text), length_mm=box.length_mm, width_mm=box.width_mm, height_mm=box.height_mm)


@store_page
def packed_page(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """The labels of packed work: shown as soon as the carrier answers; then on to the next order."""
    work = work_here(node, pk)
    if work.state in (State.CANCELLED, State.REJECTED):
        return _not_to_pack(request, node, work)
    if work.state not in (State.PACKED, State.READY, State.COMPLETED):
        return HttpResponseRedirect(reverse("store:work", args=[pk]))
    parcels = list(with_contents(work.shipments.exclude(state=ShipmentState.CANCELLED)).order_by("pk"))
    pickup = work.kind == FulfillmentOrderKind.PICKUP
    waiting = any(not item.awb and not item.problem for item in parcels) and not pickup
    version = f"{work.state}/" + "/".join(f"{item.awb}{len(item.problem)}" for item in parcels)
    context: dict[str, Any] = {
        "work": work,
        "parcels": parcels,
        "pickup": pickup,
        "waiting": waiting,
        "version": version,
    }
    if is_fragment(request):
        if request.headers.get("X-Fragment-Version") == version:
            return HttpResponse(status=204)
        return show(request, node, "_labels", **context)
    queue = work_at(node.pk, [State.PICKED], limit=200)
    return show(request, node, "packed", next_work=queue[0] if queue else None, queue_left=len(queue), **context)


@store_page
def label_pdf(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """The label as PDF, 100 x 150 mm, shown inside the page."""
    shipment = shipment_here(node, pk)
    found = Label.objects.filter(booking__shipment=shipment).first()
    if found is None:
        raise NotFound(f"Parcel {pk} has no label yet.")
    response = HttpResponse(bytes(found.pdf), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="label-{shipment.awb}.pdf"'
    return response
