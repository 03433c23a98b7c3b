"""Cancelling units or the whole order: chosen, previewed, done once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from fulfillment.services import cancel_order, preview_cancel
from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import Conflict, DomainError
from oms.core.posting import once_per_form
from oms.core.templatetags.oms_format import money
from oms.dashboard.orders.action_views import asked, done, target_of
from oms.dashboard.orders.consequences import cancel_effects
from oms.dashboard.orders.detail import order_or_404
from oms.dashboard.orders.forms import SoldLine, sold_lines, wanted_units
from oms.dashboard.orders.posting import into_modal, is_fragment
from orders.models import Order


class NotShown(Conflict):
    """What is asked for is not what the preview showed."""

    code = "not_shown"


@require_http_methods(["GET", "POST"])
@requires("orders.cancel")
def cancel(request: HttpRequest, number: str) -> HttpResponse:
    """Choose units, see what cancelling them does, cancel. The whole order unless units are chosen."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    lines = sold_lines(order.lines.select_related("kit").order_by("position", "id"))
    if request.method == "GET":
        context = _context(request, order, lines)
        return asked(request, "cancel", context, refused="errors" in context)
    if request.POST.get("preview"):
        return _again(request, _context(request, order, lines))
    try:
        answer = once_per_form(request, lambda: _cancel(order, lines, request.POST, principal))
    except NotShown:
        return _again(request, _context(request, order, lines))
    except DomainError as error:
        context = _context(request, order, lines) | {"errors": [(_error_field(error), error.message)]}
        return asked(request, "cancel", context, refused=True)
    return done(request, number, answer["text"])


def _cancel(order: Order, lines: list[SoldLine], post: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
    wanted = wanted_units(post, lines)
    if post.get("seen_units") != _digest(wanted):
        raise NotShown("These units were not previewed.")
    reason = str(post.get("reason", "")).strip()[:200]
    result = cancel_order(order_id=order.pk, lines=wanted, reason=reason, actor=principal.name)
    refund = f" {money(result.refund_minor, result.currency)} is due as a refund." if result.refund_minor else ""
    asked = f" The WMS of {', '.join(result.asked)} is asked first." if result.asked else ""
    if not result.units and asked:
        return {"text": f"{order.number} is not cancelled yet.{asked}"}
    words = _done_words(order, wanted if not asked else {}, result.units)
    return {"text": f"{words}{refund}{asked}"}


def _done_words(order: Order, wanted: dict[int, int] | None, units: int) -> str:
    if wanted is None:
        return f"{order.number} is cancelled."
    return f"{units} {'unit is' if units == 1 else 'units are'} cancelled."


def _context(request: HttpRequest, order: Order, lines: list[SoldLine]) -> dict[str, Any]:
    """The form with what it would do; `errors` where it cannot be done."""
    post = request.POST
    context: dict[str, Any] = {
        "order": order, "reason": post.get("reason", ""), "target": target_of(request, order),
        "confirm_label": "Cancel these units",
        "lines": [(line, line.open, post.get(line.field, line.open)) for line in lines],
    }  # fmt: skip
    try:
        wanted = wanted_units(post, lines)
        preview = preview_cancel(order_id=order.pk, lines=wanted)
        if preview.refused:
            raise DomainError(preview.refused)
    except DomainError as error:
        return context | {"errors": [(_error_field(error), error.message)]}
    some = "Cancel 1 unit" if preview.units == 1 else f"Cancel {preview.units} units"
    return context | {
        "preview": preview, "effects": cancel_effects(order, preview), "whole": wanted is None,
        "seen_units": _digest(wanted), "confirm_label": "Cancel the order" if wanted is None else some,
    }  # fmt: skip


def _again(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The form with its new preview, in the dialog or on its page."""
    response = asked(request, "cancel", context, refused="errors" in context)
    return into_modal(response) if is_fragment(request) else response


def _digest(wanted: dict[int, int] | None) -> str:
    """What a preview was about, to tell whether the same is asked for."""
    return "all" if wanted is None else ",".join(f"{pk}:{units}" for pk, units in sorted(wanted.items()))


def _error_field(error: DomainError) -> str:
    return f"id_{error.field}" if error.field and error.field != "lines" else "cancel-lines"
