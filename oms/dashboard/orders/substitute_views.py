"""Another SKU for what waits of a line: chosen by a person who sees what there is and what it costs, and taken back."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from fulfillment.services.substituting import take_back_substitute, units_to_take_back
from inventory.selectors.substitutes import stand_ins
from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.core.templatetags.oms_format import money
from oms.dashboard.orders.action_views import asked, done, target_of
from oms.dashboard.orders.consequences import Effects
from oms.dashboard.orders.detail import order_or_404
from orders.kits import live_units
from orders.models import Order, OrderLine, OrderSubstitutions
from orders.services import allow_substitutions
from routing.services import offers_of, substitute_line


def _line_of(order: Order, pk: int) -> OrderLine:
    for line in order.lines.select_related("kit", "substitute_for"):
        if line.pk == pk:
            return line
    raise Http404(f"{order.number} has no line {pk}.")


@require_http_methods(["GET", "POST"])
@requires("orders.edit")
def substitute(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """What may be sold for the waiting units of a line; sell it. Of a customer who takes none: note that one does."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    line = _line_of(order, pk)
    if request.method == "GET":
        return asked(request, "substitute", _context(request, order, line, principal))
    try:
        answer = once_per_form(request, lambda: _write(request, order, line, principal))
    except DomainError as error:
        order.refresh_from_db()
        context = _context(request, order, _line_of(order, pk), principal)
        return asked(request, "substitute", context | {"errors": [("id_sku", error.message)]}, refused=True)
    return done(request, number, answer["text"])


def _write(request: HttpRequest, order: Order, line: OrderLine, principal: Principal) -> dict[str, Any]:
    if "agree" in request.POST:
        allow_substitutions(order_id=order.pk, allowed=True, actor=principal.name)
        return {"text": _("Noted: the customer of %(order)s takes substitutes.") % {"order": order.number}}
    sku, units = request.POST.get("sku", ""), request.POST.get("units", "")
    if not sku.isdecimal() or not units.isdecimal():
        raise DomainError(_("Choose what is sold instead."), field="sku")
    added = substitute_line(
        order_id=order.pk, line_id=line.pk, sku_id=int(sku), units=int(units), actor=principal.name
    )  # fmt: skip
    words = {"n": added.quantity, "code": added.sku_code, "original": line.sku_code}
    return {"text": _("%(n)s × %(code)s is sold instead of %(original)s.") % words}


def _context(request: HttpRequest, order: Order, line: OrderLine, principal: Principal) -> dict[str, Any]:
    allowed = order.substitutions == OrderSubstitutions.ALLOWED
    offered = offers_of(order, list(order.lines.all())).get(line.pk, [])
    return {
        "order": order, "line": line, "target": target_of(request, order), "allowed": allowed, "offered": offered,
        "any": bool(stand_ins([line.sku_id or 0])), "sees_stock": principal.all_nodes,
        "first": next((each.stand_in.sku_id for each in offered if each.stand_in.atp >= each.units), 0),
        "confirm_label": _("Sell it instead") if allowed else _("The customer agrees"),
    }  # fmt: skip


@require_http_methods(["GET", "POST"])
@requires("orders.edit")
def take_back(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """Undo a substitution: what it does first, then done. A second time changes nothing."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    line = _line_of(order, pk)
    if line.substitute_for is None:
        raise Http404(f"{line.sku_code} stands in for nothing.")
    context: dict[str, Any] = {
        "order": order, "line": line, "target": target_of(request, order), "effects": _effects(order, line),
    }  # fmt: skip
    if request.method == "GET":
        return asked(request, "take_back", context)
    try:
        once_per_form(
            request,
            lambda: {"units": take_back_substitute(order_id=order.pk, line_id=line.pk, actor=principal.name)},
        )
    except DomainError as error:
        return asked(request, "take_back", context | {"errors": [("take-back", error.message)]}, refused=True)
    return done(request, number, _("%(code)s is taken back.") % {"code": line.sku_code})


def _effects(order: Order, line: OrderLine) -> Effects:
    original = line.substitute_for
    units = units_to_take_back(order, line)
    if original is None or not units:
        return [{"kind": "stock", "tone": "bad", "text": _("It is being picked or has left: it stays as it is.")}]
    waits = ngettext("%(n)s unit of %(code)s waits for stock again.", "%(n)s units of %(code)s wait for stock again.",
                     units)  # fmt: skip
    effects: Effects = [{"kind": "stock", "text": waits % {"n": units, "code": original.sku_code}}]
    stay = live_units(line) + line.shipped - units
    if stay:
        text = ngettext("%(n)s unit is being picked or has left: it stays.",
                        "%(n)s units are being picked or have left: they stay.", stay)  # fmt: skip
        effects.append({"kind": "stock", "tone": "warn", "text": text % {"n": stay}})
    before = original.total_minor * units // original.quantity
    after = line.total_minor * units // line.quantity
    if before != after:
        effects.append({"kind": "money", "text": _("What the customer pays for it"),
                        "before": money(after, order.currency), "after": money(before, order.currency)})  # fmt: skip
    if order.channel.notifies_customer and order.customer_email:
        effects.append({"kind": "message", "text": _("One e-mail tells the customer.")})
    effects.append({"icon": "route", "text": _("Routing chooses no substitute for it again by itself.")})
    return effects
