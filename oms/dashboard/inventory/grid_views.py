"""The stock grid and its export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from inventory.selectors import find_sku_by_code_or_barcode
from oms.accounts.access import principal_of, requires
from oms.core.clock import now
from oms.dashboard.inventory.grid import build_grid, filter_choices, iter_export
from oms.dashboard.inventory.grid_question import GridQuestion
from oms.reporting.order_export import csv_text, safe_text


@require_GET
@requires("inventory.view")
def grid(request: HttpRequest) -> HttpResponse:
    """How many can I sell, where? A whole barcode or SKU code goes straight to its SKU."""
    question = GridQuestion.read(request.GET)
    if question.text and request.GET.get("go") == "1":
        sku = find_sku_by_code_or_barcode(question.text)
        if sku is not None:
            return HttpResponseRedirect(reverse("dashboard:sku", args=[sku.pk]))
    principal = principal_of(request)
    found = build_grid(question, principal)
    context = {
        "question": question, "grid": found, **filter_choices(), "export_query": question.query(),
        "prev_url": question.query(before=found.before) if found.before else "",
        "next_url": question.query(after=found.after) if found.after else "",
        "previous_columns_url": question.query(cols=found.previous_columns, after=question.after,
                                               before=question.before),
        "next_columns_url": question.query(cols=found.next_columns, after=question.after, before=question.before),
        "may_export": principal.may("inventory.export"),
    }  # fmt: skip
    return render(request, "dashboard/inventory/grid.html", context)


def csv_response(rows: Iterable[Iterable[str | int]], name: str) -> StreamingHttpResponse:
    """Rows as a CSV file, sent while it is read; texts are safe to open in a spreadsheet."""

    def parts() -> Iterator[str]:
        yield "\ufeff"
        for row in rows:
            yield csv_text([[safe_text(value) if isinstance(value, str) else str(value) for value in row]])

    response = StreamingHttpResponse(parts(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{timezone.localtime(now()):%Y%m%d-%H%M}.csv"'
    return response


@require_GET
@requires("inventory.export")
def export(request: HttpRequest) -> HttpResponseBase:
    """Every level of what the grid shows, as CSV."""
    return csv_response(iter_export(GridQuestion.read(request.GET), principal_of(request)), "stock")
