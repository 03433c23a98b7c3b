"""The list of purchase orders, and its export."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from inventory.models import Node, PurchaseOrder, PurchaseOrderState, Supplier
from inventory.services import OPEN_STATES
from oms.accounts.access import Principal, in_node_scope, principal_of, requires
from oms.dashboard.inventory.grid_views import csv_response
from oms.dashboard.inventory.purchase_access import ICONS, TONES, is_late, orders_of, with_sums
from oms.dashboard.inventory.purchase_forms import amount_of

State = PurchaseOrderState
PAGE_ROWS = 50
_SHOWN = ("open", "late", "draft", "received", "closed", "cancelled", "all")


@require_safe
@requires("inventory.view")
def purchase_orders(request: HttpRequest) -> HttpResponse:
    """What was bought and has not come yet; or any other part of all orders, the newest first."""
    principal = principal_of(request)
    asked = asked_of(request)
    mark = request.GET.get("before", "")
    rows = _shown(principal, asked)
    if mark.isascii() and mark.isdecimal() and len(mark) < 16:
        rows = rows.filter(pk__lt=int(mark))
    page = list(with_sums(rows).order_by("-pk")[: PAGE_ROWS + 1])
    more, page = len(page) > PAGE_ROWS, page[:PAGE_ROWS]
    nodes = in_node_scope(Node.objects.order_by("code"), principal, "code")
    words = {"open": "Open", "late": "Late", "draft": "Drafts", "received": "Received", "closed": "Closed short",
             "cancelled": "Cancelled", "all": "All"}  # fmt: skip
    context = {
        "rows": [{"order": row, "tone": TONES[row.state], "icon": ICONS.get(row.state, ""), "late": is_late(row),
                  "has_step": row.state in (State.DRAFT, *OPEN_STATES)} for row in page],
        "tabs": [{"label": words[key], "url": f"?{urlencode({**asked, 'show': key})}", "active": key == asked["show"]}
                 for key in _SHOWN],
        "asked": asked, "nodes": list(nodes.values_list("code", "name")),
        "suppliers": list(Supplier.objects.values_list("code", "name")),
        "next_url": f"?{urlencode({**asked, 'before': page[-1].pk})}" if more else "",
        "first_url": f"?{urlencode(asked)}" if mark else "", "query": urlencode(asked),
        "may_buy": principal.may("inventory.buy"), "may_export": principal.may("inventory.export"),
        "may_import": principal.may("inventory.buy") and principal.may("imports.run"),
        "clear_url": f"?{urlencode({'show': asked['show']})}" if len(asked) > 1 else "",
        "any": bool(page) or orders_of(principal).exists(),
    }  # fmt: skip
    return render(request, "dashboard/inventory/purchase_orders/list.html", context)


def asked_of(request: HttpRequest) -> dict[str, str]:
    """The filter in the address; only what is set."""
    show = request.GET.get("show", "open")
    asked = {"show": show if show in _SHOWN else "open"}
    for name in ("supplier", "node", "q"):
        text = request.GET.get(name, "").strip()[:80]
        if text:
            asked[name] = text
    return asked


def _shown(principal: Principal, asked: dict[str, str]) -> QuerySet[PurchaseOrder]:
    rows = orders_of(principal)
    if supplier := asked.get("supplier"):
        rows = rows.filter(supplier__code=supplier)
    if node := asked.get("node"):
        rows = rows.filter(node__code=node)
    if text := asked.get("q"):
        of_sku = PurchaseOrder.objects.filter(lines__sku__code__iexact=text).values("pk")
        rows = rows.filter(Q(number__istartswith=text) | Q(reference__iexact=text) | Q(pk__in=of_sku))
    show = asked["show"]
    if show == "open":
        return rows.filter(state__in=(State.DRAFT, *OPEN_STATES))
    if show == "late":
        return rows.filter(state__in=OPEN_STATES, expected_on__lt=timezone.localdate())
    return rows if show == "all" else rows.filter(state=show)


@require_safe
@requires("inventory.export")
def export(request: HttpRequest) -> HttpResponseBase:
    """What the list shows, all of it, as CSV."""
    rows = with_sums(_shown(principal_of(request), asked_of(request))).order_by("-pk")

    def lines() -> Iterator[list[str | int]]:
        yield ["Number", "Supplier", "Node", "State", "Expected on", "Units", "Came", "Open", "Over", "Currency",
               "Value"]  # fmt: skip
        for row in rows.iterator(chunk_size=500):
            yield [row.number, row.supplier.name, row.node.code, row.get_state_display(), str(row.expected_on or ""),
                   row.units, row.came, row.open_units, row.over_units, row.currency,
                   amount_of(row.value_minor, row.currency)]  # fmt: skip

    return csv_response(lines(), "purchase-orders")
