"""Arriving for pickup: parcels of other nodes for orders that are collected here, found by a scan and received."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.models import FulfillmentOrder
from fulfillment.selectors.arrivals import Awaited, awaited_at, awaited_work, find_awaited
from fulfillment.services import Arrived, receive_for_pickup
from inventory.models import Node, Tracking
from oms.accounts.access import principal_of
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.store.gate import is_fragment, show, store_page, store_write


@store_page
def arrivals(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Parcels that come for orders to collect here, the first due first."""
    return show(request, node, "arrivals", "handover", awaited=awaited_at(node.pk))


@store_write
def arrivals_scan(request: HttpRequest, node: Node) -> HttpResponseBase:
    """A scanned AWB or order number opens the parcel that it names."""
    code = request.POST.get("code", "").strip()
    found = find_awaited(node.pk, code)
    if found is not None:
        url = reverse("store:arrival", args=[found.work.pk])
        if is_fragment(request):
            return HttpResponse(status=204, headers={"HX-Redirect": url})
        return HttpResponseRedirect(url)
    text = _("No parcel that comes here has the code %(code)s.") % {"code": code[:40]}
    if not is_fragment(request):
        messages.error(request, text)
        return HttpResponseRedirect(reverse("store:arrivals"))
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps({"scan": {"result": "unknown", "text": text}})
    return response


@store_page
def arrival(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """What should be in one parcel, to be counted."""
    return _arrival(request, node, pk)


def _arrival(request: HttpRequest, node: Node, pk: int, problem: str = "", status: int = 200) -> HttpResponse:
    found = awaited_work(node.pk, pk)
    if found is None:
        return show(request, node, "arrival", status=status, problem=problem, work=_work_here(node, pk), item=None)
    return show(request, node, "arrival", status=status, problem=problem, work=found.work, item=found)


def _work_here(node: Node, pk: int) -> FulfillmentOrder:
    rows = FulfillmentOrder.objects.select_related("order").filter(arrives_in__isnull=False)
    work = rows.filter(node=node, pk=pk).first()
    if work is None:
        raise NotFound(f"There is no parcel {pk} on its way to {node.name}.")
    return work


@store_write
def arrival_done(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """The parcel was opened and counted. Pressing twice receives it once."""
    _work_here(node, pk)
    actor = principal_of(request).name
    try:
        found = awaited_work(node.pk, pk)
        lines = None if found is None or request.POST.get("all") else _counted(request, found)
        once_per_form(
            request,
            lambda: {"id": receive_for_pickup(fulfillment_order_id=pk, actor=actor, lines=lines).pk},
            one_action=True,
        )
    except DomainError as error:
        return _arrival(request, node, pk, error.message, error.http_status)
    work = _work_here(node, pk)
    texts = {
        "ready": _("%(number)s lies ready: put it with the orders to collect."),
        "cancelled": _("%(number)s is cancelled: put the goods on the shelf."),
    }
    text = texts.get(work.state, _("%(number)s is received."))
    messages.success(request, text % {"number": work.order.number})
    return HttpResponseRedirect(reverse("store:arrivals"))


def _counted(request: HttpRequest, found: Awaited) -> list[Arrived]:
    return [
        Arrived(
            line_id=line.pk, good=_number(request, f"good-{line.pk}", line.sku.code),
            damaged=_number(request, f"damaged-{line.pk}", line.sku.code),
            serials=tuple(request.POST.get(f"serials-{line.pk}", "").replace(",", " ").split())
            if line.sku.tracking == Tracking.SERIAL else (),
        )
        for line in found.lines
    ]  # fmt: skip


def _number(request: HttpRequest, name: str, sku: str) -> int:
    text = request.POST.get(name, "").strip() or "0"
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise DomainError(
            _("%(sku)s: %(text)s is no quantity; expected a whole number from 0.") % {"sku": sku, "text": text[:20]},
            field=name,
        )
    return int(text)
