"""One SKU: every node, every channel."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from channels.models import Listing
from inventory.models import Node, StockLevel
from inventory.selectors.replenishment import reorder_figures
from oms.accounts.access import in_channel_scope, in_node_scope, principal_of, requires
from oms.dashboard.inventory.access import sku_for
from oms.dashboard.inventory.grid import waiting_units
from oms.dashboard.inventory.kit_views import kit_context
from oms.dashboard.inventory.lot_views import lots_of_sku
from oms.dashboard.inventory.substitute_views import substitute_context
from oms.reporting.waiting_units import WAITING_SQL
from routing.selectors import expected_of


@require_GET
@requires("inventory.view")
def sku(request: HttpRequest, sku_id: int) -> HttpResponse:
    """What every node has of it, and what every channel was told."""
    principal = principal_of(request)
    found = sku_for(sku_id)
    nodes = list(in_node_scope(Node.objects.order_by("code"), principal, "code"))
    levels = {level.node_id: level for level in StockLevel.objects.filter(sku=found, node__in=nodes)}
    figures = reorder_figures(sku_id, waiting=WAITING_SQL)
    rows = [(node, levels.get(node.pk), figures.get(node.pk)) for node in nodes]
    rows.sort(key=lambda row: (row[1] is None, -(row[1].atp if row[1] else 0), row[0].code))
    known = list(levels.values())
    context = {
        "sku": found, "rows": rows, "kept_up": bool(figures), "listings": _listings(request, sku_id),
        "atp": sum(max(0, level.atp) for level in known), "waiting": waiting_units([sku_id]).get(sku_id, 0),
        "totals": {name: sum(getattr(level, name) for level in known)
                   for name in ("on_hand", "reserved", "packed", "damaged", "quarantine", "inbound")},
        "barcodes": list(found.barcodes.order_by("code").values_list("code", flat=True)),
        "may_adjust": principal.may("inventory.adjust"), "may_receive": principal.may("inventory.receive"),
        "may_move": principal.may("inventory.move"),
        "today": timezone.localdate(), "lots": lots_of_sku(found, nodes),
        **kit_context(request, found), **substitute_context(request, found),
        "expected": [row for row in expected_of([sku_id]) if principal.sees_node(row.arrival.node_code)],
    }  # fmt: skip
    return render(request, "dashboard/inventory/sku.html", context)


def _listings(request: HttpRequest, sku_id: int) -> list[dict[str, Any]]:
    """Per channel: what we want it to sell, what was sent, whether it was acknowledged, what it says itself."""
    principal = principal_of(request)
    if not principal.may("channels.view"):
        return []
    listings = Listing.objects.filter(sku_id=sku_id).select_related("account__channel")
    listings = in_channel_scope(listings, principal, "account__channel__code").order_by("account__channel__name", "pk")
    rows = []
    for listing in listings:
        behind = listing.wanted_version > listing.sent_version
        drift = (
            listing.reported_quantity - listing.sent_quantity
            if listing.reported_quantity is not None and listing.sent_quantity is not None
            else None
        )
        rows.append({"listing": listing, "behind": behind, "drift": drift})
    return rows
