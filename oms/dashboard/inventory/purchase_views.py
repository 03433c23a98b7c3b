"""Purchase orders: the list, one order, drafting, placing, cancelling, closing short, a new date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inventory.models import Node, PurchaseOrder, PurchaseOrderState, StockLevel, Supplier, SupplierItem
from inventory.services import (
    OPEN_STATES,
    announced_units,
    cancel_purchase_order,
    close_purchase_order,
    draft_purchase_order,
    edit_purchase_order,
    place_purchase_order,
    reschedule_purchase_order,
)
from oms.accounts.access import in_node_scope, principal_of, requires
from oms.core.errors import DomainError
from oms.core.models import Transition
from oms.core.posting import once_per_form
from oms.dashboard.inventory.purchase_access import (
    ICONS,
    TONES,
    allowed_steps,
    is_late,
    order_for,
    page_of,
    receipts_with_sums,
    version_of,
)
from oms.dashboard.inventory.purchase_forms import ChooseForm, DateForm, PurchaseForm, text_of_lines

State = PurchaseOrderState
#: Items of a supplier that are offered beside the form.
MOST_ITEMS = 200


def _page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, f"dashboard/inventory/purchase_orders/{template}.html", context, status=status)


# -- one order ---------------------------------------------------------------------------------------------------------


@require_safe
@requires("inventory.view")
def purchase_order(request: HttpRequest, pk: int) -> HttpResponse:
    """What was ordered, what came of it, what is on its way."""
    return order_page(request, order_for(request, pk))


def order_page(request: HttpRequest, order: PurchaseOrder, problem: str = "", status: int = 200) -> HttpResponse:
    """The page of an order, with what was refused above it."""
    lines = list(order.lines.select_related("sku").order_by("pk"))
    shipments = order.inbound_shipments.prefetch_related("lines__order_line__sku").order_by("pk")
    history = Transition.objects.filter(model="inventory.PurchaseOrder", object_id=order.pk).order_by("pk")
    on_the_way = announced_units(order.pk)
    context = {
        "order": order, "tone": TONES[order.state], "icon": ICONS.get(order.state, ""), "late": is_late(order),
        "lines": [{"line": line, "segments": _segments(line), "on_the_way": on_the_way.get(line.pk, 0)}
                  for line in lines],
        "units": sum(line.quantity for line in lines), "problem": problem,
        "value_minor": sum(line.quantity * line.unit_cost_minor for line in lines),
        "shipments": [(shipment, TONES[shipment.state]) for shipment in shipments],
        "receipts": receipts_with_sums(order.receipts.order_by("pk")),
        "history": [_history_row(row) for row in history],
        "date_form": DateForm(initial={name: getattr(order, name) for name in ("expected_on", "reference", "note")}),
        **allowed_steps(principal_of(request), order),
    }  # fmt: skip
    return _page(request, "detail", context, status)


def _history_row(row: Transition) -> dict[str, Any]:
    """A step of the order's history: the state that it came to, or what else was changed."""
    words = dict(State.choices)
    what = words.get(row.to_state) or f"{row.from_state} → {row.to_state}"
    return {"at": row.at, "actor": row.actor, "reason": row.reason, "what": what}


def _segments(line: Any) -> list[tuple[str, int, str]]:
    parts = (("received", line.received_quantity, "good"), ("damaged", line.damaged_quantity, "bad"),
             ("open", line.open_quantity, "info"), ("short", line.short_quantity, "off"))  # fmt: skip
    return [part for part in parts if part[1]]


# -- drafts ------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.buy")
def purchase_order_new(request: HttpRequest) -> HttpResponseBase:
    """From whom and for which node first; then what."""
    nodes = in_node_scope(Node.objects.order_by("code"), principal_of(request), "code")
    chosen = request.GET.get("supplier") and request.GET.get("node")
    choose = ChooseForm(request.GET if chosen else None, nodes=nodes, initial=request.GET.dict())
    if not chosen or not choose.is_valid():
        return _page(request, "choose", {"form": choose}, 422 if chosen else 200)
    supplier, node = choose.cleaned_data["supplier"], choose.cleaned_data["node"]
    return _draft_page(request, supplier, node, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.buy")
def purchase_order_edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Change a draft."""
    order = order_for(request, pk)
    if order.state != State.DRAFT:
        return order_page(request, order, f"{order} is no draft any more.", 409)
    return _draft_page(request, order.supplier, order.node, order)


def _draft_page(request: HttpRequest, supplier: Supplier, node: Node, order: PurchaseOrder | None) -> HttpResponseBase:
    items = list(supplier.items.select_related("sku").order_by("sku__code")[:MOST_ITEMS])
    initial: dict[str, Any] = {}
    if order is not None:
        initial = {name: getattr(order, name) for name in ("number", "expected_on", "reference", "note")}
        initial["lines"] = text_of_lines(order)
    form = PurchaseForm(request.POST or None, supplier=supplier, items=items, initial=initial)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                answer = once_per_form(request, lambda: _save(request, form, supplier, node, order))
            except DomainError as error:
                form.add_error(error.field if error.field in form.fields else None, error.message)
                status = error.http_status
            else:
                messages.success(request, f"{answer['number']} is a draft. Nothing is expected before it is placed.")
                return HttpResponseRedirect(answer["url"])
    context = {
        "form": form, "order": order, "supplier": supplier, "node": node, "items": _items(form, items, node),
        "lead_day": timezone.localdate() + timedelta(days=supplier.lead_days),
    }  # fmt: skip
    return _page(request, "form", context, status)


def _save(
    request: HttpRequest, form: PurchaseForm, supplier: Supplier, node: Node, order: PurchaseOrder | None
) -> dict[str, Any]:
    terms, lines = form.terms(supplier, node), form.cleaned_data["purchase_lines"]
    if order is not None:
        saved = edit_purchase_order(order_id=order.pk, version=version_of(request), terms=terms, lines=lines)
    else:
        saved = draft_purchase_order(
            terms=terms, lines=lines, actor=principal_of(request).name, number=form.cleaned_data["number"]
        )
    return {"number": saved.number, "url": page_of(saved)}


def _items(form: PurchaseForm, items: list[SupplierItem], node: Node) -> list[dict[str, Any]]:
    """What the supplier sells, with what the node has of it: the scarcest first."""
    levels = {row.sku_id: row for row in StockLevel.objects.filter(node=node, sku__in=[item.sku_id for item in items])}
    rows: list[dict[str, Any]] = [
        {"item": item, "field": form[f"item-{item.sku_id}"], "level": level, "atp": level.atp if level else 0,
         "inbound": level.inbound if level else 0}
        for item in items for level in [levels.get(item.sku_id)]
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["atp"] + row["inbound"], row["item"].sku.code))
    return rows


# -- steps that are shown before they are done -------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.buy")
def purchase_order_place(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Order it: what becomes inbound, and when it is expected."""
    order, actor = order_for(request, pk), principal_of(request).name
    due = order.expected_on or timezone.localdate() + timedelta(days=order.supplier.lead_days)
    units = sum(order.lines.values_list("quantity", flat=True))
    effects = [
        {"kind": "stock", "text": f"Inbound at {order.node.code}", "after": f"+{units}"},
        {"kind": "promise", "text": "Expected on", "after": f"{due:%d %b %Y}"},
        {"icon": "info-circle", "text": "ATP does not change before the goods are received. The lines cannot be "
                                        "changed after this; the rest of an order can be cancelled or closed short."},
    ]  # fmt: skip

    def act(version: int, reason: str) -> PurchaseOrder:
        return place_purchase_order(order_id=pk, version=version, actor=actor)

    return _step(request, order, "Place the order", effects, act, allowed=order.state == State.DRAFT)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.buy")
def purchase_order_cancel(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Call it off before anything came."""
    order, actor = order_for(request, pk), principal_of(request).name

    def act(version: int, reason: str) -> PurchaseOrder:
        return cancel_purchase_order(order_id=pk, version=version, reason=reason, actor=actor)

    return _step(request, order, "Cancel the order", _ending(order), act, bad=True,
                 allowed=order.state in (State.DRAFT, State.PLACED))  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.buy")
def purchase_order_close(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Expect no more of it."""
    order, actor = order_for(request, pk), principal_of(request).name

    def act(version: int, reason: str) -> PurchaseOrder:
        return close_purchase_order(order_id=pk, version=version, reason=reason, actor=actor)

    return _step(request, order, "Close it short", _ending(order), act, bad=True, allowed=order.state in OPEN_STATES)


def _ending(order: PurchaseOrder) -> list[dict[str, Any]]:
    """What ends with an order: inbound units, and announced deliveries."""
    if order.state == State.DRAFT:
        return [{"icon": "info-circle", "text": "Nothing was expected of a draft: no stock changes."}]
    units = sum(order.lines.values_list("open_quantity", flat=True))
    rows = [{"kind": "stock", "text": f"Inbound at {order.node.code}", "after": f"−{units}", "tone": "bad"}]
    coming = order.inbound_shipments.filter(state__in=("expected", "arrived")).count()
    if coming:
        rows.append({"icon": "truck", "text": f"{coming} announced deliveries end with it."})
    rows.append({"kind": "promise", "text": "Waiting orders lose the dates that these units gave them."})
    return rows


def _step(
    request: HttpRequest, order: PurchaseOrder, label: str, effects: list[dict[str, Any]],
    act: Callable[[int, str], PurchaseOrder], *, allowed: bool, bad: bool = False,
) -> HttpResponseBase:  # fmt: skip
    """A page that says what follows, and the write it asks about."""
    if not allowed:
        return order_page(request, order, f"{order} is {order.get_state_display().lower()}: this is not possible.", 409)
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()[:200]
        try:
            version = version_of(request)
            once_per_form(request, lambda: {"state": act(version, reason).state}, one_action=True)
        except DomainError as error:
            return order_page(request, order_for(request, order.pk), error.message, error.http_status)
        done = order_for(request, order.pk)
        messages.success(request, f"{done} is {done.get_state_display().lower()}.")
        return HttpResponseRedirect(page_of(order))
    context = {"order": order, "label": label, "effects": effects, "bad": bad}
    return _page(request, "step", context)


@require_POST
@requires("inventory.buy")
def purchase_order_date(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Another date, number or note from the supplier."""
    order = order_for(request, pk)
    form = DateForm(request.POST)
    if not form.is_valid():
        return order_page(request, order, "Enter the day on which it is expected.", 422)
    try:
        version = version_of(request)
        once_per_form(
            request,
            lambda: {"v": reschedule_purchase_order(order_id=pk, version=version, **form.cleaned_data).version},
        )
    except DomainError as error:
        return order_page(request, order_for(request, pk), error.message, error.http_status)
    messages.success(request, f"{order} is expected on {form.cleaned_data['expected_on']:%d %b %Y}.")
    return HttpResponseRedirect(page_of(order))
