"""How many orders a day a node takes, with what a change does to the orders that it has today."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from fulfillment.models import FulfillmentLine
from fulfillment.services import movable_work, orders_above
from inventory.models import Node
from inventory.services import set_node_capacity
from oms.accounts.access import requires
from oms.core.values import MAX_QUANTITY
from oms.dashboard.inventory.access import node_for
from oms.dashboard.inventory.outage import PLANNED, waiting_for_a_node
from routing.services import Freed, plan_again

#: Nodes that are named one by one.
_NAMED = 8


class CapacityForm(forms.Form):
    """Orders a day."""

    orders = forms.IntegerField(label=_lazy("Orders a day"), min_value=0, max_value=MAX_QUANTITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPreview:
    """Orders of today above a lower limit: how many, what of them nobody began, and where those planned would go."""

    above: int
    movable: int
    planned: int
    to_nodes: tuple[tuple[str, int], ...]
    stay: int


def preview_cut(node: Node, limit: int) -> CutPreview:
    """Plan the orders above `limit` again without the node, as it would be done one by one. Writes nothing."""
    above = orders_above(node, limit)
    work = movable_work(node, limit=above) if above else []
    planned = work[:PLANNED]
    lines = FulfillmentLine.objects.filter(fulfillment_order__in=planned).order_by("pk")
    freed = [
        Freed(line.order_line_id, node.pk, line.sku_id, line.quantity - line.short - line.packed) for line in lines
    ]
    plans = plan_again([item.order_id for item in planned], freed, without_node_id=node.pk) if planned else {}
    codes = dict(Node.objects.values_list("pk", "code"))
    whole = [plan for plan in plans.values() if plan.outcome == "routed"]
    went = Counter(codes[node_id] for plan in whole for node_id in plan.node_ids)
    return CutPreview(
        above=above, movable=len(work), planned=len(planned), to_nodes=tuple(went.most_common()),
        stay=len(planned) - len(whole),
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
@requires("nodes.switch")
def capacity(request: HttpRequest, code: str) -> HttpResponse:
    """Ask for a number, show what it does, set it."""
    node = node_for(request, code)
    if request.method == "POST":
        form = CapacityForm(request.POST)
        if form.is_valid():
            return _set(request, node, form.cleaned_data["orders"])
    else:
        form = CapacityForm(request.GET if "orders" in request.GET else None, initial={"orders": node.daily_capacity})
    effects = _effects(node, form.cleaned_data["orders"]) if form.is_bound and form.is_valid() else []
    context = {
        "node": node, "form": form, "effects": effects,
        "title": _("How many orders a day does %(code)s take?") % {"code": node.code},
    }  # fmt: skip
    status = 422 if form.is_bound and not form.is_valid() else 200
    return render(request, "dashboard/inventory/capacity.html", context, status=status)


def _set(request: HttpRequest, node: Node, orders: int) -> HttpResponse:
    if set_node_capacity(node_id=node.pk, orders=orders):
        values = {"code": node.code, "orders": orders}
        messages.success(request, _("%(code)s takes %(orders)s orders a day now.") % values)
    else:
        messages.warning(request, _("%(code)s took so many already; nothing changed.") % {"code": node.code})
    return HttpResponseRedirect(reverse("dashboard:node", args=[node.code]))


def _effects(node: Node, orders: int) -> list[dict[str, Any]]:
    """What setting it does, in rows."""
    if orders >= node.daily_capacity:
        waiting = waiting_for_a_node() if orders > node.daily_capacity else 0
        text = ngettext(
            "%(count)s order waits for a node; it is tried again where this node can supply it.",
            "%(count)s orders wait for a node; those that this one can supply are tried again.", waiting,
        )  # fmt: skip
        return [{"icon": "route", "text": text % {"count": waiting} if waiting else _("No order is moved.")}]
    found = preview_cut(node, orders)
    if not found.above:
        return [{"icon": "check", "text": _("It has no more orders of today than that: none is moved.")}]
    return _cut_rows(found)


def _cut_rows(found: CutPreview) -> list[dict[str, Any]]:
    text = ngettext(
        "%(above)s order of today is above that limit; nobody began %(movable)s of them.",
        "%(above)s orders of today are above that limit; nobody began %(movable)s of them.", found.above,
    )  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"icon": "building-warehouse", "text": text % {"above": found.above, "movable": found.movable}}
    ]
    rows += [
        {"icon": "route", "text": _("%(count)s go to %(code)s") % {"count": count, "code": code}}
        for code, count in found.to_nodes[:_NAMED]
    ]
    if found.stay:
        rows.append({"tone": "warn", "icon": "package", "text": ngettext(
            "%(count)s stays, because no other node can take all of it", "%(count)s stay, because no other node can "
            "take all of them", found.stay) % {"count": found.stay}})  # fmt: skip
    if found.movable > found.planned:
        rows.append({"text": _("The first %(count)s were planned; the others are decided the same way.")
                     % {"count": found.planned}})  # fmt: skip
    if found.above > found.movable:
        rows.append({"icon": "package", "text": _("%(count)s are begun and still leave from here.")
                     % {"count": found.above - found.movable}})  # fmt: skip
    return rows
