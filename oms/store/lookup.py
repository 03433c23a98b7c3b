"""Looking an item up: what lies here, what lies nearby, who needs it. And the settings of this device."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.db.models import F
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState
from fulfillment.selectors import TO_PICK
from fulfillment.selectors.finding import called
from inventory.models import Node, Sku, StockLevel
from oms.accounts.access import principal_of
from oms.store.gate import show, store_page
from oms.store.sharing import is_pin_session
from oms.store.walk import sku_of

_NEARBY = 6
_EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearby:
    """Another node that can still promise some."""

    node: Node
    atp: int
    km: float | None


@store_page
def lookup(request: HttpRequest, node: Node) -> HttpResponseBase:
    """An item by barcode or SKU; an order of this store by its number goes to its work."""
    code = request.GET.get("code", "").strip()[:80]
    if not code:
        return show(request, node, "lookup", "scan", code="")
    sku = sku_of(code)
    if sku is None:
        work = called(FulfillmentOrder.objects.filter(node=node), code).order_by("-pk").first()
        if work is not None:
            return HttpResponseRedirect(reverse("store:work", args=[work.pk]))
        return show(request, node, "lookup", "scan", code=code, unknown=True)
    level = StockLevel.objects.filter(node=node, sku=sku).first()
    return show(request, node, "lookup", "scan", code=code, sku=sku, level=level,
                options=", ".join(str(value) for value in sku.options.values() if value),
                nearby=_nearby(node, sku), needed=_needed(node, sku),
                may_sell=principal_of(request).may("store.sell"))  # fmt: skip


def _nearby(node: Node, sku: Sku) -> list[Nearby]:
    return nodes_with(node, sku)[:_NEARBY]


def nodes_with(node: Node, sku: Sku) -> list[Nearby]:
    """Active nodes but this one that can still promise the SKU, the closest first."""
    rows = (
        StockLevel.objects.select_related("node")
        .filter(sku=sku, node__is_active=True, on_hand__gt=F("reserved") + F("safety_stock"))
        .exclude(node=node)
    )
    found = [Nearby(node=row.node, atp=row.atp, km=_kilometres(node, row.node)) for row in rows]
    found.sort(key=lambda item: (item.km is None, item.km or 0.0, -item.atp))
    return found


def _kilometres(start: Node, end: Node) -> float | None:
    """Great-circle distance by the haversine formula; None where a place is not known."""
    if None in (start.latitude, start.longitude, end.latitude, end.longitude):
        return None
    lat1, lon1, lat2, lon2 = (
        math.radians(value or 0.0) for value in (start.latitude, start.longitude, end.latitude, end.longitude)
    )
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(half))


def _needed(node: Node, sku: Sku) -> list[FulfillmentLine]:
    """Open work of this store that still needs the SKU."""
    return list(
        FulfillmentLine.objects.select_related("fulfillment_order__order")
        .filter(
            sku=sku, fulfillment_order__node=node, quantity__gt=F("picked") + F("short"),
            fulfillment_order__state__in=(FulfillmentOrderState.OPEN, *TO_PICK),
        )
        .order_by("fulfillment_order__due_at", "pk")[:20]
    )  # fmt: skip


@store_page
def more(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Store, appearance, sound, PINs and phones, sign out."""
    principal = principal_of(request)
    return show(
        request, node, "more", "more", may_count=principal.may("inventory.count"), is_pin=is_pin_session(request),
        may_share=principal.may("devices.share") and not is_pin_session(request),
    )  # fmt: skip
