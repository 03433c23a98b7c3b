"""Waves on the screen: the pool of a node, what is best picked together, and how far live waves are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from fulfillment.models import FulfillmentOrder, Wave, WaveOrder
from fulfillment.selectors.waves import (
    MOST_READY,
    PICKABLE,
    Progress,
    ReadyOrder,
    WaveWalk,
    left_in_waves,
    progress_of_waves,
    ready_pool,
    walk_of,
)
from fulfillment.services import SHORT_REASONS
from fulfillment.services.wave_plan import suggest, workload
from inventory.models import Node, Sku
from oms.accounts.access import VERBS, Principal, in_node_scope, principal_of, requires
from oms.accounts.models import User
from oms.core.clock import now
from oms.core.errors import NotFound
from oms.dashboard.fulfil.wave_pool import (
    Chosen,
    chosen_of,
    groups_of,
    load_in_words,
    most_wanted,
    tests_of,
    title_of,
)
from oms.dashboard.fulfil.work_views import TONES, sections
from orders.models import OrderServiceLevel
from routing.models import NodeLoad

#: Orders of the pool that the page lists; suggestions look at all that are ready.
PAGE_ROWS = 50
PAST_ROWS = 20
#: Live waves that one form is about.
MOST_CHOSEN = 200
WAVE_TONES = {"open": "info", "picking": "progress", "done": "good", "cancelled": "off"}


def scoped_waves(principal: Principal) -> QuerySet[Wave]:
    """Waves of the nodes in scope. A shelf has the goods of every channel: who sees some channels has no waves."""
    return in_node_scope(Wave.objects.all(), principal) if principal.all_channels else Wave.objects.none()


def wave_in_scope(principal: Principal, pk: int) -> Wave:
    """One wave. Raises NotFound outside of the scope."""
    found = scoped_waves(principal).select_related("node").filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no wave {pk}.")
    return found


def chosen_waves(request: HttpRequest) -> list[Wave]:
    """The live waves that a form has ticked, by number, within the scope."""
    texts = request.POST.getlist("ids")[:MOST_CHOSEN]
    ids = [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 16]
    found = scoped_waves(principal_of(request)).filter(pk__in=ids, state__in=Wave.LIVE)
    return list(found.select_related("node").order_by("pk"))


def nodes_with_work(principal: Principal) -> list[tuple[Node, int]]:
    """The nodes in scope that are on with their orders to pick, those with the most first."""
    if not principal.all_channels:
        return []
    rows = FulfillmentOrder.objects.filter(state__in=PICKABLE, with_wms=False).values_list("node").annotate(Count("pk"))
    counts: dict[int, int] = dict(rows.order_by())
    nodes = in_node_scope(Node.objects.filter(is_active=True), principal, "code")
    return sorted(((node, counts.get(node.pk, 0)) for node in nodes), key=lambda row: (-row[1], row[0].code))


def pickers_at(node: Node) -> list[str]:
    """Names of those who may pick at a node."""
    roles = [role for role, verbs in VERBS.items() if "fulfillment.work" in verbs]
    people = User.objects.filter(is_active=True, role__in=roles, all_channels=True)
    return sorted({one.get_full_name() for one in people if one.all_nodes or node.code in one.node_codes})


@require_safe
@requires("fulfillment.view")
def wave_list(request: HttpRequest) -> HttpResponse:
    """The ready pool of a node with its filters, suggested waves, the load until each cut-off, and live waves."""
    principal = principal_of(request)
    nodes = nodes_with_work(principal)
    chosen = chosen_of(request)
    node = _node_of(nodes, chosen)
    context: dict[str, Any] = {
        "tabs": sections(principal, "waves"), "nodes": nodes, "node": node, "chosen": chosen,
        "may_work": principal.may("fulfillment.work"), "sees_waves": principal.all_channels,
    }  # fmt: skip
    if node is not None:
        context |= _pool(node, chosen) | {"pickers": pickers_at(node)}
    elif chosen.node:
        context["unknown_node"] = chosen.node
    return render(request, "dashboard/fulfil/waves.html", context)


@require_safe
@requires("fulfillment.view")
def wave_live(request: HttpRequest) -> HttpResponse:
    """The live waves of a node, asked for again while the page is open; none where the node is not in scope."""
    principal = principal_of(request)
    chosen = chosen_of(request)
    node = _node_of(nodes_with_work(principal), chosen)
    waves = live_rows(node) if node is not None else []
    context = {"chosen": chosen, "waves": waves, "may_work": principal.may("fulfillment.work")}
    return render(request, "dashboard/fulfil/_waves_live.html", context)


def _node_of(nodes: list[tuple[Node, int]], chosen: Chosen) -> Node | None:
    """The node that stands in the address; without one the node with the most to pick."""
    return next((node for node, _count in nodes if not chosen.node or node.code == chosen.node), None)


def live_rows(node: Node) -> list[tuple[Wave, Progress | None, str]]:
    """The live waves of a node, the first due first, each with how far it is and its tone."""
    waves = list(Wave.objects.filter(node=node, state__in=Wave.LIVE).order_by("cutoff_at", "pk"))
    progress = progress_of_waves([wave.pk for wave in waves])
    return [(wave, progress.get(wave.pk), WAVE_TONES[wave.state]) for wave in waves]


def _pool(node: Node, chosen: Chosen) -> dict[str, Any]:
    moment = now()
    pool = ready_pool(node.pk)
    waves = live_rows(node)
    walking = {wave.picker for wave, _, _ in waves if wave.picker}
    chosen = replace(chosen, node=node.code, pickers=chosen.pickers or max(1, len(walking)))
    skus = {sku.pk: sku for sku in Sku.objects.filter(pk__in=most_wanted(pool, 200))}
    wanted = Sku.objects.filter(code=chosen.sku).values_list("pk", flat=True).first() if chosen.sku else None
    tests = tests_of(chosen, wanted, moment)
    shown = [order for order in pool if all(test(order) for test in tests.values())]
    left = left_in_waves(node.pk)
    loads = workload([*((order.due_at, order.units) for order in pool), *left], moment=moment, pickers=chosen.pickers,
                     an_hour=chosen.rate)  # fmt: skip
    given = NodeLoad.objects.filter(node=node, day=node.today()).values_list("orders", flat=True).first() or 0
    return {
        "chosen": chosen, "pool": pool, "shown": shown, "rows": _rows(shown[:PAGE_ROWS]),
        "more": max(0, len(shown) - PAGE_ROWS), "is_cut": len(pool) == MOST_READY,
        "groups": groups_of(pool, chosen, tests, skus, node, moment),
        "suggestions": [(item, title_of(item, node, moment)) for item in suggest(shown, totes=chosen.size)],
        "loads": [(load, load_in_words(load, chosen, node, moment)) for load in loads],
        "units": sum(order.units for order in pool), "in_waves": sum(units for _, units in left), "given": given,
        "waves": waves,
        "past": Wave.objects.filter(node=node).exclude(state__in=Wave.LIVE).order_by("-ended_at", "-pk")[:PAST_ROWS],
    }  # fmt: skip


def _rows(orders: list[ReadyOrder]) -> list[tuple[ReadyOrder, FulfillmentOrder, str, str]]:
    services = dict(OrderServiceLevel.choices)
    work = FulfillmentOrder.objects.in_bulk([order.work_id for order in orders])
    return [
        (order, work[order.work_id], str(services.get(order.service, order.service)),
         TONES.get(work[order.work_id].state, "neutral"))
        for order in orders if order.work_id in work
    ]  # fmt: skip


@require_safe
@requires("fulfillment.view")
def wave_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One wave: its orders with their totes, its path, and what may be done with it."""
    return show_wave(request, wave_in_scope(principal_of(request), pk))


def show_wave(request: HttpRequest, wave: Wave, problem: str = "", status: int = 200) -> HttpResponse:
    """The page of a wave, with what was refused."""
    principal = principal_of(request)
    walk = walk_of(wave)
    left = WaveOrder.objects.filter(wave=wave, left_at__isnull=False).select_related("fulfillment_order__order")
    context = {
        "wave": wave, "tone": WAVE_TONES[wave.state], "walk": walk, "problem": problem,
        "rows": [(entry, _units(entry), TONES.get(entry.fulfillment_order.state, "neutral")) for entry in walk.entries],
        "stops": [(stop, totes_text(walk, stop.row.sku.pk)) for stop in walk.stops],
        "left": left.order_by("place"), "progress": progress_of_waves([wave.pk]).get(wave.pk),
        "may_work": principal.may("fulfillment.work"), "pickers": pickers_at(wave.node),
        "reasons": [(key, why.label, why.effect) for key, why in SHORT_REASONS.items()],
    }  # fmt: skip
    return render(request, "dashboard/fulfil/wave.html", context, status=status)


def _units(entry: WaveOrder) -> tuple[int, int, int]:
    lines = entry.fulfillment_order.lines.all()
    return (sum(line.picked for line in lines), sum(line.quantity - line.short for line in lines),
            sum(line.to_pick for line in lines))  # fmt: skip


def totes_text(walk: WaveWalk, sku_id: int) -> str:
    """Which totes get how many of a SKU, by their place on the cart: `1, 3 ×2`."""
    if not walk.wave.has_totes:
        return ""
    puts = next((stop.puts for stop in walk.stops if stop.row.sku.pk == sku_id), [])
    return ", ".join(f"{put.entry.place}" + (f" ×{put.left}" if put.left > 1 else "") for put in puts if put.left)


def to_wave(pk: int) -> HttpResponseRedirect:
    """The page of a wave, after something was done to it."""
    return HttpResponseRedirect(reverse("dashboard:fulfil_wave", args=[pk]))
