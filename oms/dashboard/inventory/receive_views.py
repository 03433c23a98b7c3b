"""Goods without a purchase order: what came, its lots and serial numbers, what it does, done once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from inventory.models import Node, Sku, Tracking
from inventory.services import ReceiptItem, receive_goods
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.dashboard.inventory.access import node_for
from oms.dashboard.inventory.change_views import back_to, first_line, levels_of, lines_page
from oms.dashboard.inventory.forms import ReceiveForm
from oms.dashboard.inventory.receive_form import ReceiveRow, items_of, refuse_other_units, rows_to_name

Lines = list[tuple[Sku, int]]
#: Where refusals of lots and serial numbers are told: beside them.
_NAMING = frozenset({"lot", "serials", "expires_on"})


@require_http_methods(["GET", "POST"])
@requires("inventory.receive")
def receive_stock(request: HttpRequest, code: str) -> HttpResponse:
    """Goods came: form, lots and serial numbers, preview, then one receipt."""
    node = node_for(request, code)
    form = ReceiveForm(request.POST or None, initial={"lines": first_line(request)})
    if request.method != "POST" or not form.is_valid() or request.POST.get("edit"):
        return lines_page(request, form, node, "receive.html", None)
    lines: Lines = form.cleaned_data["lines"]
    is_named = bool(request.POST.get("named"))
    rows = rows_to_name(lines, request.POST if is_named else None, more=2 if request.POST.get("more") else 1)
    if rows and (not is_named or request.POST.get("more") or request.POST.get("rename")):
        return _naming_page(request, form, node, rows)
    try:
        items = _items(lines, rows)
        if not request.POST.get("confirmed"):
            return _preview(request, form, node, lines, rows, items)
        done = receive_goods(
            node_id=node.pk, items=items, op_key=f"receive/{form.cleaned_data['op_key']}",
            reference=form.cleaned_data["reference"], actor=principal_of(request).name,
        )  # fmt: skip
    except DomainError as error:
        if rows and (error.field in _NAMING or not request.POST.get("confirmed")):
            return _naming_page(request, form, node, rows, error)
        form.add_error("lines", error.message)
        return lines_page(request, form, node, "receive.html", None)
    units = sum(item.units for item in items)
    text = _("%(n)s units received at %(node)s.") % {"n": units, "node": node.code}
    messages.success(request, text if done.is_new else _("This was received before; nothing changed now."))
    return HttpResponseRedirect(back_to(node, lines))


def _items(lines: Lines, rows: Sequence[ReceiveRow]) -> list[ReceiptItem]:
    """What the form and the rows say together. Raises DomainError where they do not agree."""
    items = [ReceiptItem(sku_id=sku.pk, good=units) for sku, units in lines if sku.tracking == Tracking.NONE]
    if rows:
        named = items_of(rows)
        refuse_other_units(lines, named)
        items += named
    return items


def _naming_page(
    request: HttpRequest, form: ReceiveForm, node: Node, rows: list[ReceiveRow], error: DomainError | None = None
) -> HttpResponse:
    context = {
        "form": form, "node": node, "rows": rows, "problem": error.message if error else "",
        "has_lots": any(row.sku.tracking == Tracking.LOT for row in rows),
    }  # fmt: skip
    status = error.http_status if error else 200
    return render(request, "dashboard/inventory/receive_named.html", context, status=status)


def _preview(
    request: HttpRequest, form: ReceiveForm, node: Node, lines: Lines, rows: list[ReceiveRow],
    items: Sequence[ReceiptItem],
) -> HttpResponse:  # fmt: skip
    fields = [(f"{name}-{row.key}", text) for row in rows for name, text in row.texts.items() if text]
    context = {"form": form, "node": node, "preview": _effects(node, lines, items), "fields": fields,
               "is_named": bool(rows)}  # fmt: skip
    return render(request, "dashboard/inventory/receive.html", context)


def _effects(node: Node, lines: Lines, items: Sequence[ReceiptItem]) -> list[dict[str, Any]]:
    """ATP of each SKU before and after, lot by lot, and what is damaged."""
    atp = {sku_id: level.atp for sku_id, level in levels_of(node, lines).items()}
    codes = {sku.pk: sku.code for sku, _units in lines}
    rows: list[dict[str, Any]] = []
    for item in items:
        before = atp.get(item.sku_id, 0)
        what = f"{codes[item.sku_id]} {item.lot_code}".strip()
        if item.good:
            atp[item.sku_id] = before + item.good
            rows.append({"kind": "stock", "text": f"{item.good} x {what}, ATP at {node.code}", "before": str(before),
                         "after": str(before + item.good)})  # fmt: skip
        if item.damaged:
            rows.append({"icon": "alert-triangle", "text": _("%(what)s: damaged, not sold") % {"what": what},
                         "after": f"+{item.damaged}", "tone": "warn"})  # fmt: skip
        numbers = [*item.serials, *item.damaged_serials]
        if numbers:
            rows.append({"icon": "barcode", "text": ", ".join(numbers[:20]) + (" ..." if len(numbers) > 20 else "")})
    rows.append({"icon": "route", "text": _("Orders that wait for these SKUs are tried again.")})
    return rows
