"""Exports of the list: small ones at once, large ones as a job."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from oms.accounts.access import principal_of, requires
from oms.core.errors import NotFound
from oms.core.posting import once_per_form
from oms.dashboard.orders.bulk_views import chosen_ids
from oms.dashboard.orders.state import read_state
from oms.flow.export_jobs import FORMATS, STREAMED_ROWS, record_export, start_export
from oms.reporting.order_export import cells, csv_parts, xlsx_from_rows
from oms.reporting.order_rows import Column, OrderRow, iter_rows
from orders.selectors import orders_in_scope, orders_matching

logger = logging.getLogger(__name__)
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_POST
@requires("orders.export")
def export(request: HttpRequest, file_format: str) -> HttpResponseBase:
    """The ticked orders, or all that match, with the present columns and sort. Masked without `pii.view`; logged."""
    principal = principal_of(request)
    if file_format not in FORMATS:
        raise NotFound(f"There is no export as {file_format}.")
    state = read_state(QueryDict(request.POST.get("list", "")), [])
    columns = state.shown_columns
    order_ids: Sequence[int] = ()
    if request.POST.get("select_all") == "1":
        orders = orders_matching(state.question, principal)
        count = orders.order_by()[: STREAMED_ROWS + 1].count()
        if count > STREAMED_ROWS:
            whole = orders.count()
            answer = once_per_form(request, lambda: {"uid": str(start_export(
                question=state.question, columns=columns, file_format=file_format, count=whole, principal=principal,
            ).uid)})  # fmt: skip
            return HttpResponseRedirect(reverse("dashboard:job", args=[answer["uid"]]))
    else:
        order_ids = chosen_ids(request, principal)
        orders = orders_in_scope(principal).filter(pk__in=order_ids)
        count = len(order_ids)
    record_export(question=state.question, columns=columns, file_format=file_format, count=count, principal=principal,
                  order_ids=order_ids)  # fmt: skip
    masked = not principal.may("pii.view")
    logger.info("%s exported %s orders as %s, personal data %s", principal.name, count, file_format,
                "masked" if masked else "shown")  # fmt: skip
    parts = (rows for _, rows in iter_rows(orders, order_by=state.question.order_by, masked=masked))
    response = _as_csv(columns, parts) if file_format == "csv" else _as_xlsx(columns, parts)
    name = f"orders-{timezone.localtime():%Y%m%d-%H%M}.{file_format}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _as_csv(columns: Sequence[Column], parts: Iterator[list[OrderRow]]) -> HttpResponseBase:
    return StreamingHttpResponse(
        (part.encode() for part in csv_parts(columns, parts)), content_type="text/csv; charset=utf-8"
    )


def _as_xlsx(columns: Sequence[Column], parts: Iterator[list[OrderRow]]) -> HttpResponseBase:
    target = io.BytesIO()
    xlsx_from_rows(target, columns, (cells(row, columns) for rows in parts for row in rows))
    return HttpResponse(target.getvalue(), content_type=_XLSX)
