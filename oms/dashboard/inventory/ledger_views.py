"""The ledger of a SKU at one node or at all: every posting with the balances after it, and balances as of a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_GET

from inventory.models import Bucket, Node, Sku
from inventory.selectors import (
    BALANCES,
    LedgerFilter,
    balances_as_of,
    brought_forward,
    iter_ledger,
    ledger_page,
    level_of,
    prove_level,
)
from oms.accounts.access import in_node_scope, principal_of, requires
from oms.core.clock import now
from oms.core.errors import DomainError
from oms.dashboard.inventory.access import node_for, sku_for
from oms.dashboard.inventory.grid_views import csv_response
from oms.dashboard.inventory.level_views import BUCKET_WORDS, REASON_WORDS, row_in_words

_HEADINGS = ("Node", "Happened", "Recorded", "Reason", "From", "To", "Quantity", "On hand after", "Reserved after",
             "Reference", "By", "Note", "Lot", "Serial number", "Unit cost (minor)")  # fmt: skip


def _read_filter(request: HttpRequest) -> tuple[LedgerFilter, dict[str, str]]:
    """The filter in the address, and its texts as they were typed."""
    raw = {name: request.GET.get(name, "").strip()[:80] for name in ("bucket", "reason", "reference", "from", "to")}
    first, last = _day(raw["from"]), _day(raw["to"])
    only = LedgerFilter(
        bucket=raw["bucket"] if raw["bucket"] in BUCKET_WORDS else "",
        reason=raw["reason"] if raw["reason"] in REASON_WORDS else "", reference=raw["reference"], since=first,
        until=last + timedelta(days=1) if last else None,
    )  # fmt: skip
    return only, {name: value for name, value in raw.items() if value}


def _day(text: str) -> datetime | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return timezone.make_aware(datetime.combine(day, time())) if day else None


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is None or timezone.is_aware(moment) else timezone.make_aware(moment)


def _as_of(request: HttpRequest, sku_id: int, node_ids: Sequence[int]) -> dict[str, Any]:
    """The balances at the moment that the address asks for, added up over the nodes; why not, where they cannot be."""
    text, known = request.GET.get("at", ""), request.GET.get("known") == "1"
    asked: dict[str, Any] = {"as_of_text": text, "as_of_known": known, "as_of": None, "as_of_error": ""}
    moment = _moment(text)
    if moment is None:
        return asked | {"as_of_error": "date" if text else ""}
    if moment > now():
        return asked | {"as_of_error": "future"}
    try:
        found = balances_as_of(sku_id, node_ids, happened=moment, known=moment if known else None)
    except DomainError as error:
        return asked | {"as_of_error": error.message}
    sums = {name: sum(row[name] for row in found.values()) for name in BALANCES}
    rows = [(BUCKET_WORDS[name], sums[name]) for name in BALANCES]
    return asked | {"as_of": rows, "as_of_at": moment, "as_of_free": sums["on_hand"] - sums["reserved"]}


def _page_context(request: HttpRequest, sku: Sku, node_ids: Sequence[int]) -> dict[str, Any]:
    only, raw = _read_filter(request)
    before = request.GET.get("before", "")
    page = ledger_page(sku.pk, node_ids, only=only, before=before)
    base = f"?{urlencode(raw)}&" if raw else "?"
    principal = principal_of(request)
    return {
        "sku": sku, "rows": [row_in_words(row) for row in page.rows], "raw": raw, "from_day": raw.get("from", ""),
        "next_url": f"{base}before={page.before}" if page.before else "", "first_url": base if before else "",
        "reasons": list(REASON_WORDS.items()), "export_query": urlencode(raw),
        "may_export": principal.may("inventory.export"),
        **_as_of(request, sku.pk, node_ids),
    }  # fmt: skip


@require_GET
@requires("inventory.view")
def ledger(request: HttpRequest, sku_id: int, code: str) -> HttpResponse:
    """Every posting of a SKU at a node with the balance after it."""
    node = node_for(request, code)
    stock = level_of(sku_id, node.pk)
    context = _page_context(request, stock.sku, [node.pk]) | {
        "node": node, "level": stock, "brought_forward": brought_forward(sku_id, node.pk),
        "buckets": Bucket.choices, "proof": prove_level(stock),
        "balances": [("ATP", stock.atp), *((BUCKET_WORDS[name], getattr(stock, name)) for name in BALANCES)],
    }  # fmt: skip
    return render(request, "dashboard/inventory/ledger.html", context)


@require_GET
@requires("inventory.view")
def sku_ledger(request: HttpRequest, sku_id: int) -> HttpResponse:
    """The postings of a SKU at every node that this person sees, in one row of time."""
    sku, nodes = sku_for(sku_id), _nodes(request)
    codes = {node.pk: node.code for node in nodes}
    context = _page_context(request, sku, list(codes))
    for item in context["rows"]:
        item["node_code"] = codes[item["row"].node_id]
    return render(request, "dashboard/inventory/ledger.html", context | {"node": None, "buckets": Bucket.choices})


def _nodes(request: HttpRequest) -> list[Node]:
    return list(in_node_scope(Node.objects.order_by("code"), principal_of(request), "code"))


@require_GET
@requires("inventory.export")
def ledger_export(request: HttpRequest, sku_id: int, code: str) -> HttpResponseBase:
    """The same as CSV, all of it."""
    node = node_for(request, code)
    return _csv(request, level_of(sku_id, node.pk).sku, [node])


@require_GET
@requires("inventory.export")
def sku_ledger_export(request: HttpRequest, sku_id: int) -> HttpResponseBase:
    """The ledger of a SKU at every node as CSV."""
    return _csv(request, sku_for(sku_id), _nodes(request))


def _csv(request: HttpRequest, sku: Sku, nodes: Sequence[Node]) -> HttpResponseBase:
    only, _ = _read_filter(request)
    codes = {node.pk: node.code for node in nodes}

    def rows() -> Iterator[Sequence[str | int]]:
        yield _HEADINGS
        for row in iter_ledger(sku.pk, list(codes), only=only):
            happened, recorded = (timezone.localtime(at).isoformat(timespec="seconds")
                                  for at in (row.occurred_at, row.recorded_at))  # fmt: skip
            yield [codes[row.node_id], happened, recorded, REASON_WORDS.get(row.reason, row.reason), row.from_bucket,
                   row.to_bucket, row.quantity, row.on_hand, row.reserved, row.reference, row.actor, row.note, row.lot,
                   row.serial, "" if row.unit_cost_minor is None else row.unit_cost_minor]  # fmt: skip

    name = f"ledger-{sku.code}-{nodes[0].code if len(nodes) == 1 else 'all-nodes'}"
    return csv_response(rows(), name.replace('"', ""))
