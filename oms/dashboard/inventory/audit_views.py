"""What the stock auditor found."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from inventory.models import Node, Sku, StockAudit
from inventory.services import audit_stock
from oms.accounts.access import principal_of, requires


@require_GET
@requires("inventory.view")
def differences(request: HttpRequest) -> HttpResponse:
    """The newest audit and each difference it found, in the nodes that this person sees."""
    audit = StockAudit.objects.order_by("-pk").first()
    found = audit.found if audit else []
    principal = principal_of(request)
    skus = Sku.objects.in_bulk([row["sku_id"] for row in found])
    nodes = Node.objects.in_bulk([row["node_id"] for row in found])
    rows = [
        {**row, "sku": skus[row["sku_id"]], "node": nodes[row["node_id"]], "off": row["stored"] - row["computed"]}
        for row in found
        if row["sku_id"] in skus and row["node_id"] in nodes and principal.sees_node(nodes[row["node_id"]].code)
    ]  # fmt: skip
    history = list(StockAudit.objects.order_by("-pk").defer("found")[:10])
    context = {"audit": audit, "rows": rows, "history": history, "may_check": principal.may("inventory.adjust")}
    return render(request, "dashboard/inventory/differences.html", context)


@require_POST
@requires("inventory.adjust")
def check(request: HttpRequest) -> HttpResponse:
    """Add up the whole ledger now."""
    found = audit_stock()
    if found:
        messages.warning(request, f"{len(found)} differences found.")
    else:
        messages.success(request, "Every stock level is what its ledger adds up to.")
    return HttpResponseRedirect(reverse("dashboard:stock_differences"))
