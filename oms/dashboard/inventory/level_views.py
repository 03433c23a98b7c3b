"""One SKU at one node: why the number is what it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from inventory.models import Bucket, ReplenishmentSuggestion, StockMovementReason, SuggestionState
from inventory.selectors import (
    LedgerRow,
    LevelExplanation,
    explain_level,
)
from inventory.selectors.count_history import last_count
from inventory.selectors.replenishment import reorder_figures
from oms.accounts.access import Principal, principal_of, requires
from oms.dashboard.inventory.access import node_for, sku_for
from oms.dashboard.inventory.forms import SafetyForm
from oms.dashboard.inventory.kit_views import level_of_kit
from oms.dashboard.orders.posting import is_fragment
from oms.reporting.replenishment_words import reorder_in_words
from oms.reporting.waiting_units import WAITING_SQL

#: What each bucket of the ledger is called.
BUCKET_WORDS = dict(Bucket.choices)
REASON_WORDS = dict(StockMovementReason.choices)


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
        "ledger": [row_in_words(row) for row in found.ledger], "ledger_url": ledger_url(sku.pk, node.code),
        "safety_form": SafetyForm(
            initial={"quantity": found.level.safety_stock}),
        "last_count": last_count(sku.pk, node.pk), "may_count": principal.may("inventory.count"),
        "more_reservations": found.reserved_orders - len({row.order_id for row in found.reservations}),
        **_may(principal), "may_rules": principal.may("inventory.rules"), **_keeping(sku.pk, node.pk),
    }  # fmt: skip


def _keeping(sku_id: int, node_id: int) -> dict[str, Any]:
    """When it is reordered here and how long it lasts, where a rule keeps it up; and what is suggested."""
    figures = reorder_figures(sku_id, waiting=WAITING_SQL).get(node_id)
    if figures is None:
        return {"keeping": None}
    open_one = ReplenishmentSuggestion.objects.filter(sku=sku_id, node=node_id, state=SuggestionState.OPEN).first()
    return {"keeping": figures, "keeping_words": reorder_in_words(figures), "suggested": open_one}


def _may(principal: Principal) -> dict[str, bool]:
    verbs = ("adjust", "receive", "move")
    return {f"may_{verb}": principal.may(f"inventory.{verb}") for verb in verbs}


def row_in_words(row: LedgerRow) -> dict[str, Any]:
    """A posting as people read it."""
    return {
        "row": row, "reason": REASON_WORDS.get(row.reason, row.reason),
        "way": f"{BUCKET_WORDS[row.from_bucket].lower()} → {BUCKET_WORDS[row.to_bucket].lower()}",
        "known_later": row.recorded_at - row.occurred_at > timedelta(minutes=1),
        # Order numbers are links; a delivery note is not.
        "order": row.reference if row.reference.startswith("OM-") else "", "document": _document(row.reference),
    }  # fmt: skip


def _document(reference: str) -> str:
    """The page of a transfer or an adjustment that a posting names by its number; empty for anything else."""
    kind, _, number = reference.partition("-")
    if not (number.isascii() and number.isdecimal() and len(number) < 16):
        return ""
    if kind == "ADJ":
        return reverse("dashboard:adjustment", args=[int(number)])
    return reverse("dashboard:transfer", args=[reference]) if kind == "TR" else ""


@require_GET
@requires("inventory.view")
def level(request: HttpRequest, sku_id: int, code: str) -> HttpResponse:
    """Why is it 3? The sentence, the steps to it, the orders that hold units, the last postings."""
    node = node_for(request, code)
    found = sku_for(sku_id)
    if found.is_kit:
        return level_of_kit(request, found, node)
    context = level_context(request, explain_level(sku_id, node.pk))
    template = "_level_drawer.html" if is_fragment(request) else "level.html"
    return render(request, f"dashboard/inventory/{template}", context)
