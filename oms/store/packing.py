"""Packing one order, and its label."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from carriers.models import Label
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    PickedUnit,
    ShipmentState,
)
from fulfillment.selectors import work_at
from fulfillment.selectors.boxes import Box, boxes_at, suggested
from fulfillment.selectors.customs import commercial_invoice_pdf, customs_paper
from fulfillment.selectors.handing_over import with_contents
from fulfillment.selectors.held import held_parcels
from fulfillment.selectors.picking import put_backs
from fulfillment.selectors.units import is_tracked, units_of_lines
from fulfillment.services import ParcelPlan, cash_of_work, forget_unit, name_unit, pack, swap_units
from inventory.models import Node, Sku, Tracking
from inventory.services import why_not_sold
from oms.accounts.access import principal_of
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.store.gate import is_fragment, shipment_here, show, store_page, store_write, work_here

State = FulfillmentOrderState
_MOST_GRAMS = 100_000


@dataclass(frozen=True, slots=True)
class PackLine:
    """A picked line with the serial numbers and lots in its tote, each with why it may not be sold any more."""

    line: FulfillmentLine
    units: list[tuple[PickedUnit, str]]

    @property
    def is_tracked(self) -> bool:
        """It is kept by lot or serial number."""
        return is_tracked(self.line)

    @property
    def by_serial(self) -> bool:
        """Each unit has its number."""
        return self.line.sku.tracking == Tracking.SERIAL

    @property
    def missing(self) -> int:
        """Units whose serial number is still to scan."""
        return self.line.picked - len(self.units) if self.by_serial else 0


def _pack_lines(work: FulfillmentOrder) -> list[PackLine]:
    lines = [line for line in work.lines.all() if line.picked]
    units, day = units_of_lines(lines), work.node.today()
    return [
        PackLine(line, [
            (unit, why_not_sold(unit.lot, line.sku, day) if unit.lot else "")
            for unit in units.get(line.pk, [])
        ])
        for line in lines
    ]  # fmt: skip


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
    rows = _pack_lines(work)
    sizes = boxes_at(node.pk)
    goods: Counter[Sku] = Counter()
    for row in rows:
        goods[row.line.sku] += row.line.picked
    box = _chosen(sizes, request.POST.get("box", "")) or suggested(sizes, goods)
    grams = sum(sku.weight_grams * units for sku, units in goods.items())
    queue = [item.pk for item in work_at(node.pk, [State.PICKED], limit=200)]
    return show(
        request, node, "pack", status=status, work=work, rows=rows, boxes=sizes, box=box,
        is_tracked=any(row.is_tracked for row in rows),
        weight=request.POST.get("weight") or grams + box.empty_grams, queue_left=len(queue), problem=problem,
        pickup=work.kind == FulfillmentOrderKind.PICKUP, cod_minor=cash_of_work(work),
    )  # fmt: skip


@store_write
def pack_scan(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """One scanned serial number or lot: it lies in the tote of this order."""
    work = work_here(node, pk)
    code = request.POST.get("code", "").strip()[:80]

    def act() -> dict[str, str]:
        line = name_unit(fulfillment_order_id=work.pk, code=code)
        return {"text": _("%(sku)s: %(code)s") % {"sku": line.sku.name, "code": code}}

    try:
        text, result = once_per_form(request, act, one_action=True)["text"], "ok"
    except DomainError as error:
        text, result = error.message, "wrong"
    return _named(request, node, work.pk, result, text)


@store_write
def pack_forget(request: HttpRequest, node: Node, pk: int, unit: int) -> HttpResponseBase:
    """A serial number that was scanned is not in the tote after all."""
    work = work_here(node, pk)
    try:
        forget_unit(fulfillment_order_id=work.pk, unit_id=unit)
        text, result = _("Taken out."), "ok"
    except DomainError as error:
        text, result = error.message, "wrong"
    return _named(request, node, work.pk, result, text)


@store_write
def pack_swap(request: HttpRequest, node: Node, pk: int, unit: int) -> HttpResponseBase:
    """A lot in the tote may not be sold any more: another one takes its place."""
    work = work_here(node, pk)

    def act() -> dict[str, str]:
        done = swap_units(fulfillment_order_id=work.pk, unit_id=unit)
        into = ", ".join(f"{units} × {code}" for code, units in done.into.items())
        text = _("Put %(n)d of lot %(out)s aside, and take %(into)s for it.")
        return {"text": text % {"n": done.units, "out": done.out, "into": into}}

    try:
        text, result = once_per_form(request, act)["text"], "ok"
    except DomainError as error:
        text, result = error.message, "wrong"
    return _named(request, node, work.pk, result, text)


def _named(request: HttpRequest, node: Node, pk: int, result: str, text: str) -> HttpResponseBase:
    if not is_fragment(request):
        messages.add_message(request, messages.SUCCESS if result == "ok" else messages.ERROR, text)
        return HttpResponseRedirect(reverse("store:pack", args=[pk]))
    work = work_here(node, pk)
    response = show(request, node, "_pack_lines", work=work, rows=_pack_lines(work))
    response["HX-Trigger"] = json.dumps({"scan": {"result": result, "text": text}})
    return response


@store_write
def pack_work(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Close the parcel; its label follows by itself. Pressing twice packs once."""
    work = work_here(node, pk)
    if work.state in (State.CANCELLED, State.REJECTED):
        return _not_to_pack(request, node, work)
    actor = principal_of(request).name
    try:
        plan = _plan(request, node)
        once_per_form(
            request,
            lambda: {"parcels": [row.pk for row in pack(fulfillment_order_id=pk, parcels=[plan], actor=actor)]},
            one_action=True,
        )
    except DomainError as error:
        return _pack_form(request, node, work_here(node, pk), error.message, error.http_status)
    return HttpResponseRedirect(reverse("store:packed", args=[pk]))


def _chosen(sizes: Sequence[Box], key: str) -> Box | None:
    return next((box for box in sizes if box.key == key), None)


def _plan(request: HttpRequest, node: Node) -> ParcelPlan:
    box = _chosen(boxes_at(node.pk), request.POST.get("box", ""))
    if box is None:
        raise DomainError(_("Choose a box."), field="box")
    text = request.POST.get("weight", "").strip()
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_GRAMS):
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
        "held": held_parcels(parcels).items(),
        "abroad": {parcel.pk for parcel in parcels if customs_paper(parcel) is not None},
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


@store_page
def customs_pdf(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """The commercial invoice of a parcel that goes abroad, A4, in all its copies."""
    shipment = shipment_here(node, pk)
    response = HttpResponse(commercial_invoice_pdf(shipment), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="commercial-invoice-{shipment.awb}.pdf"'
    return response
