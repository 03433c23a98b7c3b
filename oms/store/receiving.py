"""Goods from suppliers at a store's door: scanned into a count that this person keeps, received in one go."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from inventory.models import Node, PurchaseOrder, PurchaseOrderLine, Sku, Tracking
from inventory.services import OPEN_STATES, ReceiptItem, Source, receive_goods
from oms.accounts.access import principal_of
from oms.core.errors import DomainError, NotFound
from oms.core.ids import uuid7
from oms.core.posting import once_per_form
from oms.store.gate import is_fragment, show, store_page, store_write
from oms.store.walk import Act, Outcome, name_of, sku_of

#: Orders that stand in the list of tasks, and how many days ahead they do.
MOST_SHOWN, DAYS_AHEAD = 20, 7
#: Where the session keeps counts that are not received yet, by the order's id.
COUNTS_KEY = "receiving"
#: Counts that one person may have open.
MOST_COUNTS = 20


def orders_due(node: Node) -> list[PurchaseOrder]:
    """Purchase orders that are to come here within a week, are late, or stand at the door already."""
    soon = timezone.localdate() + timedelta(days=DAYS_AHEAD)
    due = Q(expected_on__lte=soon) | Q(inbound_shipments__state="arrived")
    rows = PurchaseOrder.objects.filter(due, node=node, state__in=OPEN_STATES).select_related("supplier")
    return list(rows.distinct().order_by("expected_on", "pk")[:MOST_SHOWN])


def _here(node: Node, pk: int) -> PurchaseOrder:
    """An open order for this store. Raises NotFound."""
    rows = PurchaseOrder.objects.select_related("supplier", "node")
    found = rows.filter(pk=pk, node=node, state__in=OPEN_STATES).first()
    if found is None:
        raise NotFound(f"There is no purchase order {pk} to receive in {node.name}.")
    return found


def _count_of(request: HttpRequest, order: PurchaseOrder) -> dict[str, Any]:
    """What was counted of an order and not received yet. `key` names the receipt that it will become."""
    counts: dict[str, Any] = request.session.get(COUNTS_KEY, {})
    return dict(counts.get(str(order.pk)) or {"key": str(uuid7()), "lines": {}, "current": 0})


def _keep(request: HttpRequest, order: PurchaseOrder, count: dict[str, Any] | None) -> None:
    counts: dict[str, Any] = dict(request.session.get(COUNTS_KEY, {}))
    counts.pop(str(order.pk), None)
    if count is not None:
        counts[str(order.pk)] = count
    request.session[COUNTS_KEY] = dict(list(counts.items())[-MOST_COUNTS:])


def _line_of(count: dict[str, Any], sku_id: int) -> dict[str, Any]:
    empty = {"good": 0, "damaged": 0, "serials": [], "damaged_serials": []}
    return dict(count["lines"].setdefault(str(sku_id), empty))


def _sheet(order: PurchaseOrder, count: dict[str, Any]) -> dict[str, Any]:
    """The lines of the order with what was counted, what is still open first."""
    rows = []
    for line in order.lines.select_related("sku").order_by("pk"):
        counted = _line_of(count, line.sku_id)
        done = counted["good"] + counted["damaged"]
        rows.append(
            {"line": line, "sku": line.sku, "done": done, "all": line.open_quantity, **counted,
             "left": max(0, line.open_quantity - done), "is_current": line.sku_id == count["current"]}
        )  # fmt: skip
    rows.sort(key=lambda row: (not row["is_current"], row["left"] == 0))
    return {
        "order": order, "rows": [row for row in rows if row["all"] or row["done"]],
        "done": sum(row["done"] for row in rows), "wanted": sum(row["all"] for row in rows),
        "scan_url": reverse("store:goods_scan", args=[order.pk]),
    }  # fmt: skip


@store_page
def goods(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Count what a supplier sent."""
    principal_of(request).require("inventory.receive")
    order = _here(node, pk)
    return show(request, node, "goods", **_sheet(order, _count_of(request, order)))


@store_write
def goods_scan(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """One scanned or typed code: an item counts one unit, what follows an item with serial numbers is its number."""
    principal_of(request).require("inventory.receive")
    order = _here(node, pk)
    code = request.POST.get("code", "").strip()[:80]
    bucket = "damaged" if request.POST.get("damaged") else "good"
    return _done(request, node, order, lambda: _scan(request, order, code, bucket))


def _scan(request: HttpRequest, order: PurchaseOrder, code: str, bucket: str) -> Outcome:
    count = _count_of(request, order)
    lines = {line.sku_id: line for line in order.lines.select_related("sku")}
    sku = sku_of(code)
    if sku is None:
        current = lines.get(count["current"])
        if current is not None and current.sku.tracking == Tracking.SERIAL and code:
            return _scan_number(request, order, count, current, code, bucket)
        text = _("%(code)s is not in the catalogue. Set it aside and look it up.")
        return Outcome("unknown", text % {"code": code[:40]})
    if sku.pk not in lines:
        return Outcome("wrong", _("This is %(item)s. It is not on this order.") % {"item": name_of(sku)})
    count["current"] = sku.pk
    if sku.tracking == Tracking.SERIAL:
        _keep(request, order, count)
        return Outcome("ok", _("%(item)s: now scan its serial number") % {"item": name_of(sku)})
    return _add(request, order, count, lines[sku.pk], 1, bucket)


def _scan_number(
    request: HttpRequest, order: PurchaseOrder, count: dict[str, Any], line: PurchaseOrderLine, code: str, bucket: str
) -> Outcome:
    counted = _line_of(count, line.sku_id)
    if code in counted["serials"] or code in counted["damaged_serials"]:
        return Outcome("wrong", _("%(code)s was scanned already.") % {"code": code[:40]})
    name = "damaged_serials" if bucket == "damaged" else "serials"
    count["lines"][str(line.sku_id)] = counted | {name: [*counted[name], code]}
    return _add(request, order, count, line, 1, bucket)


def _add(
    request: HttpRequest, order: PurchaseOrder, count: dict[str, Any], line: PurchaseOrderLine, units: int, bucket: str
) -> Outcome:
    counted = _line_of(count, line.sku_id)
    counted[bucket] += units
    count["lines"][str(line.sku_id)] = counted
    _keep(request, order, count)
    text = _("%(item)s: %(done)d of %(all)d")
    done = counted["good"] + counted["damaged"]
    return Outcome("ok", text % {"item": name_of(line.sku), "done": done, "all": line.open_quantity})


@store_write
def goods_take(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """So many units of one item, counted by hand: instead of what was counted of it before."""
    principal_of(request).require("inventory.receive")
    order = _here(node, pk)
    line = order.lines.select_related("sku").filter(sku_id=_number(request, "sku")).first()
    if line is None:
        raise NotFound(f"This item is not on {order}.")
    good, damaged = _number(request, "good"), _number(request, "damaged")

    def act() -> Outcome:
        if line.sku.tracking == Tracking.SERIAL:
            raise DomainError(_("Scan the serial number of each."), field="good")
        count = _count_of(request, order)
        count["lines"][str(line.sku_id)] = _line_of(count, line.sku_id) | {"good": good, "damaged": damaged}
        count["current"] = line.sku_id
        return _add(request, order, count, line, 0, "good")

    return _done(request, node, order, act)


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


def _done(request: HttpRequest, node: Node, order: PurchaseOrder, act: Act) -> HttpResponseBase:
    """Do it once and show the count as it is then, with the outcome for eye, ear and hand."""
    try:
        answer = once_per_form(request, lambda: act().as_dict, one_action=True)
        outcome = Outcome(answer["result"], answer["text"])
    except DomainError as error:
        outcome = Outcome("wrong", error.message)
    if not is_fragment(request):
        level = messages.SUCCESS if outcome.result == "ok" else messages.ERROR
        messages.add_message(request, level, outcome.text)
        return HttpResponseRedirect(reverse("store:goods", args=[order.pk]))
    response: HttpResponse = show(request, node, "_goods", is_update=True, **_sheet(order, _count_of(request, order)))
    response["HX-Trigger"] = json.dumps({"scan": outcome.as_dict})
    return response


@store_write
def goods_finish(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Receive what was counted: one receipt, however often this is sent."""
    principal_of(request).require("inventory.receive")
    order = _here(node, pk)
    count = _count_of(request, order)
    skus = {line.sku_id: line.sku for line in order.lines.select_related("sku")}
    try:
        items = [item for sku_id, sku in skus.items() if (item := _item(request, count, sku_id, sku)).units]
        if not items:
            raise DomainError(_("Scan or count at least one unit."), field="lines")
        done = receive_goods(
            node_id=node.pk, items=items, op_key=f"store-receive/{count['key']}", actor=principal_of(request).name,
            source=Source(order_id=order.pk, accept_over=bool(request.POST.get("accept_over"))),
        )  # fmt: skip
    except DomainError as error:
        sheet = _sheet(order, count)
        for row in sheet["rows"]:
            row |= {name: request.POST.get(f"{name}-{row['sku'].pk}", "") for name in ("lot", "expires")}
        return show(request, node, "goods", status=error.http_status, problem=error.message,
                    has_over=error.field == "accept_over", **sheet)  # fmt: skip
    _keep(request, order, None)
    if done.is_new:
        units = sum(item.units for item in items)
        messages.success(request, _("%(n)d units of %(order)s received.") % {"n": units, "order": order.number})
    return HttpResponseRedirect(reverse("store:tasks"))


def _item(request: HttpRequest, count: dict[str, Any], sku_id: int, sku: Sku) -> ReceiptItem:
    counted = _line_of(count, sku_id)
    day = None
    if sku.tracking == Tracking.LOT and (text := request.POST.get(f"expires-{sku_id}", "").strip()):
        try:
            day = parse_date(text)
        except ValueError:
            day = None
        if day is None:
            raise DomainError(_("%(text)s is no day.") % {"text": text[:20]}, field="expires")
    lot = request.POST.get(f"lot-{sku_id}", "").strip()[:60] if sku.tracking == Tracking.LOT else ""
    return ReceiptItem(
        sku_id=sku_id, good=counted["good"], damaged=counted["damaged"], lot_code=lot, expires_on=day,
        serials=tuple(counted["serials"]), damaged_serials=tuple(counted["damaged_serials"]),
    )  # fmt: skip
