"""Counts: the list with how right the stock is, planning one, and what should be counted next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from inventory.models import Node, Sku, StockCount, StockCountKind, StockCountState
from inventory.selectors.count_history import ACCURACY_DAYS, count_accuracy
from inventory.selectors.count_plans import MOST_SKUS, CountFilter, Suggestion, skus_to_count, suggested_skus
from inventory.selectors.counts import progress_of
from inventory.services.counting import plan_count
from oms.accounts.access import Principal, in_node_scope, principal_of, requires
from oms.core.clock import now
from oms.core.errors import DomainError
from oms.core.ids import uuid7
from oms.core.posting import once_per_form
from oms.core.values import minor_units
from oms.dashboard.inventory.access import node_for
from oms.dashboard.inventory.count_access import ICONS, TONES, counts_of, page_of
from oms.dashboard.inventory.count_forms import CountPlanForm
from oms.flow.counting import SHORT_DAYS, short_picked_skus

State = StockCountState
PAGE_ROWS = 50
#: SKUs that the preview of a plan names.
PREVIEWED = 20
_SHOWN: dict[str, tuple[str, ...]] = {
    "open": ("open", "review"), "review": ("review",), "done": ("closed", "cancelled"),
    "all": tuple(StockCountState.values),
}  # fmt: skip


@require_safe
@requires("inventory.view")
def counts(request: HttpRequest) -> HttpResponse:
    """Counts that go on, that wait for a decision, and what earlier ones showed."""
    principal = principal_of(request)
    asked = _asked(request)
    rows = _shown(principal, asked)
    mark = request.GET.get("before", "")
    if mark.isascii() and mark.isdecimal() and len(mark) < 16:
        rows = rows.filter(pk__lt=int(mark))
    page = list(rows.order_by("-pk")[: PAGE_ROWS + 1])
    more, page = len(page) > PAGE_ROWS, page[:PAGE_ROWS]
    progress = progress_of(page)
    nodes = _nodes(principal)
    context = {
        "rows": [{"count": row, "progress": progress[row.pk], "tone": TONES[row.state], "icon": ICONS.get(row.state),
                  "late": row.state == State.OPEN and row.due_on is not None and row.due_on < timezone.localdate()}
                 for row in page],
        "tabs": _tabs(principal, asked), "asked": asked, "nodes": [(node.code, node.name) for node in nodes],
        "accuracy": _accuracy(principal, asked, nodes),
        "next_url": f"?{urlencode({**asked, 'before': page[-1].pk})}" if more else "",
        "first_url": f"?{urlencode(asked)}" if mark else "", "accuracy_days": ACCURACY_DAYS,
        "currency": settings.DEFAULT_CURRENCY,
        "may_plan": principal.may("inventory.count"), "any": bool(page) or counts_of(principal).exists(),
    }  # fmt: skip
    return render(request, "dashboard/inventory/counts/list.html", context)


def _asked(request: HttpRequest) -> dict[str, str]:
    show = request.GET.get("show", "open")
    asked = {"show": show if show in _SHOWN else "open"}
    node = request.GET.get("node", "").strip()[:40]
    return asked | ({"node": node} if node else {})


def _shown(principal: Principal, asked: dict[str, str]) -> QuerySet[StockCount]:
    rows = counts_of(principal).filter(state__in=_SHOWN[asked["show"]])
    return rows.filter(node__code=asked["node"]) if "node" in asked else rows


def _tabs(principal: Principal, asked: dict[str, str]) -> list[dict[str, Any]]:
    words = {"open": _("Open"), "review": _("To review"), "done": _("Done"), "all": _("All")}
    waiting = _shown(principal, {**asked, "show": "review"}).count()
    return [
        {"label": label, "url": f"?{urlencode({**asked, 'show': key})}", "active": key == asked["show"],
         "count": waiting if key == "review" else "", "tone": "warn" if key == "review" and waiting else ""}
        for key, label in words.items()
    ]  # fmt: skip


def _nodes(principal: Principal) -> list[Node]:
    return list(in_node_scope(Node.objects.order_by("code"), principal, "code"))


def _accuracy(principal: Principal, asked: dict[str, str], nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """Figures by node, the least right first; for those who may see what is expected."""
    if not principal.may("inventory.adjust"):
        return []
    chosen = {node.pk: node for node in nodes if asked.get("node") in (None, node.code)}
    found = count_accuracy(list(chosen))
    found.sort(key=lambda row: (row.share or 0, -row.lines))
    return [{"node": chosen[row.node_id], "figures": row} for row in found[:12]]


# -- planning ----------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.count")
def count_new(request: HttpRequest) -> HttpResponse:
    """Plan a count: form, preview of what it takes, then begun once."""
    principal = principal_of(request)
    nodes = in_node_scope(Node.objects.order_by("code"), principal, "code")
    initial = {"node": request.GET.get("node", ""), "codes": _code_of(request.GET.get("sku", ""))}
    form = CountPlanForm(request.POST or None, nodes=nodes, initial=initial)
    context: dict[str, Any] = {"form": form}
    refused = request.method == "POST" and not request.POST.get("edit")
    if request.method == "POST" and form.is_valid() and not request.POST.get("edit"):
        try:
            chosen = _chosen(form.cleaned_data)
            if request.POST.get("confirmed"):
                count = _begin(form.cleaned_data, chosen, principal.name)
                messages.success(request, _("%(number)s can be counted now.") % {"number": count.number})
                return HttpResponseRedirect(page_of(count))
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            skus = list(Sku.objects.filter(pk__in=chosen[:PREVIEWED]).order_by("code"))
            context |= {"preview": True, "total": len(chosen), "skus": skus, "rest": len(chosen) - len(skus),
                        "data": form.cleaned_data}  # fmt: skip
            refused = False
    return render(request, "dashboard/inventory/counts/form.html", context, status=422 if refused else 200)


def _code_of(text: str) -> str:
    """A SKU named in the address by id, as the first line of the form."""
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        return ""
    return Sku.objects.filter(pk=int(text)).values_list("code", flat=True).first() or ""


def _chosen(data: dict[str, Any]) -> list[int]:
    """SKUs of the plan. Raises DomainError where a directed one takes none, or too many."""
    if data["kind"] == StockCountKind.FREE:
        return []
    named: list[Sku] = data["codes"]
    filters = {name: data[name] for name in ("category", "bin_prefix")}
    numbers = {name: data[name] for name in ("atp_below", "not_counted_days")}
    only = {sku.pk for sku in named} if named else None
    if data["after_short"]:
        short = set(short_picked_skus(data["node"].pk))
        only = short if only is None else only & short
    if named and not any(filters.values()) and not data["after_short"] and set(numbers.values()) == {None}:
        return [sku.pk for sku in named]
    chosen = skus_to_count(
        data["node"].pk, CountFilter(**filters, **numbers, sku_ids=frozenset(only) if only is not None else None)
    )
    if not chosen:
        raise DomainError(_("Nothing at %(node)s fits these filters.") % {"node": data["node"].code}, field="node")
    if len(chosen) > MOST_SKUS:
        raise DomainError(_("More than %(n)d SKUs fit. Narrow the filters.") % {"n": MOST_SKUS}, field="category")
    return chosen


def _begin(data: dict[str, Any], sku_ids: Sequence[int], actor: str) -> StockCount:
    value_minor = minor_units(data["accept_value"], settings.DEFAULT_CURRENCY)
    return plan_count(
        uid=data["op_key"], node_id=data["node"].pk, kind=data["kind"], sku_ids=sku_ids, name=data["name"],
        is_blind=data["is_blind"], accept_units=data["accept_units"],
        accept_value_minor=value_minor, due_on=data["due_on"], actor=actor,
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.count")
def count_suggested(request: HttpRequest, code: str) -> HttpResponse:
    """What should be counted next at a node, and why; one click begins that count."""
    node = node_for(request, code)
    found = suggestions_of(node)
    if request.method == "POST":
        wanted = {int(text) for text in request.POST.getlist("ids") if text.isascii() and text.isdecimal()}
        chosen = [row.sku_id for row in found if not wanted or row.sku_id in wanted]
        answer = once_per_form(request, lambda: {"number": _begin_suggested(request, node, chosen).number})
        count = counts_of(principal_of(request)).get(number=answer["number"])
        text = ngettext("%(number)s can be counted now: %(n)d SKU.", "%(number)s can be counted now: %(n)d SKUs.",
                        len(chosen))  # fmt: skip
        messages.success(request, text % {"number": count.number, "n": len(chosen)})
        return HttpResponseRedirect(page_of(count))
    context = {"node": node, "rows": found, "nodes": _nodes(principal_of(request))}
    return render(request, "dashboard/inventory/counts/suggested.html", context)


def _begin_suggested(request: HttpRequest, node: Node, sku_ids: Sequence[int]) -> StockCount:
    return plan_count(
        uid=uuid7(), node_id=node.pk, kind=StockCountKind.DIRECTED, sku_ids=sku_ids,
        name=_("Suggested"), reason=_("Short picks, shortages, or long not counted"),
        actor=principal_of(request).name,
    )  # fmt: skip


def suggestions_of(node: Node) -> list[Suggestion]:
    """What should be counted next at a node."""
    return suggested_skus(
        node.pk, short_sku_ids=short_picked_skus(node.pk), short_since=now() - timedelta(days=SHORT_DAYS)
    )
