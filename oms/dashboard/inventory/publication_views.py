"""What channels were told of every listing, what they acknowledge and show, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from channels.models import ChannelAccount, Listing, Publication
from channels.selectors import (
    PROBLEMS,
    ListingRow,
    explain_sellable,
    exposure_by_day,
    listing_page,
    listing_rows,
    publication_counts,
)
from channels.services import (
    halt_channel,
    halt_listings,
    limit_listing,
    push_listings,
    request_push,
    resume_channel,
    resume_listings,
)
from channels.states import LISTING_PUBLICATION
from oms.accounts.access import Principal, in_channel_scope, principal_of, requires
from oms.core.errors import DomainError, Forbidden, NotFound
from oms.core.models import Transition
from oms.core.posting import once_per_form
from oms.core.values import MAX_QUANTITY
from oms.dashboard.channels.reach import account_for, scope_codes
from oms.dashboard.inventory.access import sku_for
from oms.dashboard.inventory.grid_views import csv_response

ROWS = 50
#: Key of a problem -> its name, and the tone of its pill.
WORDS = {
    "refused": (gettext_lazy("Refused"), "bad"), "drift": (gettext_lazy("Drift"), "warn"),
    "exposed": (gettext_lazy("Exposed"), "bad"), "behind": (gettext_lazy("To send"), "progress"),
    "paused": (gettext_lazy("Paused"), "warn"),
}  # fmt: skip
#: What can be done to ticked listings -> the verb that it needs.
ACTIONS = {"push": "channels.sync", "pause": "channels.edit", "stop": "channels.edit", "resume": "channels.edit"}


def state_of(row: ListingRow) -> tuple[str, str]:
    """Tone and word for the worst of a listing."""
    if row.publication == Publication.STOPPED or row.channel_publication == Publication.STOPPED:
        return "bad", _("Not sold")
    if row.publication == Publication.PAUSED or not row.pushes_stock:
        return "warn", _("Paused")
    if row.problem:
        word, tone = WORDS[row.problem]
        return tone, str(word)
    if row.sent_version:
        return "good", _("Told")
    return "neutral", _("Nothing to tell")


def drift_words(row: ListingRow) -> str:
    """How a drift settles; empty where there is none."""
    if not row.drift:
        return ""
    if row.is_behind:
        return _("A new quantity is on its way.")
    if row.publication == Publication.PAUSED:
        return _("Paused: it stays until it is resumed.")
    if row.drift > 0:
        return _("It shows more than it was told: told again at the next reading, within half an hour, or push now.")
    return _("It shows less: orders are on their way. Told again if that stays for 15 minutes.")


def _shown(row: ListingRow) -> dict[str, Any]:
    tone, word = state_of(row)
    return {"row": row, "tone": tone, "word": word, "settles": drift_words(row)}


def rights(principal: Principal) -> dict[str, bool]:
    """What the person may do here, for templates."""
    return {"may_push": principal.may("channels.sync"), "may_steer": principal.may("channels.edit"),
            "may_export": principal.may("inventory.export")}  # fmt: skip


@require_GET
@requires("channels.view")
def publication(request: HttpRequest) -> HttpResponse:
    """Every mapped listing, problems first, with the exposure of the channels."""
    principal = principal_of(request)
    codes = scope_codes(principal)
    channel, problem = request.GET.get("channel", "")[:40], request.GET.get("show", "")
    text = request.GET.get("q", "").strip()[:120]
    rows, mark = listing_page(codes=codes, channel=channel, problem=problem, text=text,
                              after=request.GET.get("after", ""), size=ROWS)  # fmt: skip
    counts = publication_counts(codes=codes, channel=channel)
    asked = {key: value for key, value in (("channel", channel), ("show", problem), ("q", text)) if value}
    accounts = in_channel_scope(ChannelAccount.objects.select_related("channel"), principal).order_by("channel__name")
    chosen = next((account for account in accounts if account.channel.code == channel), None)
    context = {
        "rows": [_shown(row) for row in rows], "counts": counts, "q": text, "show": problem, "channel": channel,
        "channels": [(account.channel.code, account.channel.name) for account in accounts], "chosen": chosen,
        "tabs": _tabs(counts.problems, counts.listings, asked),
        "next_url": f"?{urlencode(asked | {'after': mark})}" if mark else "", "export_query": urlencode(asked),
        "first_url": f"?{urlencode(asked)}" if request.GET.get("after") else "",
        "days": exposure_by_day(codes=codes, channel=channel), "back": request.get_full_path(), **rights(principal),
    }  # fmt: skip
    return render(request, "dashboard/inventory/publication/list.html", context)


def _tabs(problems: dict[str, int], listings: int, asked: dict[str, str]) -> list[dict[str, Any]]:
    rest = {key: value for key, value in asked.items() if key != "show"}
    tabs = [{"label": _("All"), "url": f"?{urlencode(rest)}", "active": "show" not in asked, "count": listings}]
    for key in PROBLEMS:
        tabs.append({
            "label": WORDS[key][0], "url": f"?{urlencode(rest | {'show': key})}", "active": asked.get("show") == key,
            "count": problems[key] or "", "tone": WORDS[key][1],
        })  # fmt: skip
    return tabs


@require_GET
@requires("inventory.export")
def publication_export(request: HttpRequest) -> HttpResponseBase:
    """The same as CSV, all pages."""
    principal_of(request).require("channels.view")
    codes = scope_codes(principal_of(request))
    asked = {"channel": request.GET.get("channel", "")[:40], "problem": request.GET.get("show", ""),
             "text": request.GET.get("q", "").strip()[:120]}  # fmt: skip

    def rows() -> Iterator[list[str | int]]:
        yield ["Channel", "SKU", "Its code", "State", "ATP", "Buffer", "Threshold", "Cap", "Wanted", "Sent",
               "Acknowledged", "Shown there", "Drift", "Exposed units", "Exposure, unit seconds", "Error"]  # fmt: skip
        after = "0~0"
        while after:
            found, after = listing_page(codes=codes, after=after, size=500, **asked)
            for row in found:
                numbers = (row.cap, row.wanted_quantity, row.sent_quantity, row.told_quantity, row.reported_quantity,
                           row.drift)  # fmt: skip
                yield [row.channel_code, row.sku_code, row.external_sku, state_of(row)[1], row.atp, row.buffer,
                       row.threshold, *("" if number is None else number for number in numbers), row.exposed_units,
                       round(row.seconds), row.error]  # fmt: skip

    return csv_response(rows(), "publication")


@require_POST
@requires("channels.view")
def publication_act(request: HttpRequest) -> HttpResponse:
    """Push, pause, stop or resume the ticked listings, or every listing of a SKU."""
    principal = principal_of(request)
    action = request.POST.get("action", "")
    if action not in ACTIONS:
        raise DomainError(_("Choose what to do: push, pause, stop selling or resume."), field="action")
    principal.require(ACTIONS[action])
    found = in_channel_scope(Listing.objects.filter(sku__isnull=False), principal, "account__channel__code")
    sku = request.POST.get("sku", "")
    if sku.isdecimal() and len(sku) < 19:
        found = found.filter(sku_id=int(sku))
    else:
        ids = [int(pk) for pk in request.POST.getlist("ids") if pk.isdecimal() and len(pk) < 19]
        found = found.filter(pk__in=ids)
    listings = list(found.values_list("pk", flat=True))
    _tell(request, lambda: _act(action, listings, request.POST.get("reason", ""), principal.name))
    return HttpResponseRedirect(_back(request))


def _act(action: str, ids: Sequence[int], reason: str, actor: str) -> dict[str, Any]:
    """Do it; what to say, and what was refused."""
    if action == "push":
        pushed = push_listings(listing_ids=ids)
        text = ngettext("%(n)s listing is being told now.", "%(n)s listings are being told now.", len(pushed.done))
        return {"text": text % {"n": len(pushed.done)}, "refused": list(pushed.refused.values())[:10]}
    if action == "resume":
        done = resume_listings(listing_ids=ids, actor=actor)
        text = ngettext("%(n)s listing is told again.", "%(n)s listings are told again.", done)
    elif action == "pause":
        done = halt_listings(listing_ids=ids, halt="paused", reason=reason, actor=actor)
        text = ngettext("%(n)s listing is paused: its channel keeps what it was told.",
                        "%(n)s listings are paused: their channels keep what they were told.", done)  # fmt: skip
    else:
        done = halt_listings(listing_ids=ids, halt="stopped", reason=reason, actor=actor)
        text = ngettext("%(n)s listing is not sold any more: its channel is told 0.",
                        "%(n)s listings are not sold any more: their channels are told 0.", done)  # fmt: skip
    return {"text": text % {"n": done}, "refused": []}


def _tell(request: HttpRequest, work: Callable[[], dict[str, Any]]) -> None:
    """Do it once for the form, and say what came of it or why not."""
    try:
        answer = once_per_form(request, work)
    except (NotFound, Forbidden):
        raise
    except DomainError as error:
        messages.error(request, error.message)
        return
    messages.success(request, answer["text"])
    for text in answer.get("refused", []):
        messages.error(request, text)


def _back(request: HttpRequest) -> str:
    """The page of ours that the button was on."""
    back = request.POST.get("back", "")
    home = reverse("dashboard:publication")
    inside = back.startswith("/") and not back.startswith("//") and "\\" not in back
    return back if inside and back.startswith(reverse("dashboard:inventory")) else home


@require_POST
@requires("channels.view")
def publication_channel(request: HttpRequest, code: str) -> HttpResponse:
    """The same for a whole channel."""
    account = account_for(request, code)
    principal = principal_of(request)
    action = request.POST.get("action", "")
    if action not in ACTIONS:
        raise DomainError(_("Choose what to do: push, pause, stop selling or resume."), field="action")
    principal.require(ACTIONS[action])
    reason = request.POST.get("reason", "")

    def work() -> dict[str, Any]:
        name = {"name": str(account)}
        if action == "push":
            request_push(account.pk)
            return {"text": _("%(name)s is being told its stock now.") % name}
        if action == "resume":
            resume_channel(account_id=account.pk, actor=principal.name)
            return {"text": _("%(name)s is told again.") % name}
        if action == "pause":
            halt_channel(account_id=account.pk, halt="paused", reason=reason, actor=principal.name)
            return {"text": _("%(name)s is paused: it keeps what it was told.") % name}
        halt_channel(account_id=account.pk, halt="stopped", reason=reason, actor=principal.name)
        return {"text": _("%(name)s sells nothing any more: it is told 0 of everything.") % name}

    _tell(request, work)
    return HttpResponseRedirect(_back(request))


class LimitForm(forms.Form):
    """What one listing keeps back and offers."""

    threshold = forms.IntegerField(
        label=gettext_lazy("Keep back here"), min_value=0, max_value=MAX_QUANTITY, required=False,
        help_text=gettext_lazy("Units never offered. Empty: as the channel."),
    )  # fmt: skip
    cap = forms.IntegerField(
        label=gettext_lazy("Offer at most"), min_value=0, max_value=MAX_QUANTITY, required=False,
        help_text=gettext_lazy("Empty: as the channel."),
    )  # fmt: skip
    sells_inbound = forms.BooleanField(
        label=gettext_lazy("Sell goods on order"), required=False,
        help_text=gettext_lazy("Units with a date of arrival may be sold here before they come."),
    )  # fmt: skip


def listing_for(request: HttpRequest, pk: int) -> ListingRow:
    """A mapped listing in scope. Raises NotFound."""
    scope = in_channel_scope(Listing.objects.filter(pk=pk), principal_of(request), "account__channel__code")
    found = listing_rows([pk]) if scope.exists() else []
    if not found:
        raise NotFound(f"There is no listing {pk} that you see.")
    return found[0]


@require_http_methods(["GET", "POST"])
@requires("channels.view")
def publication_listing(request: HttpRequest, pk: int) -> HttpResponse:
    """One listing: the sum behind its number, its limits, what was paused when and why."""
    row = listing_for(request, pk)
    principal = principal_of(request)
    initial = {"threshold": row.own_threshold, "cap": row.own_cap, "sells_inbound": row.sells_inbound}
    form = LimitForm(request.POST or None, initial=initial)
    if request.method == "POST":
        principal.require("channels.edit")
        if form.is_valid():
            once_per_form(request, lambda: _limit(pk, form.cleaned_data))
            messages.success(request, _("The limits of %(code)s are saved.") % {"code": row.external_sku})
            return HttpResponseRedirect(reverse("dashboard:publication_listing", args=[pk]))
    history = Transition.objects.filter(model=LISTING_PUBLICATION.name, object_id=pk).order_by("-pk")[:20]
    [explained] = _explained(row.sku_id, [row], principal)
    context = {**explained, "form": form, "history": list(history), "back": request.path, **rights(principal)}
    return render(request, "dashboard/inventory/publication/detail.html", context,
                  status=422 if form.is_bound and not form.is_valid() else 200)  # fmt: skip


def _limit(pk: int, data: dict[str, Any]) -> dict[str, Any]:
    limit_listing(listing_id=pk, threshold=data["threshold"], cap=data["cap"], sells_inbound=data["sells_inbound"])
    return {}


def _explained(sku_id: int, rows: Sequence[ListingRow], principal: Principal) -> list[dict[str, Any]]:
    """The rows with the sum behind the number of each; nodes that the person does not see are one number."""
    accounts = {row.account_id for row in rows}
    channels = dict(ChannelAccount.objects.filter(pk__in=accounts).values_list("channel__code", "channel_id"))
    found = {each.channel_code: each for each in explain_sellable(sku_id=sku_id, channel_ids=list(channels.values()))}
    seen = None if principal.all_nodes else sorted(principal.node_codes)
    return [
        {**_shown(row), "explained": found[row.channel_code], "sentence": found[row.channel_code].sentence(seen)}
        for row in rows
    ]


@require_GET
@requires("channels.view")
def publish_tab(request: HttpRequest, sku_id: int) -> HttpResponse:
    """One SKU on every channel: what each may sell and why, what it was told and shows."""
    principal = principal_of(request)
    principal.require("inventory.view")
    sku = sku_for(sku_id)
    scope = in_channel_scope(Listing.objects.filter(sku=sku), principal, "account__channel__code")
    rows = listing_rows(list(scope.values_list("pk", flat=True)))
    context = {
        "sku": sku, "rows": _explained(sku_id, rows, principal) if rows else [], "back": request.path,
        **rights(principal),
    }  # fmt: skip
    return render(request, "dashboard/inventory/publication/sku.html", context)
