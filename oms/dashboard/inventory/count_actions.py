"""What is done with a count: sessions freed, codes matched, variances accepted, rejected or counted again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from inventory.models import CountSession, StockCount
from inventory.services.counting import (
    Decision,
    accept_items,
    cancel_count,
    close_counting,
    count_as_none,
    discard_session,
    finish_count,
    match_code,
    recount_items,
    reject_items,
    release_session,
    set_code_aside,
)
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.ids import uuid7
from oms.core.posting import once_per_form
from oms.dashboard.inventory.count_access import count_for, counter_of, page_of, reviewer_of
from oms.dashboard.inventory.count_forms import AsideForm, MatchForm
from oms.dashboard.inventory.count_review_views import count_page, items_shown
from oms.flow.counting import carried_by_pickers, reroute_and_accept

Answer = dict[str, Any]


def _done(request: HttpRequest, found: StockCount, work: Callable[[], Answer]) -> HttpResponse:
    """Do it once, tell what came of it, and go back to the page; refusals stay on it."""
    try:
        answer = once_per_form(request, work)
    except DomainError as error:
        found.refresh_from_db()
        return count_page(request, found, problem=error.message, status=error.http_status)
    if answer.get("text"):
        messages.success(request, answer["text"])
    if answer.get("refused"):
        found.refresh_from_db()
        return count_page(request, found, refused=answer["refused"], status=409)
    return HttpResponseRedirect(answer.get("url") or page_of(found))


@require_POST
@requires("inventory.adjust")
def count_close(request: HttpRequest, number: str) -> HttpResponse:
    """Everything is counted: compare it with what should have been there."""
    found, actor = count_for(request, number), principal_of(request).name

    def work() -> Answer:
        close_counting(count_uid=found.uid, actor=actor, carried_since=carried_by_pickers)
        return {"text": _("Counting is closed. Decide about what differs.")}

    return _done(request, found, work)


@require_POST
@requires("inventory.adjust")
def count_finish(request: HttpRequest, number: str) -> HttpResponse:
    """Every variance is decided: the count is done."""
    found, actor = count_for(request, number), principal_of(request).name

    def work() -> Answer:
        finish_count(count_uid=found.uid, actor=actor)
        return {"text": _("%(number)s is closed.") % {"number": found.number}}

    return _done(request, found, work)


@require_POST
@requires("inventory.adjust")
def count_cancel(request: HttpRequest, number: str) -> HttpResponse:
    """Give the count up: nothing of it is posted."""
    found, actor = count_for(request, number), principal_of(request).name

    def work() -> Answer:
        cancel_count(count_uid=found.uid, actor=actor, reason=request.POST.get("reason", ""))
        return {"text": _("%(number)s was cancelled. Stock is as it was.") % {"number": found.number}}

    return _done(request, found, work)


@require_POST
@requires("inventory.approve")
def count_session(request: HttpRequest, number: str, session: UUID) -> HttpResponse:
    """Free an area that somebody holds, or throw away what was scanned there."""
    found, counter = count_for(request, number), counter_of(request)
    if not CountSession.objects.filter(uid=session, count=found).exists():
        raise NotFound(f"{found.number} has no such area.")
    discard = request.POST.get("do") == "discard"

    def work() -> Answer:
        if discard:
            row = discard_session(session_uid=session, counter=counter)
            return {"text": _("What was scanned in %(area)s counts no more.") % {"area": row.area or _("it")}}
        row = release_session(session_uid=session, counter=counter)
        return {"text": _("%(area)s is free: whoever comes next goes on there.") % {"area": row.area or _("The place")}}

    return _done(request, found, work)


@require_POST
@requires("inventory.adjust")
def count_code(request: HttpRequest, number: str) -> HttpResponse:
    """Say what SKU an unknown code is, or why it counts for nothing."""
    found, actor = count_for(request, number), principal_of(request).name
    form = AsideForm(request.POST) if request.POST.get("do") == "aside" else MatchForm(request.POST)
    if not form.is_valid():
        text = " ".join(str(error) for errors in form.errors.values() for error in errors)
        return count_page(request, found, problem=text, status=422)
    return _done(request, found, lambda: _settle_code(found, form, actor))


def _settle_code(found: StockCount, form: forms.Form, actor: str) -> Answer:
    data = form.cleaned_data
    if isinstance(form, AsideForm):
        set_code_aside(count_uid=found.uid, code=data["code"], reason=data["reason"], actor=actor)
        return {"text": _("%(code)s is set aside.") % {"code": data["code"]}}
    scans = match_code(
        count_uid=found.uid, code=data["code"], sku_id=data["sku"].pk, keep_barcode=data["keep_barcode"], actor=actor,
        carried_since=carried_by_pickers,
    )  # fmt: skip
    text = ngettext("%(code)s is %(sku)s: %(n)d scan counts.", "%(code)s is %(sku)s: %(n)d scans count.", scans)
    return {"text": text % {"code": data["code"], "sku": data["sku"].code, "n": scans}}


# -- variances ---------------------------------------------------------------------------------------------------------


@require_POST
@requires("inventory.adjust")
def count_items(request: HttpRequest, number: str) -> HttpResponse:
    """Accept, reject, count as none or count again: the chosen items, or all that wait."""
    found = count_for(request, number)
    acts: dict[str, Callable[[], Answer]] = {
        "accept": lambda: _accept(request, found), "reject": lambda: _reject(request, found),
        "none": lambda: _none(request, found), "recount": lambda: _recount(request, found),
    }  # fmt: skip
    act = acts.get(request.POST.get("do", ""))
    if act is None:
        raise NotFound("There is no such thing to do with a variance.")
    if not request.POST.get("select_all") and not _ids(request):
        return count_page(request, found, problem=_("Choose at least one line."), status=422)
    return _done(request, found, act)


def _ids(request: HttpRequest) -> list[int]:
    return [int(text) for text in request.POST.getlist("ids") if text.isascii() and text.isdecimal() and len(text) < 16]


def _chosen(request: HttpRequest, found: StockCount) -> list[int]:
    """The lines that are ticked, or all of the view that the form stands in."""
    if not request.POST.get("select_all"):
        return _ids(request)
    return list(items_shown(found, request.GET.get("show", "review")).values_list("pk", flat=True))


def _accept(request: HttpRequest, found: StockCount) -> Answer:
    decision = accept_items(
        count_uid=found.uid, reviewer=reviewer_of(request), carried_since=carried_by_pickers,
        item_ids=_chosen(request, found), note=request.POST.get("note", "")[:200],
    )  # fmt: skip
    return _told(decision)


def _told(decision: Decision) -> Answer:
    refused = [
        {"item_id": row.item_id, "sku": row.sku_code, "text": row.text, "code": row.code, "orders": list(row.orders)}
        for row in decision.refused
    ]
    n = len(decision.accepted)
    text = ngettext("%(n)d line accepted, %(units)+d units.", "%(n)d lines accepted, %(units)+d units.", n)
    return {"text": text % {"n": n, "units": decision.units} if n else "", "refused": refused}


def _reject(request: HttpRequest, found: StockCount) -> Answer:
    n = reject_items(count_uid=found.uid, item_ids=_chosen(request, found), actor=principal_of(request).name,
                     note=request.POST.get("note", ""))  # fmt: skip
    return {"text": ngettext("%(n)d line rejected. Stock is as it was.", "%(n)d lines rejected. Stock is as it was.", n)
            % {"n": n}}  # fmt: skip


def _none(request: HttpRequest, found: StockCount) -> Answer:
    done = count_as_none(count_uid=found.uid, item_ids=_chosen(request, found), actor=principal_of(request).name,
                         carried_since=carried_by_pickers)  # fmt: skip
    text = ngettext("%(n)d SKU counts as none. Accept it under To review.",
                    "%(n)d SKUs count as none. Accept them under To review.", len(done))  # fmt: skip
    return {"text": text % {"n": len(done)}}


def _recount(request: HttpRequest, found: StockCount) -> Answer:
    made = recount_items(
        count_uid=found.uid, item_ids=_chosen(request, found), uid=uuid7(), actor=principal_of(request).name
    )
    return {"text": _("%(number)s counts them again.") % {"number": made.number}, "url": page_of(made)}


@require_POST
@requires("inventory.adjust")
def count_make_room(request: HttpRequest, number: str, item: int) -> HttpResponse:
    """Send the newest orders that stand in the way of a shortage to other nodes, then accept it."""
    found = count_for(request, number)
    principal_of(request).require("orders.reroute")
    if not found.items.filter(pk=item).exists():
        raise NotFound(f"{found.number} has no such line.")

    def work() -> Answer:
        decision, moved = reroute_and_accept(count_uid=found.uid, item_id=item, reviewer=reviewer_of(request))
        text = _("%(units)+d units. Sent to other nodes: %(orders)s.")
        return {"text": text % {"units": decision.units, "orders": ", ".join(moved) or _("no order")}}

    return _done(request, found, work)
