"""Adjusting the stock of a SKU at a node: shown first, then posted once, or sent to a second person."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.files.base import ContentFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from fulfillment.selectors.units import units_in_totes
from inventory.models import ApprovalLimit, Lot, LotLevel, SerialNumber, StockLevel
from inventory.selectors import level_of
from inventory.services import (
    ADJUSTMENTS,
    COUNTED,
    Asked,
    ask_adjustment,
    needs_approval,
    reason_label,
    weigh_adjustment,
)
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.dashboard.inventory.access import node_for
from oms.dashboard.inventory.adjustment_forms import AdjustForm

_WORDS = {"on_hand": "On hand", "damaged": "Damaged", "quarantine": "To be checked"}


def adjust_effects(level: StockLevel, reason: str, quantity: int, lot_on_hand: int | None) -> list[dict[str, Any]]:
    """Each balance that the adjustment changes, before and after, and ATP. A count of a lot sets the lot's part."""
    before = {name: getattr(level, name) for name in _WORDS}
    after = dict(before)
    if reason == COUNTED:
        after["on_hand"] = quantity if lot_on_hand is None else before["on_hand"] + quantity - lot_on_hand
    else:
        effect = ADJUSTMENTS[reason]
        for bucket, sign in ((effect.from_bucket.value, -1), (effect.to_bucket.value, 1)):
            if bucket in after:
                after[bucket] += sign * quantity
    rows = [
        {"kind": "stock", "text": words, "before": before[name], "after": str(after[name]),
         "tone": "bad" if after[name] < 0 else ""}
        for name, words in _WORDS.items() if after[name] != before[name]
    ]  # fmt: skip
    change = after["on_hand"] - before["on_hand"]
    atp = level.atp + change
    rows.append({"kind": "promise", "text": "ATP", "before": str(level.atp), "after": str(atp),
                 "tone": "bad" if atp < 0 else ""})  # fmt: skip
    if after["on_hand"] < level.reserved:
        short = level.reserved - after["on_hand"]
        text = (
            f"{level.reserved} units are reserved for orders, {short} too many. Release or reroute those orders first."
        )
        rows.append({"icon": "alert-triangle", "tone": "bad", "text": text})
    elif change > 0:
        rows.append({"icon": "route", "text": "Orders that wait for this SKU are tried again."})
    if change:
        rows.append({"kind": "message", "text": "Channels are told the new quantity within seconds."})
    return rows


@require_http_methods(["GET", "POST"])
@requires("inventory.adjust")
def adjust_stock(request: HttpRequest, sku_id: int, code: str) -> HttpResponse:
    """Change stock for a reason: form, preview, then one posting, or a request to a second person."""
    node = node_for(request, code)
    level = level_of(sku_id, node.pk)
    form = AdjustForm(
        request.POST or None, request.FILES or None, sku=level.sku, initial={"reason": request.GET.get("reason", "")}
    )
    page = reverse("dashboard:level", args=[sku_id, node.code])
    context: dict[str, Any] = {"form": form, "level": level, "sku": level.sku, "node": node, "page_url": page}
    context |= _tracked(level)
    if request.method == "POST" and form.is_valid() and not request.POST.get("edit"):
        if not request.POST.get("confirmed"):
            return render(request, "dashboard/inventory/adjust.html", context | _preview(level, form.cleaned_data))
        answer = _do_adjust(request, level, form, page)
        if answer is not None:
            return answer
    refused = request.method == "POST" and not request.POST.get("edit")
    return render(request, "dashboard/inventory/adjust.html", context, status=422 if refused else 200)


def _tracked(level: StockLevel) -> dict[str, Any]:
    """Lots and serial numbers of the SKU here, to choose from."""
    lots = LotLevel.objects.filter(lot__sku=level.sku, node=level.node, on_hand__gt=0).select_related("lot")
    serials = SerialNumber.objects.filter(sku=level.sku, node=level.node).order_by("number")
    return {
        "lots": list(lots.order_by("lot__expires_on", "lot_id")[:200]) if level.sku.tracking == "lot" else [],
        "numbers": list(serials[:200]) if level.sku.tracking == "serial" else [],
    }


def _preview(level: StockLevel, data: dict[str, Any]) -> dict[str, Any]:
    lot = (
        Lot.objects.filter(sku=level.sku, code__iexact=data.get("lot", "").strip()).first() if data.get("lot") else None
    )
    on_hand = None
    if lot is not None:
        on_hand = LotLevel.objects.filter(lot=lot, node=level.node).values_list("on_hand", flat=True).first() or 0
    units, value = weigh_adjustment(
        node=level.node, sku=level.sku, reason=data["reason"], quantity=data["quantity"], lot=lot
    )
    limit: ApprovalLimit | None = needs_approval(node=level.node, units=units, value_minor=value)
    return {
        "preview": adjust_effects(level, data["reason"], data["quantity"], on_hand),
        "label": reason_label(data["reason"]),
        "limit": limit, "units": units, "value_minor": value, "serials": " ".join(data.get("serials", [])),
    }  # fmt: skip


def _do_adjust(request: HttpRequest, level: StockLevel, form: AdjustForm, page: str) -> HttpResponseRedirect | None:
    """Post it or ask for approval; None where it was refused, which the form then tells."""
    data, principal = form.cleaned_data, principal_of(request)
    photo = ContentFile(data["photo"].read(), name=data["photo"].name) if data["photo"] else None
    try:
        asked = ask_adjustment(
            node_id=level.node.pk, sku_id=level.sku.pk, reason=data["reason"], quantity=data["quantity"],
            op_key=f"adjust/{data['op_key']}", actor=principal.name, actor_key=principal.key, note=data["note"],
            lot_code=data.get("lot", ""), serials=data.get("serials", []), photo=photo,
            spoken_for=units_in_totes,
        )  # fmt: skip
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return None
    messages.success(request, _told(asked, level))
    if asked.waits:
        return HttpResponseRedirect(reverse("dashboard:adjustment", args=[asked.adjustment.pk]))
    return HttpResponseRedirect(page)


def _told(asked: Asked, level: StockLevel) -> str:
    row = asked.adjustment
    where = f"{level.sku.code} at {level.node.code}"
    if asked.waits:
        return _("%(where)s: asked for approval. Nothing is posted until somebody else accepts it.") % {"where": where}
    if row.reason == COUNTED:
        return f"{where}: counted {row.quantity}, {asked.change:+d} to what was on hand."
    again = "" if asked.changed else " This was posted before; nothing changed now."
    undo = " You can take it back for an hour, under Adjustments." if asked.changed else ""
    return f"{where}: {reason_label(row.reason).lower()}, {row.quantity} units.{again}{undo}"
