"""The picking screens: scan, camera or tap, and what happens when the goods are not there."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from carriers.labels import pick_list_pdf
from fulfillment.models import FulfillmentOrderState
from fulfillment.selectors import TO_PICK, work_at
from fulfillment.selectors.boxes import boxes_at
from fulfillment.selectors.pick_lists import pick_list_of
from fulfillment.selectors.picking import PickRow
from fulfillment.selectors.waves import not_in_waves
from fulfillment.services import NOTHING_NAMED, SHORT_REASONS, LineUnits, serials_here
from inventory.models import Node, Tracking
from oms.accounts.access import principal_of
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.store.facts import walk_version
from oms.store.gate import is_fragment, show, store_page, store_write, work_here
from oms.store.overtaken import cards_of
from oms.store.tasks import WALK_ORDERS, ids_of, walk_url
from oms.store.walk import Act, Outcome, Walk, read_walk, report, take, take_code

_ICONS = {"not_found": "zoom-question", "damaged": "alert-triangle", "display_worn": "shirt",
          "wrong_item": "arrows-exchange", "expired": "hourglass"}  # fmt: skip


@store_page
def pick_page(request: HttpRequest, node: Node) -> HttpResponseBase:
    """A walk over the work in the address; without one, over what is due first."""
    text = request.GET.get("work", "")
    if not text:
        work = not_in_waves(work_at(node.pk, TO_PICK))[:WALK_ORDERS]
        if work:
            return HttpResponseRedirect(walk_url(work))
        return show(request, node, "nothing_to_pick", "pick")
    walk = read_walk(node, ids_of(text), request.GET.get("at", ""))
    response = show(request, node, "pick", walk=walk, next_url=request.get_full_path(), boxes=boxes_at(node.pk),
                    reasons=reasons_in_words("this number"), cards=cards_of(request, node))  # fmt: skip
    response["X-Walk-Version"] = walk_version(walk.work)
    return response


@store_page
def pick_list(request: HttpRequest, node: Node) -> HttpResponseBase:
    """The same walk on paper: what is left to take, with lots and serial numbers."""
    walk = read_walk(node, ids_of(request.GET.get("work", "")))
    live = [item for item in walk.work if item.state in (FulfillmentOrderState.OPEN, *TO_PICK)]
    data = pick_list_of(node, live, now(), picker=principal_of(request).name) if live else None
    if data is None or not data.rows:
        raise NotFound(_("There is nothing left to pick for this work."))
    response = HttpResponse(pick_list_pdf(data), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{data.number}.pdf"'
    return response


@store_write
def pick_scan(request: HttpRequest, node: Node) -> HttpResponseBase:
    """One scanned or typed code."""
    walk = _walk(request, node)
    actor = principal_of(request).name
    return _done(request, node, walk, lambda: take_code(walk, request.POST.get("code", ""), actor))


@store_write
def pick_take(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Units of one row, counted by hand."""
    walk = _walk(request, node)
    actor = principal_of(request).name
    row = _row(walk, request.POST.get("sku", ""))
    units = _number(request, "quantity")
    lot = request.POST.get("lot", "").strip()[:60]
    named = LineUnits(lots=((lot, units),)) if lot else NOTHING_NAMED
    return _done(request, node, walk, lambda: take(walk, row, units, actor, named))


def _walk(request: HttpRequest, node: Node) -> Walk:
    return read_walk(node, ids_of(request.POST.get("work") or request.GET.get("work", "")))


def _row(walk: Walk, code: str) -> PickRow:
    found = next((row for row in walk.rows if row.sku.code == code), None)
    if found is None:
        raise NotFound(f"{code} is no part of this walk.")
    return found


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


def _done(request: HttpRequest, node: Node, walk: Walk, act: Act) -> HttpResponseBase:
    """Do it once and show the walk as it is then, with the outcome for eye, ear and hand."""
    try:
        answer = once_per_form(request, lambda: act().as_dict, one_action=True)
        outcome = Outcome(answer["result"], answer["text"])
    except DomainError as error:
        outcome = Outcome("wrong", error.message)
    ids = [item.pk for item in walk.work]
    if not is_fragment(request):
        level = messages.SUCCESS if outcome.result == "ok" else messages.ERROR
        messages.add_message(request, level, outcome.text)
        return HttpResponseRedirect(walk_url(walk.work))
    fresh = read_walk(node, ids, request.POST.get("at", ""))
    response = show(request, node, "_walk", walk=fresh, is_update=True, next_url=walk_url(fresh.work))
    response["HX-Trigger"] = json.dumps({"scan": outcome.as_dict})
    return response


@store_page
def short_form(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Why units cannot be picked: each reason says what it does to the stock."""
    walk = read_walk(node, ids_of(request.GET.get("work", "")))
    return _short_page(request, node, walk, _row(walk, request.GET.get("sku", "")))


def _short_page(
    request: HttpRequest, node: Node, walk: Walk, row: PickRow, problem: str = "", status: int = 200
) -> HttpResponse:
    reasons = reasons_in_words("1" if row.left == 1 else "this number")
    orders = [item.order.number for item in walk.work for line in item.lines.all()
              if line.sku_id == row.sku.pk and line.to_pick]  # fmt: skip
    serials = serials_here(row.sku.pk, node.pk) if row.sku.tracking == Tracking.SERIAL else []
    return show(request, node, "short", status=status, walk=walk, row=row, reasons=reasons, orders=orders,
                serials=[serial.number for serial in serials], chosen=request.POST.getlist("serial"),
                problem=problem, back=walk_url(walk.work))  # fmt: skip


def reasons_in_words(units: str) -> list[tuple[str, str, str, str]]:
    """Reasons of a short pick: key, name, what it does to so many units in stock, and its picture."""
    return [
        (key, why.label, why.effect.replace("this number", units), _ICONS.get(key, "alert-triangle"))
        for key, why in SHORT_REASONS.items()
    ]


@store_write
def short_report(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Report units short: stock is corrected as the reason says and another node gets the units."""
    walk = _walk(request, node)
    row = _row(walk, request.POST.get("sku", ""))
    actor = principal_of(request).name
    reason = request.POST.get("reason", "")
    serials = tuple(dict.fromkeys(number[:60] for number in request.POST.getlist("serial")))
    units = len(serials) or _number(request, "quantity")
    lot = request.POST.get("lot", "").strip()[:60]
    named = LineUnits(lots=((lot, units),) if lot else (), serials=serials)
    try:
        answer = once_per_form(request, lambda: report(walk, row, units, reason, actor, named).as_dict, one_action=True)
    except DomainError as error:
        text = error.message if reason else "Choose a reason."
        return _short_page(request, node, walk, row, text, error.http_status)
    messages.success(request, answer["text"])
    return HttpResponseRedirect(walk_url(walk.work))


@store_page
def open_work(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """One order's work: goes to the screen that its state asks for."""
    work = work_here(node, pk)
    if work.state == FulfillmentOrderState.OPEN:
        return HttpResponseRedirect(f"{reverse('store:accept')}#work-{pk}")
    if work.state in TO_PICK:
        return HttpResponseRedirect(walk_url([work]))
    if work.state == FulfillmentOrderState.PICKED:
        return HttpResponseRedirect(reverse("store:pack", args=[pk]))
    if work.state in (FulfillmentOrderState.PACKED, FulfillmentOrderState.READY):
        return HttpResponseRedirect(reverse("store:packed", args=[pk]))
    return show(request, node, "ended", "tasks", work=work)
