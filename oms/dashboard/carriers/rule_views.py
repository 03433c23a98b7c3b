"""Rules by which a carrier is chosen: their order, one to edit, and how many parcels it would be about."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from carriers.models import CarrierAccount, ChoiceRule
from carriers.selectors import rule_reach
from carriers.services.rules import move_rule, remove_rule, save_rule
from oms.accounts.access import principal_of, requires
from oms.core.errors import Conflict, DomainError
from oms.core.posting import once_per_form
from oms.dashboard.carriers.rule_forms import RuleForm, initial_of
from oms.dashboard.carriers.rule_words import about, does, state


@require_safe
@requires("carriers.view")
def rule_list(request: HttpRequest) -> HttpResponse:
    """The rules in the order in which they are asked."""
    names = dict(CarrierAccount.objects.values_list("code", "name"))
    rows = [
        {"rule": rule, "about": about(rule), "does": does(rule, names), "state": state(rule)}
        for rule in ChoiceRule.objects.all()
    ]
    context = {"rows": rows, "may_edit": principal_of(request).may("carriers.edit")}
    return render(request, "dashboard/carriers/rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("carriers.edit")
def rule_new(request: HttpRequest) -> HttpResponse:
    """A new rule."""
    return _page(request, None, {"effect": "block", "is_active": True})


@require_http_methods(["GET", "HEAD", "POST"])
@requires("carriers.edit")
def rule_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """A rule that is there."""
    rule = get_object_or_404(ChoiceRule, pk=pk)
    return _page(request, rule, dict(initial_of(rule)))


def _page(request: HttpRequest, rule: ChoiceRule | None, initial: dict[str, Any]) -> HttpResponse:
    form = RuleForm(request.POST or None, initial=initial)
    context: dict[str, Any] = {"form": form, "rule": rule}
    status = 200
    if request.method == "POST":
        if not form.is_valid():
            status = 422
        elif request.POST.get("show"):
            context["reach"] = rule_reach(form.terms())
        else:
            try:
                return _save(request, form, rule)
            except DomainError as error:
                form.refuse(error)
                status = 409 if isinstance(error, Conflict) else 422
    return render(request, "dashboard/carriers/rule.html", context, status=status)


def _save(request: HttpRequest, form: RuleForm, rule: ChoiceRule | None) -> HttpResponse:
    actor, terms = principal_of(request).name, form.terms()
    pk, seen_at = (rule.pk, form.cleaned_data["seen_at"]) if rule else (None, None)
    answer = once_per_form(
        request, lambda: {"name": save_rule(terms=terms, actor=actor, rule_id=pk, seen_at=seen_at).name}
    )
    messages.success(request, _("%(name)s is saved. The next parcel is booked by it.") % answer)
    return HttpResponseRedirect(reverse("dashboard:carrier_rules"))


@require_POST
@requires("carriers.edit")
def rule_move(request: HttpRequest, pk: int) -> HttpResponse:
    """One place up or down."""
    way = request.POST.get("way")
    if way not in ("up", "down"):
        raise DomainError(_("Choose up or down."), field="way")
    actor = principal_of(request).name
    answer = once_per_form(request, lambda: {"name": move_rule(rule_id=pk, up=way == "up", actor=actor).name})
    messages.success(request, _("%(name)s was moved.") % answer)
    return HttpResponseRedirect(reverse("dashboard:carrier_rules"))


@require_POST
@requires("carriers.edit")
def rule_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a rule away."""
    rule = get_object_or_404(ChoiceRule, pk=pk)
    remove_rule(rule_id=pk)
    messages.success(request, _("%(name)s is removed.") % {"name": rule.name})
    return HttpResponseRedirect(reverse("dashboard:carrier_rules"))
