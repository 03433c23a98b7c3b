"""Transfers at work: picked, shipped, received, and what did not come. With a scanner, or by typing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fulfillment.selectors.units import units_in_totes
from inventory.models import Transfer, TransferState
from inventory.selectors import lines_of_transfer, shelves_at
from inventory.services import (
    RESOLUTIONS,
    ScanOutcome,
    finish_picking,
    lots_in_transit,
    receive_transfer,
    resolve_difference,
    scan_pick,
    scan_received,
    serials_in_transit,
    ship_transfer,
)
from oms.accounts.access import principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.posting import KEY_FIELD, once_per_form
from oms.dashboard.inventory.transfer_access import page_of, require_end, transfer_for
from oms.dashboard.inventory.transfer_forms import ShipForm, read_picked, read_received
from oms.dashboard.inventory.transfer_views import done_or_told, transfer_page, version_of
from oms.dashboard.orders.posting import is_fragment

State = TransferState


def _render(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, f"dashboard/inventory/transfers/{template}.html", context, status=status)


def _wrong_state(request: HttpRequest, found: Transfer) -> HttpResponse:
    text = _("%(number)s is %(state)s: this step is not the next one.")
    words = {"number": found.number, "state": found.get_state_display().lower()}
    return transfer_page(request, found, text % words, 409)


def _key(request: HttpRequest) -> str:
    """The form's own key names the operation in the ledger."""
    key = request.POST.get(KEY_FIELD, "")[:36]
    if not key:
        raise DomainError(_("This page is incomplete. Reload it and try again."))
    return key


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.move")
def transfer_pick(request: HttpRequest, number: str) -> HttpResponseBase:
    """What is to be taken from the shelves; less than wanted gives the rest back."""
    found, principal = transfer_for(request, number), principal_of(request)
    require_end(principal, found, first=True)
    if found.state != State.RESERVED:
        return _wrong_state(request, found)
    if request.method != "POST":
        return _pick_page(request, found)
    lines = lines_of_transfer(found)
    try:
        picked = read_picked(request.POST, lines)
        version = version_of(request)
        once_per_form(
            request,
            lambda: {"state": finish_picking(
                transfer_id=found.pk, lines=picked, actor=principal.name, version=version, spoken_for=units_in_totes
            ).state},
            one_action=True,
        )  # fmt: skip
    except DomainError as error:
        return _pick_page(request, transfer_for(request, number), error)
    messages.success(request, _("%(number)s is picked. Ship it when it leaves.") % {"number": found.number})
    return HttpResponseRedirect(page_of(found))


def _pick_page(request: HttpRequest, found: Transfer, error: DomainError | None = None) -> HttpResponse:
    context = _pick_context(request, found) | {"problem": error.message if error else ""}
    return _render(request, "pick", context, error.http_status if error else 200)


def _pick_context(request: HttpRequest, found: Transfer) -> dict[str, Any]:
    lines = lines_of_transfer(found)
    shelves = shelves_at(found.from_node_id, [line.sku_id for line in lines])
    sent = request.POST if request.method == "POST" and "finish" in request.POST else None
    rows: list[dict[str, Any]] = []
    for line in lines:
        lots = "\n".join(f"{row['lot']} {row['quantity']}" for row in line.picked_units if "lot" in row)
        serials = "\n".join(row["serial"] for row in line.picked_units if "serial" in row)
        value = {"picked": line.picked_quantity or "", "lots": lots, "serials": serials}
        if sent is not None:
            value = {name: sent.get(f"{name}-{line.pk}", "") for name in value}
        rows.append({"line": line, "shelf": shelves.get(line.sku_id, ""), **value})
    rows.sort(key=lambda row: (row["line"].picked_quantity >= row["line"].quantity, row["shelf"]))
    picked = sum(line.picked_quantity for line in lines)
    return {"transfer": found, "rows": rows, "picked": picked, "wanted": sum(line.quantity for line in lines)}


@require_POST
@requires("inventory.move")
def transfer_pick_scan(request: HttpRequest, number: str) -> HttpResponseBase:
    """One scanned or typed code goes onto the pile."""
    found, principal = transfer_for(request, number), principal_of(request)
    require_end(principal, found, first=True)
    code = request.POST.get("code", "").strip()[:80]

    def act() -> ScanOutcome:
        return scan_pick(transfer_id=found.pk, code=code, actor=principal.name, spoken_for=units_in_totes)

    return _scanned(request, found, act, "pick", lambda fresh: _pick_context(request, fresh))


def _scanned(
    request: HttpRequest, found: Transfer, act: Callable[[], ScanOutcome], page: str,
    context: Callable[[Transfer], dict[str, Any]],
) -> HttpResponseBase:  # fmt: skip
    try:
        answer = once_per_form(request, lambda: act().as_dict, one_action=True)
        outcome = ScanOutcome(answer["result"], answer["text"])
    except DomainError as error:
        outcome = ScanOutcome("wrong", error.message)
    if not is_fragment(request):
        messages.add_message(request, messages.SUCCESS if outcome.result == "ok" else messages.ERROR, outcome.text)
        return HttpResponseRedirect(reverse(f"dashboard:transfer_{page}", args=[found.number]))
    fresh = transfer_for(request, found.number)
    response = _render(request, f"_{page}", context(fresh))
    response["HX-Trigger"] = json.dumps({"scan": outcome.as_dict})
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.move")
def transfer_ship(request: HttpRequest, number: str) -> HttpResponseBase:
    """The goods leave: how, and when they are expected."""
    found, principal = transfer_for(request, number), principal_of(request)
    require_end(principal, found, first=True)
    if found.state not in (State.RESERVED, State.PICKED):
        return _wrong_state(request, found)
    initial = {"expected_on": found.expected_on}
    form = ShipForm(request.POST or None, initial=initial)
    if request.method != "POST" or not form.is_valid():
        lines = lines_of_transfer(found)
        whole = found.state == State.RESERVED and not any(line.picked_quantity for line in lines)
        units = sum(line.quantity if whole else line.picked_quantity for line in lines)
        context = {"transfer": found, "form": form, "units": units, "unpicked": found.state == State.RESERVED,
                   "whole": whole}  # fmt: skip
        return _render(request, "ship", context, 422 if request.method == "POST" else 200)
    data, version = form.cleaned_data, version_of(request)
    return done_or_told(
        request, found,
        lambda: ship_transfer(
            transfer_id=found.pk, actor=principal.name, version=version, spoken_for=units_in_totes, **data
        ),
        _("%(number)s is on its way to %(node)s.") % {"number": found.number, "node": found.to_node.code},
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.receive")
def transfer_receive(request: HttpRequest, number: str) -> HttpResponseBase:
    """What came: good, damaged, over. In as many goes as there are cartons."""
    found, principal = transfer_for(request, number), principal_of(request)
    require_end(principal, found, first=False)
    if found.state not in (State.SHIPPED, State.RECEIVED):
        return _wrong_state(request, found)
    if request.method != "POST":
        return _receive_page(request, found)
    lines = lines_of_transfer(found)
    try:
        received = read_received(request.POST, lines)
        key, version = _key(request), version_of(request)
        finish = bool(request.POST.get("finish"))
        answer = once_per_form(
            request,
            lambda: {"state": receive_transfer(
                transfer_id=found.pk, lines=received, op_key=key, actor=principal.name, finish=finish, version=version
            ).state},
            one_action=True,
        )  # fmt: skip
    except DomainError as error:
        return _receive_page(request, transfer_for(request, number), error)
    units = sum(item.good + item.damaged + item.over for item in received)
    text = _("%(n)d units received.") % {"n": units}
    if answer["state"] == State.CLOSED:
        text += " " + _("All of it came: the transfer is closed.")
    elif answer["state"] == State.RECEIVED:
        text += " " + _("What did not come waits to be resolved.")
    messages.success(request, text)
    return HttpResponseRedirect(page_of(found))


def _receive_page(request: HttpRequest, found: Transfer, error: DomainError | None = None) -> HttpResponse:
    context = _receive_context(request, found) | {"problem": error.message if error else ""}
    return _render(request, "receive", context, error.http_status if error else 200)


def _receive_context(request: HttpRequest, found: Transfer) -> dict[str, Any]:
    lines = lines_of_transfer(found)
    sku_ids = [line.sku_id for line in lines]
    lots, serials = lots_in_transit(found, sku_ids), serials_in_transit(found, sku_ids)
    sent = request.POST if request.method == "POST" and "code" not in request.POST else None
    rows: list[dict[str, Any]] = []
    for line in lines:
        names = ("good", "damaged", "over", "lot", "serials", "damaged-serials")
        value = {name.replace("-", "_"): sent.get(f"{name}-{line.pk}", "") if sent else "" for name in names}
        rows.append({"line": line, "lots": lots.get(line.sku_id, []), "numbers": list(serials.get(line.sku_id, {})),
                     **value})  # fmt: skip
    rows.sort(key=lambda row: row["line"].in_transit_quantity == 0)
    return {
        "transfer": found, "rows": rows, "in_transit": sum(line.in_transit_quantity for line in lines),
        "came": sum(line.received_quantity + line.damaged_quantity for line in lines),
        "shipped": sum(line.shipped_quantity for line in lines),
    }  # fmt: skip


@require_POST
@requires("inventory.receive")
def transfer_receive_scan(request: HttpRequest, number: str) -> HttpResponseBase:
    """One scanned or typed code came, in good state."""
    found, principal = transfer_for(request, number), principal_of(request)
    require_end(principal, found, first=False)
    code = request.POST.get("code", "").strip()[:80]

    def act() -> ScanOutcome:
        return scan_received(transfer_id=found.pk, code=code, op_key=_key(request), actor=principal.name)

    return _scanned(request, found, act, "receive", lambda fresh: _receive_context(request, fresh))


@require_http_methods(["GET", "HEAD", "POST"])
@requires("inventory.receive")
def transfer_resolve(request: HttpRequest, number: str, line_id: int) -> HttpResponseBase:
    """What became of units that did not come; each way out says what it does to stock."""
    found, principal = transfer_for(request, number), principal_of(request)
    require_end(principal, found, first=False)
    line = next((row for row in lines_of_transfer(found) if row.pk == line_id), None)
    if line is None:
        raise NotFound(f"{number} has no line {line_id}.")
    if found.state not in (State.SHIPPED, State.RECEIVED) or not line.in_transit_quantity:
        return _wrong_state(request, found)
    problem, status = "", 200
    if request.method == "POST":
        try:
            key, version, post = _key(request), version_of(request), request.POST
            quantity = post.get("quantity", "").strip()
            units = int(quantity) if quantity.isascii() and quantity.isdecimal() and len(quantity) < 10 else 0
            once_per_form(
                request,
                lambda: {"state": resolve_difference(
                    transfer_id=found.pk, line_id=line_id, how=post.get("how", ""), quantity=units,
                    note=post.get("note", "").strip()[:200], op_key=key, actor=principal.name, version=version,
                    lot=post.get("lot", "").strip()[:60], serials=tuple(post.get("serials", "").split()),
                ).state},
                one_action=True,
            )  # fmt: skip
            text = _("%(label)s: %(n)d × %(sku)s.")
            words = {"label": RESOLUTIONS[post["how"]][0], "n": units, "sku": line.sku.code}
            messages.success(request, text % words)
            return HttpResponseRedirect(page_of(found))
        except DomainError as error:
            problem, status = error.message, error.http_status
    ways = [
        {"key": key, "label": label, "effect": effect, "checked": request.POST.get("how") == key}
        for key, (label, effect) in RESOLUTIONS.items()
    ]
    context = {"transfer": transfer_for(request, number), "line": line, "ways": ways, "problem": problem,
               "sent": request.POST}  # fmt: skip
    return _render(request, "resolve", context, status)
