"""One SKU at one node: why the number is what it is, and its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_GET

from inventory.models import Bucket, StockMovementReason
from inventory.selectors import (
    BALANCES,
    LedgerFilter,
    LedgerRow,
    LevelExplanation,
    explain_level,
    iter_ledger,
    ledger_balances,
    ledger_page,
    level_of,
)
from oms.accounts.access import Principal, principal_of, requires
from oms.dashboard.inventory.access import node_for
from oms.dashboard.inventory.forms import SafetyForm
from oms.dashboard.inventory.grid_views import csv_response
from oms.dashboard.orders.posting import is_fragment

#: What each bucket of the ledger is called.
_BUCKETS = dict(Bucket.choices)
_REASONS = dict(StockMovementReason.choices)


def ledger_url(sku_id: int, node_code: str, **only: str) -> str:
    """Address of a ledger, limited to a bucket or reason."""
    url = reverse("dashboard:ledger", args=[sku_id, node_code])
    return f"{url}?{urlencode(only)}" if only else url


def level_context(request: HttpRequest, found: LevelExplanation) -> dict[str, Any]:
    """What the drawer shows, the page too."""
    sku, node = found.sku, found.node
    page = reverse("dashboard:level", args=[sku.pk, node.code])
    links = {
        "reserved": f"{page}#reservations", "building": ledger_url(sku.pk, node.code),
        "safety_stock": f"{page}#safety",
    }  # fmt: skip
    bars = [
        {
            "label": part.label, "qty": part.quantity, "kind": "start" if index == 0 else "change",
            "url": links.get(part.key) or ledger_url(sku.pk, node.code, bucket=part.bucket),
        }
        for index, part in enumerate(found.parts)
    ]  # fmt: skip
    bars.append({"label": "ATP", "qty": found.level.atp, "kind": "total", "url": ""})
    principal = principal_of(request)
    return {
        "found": found, "sku": sku, "node": node, "level": found.level, "bars": bars, "page_url": page,
        "ledger": [_words(row) for row in found.ledger], "ledger_url": ledger_url(sku.pk, node.code),
        "may_see_orders": principal.may("orders.view"), "safety_form": SafetyForm(
            initial={"quantity": found.level.safety_stock}),
        "more_reservations": found.reserved_orders - len({row.order_id for row in found.reservations}),
        **_may(principal),
    }  # fmt: skip


def _may(principal: Principal) -> dict[str, bool]:
    verbs = ("adjust", "receive", "move")
    return {f"may_{verb}": principal.may(f"inventory.{verb}") for verb in verbs}


def _words(row: LedgerRow) -> dict[str, Any]:
    """A posting as people read it."""
    return {
        "row": row, "reason": _REASONS.get(row.reason, row.reason),
        "way": f"{_BUCKETS[row.from_bucket].lower()} → {_BUCKETS[row.to_bucket].lower()}",
        "after_atp": row.on_hand - row.reserved,
        # Order numbers are links; a delivery note is not.
        "order": row.reference if row.reference.startswith("OM-") else "",
    }  # fmt: skip


@require_GET
@requires("inventory.view")
def level(request: HttpRequest, sku_id: int, code: str) -> HttpResponse:
    """Why is it 3? The sentence, the steps to it, the orders that hold units, the last postings."""
    node = node_for(request, code)
    context = level_context(request, explain_level(sku_id, node.pk))
    template = "_level_drawer.html" if is_fragment(request) else "level.html"
    return render(request, f"dashboard/inventory/{template}", context)


def read_ledger_filter(request: HttpRequest) -> tuple[LedgerFilter, dict[str, str]]:
    """The filter in the address, and its texts as they were typed."""
    raw = {name: request.GET.get(name, "").strip()[:80] for name in ("bucket", "reason", "reference", "from", "to")}
    first, last = _day(raw["from"]), _day(raw["to"])
    only = LedgerFilter(
        bucket=raw["bucket"] if raw["bucket"] in _BUCKETS else "",
        reason=raw["reason"] if raw["reason"] in _REASONS else "", reference=raw["reference"], since=first,
        until=last + timedelta(days=1) if last else None,
    )  # fmt: skip
    return only, {name: value for name, value in raw.items() if value}


def _day(text: str) -> datetime | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return timezone.make_aware(datetime.combine(day, time())) if day else None


@require_GET
@requires("inventory.view")
def ledger(request: HttpRequest, sku_id: int, code: str) -> HttpResponse:
    """Every posting with the balance after it."""
    node = node_for(request, code)
    stock = level_of(sku_id, node.pk)
    only, raw = read_ledger_filter(request)
    before = request.GET.get("before", "")
    page = ledger_page(sku_id, node.pk, only=only, before=before)
    balances = ledger_balances(sku_id, node.pk)
    base = f"?{urlencode(raw)}&" if raw else "?"
    context = {
        "sku": stock.sku, "node": node, "level": stock, "rows": [_words(row) for row in page.rows], "raw": raw,
        "next_url": f"{base}before={page.before}" if page.before else "", "first_url": base if before else "",
        "buckets": [choice for choice in Bucket.choices if balances.get(choice[0])], "reasons": list(_REASONS.items()),
        "agrees": all(balances.get(name, 0) == getattr(stock, name) for name in BALANCES),
        "may_export": principal_of(request).may("inventory.export"), "export_query": urlencode(raw),
        "may_see_orders": principal_of(request).may("orders.view"), "from_day": raw.get("from", ""),
        "balances": [("ATP", stock.atp), *((_BUCKETS[name], getattr(stock, name)) for name in BALANCES)],
    }  # fmt: skip
    return render(request, "dashboard/inventory/ledger.html", context)


@require_GET
@requires("inventory.export")
def ledger_export(request: HttpRequest, sku_id: int, code: str) -> HttpResponseBase:
    """The same as CSV, all of it."""
    node = node_for(request, code)
    stock = level_of(sku_id, node.pk)
    only, _ = read_ledger_filter(request)

    def rows() -> Iterator[list[str | int]]:
        yield ["Happened", "Recorded", "Reason", "From", "To", "Quantity", "On hand after", "Reserved after",
               "Reference", "By", "Note"]  # fmt: skip
        for row in iter_ledger(sku_id, node.pk, only=only):
            happened, recorded = (timezone.localtime(at).isoformat(timespec="seconds")
                                  for at in (row.occurred_at, row.recorded_at))  # fmt: skip
            yield [happened, recorded, _REASONS.get(row.reason, row.reason), row.from_bucket, row.to_bucket,
                   row.quantity, row.on_hand, row.reserved, row.reference, row.actor, row.note]  # fmt: skip

    return csv_response(rows(), f"ledger-{stock.sku.code}-{node.code}".replace('"', ""))
