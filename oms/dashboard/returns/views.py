"""Goods that come back: the list, and the desk where a parcel is scanned, looked at and put away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fulfillment.models import Shipment
from fulfillment.selectors.arrivals import awaited_parcel
from fulfillment.services import give_up_parcel
from inventory.models import Lot, Node, SerialNumber, Sku
from oms.accounts.access import Principal, in_node_scope, in_work_scope, principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.dashboard.orders.posting import is_fragment
from returns.errors import OtherUnit
from returns.models import Return, ReturnLine, ReturnLineDisposition, ReturnState, ReturnUnit
from returns.selectors import (
    OPEN,
    SentUnits,
    count_by_state,
    find_return,
    lines_with_tracking,
    listed,
    sent_units,
    tracking_of,
    unannounced_parcel,
    with_lines,
)
from returns.services import CameBack, expect_rto, receive
from returns.states import RETURN

PAGE_ROWS = 50
TONES = {
    "requested": "warn", "approved": "info", "declined": "off", "in_transit": "progress", "received": "progress",
    "inspected": "progress", "disposed": "good", "closed": "good", "cancelled": "off",
}  # fmt: skip
#: What a person may decide for a line: value, label, icon, what it does to the stock.
CHOICES = (
    (ReturnLineDisposition.RESTOCK, "Back to stock", "circle-check", "On hand goes up: it can be sold again at once"),
    (ReturnLineDisposition.DAMAGED, "Damaged", "alert-triangle", "Damaged goes up: it is not sold"),
    (ReturnLineDisposition.QUARANTINE, "To be checked", "hourglass", "Quarantine goes up: somebody looks at it later"),
    (
        ReturnLineDisposition.MISSING,
        "Not in the parcel",
        "package-off",
        "Nothing comes back: claim it from the carrier",
    ),
)
_BUCKETS = {"restock": "on hand", "damaged": "damaged", "quarantine": "quarantine"}


def _returns(principal: Principal) -> QuerySet[Return]:
    return in_work_scope(Return.objects.all(), principal)


@require_safe
@requires("returns.view")
def return_list(request: HttpRequest) -> HttpResponse:
    """Open returns, the oldest first; or everything, the newest first."""
    principal = principal_of(request)
    show = request.GET.get("show", "open")
    show = show if show in ("open", "done", "all") else "open"
    node = request.GET.get("node", "")[:40]
    base = _returns(principal).filter(node__code=node) if node else _returns(principal)
    rows = base.filter(state__in=OPEN) if show == "open" else base.exclude(state__in=OPEN) if show == "done" else base
    mark = request.GET.get("after", "")
    if mark.isascii() and mark.isdecimal() and len(mark) < 16:
        rows = rows.filter(pk__gt=int(mark)) if show == "open" else rows.filter(pk__lt=int(mark))
    page = list(listed(rows).order_by("pk" if show == "open" else "-pk")[: PAGE_ROWS + 1])
    more = len(page) > PAGE_ROWS
    page = page[:PAGE_ROWS]
    counts = count_by_state(base)
    words = (("open", _("On their way")), ("done", _("Put away")), ("all", _("All")))
    tabs = [
        {"label": label, "url": f"?{urlencode({'show': key} | ({'node': node} if node else {}))}",
         "active": key == show, "count": counts[key]}
        for key, label in words
    ]  # fmt: skip
    query = urlencode({"show": show, "after": page[-1].pk} | ({"node": node} if node else {})) if more else ""
    nodes = in_node_scope(Node.objects.filter(accepts_returns=True), principal, "code").values_list("code", "name")
    context = {
        "rows": [(row, TONES.get(row.state, "neutral")) for row in page],
        "tabs": tabs,
        "next_url": f"?{query}" if query else "",
        "node": node,
        "show": show,
        "nodes": list(nodes),
        "may_receive": principal.may("returns.receive"),
        "is_first": not mark,
    }
    return render(request, "dashboard/returns/list.html", context)


# -- the desk ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeskLine:
    """One line on the desk: what was sent and what is decided for it."""

    line: ReturnLine
    image: str
    chosen: str
    tracking: str = "none"
    #: What was sent and is not back yet, each with what is ticked or typed.
    serials: tuple[tuple[SerialNumber, bool], ...] = ()
    lots: tuple[tuple[Lot, int, str], ...] = ()
    others: str = ""
    came_back: tuple[ReturnUnit, ...] = ()


@require_safe
@requires("returns.receive")
def desk(request: HttpRequest) -> HttpResponse:
    """Scan a parcel; what is expected in it and what to do with each line."""
    principal = principal_of(request)
    code = request.GET.get("code", "").strip()[:80]
    found = find_return(with_lines(_returns(principal)), code)
    if found is not None:
        return _desk(request, code=code, item=found)
    parcels = in_work_scope(Shipment.objects.all(), principal)
    parcel = unannounced_parcel(parcels, code)
    awaited = awaited_parcel(parcels, code) if parcel is None else None
    unknown = bool(code) and parcel is None and awaited is None
    return _desk(request, code=code, parcel=parcel, awaited=awaited, unknown=unknown)


def _desk(
    request: HttpRequest, *, code: str = "", item: Return | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    context: dict[str, Any] = {"code": code, "item": item, "choices": CHOICES} | more
    if item is not None:
        lines = _lines(request, item)
        context |= {
            "tone": TONES.get(item.state, "neutral"),
            "lines": lines,
            "effects": _effects(item, lines),
            "link": reverse("dashboard:return", args=[item.pk]),
            "is_open": RETURN.allows(item.state, ReturnState.RECEIVED),
        }
    template = "_preview" if is_fragment(request) and item is not None and more.get("preview") else "desk"
    return render(request, f"dashboard/returns/{template}.html", context, status=status)


def _lines(request: HttpRequest, item: Return) -> list[DeskLine]:
    """The lines with what was chosen; sellable goods go back to stock unless somebody says otherwise."""
    lines = lines_with_tracking(item)
    images = dict(Sku.objects.filter(pk__in=[row.order_line.sku_id for row in lines]).values_list("pk", "image"))
    is_open = RETURN.allows(item.state, ReturnState.RECEIVED)
    sent = sent_units(item, lines) if is_open else {}
    back = _came_back(lines) if not is_open else {}
    return [
        DeskLine(
            line=line, image=images.get(line.order_line.sku_id or 0, ""),
            chosen=request.POST.get(f"line-{line.pk}", "restock") if is_open else line.disposition,
            tracking=tracking_of(line), others=request.POST.get(f"others-{line.pk}", "")[:2000],
            came_back=tuple(back.get(line.pk, ())), **_choices(request, line, sent.get(line.pk)),
        )
        for line in lines
    ]  # fmt: skip


def _came_back(lines: list[ReturnLine]) -> dict[int, list[ReturnUnit]]:
    tracked = [line.pk for line in lines if tracking_of(line) != "none"]
    found: dict[int, list[ReturnUnit]] = {}
    if tracked:
        for unit in ReturnUnit.objects.filter(line__in=tracked).select_related("lot", "serial").order_by("pk"):
            found.setdefault(unit.line_id, []).append(unit)
    return found


def _choices(request: HttpRequest, line: ReturnLine, sent: SentUnits | None) -> dict[str, Any]:
    """What of the units that were sent is ticked: all of them, where that is what comes back."""
    if sent is None:
        return {}
    asked, whole = request.method == "POST", sent.units == line.quantity
    ticked = set(request.POST.getlist(f"serial-{line.pk}"))
    serials = tuple((serial, serial.number in ticked if asked else whole) for serial in sent.serials.values())
    lots = tuple(
        (lot, units, request.POST.get(f"lot-{line.pk}-{lot.pk}", "") if asked else str(units) if whole else "")
        for lot, units in sent.lots.values()
    )
    return {"serials": serials, "lots": lots}


def _named(request: HttpRequest, row: DeskLine) -> CameBack:
    """What was ticked and typed of a line."""
    words = [word[:60] for word in row.others.replace(",", " ").split()]
    if row.tracking == "serial":
        return CameBack(serials=(*(serial.number for serial, on in row.serials if on), *words))
    if row.tracking != "lot":
        return CameBack()
    lots = [(lot.code, int(text)) for lot, _, text in row.lots if text.isascii() and text.isdecimal() and len(text) < 7]
    left = row.line.quantity - sum(units for _, units in lots)
    if words and left > 0:
        lots.append((words[0], left))
    return CameBack(lots=tuple(lots))


def _effects(item: Return, lines: list[DeskLine]) -> list[dict[str, str]]:
    """What one press of the button does, in words."""
    rows = []
    for row in lines:
        units, code = row.line.quantity, row.line.order_line.sku_code
        if row.chosen in _BUCKETS:
            text = f"{code}: {_BUCKETS[row.chosen]} at {item.node.code}"
            rows.append(
                {
                    "kind": "stock",
                    "text": text,
                    "after": f"+{units}",
                    "tone": "good" if row.chosen == "restock" else "warn",
                }
            )
        else:
            text = f"{code}: {units} missing, stock stays as it is"
            rows.append({"kind": "other", "icon": "package-off", "text": text, "tone": "bad"})
    whole = item.kind == "rto"
    rows.append({"kind": "other", "icon": "shopping-cart", "text": f"{item.order.number}: units counted as returned"})
    if whole and item.order.is_cod:
        rows.append({"kind": "money", "text": "Cash on delivery: nothing was collected, nothing is due"})
    elif whole:
        rows.append({"kind": "money", "text": "Prepaid: decide the refund on the order"})
    return rows


def _item(principal: Principal, pk: int) -> Return:
    found = with_lines(_returns(principal).filter(pk=pk)).first()
    if found is None:
        raise NotFound(f"There is no return {pk}.")
    return found


@require_safe
@requires("returns.view")
def return_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One return: the desk for those who receive, the facts for everybody else."""
    principal = principal_of(request)
    item = _item(principal, pk)
    return _desk(request, item=item, read_only=not principal.may("returns.receive"))


@require_POST
@requires("returns.receive")
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """What receiving would do with the present choices."""
    return _desk(request, item=_item(principal_of(request), pk), preview=True)


@require_POST
@requires("returns.receive")
def receive_return(request: HttpRequest, pk: int) -> HttpResponse:
    """Put everything where it was decided. Pressing twice receives once."""
    principal = principal_of(request)
    item = _item(principal, pk)
    if "preview" in request.POST:
        return _desk(request, item=item)
    chosen = {line.pk: request.POST.get(f"line-{line.pk}", "") for line in item.lines.all()}
    units = {row.line.pk: _named(request, row) for row in _lines(request, item) if row.tracking != "none"}
    as_found = bool(request.POST.get("as_found"))

    def act() -> dict[str, int]:
        done = receive(return_id=pk, dispositions=chosen, units=units, as_found=as_found, actor=principal.name)
        return {"id": done.pk}

    try:
        once_per_form(request, act)
    except DomainError as error:
        return _desk(request, item=_item(principal, pk), problem=error.message, status=error.http_status,
                     asks_as_found=isinstance(error, OtherUnit))  # fmt: skip
    messages.success(request, _("%(number)s is received. Scan the next parcel.") % {"number": item.number})
    return HttpResponseRedirect(reverse("dashboard:returns_desk"))


@require_POST
@requires("returns.receive")
def expect(request: HttpRequest) -> HttpResponse:
    """A parcel stands here that the carrier has not announced: expect it now and look at it."""
    code = request.POST.get("code", "").strip()[:80]
    parcel = unannounced_parcel(in_work_scope(Shipment.objects.all(), principal_of(request)), code)
    if parcel is None:
        raise NotFound(f"No parcel {code} is on the road.")
    made = expect_rto(shipment_id=parcel.pk)
    return HttpResponseRedirect(reverse("dashboard:return", args=[made.pk]))


@require_POST
@requires("returns.receive")
def sent_back(request: HttpRequest) -> HttpResponse:
    """A parcel to a store is back at the node that sent it: on hand there, its order routed again. Again, nothing."""
    principal = principal_of(request)
    code = request.POST.get("code", "").strip()[:80]
    parcels = in_work_scope(Shipment.objects.all(), principal)

    def act() -> dict[str, int]:
        awaited = awaited_parcel(parcels, code)
        if awaited is None:
            raise NotFound(f"No parcel {code} is on its way to a store.")
        note = f"Scanned at the returns desk of {awaited.parcel.node.code}"
        done = give_up_parcel(fulfillment_order_id=awaited.work.pk, how="sent_back", note=note, actor=principal.name)
        return {"id": done.pk}

    once_per_form(request, act, one_action=True)
    messages.success(request, _("%(code)s is back in stock. Scan the next parcel.") % {"code": code})
    return HttpResponseRedirect(reverse("dashboard:returns_desk"))
