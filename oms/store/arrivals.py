"""Arriving for pickup: parcels of other nodes for orders that are collected here, found by a scan and received."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from fulfillment.selectors.arrivals import (
    Awaited,
    OnTheRoad,
    awaited_at,
    awaited_work,
    find_awaited,
    on_the_road,
)
from fulfillment.services import Arrived, LineUnits, receive_for_pickup
from inventory.models import Lot, Node, SerialNumber
from oms.accounts.access import principal_of
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.store.gate import is_fragment, show, store_page, store_write

_GOOD, _DAMAGED, _MISSING = "good", "damaged", "missing"


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


@dataclass(frozen=True, slots=True)
class CountedLine:
    """A line of the parcel: units that should be in it, and what is typed or chosen of them.

    Lots and serial numbers are asked for one by one, so that what came damaged or not at all is known by its name.
    """

    line: FulfillmentLine
    units: int
    good: str
    damaged: str
    #: Each lot with its units, and how many came good and damaged.
    lots: tuple[tuple[Lot, int, str, str], ...] = ()
    #: Each serial number, and how it came.
    serials: tuple[tuple[SerialNumber, str], ...] = ()


def _rows(request: HttpRequest, found: Awaited) -> list[CountedLine]:
    """The lines as they are typed; before that everything in them came good."""
    lines = {line.order_line_id: line for line in found.lines}
    return [_row(request, lines[road.item.line.order_line_id], road) for road in on_the_road(found.parcel.pk)]


def _row(request: HttpRequest, line: FulfillmentLine, road: OnTheRoad) -> CountedLine:
    lots: dict[int, tuple[Lot, int]] = {}
    for unit in road.named:
        if unit.lot is not None:
            lots[unit.lot.pk] = (unit.lot, unit.quantity + (lots[unit.lot.pk][1] if unit.lot.pk in lots else 0))

    def typed(name: str, before: str) -> str:
        return request.POST.get(name, "") if request.method == "POST" else before

    return CountedLine(
        line, road.units, typed(f"good-{line.pk}", str(road.units)), typed(f"damaged-{line.pk}", "0"),
        tuple(
            (lot, units, typed(f"good-{line.pk}-{lot.pk}", str(units)), typed(f"damaged-{line.pk}-{lot.pk}", "0"))
            for lot, units in lots.values()
        ),
        tuple(
            (unit.serial, typed(f"serial-{line.pk}-{unit.serial.pk}", _GOOD)) for unit in road.named if unit.serial
        ),
    )  # fmt: skip


@store_page
def arrival(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """What should be in one parcel, to be counted."""
    return _arrival(request, node, pk)


def _arrival(request: HttpRequest, node: Node, pk: int, problem: str = "", status: int = 200) -> HttpResponse:
    found = awaited_work(node.pk, pk)
    if found is None:
        return show(request, node, "arrival", status=status, problem=problem, work=_work_here(node, pk), item=None)
    rows = _rows(request, found)
    return show(request, node, "arrival", status=status, problem=problem, work=found.work, item=found, rows=rows,
                fates=_fates())  # fmt: skip


def _fates() -> list[tuple[str, str]]:
    return [(_GOOD, _("Good")), (_DAMAGED, _("Damaged")), (_MISSING, _("Missing"))]


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
    return [_told(request, row) for row in _rows(request, found)]


def _told(request: HttpRequest, row: CountedLine) -> Arrived:
    """What is typed of a line. Raises DomainError for what is no quantity, and for no way in which a unit comes."""
    code = row.line.sku.code
    if row.serials:
        by_fate: dict[str, list[str]] = {_GOOD: [], _DAMAGED: [], _MISSING: []}
        for serial, fate in row.serials:
            if fate not in by_fate:
                raise DomainError(
                    _("%(number)s: say whether it came good, damaged or not at all.") % {"number": serial.number},
                    field=f"serial-{row.line.pk}-{serial.pk}",
                )
            by_fate[fate].append(serial.number)
        good, damaged = by_fate[_GOOD], by_fate[_DAMAGED]
        return Arrived(
            line_id=row.line.pk, good=len(good), damaged=len(damaged), named_good=LineUnits(serials=tuple(good)),
            named_damaged=LineUnits(serials=tuple(damaged)),
        )  # fmt: skip
    if row.lots:
        good_lots = _of_lots(row, "good", [(lot, good) for lot, _units, good, _damaged in row.lots])
        damaged_lots = _of_lots(row, "damaged", [(lot, damaged) for lot, _units, _good, damaged in row.lots])
        return Arrived(
            line_id=row.line.pk, good=sum(units for _code, units in good_lots),
            damaged=sum(units for _code, units in damaged_lots), named_good=LineUnits(lots=good_lots),
            named_damaged=LineUnits(lots=damaged_lots),
        )  # fmt: skip
    return Arrived(
        line_id=row.line.pk, good=_number(row.good, f"good-{row.line.pk}", code),
        damaged=_number(row.damaged, f"damaged-{row.line.pk}", code),
    )  # fmt: skip


def _of_lots(row: CountedLine, name: str, typed: list[tuple[Lot, str]]) -> tuple[tuple[str, int], ...]:
    """The lots of which some came so, with how many."""
    counted = [
        (lot.code, _number(text, f"{name}-{row.line.pk}-{lot.pk}", f"{row.line.sku.code} {lot.code}"))
        for lot, text in typed
    ]
    return tuple((code, units) for code, units in counted if units)


def _number(typed: str, name: str, sku: str) -> int:
    text = typed.strip() or "0"
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise DomainError(
            _("%(sku)s: %(text)s is no quantity; expected a whole number from 0.") % {"sku": sku, "text": text[:20]},
            field=name,
        )
    return int(text)
