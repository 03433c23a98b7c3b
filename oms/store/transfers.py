"""Transfers in the store: what is to be picked for another node, and what comes from one. With scanner or by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.selectors.units import units_in_totes
from inventory.models import Node, Transfer, TransferState
from inventory.selectors import lines_of_transfer, shelves_at
from inventory.services import (
    Received,
    ScanOutcome,
    finish_picking,
    pick_for_transfer,
    receive_transfer,
    scan_pick,
    scan_received,
    ship_transfer,
)
from oms.accounts.access import principal_of
from oms.core.errors import DomainError, NotFound
from oms.core.posting import KEY_FIELD, once_per_form
from oms.store.gate import is_fragment, show, store_page, store_write

State = TransferState
#: Transfers that stand in the list of tasks, each way.
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Moving:
    """A transfer of the list of tasks, with the units that are to be handled."""

    transfer: Transfer
    units: int


def transfers_to_pick(node: Node, *, may_send: bool) -> list[Moving]:
    """Confirmed transfers that leave from here; for who may send them off, picked ones too."""
    states = (State.RESERVED, State.PICKED) if may_send else (State.RESERVED,)
    rows = Transfer.objects.filter(from_node=node, state__in=states)
    return [Moving(row, sum(line.quantity for line in row.lines.all())) for row in _first(rows)]


def transfers_to_receive(node: Node) -> list[Moving]:
    """Transfers that are on their way to here."""
    rows = Transfer.objects.filter(to_node=node, state=State.SHIPPED)
    return [Moving(row, sum(line.in_transit_quantity for line in row.lines.all())) for row in _first(rows)]


def _first(rows: QuerySet[Transfer]) -> list[Transfer]:
    rows = rows.select_related("from_node", "to_node").prefetch_related("lines")
    return list(rows.order_by("expected_on", "pk")[:MOST_SHOWN])


def _here(node: Node, pk: int, *, end: str) -> Transfer:
    """A transfer that starts (from_node) or ends (to_node) here. Raises NotFound for that of another store."""
    rows = Transfer.objects.select_related("from_node", "to_node")
    found = rows.filter(pk=pk, **{end: node}).first()
    if found is None:
        raise NotFound(f"There is no transfer {pk} in {node.name}.")
    return found


def _picking(found: Transfer) -> dict[str, Any]:
    """What is still to be taken from the shelves, in their order."""
    lines = lines_of_transfer(found)
    shelves = shelves_at(found.from_node_id, [line.sku_id for line in lines])
    rows = [
        {"line": line, "sku": line.sku, "left": line.quantity - line.picked_quantity, "done": line.picked_quantity,
         "all": line.quantity, "shelf": shelves.get(line.sku_id, "")}
        for line in lines
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["left"] == 0, row["shelf"]))
    return _sheet(found, rows, "pick")


def _receiving(found: Transfer) -> dict[str, Any]:
    rows = [
        {"line": line, "sku": line.sku, "left": line.in_transit_quantity, "all": line.shipped_quantity, "shelf": "",
         "done": line.received_quantity + line.damaged_quantity}
        for line in lines_of_transfer(found) if line.shipped_quantity
    ]  # fmt: skip
    rows.sort(key=lambda row: row["left"] == 0)
    return _sheet(found, rows, "receive")


def _sheet(found: Transfer, rows: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return {
        "transfer": found, "rows": rows, "kind": kind, "done": sum(row["done"] for row in rows),
        "wanted": sum(row["all"] for row in rows), "left": sum(row["left"] for row in rows),
        "scan_url": reverse(f"store:transfer_{kind}_scan", args=[found.pk]),
        "take_url": reverse(f"store:transfer_{kind}_take", args=[found.pk]),
        "finish_url": reverse(f"store:transfer_{kind}_finish", args=[found.pk]),
        "current": next((row for row in rows if row["left"]), None),
    }  # fmt: skip


@store_page
def transfer_pick(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Take these from the shelves for another node."""
    found = _here(node, pk, end="from_node")
    if found.state not in (State.RESERVED, State.PICKED):
        return show(request, node, "transfer_gone", transfer=found)
    return show(request, node, "transfer", may_send=principal_of(request).may("inventory.move"), **_picking(found))


@store_page
def transfer_receive(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Take in what another node sent."""
    principal_of(request).require("inventory.receive")
    found = _here(node, pk, end="to_node")
    if found.state not in (State.SHIPPED, State.RECEIVED):
        return show(request, node, "transfer_gone", transfer=found)
    return show(request, node, "transfer", **_receiving(found))


def _done(
    request: HttpRequest, node: Node, found: Transfer, kind: str, act: Callable[[], ScanOutcome]
) -> HttpResponseBase:
    """Do it once and show the sheet as it is then, with the outcome for eye, ear and hand."""
    try:
        answer = once_per_form(request, lambda: act().as_dict, one_action=True)
        outcome = ScanOutcome(answer["result"], answer["text"])
    except DomainError as error:
        outcome = ScanOutcome("wrong", error.message)
    fresh = Transfer.objects.select_related("from_node", "to_node").get(pk=found.pk)
    if not is_fragment(request):
        level = messages.SUCCESS if outcome.result == "ok" else messages.ERROR
        messages.add_message(request, level, outcome.text)
        return HttpResponseRedirect(reverse(f"store:transfer_{kind}", args=[found.pk]))
    sheet = _picking(fresh) if kind == "pick" else _receiving(fresh)
    may_send = principal_of(request).may("inventory.move")
    response: HttpResponse = show(request, node, "_transfer", is_update=True, may_send=may_send, **sheet)
    response["HX-Trigger"] = json.dumps({"scan": outcome.as_dict})
    return response


@store_write
def transfer_pick_scan(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """One scanned or typed code for the pile."""
    found, actor = _here(node, pk, end="from_node"), principal_of(request).name
    code = request.POST.get("code", "").strip()[:80]
    return _done(
        request, node, found, "pick",
        lambda: scan_pick(transfer_id=pk, code=code, actor=actor, spoken_for=units_in_totes),
    )  # fmt: skip


@store_write
def transfer_pick_take(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Units of one item, counted by hand."""
    found, actor = _here(node, pk, end="from_node"), principal_of(request).name
    sku_id, quantity = _number(request, "sku"), _number(request, "quantity")

    def act() -> ScanOutcome:
        line = pick_for_transfer(transfer_id=pk, sku_id=sku_id, quantity=quantity, actor=actor,
                                 spoken_for=units_in_totes)  # fmt: skip
        text = _("%(sku)s: %(done)d of %(all)d")
        words = {"sku": line.sku.code, "done": line.picked_quantity, "all": line.quantity}
        return ScanOutcome("ok", text % words)

    return _done(request, node, found, "pick", act)


@store_write
def transfer_pick_finish(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Picked, and off it goes: what was not found is given back."""
    found, actor = _here(node, pk, end="from_node"), principal_of(request).name
    send = bool(request.POST.get("send")) and principal_of(request).may("inventory.move")

    def act() -> dict[str, str]:
        row = found
        if found.state == State.RESERVED:
            row = finish_picking(transfer_id=pk, actor=actor, spoken_for=units_in_totes)
        if send:
            row = ship_transfer(transfer_id=pk, actor=actor, spoken_for=units_in_totes)
        return {"state": row.state}

    try:
        once_per_form(request, act, one_action=True)
    except DomainError as error:
        return show(request, node, "transfer", status=error.http_status, problem=error.message, may_send=send,
                    **_picking(_here(node, pk, end="from_node")))  # fmt: skip
    words = {"number": found.number, "node": found.to_node.name}
    text = _("%(number)s is on its way to %(node)s.") if send else _("%(number)s is picked for %(node)s.")
    messages.success(request, text % words)
    if not send and principal_of(request).may("inventory.move"):
        return HttpResponseRedirect(reverse("store:transfer_pick", args=[pk]))
    return HttpResponseRedirect(reverse("store:tasks"))


def _receiver(request: HttpRequest) -> str:
    principal = principal_of(request)
    principal.require("inventory.receive")
    return principal.name


@store_write
def transfer_receive_scan(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """One scanned or typed code came, in good state."""
    found, actor = _here(node, pk, end="to_node"), _receiver(request)
    code = request.POST.get("code", "").strip()[:80]
    return _done(
        request, node, found, "receive",
        lambda: scan_received(transfer_id=pk, code=code, op_key=_key(request), actor=actor),
    )  # fmt: skip


@store_write
def transfer_receive_take(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Units of one item that came, good or damaged, counted by hand."""
    found, actor = _here(node, pk, end="to_node"), _receiver(request)
    sku_id, quantity = _number(request, "sku"), _number(request, "quantity")
    damaged = bool(request.POST.get("damaged"))

    def act() -> ScanOutcome:
        line = next((line for line in lines_of_transfer(found) if line.sku_id == sku_id), None)
        if line is None:
            raise NotFound(f"{found.number} has none of this item.")
        came = Received(line_id=line.pk, good=0 if damaged else quantity, damaged=quantity if damaged else 0)
        receive_transfer(transfer_id=pk, lines=[came], op_key=_key(request), actor=actor)
        text = ngettext("%(n)d × %(sku)s came", "%(n)d × %(sku)s came", quantity) % {
            "n": quantity, "sku": line.sku.code
        }  # fmt: skip
        return ScanOutcome("ok", f"{text}, {_('damaged')}" if damaged else text)

    return _done(request, node, found, "receive", act)


@store_write
def transfer_receive_finish(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Nothing more comes: what is missing waits for somebody in the office."""
    found, actor = _here(node, pk, end="to_node"), _receiver(request)
    try:
        if found.state == State.SHIPPED:
            once_per_form(
                request,
                lambda: {"state": receive_transfer(
                    transfer_id=pk, lines=[], op_key=_key(request), actor=actor, finish=True
                ).state},
                one_action=True,
            )  # fmt: skip
    except DomainError as error:
        return show(request, node, "transfer", status=error.http_status, problem=error.message,
                    **_receiving(_here(node, pk, end="to_node")))  # fmt: skip
    messages.success(request, _("%(number)s is received.") % {"number": found.number})
    return HttpResponseRedirect(reverse("store:tasks"))


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _key(request: HttpRequest) -> str:
    """The form's own key names the operation in the ledger."""
    key = request.POST.get(KEY_FIELD, "")[:36]
    if not key:
        raise DomainError(_("This page is incomplete. Reload it and try again."))
    return key
