"""What date a customer would see and why, many postcodes at once, and whether promises are kept."""

from __future__ import annotations

import csv
import json
import shlex
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from oms.accounts.access import Principal, principal_of, requires
from oms.core.clock import now
from oms.core.errors import DomainError
from oms.dashboard.promise.bar import bar_of
from oms.dashboard.promise.forms import INDIA, BulkForm, PromiseForm
from oms.reporting.promise_answers import answer_values, reason_for, shown_options
from oms.reporting.reliability import FEWEST, By, reliability_rows
from oms.reporting.scope import Scope
from routing.promise.calibration import Reliability
from routing.services import Answered, Question, promise, promises

_BYS: tuple[By, ...] = ("week", "lane", "carrier", "node", "service")


@require_GET
@requires("promise.view")
def tester(request: HttpRequest) -> HttpResponse:
    """The form, and under it the options, the bar, the nodes that were refused, and the same query tomorrow."""
    principal = principal_of(request)
    asked = "lines" in request.GET
    form = PromiseForm(principal, request.GET if asked else None)
    context: dict[str, Any] = {"form": form, "tabs": _tabs("promise"), "asked": asked}
    if asked and form.is_valid():
        context |= _answered(form, principal)
    invalid = asked and bool(form.errors)
    return render(request, "dashboard/promise/tester.html", context, status=422 if invalid else 200)


def _answered(form: PromiseForm, principal: Principal) -> dict[str, Any]:
    values = form.cleaned_data
    question = Question(
        values["lines"], values["postcode"].strip(), values["store"], values["cod"], values["country"]
    )  # fmt: skip
    try:
        found = promise(question, channel_code=values["channel"], moment=values["moment"])
        later = (values["moment"] or now()) + timedelta(days=1)
        tomorrow = promise(question, channel_code=values["channel"], moment=later)
    except DomainError as error:
        form.add_error("lines" if error.field.startswith("lines") else None, error.message)
        return {}
    shown = answer_values(found, principal)
    return {
        "found": found, "options": [(option, bar_of(option)) for option in shown_options(found, principal)],
        "reason": reason_for(found, principal), "place": shown["place"],
        "tomorrow": shown_options(tomorrow, principal), "tomorrow_at": later.astimezone(INDIA),
        "candidates": _candidates(found, principal), "json": json.dumps(shown, indent=2), "curl": _curl(values),
    }  # fmt: skip


def _candidates(found: Answered, principal: Principal) -> list[Any]:
    """Every node that routing looked at, as far as the person may see it."""
    plan = found.answer.plan
    return [each for each in plan.candidates if principal.sees_node(each.code)] if plan is not None else []


def _curl(values: dict[str, Any]) -> str:
    """The same question as a command line. Nothing of it is anybody's secret: the token is a word to replace."""
    body: dict[str, Any] = {
        "channel": values["channel"], "postcode": values["postcode"],
        "lines": [{"sku": sku, "quantity": units} for sku, units in values["lines"]], "cod": values["cod"],
    }  # fmt: skip
    if values["country"] != "IN":
        body["country"] = values["country"]
    if values["store"]:
        body["pickup_node"] = values["store"]
    if values["moment"]:
        body["moment"] = values["moment"].isoformat()
    return (
        f"curl -X POST {settings.PUBLIC_URL}/api/v1/promise -H 'Authorization: Bearer TOKEN' "
        f"-H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"
    )


@require_http_methods(["GET", "POST"])
@requires("promise.view")
def bulk(request: HttpRequest) -> HttpResponse:
    """One cart to many postcodes, on the page or as CSV. Writes nothing."""
    principal = principal_of(request)
    form = BulkForm(principal, request.POST, request.FILES) if request.method == "POST" else BulkForm(principal)
    context: dict[str, Any] = {"form": form, "tabs": _tabs("promise_bulk")}
    if request.method != "POST":
        return render(request, "dashboard/promise/bulk.html", context)
    if form.is_valid():
        values = form.cleaned_data
        questions = [Question(values["lines"], postcode) for postcode in values["postcodes"]]
        try:
            rows = [_row(each, principal) for each in promises(questions, channel_code=values["channel"])]
        except DomainError as error:
            form.add_error("lines" if error.field.startswith("lines") else None, error.message)
        else:
            if "csv" in request.POST:
                return _csv(rows)
            context |= {"rows": rows, "served": sum(row["date"] is not None for row in rows),
                        "pins_text": " ".join(values["postcodes"])}  # fmt: skip
    return render(request, "dashboard/promise/bulk.html", context, status=422 if form.errors else 200)


def _row(found: Answered, principal: Principal) -> dict[str, Any]:
    best = next((option for option in found.answer.options if option.kind != "pickup"), None)
    place = found.place
    row: dict[str, Any] = {
        "postcode": found.question.postcode, "place": f"{place.district}, {place.state}" if place else "",
        "date": None, "reason": reason_for(found, principal),
    }  # fmt: skip
    if best is None:
        return row
    nodes = [source.code if principal.sees_node(source.code) else "–" for source in best.sources]
    return row | {
        "service": best.name, "date": best.day, "probability": best.probability, "cost_minor": best.cost_minor,
        "currency": best.currency, "nodes": ", ".join(nodes), "order_by": best.order_by,
    }  # fmt: skip


def _csv(rows: list[dict[str, Any]]) -> HttpResponse:
    names = ("postcode", "place", "service", "date", "probability", "cost_minor", "currency", "nodes", "order_by",
             "reason")  # fmt: skip
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="promises.csv"'
    writer = csv.writer(response)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return response


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


@require_GET
@requires("promise.view")
def reliability(request: HttpRequest) -> HttpResponse:
    """Promised 90 %, kept how many: by week, lane, carrier, node or service."""
    wanted = request.GET.get("by", "week")
    by: By = next((name for name in _BYS if name == wanted), "week")
    rows = reliability_rows(by, Scope.of(principal_of(request)))
    labels = {"week": _("Week"), "lane": _("Lane"), "carrier": _("Carrier"), "node": _("Node"),
              "service": _("Service")}  # fmt: skip
    context = {
        "rows": [(each.row, each.enough, _drawn(each.row)) for each in rows], "by": by,
        "label": labels[by], "fewest": FEWEST, "tabs": _tabs("promise_reliability"),
        "groupings": [{"label": labels[name], "url": f"?by={name}", "active": name == by} for name in _BYS],
        "kept": sum(round(each.row.kept * each.row.promises) for each in rows),
        "total": sum(each.row.promises for each in rows),
    }  # fmt: skip
    return render(request, "dashboard/promise/reliability.html", context)


class _Drawn(NamedTuple):
    """Where things lie on the chart, in percent of its width, as SVG wants numbers."""

    low: str
    band: str
    kept: str
    said: str


def _drawn(row: Reliability) -> _Drawn:
    return _Drawn(*(f"{100 * value:.2f}" for value in (row.low, row.high - row.low, row.kept, min(0.995, row.said))))


def _tabs(active: str) -> list[dict[str, Any]]:
    names = {
        "promise": _("One cart"), "promise_bulk": _("Many PIN codes"), "promise_reliability": _("Reliability")
    }  # fmt: skip
    return [
        {"label": label, "url": reverse(f"dashboard:{name}"), "active": name == active}
        for name, label in names.items()
    ]  # fmt: skip
