"""What would have had another node chosen, and the proof of a decision tried again: both from what was stored of it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from inventory.models import Node, Sku
from oms.accounts.access import principal_of, requires
from oms.dashboard.orders.detail import order_or_404
from oms.dashboard.orders.posting import is_fragment
from orders.models import Order
from routing.engine import faults_of, why_not
from routing.models import RoutingDecision


def _decision_or_404(order: Order, attempt: int) -> RoutingDecision:
    decision = get_object_or_404(RoutingDecision, order=order, attempt=attempt)
    if not decision.candidates:
        raise Http404("Of this decision no candidates were kept.")
    return decision


def _rendered(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    """Into the row that asked, or as a page."""
    part = f"dashboard/orders/_{template}.html"
    return render(request, part if is_fragment(request) else "dashboard/orders/why.html", context | {"part": part})


@require_GET
@requires("orders.view")
def other_node(request: HttpRequest, number: str, attempt: int, pk: int) -> HttpResponse:
    """What would have had a node chosen that was not."""
    order = order_or_404(principal_of(request), number)
    stored = _decision_or_404(order, attempt).candidates
    skus = dict(Sku.objects.filter(pk__in=stored["skus"]).values_list("pk", "code"))
    codes = dict(Node.objects.values_list("pk", "code"))
    told, unknown = None, ""
    try:
        told = why_not(stored, pk, codes, skus)
    except LookupError as error:
        raise Http404(str(error)) from error
    except ValueError:
        unknown = _("This decision was stored without all that it was made from, so that it cannot be asked again.")
    return _rendered(request, "other_node", {"order": order, "told": told, "unknown": unknown})


@require_GET
@requires("orders.view")
def proof(request: HttpRequest, number: str, attempt: int) -> HttpResponse:
    """The claims of a decision, checked by trying every set of nodes."""
    order = order_or_404(principal_of(request), number)
    decision = _decision_or_404(order, attempt)
    faults: list[str] = []
    unknown = ""
    try:
        faults = faults_of(decision.candidates)
    except ValueError as error:
        unknown = str(error)
    context: dict[str, object] = {"order": order, "decision": decision, "faults": faults, "unknown": unknown}
    return _rendered(request, "proof", context)
