"""Suppliers, and what each sells at which price."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inventory.models import Node, Supplier
from inventory.services import OPEN_STATES, remove_supplier_item, save_supplier, save_supplier_items
from oms.accounts.access import in_node_scope, principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.dashboard.inventory.purchase_access import supplier_for
from oms.dashboard.inventory.purchase_forms import ItemForm, SupplierForm

#: Items on one page.
MOST_ITEMS = 500


@require_safe
@requires("inventory.view")
def suppliers(request: HttpRequest) -> HttpResponse:
    """From whom goods are bought."""
    principal = principal_of(request)
    text = request.GET.get("q", "").strip()[:80]
    rows = Supplier.objects.select_related("node")
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(code__icontains=text) | Q(items__sku__code__iexact=text))
    scope = Q(purchase_orders__state__in=OPEN_STATES)
    if not principal.all_nodes:
        scope &= Q(purchase_orders__node__code__in=sorted(principal.node_codes))
    rows = rows.annotate(
        item_count=Count("items", distinct=True), open_count=Count("purchase_orders", filter=scope, distinct=True)
    ).order_by("name")[:MOST_ITEMS]
    context = {"rows": rows, "text": text, "may_buy": principal.may("inventory.buy")}
    return render(request, "dashboard/inventory/purchase_orders/suppliers.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.buy")
def supplier_new(request: HttpRequest) -> HttpResponseBase:
    """A new supplier."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.view")
def supplier(request: HttpRequest, code: str) -> HttpResponseBase:
    """One supplier: its terms and what it sells. Changing either needs the right to buy."""
    found = supplier_for(code)
    if request.method == "POST":
        principal_of(request).require("inventory.buy")
        return _edit(request, found)
    return supplier_page(request, found)


def _edit(request: HttpRequest, found: Supplier | None) -> HttpResponseBase:
    nodes = in_node_scope(Node.objects.order_by("code"), principal_of(request), "code")
    form = SupplierForm(request.POST or None, nodes=nodes, instance=found)
    if request.method == "POST" and form.is_valid():
        terms, pk = form.terms(), found.pk if found else None
        try:
            answer = once_per_form(request, lambda: {"code": save_supplier(terms=terms, supplier_id=pk).code})
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            messages.success(request, f"{terms.name} is saved.")
            return HttpResponseRedirect(reverse("dashboard:supplier", args=[answer["code"]]))
    status = 422 if request.method == "POST" else 200
    if found is None:
        return render(request, "dashboard/inventory/purchase_orders/supplier.html", {"form": form}, status=status)
    return supplier_page(request, supplier_for_form(found), form=form, status=status)


def supplier_for_form(found: Supplier) -> Supplier:
    """The supplier as it is stored: a form that was refused has changed the object in hand."""
    return Supplier.objects.get(pk=found.pk)


def supplier_page(
    request: HttpRequest, found: Supplier, *, form: SupplierForm | None = None, item_form: ItemForm | None = None,
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    """The page of a supplier."""
    principal = principal_of(request)
    nodes = in_node_scope(Node.objects.order_by("code"), principal, "code")
    context: dict[str, Any] = {
        "supplier": found, "form": form or SupplierForm(nodes=nodes, instance=found),
        "items": found.items.select_related("sku").order_by("sku__code")[:MOST_ITEMS],
        "item_form": item_form or ItemForm(currency=found.currency), "may_buy": principal.may("inventory.buy"),
    }  # fmt: skip
    return render(request, "dashboard/inventory/purchase_orders/supplier.html", context, status=status)


@require_POST
@requires("inventory.buy")
def supplier_item_save(request: HttpRequest, code: str) -> HttpResponseBase:
    """A SKU it sells, new or at another price."""
    found = supplier_for(code)
    form = ItemForm(request.POST, currency=found.currency)
    if not form.is_valid():
        return supplier_page(request, found, item_form=form, status=422)
    terms = form.terms()
    once_per_form(request, lambda: {"n": save_supplier_items(supplier_id=found.pk, items=[terms])})
    messages.success(request, f"{form.cleaned_data['sku'].code} is noted.")
    return HttpResponseRedirect(reverse("dashboard:supplier", args=[code]))


@require_POST
@requires("inventory.buy")
def supplier_item_remove(request: HttpRequest, code: str, sku_id: int) -> HttpResponseBase:
    """It does not sell this any more."""
    found = supplier_for(code)
    once_per_form(request, lambda: {"gone": remove_supplier_item(supplier_id=found.pk, sku_id=sku_id)})
    messages.success(request, "The item is removed.")
    return HttpResponseRedirect(reverse("dashboard:supplier", args=[code]))
