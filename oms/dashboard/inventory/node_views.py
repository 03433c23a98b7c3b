"""Nodes: what each does today, its calendar, and its switch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from inventory.models import Node
from inventory.services import switch_node
from oms.accounts.access import principal_of, requires
from oms.core.db import fetch_all
from oms.dashboard.inventory.access import node_for
from oms.dashboard.inventory.forms import SwitchForm
from oms.dashboard.inventory.outage import OutagePreview, preview_outage, waiting_for_a_node
from oms.dashboard.orders.posting import into_modal, is_fragment
from oms.reporting.node_load import nodes_now
from oms.reporting.scope import Scope
from routing.models import NodeLoad

CALENDAR_DAYS = 14
LOAD_DAYS = 14


@require_GET
@requires("inventory.view")
def nodes(request: HttpRequest) -> HttpResponse:
    """Every node in sight with its load, cut-off and switch."""
    principal = principal_of(request)
    kinds = dict(Node.Kind.choices)
    rows = [(node, kinds[node.kind]) for node in nodes_now(Scope.of(principal))]
    context = {"rows": rows, "may_switch": principal.may("nodes.switch")}
    return render(request, "dashboard/inventory/nodes.html", context)


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day of a node: open, its weekly day off, or a holiday by name."""

    day: date
    is_open: bool
    holiday: str
    is_today: bool


def calendar_of(node: Node, *, days: int = CALENDAR_DAYS) -> list[CalendarDay]:
    """The coming days in the node's own time zone."""
    today = node.today()
    names = dict(node.holidays.filter(day__gte=today).values_list("day", "name"))
    found = []
    for ahead in range(days):
        day = today + timedelta(days=ahead)
        holiday = names.get(day)
        found.append(CalendarDay(day, day.isoweekday() in node.working_days and holiday is None,
                                 "Holiday" if holiday == "" else holiday or "", ahead == 0))  # fmt: skip
    return found


_STOCK = """
SELECT count(*) FILTER (WHERE on_hand > 0), coalesce(sum(on_hand), 0), coalesce(sum(reserved), 0),
    coalesce(sum(damaged), 0), coalesce(sum(quarantine), 0)
FROM inventory_stocklevel WHERE node_id = %s
"""


@require_GET
@requires("inventory.view")
def node(request: HttpRequest, code: str) -> HttpResponse:
    """One node: work, stock, calendar, the last two weeks."""
    found = node_for(request, code)
    principal = principal_of(request)
    load = nodes_now(Scope(nodes=(found.code,)))[0]
    today = found.today()
    since = today - timedelta(days=LOAD_DAYS - 1)
    given = dict(NodeLoad.objects.filter(node=found, day__gte=since, day__lte=today).values_list("day", "orders"))
    days = [since + timedelta(days=number) for number in range(LOAD_DAYS)]
    context: dict[str, Any] = {
        "node": found, "load": load, "calendar": calendar_of(found), "days": [(day, given.get(day, 0)) for day in days],
        "points": [given.get(day, 0) for day in days],
        "stock": dict(zip(("skus", "on_hand", "reserved", "damaged", "quarantine"), fetch_all(_STOCK, [found.pk])[0],
                          strict=True)),
        "groups": list(found.groups.order_by("name").values_list("name", flat=True)),
        "holidays": list(found.holidays.filter(day__gte=today).order_by("day")[:20]),
        "may_switch": principal.may("nodes.switch"), "may_receive": principal.may("inventory.receive"),
        "may_move": principal.may("inventory.move"),
        "may_edit": request.user.is_staff and principal.may("settings.edit"),
    }  # fmt: skip
    return render(request, "dashboard/inventory/node.html", context)


def _off_effects(preview: OutagePreview) -> list[dict[str, Any]]:
    """What switching off does, in rows."""
    rows: list[dict[str, Any]] = []
    if preview.taken_back:
        rows.append({"icon": "arrow-back-up", "text": f"{preview.taken_back} orders are taken back and decided again."})
    if preview.picking:
        text = f"{preview.picking} of them are being picked: the goods go back to their shelves."
        rows.append({"icon": "basket", "tone": "warn", "text": text})
    rows += [{"icon": "route", "text": f"{count} go to {code}"} for code, count in preview.to_nodes[:8]]
    if len(preview.to_nodes) > 8:
        rest = sum(count for _, count in preview.to_nodes[8:])
        rows.append({"icon": "route", "text": f"{rest} go to {len(preview.to_nodes) - 8} other nodes"})
    if preview.stranded + preview.partial:
        rows.append({"kind": "promise", "tone": "bad", "after": f"{preview.stranded} none, {preview.partial} in part",
                     "text": "No other node can take"})  # fmt: skip
    if preview.taken_back > preview.planned:
        rows.append({"text": f"The first {preview.planned} orders were planned; the others are decided the same way."})
    if preview.stays:
        rows.append(
            {"icon": "package", "text": f"{preview.stays} orders are picked or packed and still leave from here."}
        )
    rows.append({"kind": "message", "text": "Channels are told at once that its stock is not for sale."})
    return rows


@require_http_methods(["GET", "POST"])
@requires("nodes.switch")
def switch(request: HttpRequest, code: str) -> HttpResponse:
    """Switch a node off or on; first what that does to the orders there."""
    found = node_for(request, code)
    active = not found.is_active
    if request.method == "POST":
        # The form says what it wants, so that a second click does not turn it back.
        active = request.POST.get("active") == "1"
    form = SwitchForm(request.POST if request.method == "POST" and not active else None)
    if request.method == "POST" and (active or form.is_valid()):
        return _switched(request, found, active, "" if active else form.cleaned_data["reason"])
    effects = _on_effects() if active else _off_effects(preview_outage(found))
    context = {
        "node": found, "active": active, "effects": effects, "form": form,
        "title": f"Switch {found.code} {'on' if active else 'off'}?", "url": request.path,
    }  # fmt: skip
    status = 422 if request.method == "POST" else 200
    if is_fragment(request):
        response = render(request, "dashboard/inventory/_switch.html", context, status=status)
        return into_modal(response) if status == 422 else response
    return render(request, "dashboard/inventory/switch.html", context, status=status)


def _on_effects() -> list[dict[str, Any]]:
    waiting = waiting_for_a_node()
    return [
        {"icon": "route", "text": f"{waiting} orders wait for a node; those it can supply are tried again." if waiting
         else "No order waits for a node now."},
        {"kind": "message", "text": "Channels are told that its stock is for sale again."},
    ]  # fmt: skip


def _switched(request: HttpRequest, found: Node, active: bool, reason: str) -> HttpResponse:
    who = principal_of(request).name
    changed = switch_node(node_id=found.pk, active=active, reason=f"{reason} ({who})" if reason else "")
    state = "on" if active else "off"
    if changed:
        rest = "Waiting orders are tried again." if active else "Its open work is being rerouted."
        messages.success(request, f"{found.code} is {state}. {rest}")
    else:
        messages.warning(request, f"{found.code} was {state} already; nothing changed.")
    back = request.POST.get("back", "")
    url = reverse("dashboard:tower") if back == "tower" else reverse("dashboard:node", args=[found.code])
    if is_fragment(request):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
