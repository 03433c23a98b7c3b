"""Routing: the live policy in words, what was decided lately, and how full the nodes are."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from oms.accounts.access import principal_of, requires
from oms.dashboard.orders.words import OUTCOME_TONES
from oms.reporting.decisions import (
    DecisionQuestion,
    decision_page,
    outcome_counts,
    triggers_since,
)
from oms.reporting.node_load import nodes_now
from oms.reporting.scope import Scope
from routing.models import PolicyState, RoutingDecisionOutcome, RoutingPolicy
from routing.policy.words import rule_sentences
from routing.services import rules_in_force

#: Times back that the list offers, in hours.
SPANS = ((1, "1 hour"), (24, "24 hours"), (24 * 7, "7 days"), (24 * 30, "30 days"))


@require_GET
@requires("routing.view")
def routing(request: HttpRequest) -> HttpResponse:
    """The policy, the decisions and the load of the nodes on one page."""
    principal = principal_of(request)
    scope = Scope.of(principal)
    question = _question(request)
    rows, mark = decision_page(question, scope, before=request.GET.get("before", ""))
    counts = outcome_counts(scope, hours=question.hours)
    live = rules_in_force().live
    base = _query(question)
    context: dict[str, Any] = {
        "live": RoutingPolicy.objects.filter(state=PolicyState.LIVE).first(), "question": question,
        "trial": RoutingPolicy.objects.filter(state=PolicyState.CANARY).select_related("canary").first(),
        "rules": [(rule, rule_sentences(rule)) for rule in live.document.rules],
        "rows": [(row, OUTCOME_TONES[row.outcome], RoutingDecisionOutcome(row.outcome).label) for row in rows],
        "next_url": f"{base}&before={mark}".replace("+", "%2B") if mark else "",
        "first_url": base if request.GET.get("before") else "", "tabs": _tabs(question, counts), "spans": SPANS,
        "triggers": triggers_since(question.hours), "total": sum(found.count for found in counts.values()),
        "p95_ms": max((found.p95_ms for found in counts.values()), default=None),
        "nodes": sorted(nodes_now(scope), key=lambda node: (-node.percent, node.code)),
        "may_edit": principal.may("routing.edit"),
    }  # fmt: skip
    return render(request, "dashboard/routing/routing.html", context)


def _question(request: HttpRequest) -> DecisionQuestion:
    hours, outcome = request.GET.get("hours", ""), request.GET.get("outcome", "")
    return DecisionQuestion(
        outcome=outcome if outcome in RoutingDecisionOutcome.values else "",
        hours=int(hours) if hours in {str(span) for span, _ in SPANS} else 24,
        number=request.GET.get("q", "").strip()[:40], trigger=request.GET.get("trigger", "")[:40],
    )  # fmt: skip


def _query(question: DecisionQuestion, **changes: Any) -> str:
    values = {"hours": question.hours, "outcome": question.outcome, "trigger": question.trigger,
              "q": question.number} | changes  # fmt: skip
    return "?" + urlencode({name: value for name, value in values.items() if value})


def _tabs(question: DecisionQuestion, counts: dict[str, Any]) -> list[dict[str, Any]]:
    alarms = {"partial": "warn", "unroutable": "bad"}
    tabs = [{"label": "All", "url": _query(question, outcome=""), "active": not question.outcome,
             "count": sum(found.count for found in counts.values())}]  # fmt: skip
    for outcome, label in RoutingDecisionOutcome.choices:
        number = counts[outcome].count if outcome in counts else 0
        tabs.append({"label": label, "url": _query(question, outcome=outcome), "active": question.outcome == outcome,
                     "count": number, "tone": alarms.get(outcome, "") if number else ""})  # fmt: skip
    return tabs
