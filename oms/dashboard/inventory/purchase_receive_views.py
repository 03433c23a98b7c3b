"""Goods at the door: receiving against an order or an ASN, announcing deliveries, labels."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inventory.models import InboundShipment, InboundShipmentState, PurchaseOrder, StockLevel
from inventory.services import (
    OPEN_STATES,
    RECEIVABLE,
    ReceiptItem,
    Share,
    Source,
    announce_shipment,
    announced_units,
    arrive_shipment,
    cancel_shipment,
    receive_goods,
    share_units,
)
from oms.accounts.access import principal_of, requires
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.ids import uuid7
from oms.core.posting import once_per_form
from oms.dashboard.inventory.access import sku_for
from oms.dashboard.inventory.purchase_access import order_for, page_of, shipment_for
from oms.dashboard.inventory.purchase_forms import AnnounceForm
from oms.dashboard.inventory.purchase_views import order_page
from oms.dashboard.inventory.receive_form import ReceiveRow, items_of, rows_for
from oms.dashboard.inventory.sku_labels import sku_label_pdf

#: Fields of the page that are sent again from its preview.
_KEPT = ("op_key", "asn", "reference", "note", "accept_over", "finish")


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.receive")
def purchase_order_receive(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Count what came, look at what it does, receive it once."""
    order = order_for(request, pk)
    if order.state not in RECEIVABLE:
        return order_page(request, order, f"{order} is {order.get_state_display().lower()}: nothing is received.", 409)
    shipment = _shipment_of(order, request.POST.get("asn") or request.GET.get("asn", ""))
    if request.method != "POST":
        return _receive_page(request, order, shipment, rows_for(order, shipment, None))
    rows = rows_for(order, shipment, request.POST)
    if request.POST.get("edit"):
        return _receive_page(request, order, shipment, rows)
    try:
        items = items_of(rows)
        if not request.POST.get("confirmed"):
            return _preview(request, order, shipment, rows, items)
        done = receive_goods(
            node_id=order.node_id, items=items, op_key=f"receive/{_op_key(request)}", actor=principal_of(request).name,
            reference=request.POST.get("reference", ""), note=request.POST.get("note", ""),
            source=Source(order_id=order.pk, shipment_id=shipment.pk if shipment else None,
                          accept_over=bool(request.POST.get("accept_over")),
                          finish=bool(request.POST.get("finish"))),
        )  # fmt: skip
    except DomainError as error:
        return _receive_page(request, order, shipment, rows, error)
    units = sum(item.units for item in items)
    text = f"{units} units of {order} received at {order.node.code}."
    messages.success(request, text if done.is_new else "This was received before; nothing changed now.")
    return HttpResponseRedirect(page_of(order))


def _shipment_of(order: PurchaseOrder, text: str) -> InboundShipment | None:
    if not text:
        return None
    found = None
    if text.isascii() and text.isdecimal() and len(text) < 16:
        coming = (InboundShipmentState.EXPECTED, InboundShipmentState.ARRIVED)
        found = order.inbound_shipments.filter(pk=int(text), state__in=coming).first()
    if found is None:
        raise NotFound(f"There is no ASN of {order} to receive.")
    return found


def _op_key(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("op_key", ""))
    except ValueError as error:
        raise DomainError("This page is incomplete. Reload it and count again.") from error


def _receive_page(
    request: HttpRequest, order: PurchaseOrder, shipment: InboundShipment | None, rows: list[ReceiveRow],
    error: DomainError | None = None,
) -> HttpResponse:  # fmt: skip
    sent = request.POST if request.method == "POST" else {}
    kept = {name: sent.get(name, "") for name in _KEPT}
    if not sent:
        kept |= {"op_key": str(uuid7()), "asn": str(shipment.pk) if shipment else "", "finish": "1"}
    context = {"order": order, "shipment": shipment, "rows": rows, "kept": kept,
               "problem": error.message if error else "",
               "has_over": bool(error and error.field == "accept_over") or kept["accept_over"]}  # fmt: skip
    status = error.http_status if error else 200
    return render(request, "dashboard/inventory/purchase_orders/receive.html", context, status=status)


def _preview(
    request: HttpRequest, order: PurchaseOrder, shipment: InboundShipment | None, rows: list[ReceiveRow],
    items: list[ReceiptItem],
) -> HttpResponse:  # fmt: skip
    fields = [(f"{name}-{row.key}", text) for row in rows for name, text in row.texts.items() if text]
    fields += [(name, text) for name in _KEPT if (text := request.POST.get(name, ""))]
    effects = _effects(order, rows, share_units(items, list(order.lines.select_related("sku"))))
    context = {"order": order, "shipment": shipment, "fields": fields, "effects": effects}
    return render(request, "dashboard/inventory/purchase_orders/receive_preview.html", context)


def _effects(order: PurchaseOrder, rows: list[ReceiveRow], shares: list[Share]) -> list[dict[str, Any]]:
    """Per SKU what happens to ATP, damaged and what is open, and the surplus."""
    levels = StockLevel.objects.filter(node=order.node, sku__in={share.item.sku_id for share in shares})
    atp = {level.sku_id: level.atp for level in levels}
    codes = {row.sku.pk: row.sku.code for row in rows}
    effects: list[dict[str, Any]] = []
    for share in shares:
        item, code = share.item, codes[share.item.sku_id]
        what = f"{code} {item.lot_code}".strip()
        before = atp.get(item.sku_id, 0)
        if item.good:
            atp[item.sku_id] = before + item.good
            effects.append({"kind": "stock", "text": f"{item.good} x {what}, ATP at {order.node.code}",
                            "before": str(before), "after": str(before + item.good)})  # fmt: skip
        if item.damaged:
            effects.append({"icon": "alert-triangle", "text": f"{what}: damaged, not sold",
                            "after": f"+{item.damaged}", "tone": "warn"})  # fmt: skip
        if share.over:
            effects.append({"icon": "alert-triangle", "text": f"{what}: on top of what was ordered",
                            "after": f"+{share.over}", "tone": "warn"})  # fmt: skip
        if share.line is not None:
            share.line.open_quantity -= share.good + share.damaged
            effects.append({"kind": "promise", "text": f"{code}: still open on {order}",
                            "after": str(share.line.open_quantity)})  # fmt: skip
    effects.append({"icon": "route", "text": "Orders that wait for these SKUs are tried again, the oldest first."})
    return effects


# -- announced deliveries ----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.receive")
def asn_new(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What the supplier says is on its way."""
    order = order_for(request, pk)
    if order.state not in OPEN_STATES:
        return order_page(
            request, order, f"{order} is {order.get_state_display().lower()}: nothing is on its way.", 409
        )
    on_the_way = announced_units(pk)
    left = [(line.sku.code, line.open_quantity - on_the_way.get(line.pk, 0))
            for line in order.lines.select_related("sku").order_by("pk")]  # fmt: skip
    lines = "\n".join(f"{code} {units}" for code, units in left if units > 0)
    form = AnnounceForm(request.POST or None, initial={"lines": lines})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data, actor = form.cleaned_data, principal_of(request).name
            try:
                answer = once_per_form(request, lambda: {"number": announce_shipment(
                    order_id=pk, number=data["number"], lines=form.announced(), expected_at=data["expected_at"],
                    carrier_name=data["carrier_name"], awb=data["awb"], actor=actor,
                ).number})  # fmt: skip
            except DomainError as error:
                form.add_error(error.field if error.field in form.fields else None, error.message)
                status = error.http_status
            else:
                messages.success(request, f"Delivery {answer['number']} is announced.")
                return HttpResponseRedirect(page_of(order))
    context = {"order": order, "form": form}
    return render(request, "dashboard/inventory/purchase_orders/asn.html", context, status=status)


@require_POST
@requires("inventory.receive")
def asn_arrive(request: HttpRequest, pk: int) -> HttpResponseBase:
    """It stands at the dock."""
    shipment = shipment_for(request, pk)
    once_per_form(request, lambda: {"s": arrive_shipment(shipment_id=pk, actor=principal_of(request).name).state})
    messages.success(request, f"Delivery {shipment} is here. Count it.")
    return HttpResponseRedirect(page_of(shipment.order))


@require_POST
@requires("inventory.receive")
def asn_cancel(request: HttpRequest, pk: int) -> HttpResponseBase:
    """It will not come; its units stay open on the order."""
    shipment, actor = shipment_for(request, pk), principal_of(request).name
    once_per_form(request, lambda: {"s": cancel_shipment(shipment_id=pk, reason="", actor=actor).state})
    messages.success(request, f"Delivery {shipment} will not come. Its units stay open on {shipment.order}.")
    return HttpResponseRedirect(page_of(shipment.order))


@require_safe
@requires("inventory.view")
def sku_label(request: HttpRequest, sku_id: int) -> HttpResponseBase:
    """Labels of a SKU to stick on what came: `copies`, `lot`, `expires` and `serial` in the address."""
    text = request.GET.get("copies", "1")
    copies = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 1
    try:
        expires_on = parse_date(request.GET.get("expires", ""))
    except ValueError:
        expires_on = None
    pdf = sku_label_pdf(
        sku_for(sku_id), copies=copies, moment=timezone.localtime(now()), expires_on=expires_on,
        lot_code=request.GET.get("lot", "")[:60], serial=request.GET.get("serial", "")[:60],
    )  # fmt: skip
    return HttpResponse(pdf, content_type="application/pdf", headers={"Content-Disposition": "inline"})
