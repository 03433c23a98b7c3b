"""What there is to do in this store now, by clock; choosing the store; taking or refusing new work."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from fulfillment.models import FulfillmentOrder, FulfillmentOrderKind, FulfillmentOrderState, Shipment
from fulfillment.selectors import TO_PICK, count_by_stage, units_of, work_at
from fulfillment.selectors.arrivals import awaited_at
from fulfillment.selectors.handing_over import carriers_waiting, pickups_waiting
from fulfillment.selectors.picking import PutBack, put_backs
from fulfillment.selectors.pickups import unstaged, visits_at, waiting_parcels
from fulfillment.selectors.waves import not_in_waves, progress_of_waves, waves_for
from fulfillment.services import accept, reject
from inventory.models import Node, TransferState
from inventory.selectors.counts import open_counts, progress_of
from oms.accounts.access import Principal, principal_of, requires
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.posting import once_per_form
from oms.store.facts import walk_version
from oms.store.gate import (
    NODE_KEY,
    chosen_node,
    is_fragment,
    nodes_of,
    show,
    store_page,
    store_write,
    work_here,
)
from oms.store.overtaken import cards_of
from oms.store.receiving import orders_due
from oms.store.transfers import transfers_to_pick, transfers_to_receive
from orders.services import TimelineEntry, record

State = FulfillmentOrderState
#: Orders that one person picks in one walk.
WALK_ORDERS = 8
#: Counts that stand in the list.
COUNT_CARDS = 5
#: Why a store gives work back; the words go into the order's history.
REJECT_REASONS = (
    ("Not in stock", "zoom-question", "The shelf is empty"),
    ("Damaged", "alert-triangle", "What is here cannot be sold"),
    ("Too busy today", "clock-exclamation", "It cannot be done before the driver comes"),
    ("Store is closed", "building-store", "Nobody is here to do it"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One card of the list."""

    title: str
    note: str
    icon: str
    url: str
    action: str
    due_at: datetime | None = None
    tone: str = "info"
    #: Of the walk behind it: a phone that keeps this very one need not fetch it.
    version: str = ""


@store_page
def tasks(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Cards by clock, the first due first. Polled; 204 while nothing changed."""
    stages = count_by_stage([node.pk])
    cards = _cards(node, principal_of(request))
    version = "-".join(f"{card.url}{card.note}{card.title}" for card in cards)
    visits = visits_at(node.pk) if node.curbside_bays else []
    version += "".join(f"{item.visit.pk}{item.visit.here_at}{item.visit.bay}{item.visit.met_at}" for item in visits)
    version = f"{len(cards)}.{hashlib.sha256(version.encode()).hexdigest()[:16]}"
    if is_fragment(request):
        if request.headers.get("X-Fragment-Version") == version:
            return HttpResponse(status=204)
        return show(request, node, "_tasks", cards=cards, version=version, visits=visits)
    return show(request, node, "tasks", "tasks", cards=cards, version=version, stages=stages, cutoff_at=_cutoff(node),
                overtaken=cards_of(request, node), visits=visits)  # fmt: skip


def _cutoff(node: Node) -> datetime | None:
    """Today's moment by which work leaves the same day; None once it is over, and while it is far away."""
    local = now().astimezone(ZoneInfo(node.time_zone))
    moment = local.replace(hour=node.cutoff_at.hour, minute=node.cutoff_at.minute, second=0, microsecond=0)
    soon = local < moment < local + timedelta(hours=12)
    return moment if soon and local.isoweekday() in node.working_days else None


def _cards(node: Node, principal: Principal) -> list[Task]:
    far = now() + timedelta(days=3650)
    cards = [*_accept_cards(node), *_pick_cards(node), *_pack_cards(node), *_leaving_cards(node), *_count_cards(node)]
    cards += _wave_cards(node, principal.name)
    cards.sort(key=lambda card: card.due_at or far)
    return [*_put_back_cards(node), *cards, *_transfer_cards(node, principal), *_goods_cards(node, principal)]


def _goods_cards(node: Node, principal: Principal) -> list[Task]:
    """What suppliers bring: late, within a week, or at the door already."""
    if not principal.may("inventory.receive"):
        return []
    today = timezone.localdate()
    return [
        Task(title=_("Receive %(number)s") % {"number": order.number}, icon="package-import",
             note=_("%(supplier)s, %(day)s") % {"supplier": order.supplier.name,
                                                "day": date_format(order.expected_on, "j M") if order.expected_on
                                                else _("no date")},
             url=reverse("store:goods", args=[order.pk]), action=_("Count"),
             tone="warn" if order.expected_on and order.expected_on < today else "info")
        for order in orders_due(node)
    ]  # fmt: skip


def _transfer_cards(node: Node, principal: Principal) -> list[Task]:
    """Goods for and from other nodes; orders of customers come before them."""
    cards = []
    for item in transfers_to_pick(node, may_send=principal.may("inventory.move")):
        row = item.transfer
        title = _("Send transfer %(number)s") if row.state == TransferState.PICKED else _("Pick transfer %(number)s")
        note = _("%(n)d items for %(node)s") % {"n": item.units, "node": row.to_node.name}
        cards.append(Task(title=title % {"number": row.number}, note=note, icon="arrows-exchange", action=_("Start"),
                          url=reverse("store:transfer_pick", args=[row.pk])))  # fmt: skip
    for item in transfers_to_receive(node) if principal.may("inventory.receive") else []:
        row = item.transfer
        note = _("%(n)d items from %(node)s") % {"n": item.units, "node": row.from_node.name}
        cards.append(Task(title=_("Receive transfer %(number)s") % {"number": row.number}, note=note,
                          icon="package-import", action=_("Start"),
                          url=reverse("store:transfer_receive", args=[row.pk])))  # fmt: skip
    return cards


def _count_cards(node: Node) -> list[Task]:
    """Counts that go on here; one with a day is due at the end of it."""
    found = list(open_counts(node.pk)[:COUNT_CARDS])
    progress, zone = progress_of(found), ZoneInfo(node.time_zone)
    cards = []
    for item in found:
        done, wanted = progress[item.pk].counted, progress[item.pk].items
        note = _("%(done)d of %(all)d SKUs found") % {"done": done, "all": wanted} if wanted else _("All that is there")
        due_at = datetime.combine(item.due_on, node.closes_at, zone) if item.due_on else None
        cards.append(Task(title=_("Count %(name)s") % {"name": item.name or item.number}, icon="clipboard-list",
                          note=note, url=reverse("store:count", args=[item.uid]), action=_("Count"),
                          due_at=due_at))  # fmt: skip
    return cards


def _put_back_cards(node: Node) -> list[Task]:
    found = put_backs(node.pk)
    if not found:
        return []
    units = sum(item.units for item in found)
    title = ngettext("Put back %(n)d item", "Put back %(n)d items", units) % {"n": units}
    note = ngettext("%(n)d order was cancelled", "%(n)d orders were cancelled", len(found)) % {"n": len(found)}
    return [Task(title=title, note=note, icon="arrow-back-up", url=reverse("store:put_back"), action=_("Show"),
                 tone="warn")]  # fmt: skip


def _accept_cards(node: Node) -> list[Task]:
    work = work_at(node.pk, [State.OPEN], limit=200)
    if not work:
        return []
    return [
        Task(title=ngettext("Accept %(n)d order", "Accept %(n)d orders", len(work)) % {"n": len(work)},
             note=_items(work), icon="bell", url=reverse("store:accept"), action=_("Look"), due_at=work[0].due_at,
             tone="bad" if _is_late(work[0]) else "warn")
    ]  # fmt: skip


def _wave_cards(node: Node, name: str) -> list[Task]:
    """Waves that one has, and those that nobody has."""
    found = waves_for(node.pk, name)
    progress = progress_of_waves([wave.pk for wave in found])
    cards = []
    for wave in found:
        done = progress.get(wave.pk)
        if done is None or not done.orders:
            continue
        title = ngettext("Pick wave %(wave)s: %(n)d order", "Pick wave %(wave)s: %(n)d orders", done.orders)
        note = ngettext("%(n)d item left", "%(n)d items left", done.left) % {"n": done.left}
        tone = "bad" if wave.cutoff_at is not None and wave.cutoff_at < now() else "info"
        cards.append(Task(title=title % {"wave": wave.number, "n": done.orders}, note=note, icon="basket",
                          url=reverse("store:wave", args=[wave.pk]), due_at=wave.cutoff_at,
                          action=_("Go on") if wave.started_at else _("Start"), tone=tone))  # fmt: skip
    return cards


def _pick_cards(node: Node) -> list[Task]:
    cards = []
    titles = {
        FulfillmentOrderKind.PICKUP: ("Pick %(n)d pickup order", "Pick %(n)d pickup orders", "building-store"),
        FulfillmentOrderKind.SHIP: ("Pick %(n)d order", "Pick %(n)d orders", "basket"),
        FulfillmentOrderKind.TRANSFER: (
            "Pick %(n)d order for a store",
            "Pick %(n)d orders for stores",
            "building-store",
        ),
    }
    for kind, (one, many, icon) in titles.items():
        work = not_in_waves(work_at(node.pk, TO_PICK, kind=kind, limit=200))
        for start in range(0, min(len(work), 3 * WALK_ORDERS), WALK_ORDERS):
            some = work[start : start + WALK_ORDERS]
            started = any(item.state == State.PICKING for item in some)
            cards.append(
                Task(title=ngettext(one, many, len(some)) % {"n": len(some)}, note=_items(some), icon=icon,
                     url=walk_url(some), action=_("Go on") if started else _("Start"), due_at=some[0].due_at,
                     version=walk_version(some), tone="bad" if _is_late(some[0]) else "info")
            )  # fmt: skip
    return cards


def _pack_cards(node: Node) -> list[Task]:
    work = work_at(node.pk, [State.PICKED], limit=200)
    if not work:
        return []
    return [
        Task(title=ngettext("Pack %(n)d order", "Pack %(n)d orders", len(work)) % {"n": len(work)}, note=_items(work),
             icon="package", url=reverse("store:pack", args=[work[0].pk]), action=_("Pack"), due_at=work[0].due_at,
             tone="bad" if _is_late(work[0]) else "info")
    ]  # fmt: skip


def _leaving_cards(node: Node) -> list[Task]:
    cards = [
        Task(title=ngettext("Hand over %(n)d parcel", "Hand over %(n)d parcels", row.parcels) % {"n": row.parcels},
             note=row.account.name, icon="truck-loading", url=reverse("store:handover"), action=_("Open"),
             due_at=row.due_at)
        for row in carriers_waiting(node.pk) if row.parcels
    ]  # fmt: skip
    coming = awaited_at(node.pk)
    if coming:
        title = ngettext("%(n)d parcel comes for pickup", "%(n)d parcels come for pickup", len(coming))
        late = any(item.is_late for item in coming)
        cards.append(Task(title=title % {"n": len(coming)}, note=_("Scan what came"), icon="package-import",
                          url=reverse("store:arrivals"), action=_("Receive"), due_at=coming[0].work.due_at,
                          tone="warn" if late else "info"))  # fmt: skip
    to_stage = unstaged(waiting_parcels(Shipment.objects.filter(node=node))).count() if node.stages_pickups else 0
    if to_stage:
        title = ngettext("Put %(n)d parcel on a shelf", "Put %(n)d parcels on shelves", to_stage) % {"n": to_stage}
        cards.append(Task(title=title, note=_("Its customer is told then"), icon="stack-2", action=_("Show"),
                          url=reverse("store:handover") + "#pickups", tone="warn"))  # fmt: skip
    waiting = pickups_waiting(node.pk)
    if waiting:
        title = ngettext("%(n)d order waits for its customer", "%(n)d orders wait for customers", len(waiting))
        cards.append(Task(title=title % {"n": len(waiting)}, note=_("Ready to collect"), icon="user-check",
                          url=reverse("store:handover") + "#pickups", action=_("Show"), tone="good"))  # fmt: skip
    return cards


def _items(work: list[FulfillmentOrder]) -> str:
    units = sum(units_of(item.lines.all()) for item in work)
    return ngettext("%(n)d item", "%(n)d items", units) % {"n": units}


def _is_late(item: FulfillmentOrder) -> bool:
    return item.due_at is not None and item.due_at < now()


def walk_url(work: list[FulfillmentOrder]) -> str:
    """The picking walk over exactly this work."""
    return f"{reverse('store:pick')}?work={','.join(str(item.pk) for item in work)}"


# -- which store -------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@requires("store.use")
def choose_node(request: HttpRequest) -> HttpResponseBase:
    """Which store this person works in now. Stores out of scope do not exist."""
    nodes = list(nodes_of(request)[:200])
    if request.method == "POST":
        chosen = next((node for node in nodes if node.code == request.POST.get("node")), None)
        if chosen is None:
            raise NotFound("There is no such store.")
        request.session[NODE_KEY] = chosen.code
        return HttpResponseRedirect(_next(request))
    node = chosen_node(request)
    busy = _busy(nodes)
    rows = sorted(((busy.get(item.pk, 0), item) for item in nodes), key=lambda row: -row[0])
    return show(request, node or Node(name=_("Choose a store")), "node", rows=rows, chosen=node)


def _busy(nodes: list[Node]) -> dict[int, int]:
    rows = FulfillmentOrder.objects.filter(
        node__in=nodes, state__in=(State.OPEN, *TO_PICK, State.PICKED), with_wms=False
    )
    return dict(rows.values_list("node").annotate(Count("pk")))


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}) else reverse("store:tasks")


# -- new work ----------------------------------------------------------------------------------------------------------


@store_page
def accept_list(request: HttpRequest, node: Node) -> HttpResponseBase:
    """New work, each with its items, to take or to refuse."""
    work = work_at(node.pk, [State.OPEN], limit=40)
    return show(request, node, "accept", work=work, ids=",".join(str(item.pk) for item in work))


@store_write
def accept_work(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Take some work, and go on to picking it. Taking it twice changes nothing."""
    work = [work_here(node, pk) for pk in ids_of(request.POST.get("work", ""))]
    actor = principal_of(request).name
    once_per_form(request, lambda: {"taken": accept(fulfillment_order_ids=[item.pk for item in work], actor=actor)})
    if request.POST.get("then") == "stay" and work_at(node.pk, [State.OPEN], limit=1):
        messages.success(request, _("%(number)s is yours to pick.") % {"number": work[0].order.number})
        return HttpResponseRedirect(reverse("store:accept"))
    return HttpResponseRedirect(walk_url(work[:WALK_ORDERS]))


def ids_of(text: str) -> list[int]:
    """The ids in a comma-separated text. Raises NotFound for anything else, so that nothing is guessed."""
    parts = [part for part in text.split(",") if part]
    if not parts or len(parts) > 200 or not all(part.isdecimal() and len(part) < 16 for part in parts):
        raise NotFound("There is no such work.")
    return list(dict.fromkeys(int(part) for part in parts))


@store_page
def reject_form(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Why the store gives this work back, and what follows."""
    return show(request, node, "reject", work=work_here(node, pk), reasons=REJECT_REASONS)


@store_write
def reject_work(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """Give work back: its units go to another node and this store is not asked again for the order."""
    work = work_here(node, pk)
    reason = request.POST.get("reason", "").strip()[:120]
    actor = principal_of(request).name

    def give_back() -> dict[str, str]:
        reject(fulfillment_order_id=work.pk, reason=reason, actor=actor)
        return {"number": work.order.number}

    try:
        once_per_form(request, give_back, one_action=True)
    except DomainError as error:
        work = work_here(node, pk)
        return show(request, node, "reject", status=error.http_status, work=work, reasons=REJECT_REASONS,
                    problem=error.message)  # fmt: skip
    messages.success(request, _("%(number)s goes to another node.") % {"number": work.order.number})
    return HttpResponseRedirect(reverse("store:accept" if work.state == State.OPEN else "store:tasks"))


# -- cancelled meanwhile -----------------------------------------------------------------------------------------------


@store_page
def put_back_list(request: HttpRequest, node: Node) -> HttpResponseBase:
    """Goods in somebody's hands whose orders ended."""
    return show(request, node, "put_back", backs=put_backs(node.pk))


@store_write
def put_back_done(request: HttpRequest, node: Node, pk: int) -> HttpResponseBase:
    """The goods lie in their bins again: kept in the order's history."""
    work = work_here(node, pk)
    open_backs = {item.work.pk: item for item in put_backs(node.pk, work_ids=[pk])}
    actor = principal_of(request).name

    def note() -> dict[str, int]:
        back: PutBack | None = open_backs.get(pk)
        if back is not None:
            message = f"{back.units} items of {work.number} put back on the shelf at {node.code}."
            record([TimelineEntry(order_id=work.order_id, kind="put_back", message=message, actor=actor,
                                  data={"fulfillment_order": work.number})])  # fmt: skip
        return {"units": back.units if back else 0}

    once_per_form(request, note)
    messages.success(request, _("%(number)s: put back.") % {"number": work.order.number})
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return HttpResponseRedirect(wanted if safe else reverse("store:put_back"))
