"""One count: who counts where, codes that nobody knows, and the variances with what to do about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from inventory.models import CountItem, CountItemState, Sku, StockCount, StockCountState, StockLevel, Tracking
from inventory.selectors.count_history import limit_at
from inventory.selectors.count_tally import count_tally, counted_units
from inventory.selectors.counts import count_sessions, progress_of, unmatched_codes
from oms.accounts.access import principal_of, requires
from oms.dashboard.inventory.count_access import ICONS, ITEM_TONES, TONES, allowed_steps, count_for
from oms.dashboard.inventory.grid_views import csv_response

State = StockCountState
PAGE_ROWS = 100
#: Views of the items of a count: key -> states.
_VIEWS: dict[str, tuple[str, ...]] = {
    "review": ("counted",), "missed": ("to_count",), "accepted": ("accepted", "auto"), "rejected": ("rejected",),
    "all": tuple(CountItemState.values),
}  # fmt: skip


@require_safe
@requires("inventory.view")
def count(request: HttpRequest, number: str) -> HttpResponse:
    """Everything about one count that this person may see."""
    return count_page(request, count_for(request, number))


def count_page(
    request: HttpRequest, found: StockCount, *, refused: Sequence[dict[str, Any]] = (), problem: str = "",
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    """The page of a count, after a refusal with what was refused and why."""
    principal = principal_of(request)
    steps = allowed_steps(principal, found)
    going = found.state == State.OPEN
    shown = request.GET.get("show", "")
    shown = shown if shown in _VIEWS else ("all" if going else "review")
    context: dict[str, Any] = {
        "count": found, "tone": TONES[found.state], "icon": ICONS.get(found.state, ""), **steps,
        "progress": progress_of([found])[found.pk], "sessions": count_sessions(found.pk),
        "unmatched": unmatched_codes(found.pk), "refused": refused, "problem": problem, "going": going,
        "shown": shown, "may_reroute": principal.may("orders.reroute"),
        "currency": settings.DEFAULT_CURRENCY, "again_of": found.recount_of,
        "recounts": list(found.recounts.order_by("pk")),
    }  # fmt: skip
    if going:
        context |= _going(found, steps["may_see_expected"])
    elif steps["may_see_expected"]:
        context |= _items(request, found, shown)
    return render(request, "dashboard/inventory/counts/detail.html", context, status=status)


def _going(found: StockCount, sees_numbers: bool) -> dict[str, Any]:
    """What was found so far, and what was found without being asked for; numbers for those who will review them."""
    tally = count_tally(found.pk, open_too=True)
    asked = CountItem.objects.filter(count=found).select_related("sku").order_by("sku__code")
    rows = [{"sku": item.sku, "found": tally.get(item.sku_id)} for item in asked[:PAGE_ROWS]]
    known = set(CountItem.objects.filter(count=found).values_list("sku_id", flat=True))
    others = Sku.objects.filter(pk__in=[pk for pk in tally if pk not in known]).order_by("code")[:PAGE_ROWS]
    return {
        "rows": rows, "others": [{"sku": sku, "found": tally[sku.pk]} for sku in others],
        "sees_numbers": sees_numbers, "more_rows": max(0, len(known) - len(rows)),
    }  # fmt: skip


def _items(request: HttpRequest, found: StockCount, shown: str) -> dict[str, Any]:
    mark = request.GET.get("after", "")
    chosen = items_shown(found, shown)
    page = chosen.filter(pk__gt=int(mark)) if mark.isascii() and mark.isdecimal() and len(mark) < 16 else chosen
    items = list(page.order_by("pk")[: PAGE_ROWS + 1])
    more, items = len(items) > PAGE_ROWS, items[:PAGE_ROWS]
    return {
        "items": _rows(found, items), "tabs": _tabs(found, shown), "total": chosen.count(),
        "next_url": f"?{urlencode({'show': shown, 'after': items[-1].pk})}" if more else "",
        "first_url": f"?{urlencode({'show': shown})}" if mark else "", "sums": _sums(found),
    }  # fmt: skip


def items_shown(found: StockCount, shown: str) -> QuerySet[CountItem]:
    """Items of one of the views of a count; those to be reviewed where there is no such view."""
    return CountItem.objects.filter(count=found, state__in=_VIEWS.get(shown, _VIEWS["review"])).select_related("sku")


def _rows(found: StockCount, items: Sequence[CountItem]) -> list[dict[str, Any]]:
    """Items with value, limit, and what on hand would become. Three statements, whatever their number."""
    levels = {
        level.sku_id: level
        for level in StockLevel.objects.filter(node=found.node_id, sku__in=[item.sku_id for item in items])
    }
    limit = limit_at(found.node)
    tracked = counted_units(found.pk, [item.sku_id for item in items if item.sku.tracking != Tracking.NONE])
    rows = []
    for item in items:
        variance, level = item.variance or 0, levels.get(item.sku_id)
        on_hand = level.on_hand if level else 0
        rows.append({
            "item": item, "sku": item.sku, "variance": item.variance, "value_minor": variance * item.sku.cost_minor,
            "above": limit.is_exceeded(variance, variance * item.sku.cost_minor), "on_hand": on_hand,
            "after": on_hand + variance, "reserved": level.reserved if level else 0,
            "short": item.state == CountItemState.COUNTED and level is not None and on_hand + variance < level.reserved,
            "bin_code": level.bin_code if level else "", "tone": ITEM_TONES[CountItemState(item.state)],
            "units": [(lot or serial, units) for (lot, serial), units in tracked.get(item.sku_id, {}).items()],
        })  # fmt: skip
    return rows


def _tabs(found: StockCount, shown: str) -> list[dict[str, Any]]:
    words = {"review": _("To review"), "missed": _("Not counted"), "accepted": _("Accepted"),
             "rejected": _("Rejected"), "all": _("All")}  # fmt: skip
    return [
        {"label": label, "url": f"?show={key}", "active": key == shown, "count": items_shown(found, key).count()}
        for key, label in words.items()
    ]


def _sums(found: StockCount) -> dict[str, int]:
    """Units and value of the variances that wait, for the question before all of them are accepted."""
    waiting = items_shown(found, "review").annotate(v=F("counted_quantity") - F("expected_quantity"))
    pairs = list(waiting.values_list("v", "sku__cost_minor"))
    return {
        "n": len(pairs), "lost": -sum(v for v, _cost in pairs if v < 0), "found": sum(v for v, _cost in pairs if v > 0),
        "value_minor": sum(v * cost for v, cost in pairs),
    }  # fmt: skip


@require_safe
@requires("inventory.export")
def count_export(request: HttpRequest, number: str) -> HttpResponseBase:
    """Every item of a count with its variance, as CSV; for those who may see what is expected."""
    principal_of(request).require("inventory.adjust")
    found = count_for(request, number)

    def rows() -> Iterator[list[str | int]]:
        yield ["Count", "Node", "SKU", "Name", "Asked for", "State", "Counted", "Expected", "In totes", "Variance",
               "Cost (minor)", "Value (minor)", "Posted", "Counted at", "Decided by", "Note"]  # fmt: skip
        items = CountItem.objects.filter(count=found).select_related("sku").order_by("sku__code")
        for item in items.iterator(chunk_size=500):
            variance = item.variance
            yield [
                found.number, found.node.code, item.sku.code, item.sku.name, "yes" if item.is_directed else "no",
                item.get_state_display(), _text(item.counted_quantity), _text(item.expected_quantity),
                item.carried_quantity, _text(variance), item.sku.cost_minor, (variance or 0) * item.sku.cost_minor,
                item.posted_quantity, item.counted_at.isoformat() if item.counted_at else "", item.decided_by,
                item.note,
            ]  # fmt: skip

    return csv_response(rows(), found.number)


def _text(number: int | None) -> str | int:
    return "" if number is None else number
