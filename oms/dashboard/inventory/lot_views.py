"""Lots: what expires soon, what may not be sold, one lot with where it lies and who got it, blocking and recall."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fulfillment.models import FulfillmentOrder, PickedUnit, Shipment
from fulfillment.selectors.held import ids_of_held
from fulfillment.selectors.recall import parcels_with, totes_with
from inventory.models import Lot, LotLevel, Node, Sku, Tracking
from inventory.selectors.lots import levels_of_lots, lots_in_stock, promised_unsold, story_of_lot, unsold_lots
from inventory.services import block_lot, correct_lot, unblock_lot, why_not_sold
from oms.accounts.access import Principal, in_node_scope, in_order_scope, in_work_scope, principal_of, requires
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.models import Transition
from oms.core.posting import once_per_form
from oms.dashboard.inventory.grid_views import csv_response
from oms.dashboard.inventory.level_views import BUCKET_WORDS, REASON_WORDS
from orders.models import Order

PAGE_ROWS = 50
#: Parcels that the page of a lot names; the CSV names all.
PARCELS_SHOWN = 100
#: Days ahead that the warning list looks, unless somebody asks for others.
WARN_DAYS = 30
_SHOWN = ("expiring", "unsold", "all")


@dataclass(frozen=True, slots=True)
class LotRow:
    """A lot with where it lies, in the nodes that this person sees."""

    lot: Lot
    levels: Sequence[LotLevel]
    why: str
    days_left: int | None

    @property
    def on_hand(self) -> int:
        """Units on the shelves."""
        return sum(level.on_hand for level in self.levels)

    @property
    def quarantine(self) -> int:
        """Units put aside."""
        return sum(level.quarantine for level in self.levels)


@dataclass(frozen=True, slots=True)
class _Asked:
    show: str
    days: int
    node: str

    @property
    def query(self) -> dict[str, str | int]:
        query: dict[str, str | int] = {"show": self.show, "days": self.days}
        return query | ({"node": self.node} if self.node else {})


def _asked(request: HttpRequest) -> _Asked:
    show, days = request.GET.get("show", "expiring"), request.GET.get("days", "")
    return _Asked(
        show if show in _SHOWN else "expiring",
        min(int(days), 3650) if days.isascii() and days.isdecimal() and len(days) < 6 else WARN_DAYS,
        request.GET.get("node", "")[:40],
    )


def _nodes(principal: Principal, code: str = "") -> QuerySet[Node]:
    nodes = in_node_scope(Node.objects.order_by("code"), principal, "code")
    return nodes.filter(code=code) if code else nodes


def _lots(principal: Principal, asked: _Asked) -> QuerySet[Lot]:
    """The lots that are asked for, the first to expire first."""
    node_ids = list(_nodes(principal, asked.node).values_list("pk", flat=True))
    rows = lots_in_stock(Lot.objects.all(), node_ids)
    day = timezone.localdate()
    if asked.show == "expiring":
        return rows.filter(expires_on__lte=day + timedelta(days=asked.days), is_blocked=False)
    if asked.show == "unsold":
        still_here = {row.lot_id for row in unsold_lots(now(), node_ids=node_ids)}
        return rows.filter(Q(is_blocked=True) | Q(expires_on__lt=day) | Q(pk__in=still_here))
    return rows


def _rows(lots: Sequence[Lot], node_ids: Sequence[int]) -> list[LotRow]:
    levels = levels_of_lots(lots, node_ids)
    day = timezone.localdate()
    return [
        LotRow(lot, levels[lot.pk], why_not_sold(lot, lot.sku, day),
               (lot.expires_on - day).days if lot.expires_on else None)
        for lot in lots
    ]  # fmt: skip


def _after(rows: QuerySet[Lot], mark: str) -> QuerySet[Lot]:
    """Lots behind the one that `mark` names: "<day>_<id>", without a day for lots that never expire."""
    text, _sep, pk = mark.rpartition("_")
    if not (pk.isascii() and pk.isdecimal() and len(pk) < 16):
        return rows
    try:
        day = parse_date(text) if text else None
    except ValueError:
        return rows
    if day is None:
        return rows.filter(expires_on__isnull=True, pk__gt=int(pk))
    later = Q(expires_on__gt=day) | Q(expires_on=day, pk__gt=int(pk)) | Q(expires_on__isnull=True)
    return rows.filter(later)


def _held(principal: Principal, node_ids: Sequence[int]) -> list[Shipment]:
    """Packed parcels, of those that this person sees, that hold units which may not be sold."""
    if not principal.may("fulfillment.view"):
        return []
    rows = in_work_scope(Shipment.objects.filter(pk__in=ids_of_held(node_ids)), principal)
    return list(rows.select_related("order").order_by("pk"))


@require_safe
@requires("inventory.view")
def lots(request: HttpRequest) -> HttpResponse:
    """What expires within some days, what may not be sold any more, or every lot in stock."""
    principal, asked = principal_of(request), _asked(request)
    mark = request.GET.get("after", "")
    page = list(_after(_lots(principal, asked), mark)[: PAGE_ROWS + 1])
    more, page = len(page) > PAGE_ROWS, page[:PAGE_ROWS]
    nodes = list(_nodes(principal))
    node_ids = [node.pk for node in nodes if not asked.node or node.code == asked.node]
    words = (("expiring", _("Expiring soon")), ("unsold", _("May not be sold")), ("all", _("In stock")))
    last = f"{page[-1].expires_on or ''}_{page[-1].pk}" if more else ""
    context = {
        "rows": _rows(page, node_ids), "asked": asked, "nodes": [(node.code, node.name) for node in nodes],
        "is_first": not mark,
        "tabs": [{"label": label, "url": f"?{urlencode(asked.query | {'show': key})}", "active": key == asked.show}
                 for key, label in words],
        "promised": promised_unsold(now(), node_ids=node_ids) if asked.show == "unsold" else [],
        "held": _held(principal, node_ids) if asked.show == "unsold" else [],
        "next_url": f"?{urlencode(asked.query | {'after': last})}" if more else "",
        "first_url": f"?{urlencode(asked.query)}" if mark else "",
        "export_url": f"{reverse('dashboard:lots_export')}?{urlencode(asked.query)}",
        "may_export": principal.may("inventory.export"),
    }  # fmt: skip
    return render(request, "dashboard/inventory/lots/list.html", context)


@require_safe
@requires("inventory.export")
def lots_export(request: HttpRequest) -> HttpResponseBase:
    """The list as CSV, a line for each node."""
    principal, asked = principal_of(request), _asked(request)
    found = list(_lots(principal, asked))
    node_ids = list(_nodes(principal, asked.node).values_list("pk", flat=True))

    def lines() -> Iterator[list[str | int]]:
        yield ["SKU", "Lot", "Expires on", "Days left", "May not be sold", "Node", "On hand", "Packed", "Damaged",
               "Quarantine"]  # fmt: skip
        for row in _rows(found, node_ids):
            for level in row.levels:
                yield [row.lot.sku.code, row.lot.code, str(row.lot.expires_on or ""),
                       row.days_left if row.days_left is not None else "", row.why, level.node.code, level.on_hand,
                       level.packed, level.damaged, level.quarantine]  # fmt: skip

    return csv_response(lines(), f"lots-{asked.show}")


# -- one lot -----------------------------------------------------------------------------------------------------------


def _lot(pk: int) -> Lot:
    found = Lot.objects.select_related("sku").filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no lot {pk}.")
    return found


def _parcels(principal: Principal, lot: Lot) -> QuerySet[PickedUnit]:
    return parcels_with(in_order_scope(Shipment.objects.all(), principal, "order"), lot_id=lot.pk)


def _totes(principal: Principal, lot: Lot) -> QuerySet[PickedUnit]:
    """What is picked and in no parcel yet, of the work that this person sees."""
    work = in_work_scope(FulfillmentOrder.objects.all(), principal)
    nodes = _nodes(principal).order_by().values_list("pk", flat=True)
    return totes_with(list(nodes), lot_id=lot.pk).filter(line__fulfillment_order__in=work)


@dataclass(frozen=True, slots=True)
class _Got:
    """Who got units of a lot: the last rows, and how many rows and units there are in all."""

    shown: Sequence[PickedUnit] = ()
    rows: int = 0
    units: int = 0


def _got(rows: QuerySet[PickedUnit]) -> _Got:
    sums = rows.aggregate(rows=Count("pk"), units=Sum("quantity"))
    return _Got(list(rows[:PARCELS_SHOWN]), sums["rows"], sums["units"] or 0)


@require_safe
@requires("inventory.view")
def lot(request: HttpRequest, pk: int) -> HttpResponse:
    """Where a lot lies, what happened to it, and which orders got it."""
    principal, found = principal_of(request), _lot(pk)
    node_ids = list(_nodes(principal).values_list("pk", flat=True))
    [row] = _rows([found], node_ids)
    may_see = principal.may("orders.view")
    parcels = _got(_parcels(principal, found)) if may_see else _Got()
    totes = _got(_totes(principal, found)) if may_see else _Got()
    context = {
        "row": row, "lot": found, "sku": found.sku, "parcels": parcels.shown,
        "sent": parcels.units, "totes": totes.shown, "picked": totes.units, "got": parcels.rows + totes.rows,
        "got_shown": len(parcels.shown) + len(totes.shown),
        "promised": [item for item in promised_unsold(now(), node_ids=node_ids) if item.lot_id == found.pk],
        "codes": dict(_nodes(principal).values_list("pk", "code")),
        "story": [{"row": item, "reason": REASON_WORDS.get(item.reason, item.reason),
                   "way": f"{BUCKET_WORDS[item.from_bucket].lower()} → {BUCKET_WORDS[item.to_bucket].lower()}"}
                  for item in story_of_lot(found, node_ids)],
        "changes": Transition.objects.filter(model="inventory.Lot", object_id=found.pk).order_by("-pk")[:20],
        "may_block": principal.may("inventory.adjust") and principal.sees_everything,
        "may_export": may_see and principal.may("inventory.export"),
    }  # fmt: skip
    return render(request, "dashboard/inventory/lots/detail.html", context)


def _who(order: Order, *, personal: bool) -> list[str]:
    return [order.customer_name, order.customer_phone, order.customer_email] if personal else ["", "", ""]


@require_safe
@requires("inventory.export")
def lot_recall(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Every order that got units of a lot, or has them picked, as CSV, to stop its parcels and call its customers."""
    principal, found = principal_of(request), _lot(pk)
    principal.require("orders.view")
    personal = principal.may("pii.view")

    def lines() -> Iterator[list[str | int]]:
        yield ["Order", "Lot", "Units", "Parcel", "State", "Node", "AWB", "Handed over", "Customer", "Phone", "E-mail"]
        for unit in _totes(principal, found).iterator(chunk_size=500):
            work = unit.line.fulfillment_order
            yield [work.order.number, found.code, unit.quantity, "", "Picked, not packed yet", work.node.code, "", "",
                   *_who(work.order, personal=personal)]  # fmt: skip
        for unit in _parcels(principal, found).iterator(chunk_size=500):
            assert unit.item is not None
            parcel = unit.item.shipment
            yield [parcel.order.number, found.code, unit.quantity, parcel.pk, parcel.get_state_display(),
                   parcel.node.code, parcel.awb, parcel.handed_over_at.isoformat() if parcel.handed_over_at else "",
                   *_who(parcel.order, personal=personal)]  # fmt: skip

    return csv_response(lines(), f"recall-{found.sku.code}-{found.code}")


@require_POST
@requires("inventory.adjust")
def lot_block(request: HttpRequest, pk: int) -> HttpResponse:
    """Block a lot with a reason, or let it be sold again."""
    principal, found = principal_of(request), _lot(pk)
    principal.require_everywhere()
    blocks = request.POST.get("do") != "unblock"
    reason = " ".join(request.POST.get("reason", "").split())

    def act() -> dict[str, int]:
        if blocks:
            return {"id": block_lot(lot_id=found.pk, reason=reason, actor=principal.name).pk}
        return {"id": unblock_lot(lot_id=found.pk, reason=reason, actor=principal.name).pk}

    try:
        once_per_form(request, act)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        text = _("Lot %(code)s is blocked.") if blocks else _("Lot %(code)s may be sold again.")
        messages.success(request, text % {"code": found.code})
    return HttpResponseRedirect(reverse("dashboard:lot", args=[pk]))


@require_POST
@requires("inventory.adjust")
def lot_correct(request: HttpRequest, pk: int) -> HttpResponse:
    """Another day of expiry, as it stands on the box."""
    principal, found = principal_of(request), _lot(pk)
    principal.require_everywhere()
    try:
        once_per_form(
            request,
            lambda: {"id": correct_lot(lot_id=found.pk, expires_on=_day(request), actor=principal.name).pk},
        )
        messages.success(request, _("The day of expiry is corrected."))
    except DomainError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(reverse("dashboard:lot", args=[pk]))


def _day(request: HttpRequest) -> date | None:
    text = request.POST.get("expires_on", "").strip()
    try:
        day = parse_date(text) if text else None
    except ValueError:
        day = None
    if text and day is None:
        raise DomainError(_("%(text)s is not a day.") % {"text": text[:20]}, field="expires_on")
    return day


def lots_of_sku(sku: Sku, nodes: Sequence[Node]) -> list[LotRow]:
    """Lots of a SKU in stock at these nodes, the first to expire first, for its page."""
    if sku.tracking != Tracking.LOT:
        return []
    node_ids = [node.pk for node in nodes]
    return _rows(list(lots_in_stock(Lot.objects.filter(sku=sku), node_ids)[:PAGE_ROWS]), node_ids)
