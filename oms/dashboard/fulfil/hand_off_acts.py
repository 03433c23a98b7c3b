"""What people do about hand-offs: take work over, cancel anyway, send again, hand in what a WMS wrote into a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fulfillment.models import FulfillmentOrder, InstructionState
from fulfillment.services.hand_off_answers import Confirmation, hear
from fulfillment.services.hand_off_ending import cancel_anyway
from fulfillment.services.hand_offs import resend_instructions, take_over
from oms.accounts.access import Principal, in_work_scope, principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.hand_off_views import show_hand_off
from oms.dashboard.fulfil.hand_offs import Question, hand_off_in_scope, instructions_of
from oms.dashboard.fulfil.work_views import sections
from oms.dashboard.inventory.grid_views import csv_response
from oms.integrations.confirmation_files import MOST_BYTES, read_confirmations, sample_rows

#: Hand-offs that one form sends again.
MOST_RESENT = 500


def _to(pk: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard:fulfil_hand_off", args=[pk]))


@require_POST
@requires("handoffs.manage")
def take(request: HttpRequest, pk: int) -> HttpResponse:
    """The floor does the work from now on; its WMS is told to stop."""
    principal = principal_of(request)
    row = hand_off_in_scope(principal, pk)
    reason = request.POST.get("reason", "")[:200]
    try:
        once_per_form(request, lambda: {"id": take_over(hand_off_id=pk, reason=reason, actor=principal.name).pk})
    except DomainError as error:
        return show_hand_off(request, row, error.message, error.http_status)
    text = _("%(number)s is done by hand from now on. Its WMS is told to stop.")
    messages.success(request, text % {"number": row.fulfillment_order.number})
    return _to(pk)


@require_POST
@requires("handoffs.manage")
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel without the WMS, although the parcel may leave."""
    principal = principal_of(request)
    row = hand_off_in_scope(principal, pk)
    reason = request.POST.get("reason", "")[:200]
    try:
        once_per_form(request, lambda: {"id": cancel_anyway(hand_off_id=pk, reason=reason, actor=principal.name).pk})
    except DomainError as error:
        return show_hand_off(request, row, error.message, error.http_status)
    text = _("%(number)s is taken from its WMS. Should the parcel leave all the same, it must come back.")
    messages.success(request, text % {"number": row.fulfillment_order.number})
    return _to(pk)


@require_POST
@requires("handoffs.manage")
def resend(request: HttpRequest) -> HttpResponse:
    """Send again what could not be delivered, of the ticked hand-offs."""
    principal = principal_of(request)
    ids = [int(text) for text in request.POST.getlist("ids") if text.isascii() and text.isdecimal() and len(text) < 16]
    rows = instructions_of(principal).filter(
        hand_off__in=ids[:MOST_RESENT], state__in=(InstructionState.DEAD, InstructionState.FAILED)
    )
    answer = once_per_form(request, lambda: {"n": resend_instructions(list(rows.values_list("pk", flat=True)))})
    count = int(answer["n"])
    if count:
        text = ngettext("%(n)d instruction is sent again.", "%(n)d instructions are sent again.", count)
        messages.success(request, text % {"n": count})
    else:
        messages.info(request, _("Nothing of the chosen waits to be sent again."))
    if request.POST.get("back", "").isdecimal() and len(ids) == 1:
        return _to(hand_off_in_scope(principal, ids[0]).pk)
    return HttpResponseRedirect(f"{reverse('dashboard:fulfil_hand_offs')}{Question.read(request).query()}")


# -- files of a WMS ----------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@requires("handoffs.manage")
def confirmations(request: HttpRequest) -> HttpResponse:
    """Hand in a CSV of what a WMS did; every row that cannot be read is named, and then nothing of it is taken."""
    principal = principal_of(request)
    context: dict[str, Any] = {"tabs": sections(principal, "hand_offs"), "most_mb": MOST_BYTES // 1024 // 1024}
    if request.method != "POST":
        return render(request, "dashboard/fulfil/hand_offs/confirmations.html", context)
    sent = request.FILES.get("file")
    if sent is None:
        context["problem"] = _("Choose a file.")
        return render(request, "dashboard/fulfil/hand_offs/confirmations.html", context, status=422)
    found = read_confirmations(sent.read(MOST_BYTES + 1))
    context |= {"name": sent.name, "errors": found.errors}
    if not found.errors:
        context |= _heard(principal, found.said, str(sent.name))
    status = 422 if found.errors else 200
    return render(request, "dashboard/fulfil/hand_offs/confirmations.html", context, status=status)


def _heard(principal: Principal, said: Sequence[tuple[int, Confirmation]], name: str) -> dict[str, Any]:
    works = in_work_scope(FulfillmentOrder.objects.all(), principal)
    found = hear([item for _place, item in said], works=works, actor=principal.name, source=name)
    counts = Counter(item.status for item in found)
    rows = [(place, heard) for (place, _item), heard in zip(said, found, strict=True)]
    return {
        "done": True, "applied": counts["applied"], "repeated": counts["repeated"], "refused": counts["refused"],
        "refusals": [(place, heard) for place, heard in rows if heard.error is not None],
    }  # fmt: skip


@require_safe
@requires("handoffs.manage")
def sample(request: HttpRequest) -> HttpResponseBase:
    """A file to begin with."""
    return csv_response(sample_rows(), "confirmations")
