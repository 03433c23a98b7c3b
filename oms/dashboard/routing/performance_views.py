"""How nodes and carriers do, measured beside what is applied, and applying it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.core.models import Job
from oms.core.posting import once_per_form
from oms.flow.performance import MEASURE, start_measuring
from oms.reporting.performance import (
    FIRST_LANES,
    MOST_LANES,
    carriers_of,
    effect_of,
    lane_rows,
    node_rows,
    standing,
)
from routing.performance import lanes as lane_terms
from routing.performance import nodes as node_terms
from routing.services import apply_edition


class ApplyForm(forms.Form):
    """Which edition, none where it is empty, instead of which one, and why."""

    number = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1)
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1)
    note = forms.CharField(
        label=gettext_lazy("Why"), max_length=300, help_text=gettext_lazy("It stands in the history.")
    )  # fmt: skip


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 9 else None


@require_GET
@requires("routing.view")
def performance(request: HttpRequest) -> HttpResponse:
    """Nodes and carriers by lane: measured, applied, the difference, and what applying would change.

    With `job`, the uid of a measurement, how far that is; it is asked for again while it is under way.
    """
    if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted"):
        job = _measuring(request)
        if job is None or not job.is_open:
            # The polled part has ended: all of the page changes.
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "dashboard/routing/_performance_measuring.html", {"job": job})
    return _page(request, _number(request.GET.get("edition", "")))


def _measuring(request: HttpRequest) -> Job | None:
    """The measurement that the page was asked about."""
    try:
        uid = UUID(request.GET.get("job", ""))
    except ValueError:
        return None
    return Job.objects.filter(uid=uid, kind=MEASURE).first() if principal_of(request).sees_everything else None


def _page(
    request: HttpRequest, number: int | None, *, problems: Sequence[str] = (), status: int = 200
) -> HttpResponse:  # fmt: skip
    """The page as it stands now; after a refusal with what was wrong, and what was written kept."""
    principal = principal_of(request)
    found = standing(number)
    if number is not None and found.shown is None:
        raise Http404(f"There is no edition {number}.")
    rows = node_rows(found)
    carrier, every = request.GET.get("carrier", "")[:40], request.GET.get("lanes") == "all"
    used = found.used.number if found.used else None
    before = found.use.replaced if found.use else None
    whole = principal.sees_everything
    proposed = found.shown is not None and found.shown != found.used
    lanes = lane_rows(found, carrier, limit=MOST_LANES if every else FIRST_LANES) if whole else []
    context: dict[str, Any] = {
        "found": found, "nodes": [row for row in rows if principal.sees_node(row.node.code)], "proposed": proposed,
        "lanes": lanes, "more_lanes": not every and len(lanes) > FIRST_LANES,
        "all_lanes": _address(number, carrier, every=True), "sees_all": whole, "carrier": carrier,
        "tabs": _tabs(number, carriers_of(found.shown), carrier), "effect": effect_of(rows) if whole else None,
        "may_apply": principal.may("routing.publish") and whole, "before": before, "window": node_terms.WINDOW_DAYS,
        "lane_window": lane_terms.WINDOW_DAYS, "job": _measuring(request),
        "problems": problems, "form": ApplyForm(initial={
            "number": found.shown and found.shown.number, "seen": used, "note": request.POST.get("note", "")[:300],
        }),
        "back": ApplyForm(initial={"number": before and before.number, "seen": used}, auto_id="back_%s"),
    }  # fmt: skip
    return render(request, "dashboard/routing/performance.html", context, status=status)


def _address(number: int | None, carrier: str, *, every: bool = False) -> str:
    asked = {"edition": number, "carrier": carrier, "lanes": "all" if every else ""}
    return "?" + urlencode({name: value for name, value in asked.items() if value}) + "#lanes"


def _tabs(number: int | None, carriers: list[str], chosen: str) -> list[dict[str, Any]]:
    every = [("", _("All carriers together")), *((code, code) for code in carriers)]
    return [{"label": label, "url": _address(number, code), "active": code == chosen} for code, label in every]


@require_POST
@requires("routing.publish")
def performance_apply(request: HttpRequest) -> HttpResponseBase:
    """Let routing use an edition, or none. Going back is applying the one before."""
    principal = principal_of(request)
    principal.require_everywhere()
    form = ApplyForm(request.POST)
    if not form.is_valid():
        problems = [f"{form[name].label}: {text}" for name, texts in form.errors.items() for text in texts]
        return _page(request, _number(request.POST.get("number", "")), problems=problems, status=422)
    data = form.cleaned_data

    def work() -> dict[str, Any]:
        use = apply_edition(number=data["number"], seen=data["seen"], note=data["note"], actor=principal.name)
        return {"number": use.edition.number if use.edition else None}

    try:
        answer = once_per_form(request, work)
    except DomainError as error:
        return _page(request, data["number"], problems=[error.message], status=error.http_status)
    said = _("Edition %(number)s counts in decisions from now on.") if answer["number"] else (
        _("No measured performance counts in decisions any more.")
    )  # fmt: skip
    messages.success(request, said % answer)
    return HttpResponseRedirect(reverse("dashboard:routing_performance"))


@require_POST
@requires("routing.publish")
def performance_measure(request: HttpRequest) -> HttpResponseBase:
    """Let a job measure now, without waiting for the clock. It changes no decision."""
    principal = principal_of(request)
    principal.require_everywhere()

    user_id = principal.user.pk if principal.user else None
    answer = once_per_form(
        request, lambda: {"job": str(start_measuring(actor=principal.name, user_id=user_id).uid)}
    )  # fmt: skip
    return HttpResponseRedirect(f"{reverse('dashboard:routing_performance')}?job={answer['job']}")
