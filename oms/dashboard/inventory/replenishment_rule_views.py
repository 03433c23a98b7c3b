"""Rules of replenishment: where stock is kept up and how, and what a change would suggest."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inventory.models import Node, ReplenishmentRule, Sku
from inventory.services.replenishing import start_replenishing
from inventory.services.replenishment_rules import (
    RulePreview,
    create_replenishment_rule,
    delete_replenishment_rule,
    edit_replenishment_rule,
    move_replenishment_rule,
    preview_replenishment,
)
from oms.accounts.access import principal_of, requires
from oms.core.errors import Conflict, DomainError, Forbidden
from oms.core.posting import once_per_form
from oms.dashboard.inventory.replenishment_access import rule_for, rules_of
from oms.dashboard.inventory.replenishment_forms import ReplenishmentRuleForm, initial_of
from oms.reporting.replenishment_words import number
from oms.reporting.waiting_units import WAITING_SQL

MOST_RULES, MOST_WORDS = 500, 200


def conditions_of(rule: ReplenishmentRule) -> str:
    """Where a rule counts, in words; empty where it counts everywhere."""
    parts = (rule.sku.code if rule.sku else "", rule.node.code if rule.node else "", rule.category)
    return ", ".join(part for part in parts if part)


def method_of(rule: ReplenishmentRule) -> str:
    """How a rule keeps stock up, in words."""
    parts = [
        _("%(level)s %% service level") % {"level": number(rule.service_level_bp / 100)},
        ngettext("orders last %(n)s day", "orders last %(n)s days", rule.review_days) % {"n": rule.review_days},
    ]
    if rule.least_stock:
        parts.append(_("at least %(n)s") % {"n": rule.least_stock})
    if rule.most_stock is not None:
        parts.append(_("at most %(n)s") % {"n": rule.most_stock})
    return ", ".join(parts)


def source_of(rule: ReplenishmentRule) -> str:
    """Where the goods come from."""
    if rule.from_node is None:
        return _("The supplier")
    text = ngettext("%(node)s, in %(n)s day", "%(node)s, in %(n)s days", rule.transfer_days)
    return text % {"node": rule.from_node.code, "n": rule.transfer_days}


@require_safe
@requires("inventory.view")
def replenishment_rules(request: HttpRequest) -> HttpResponse:
    """The rules in the order in which they are asked."""
    principal = principal_of(request)
    rules = list(rules_of(principal)[:MOST_RULES])
    may_change = principal.may("inventory.rules")
    context = {
        "rows": [
            {"rule": rule, "where": conditions_of(rule), "how": method_of(rule), "source": source_of(rule),
             "may": may_change and (principal.all_nodes or rule.node_id is not None)}
            for rule in rules
        ],
        "may_change": may_change, "may_order": may_change and principal.all_nodes,
    }  # fmt: skip
    return render(request, "dashboard/inventory/replenishment/rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.rules")
def replenishment_rule_new(request: HttpRequest) -> HttpResponse:
    """A new rule."""
    text = request.GET.get("sku", "")
    given = Sku.objects.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
    node = Node.objects.filter(code=request.GET.get("node", "")[:40]).first()
    initial = {
        "sku": given.code if given else "", "node": node.code if node else "", "is_active": True, "service_level": 95,
        "review_days": 7, "transfer_days": 2, "least_stock": 0,
    }  # fmt: skip
    return _form_page(request, None, initial)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.rules")
def replenishment_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """A rule that is there, to be changed."""
    rule = rule_for(request, pk)
    return _form_page(request, rule, initial_of(rule))


def _form_page(request: HttpRequest, rule: ReplenishmentRule | None, initial: dict[str, Any]) -> HttpResponse:
    form = ReplenishmentRuleForm(request.POST or None, principal=principal_of(request), initial=initial)
    preview: RulePreview | None = None
    status = 200
    if request.method == "POST":
        try:
            if not form.is_valid():
                status = 422
            elif request.POST.get("show"):
                preview = _preview(request, form, rule)
            else:
                return _save(request, form, rule)
        except DomainError as error:
            form.add_error(_field(error.field, form), error.message)
            status = 409 if isinstance(error, Conflict) else 422
    words = Sku.objects.exclude(category="").order_by("category").values_list("category", flat=True).distinct()
    context = {"form": form, "rule": rule, "preview": preview, "categories": list(words[:MOST_WORDS])}
    return render(request, "dashboard/inventory/replenishment/rule.html", context, status=status)


def _field(name: str, form: ReplenishmentRuleForm) -> str | None:
    name = {"service_level_bp": "service_level"}.get(name, name)
    return name if name in form.fields else None


def _preview(request: HttpRequest, form: ReplenishmentRuleForm, rule: ReplenishmentRule | None) -> RulePreview:
    return preview_replenishment(
        terms=form.terms(), rule_id=rule.pk if rule else None, priority=form.cleaned_data["priority"],
        waiting=WAITING_SQL, node_ids=_own_nodes(request),
    )  # fmt: skip


def _own_nodes(request: HttpRequest) -> list[int] | None:
    """Nodes whose suggestions the person may see; None for all."""
    principal = principal_of(request)
    if principal.all_nodes:
        return None
    return list(Node.objects.filter(code__in=sorted(principal.node_codes)).values_list("pk", flat=True))


def _work_out(request: HttpRequest) -> None:
    """Let suggestions follow the rules as they are now: demand did not change by that."""
    user = principal_of(request).user
    start_replenishing(title=_("Work out what to order"), rates=False, user_id=user.pk if user else None)


def _save(request: HttpRequest, form: ReplenishmentRuleForm, rule: ReplenishmentRule | None) -> HttpResponse:
    principal, data = principal_of(request), form.cleaned_data

    def work() -> dict[str, Any]:
        if rule is None:
            saved = create_replenishment_rule(terms=form.terms(), actor=principal.name, priority=data["priority"])
        else:
            saved = edit_replenishment_rule(
                rule_id=rule.pk, terms=form.terms(), actor=principal.name, priority=data["priority"],
                seen_at=data["seen_at"],
            )  # fmt: skip
        _work_out(request)
        return {"name": saved.name}

    answer = once_per_form(request, work)
    messages.success(request, _("%(name)s is saved. Suggestions follow in a moment.") % answer)
    return HttpResponseRedirect(reverse("dashboard:replenishment_rules"))


@require_POST
@requires("inventory.rules")
def replenishment_preview(request: HttpRequest) -> HttpResponse:
    """What the form as it stands would suggest: asked while it is filled in. Writes nothing."""
    text = request.GET.get("rule", "")
    rule = rule_for(request, int(text)) if text.isdecimal() and len(text) < 19 else None
    form = ReplenishmentRuleForm(request.POST, principal=principal_of(request))
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        try:
            context["preview"] = _preview(request, form, rule)
        except DomainError as error:
            context["refusal"] = error.message
    return render(request, "dashboard/inventory/replenishment/_preview.html", context)


@require_POST
@requires("inventory.rules")
def replenishment_rule_move(request: HttpRequest, pk: int) -> HttpResponse:
    """One place up or down. Changes what counts at every node, so it is for people of all nodes."""
    rule, principal = rule_for(request, pk), principal_of(request)
    if not principal.all_nodes:
        raise Forbidden(_("The order of the rules counts at all nodes: people of all nodes set it."))
    way = request.POST.get("way")
    if way not in ("up", "down"):
        raise DomainError(_("Choose up or down."), field="way")

    def work() -> dict[str, Any]:
        move_replenishment_rule(rule_id=rule.pk, way="up" if way == "up" else "down", actor=principal.name)
        _work_out(request)
        return {"name": rule.name}

    answer = once_per_form(request, work)
    messages.success(request, _("%(name)s was moved. Suggestions follow in a moment.") % answer)
    return HttpResponseRedirect(reverse("dashboard:replenishment_rules"))


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.rules")
def replenishment_rule_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a rule: what that changes is shown first."""
    rule = rule_for(request, pk)
    if request.method != "POST":
        preview = preview_replenishment(terms=None, rule_id=pk, waiting=WAITING_SQL, node_ids=_own_nodes(request))
        context = {"rule": rule, "preview": preview, "where": conditions_of(rule), "how": method_of(rule)}
        return render(request, "dashboard/inventory/replenishment/remove.html", context)

    def work() -> dict[str, Any]:
        delete_replenishment_rule(rule_id=pk)
        _work_out(request)
        return {"name": rule.name}

    answer = once_per_form(request, work)
    messages.success(request, _("%(name)s is removed. Suggestions follow in a moment.") % answer)
    return HttpResponseRedirect(reverse("dashboard:replenishment_rules"))
