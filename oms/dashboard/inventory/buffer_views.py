"""Buffer rules: what each keeps back now, and what a change of one would do before it is saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inventory.models import BufferMeasure, BufferRule, NodeKind, Sku, Velocity
from inventory.selectors.buffers import HAND_PRIORITY, Kept, kept_by, query_buffer_rules
from inventory.services import (
    Applied,
    BufferPreview,
    create_rule,
    delete_rule,
    edit_rule,
    move_rule,
    preview_removal,
    preview_rule,
    restore_rules,
)
from oms.accounts.access import Principal, principal_of, requires
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, Forbidden, NotFound
from oms.core.idempotency import once
from oms.core.posting import once_per_form
from oms.dashboard.inventory.buffer_forms import RuleForm, initial_of
from oms.dashboard.inventory.buffer_undo import keep_removed, offered, removed_of, removed_rules
from oms.dashboard.inventory.grid_views import csv_response

ROWS = 50
#: Rules that are removed by one action, and words that a field suggests.
MOST_REMOVED, MOST_SUGGESTED = 100, 200


def rules_for(principal: Principal, *, by_hand: bool = False, text: str = "") -> QuerySet[BufferRule]:
    """Rules of nodes and channels in scope, and those of none in particular."""
    rows = query_buffer_rules(by_hand=by_hand, text=text)
    if not principal.all_nodes:
        rows = rows.filter(Q(node__isnull=True) | Q(node__code__in=sorted(principal.node_codes)))
    if not principal.all_channels:
        rows = rows.filter(Q(channel_code="") | Q(channel_code__in=sorted(principal.channel_codes)))
    return rows


def rule_for(request: HttpRequest, pk: int, *, to_change: bool = True) -> BufferRule:
    """A rule in scope. Raises NotFound; to change one that counts beyond the person's nodes raises Forbidden."""
    principal = principal_of(request)
    for by_hand in (False, True):
        rule = rules_for(principal, by_hand=by_hand).filter(pk=pk).first()
        if rule is not None:
            if to_change and rule.node_id is None and not principal.all_nodes:
                raise NotFound(f"The buffer rule {rule} counts at all nodes: it is changed by people of all nodes.")
            return rule
    raise NotFound(f"There is no buffer rule {pk} in your scope.")


def conditions_of(rule: BufferRule) -> list[str]:
    """Where a rule counts, in words; empty where it counts everywhere."""
    parts = [
        rule.sku.code if rule.sku else "", rule.node.code if rule.node else "",
        str(NodeKind(rule.node_kind).label) if rule.node_kind else "", str(rule.group) if rule.group else "",
        rule.category, rule.brand,
        _("sells: %(how)s") % {"how": str(Velocity(rule.velocity).label).lower()} if rule.velocity else "",
    ]  # fmt: skip
    return [part for part in parts if part]


def amount_of(rule: BufferRule) -> str:
    """How much a rule keeps back, in words."""
    match rule.measure:
        case BufferMeasure.DAYS:
            return ngettext("%(n)s day of demand", "%(n)s days of demand", rule.amount) % {"n": rule.amount}
        case BufferMeasure.PERCENT:
            return _("%(n)s %% of on hand") % {"n": rule.amount}
        case _:
            return ngettext("%(n)s unit", "%(n)s units", rule.amount) % {"n": rule.amount}


def state_of(rule: BufferRule) -> tuple[str, str]:
    """Tone and word of whether a rule counts now."""
    moment = now()
    if not rule.is_active:
        return "off", _("Off")
    if rule.starts_at and rule.starts_at > moment:
        return "info", _("Planned")
    if rule.ends_at and rule.ends_at <= moment:
        return "off", _("Over")
    return "good", _("In force")


def _row(rule: BufferRule, kept: dict[int, Kept]) -> dict[str, Any]:
    tone, word = state_of(rule)
    return {"rule": rule, "conditions": conditions_of(rule), "amount": amount_of(rule), "tone": tone, "word": word,
            "kept": kept.get(rule.pk, Kept())}  # fmt: skip


@require_GET
@requires("inventory.view")
def buffers(request: HttpRequest) -> HttpResponse:
    """The rules in the order in which they are asked; those set by hand on a page of their own."""
    principal = principal_of(request)
    by_hand, text = request.GET.get("show") == "hand", request.GET.get("q", "").strip()[:120]
    found = rules_for(principal, by_hand=by_hand, text=text)
    start = request.GET.get("from", "")
    offset = int(start) if start.isdecimal() and len(start) < 8 else 0
    rules = list(found[offset : offset + ROWS + 1])
    more, rules = len(rules) > ROWS, rules[:ROWS]
    kept = kept_by([rule.pk for rule in rules])
    base = {"show": "hand"} if by_hand else {}
    base |= {"q": text} if text else {}
    context = {
        "rows": [_row(rule, kept) for rule in rules], "by_hand": by_hand, "q": text, "first": offset + 1,
        "may_change": principal.may("inventory.rules"), "may_export": principal.may("inventory.export"),
        "may_order": principal.may("inventory.rules") and principal.all_nodes and not text,
        "next_url": f"?{urlencode(base | {'from': offset + ROWS})}" if more else "",
        "prev_url": f"?{urlencode(base | {'from': max(0, offset - ROWS)})}" if offset else "",
        "tabs": _tabs(principal, by_hand), "export_query": urlencode(base), "undo": offered(request),
    }  # fmt: skip
    return render(request, "dashboard/inventory/buffers/list.html", context)


def _tabs(principal: Principal, by_hand: bool) -> list[dict[str, Any]]:
    return [
        {"label": _("Rules"), "url": "?", "active": not by_hand, "count": rules_for(principal).count()},
        {"label": _("Set by hand"), "url": "?show=hand", "active": by_hand,
         "count": rules_for(principal, by_hand=True).count()},
    ]  # fmt: skip


@require_GET
@requires("inventory.export")
def buffers_export(request: HttpRequest) -> HttpResponseBase:
    """The rules of the page as CSV, with what each keeps back now."""
    by_hand = request.GET.get("show") == "hand"
    found = rules_for(principal_of(request), by_hand=by_hand, text=request.GET.get("q", "").strip()[:120])

    def rows() -> Iterator[list[str | int]]:
        yield ["Place", "Rule", "Where", "Keeps back", "Hidden from", "State", "Levels", "Units kept", "Units hidden",
               "Changed by"]  # fmt: skip
        for start in range(0, found.count(), 500):
            part = list(found[start : start + 500])
            kept = kept_by([rule.pk for rule in part])
            for rule in part:
                row = _row(rule, kept)
                yield [rule.priority, rule.name, ", ".join(row["conditions"]), row["amount"], rule.channel_code,
                       row["word"], row["kept"].levels, row["kept"].units, row["kept"].hidden,
                       rule.changed_by]  # fmt: skip

    return csv_response(rows(), "buffers")


@require_http_methods(["GET", "POST"])
@requires("inventory.rules")
def buffer_new(request: HttpRequest) -> HttpResponse:
    """A new rule."""
    text = request.GET.get("sku", "")
    given = Sku.objects.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
    initial = {"measure": BufferMeasure.UNITS, "sku": given.code if given else "", "is_active": True}
    return _form_page(request, None, initial)


@require_http_methods(["GET", "POST"])
@requires("inventory.rules")
def buffer(request: HttpRequest, pk: int) -> HttpResponse:
    """A rule that is there, to be changed."""
    rule = rule_for(request, pk)
    return _form_page(request, rule, initial_of(rule))


def _form_page(request: HttpRequest, rule: BufferRule | None, initial: dict[str, Any]) -> HttpResponse:
    """Form, preview on request, and the write."""
    principal = principal_of(request)
    form = RuleForm(request.POST or None, principal=principal, initial=initial)
    preview: BufferPreview | None = None
    status = 200
    if request.method == "POST":
        try:
            if not form.is_valid():
                status = 422
            elif request.POST.get("show"):
                preview = _preview(form, rule)
            else:
                return _save(request, form, rule)
        except Conflict as error:
            form.add_error(None, error.message)
            status = 409
        except DomainError as error:
            form.add_error(_field(error.field, form), error.message)
            status = 422
    context = {
        "form": form, "rule": rule, "preview": preview, "kept": kept_by([rule.pk]).get(rule.pk) if rule else None,
        "categories": _words("category"), "brands": _words("brand"), "hidden_from": _hidden_from(form),
    }  # fmt: skip
    return render(request, "dashboard/inventory/buffers/form.html", context, status=status)


def _field(name: str, form: RuleForm) -> str | None:
    name = {"channel_code": "channel"}.get(name, name)
    return name if name in form.fields else None


def _words(field: str) -> list[str]:
    """Words that are in use, to be suggested."""
    rows = Sku.objects.exclude(**{field: ""}).order_by(field).values_list(field, flat=True).distinct()
    return list(rows[:MOST_SUGGESTED])


def _hidden_from(form: RuleForm) -> str:
    channel = form.cleaned_data.get("channel") if form.is_bound and hasattr(form, "cleaned_data") else None
    return channel.name if channel else ""


def _preview(form: RuleForm, rule: BufferRule | None) -> BufferPreview:
    return preview_rule(terms=form.terms(), rule_id=rule.pk if rule else None, priority=form.cleaned_data["priority"])


def _save(request: HttpRequest, form: RuleForm, rule: BufferRule | None) -> HttpResponse:
    principal = principal_of(request)
    user_id = principal.user.pk if principal.user else None
    data = form.cleaned_data

    def work() -> dict[str, Any]:
        if rule is None:
            saved = create_rule(terms=form.terms(), actor=principal.name, priority=data["priority"], user_id=user_id)
        else:
            saved = edit_rule(rule_id=rule.pk, terms=form.terms(), actor=principal.name, priority=data["priority"],
                              seen_at=data["seen_at"], user_id=user_id)  # fmt: skip
        return {"name": saved.rule.name, "done": _done(saved.applied)}

    answer = once_per_form(request, work)
    messages.success(request, _("%(name)s is saved. %(done)s") % answer)
    return HttpResponseRedirect(reverse("dashboard:buffers"))


def _done(applied: Applied) -> str:
    if applied.job is not None:
        return _("It is being applied to all stock; the job shows how far it is.")
    text = ngettext("%(n)s stock level changed.", "%(n)s stock levels changed.", applied.changed)
    return text % {"n": applied.changed}


@require_POST
@requires("inventory.rules")
def buffer_preview(request: HttpRequest) -> HttpResponse:
    """What the form as it stands would do: asked while it is filled in. Writes nothing."""
    text = request.GET.get("rule", "")
    rule = rule_for(request, int(text)) if text.isdecimal() and len(text) < 19 else None
    form = RuleForm(request.POST, principal=principal_of(request))
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        try:
            context |= {"preview": _preview(form, rule), "hidden_from": _hidden_from(form)}
        except DomainError as error:
            context["refusal"] = error.message
    return render(request, "dashboard/inventory/buffers/_preview.html", context)


@require_POST
@requires("inventory.rules")
def buffer_move(request: HttpRequest, pk: int) -> HttpResponse:
    """One place up or down. Changes what counts at every node, so it is for people of all nodes."""
    rule = rule_for(request, pk)
    principal = principal_of(request)
    if not principal.all_nodes:
        raise Forbidden(_("The order of the rules counts at all nodes: people of all nodes set it."))
    way = request.POST.get("way")
    if way not in ("up", "down"):
        raise DomainError(_("Choose up or down."), field="way")

    def work() -> dict[str, Any]:
        user_id = principal.user.pk if principal.user else None
        applied = move_rule(rule_id=rule.pk, way="up" if way == "up" else "down", actor=principal.name, user_id=user_id)
        return {"done": _done(applied)}

    answer = once_per_form(request, work)
    messages.success(request, _("%(name)s was moved. %(done)s") % {"name": rule.name, "done": answer["done"]})
    return HttpResponseRedirect(reverse("dashboard:buffers"))


@require_http_methods(["GET", "POST"])
@requires("inventory.rules")
def buffer_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a rule: what that frees is shown first."""
    rule = rule_for(request, pk)
    if request.method == "GET":
        context = {"rule": rule, "preview": preview_removal(rule.pk), "conditions": conditions_of(rule),
                   "amount": amount_of(rule)}  # fmt: skip
        return render(request, "dashboard/inventory/buffers/remove.html", context)
    principal, removed = principal_of(request), removed_of([rule])

    def work() -> dict[str, Any]:
        user_id = principal.user.pk if principal.user else None
        return {"done": _done(delete_rule(rule_id=pk, actor=principal.name, user_id=user_id))}

    answer = once_per_form(request, work)
    keep_removed(request, removed, _("%(name)s is removed.") % {"name": rule.name})
    messages.success(request, _("%(name)s is removed. %(done)s") % {"name": rule.name, "done": answer["done"]})
    return HttpResponseRedirect(reverse("dashboard:buffers"))


@require_POST
@requires("inventory.rules")
def buffers_remove(request: HttpRequest) -> HttpResponse:
    """Remove every ticked rule that was set by hand."""
    principal = principal_of(request)
    ids = [int(pk) for pk in request.POST.getlist("ids") if pk.isdecimal() and len(pk) < 19][:MOST_REMOVED]
    found = list(rules_for(principal, by_hand=True).filter(pk__in=ids))
    removed = removed_of(found)

    def work() -> dict[str, Any]:
        for rule in found:
            delete_rule(rule_id=rule.pk, actor=principal.name)
        return {"removed": len(found)}

    if found:
        answer = once_per_form(request, work)
        text = ngettext("%(removed)s rule is removed.", "%(removed)s rules are removed.", answer["removed"])
        keep_removed(request, removed, text % answer)
        messages.success(request, text % answer)
    else:
        messages.error(request, _("Tick the rules to remove."))
    return HttpResponseRedirect(f"{reverse('dashboard:buffers')}?show=hand")


@require_POST
@requires("inventory.rules")
def buffers_restore(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Take a removal back: the rules are there again with the terms and places that they had, however often asked."""
    principal, removed = principal_of(request), removed_rules(request, uid)

    def work() -> dict[str, Any]:
        user_id = principal.user.pk if principal.user else None
        saved = restore_rules(removed=removed, actor=principal.name, user_id=user_id)
        return {"names": [one.rule.name for one in saved], "done": [_done(one.applied) for one in saved]}

    key = f"restore-buffer-rules/{uid}"
    _status, answer, _again = run_atomic(
        lambda: once(principal=principal.key, key=key, body=[], work=lambda: (200, work()))
    )
    if len(answer["names"]) == 1:
        text = _("%(name)s is back. %(done)s") % {"name": answer["names"][0], "done": answer["done"][0]}
    else:
        n = len(answer["names"])
        text = ngettext("%(n)d rule is back.", "%(n)d rules are back.", n) % {"n": n}
    messages.success(request, text)
    hand = "?show=hand" if all(place == HAND_PRIORITY for _terms, place in removed) else ""
    back = f"{reverse('dashboard:buffers')}{hand}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": back})
    return HttpResponseRedirect(back)
