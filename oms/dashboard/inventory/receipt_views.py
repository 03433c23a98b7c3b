"""Receipts: what came, and taking one back that was wrong."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from inventory.models import Node, PurchaseOrderState, Receipt, StockLevel
from inventory.services import over_parts, reverse_receipt
from oms.accounts.access import in_node_scope, principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.dashboard.inventory.purchase_access import receipt_for, receipts_of, receipts_with_sums

PAGE_ROWS = 50


@require_safe
@requires("inventory.view")
def receipts(request: HttpRequest) -> HttpResponse:
    """What came, the newest first."""
    principal = principal_of(request)
    asked = {name: value for name in ("node", "q") if (value := request.GET.get(name, "").strip()[:80])}
    rows = receipts_of(principal)
    if node := asked.get("node"):
        rows = rows.filter(node__code=node)
    if text := asked.get("q"):
        of_sku = Receipt.objects.filter(lines__sku__code__iexact=text).values("pk")
        rows = rows.filter(Q(reference__istartswith=text) | Q(order__number__istartswith=text) | Q(pk__in=of_sku))
    mark: str = request.GET.get("before", "")
    if mark.isascii() and mark.isdecimal() and len(mark) < 16:
        rows = rows.filter(pk__lt=int(mark))
    page = list(receipts_with_sums(rows).order_by("-pk")[: PAGE_ROWS + 1])
    more, page = len(page) > PAGE_ROWS, page[:PAGE_ROWS]
    nodes = in_node_scope(Node.objects.order_by("code"), principal, "code")
    context = {
        "receipts": page, "asked": asked, "nodes": list(nodes.values_list("code", "name")),
        "next_url": f"?{urlencode({**asked, 'before': page[-1].pk})}" if more else "",
        "first_url": f"?{urlencode(asked)}" if mark else "",
    }  # fmt: skip
    return render(request, "dashboard/inventory/purchase_orders/receipts.html", context)


@require_safe
@requires("inventory.view")
def receipt(request: HttpRequest, pk: int) -> HttpResponse:
    """What came in one go, unit by unit."""
    return _receipt_page(request, receipt_for(request, pk))


def _receipt_page(request: HttpRequest, found: Receipt, problem: str = "", status: int = 200) -> HttpResponse:
    back = Receipt.objects.filter(reverses=found).first()
    context = {
        "receipt": found, "lines": list(found.lines.select_related("sku", "lot").order_by("pk")), "reversal": back,
        "may_reverse": principal_of(request).may("inventory.receive") and back is None and not found.reverses_id,
        "problem": problem,
    }  # fmt: skip
    return render(request, "dashboard/inventory/purchase_orders/receipt.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.receive")
def receipt_reverse(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a receipt back: shown first, then done once."""
    found = receipt_for(request, pk)
    if found.reverses_id or Receipt.objects.filter(reverses=found).exists():
        return _receipt_page(request, found, "This receipt was taken back, or takes back another one.", 409)
    if request.method != "POST":
        context = {"receipt": found, "effects": _effects(found)}
        return render(request, "dashboard/inventory/purchase_orders/reverse.html", context)
    reason, actor = request.POST.get("reason", "").strip()[:200], principal_of(request).name
    try:
        answer = once_per_form(
            request, lambda: {"pk": reverse_receipt(receipt_id=pk, reason=reason, actor=actor).receipt.pk},
            one_action=True,
        )  # fmt: skip
    except DomainError as error:
        return _receipt_page(request, found, error.message, error.http_status)
    messages.success(request, "The receipt is taken back. Receive what is right instead.")
    return HttpResponseRedirect(reverse("dashboard:receipt", args=[answer["pk"]]))


def _effects(found: Receipt) -> list[dict[str, Any]]:
    """Where the units go, and whether they are free."""
    is_open = found.order is not None and found.order.state != PurchaseOrderState.CLOSED
    lines = list(found.lines.select_related("sku").order_by("pk"))
    levels = {row.sku_id: row for row in StockLevel.objects.filter(node=found.node, sku__in=[x.sku_id for x in lines])}
    rows: list[dict[str, Any]] = []
    for line in lines:
        level = levels[line.sku_id]
        free = level.on_hand - level.reserved
        rows.append({"kind": "stock", "text": f"{line.sku.code}: on hand at {found.node.code}",
                     "before": str(level.on_hand), "after": str(level.on_hand - line.good_quantity),
                     "tone": "bad" if line.good_quantity > free else ""})  # fmt: skip
        if line.good_quantity > free:
            rows.append({"icon": "alert-triangle", "tone": "bad", "text": f"Only {free} of these are free: "
                         f"{level.reserved} are reserved. Release or reroute those orders first."})  # fmt: skip
        if line.damaged_quantity:
            rows.append({"kind": "stock", "text": f"{line.sku.code}: damaged", "before": str(level.damaged),
                         "after": str(level.damaged - line.damaged_quantity)})  # fmt: skip
        again = line.good_quantity + line.damaged_quantity - sum(over_parts(line))
        if is_open and line.order_line_id and again:
            rows.append({"kind": "promise", "text": f"{line.sku.code}: expected again on {found.order}",
                         "after": f"+{again}"})  # fmt: skip
    rows.append({"kind": "message", "text": "Channels are told the new quantity within seconds."})
    return rows
