"""The work of all nodes on one screen: how much stands where, and what is late first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from fulfillment.models import (
    FailedDelivery,
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    HandOff,
    Manifest,
    ManifestState,
    RoadTrouble,
    Shipment,
    WmsLink,
)
from fulfillment.selectors import AT_NODE, NodeLoad, by_urgency, load_by_node
from fulfillment.selectors.failures import needs_somebody, open_troubles
from fulfillment.selectors.finding import called
from fulfillment.selectors.handing_over import label_problems
from oms.accounts.access import Principal, in_node_scope, in_work_scope, principal_of, requires
from oms.core.clock import now

PAGE_ROWS = 50
_NODES_SHOWN = 8
_STATES = (
    FulfillmentOrderState.SCHEDULED,
    FulfillmentOrderState.OPEN,
    FulfillmentOrderState.ACCEPTED,
    FulfillmentOrderState.PICKING,
    FulfillmentOrderState.PICKED,
    FulfillmentOrderState.PACKED,
    FulfillmentOrderState.READY,
)
TONES = {
    "scheduled": "warn", "open": "info", "accepted": "info", "picking": "progress", "picked": "progress",
    "waiting_transfer": "warn", "packed": "progress", "ready": "good", "completed": "good", "rejected": "off",
    "cancelled": "off", "no_show": "warn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; unknown values are dropped."""

    node: str = ""
    state: str = ""
    due: str = ""
    kind: str = ""

    def url(self, **changes: str) -> str:
        """The list with some filters changed, from its first page."""
        values = {"node": self.node, "state": self.state, "due": self.due, "kind": self.kind} | changes
        query = urlencode({key: value for key, value in values.items() if value})
        return f"{reverse('dashboard:fulfil')}?{query}" if query else reverse("dashboard:fulfil")

    @property
    def any(self) -> bool:
        """Something is narrowed."""
        return bool(self.node or self.state or self.due or self.kind)


DUE = {"late": "Late", "2h": "Due in 2 hours", "today": "Due today", "later": "Due later"}


def _filters(request: HttpRequest) -> Filters:
    get = request.GET
    return Filters(
        node=get.get("node", "")[:40],
        state=get.get("state", "") if get.get("state", "") in _STATES else "",
        due=get.get("due", "") if get.get("due", "") in DUE else "",
        kind=get.get("kind", "") if get.get("kind", "") in FulfillmentOrderKind.values else "",
    )


def _due(key: str, moment: datetime) -> Q:
    midnight = timezone.localtime(moment).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    match key:
        case "late":
            return Q(due_at__lt=moment)
        case "2h":
            return Q(due_at__gte=moment, due_at__lt=moment + timedelta(hours=2))
        case "today":
            return Q(due_at__lt=midnight)
        case "later":
            return Q(due_at__gte=midnight) | Q(due_at__isnull=True)
        case _:
            return Q()


def scoped_work(principal: Principal) -> QuerySet[FulfillmentOrder]:
    """Work of the nodes in scope, for orders of the channels in scope."""
    return in_work_scope(FulfillmentOrder.objects.all(), principal)


def scoped_shipments(principal: Principal) -> QuerySet[Shipment]:
    """Parcels of the nodes in scope, for orders of the channels in scope."""
    return in_work_scope(Shipment.objects.all(), principal)


def scoped_manifests(principal: Principal) -> QuerySet[Manifest]:
    """Manifests of the nodes in scope. A driver takes the parcels of every channel: who sees some has no manifests."""
    return in_node_scope(Manifest.objects.all(), principal) if principal.all_channels else Manifest.objects.none()


def sections(principal: Principal, active: str) -> list[dict[str, Any]]:
    """The tabs over the fulfil screens, with what waits behind each."""
    problems = label_problems(scoped_shipments(principal)).count()
    manifests = scoped_manifests(principal).filter(state=ManifestState.OPEN).count()
    return [
        _tab(_("Work"), "fulfil", active == "work"),
        _tab(_("Waves"), "fulfil_waves", active == "waves"),
        *([_tab(_("Pack station"), "fulfil_pack", active == "pack")] if principal.may("fulfillment.work") else []),
        _tab(_("Label problems"), "fulfil_labels", active == "labels", problems, "bad"),
        _tab(_("Manifests"), "fulfil_manifests", active == "manifests", manifests),
        _tab(_("Invoices"), "fulfil_invoices", active == "invoices"),
        *_wms_tab(principal, active),
        *care_tabs(principal, active),
    ]


def _tab(label: str, name: str, active: bool, count: int = 0, tone: str = "") -> dict[str, Any]:
    """One tab; what waits behind it is counted where there is something."""
    return {"label": label, "url": reverse(f"dashboard:{name}"), "active": active, "count": count or "",
            "tone": tone if count else ""}  # fmt: skip


def _wms_tab(principal: Principal, active: str) -> list[dict[str, Any]]:
    """Work that WMS do, with the answers that are overdue; nothing where no node has one."""
    if not WmsLink.objects.exists():
        return []
    late = HandOff.objects.filter(fulfillment_order__in=scoped_work(principal), answer_by__lt=now()).count()
    return [_tab(_("Hand-offs"), "fulfil_hand_offs", active == "hand_offs", late, "bad")]


def care_tabs(principal: Principal, active: str) -> list[dict[str, Any]]:
    """Failed deliveries and the road, with what waits behind each; nothing for who sees no orders."""
    if not principal.may("orders.view"):
        return []
    shipments = scoped_shipments(principal)
    failures = needs_somebody(FailedDelivery.objects.filter(shipment__in=shipments)).count()
    troubles = open_troubles(RoadTrouble.objects.filter(shipment__in=shipments)).count()
    return [
        _tab(_("Failed deliveries"), "fulfil_ndr", active == "ndr", failures, "bad"),
        _tab(_("On the road"), "fulfil_road", active == "road", troubles, "warn"),
    ]


@require_safe
@requires("fulfillment.view")
def work_list(request: HttpRequest) -> HttpResponse:
    """Counts by node and state, then the work itself, late first. A page is found by the row before it."""
    principal = principal_of(request)
    chosen = _filters(request)
    moment = now()
    loads = load_by_node(scoped_work(principal))
    rows = scoped_work(principal).filter(state__in=[chosen.state] if chosen.state else [*AT_NODE, "scheduled"])
    rows = rows.filter(_due(chosen.due, moment))
    if chosen.node:
        rows = rows.filter(node__code=chosen.node)
    if chosen.kind:
        rows = rows.filter(kind=chosen.kind)
    page = list(
        by_urgency(_after(rows, request.GET.get("after", "")))
        .select_related("order", "node", "hand_off")
        .annotate(units=Sum("lines__quantity"), short=Sum("lines__short"))[: PAGE_ROWS + 1]
    )
    more = len(page) > PAGE_ROWS
    page = page[:PAGE_ROWS]
    context = {
        "tabs": sections(principal, "work"),
        "filters": chosen,
        "rows": [(row, TONES.get(row.state, "neutral")) for row in page],
        "loads": _cells(loads[:_NODES_SHOWN]),
        "more_loads": _cells(loads[_NODES_SHOWN:]),
        "states": _state_chips(loads, chosen),
        "due_choices": _due_chips(chosen),
        "node_choices": sorted((load.code, load.name) for load in loads),
        "columns": [(state.value, state.label) for state in _STATES if state != FulfillmentOrderState.SCHEDULED],
        "total": sum(load.total for load in loads),
        "late": sum(load.late for load in loads),
        "now": moment,
        "next_url": _next_url(chosen, page[-1]) if more else "",
        "is_first": "after" not in request.GET,
    }
    return render(request, "dashboard/fulfil/list.html", context)


def _after(rows: QuerySet[FulfillmentOrder], mark: str) -> QuerySet[FulfillmentOrder]:
    """Rows behind the one that `mark` names: "<due moment>_<id>", without a moment for work that has none."""
    text, _sep, pk = mark.rpartition("_")
    if not (pk.isascii() and pk.isdecimal() and len(pk) < 16):
        return rows
    due_at = parse_datetime(text) if text else None
    if due_at is None:
        return rows.filter(due_at__isnull=True, pk__gt=int(pk))
    return rows.filter(Q(due_at__gt=due_at) | Q(due_at=due_at, pk__gt=int(pk)) | Q(due_at__isnull=True))


def _next_url(chosen: Filters, last: FulfillmentOrder) -> str:
    mark = f"{last.due_at.isoformat() if last.due_at else ''}_{last.pk}"
    url = chosen.url()
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'after': mark})}"


def _cells(loads: list[NodeLoad]) -> list[tuple[NodeLoad, list[tuple[str, int]]]]:
    """Each node with its counts in the order of the columns."""
    columns = [state.value for state in _STATES if state != FulfillmentOrderState.SCHEDULED]
    return [(load, [(state, load.by_state.get(state, 0)) for state in columns]) for load in loads]


def _state_chips(loads: list[NodeLoad], chosen: Filters) -> list[dict[str, Any]]:
    shown = [load for load in loads if not chosen.node or load.code == chosen.node]
    return [
        {
            "label": state.label,
            "value": sum(load.by_state.get(state, 0) for load in shown),
            "url": chosen.url(state="" if chosen.state == state else state.value),
            "on": chosen.state == state,
        }
        for state in _STATES
        if state != FulfillmentOrderState.SCHEDULED
    ]


def _due_chips(chosen: Filters) -> list[dict[str, Any]]:
    return [
        {"label": label, "url": chosen.url(due="" if chosen.due == key else key), "on": chosen.due == key}
        for key, label in DUE.items()
    ]


@require_safe
@requires("fulfillment.view")
def find(request: HttpRequest) -> HttpResponse:
    """One box for the floor: an AWB prints its label, an order number narrows the list to its node's work."""
    principal = principal_of(request)
    text = request.GET.get("q", "").strip()[:80]
    shipment = scoped_shipments(principal).filter(awb=text).exclude(awb="").first() if text else None
    if shipment is not None:
        return HttpResponseRedirect(reverse("dashboard:fulfil_parcel", args=[shipment.pk]))
    work = called(scoped_work(principal), text).order_by("-pk").first()
    parcel = scoped_shipments(principal).filter(fulfillment_order=work).order_by("-pk").first() if work else None
    if parcel is not None:
        return HttpResponseRedirect(reverse("dashboard:fulfil_parcel", args=[parcel.pk]))
    context = {"tabs": sections(principal, ""), "text": text, "work": work}
    return render(request, "dashboard/fulfil/not_found.html", context, status=200 if work or not text else 404)
