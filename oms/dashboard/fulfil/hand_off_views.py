"""Work that WMS do: the list with the clock of each answer, one hand-off with all that was said, files and export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from fulfillment.models import FulfillmentLine, HandOff, HandOffState, InstructionState
from fulfillment.selectors.hand_offs import undelivered
from oms.accounts.access import principal_of, requires
from oms.core.errors import NotFound
from oms.dashboard.fulfil.hand_offs import Question, files_of, hand_off_in_scope, hand_offs_of, shown_tabs
from oms.dashboard.fulfil.work_views import TONES, sections
from oms.dashboard.inventory.grid_views import csv_response

PAGE_ROWS = 50
_EVENTS = 100
INSTRUCTION_TONES = {
    "pending": "info", "sending": "progress", "failed": "warn", "sent": "good", "dead": "bad", "overtaken": "off",
}  # fmt: skip


@require_safe
@requires("fulfillment.view")
def hand_offs(request: HttpRequest) -> HttpResponse:
    """What WMS were given, those first whose answer is due first."""
    principal = principal_of(request)
    question = Question.read(request)
    text = request.GET.get("page", "")
    page = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
    rows = list(question.rows(principal)[page * PAGE_ROWS : (page + 1) * PAGE_ROWS + 1])
    failed = undelivered([row.pk for row in rows])
    mine = hand_offs_of(principal).order_by("fulfillment_order__node__code")
    codes = mine.values_list("fulfillment_order__node__code", flat=True).distinct()
    context = {
        "tabs": sections(principal, "hand_offs"), "shown": shown_tabs(question, principal), "question": question,
        "rows": [(row, failed.get(row.pk), TONES.get(row.fulfillment_order.state, "neutral"))
                 for row in rows[:PAGE_ROWS]],
        "nodes": [(code, code) for code in codes], "answers": [("yes", _("Overdue"))], "query": question.query(),
        "may_manage": principal.may("handoffs.manage"), "may_export": principal.may("orders.export"),
        "prev_url": question.query(page=str(page - 1)) if page else "",
        "next_url": question.query(page=str(page + 1)) if len(rows) > PAGE_ROWS else "",
    }  # fmt: skip
    return render(request, "dashboard/fulfil/hand_offs/list.html", context)


@require_safe
@requires("fulfillment.view")
def hand_off(request: HttpRequest, pk: int) -> HttpResponse:
    """One hand-off: where it stands, what its WMS was told and what it said, raw as it came."""
    return show_hand_off(request, hand_off_in_scope(principal_of(request), pk))


def show_hand_off(request: HttpRequest, row: HandOff, problem: str = "", status: int = 200) -> HttpResponse:
    """The page of one hand-off, with what was wrong with an action."""
    principal = principal_of(request)
    may_manage = principal.may("handoffs.manage")
    asked = row.state == HandOffState.CANCELLATION_REQUESTED
    lines = FulfillmentLine.objects.filter(fulfillment_order=row.fulfillment_order).select_related("sku")
    instructions = list(row.instructions.select_related("file").order_by("-version"))
    stuck = (InstructionState.DEAD, InstructionState.FAILED)
    context = {
        "tabs": sections(principal, "hand_offs"), "row": row, "work": row.fulfillment_order,
        "work_tone": TONES.get(row.fulfillment_order.state, "neutral"), "lines": lines.order_by("pk"),
        "instructions": [
            (item, INSTRUCTION_TONES[item.state], _raw(item.payload) if principal.sees_labels else "")
            for item in instructions
        ],
        "events": [(event, _raw(event.payload)) for event in row.events.order_by("-pk")[:_EVENTS]],
        "may_take": may_manage and row.state in HandOff.LIVE and not asked,
        "may_cancel": may_manage and (
            row.state == HandOffState.CANCELLATION_REJECTED or (asked and row.is_overdue)
        ),
        "may_resend": may_manage and any(item.state in stuck for item in instructions),
        "problem": problem, "sent": request.POST,
    }  # fmt: skip
    return render(request, "dashboard/fulfil/hand_offs/one.html", context, status=status)


def _raw(payload: object) -> str:
    return json.dumps(payload, indent=2, ensure_ascii=False) if payload else ""


@require_safe
@requires("orders.export")
def export(request: HttpRequest) -> HttpResponseBase:
    """What the list shows, all of it, as CSV."""
    rows = Question.read(request).rows(principal_of(request))

    def lines() -> Iterator[list[str | int]]:
        yield ["Work", "Order", "Node", "Work state", "Hand-off", "Version", "Answer due", "Overdue since", "Why",
               "Given at"]  # fmt: skip
        for row in rows.iterator(chunk_size=500):
            work = row.fulfillment_order
            moments = [_moment(at) for at in (row.answer_by, row.overdue_at)]
            yield [work.number, work.order.number, work.node.code, work.get_state_display(), row.get_state_display(),
                   row.version, *moments, row.why, _moment(row.created_at)]  # fmt: skip

    return csv_response(lines(), "hand-offs")


def _moment(at: datetime | None) -> str:
    return timezone.localtime(at).isoformat(timespec="minutes") if at else ""


@require_safe
@requires("fulfillment.view")
def files(request: HttpRequest) -> HttpResponse:
    """Files of instructions, the newest first."""
    principal = principal_of(request)
    rows = files_of(principal).select_related("link__node").defer("content", "link__secret", "link__old_secret")
    context = {
        "tabs": sections(principal, "hand_offs"), "rows": rows.order_by("-pk")[:PAGE_ROWS],
        "may_load": principal.sees_labels,
    }  # fmt: skip
    return render(request, "dashboard/fulfil/hand_offs/files.html", context)


@require_safe
@requires("fulfillment.view")
def file(request: HttpRequest, pk: int) -> HttpResponse:
    """A file as it was written. It shows names and addresses."""
    principal = principal_of(request)
    found = files_of(principal).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no file {pk}.")
    principal.require_labels()
    kind = "application/json" if found.name.endswith(".json") else "text/csv; charset=utf-8"
    response = HttpResponse(found.content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{found.name}"'
    response["X-Checksum-SHA256"] = found.sha256
    return response
