"""Simulations: ask for one, see how far it is, read what would change, fetch the orders that would."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from oms.accounts.access import principal_of, requires
from oms.core.errors import Conflict, DomainError
from oms.core.jobs import cancel_job
from oms.core.posting import once_per_form
from oms.dashboard.routing.simulation_form import SimulationForm, like
from oms.flow.simulation_jobs import start_simulation
from oms.reporting.simulations import (
    LIST_ROWS,
    changed_csv,
    changed_orders,
    changed_page,
    dots,
    is_small,
    measures,
    node_rows,
    past_simulations,
    state_of,
)
from routing.models import Simulation

#: Fields of the form that an error of the service may name.
_FIELDS = {"policies", "since", "until", "most_orders", "numbers"}


def simulation_for(pk: int) -> Simulation:
    """A simulation by its number. Raises Http404."""
    found = Simulation.objects.select_related("job").filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no simulation {pk}.")
    return found


def _number(text: str) -> int | None:
    """The number of a link; None for what is none, or too long for a key (a bigint holds any 18 digits)."""
    return int(text) if text.isdecimal() and len(text) <= 18 else None


@require_safe
@requires("routing.view")
def simulations(request: HttpRequest) -> HttpResponse:
    """Past simulations, the newest first."""
    principal = principal_of(request)
    principal.require_everywhere()
    rows = past_simulations(LIST_ROWS + 1, before=_number(request.GET.get("before", "")))
    more, rows = len(rows) > LIST_ROWS, rows[:LIST_ROWS]
    context: dict[str, Any] = {
        "rows": [(row, state_of(row)) for row in rows], "next_url": f"?before={rows[-1].pk}" if more else "",
        "may_edit": principal.may("routing.edit"),
    }  # fmt: skip
    return render(request, "dashboard/routing/simulations.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("routing.edit")
def simulation_new(request: HttpRequest) -> HttpResponseBase:
    """The form, and starting what it asks for.

    `policy` chooses drafts before anybody has, `like` takes an earlier simulation as the pattern.
    """
    principal = principal_of(request)
    principal.require_everywhere()
    if request.method != "POST":
        initial: dict[str, Any] = {"window": "7d", "most_orders": "1000"}
        earlier = _number(request.GET.get("like", ""))
        if earlier is not None:
            initial |= like(simulation_for(earlier))
        if "policy" in request.GET:
            initial["policies"] = request.GET.getlist("policy")
        return _form(request, SimulationForm(initial=initial), 200)
    form = SimulationForm(request.POST)
    if not form.is_valid():
        return _form(request, form, 422)
    user_id = principal.user.pk if principal.user else None

    def work() -> dict[str, Any]:
        return {"id": start_simulation(form.terms(), actor=principal.name, user_id=user_id).pk}

    try:
        answer = once_per_form(request, work)
    except DomainError as error:
        form.add_error(error.field if error.field in _FIELDS else None, error.message)
        return _form(request, form, error.http_status)
    return HttpResponseRedirect(reverse("dashboard:routing_simulation", args=[answer["id"]]))


def _form(request: HttpRequest, form: SimulationForm, status: int) -> HttpResponse:
    return render(request, "dashboard/routing/simulation_new.html", {"form": form}, status=status)


@require_safe
@requires("routing.view")
def simulation(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a simulation is, or what came of it."""
    principal = principal_of(request)
    principal.require_everywhere()
    found = simulation_for(pk)
    state = state_of(found)
    context: dict[str, Any] = {
        "simulation": found, "state": state, "may_edit": principal.may("routing.edit"), "again": _again(found),
    }  # fmt: skip
    if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted"):
        if state in ("queued", "running"):
            return render(request, "dashboard/routing/_simulation_progress.html", context)
        # The polled part has ended: all of the page changes.
        return HttpResponse(headers={"HX-Refresh": "true"})
    if state == "done" and found.result["orders"]:
        context |= _result(request, found)
    return render(request, "dashboard/routing/simulation.html", context)


def _again(found: Simulation) -> str:
    """The form with the same drafts and orders chosen."""
    return f"{reverse('dashboard:routing_simulation_new')}?{urlencode({'like': found.pk})}"


def _result(request: HttpRequest, found: Simulation) -> dict[str, Any]:
    chosen, mark = request.GET.get("version", ""), request.GET.get("after", "")
    places = range(1, len(found.versions))
    place = _number(chosen)
    version = place if place is not None and place in places else 0
    rows, last = changed_page(found, version=version, before=_number(mark))
    results, names = found.result["versions"], found.names
    base = urlencode({"version": version} if version else {})
    return {
        "measures": measures(found), "nodes": node_rows(found), "small": is_small(found), "dots": dots(found),
        "names": names, "said": [(names[place], results[place]["words"]) for place in places], "rows": rows,
        "next_url": f"?{base}{'&' if base else ''}after={last}#changed" if last else "",
        "first_url": f"?{base}#changed" if mark else "", "tabs": _tabs(found, version), "version": version,
        "total": changed_orders(found),
    }  # fmt: skip


def _tabs(found: Simulation, version: int) -> list[dict[str, Any]]:
    """Orders that any version changes, and those of each."""
    tabs = [{"label": _("Any"), "url": "?#changed", "active": version == 0}]
    return tabs + [
        {
            "label": found.names[place], "url": f"?version={place}#changed", "active": version == place,
            "count": found.result["versions"][place]["changed"],
        }
        for place in range(1, len(found.versions))
    ]  # fmt: skip


@require_POST
@requires("routing.edit")
def simulation_cancel(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Stop a simulation; nothing of it is kept but what was asked."""
    principal_of(request).require_everywhere()
    found = simulation_for(pk)
    if found.job is not None and cancel_job(found.job.pk):
        messages.success(request, _("The simulation is cancelled."))
    else:
        messages.info(request, _("The simulation had ended already."))
    return HttpResponseRedirect(reverse("dashboard:routing_simulation", args=[pk]))


@require_safe
@requires("routing.view")
def simulation_csv(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The orders that changed node."""
    principal_of(request).require_everywhere()
    found = simulation_for(pk)
    if not found.result:
        raise Conflict(_("This simulation has no result yet."))
    response = StreamingHttpResponse(
        (part.encode() for part in changed_csv(found)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="simulation-{pk}-changed-orders.csv"'
    return response
