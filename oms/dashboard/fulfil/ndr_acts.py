"""Answers of people to failed deliveries: one with its details, or many with one look before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from fulfillment.models import AnsweredBy, AnswerKind, FailedDelivery, FailureState
from fulfillment.services.answers import Wish, answer_failure, check_wish, mark_told, takes_answers
from fulfillment.services.care_terms import care_terms
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.care import kind_label, tabs
from oms.dashboard.fulfil.ndr_views import failure_of, failures_of_scope, show_case

MOST_AT_ONCE = 100


def _wish(request: HttpRequest) -> Wish:
    """What the form asks for. Raises DomainError for a kind that there is not."""
    post = request.POST
    kind = post.get("kind", "")
    if kind not in AnswerKind.values:
        raise DomainError(_("Choose what the carrier should do."), field="kind")

    def text(name: str, most: int) -> str:
        return " ".join(post.get(name, "").split())[:most]

    correct = kind == AnswerKind.CORRECT
    return Wish(
        kind=AnswerKind(kind), note=text("note", 300), deliver_on=_day(post.get("deliver_on", ""), kind),
        line1=text("line1", 200) if correct else "", line2=text("line2", 200) if correct else "",
        phone=text("phone", 32) if correct else "",
    )  # fmt: skip


def _day(text: str, kind: str) -> date | None:
    if kind != AnswerKind.ON_DAY:
        return None
    try:
        return parse_date(text)
    except ValueError:
        return None


@require_POST
@requires("orders.edit")
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer one failed delivery: the carrier is told at once after it is stored."""
    principal = principal_of(request)
    failure = failure_of(principal, pk)
    seen = request.POST.get("seen", "")

    def work() -> dict[str, Any]:
        stored = answer_failure(
            failure_id=pk, wish=_wish(request), by=AnsweredBy.PERSON, actor=principal.name,
            seen=int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 19 else None,
            by_phone=bool(request.POST.get("by_phone")),
        )  # fmt: skip
        return {"kind": stored.kind}

    try:
        done = once_per_form(request, work)
    except DomainError as error:
        return show_case(request, failure_of(principal, pk), error.message, error.http_status)
    words = {"number": failure.shipment.order.number, "what": kind_label(done["kind"]).lower()}
    messages.success(request, _("Answered for %(number)s: %(what)s.") % words)
    return HttpResponseRedirect(_back(request, reverse("dashboard:fulfil_ndr_case", args=[pk])))


@require_POST
@requires("orders.edit")
def told(request: HttpRequest, pk: int) -> HttpResponse:
    """The carrier was told an answer by phone."""
    principal = principal_of(request)
    failure = failure_of(principal, pk)
    text = request.POST.get("answer", "")
    if not (text.isascii() and text.isdecimal() and failure.answers.filter(pk=int(text[:18])).exists()):
        raise NotFound(_("There is no such answer."))
    try:
        once_per_form(request, lambda: {"id": mark_told(answer_id=int(text), actor=principal.name).pk})
    except DomainError as error:
        return show_case(request, failure_of(principal, pk), error.message, error.http_status)
    messages.success(request, _("Noted: the carrier was told by phone."))
    return HttpResponseRedirect(reverse("dashboard:fulfil_ndr_case", args=[pk]))


def _back(request: HttpRequest, default: str) -> str:
    url = request.POST.get("back", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None) else default


# -- many at once ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """One chosen parcel: the newest answer that was seen of it, how its carrier is told, and what is in the way."""

    failure: FailedDelivery
    seen: int
    by_system: bool
    problem: str = ""


@require_POST
@requires("orders.edit")
def bulk(request: HttpRequest) -> HttpResponse:
    """One answer for many parcels: what can be asked of which carrier first, then each by itself with its result."""
    principal = principal_of(request)
    back = f"{reverse('dashboard:fulfil_ndr')}{request.GET.urlencode() and '?' + request.GET.urlencode()}"
    kind = request.POST.get("kind", "")
    if kind not in AnswerKind.values or kind == AnswerKind.CORRECT:
        raise DomainError(_("Choose what the carriers should do."), field="kind")
    seen = _seen(request)
    found = failures_of_scope(principal).filter(pk__in=list(seen)).order_by("due_at", "pk")
    rows = list(found)
    if not rows:
        messages.error(request, _("Tick the parcels first."))
        return HttpResponseRedirect(back)
    if request.POST.get("confirmed"):
        results = [(row, _answer_one(request, row, seen[row.pk])) for row in rows]
        return _show_results(request, kind, results, back)
    return _show_preview(request, kind, [_chosen(row, kind) for row in rows], back)


def _seen(request: HttpRequest) -> dict[int, int | None]:
    """Ids of the chosen ones, each with the newest answer that was seen: the list sends `id`, the look `id:answer`."""
    seen: dict[int, int | None] = {}
    for text in request.POST.getlist("ids")[:MOST_AT_ONCE]:
        key, _colon, newest = text.partition(":")
        if key.isascii() and key.isdecimal() and len(key) < 19:
            seen[int(key)] = int(newest) if newest.isascii() and newest.isdecimal() and len(newest) < 19 else None
    if request.POST.get("confirmed") and None in seen.values():
        raise DomainError(_("This page is incomplete. Reload it and try again."), field="ids")
    return seen


def _chosen(failure: FailedDelivery, kind: str) -> Chosen:
    """Whether this can be asked for the parcel; the day is chosen on the look itself."""
    given = list(failure.answers.all())
    shipment, terms = failure.shipment, care_terms(failure.shipment.carrier_account)
    problem = ""
    if failure.state == FailureState.CLOSED:
        problem = failure.get_ended_display()
    else:
        days = terms.days_from(shipment.node.today())
        day = days[0] if kind == AnswerKind.ON_DAY and days else None
        try:
            check_wish(Wish(kind=AnswerKind(kind), deliver_on=day), failure, shipment, terms)
        except DomainError as error:
            problem = error.message
    by_system = takes_answers(shipment.carrier_account)
    return Chosen(failure, given[-1].pk if given else 0, by_system, problem)


def _show_preview(request: HttpRequest, kind: str, rows: Sequence[Chosen], back: str) -> HttpResponse:
    fitting = [row for row in rows if not row.problem]
    days = [set(care_terms(row.failure.shipment.carrier_account).days_from(row.failure.shipment.node.today()))
            for row in fitting]  # fmt: skip
    context = {
        "tabs": tabs(principal_of(request), "ndr"), "kind": kind, "label": kind_label(kind), "fitting": fitting,
        "refused": [row for row in rows if row.problem], "back": back, "query": request.GET.urlencode(),
        "by_phone": sum(1 for row in fitting if not row.by_system), "total": len(rows),
        "days": sorted(set.intersection(*days)) if days and kind == AnswerKind.ON_DAY else [],
    }  # fmt: skip
    return render(request, "dashboard/fulfil/ndr_bulk.html", context)


def _answer_one(request: HttpRequest, failure: FailedDelivery, seen: int | None) -> str:
    """Answer for one parcel once, however often the form comes; what was in the way, or nothing."""
    actor = principal_of(request).name

    def work() -> dict[str, Any]:
        wish = _wish(request)
        stored = answer_failure(failure_id=failure.pk, wish=wish, by=AnsweredBy.PERSON, actor=actor, seen=seen)
        return {"id": stored.pk}

    try:
        once_per_form(request, work, part=f"ndr/{failure.pk}")
    except DomainError as error:
        return error.message
    return ""


def _show_results(
    request: HttpRequest, kind: str, results: Sequence[tuple[FailedDelivery, str]], back: str
) -> HttpResponse:
    done = sum(1 for _row, problem in results if not problem)
    title = ngettext("Answered for %(n)d parcel", "Answered for %(n)d parcels", done) % {"n": done}
    context = {
        "tabs": tabs(principal_of(request), "ndr"), "label": kind_label(kind), "results": results, "back": back,
        "title": title, "refused": len(results) - done,
    }  # fmt: skip
    return render(request, "dashboard/fulfil/ndr_bulk_result.html", context)
