"""The editor of a draft: its rules, the form of one, what it says, what lint finds, and an order to try it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from inventory.models import Node
from oms.accounts.access import principal_of, requires
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.posting import once_per_form
from oms.dashboard.orders.detail import order_or_404
from oms.dashboard.routing.condition_form import ConditionForm
from oms.dashboard.routing.rule_form import TermsForm
from oms.reporting.shadows import shadow_of
from orders.models import OrderPaymentMethod, OrderServiceLevel, SalesChannel, SalesChannelKind
from routing.models import RoutingPolicy
from routing.policy.document import MOST_RULES, Document, Rule
from routing.policy.facts import FIELDS
from routing.policy.first import first_policy
from routing.policy.problems import PolicyInvalid
from routing.policy.words import rule_parts
from routing.services import create_draft, discard_draft, document_of, lint_policy, save_draft
from routing.services.trying import try_order


def draft_for(pk: int) -> RoutingPolicy:
    """A policy that may still be edited. Raises NotFound where it is gone, Conflict where it was published."""
    found = RoutingPolicy.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such draft: somebody discarded it.")
    if not found.is_draft:
        raise Conflict(f"This draft was published as version {found.version}. Restore it to go on from there.")
    return found


def editor_url(pk: int, rule: int = 0) -> str:
    """The editor with one rule open."""
    return f"{reverse('dashboard:routing_draft', args=[pk])}?rule={rule}"


@require_POST
@requires("routing.edit")
def draft_new(request: HttpRequest) -> HttpResponseBase:
    """Begin a draft: from a first policy where one is named, else from the live rules."""
    principal = principal_of(request)
    principal.require_everywhere()
    first = first_policy(request.POST.get("first", ""))
    name = request.POST.get("name", "").strip() or (first.name if first else _("New rules"))
    begun = first.document if first else None
    answer = once_per_form(
        request, lambda: {"id": create_draft(name=name, actor=principal.name, document=begun).pk}
    )  # fmt: skip
    return HttpResponseRedirect(editor_url(answer["id"]))


@require_safe
@requires("routing.view")
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """The editor."""
    found = draft_for(pk)
    document = document_of(found)
    index = _index(request, document)
    rule = document.rules[index]
    terms = TermsForm.of_rule(rule, found.edit_version)
    return _editor(request, found, document, index, terms, ConditionForm.of_tree(rule.when))


def _index(request: HttpRequest, document: Document) -> int:
    text = request.GET.get("rule", "")
    return min(int(text), len(document.rules) - 1) if text.isdecimal() else 0


def _editor(
    request: HttpRequest, found: RoutingPolicy, document: Document, index: int, terms: TermsForm,
    conditions: ConditionForm, *, status: int = 200, conflict: Conflict | None = None,
) -> HttpResponse:  # fmt: skip
    principal = principal_of(request)
    findings = lint_policy(document)
    context: dict[str, Any] = {
        "draft": found, "index": index, "rule": document.rules[index], "terms": terms, "conditions": conditions,
        "fields": FIELDS.values(), "hints": _hints(), "conflict": conflict,
        "rules": [
            (place, rule, [finding for finding in findings if finding.rule == place])
            for place, rule in enumerate(document.rules)
        ],
        "last": len(document.rules) - 1, "may_add": len(document.rules) < MOST_RULES,
        "findings": findings, "parts": rule_parts(document.rules[index]),
        "errors": [*_term_errors(terms), *conditions.errors],
        "may_edit": principal.may("routing.edit") and principal.sees_everything,
        "may_publish": principal.may("routing.publish") and principal.sees_everything,
        "shadow": shadow_of(found) if principal.sees_everything else None, **_tried(request, document),
    }  # fmt: skip
    # A fragment is asked for only where rows come and go: the form alone changes.
    fragment = request.headers.get("HX-Target") == "rule-form"
    name = "dashboard/routing/_rule_form.html" if fragment else "dashboard/routing/draft.html"
    response = render(request, name, context, status=status)
    response["Vary"] = "HX-Request, HX-Target"
    return response


def _hints() -> dict[str, str]:
    """Words that a condition may name, by what kind they are."""
    return {
        "channel": ", ".join(SalesChannel.objects.order_by("code").values_list("code", flat=True)[:30]),
        "channel_kind": ", ".join(SalesChannelKind.values), "service_level": ", ".join(OrderServiceLevel.values),
        "payment": ", ".join(OrderPaymentMethod.values),
    }  # fmt: skip


def _term_errors(terms: TermsForm) -> list[tuple[str, str]]:
    if not terms.is_bound:
        return []
    return [
        (terms[name].auto_id if name in terms.fields else "rule-form", f"{terms[name].label}: {text}")
        for name, texts in terms.errors.items() for text in texts
    ]  # fmt: skip


def _tried(request: HttpRequest, document: Document) -> dict[str, Any]:
    """What the rules do with the order that was asked for."""
    number = request.GET.get("order", "").strip()[:40]
    if not number:
        return {"number": ""}
    try:
        order = order_or_404(principal_of(request), number)
    except Http404 as error:
        return {"number": number, "try_problem": str(error)}
    found = try_order(order.pk, document)
    if found is None:
        return {"number": number, "try_problem": _("Nothing of %(number)s needs a node.") % {"number": number}}
    codes = dict(Node.objects.filter(pk__in=found.plan.node_ids).values_list("pk", "code"))
    return {"number": number, "order": order, "tried": found, "nodes": [codes[pk] for pk in found.plan.node_ids]}


@require_POST
@requires("routing.edit")
def draft_rule(request: HttpRequest, pk: int, index: int) -> HttpResponseBase:
    """Save one rule of a draft, or show its form with a condition more or less."""
    principal = principal_of(request)
    principal.require_everywhere()
    found = draft_for(pk)
    document = document_of(found)
    if index >= len(document.rules):
        raise NotFound("This rule is gone: somebody removed it from the draft.")
    conditions, terms = ConditionForm.sent(request.POST), TermsForm(request.POST)
    what = request.POST.get("do", "save")
    if what != "save":
        conditions.act(what)
        return _editor(request, found, document, index, _unjudged(request.POST), conditions)
    try:
        when = conditions.tree()
    except PolicyInvalid:
        return _editor(request, found, document, index, terms, conditions, status=422)
    if not terms.is_valid():
        return _editor(request, found, document, index, terms, conditions, status=422)
    rule = terms.rule(when)
    if any(rule.name.casefold() == each.name.casefold() for i, each in enumerate(document.rules) if i != index):
        terms.add_error("name", _("Another rule has this name."))
        return _editor(request, found, document, index, terms, conditions, status=422)
    seen: int = terms.cleaned_data["edit_version"]
    try:
        once_per_form(request, _saving(pk, document.with_rule(index, rule), seen, principal.name))
    except Conflict as error:
        return _changed_meanwhile(request, pk, index, conditions, error)
    messages.success(request, _("“%(name)s” is saved.") % {"name": rule.name})
    return HttpResponseRedirect(editor_url(pk, index))


def _saving(pk: int, document: Document, seen: int, actor: str) -> Callable[[], dict[str, Any]]:
    return lambda: {"version": save_draft(policy_id=pk, document=document, edit_version=seen, actor=actor).edit_version}


def _unjudged(data: QueryDict) -> TermsForm:
    """The form with this input and without complaints: nobody asked to save it yet."""
    many = ("kinds", "groups", "groups_out")
    initial = {name: data.getlist(name) if name in many else data.get(name) for name in TermsForm().fields}
    return TermsForm(initial=initial)


def _changed_meanwhile(
    request: HttpRequest, pk: int, index: int, conditions: ConditionForm, error: Conflict
) -> HttpResponse:  # fmt: skip
    """What the person wrote, to be saved over what somebody else did, or not."""
    found = draft_for(pk)
    document = document_of(found)
    terms = _unjudged(request.POST)
    terms.initial["edit_version"] = found.edit_version
    index = min(index, len(document.rules) - 1)
    return _editor(request, found, document, index, terms, conditions, status=409, conflict=error)


@require_POST
@requires("routing.edit")
def draft_rules(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Add, move or remove a rule: `do` is "add", "up:1", "down:1" or "remove:1"."""
    principal = principal_of(request)
    principal.require_everywhere()
    found = draft_for(pk)
    seen = request.POST.get("edit_version", "")
    verb, _colon, place = request.POST.get("do", "").partition(":")
    rules, shown = rearranged(document_of(found).rules, verb, int(place) if place.isdecimal() else -1)
    once_per_form(request, _saving(pk, Document(rules), int(seen) if seen.isdecimal() else 0, principal.name))
    return HttpResponseRedirect(editor_url(pk, shown))


def rearranged(rules: tuple[Rule, ...], verb: str, place: int) -> tuple[tuple[Rule, ...], int]:
    """The rules after one was added, moved or removed, and the place of the one to show.

    A new rule stands before the last one, which takes what is left, and is off until it was written. Raises
    DomainError where that is not possible.
    """
    found = list(rules)
    if verb == "add" and len(found) < MOST_RULES:
        at = len(found) - 1 if found[-1].takes_all else len(found)
        found.insert(at, replace(found[-1], name=_new_name(found), enabled=False))
        return tuple(found), at
    if 0 <= place < len(found):
        if verb == "up" and place > 0:
            found[place - 1], found[place] = found[place], found[place - 1]
            return tuple(found), place - 1
        if verb == "down" and place < len(found) - 1:
            found[place + 1], found[place] = found[place], found[place + 1]
            return tuple(found), place + 1
        if verb == "remove" and len(found) > 1:
            del found[place]
            return tuple(found), min(place, len(found) - 1)
    raise DomainError(_("The rules are no longer as you saw them. Reload the page."))


def _new_name(rules: list[Rule]) -> str:
    taken = {rule.name.casefold() for rule in rules}
    return next(name for n in range(1, MOST_RULES + 2) if (name := f"Rule {n}").casefold() not in taken)


@require_POST
@requires("routing.edit")
def draft_discard(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Throw a draft away."""
    principal_of(request).require_everywhere()

    def work() -> dict[str, Any]:
        discard_draft(policy_id=pk)
        return {"gone": True}

    once_per_form(request, work)
    messages.success(request, _("The draft is discarded."))
    return HttpResponseRedirect(reverse("dashboard:routing_versions"))
