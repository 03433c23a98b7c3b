"""What helps the promise of one order, a faster service or another date; each says first what it will do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from fulfillment.services import go_faster
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError
from oms.core.posting import once_per_form
from oms.dashboard.orders.action_views import asked, done, target_of
from oms.dashboard.orders.detail import order_or_404
from oms.flow.telling import tell_new_date
from orders.models import Order
from routing.models import OrderOutlook


@require_http_methods(["GET", "POST"])
@requires("orders.note")
def tell(request: HttpRequest, number: str) -> HttpResponse:
    """Promise the order anew by the date that can be kept, and write so to its customer."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    context: dict[str, object] = {
        "order": order, "target": target_of(request, order), "effects": _effects(order),
    }  # fmt: skip
    if request.method == "POST":
        try:
            answer = once_per_form(request, lambda: _tell(order, principal.name))
        except DomainError as error:
            return asked(request, "tell", context | {"errors": [("tell", error.message)]}, refused=True)
        return done(request, number, str(answer["text"]))
    return asked(request, "tell", context)


@require_http_methods(["GET", "POST"])
@requires("orders.reroute")
def hasten(request: HttpRequest, number: str) -> HttpResponse:
    """Have what has no label yet booked with the fastest service."""
    principal = principal_of(request)
    order = order_or_404(principal, number)
    context: dict[str, object] = {
        "order": order, "target": target_of(request, order), "effects": _effects_of_haste(order),
    }  # fmt: skip
    if request.method == "POST":
        try:
            answer = once_per_form(request, lambda: _hasten(order, principal.name))
        except DomainError as error:
            return asked(request, "hasten", context | {"errors": [("hasten", error.message)]}, refused=True)
        return done(request, number, str(answer["text"]))
    return asked(request, "hasten", context)


def _hasten(order: Order, actor: str) -> dict[str, object]:
    go_faster(order_id=order.pk, actor=actor)
    return {"text": f"What {order.number} still ships goes by the fastest service."}


def _effects_of_haste(order: Order) -> list[dict[str, object]]:
    outlook = OrderOutlook.objects.filter(order=order).first()
    if outlook is None or outlook.remedy_breach is None:
        return [{"kind": "promise", "text": "Nothing says that a faster service helps.", "tone": "warn"}]
    return [
        {"kind": "promise", "text": "Likely to miss the date", "before": f"{outlook.breach:.0%}",
         "after": f"{outlook.remedy_breach:.0%}"},
        {"icon": "truck", "text": "Each parcel without a label is booked with the fastest service that serves its "
                                  "address when it is packed. Labels that are bought stay."},
        {"kind": "money", "text": "The shop pays what that service costs more; the customer pays nothing."},
    ]  # fmt: skip


def _tell(order: Order, actor: str) -> dict[str, object]:
    day = timezone.localtime(tell_new_date(order_id=order.pk, actor=actor))
    return {"text": f"The customer of {order.number} will be told {day:%a} {day.day} {day:%b}."}


def _effects(order: Order) -> list[dict[str, object]]:
    outlook = OrderOutlook.objects.filter(order=order).first()
    if outlook is None or outlook.sure_by is None:
        return [{"kind": "promise", "text": "There is no other date to tell.", "tone": "warn"}]
    before = f"{timezone.localtime(order.promised_by):%a %d %b}" if order.promised_by else ""
    return [
        {"kind": "promise", "text": "Promised by", "before": before,
         "after": f"{timezone.localtime(outlook.sure_by):%a %d %b}"},
        {"kind": "message", "text": "One e-mail goes to the customer. It cannot be called back."},
        {"icon": "lock", "text": "The first date stays known: whether it was kept is measured by it."},
    ]  # fmt: skip
