"""One message of a channel: what came, what is wrong with it, and the fix in place."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from channels.models import InboundMessage, InboundMessageState
from channels.selectors import Preview, message_detail, preview_message
from channels.services import ignore_messages, map_listing, process_messages, replay
from inventory.models import Sku
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.dashboard.channels.listing_views import replayed_text
from oms.dashboard.channels.payload import masked, payload_lines, shown_issues
from oms.dashboard.channels.quarantine_views import group_url
from oms.dashboard.channels.queries import sku_search
from oms.dashboard.channels.reach import message_for
from oms.dashboard.channels.unknown_skus import unknown_skus
from oms.flow.replay_jobs import outcome_of, quarantined_ids

#: A corrected payload may be as large as this.
MOST_CHARACTERS = 500_000
_FIXABLE = (InboundMessageState.QUARANTINED, InboundMessageState.IGNORED)


@require_GET
@requires("channels.view")
def message(request: HttpRequest, pk: int) -> HttpResponse:
    """The page: payload, differences, the fix, what a replay would do now."""
    return _page(request, message_for(request, pk))


def _page(
    request: HttpRequest, row: InboundMessage, *, text: str | None = None, error: str = "",
    tried: Preview | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    principal = principal_of(request)
    hide = not principal.may("pii.view")
    detail = message_detail(row.pk)
    fixable = row.state in _FIXABLE
    payload = row.corrected_payload or row.payload
    alike = 0
    if row.state == InboundMessageState.QUARANTINED:
        alike = len(quarantined_ids(row.account_id, row.cause, most=1000)) - 1
    preview = preview_message(row.pk) if fixable else None
    context = {
        "message": row, "detail": detail, "fixable": fixable, "alike": alike, "hide": hide, "tried": tried,
        "issues": shown_issues(detail.issues, masked_for_viewer=hide),
        "lines": payload_lines(masked(payload) if hide else payload, [str(i.get("field", "")) for i in detail.issues]),
        "text": text if text is not None else json.dumps(payload, indent=2, ensure_ascii=False), "error": error,
        "payload_errors": [("id_payload", error)] if error else [],
        "preview": preview, "unknown": unknown_skus(detail.issues, request.GET.get("find", ""),
                                                    request.GET.get("code", "")) if fixable else [],
        "group_url": group_url(row.account.channel.code, row.cause), "can_fix": principal.may("quarantine.fix"),
        "tried_issues": shown_issues(tried.issues, masked_for_viewer=hide) if tried else [],
    }  # fmt: skip
    return render(request, "dashboard/channels/message.html", context, status=status)


def _correction(text: str) -> dict[str, Any]:
    """The corrected payload. Raises DomainError with the place of the first fault."""
    if len(text) > MOST_CHARACTERS:
        raise DomainError(_("The corrected payload is too long."), field="payload")
    try:
        value = json.loads(text)
    except ValueError as error:
        place = f" ({error})" if isinstance(error, json.JSONDecodeError) else ""
        raise DomainError(_("This is not JSON%(place)s.") % {"place": place}, field="payload") from error
    if not isinstance(value, dict):
        raise DomainError(_("The payload must be one JSON object."), field="payload")
    return value


def _posted_correction(request: HttpRequest, row: InboundMessage) -> dict[str, Any] | None:
    """What the person changed; None where the text is as it was or nothing was sent."""
    text = request.POST.get("payload")
    if text is None:
        return None
    principal_of(request).require("pii.view")
    value = _correction(text)
    return None if value == (row.corrected_payload or row.payload) else value


@require_POST
@requires("quarantine.fix")
def try_payload(request: HttpRequest, pk: int) -> HttpResponse:
    """Dry run of the text in the form. Writes nothing."""
    row = message_for(request, pk)
    text = request.POST.get("payload", "")
    try:
        correction = _posted_correction(request, row)
    except DomainError as error:
        if error.field != "payload":
            raise
        return _page(request, row, text=text, error=error.message, status=422)
    return _page(request, row, text=text, tried=preview_message(row.pk, correction))


@require_POST
@requires("quarantine.fix")
def replay_message(request: HttpRequest, pk: int) -> HttpResponse:
    """Process the message again, as it is or corrected, and say what became of it."""
    row = message_for(request, pk)
    try:
        correction = _posted_correction(request, row)
    except DomainError as error:
        if error.field != "payload":
            raise
        return _page(request, row, text=request.POST.get("payload", ""), error=error.message, status=422)
    moved = replay([row.pk], correction, actor=principal_of(request).name)
    if not moved:
        messages.info(request, _("This message had been dealt with already."))
        return HttpResponseRedirect(reverse("dashboard:message", args=[pk]))
    process_messages(moved)
    done = outcome_of(moved)
    tell = messages.warning if done.quarantined else messages.success
    tell(request, _("Replayed: %(counts)s.") % {"counts": done.sentence})
    return HttpResponseRedirect(reverse("dashboard:message", args=[pk]))


@require_POST
@requires("quarantine.fix")
def ignore(request: HttpRequest, pk: int) -> HttpResponse:
    """Set the message aside, with a reason that stays with it."""
    row = message_for(request, pk)
    reason = request.POST.get("reason", "").strip()
    if not reason:
        messages.error(request, _("Say why this message may be ignored."))
        return HttpResponseRedirect(reverse("dashboard:message", args=[pk]))
    if ignore_messages([row.pk], principal_of(request).name, reason):
        messages.success(request, _("The message is ignored. It stays readable and can be replayed."))
    else:
        messages.info(request, _("This message is not in quarantine any more."))
    return HttpResponseRedirect(reverse("dashboard:message", args=[pk]))


@require_GET
@requires("channels.view")
def sku_hits(request: HttpRequest, pk: int) -> HttpResponse:
    """SKUs that a search found for one unknown code: a fragment beside the search box."""
    row = message_for(request, pk)
    find = request.GET.get("find", "")
    context = {"message": row, "code": request.GET.get("code", ""), "find": find, "hits": sku_search(find),
               "can_fix": principal_of(request).may("quarantine.fix")}  # fmt: skip
    return render(request, "dashboard/channels/_hits.html", context)


@require_POST
@requires("quarantine.fix")
def map_sku(request: HttpRequest, pk: int) -> HttpResponse:
    """Say which SKU a code of the channel means: for this message, all that wait for it, and all to come."""
    row = message_for(request, pk)
    code, sku_text = request.POST.get("external_sku", ""), request.POST.get("sku", "").strip()
    sku = Sku.objects.filter(code=sku_text).first()
    if sku is None:
        messages.error(request, _("There is no SKU %(code)s.") % {"code": sku_text or "–"})
        return HttpResponseRedirect(reverse("dashboard:message", args=[pk]))
    moved = map_listing(
        account_id=row.account_id, external_sku=code, sku_id=sku.pk, actor=principal_of(request).name
    )  # fmt: skip
    text = _("%(code)s is %(sku)s from now on.") % {"code": code, "sku": sku.code}
    messages.success(request, f"{text} {replayed_text(moved)}" if moved else text)
    return HttpResponseRedirect(reverse("dashboard:message", args=[pk]))
