"""Where is this serial number now, and its whole story."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.selectors.recall import parcels_with, references_told, totes_with
from inventory.models import Bucket, Node, SerialNumber
from inventory.selectors.lots import serials_numbered, story_of_serial
from oms.accounts.access import Principal, in_node_scope, in_order_scope, in_work_scope, principal_of, requires
from oms.core.errors import NotFound
from oms.dashboard.inventory.level_views import BUCKET_WORDS, REASON_WORDS
from orders.models import Order
from returns.models import Return, ReturnUnit

TONES = {
    "on_hand": "good", "packed": "progress", "customer": "info", "damaged": "bad", "quarantine": "warn",
    "inbound": "info", "transit": "progress", "supplier": "neutral", "adjustment": "off",
}  # fmt: skip


def url_of_serial(text: str) -> str:
    """The page of a serial number, or of all that are called so; empty where nobody knows it."""
    found = serials_numbered(text)
    if len(found) == 1:
        return reverse("dashboard:serial", args=[found[0].pk])
    return f"{reverse('dashboard:serials')}?{urlencode({'q': text.strip()})}" if found else ""


@require_safe
@requires("inventory.view")
def serials(request: HttpRequest) -> HttpResponse:
    """Look a serial number up. One that is the only one leads to its page."""
    text = request.GET.get("q", "").strip()[:60]
    found = serials_numbered(text)
    if len(found) == 1:
        return HttpResponseRedirect(reverse("dashboard:serial", args=[found[0].pk]))
    seen = set(_codes(principal_of(request)))
    rows = [{"serial": row, "where": _where(row, seen), "tone": TONES.get(row.bucket, "neutral")} for row in found]
    return render(request, "dashboard/inventory/serials/find.html", {"text": text, "rows": rows})


def _codes(principal: Principal) -> list[str]:
    return list(in_node_scope(Node.objects.all(), principal, "code").values_list("code", flat=True))


def _where(serial: SerialNumber, seen: set[str]) -> str:
    """The place in words; a node outside of the scope has no name here."""
    words = {Bucket.CUSTOMER.value: "With a customer", Bucket.SUPPLIER.value: "At the supplier",
             Bucket.ADJUSTMENT.value: "Written off or not found"}  # fmt: skip
    if serial.bucket in words:
        return words[serial.bucket]
    place = ""
    if serial.node is not None:
        place = f" at {serial.node.code}" if serial.node.code in seen else " at another node"
    return f"{BUCKET_WORDS[serial.bucket]}{place}"


@require_safe
@requires("inventory.view")
def serial(request: HttpRequest, pk: int) -> HttpResponse:
    """One unit: where it is now, the parcels it was in, what came back, every posting."""
    principal = principal_of(request)
    found = SerialNumber.objects.select_related("sku", "node").filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no serial number {pk}.")
    seen = set(_codes(principal))
    may_see = principal.may("orders.view")
    mine = in_order_scope(Shipment.objects.all(), principal, "order")
    nodes = in_node_scope(Node.objects.all(), principal, "code").values_list("pk", flat=True)
    work = in_work_scope(FulfillmentOrder.objects.all(), principal)
    totes = totes_with(list(nodes), serial_id=found.pk).filter(line__fulfillment_order__in=work)
    back = ReturnUnit.objects.filter(
        serial=found, line__return_order__in=in_work_scope(Return.objects.all(), principal)
    )
    orders = in_order_scope(Order.objects.all() if may_see else Order.objects.none(), principal)
    context = {
        "reference": references_told([found], node_codes=seen, orders=orders)[found.pk],
        "serial": found, "sku": found.sku, "where": _where(found, seen), "tone": TONES.get(found.bucket, "neutral"),
        "parcels": list(parcels_with(mine, serial_id=found.pk)[:50]) if may_see else [],
        "totes": list(totes[:5]) if may_see else [],
        "returns": list(back.select_related("line__return_order").order_by("-pk")[:50]) if may_see else [],
        "story": [_posting(row) for row in story_of_serial(found) if row.node.code in seen],
    }  # fmt: skip
    return render(request, "dashboard/inventory/serials/detail.html", context)


def _posting(row: Any) -> dict[str, Any]:
    return {
        "row": row, "reason": REASON_WORDS.get(row.reason, row.reason),
        "way": f"{BUCKET_WORDS[row.from_bucket].lower()} → {BUCKET_WORDS[row.to_bucket].lower()}",
        "order": row.reference if row.reference.startswith("OM-") else "",
    }  # fmt: skip
