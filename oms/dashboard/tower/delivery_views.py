"""Deliveries that gave up: the error, the event behind it, and trying again."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.core.models import Delivery, DeliveryState
from oms.core.posting import once_per_form
from oms.flow.deliveries import replay_deliveries
from oms.flow.table import STEPS

PAGE_ROWS = 50
MOST_REPLAYED = 1000


def _dead() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=DeliveryState.DEAD)


def _shown(row: Delivery) -> dict[str, Any]:
    """A delivery with the last line of its error and its event as text."""
    lines = row.last_error.strip().splitlines()
    payload = json.dumps(row.event.payload, indent=2, ensure_ascii=False, sort_keys=True)
    return {"row": row, "error": lines[-1] if lines else "", "payload": payload}


@require_GET
@requires("deliveries.replay")
def deliveries(request: HttpRequest) -> HttpResponse:
    """Deliveries that gave up, newest first, with what they were to do. For people who see everything."""
    principal_of(request).require_everywhere()
    step, before = request.GET.get("step", ""), request.GET.get("before", "")
    rows = _dead().select_related("event")
    if step:
        rows = rows.filter(step=step)
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    page = list(rows.order_by("-pk")[: PAGE_ROWS + 1])
    more, page = len(page) > PAGE_ROWS, page[:PAGE_ROWS]
    counts = list(_dead().order_by("step").values_list("step").annotate(n=Count("pk")))
    query = f"step={step}&" if step else ""
    context: dict[str, Any] = {
        "rows": [_shown(row) for row in page],
        "step": step, "total": sum(number for _, number in counts),
        "shown": sum(number for name, number in counts if not step or name == step),
        "tabs": [{"label": "All", "url": "?", "active": not step, "count": sum(number for _, number in counts)}]
        + [{"label": name, "url": f"?step={name}", "active": name == step, "count": number, "tone": "bad"}
           for name, number in counts],
        "next_url": f"?{query}before={page[-1].pk}" if more else "", "first_url": f"?{query}" if before else "",
    }  # fmt: skip
    return render(request, "dashboard/tower/deliveries.html", context)


@require_POST
@requires("deliveries.replay")
def replay(request: HttpRequest) -> HttpResponse:
    """Try given-up deliveries again: those ticked, or all of a step. Raises DomainError when none is left."""
    principal_of(request).require_everywhere()
    step = request.POST.get("step", "")
    if request.POST.get("all") == "1" or request.POST.get("select_all") == "1":
        rows = _dead().filter(step=step) if step else _dead()
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:MOST_REPLAYED])
    else:
        ids = [int(text) for text in request.POST.getlist("ids") if text.isdecimal() and len(text) < 19][:MOST_REPLAYED]
    if not ids:
        raise DomainError("No delivery is selected.", field="ids")
    count = once_per_form(request, lambda: {"count": replay_deliveries(ids, STEPS)})["count"]
    if not count:
        messages.warning(request, "Nothing was left to replay: they run again already.")
    else:
        messages.success(request, f"{count} {'delivery runs' if count == 1 else 'deliveries run'} again.")
    url = reverse("dashboard:deliveries")
    return HttpResponseRedirect(f"{url}?step={step}" if step and _dead().filter(step=step).exists() else url)
