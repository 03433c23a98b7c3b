"""Health of the channels, the page of one, and what people switch there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, cast, get_args

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from channels.models import InboundMessage, InboundMessageState
from channels.selectors import query_messages
from channels.services import request_poll, request_push, set_flow, test_connection
from channels.services.steering import Flow
from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.dashboard.channels.payload import cause_words
from oms.dashboard.channels.queries import ChannelRow, channel_rows
from oms.dashboard.channels.reach import account_for
from oms.dashboard.orders.posting import is_fragment

MESSAGES = 50


def _version(rows: list[ChannelRow]) -> str:
    return hashlib.sha256("|".join(f"{row.health}{row.tone}" for row in rows).encode()).hexdigest()[:16]


@require_GET
@requires("channels.view")
def channel_list(request: HttpRequest) -> HttpResponse:
    """Every channel in scope: how it does now. Polled by the page itself."""
    rows = channel_rows(principal_of(request))
    version = _version(rows)
    context: dict[str, Any] = {"rows": rows, "version": version} | rights_of(principal_of(request))
    if is_fragment(request):
        if request.headers.get("X-Fragment-Version") == version:
            return HttpResponse(status=204)
        return render(request, "dashboard/channels/_rows.html", context)
    context["quarantined"] = sum(row.health.quarantined for row in rows)
    return render(request, "dashboard/channels/list.html", context)


@require_GET
@requires("channels.view")
def channel(request: HttpRequest, code: str) -> HttpResponse:
    """One channel: its health, what flows, and its latest messages."""
    account = account_for(request, code)
    row = channel_rows(principal_of(request), code)[0]
    state = request.GET.get("state", "")
    job = request.GET.get("job", "")
    found = query_messages(
        account_id=account.pk, state=state if state in InboundMessageState.values else "",
        text=request.GET.get("q", "").strip()[:120], job_id=int(job) if job.isdecimal() and len(job) < 18 else None,
    )  # fmt: skip
    shown, next_mark = _page(found, request.GET.get("before", ""))
    context = {
        "row": row, "account": account, "tabs": tabs_of(row, "messages"), "next_mark": next_mark,
        "states": InboundMessageState.choices, "state": state, "q": request.GET.get("q", ""), "job": job,
        "flows": flows_of(row),
        "found": [{"message": message, "why": cause_words(message.cause, message.issues)} for message in shown],
    } | rights_of(principal_of(request))  # fmt: skip
    return render(request, "dashboard/channels/detail.html", context)


def _page(rows: Any, mark: str) -> tuple[list[InboundMessage], str]:
    """One page of messages, newest first, and the mark of the next. A mark is a time and an id."""
    moment_text, _sep, pk_text = mark.partition("~")
    moment = parse_datetime(moment_text) if moment_text else None
    if moment is not None and moment.tzinfo is not None and pk_text.isdecimal():
        rows = rows.filter(Q(received_at__lt=moment) | Q(received_at=moment, pk__lt=int(pk_text)))
    page = list(rows[: MESSAGES + 1])
    more = len(page) > MESSAGES
    page = page[:MESSAGES]
    return page, f"{page[-1].received_at.isoformat()}~{page[-1].pk}" if more else ""


def rights_of(principal: Principal) -> dict[str, bool]:
    """What the person may do on these screens, for templates."""
    verbs = {
        "can_sync": "channels.sync", "can_edit": "channels.edit", "can_fix": "quarantine.fix",
        "can_replay": "deliveries.replay", "can_import": "imports.run",
    }  # fmt: skip
    return {name: principal.may(verb) for name, verb in verbs.items()}


def tabs_of(row: ChannelRow, active: str) -> list[dict[str, object]]:
    """The tabs of a channel's pages."""
    code, health = row.health.code, row.health
    tabs: list[dict[str, object]] = [
        {"label": _("Messages"), "url": reverse("dashboard:channel", args=[code]), "count": "", "key": "messages"},
        {"label": _("Listings"), "url": reverse("dashboard:listings", args=[code]), "key": "listings",
         "count": health.unmapped_listings or "", "tone": "bad"},
        {"label": _("Order updates"), "url": reverse("dashboard:updates", args=[code]), "key": "updates",
         "count": health.updates_failed or "", "tone": "bad"},
    ]  # fmt: skip
    return [tab | {"active": tab["key"] == active} for tab in tabs]


def flows_of(row: ChannelRow) -> list[dict[str, object]]:
    """The three directions that can be paused on their own."""
    account = row.account
    return [
        {"key": "orders", "label": _("Orders in"), "on": account.pulls_orders, "note": row.poll_text},
        {"key": "stock", "label": _("Stock out"), "on": account.pushes_stock,
         "note": _("%(n)s to send") % {"n": row.health.stock_dirty}},
        {"key": "updates", "label": _("Order updates out"), "on": account.pushes_updates,
         "note": _("%(n)s to send") % {"n": row.health.updates_pending}},
    ]  # fmt: skip


def _back(request: HttpRequest, code: str) -> HttpResponse:
    """To the page the button was on."""
    if request.POST.get("from") == "list":
        return HttpResponseRedirect(reverse("dashboard:channels"))
    return HttpResponseRedirect(reverse("dashboard:channel", args=[code]))


def _done(request: HttpRequest, code: str, work: Callable[[], object], text: str) -> HttpResponse:
    """Do it and say so, or say why not."""
    try:
        work()
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, text)
    return _back(request, code)


@require_POST
@requires("channels.sync")
def sync(request: HttpRequest, code: str) -> HttpResponse:
    """Have the channel asked for orders now instead of at its next turn."""
    account = account_for(request, code)
    text = _("%(name)s is being asked for orders now.") % {"name": account}
    return _done(request, code, lambda: request_poll(account.pk), text)


@require_POST
@requires("channels.sync")
def push(request: HttpRequest, code: str) -> HttpResponse:
    """Have the channel told its stock now."""
    account = account_for(request, code)
    text = _("%(name)s is being told its stock now.") % {"name": account}
    return _done(request, code, lambda: request_push(account.pk), text)


@require_POST
@requires("channels.sync")
def test(request: HttpRequest, code: str) -> HttpResponse:
    """Make a cheap call with the account's credentials and show what the channel says."""
    account = account_for(request, code)
    found = test_connection(account.pk)
    if found.ok:
        messages.success(request, found.message)
    else:
        messages.error(request, _("No connection: %(words)s") % {"words": found.message})
    return _back(request, code)


@require_POST
@requires("channels.edit")
def pause(request: HttpRequest, code: str) -> HttpResponse:
    """Pause or resume one direction. Doing it twice changes nothing more."""
    account = account_for(request, code)
    flow, on = request.POST.get("flow", ""), request.POST.get("on") == "1"
    if flow not in get_args(Flow):
        raise DomainError(_("Choose what to pause: orders, stock or updates."), field="flow")
    words = {"orders": _("Orders in"), "stock": _("Stock out"), "updates": _("Order updates out")}
    text = (_("%(flow)s: resumed.") if on else _("%(flow)s: paused.")) % {"flow": words[flow]}
    return _done(request, code, lambda: set_flow(account_id=account.pk, flow=cast(Flow, flow), on=on), text)
