"""What a channel was, is to be, or could not be told about its orders."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from channels.models import OutboundUpdate, OutboundUpdateState
from channels.services import retry_order_updates, skip_order_update
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.dashboard.channels.account_views import rights_of, tabs_of
from oms.dashboard.channels.queries import channel_rows
from oms.dashboard.channels.reach import account_for

ROWS = 100


@require_GET
@requires("channels.view")
def updates(request: HttpRequest, code: str) -> HttpResponse:
    """Refused ones first, unless another state is asked for."""
    account = account_for(request, code)
    row = channel_rows(principal_of(request), code)[0]
    state = request.GET.get("state", "failed" if row.health.updates_failed else "")
    rows = OutboundUpdate.objects.filter(account=account).select_related("order").order_by("-pk")
    if state in OutboundUpdateState.values:
        rows = rows.filter(state=state)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 18:
        rows = rows.filter(pk__lt=int(before))
    page = list(rows[: ROWS + 1])
    next_mark = page[ROWS - 1].pk if len(page) > ROWS else ""
    context = {
        "row": row, "account": account, "tabs": tabs_of(row, "updates"), "updates": page[:ROWS], "state": state,
        "states": OutboundUpdateState.choices, "next_mark": next_mark,
    } | rights_of(principal_of(request))  # fmt: skip
    return render(request, "dashboard/channels/updates.html", context)


def _back(code: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard:updates", args=[code]))


@require_POST
@requires("deliveries.replay")
def retry(request: HttpRequest, code: str) -> HttpResponse:
    """Queue the ticked refused updates again, or all of them. What is not refused is left alone."""
    account = account_for(request, code)
    rows = OutboundUpdate.objects.filter(account=account, state=OutboundUpdateState.FAILED)
    if not request.POST.get("all"):
        rows = rows.filter(pk__in=[int(pk) for pk in request.POST.getlist("ids") if pk.isdecimal()])
    moved = retry_order_updates(list(rows.values_list("pk", flat=True)), actor=principal_of(request).name)
    if moved:
        text = ngettext("%(n)s update is sent again.", "%(n)s updates are sent again.", len(moved))
        messages.success(request, text % {"n": len(moved)})
    else:
        messages.info(request, _("No refused update was chosen."))
    return _back(code)


@require_POST
@requires("deliveries.replay")
def skip(request: HttpRequest, code: str, pk: int) -> HttpResponse:
    """Decide that the channel need not be told this."""
    update = get_object_or_404(OutboundUpdate, pk=pk, account=account_for(request, code))
    reason = request.POST.get("reason", "").strip()[:200] or _("Not needed")
    try:
        skip_order_update(update.pk, actor=principal_of(request).name, reason=reason)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The channel will not be told."))
    return _back(code)
