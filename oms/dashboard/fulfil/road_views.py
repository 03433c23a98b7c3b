"""Parcels that do not travel as they should: the list, one of them, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from carriers.selectors import scans_of_booking
from fulfillment.models import RoadTrouble, Shipment, TroubleKind
from fulfillment.selectors.failures import troubles_of
from fulfillment.services.road import MOST_SNOOZE_DAYS, ask_carrier, close_trouble, mark_lost, snooze
from oms.accounts.access import Principal, principal_of, requires
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.dashboard.fulfil.care import sentence_of, tabs, troubles_shown
from oms.dashboard.fulfil.proofs import proof_context
from oms.dashboard.fulfil.work_views import scoped_shipments

PAGE_ROWS = 50
_SCANS = 8
_SHOWN = ("open", "off", "closed")


@require_safe
@requires("orders.view")
def road(request: HttpRequest) -> HttpResponse:
    """What stands still, was not picked up, is late or disputed, the oldest first."""
    principal = principal_of(request)
    get = request.GET
    show = get.get("show", "") if get.get("show", "") in _SHOWN else "open"
    kind = get.get("kind", "") if get.get("kind", "") in TroubleKind.values else ""
    courier = get.get("courier", "")[:120]
    text = get.get("page", "")
    page = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
    rows = list(troubles_shown(principal, show, kind, courier)[page * PAGE_ROWS : (page + 1) * PAGE_ROWS + 1])
    asked = {"show": show, "kind": kind, "courier": courier}
    every = troubles_of(scoped_shipments(principal))
    couriers = every.filter(closed_at__isnull=show != "closed").order_by("shipment__courier_name")
    words = {"open": _("Open"), "off": _("Put off"), "closed": _("Closed")}
    context = {
        "tabs": tabs(principal, "road"), "rows": [(row, sentence_of(row)) for row in rows[:PAGE_ROWS]],
        "show": show, "kind": kind, "courier": courier, "kinds": TroubleKind.choices,
        "couriers": [(name, name) for name in
                     couriers.values_list("shipment__courier_name", flat=True).distinct() if name],
        "shown": [{"label": words[key], "url": f"?show={key}", "active": key == show, "count": None}
                  for key in _SHOWN],
        "prev_url": f"?{urlencode(asked | {'page': page - 1})}" if page else "",
        "next_url": f"?{urlencode(asked | {'page': page + 1})}" if len(rows) > PAGE_ROWS else "",
    }  # fmt: skip
    return render(request, "dashboard/fulfil/road.html", context)


def _trouble_of(principal: Principal, pk: int) -> RoadTrouble:
    found = troubles_of(scoped_shipments(principal)).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no trouble {pk} on the road.")
    return found


@require_safe
@requires("orders.view")
def road_case(request: HttpRequest, pk: int) -> HttpResponse:
    """One of them: why it is here, the last scans, and what can be done."""
    return _show(request, _trouble_of(principal_of(request), pk))


def _show(request: HttpRequest, trouble: RoadTrouble, problem: str = "", status: int = 200) -> HttpResponse:
    principal = principal_of(request)
    shipment: Shipment = trouble.shipment
    others = RoadTrouble.objects.filter(shipment=shipment, closed_at__isnull=True).exclude(pk=trouble.pk)
    scans = scans_of_booking(shipment.booking_id) if shipment.booking_id else []
    context = proof_context(shipment, principal) | {
        "tabs": tabs(principal, "road"), "trouble": trouble, "shipment": shipment, "sentence": sentence_of(trouble),
        "others": [(row, sentence_of(row)) for row in others.order_by("pk")], "scans": scans[:_SCANS],
        "may_act": principal.may("orders.edit") and trouble.closed_at is None, "problem": problem,
        "may_lose": trouble.kind != TroubleKind.DISPUTED, "most_days": MOST_SNOOZE_DAYS,
        "may_see": principal.may("pii.view"), "may_floor": principal.may("fulfillment.view"),
    }  # fmt: skip
    return render(request, "dashboard/fulfil/road_case.html", context, status=status)


@require_POST
@requires("orders.edit")
def road_act(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the carrier, put off, mark as lost, or close with a reason."""
    principal = principal_of(request)
    trouble = _trouble_of(principal, pk)
    post, actor = request.POST, principal.name
    acts: dict[str, tuple[Callable[[], RoadTrouble], str]] = {
        "ask": (lambda: ask_carrier(trouble_id=pk, ticket=post.get("ticket", ""), note=post.get("note", ""),
                                    actor=actor), _("Noted: the carrier was asked about %(number)s.")),
        "snooze": (lambda: snooze(trouble_id=pk, days=_days(post.get("days", "")), actor=actor),
                   _("%(number)s is put off.")),
        "lost": (lambda: mark_lost(trouble_id=pk, reason=post.get("reason", ""), actor=actor),
                 _("The parcel of %(number)s is marked as lost.")),
        "close": (lambda: close_trouble(trouble_id=pk, reason=post.get("reason", ""), actor=actor),
                  _("Closed for %(number)s.")),
    }  # fmt: skip
    if post.get("do", "") not in acts:
        raise DomainError(_("Choose what to do."), field="do")
    act, said = acts[post["do"]]
    try:
        once_per_form(request, lambda: {"id": act().pk})
    except DomainError as error:
        return _show(request, _trouble_of(principal, pk), error.message, error.http_status)
    messages.success(request, said % {"number": trouble.shipment.order.number})
    return HttpResponseRedirect(reverse("dashboard:fulfil_road"))


def _days(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
