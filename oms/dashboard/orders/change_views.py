"""Actions with consequences, shown before they are done: reroute, edit the address."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from fulfillment.models import FulfillmentOrder
from fulfillment.selectors.hand_offs import waiting_for_wms
from fulfillment.services import ReroutePreview, preview_reroute, reroute_order
from inventory.models import Node
from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import Conflict, DomainError
from oms.core.posting import once_per_form
from oms.core.templatetags.oms_format import money
from oms.core.values import Address
from oms.dashboard.orders.action_views import asked, done, target_of
from oms.dashboard.orders.consequences import Effects, plan_nodes, waiting_units
from oms.dashboard.orders.detail import order_or_404
from oms.dashboard.orders.forms import AddressForm, address_digest
from oms.dashboard.orders.offers import Offer
from oms.dashboard.orders.posting import into_modal, is_fragment
from oms.dashboard.orders.why import FACTOR_WORDS, plan_rows, shown_factors
from orders.models import Order, OrderEvent
from orders.services import edit_address
from routing.engine import expand_candidates
from routing.models import RoutingDecision

#: Whoever reads a preview may also choose another of its candidates.
_OPEN = {"reroute": Offer("orders.reroute")}
_ADDRESS_FIELDS = ("name", "line1", "line2", "city", "region", "postcode", "country", "phone")


@require_http_methods(["GET", "POST"])
@requires("orders.reroute")
def reroute(request: HttpRequest, number: str) -> HttpResponse:
    """See what routing would decide now, to the best node or to a chosen one, and do it."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    node = _chosen_node(request, principal)
    context: dict[str, Any] = {"order": order, "node": node, "target": target_of(request, order), "offers": _OPEN}
    if request.method == "POST":
        try:
            answer = once_per_form(request, lambda: _reroute(order, node, principal))
        except DomainError as error:
            context |= _reroute_context(order, node)
            return asked(request, "reroute", context | {"errors": [("reroute", error.message)]}, refused=True)
        return done(request, number, answer["text"])
    return asked(request, "reroute", context | _reroute_context(order, node))


def _reroute(order: Order, node: Node | None, principal: Principal) -> dict[str, Any]:
    opened = reroute_order(order_id=order.pk, to_node_id=node.pk if node else None, actor=principal.name)
    rows = FulfillmentOrder.objects.filter(pk__in=opened).values_list("node__code", flat=True).distinct()
    codes = ", ".join(sorted(rows))
    asked = waiting_for_wms(order.pk)
    if asked:
        moved = f"{order.number} is rerouted to {codes}. " if codes else ""
        return {"text": f"{moved}The WMS of {', '.join(asked)} is asked first."}
    return {"text": f"{order.number} is rerouted to {codes}." if codes else f"{order.number} waits: no node has it."}


def _chosen_node(request: HttpRequest, principal: Principal) -> Node | None:
    """The node asked for; None for the best one. Nodes outside of the person's scope look as if there were none."""
    text = request.POST.get("node") or request.GET.get("node", "")
    if not text:
        return None
    node = Node.objects.filter(code=text).first()
    if node is None or not principal.sees_node(node.code):
        raise DomainError(f"There is no node {text} in your scope.", field="node")
    return node


def _reroute_context(order: Order, node: Node | None) -> dict[str, Any]:
    preview = preview_reroute(order_id=order.pk, to_node_id=node.pk if node else None)
    sku_codes = {line.sku_id: line.sku_code for line in order.lines.all() if line.sku_id}
    plan = preview.plan
    rows = plan_rows(plan, sku_codes) if plan else ()
    last = RoutingDecision.objects.filter(order=order).order_by("-attempt").first()
    return {
        "preview": preview,
        "rows": [row for row in rows if row.candidate.result != "refused"],
        "refused_count": len([row for row in rows if row.candidate.result == "refused"]),
        "shown_factors": shown_factors(rows),
        "factor_words": FACTOR_WORDS,
        "effects": reroute_effects(order, preview, last),
        "possible": bool(plan and plan.assignments and not preview.refused),
        "same": bool(plan and plan_nodes(preview).startswith("stay")),
    }


def reroute_effects(order: Order, preview: ReroutePreview, last: RoutingDecision | None) -> Effects:
    """Cost, promise, split and messages: now and after."""
    plan = preview.plan
    if plan is None:
        return []
    moved = plan_nodes(preview)
    words = f"The goods {moved}." if moved.startswith("stay") else f"The work moves {moved}."
    effects: Effects = [{"kind": "stock", "text": words}]
    if not plan.assignments:
        return [{"kind": "stock", "text": plan.sentence, "tone": "bad"}]
    chosen = [item for item in plan.candidates if item.node_id in plan.node_ids]
    days = max((item.transit_days or 0 for item in chosen), default=0)
    old_days = _old_days(last)
    before = money(last.cost_minor, order.currency) if last and last.assignments else ""
    effects.append({"kind": "money", "text": "Cost of the plan, as routing counts it", "before": before,
                    "after": money(plan.cost_minor, order.currency)})  # fmt: skip
    slower = old_days is not None and days > old_days
    effects.append({"kind": "promise", "text": "Days on the way", "before": "" if old_days is None else str(old_days),
                    "after": str(days), "tone": "warn" if slower else ""})  # fmt: skip
    if len(plan.node_ids) > 1:
        effects.append({"kind": "promise", "text": f"The order travels in {len(plan.node_ids)} parcels."})
    waiting = waiting_units(list(order.lines.all()), plan.backordered)
    if waiting:
        units = "1 unit" if waiting == 1 else f"{waiting} units"
        effects.append({"kind": "stock", "text": f"{units} would wait for stock.", "tone": "warn"})
    effects.append({"kind": "message", "text": "No message goes out: the promised date stays as it was told."})
    return effects


def _old_days(last: RoutingDecision | None) -> int | None:
    """Days on the way of the plan in force."""
    if last is None or not last.candidates:
        return None
    found = expand_candidates(last.candidates, {})
    return max((row.transit_days or 0 for row in found if row.result == "chosen"), default=None)


@require_http_methods(["GET", "POST"])
@requires("orders.edit")
def address(request: HttpRequest, number: str) -> HttpResponse:
    """Edit where an order goes. When somebody changed the address meanwhile: 409 with both values."""
    principal = principal_of(request)
    principal.require("pii.view")
    order = order_or_404(principal, number)
    saved = order.shipping_address
    context: dict[str, Any] = {"order": order, "target": target_of(request, order)}
    if request.method == "GET":
        start = saved.as_json() | {"seen": address_digest(saved), "version": order.version}
        return asked(request, "address", context | {"form": AddressForm(initial=start)})
    form = AddressForm(request.POST)
    if not form.is_valid():
        return asked(request, "address", context | {"form": form}, refused=True)
    mine = form.address(saved)
    try:
        _save_address(order, mine, form.cleaned_data, principal)
    except Conflict as error:
        fresh = order_or_404(principal, number)
        if address_digest(fresh.shipping_address) == form.cleaned_data["seen"]:
            form.add_error(None, error.message)
            return asked(request, "address", context | {"form": form}, refused=True)
        return _conflict(request, fresh, mine)
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return asked(request, "address", context | {"form": form}, refused=True)
    return done(request, number, "Address saved.")


def _save_address(order: Order, mine: Address, data: dict[str, Any], principal: Principal) -> None:
    """Only a change of the address itself is a conflict; other news of the order (a scan, a note) is none."""
    unchanged = address_digest(order.shipping_address) == data["seen"]
    version = order.version if unchanged else data["version"]
    edit_address(order_id=order.pk, address=mine, version=version, actor=principal.name)


def _conflict(request: HttpRequest, order: Order, mine: Address) -> HttpResponse:
    theirs = order.shipping_address
    last = OrderEvent.objects.filter(order=order, kind="address_changed").order_by("-seq").first()
    labels = {name: str(field.label) for name, field in AddressForm.base_fields.items()}
    context = {
        "order": order, "who": last.actor if last else "Somebody", "at": last.at if last else None,
        "rows": [
            {"label": labels[name], "mine": getattr(mine, name) or "–", "theirs": getattr(theirs, name) or "–"}
            for name in _ADDRESS_FIELDS if getattr(mine, name) != getattr(theirs, name)
        ],
        "mine": [(name, getattr(mine, name)) for name in _ADDRESS_FIELDS],
        "seen": address_digest(theirs), "url": reverse("dashboard:order_address", args=[order.number]),
        "cancel_url": reverse("dashboard:order", args=[order.number]), "target": f"#order-{order.pk}",
    }  # fmt: skip
    if is_fragment(request):
        return into_modal(render(request, "dashboard/orders/_conflict.html", context, status=409))
    page = {"form_template": "dashboard/orders/_conflict.html", "is_page": True}
    return render(request, "dashboard/orders/form_page.html", page | context, status=409)
