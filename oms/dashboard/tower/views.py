"""The control tower: what will miss its promise next, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from oms.accounts.access import View, principal_of, requires
from oms.core.clock import now
from oms.core.errors import NotFound
from oms.core.posting import once_per_form
from oms.dashboard.orders.posting import is_fragment, with_toast
from oms.dashboard.orders.words import STAGE_TONES
from oms.dashboard.tower.acting import MOST_AT_ONCE, act_of, still_there, tell
from oms.dashboard.tower.kinds import KINDS
from oms.dashboard.tower.panels import Panel, answer_panel, render_panel
from oms.dashboard.tower.queue import ACT_VERBS, build_queue, trouble_url
from oms.dashboard.tower.sentences import orders_query, sentence_of
from oms.dashboard.tower.tiles import tile_of
from oms.reporting.flow_rates import flow_stages
from oms.reporting.kpis import in_tile_order, tower_kpis
from oms.reporting.node_load import NodeLoadNow, nodes_now
from oms.reporting.scope import Scope
from oms.reporting.system_health import (
    CAPTURE_TARGET,
    OUTBOX_TARGET,
    ROUTING_TARGET,
    STOCK_TARGET,
    last_stock_check,
    system_health,
)
from oms.reporting.troubles import TroubleGroup, trouble_groups, trouble_members
from orders.models import OrderStage

#: Orders listed in the drawer of a group.
MEMBER_ROWS = 50
#: Where each stage of the flow is listed.
_STAGE_QUERIES = {"delivered": "status:delivered"}


def _nodes(request: HttpRequest) -> list[NodeLoadNow]:
    """Read once for all parts of one page."""
    cached = getattr(request, "tower_nodes", None)
    if cached is None:
        cached = nodes_now(Scope.of(principal_of(request)))
        request.tower_nodes = cached  # type: ignore[attr-defined]
    return list(cached)


def _kpi_context(request: HttpRequest) -> dict[str, Any]:
    at, principal = now(), principal_of(request)
    kpis = in_tile_order(tower_kpis(Scope.of(principal), moment=at))
    tiles = {key: tile_of(kpi, at, principal) for key, kpi in kpis.items()}
    return {
        "own": tiles["on_time_own"], "on_time": [tiles["on_time_own"], tiles["on_time_marketplace"]],
        "touchless": tiles["touchless"],
        "tiles": [tiles[key] for key in ("cancelled", "filled", "split", "cost", "returns")],
    }  # fmt: skip


def _queue_context(request: HttpRequest) -> dict[str, Any]:
    principal = principal_of(request)
    nodes = _nodes(request)
    queue = build_queue(principal, nodes)
    calm: dict[str, Any] = {}
    if not queue.rows:
        next_node = min((node for node in nodes if node.is_active and node.cutoff_at), default=None,
                        key=lambda node: node.cutoff_at or now())  # fmt: skip
        calm = {"flowing": sum(node.waiting for node in nodes), "next_node": next_node}
    return {"queue": queue, **calm}


def _flow_context(request: HttpRequest) -> dict[str, Any]:
    stages = flow_stages(Scope.of(principal_of(request)))
    base = reverse("dashboard:orders")
    return {
        "stages": [
            {
                "label": stage.label, "count": stage.count, "in_rate": stage.in_rate, "out_rate": stage.out_rate,
                "marked": stage.filling, "oldest_at": stage.oldest_at, "key": stage.key,
                "url": f"{base}?{urlencode({'q': _STAGE_QUERIES.get(stage.key, f'status:{stage.key}')})}",
            }
            for stage in stages
        ]
    }  # fmt: skip


def _capacity_context(request: HttpRequest) -> dict[str, Any]:
    nodes = _nodes(request)
    busy_first = sorted(nodes, key=lambda node: (-(node.waiting + node.scheduled), -node.percent, node.code))
    return {"nodes": busy_first, "may_switch": principal_of(request).may("nodes.switch")}


def _system_context(request: HttpRequest) -> dict[str, Any]:
    health = system_health()
    principal = principal_of(request)
    at = now()
    oldest = min(filter(None, (health.outbox_oldest_at, health.steps_oldest_at)), default=None)
    waited = (at - oldest).total_seconds() if oldest else 0.0
    return {
        "health": health,
        "check": last_stock_check(),
        "waited": waited,
        "lags": [
            ("Capture lag p95", health.capture_p95, CAPTURE_TARGET, "Placed at the channel until captured here"),
            ("Stock push lag p95", health.stock_p95, STOCK_TARGET, "Stock changed until the channel was told"),
            ("Routing p95", health.routing_p95, ROUTING_TARGET, "Time to decide one order"),
        ],
        "outbox_tone": "bad" if waited > OUTBOX_TARGET else "good",
        "may_replay": principal.may("deliveries.replay") and principal.sees_everything,
    }


def _panels() -> dict[str, Panel]:
    def panel(name: str, seconds: int, context: Any) -> Panel:
        url = reverse("dashboard:tower_panel", args=[name])
        return Panel(f"tower-{name}", url, seconds, f"dashboard/tower/_{name}.html", context)

    return {
        "kpis": panel("kpis", 60, _kpi_context),
        "queue": panel("queue", 10, _queue_context),
        "flow": panel("flow", 10, _flow_context),
        "capacity": panel("capacity", 10, _capacity_context),
        "system": panel("system", 10, _system_context),
    }


def _store_people_to_their_tasks(view: Callable[[HttpRequest], HttpResponseBase]) -> View:
    """The tower is the first page of the site: people of the shop floor, who may not see it, mean their tasks."""

    @wraps(view)
    def sent(request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            principal = principal_of(request)
            if principal.may("store.use") and not principal.may("tower.view"):
                return HttpResponseRedirect(reverse("store:tasks"))
        return view(request)

    return sent


@_store_people_to_their_tasks
@require_GET
@requires("tower.view")
def tower(request: HttpRequest) -> HttpResponse:
    """The whole tower: measures, queue, flow, nodes, machine."""
    parts = {name: render_panel(request, panel) for name, panel in _panels().items()}
    return render(request, "dashboard/tower/tower.html", {"parts": parts})


@require_GET
@requires("tower.view")
def panel(request: HttpRequest, name: str) -> HttpResponse:
    """One part of it, again."""
    found = _panels().get(name)
    if found is None:
        raise NotFound(f"The tower has no part {name}.")
    return answer_panel(request, found)


def _group(request: HttpRequest, kind: str, cause: str) -> TroubleGroup | None:
    scope = Scope.of(principal_of(request))
    return next((group for group in trouble_groups(scope) if (group.kind, group.cause) == (kind, cause)), None)


@require_GET
@requires("tower.view")
def trouble(request: HttpRequest, kind: str) -> HttpResponse:
    """The orders of one group, with what is usually done about them. A drawer, or a page of its own."""
    principal = principal_of(request)
    cause = request.GET.get("cause", "")
    if kind not in KINDS:
        raise NotFound(f"There is no trouble {kind}.")
    group = _group(request, kind, cause)
    members = trouble_members(Scope.of(principal), kind=kind, cause=cause, limit=MEMBER_ROWS) if group else []
    known = KINDS[kind]
    query = orders_query(kind, cause)
    may_act = bool(group and known.action) and principal.may(ACT_VERBS.get(known.action, ""))
    context = {
        "kind": known, "group": group, "sentence": sentence_of(group) if group else "Nothing is left here",
        "members": [(member, OrderStage(member.stage).label, STAGE_TONES[member.stage]) for member in members],
        "act_url": trouble_url("tower_act", kind, cause) if may_act else "",
        "orders_url": f"{reverse('dashboard:orders')}?{urlencode({'q': query})}" if query else "",
        "page_url": request.get_full_path(), "more": group.orders - len(members) if group else 0,
    }  # fmt: skip
    template = "_trouble_drawer.html" if is_fragment(request) else "trouble.html"
    return render(request, f"dashboard/tower/{template}", context)


@require_GET
@requires("tower.view")
def kind(request: HttpRequest, kind: str) -> HttpResponse:
    """Every cause of one kind of trouble."""
    if kind not in KINDS:
        raise NotFound(f"There is no trouble {kind}.")
    groups = [group for group in trouble_groups(Scope.of(principal_of(request))) if group.kind == kind]
    groups.sort(key=lambda group: (-group.orders, group.cause))
    rows = [(group, sentence_of(group), trouble_url("tower_trouble", kind, group.cause)) for group in groups[:500]]
    return render(request, "dashboard/tower/kind.html", {"kind": KINDS[kind], "rows": rows, "total": len(groups)})


@require_http_methods(["GET", "POST"])
@requires("tower.view")
def act(request: HttpRequest, kind: str) -> HttpResponse:
    """The suggested action of a group: first what it will do, then the doing of exactly that."""
    principal = principal_of(request)
    action = act_of(kind, principal)
    cause = request.GET.get("cause", "")
    url = trouble_url("tower_act", kind, cause)
    preview = action.preview(principal, kind, cause)
    if request.method == "GET" or not request.POST.get("confirmed"):
        template = "_act.html" if is_fragment(request) else "act.html"
        return render(request, f"dashboard/tower/{template}", {"preview": preview, "url": url, "kind": KINDS[kind]})
    shown = [int(text) for text in request.POST.get("ids", "").split(",") if text.isdecimal() and len(text) < 19]
    agreed = shown[:MOST_AT_ONCE]
    text = tell(once_per_form(request, lambda: action.run(principal, still_there(preview.ids, agreed))))
    if is_fragment(request):
        return with_toast(answer_panel(request, _panels()["queue"]), text)
    messages.success(request, text)
    return HttpResponseRedirect(reverse("dashboard:tower"))
