"""The policies: drafts and versions, what a version says, and what was tried."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from oms.accounts.access import principal_of, requires
from oms.reporting.policies import changes_since, drafts, trial_of, versions
from oms.reporting.shadows import shadow_of
from oms.reporting.version_kpis import version_kpis
from routing.models import PolicyState, RoutingCanary, RoutingPolicy
from routing.policy.first import FIRST_POLICIES
from routing.policy.trial import SHARES
from routing.policy.words import rule_sentences
from routing.services import document_of

#: State -> tone of its pill.
TONES = {"draft": "neutral", "canary": "info", "live": "good", "archived": "off"}


@require_safe
@requires("routing.view")
def policies(request: HttpRequest) -> HttpResponse:
    """Drafts, and every published version: who, when, why, and what changed in words."""
    principal = principal_of(request)
    whole = principal.sees_everything
    # The figures count every order: they cannot be told apart by nodes and channels.
    rows, kpis = versions(), version_kpis() if whole else {}
    context: dict[str, Any] = {
        "drafts": drafts(), "rows": [(row, kpis.get(row.policy.version or 0)) for row in rows],
        "tones": TONES, "firsts": FIRST_POLICIES, "may_edit": principal.may("routing.edit"),
        "whole": whole,
        "trial": next((row.policy for row in rows if row.policy.state == PolicyState.CANARY), None),
    }  # fmt: skip
    return render(request, "dashboard/routing/versions.html", context)


def version_for(number: int) -> RoutingPolicy:
    """A published version. Raises Http404."""
    found = RoutingPolicy.objects.filter(version=number).first()
    if found is None:
        raise Http404(f"There is no version {number}.")
    return found


@require_safe
@requires("routing.view")
def version(request: HttpRequest, number: int) -> HttpResponse:
    """One published version in words, with its trial and its run in the shadow where it had them."""
    found = version_for(number)
    principal = principal_of(request)
    whole = principal.sees_everything
    before = RoutingPolicy.objects.filter(version__lt=number).order_by("-version").first()
    context: dict[str, Any] = {
        "policy": found, "tone": TONES[found.state], "changes": changes_since(found, before), "before": before,
        "rules": [(rule, rule_sentences(rule)) for rule in document_of(found).rules],
        "trial": RoutingCanary.objects.filter(policy=found).select_related("policy", "baseline").first(),
        # The figures count every order: they cannot be told apart by nodes and channels.
        "report": trial_of(found) if whole else None, "kpis": version_kpis(number).get(number) if whole else None,
        "shadow": shadow_of(found) if whole else None,
        "shares": SHARES, "may_edit": principal.may("routing.edit") and whole,
        "may_publish": principal.may("routing.publish") and whole,
    }  # fmt: skip
    return render(request, "dashboard/routing/version.html", context)
