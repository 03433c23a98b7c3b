"""The log of messages to customers: found, looked at, sent again, written to a file."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from oms.accounts.access import Principal, in_channel_scope, principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.dashboard.settings.message_rows import PAGE_ROWS, RECEIPT_TONES, Question, message_row
from oms.notifications.kinds import event_names, kind_of
from oms.notifications.models import Medium, Message, MessageState
from oms.notifications.services import resend_many
from oms.reporting.masking import shown_words
from oms.reporting.order_export import csv_text, safe_text
from orders.models import SalesChannel

logger = logging.getLogger(__name__)
#: A file holds at most so many rows, and so many are sent again at once.
MOST_EXPORTED = 50_000
MOST_RESENT = 500


@require_GET
@requires("orders.view")
def log(request: HttpRequest) -> HttpResponse:
    """Messages, newest first."""
    principal, question = principal_of(request), Question.of(request.GET)
    before = request.GET.get("before", "")
    rows = question.rows(principal)
    if before.isascii() and before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    page = list(rows.defer("text", "html")[: PAGE_ROWS + 1])
    masked = not principal.may("pii.view")
    channels = in_channel_scope(SalesChannel.objects.order_by("name"), principal, "code")
    context = {
        "rows": [message_row(row, masked=masked) for row in page[:PAGE_ROWS]], "question": question,
        "is_asked": bool(question.query()), "states": MessageState.choices, "media": Medium.choices,
        "events": [(name, kind_of(name).title) for name in event_names()],
        "channels": channels.values_list("code", "name"),
        "next_url": f"?{question.query(before=page[PAGE_ROWS - 1].pk)}" if len(page) > PAGE_ROWS else "",
        "first_url": f"?{question.query()}" if before else "", "export_query": question.query(),
        "may_resend": principal.may("orders.note"), "may_export": principal.may("orders.export"),
        "may_edit": principal.may("settings.edit") and principal.sees_everything,
        "may_opt_out": principal.may("orders.note") and principal.sees_everything,
    }  # fmt: skip
    return render(request, "dashboard/settings/messages/log.html", context)


@require_GET
@requires("orders.view")
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """One message: its text, and what its provider said of it."""
    principal = principal_of(request)
    message = Question().rows(principal).filter(pk=pk).first()
    if message is None:
        raise NotFound("There is no such message.")
    masked = not principal.may("pii.view")
    receipts = [
        (row, RECEIPT_TONES[row.status], shown_words(row.detail, message.recipient, masked=masked))
        for row in message.receipts.order_by("-occurred_at", "-pk")
    ]
    context = {
        "row": message_row(message, masked=masked), "message": message, "receipts": receipts, "masked": masked,
        "may_resend": principal.may("orders.note"),
    }  # fmt: skip
    return render(request, "dashboard/settings/messages/one.html", context)


@require_POST
@requires("orders.note")
def resend_chosen(request: HttpRequest) -> HttpResponse:
    """Send the ticked messages again: first said what will happen, then done."""
    principal = principal_of(request)
    ids = [int(text) for text in request.POST.getlist("ids") if text.isascii() and text.isdecimal() and len(text) < 19]
    if not ids:
        raise DomainError(_("Tick the messages that are to be sent again."), field="ids")
    if len(ids) > MOST_RESENT:
        raise DomainError(_("At most %(n)s messages are sent again at once.") % {"n": MOST_RESENT}, field="ids")
    found = list(Question().rows(principal).filter(pk__in=ids).defer("text", "html"))
    rows = [message_row(message, masked=not principal.may("pii.view")) for message in found]
    able = [row for row in rows if row.can_resend]
    if request.POST.get("sure") != "1":
        context = {"rows": able, "left": len(rows) - len(able), "arrived": _arrived(found)}
        return render(request, "dashboard/settings/messages/resend.html", context)
    count = once_per_form(request, lambda: {"count": resend_many([row.message.pk for row in able])})["count"]
    text = ngettext("%(n)s message is sent again.", "%(n)s messages are sent again.", count) % {"n": count}
    (messages.success if count else messages.info)(request, text)
    return HttpResponseRedirect(reverse("dashboard:messages"))


def _arrived(found: list[Message]) -> int:
    return sum(message.state in (MessageState.SENT, MessageState.UNKNOWN) for message in found)


@require_GET
@requires("orders.export")
def export(request: HttpRequest) -> HttpResponseBase:
    """What matches as CSV, the newest first. Masked without `pii.view`; logged."""
    principal, question = principal_of(request), Question.of(QueryDict(request.GET.urlencode()))
    masked = not principal.may("pii.view")
    logger.info("%s exported messages, personal data %s", principal.name, "masked" if masked else "shown")
    response = StreamingHttpResponse(_parts(question, principal, masked), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="messages-{timezone.localtime():%Y%m%d-%H%M}.csv"'
    return response


def _parts(question: Question, principal: Principal, masked: bool) -> Iterator[str]:
    yield "\ufeff" + csv_text(
        [["Written", "Order", "Channel", "Event", "Medium", "To", "State", "Receipt", "Sent", "Provider", "Reason"]]
    )
    found = question.rows(principal).defer("text", "html")[:MOST_EXPORTED]
    for message in found.iterator(chunk_size=1_000):
        row = message_row(message, masked=masked)
        cells = [
            f"{timezone.localtime(message.created_at):%Y-%m-%d %H:%M}",
            message.order.number if message.order else "", message.order.channel.name if message.order else "",
            f"Test: {row.event}" if message.is_test else row.event, message.get_medium_display(), row.recipient,
            message.get_state_display(), message.get_receipt_display() if message.receipt else "",
            f"{timezone.localtime(message.sent_at):%Y-%m-%d %H:%M}" if message.sent_at else "", message.provider,
            row.error,
        ]  # fmt: skip
        yield csv_text([[safe_text(cell) for cell in cells]])
