"""Publishing a draft for all orders or as a trial, steering the trial, and going back to a version."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.dashboard.routing.draft_views import draft_for, editor_url
from oms.dashboard.routing.plan_views import PlanForm
from oms.dashboard.routing.policy_views import version_for
from oms.reporting.policies import changes_against_live
from orders.models import SalesChannel
from routing.models import PolicyState, RoutingPolicy
from routing.policy.trial import SHARES
from routing.services import (
    TrialTerms,
    document_of,
    lint_policy,
    make_live,
    publish,
    restore,
    start_canary,
    stop_canary,
    widen_canary,
)

_SHARES = [(str(share), f"{share} %") for share in SHARES]


class PublishForm(forms.Form):
    """Why it is published, and for which orders."""

    edit_version = forms.IntegerField(widget=forms.HiddenInput)
    note = forms.CharField(
        label=gettext_lazy("Why"), max_length=300, help_text=gettext_lazy("It stands in the history of versions.")
    )
    scope = forms.ChoiceField(
        label=gettext_lazy("For"), widget=forms.RadioSelect,
        choices=[
            ("all", gettext_lazy("all orders, at once")), ("trial", gettext_lazy("a trial beside the live version")),
        ],
    )  # fmt: skip
    percent = forms.ChoiceField(label=gettext_lazy("Share of the orders"), choices=_SHARES, required=False)
    channels = forms.MultipleChoiceField(
        label=gettext_lazy("Channels"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: every channel."),
    )  # fmt: skip
    max_unroutable_points = forms.IntegerField(
        label=gettext_lazy("Most orders without a node"), required=False, min_value=0, max_value=100,
        help_text=gettext_lazy("Percentage points above the live version. Empty: no limit."),
    )  # fmt: skip
    max_cost_percent = forms.IntegerField(
        label=gettext_lazy("Most cost an order"), required=False, min_value=0, max_value=1000,
        help_text=gettext_lazy("Percent above the live version. Empty: no limit."),
    )  # fmt: skip
    min_decisions = forms.IntegerField(
        label=gettext_lazy("Judged after"), required=False, min_value=1, max_value=1_000_000,
        help_text=gettext_lazy("Decisions of each version."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channels = self.fields["channels"]
        assert isinstance(channels, forms.MultipleChoiceField)
        channels.choices = [(c.code, c.name) for c in SalesChannel.objects.filter(is_active=True).order_by("name")]

    def terms(self) -> TrialTerms:
        """The trial that was asked for."""
        data = self.cleaned_data
        return TrialTerms(
            percent=int(data["percent"] or SHARES[0]), channels=tuple(data["channels"]),
            max_unroutable_points=data["max_unroutable_points"], max_cost_percent=data["max_cost_percent"],
            min_decisions=data["min_decisions"] or TrialTerms(percent=SHARES[0]).min_decisions,
        )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@requires("routing.publish")
def draft_publish(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What a draft changes against the live version, and publishing it."""
    principal = principal_of(request)
    principal.require_everywhere()
    if request.method != "POST":
        return _page(request, draft_for(pk), None)
    form = PublishForm(request.POST)
    if not form.is_valid():
        return _page(request, draft_for(pk), form)
    data = form.cleaned_data
    trial = data["scope"] == "trial"

    def work() -> dict[str, Any]:
        common = {"policy_id": pk, "edit_version": data["edit_version"], "note": data["note"], "actor": principal.name}
        done = start_canary(**common, terms=form.terms()) if trial else publish(**common)
        return {"version": done.version}

    try:
        answer = once_per_form(request, work)
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return _page(request, draft_for(pk), form, status=error.http_status)
    said = _("Version %(version)s is on trial.") if trial else _("Version %(version)s is live.")
    messages.success(request, said % answer)
    return HttpResponseRedirect(reverse("dashboard:routing_version", args=[answer["version"]]))


def _page(request: HttpRequest, found: RoutingPolicy, form: PublishForm | None, status: int = 422) -> HttpResponse:
    findings = lint_policy(document_of(found))
    usual = TrialTerms(percent=SHARES[0])
    blank = PublishForm(initial={
        "edit_version": found.edit_version, "scope": "all", "percent": str(SHARES[0]),
        "max_unroutable_points": usual.max_unroutable_points, "max_cost_percent": usual.max_cost_percent,
        "min_decisions": usual.min_decisions,
    })  # fmt: skip
    context: dict[str, Any] = {
        "draft": found, "form": form or blank, "plan_form": PlanForm(initial={"edit_version": found.edit_version}),
        "changes": changes_against_live(found), "findings": findings,
        "refused": any(finding.severity == "error" for finding in findings),
        "live": RoutingPolicy.objects.filter(state=PolicyState.LIVE).first(),
        "trial": RoutingPolicy.objects.filter(state=PolicyState.CANARY).first(), "editor": editor_url(found.pk),
        "editor_address": reverse("dashboard:routing_draft", args=[found.pk]),
    }  # fmt: skip
    return render(request, "dashboard/routing/publish.html", context, status=status if form else 200)


@require_POST
@requires("routing.edit")
def version_restore(request: HttpRequest, number: int) -> HttpResponseBase:
    """Begin a draft with the rules of a version."""
    principal = principal_of(request)
    principal.require_everywhere()
    found = version_for(number)
    answer = once_per_form(request, lambda: {"id": restore(policy_id=found.pk, actor=principal.name).pk})
    messages.success(request, _("A draft with the rules of version %(version)s.") % {"version": number})
    return HttpResponseRedirect(reverse("dashboard:routing_publish", args=[answer["id"]])
                                if principal.may("routing.publish") else editor_url(answer["id"]))  # fmt: skip


@require_POST
@requires("routing.publish")
def version_trial(request: HttpRequest, number: int) -> HttpResponseBase:
    """Widen a trial, stop it, or make its version live: `do` is "widen" (with `percent`), "stop" or "live"."""
    principal = principal_of(request)
    principal.require_everywhere()
    found = version_for(number)
    what, percent = request.POST.get("do", ""), request.POST.get("percent", "")

    def work() -> dict[str, Any]:
        if what == "widen":
            widen_canary(policy_id=found.pk, percent=int(percent) if percent.isdecimal() else 0, actor=principal.name)
        elif what == "stop":
            stop_canary(policy_id=found.pk, reason=request.POST.get("reason", "").strip(), actor=principal.name)
        elif what == "live":
            make_live(policy_id=found.pk, actor=principal.name)
        else:
            raise DomainError(_("Say what to do with the trial."))
        return {"done": what}

    once_per_form(request, work)
    said = {"widen": _("The trial now has %(percent)s %% of the orders."), "stop": _("The trial is stopped."),
            "live": _("Version %(version)s is live.")}  # fmt: skip
    messages.success(request, said[what] % {"percent": percent, "version": number})
    return HttpResponseRedirect(reverse("dashboard:routing_version", args=[number]))
