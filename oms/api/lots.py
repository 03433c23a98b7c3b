"""Lots and serial numbers over the API: where they are, who got them, and taking a lot out of sale."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from fulfillment.models import FulfillmentOrder, PickedUnit, Shipment
from fulfillment.selectors.recall import parcels_with, references_told, totes_with
from inventory.models import Lot, LotLevel, Node, SerialNumber, StockMovement
from inventory.selectors.lots import levels_of_lots, lots_in_stock, serials_numbered, story_of_lot, story_of_serial
from inventory.services import block_lot, unblock_lot, why_not_sold
from oms.accounts.access import Principal, in_node_scope, in_order_scope, in_work_scope
from oms.api.gate import ErrorOut, idempotent, need
from oms.core.errors import DomainError, NotFound
from orders.models import Order
from returns.models import Return, ReturnUnit

router = Router(tags=["inventory"])
REFUSALS = {403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut}
#: Picked units that are told beside the parcels: they are still in the house and can be stopped.
MOST_TOTES = 500
#: Parcels and returns of one serial number.
MOST_TRIPS = 50


class LotStepIn(Schema):
    """Why the lot is blocked, or let be sold again."""

    reason: str = Field("", max_length=200)


def _nodes(principal: Principal) -> dict[int, str]:
    """Codes of the nodes in scope by id."""
    return dict(in_node_scope(Node.objects.all(), principal, "code").values_list("pk", "code"))


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


# -- lots --------------------------------------------------------------------------------------------------------------


def _lot(lot_id: int) -> Lot:
    found = Lot.objects.select_related("sku").filter(pk=lot_id).first()
    if found is None:
        raise NotFound(f"There is no lot {lot_id}.", field="lot")
    return found


def lot_out(lot: Lot, levels: Sequence[LotLevel], today: date) -> dict[str, Any]:
    """A lot as the API shows it, with where it lies in the nodes in scope. Its SKU must be read along.

    Each node goes by its own day. The lot as a whole may not be sold where no node may sell it; `today` decides for a
    lot that lies nowhere in scope.
    """
    names = ("on_hand", "packed", "damaged", "quarantine")
    why = [why_not_sold(lot, lot.sku, row.node.today()) for row in levels] or [why_not_sold(lot, lot.sku, today)]
    return {
        "id": lot.pk, "sku": lot.sku.code, "lot": lot.code, "expires_on": _day(lot.expires_on),
        "made_on": _day(lot.made_on), "is_blocked": lot.is_blocked, "block_reason": lot.block_reason,
        "may_not_be_sold": why[0] if all(why) else "",
        "nodes": [
            {"node": row.node.code, **{name: getattr(row, name) for name in names}, "may_not_be_sold": said}
            for row, said in zip(levels, why, strict=False)
        ],
    }  # fmt: skip


def _lots_out(lots: Sequence[Lot], node_ids: Collection[int]) -> list[dict[str, Any]]:
    levels, today = levels_of_lots(lots, node_ids), timezone.localdate()
    return [lot_out(lot, levels[lot.pk], today) for lot in lots]


@router.get("/lots", summary="Lots", response={200: dict[str, Any], **REFUSALS})
def lots(
    request: HttpRequest, sku: str = "", lot: str = "", node: str = "", expires_before: date | None = None,
    blocked: bool | None = None, in_stock: bool = True, after: int = 0, limit: int = 100,
) -> Any:  # fmt: skip
    """Lots on hand or put aside at the nodes in scope; with `in_stock=false` those that are all gone too.

    `after` pages by the `next` of the page before.
    """
    nodes = _nodes(need(request, "inventory.view"))
    node_ids = [pk for pk, code in nodes.items() if node in ("", code)]
    rows = Lot.objects.select_related("sku")
    rows = (lots_in_stock(rows, node_ids) if in_stock else rows).filter(pk__gt=after)
    wanted = {"sku__code": sku, "code__iexact": lot, "expires_on__lt": expires_before}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    rows = rows if blocked is None else rows.filter(is_blocked=blocked)
    size = max(1, min(limit, 500))
    page = list(rows.order_by("pk")[:size])
    return {"lots": _lots_out(page, node_ids), "next": page[-1].pk if len(page) == size else None}


def _way(row: StockMovement) -> dict[str, Any]:
    """One posting: from where to where, and why."""
    return {
        "at": row.occurred_at.isoformat(), "node": row.node.code, "reason": row.reason, "from": row.from_bucket,
        "to": row.to_bucket, "quantity": row.quantity, "reference": row.reference, "note": row.note,
        "actor": row.actor,
    }  # fmt: skip


def _with_story(found: Lot, node_ids: Collection[int]) -> dict[str, Any]:
    [told] = _lots_out([found], node_ids)
    return told | {"postings": [_way(row) for row in story_of_lot(found, node_ids)]}


@router.get("/lots/{int:lot_id}", summary="A lot", response={200: dict[str, Any], **REFUSALS})
def lot(request: HttpRequest, lot_id: int) -> Any:
    """Where it lies in the nodes in scope, and the last postings that brought it, put it aside or took it away."""
    principal = need(request, "inventory.view")
    return _with_story(_lot(lot_id), list(_nodes(principal)))


@router.post("/lots/{int:lot_id}/block", summary="Block a lot", response={200: dict[str, Any], **REFUSALS})
@idempotent
def block(request: HttpRequest, lot_id: int, body: LotStepIn) -> tuple[int, Any]:
    """Sell nothing more of it: what no order has reserved leaves ATP at every node. Needs every node and channel."""
    return _step(request, lot_id, body, blocks=True)


@router.post("/lots/{int:lot_id}/unblock", summary="Unblock a lot", response={200: dict[str, Any], **REFUSALS})
@idempotent
def unblock(request: HttpRequest, lot_id: int, body: LotStepIn) -> tuple[int, Any]:
    """Sell it again: what blocking put aside is on hand again. Needs every node and channel."""
    return _step(request, lot_id, body, blocks=False)


def _step(request: HttpRequest, lot_id: int, body: LotStepIn, *, blocks: bool) -> tuple[int, Any]:
    principal = need(request, "inventory.adjust")
    principal.require_everywhere()
    found, reason = _lot(lot_id), " ".join(body.reason.split())
    if blocks:
        block_lot(lot_id=found.pk, reason=reason, actor=principal.name)
    else:
        unblock_lot(lot_id=found.pk, reason=reason, actor=principal.name)
    return 200, _with_story(_lot(lot_id), list(_nodes(principal)))


# -- who got it --------------------------------------------------------------------------------------------------------


def _parcel_out(unit: PickedUnit, *, personal: bool) -> dict[str, Any]:
    """A parcel that units lie in; who it went to, for callers who may see that."""
    assert unit.item is not None  # those that lie in a tote are told apart
    parcel = unit.item.shipment
    order = parcel.order
    who = {"customer": order.customer_name, "phone": order.customer_phone, "email": order.customer_email}
    return {
        "id": unit.pk, "order": order.number, "units": unit.quantity, "shipment_id": parcel.pk,
        "state": parcel.state, "node": parcel.node.code, "awb": parcel.awb, "courier": parcel.courier_name,
        "handed_over_at": parcel.handed_over_at.isoformat() if parcel.handed_over_at else None,
        **(who if personal else {}),
    }  # fmt: skip


def _tote_out(unit: PickedUnit) -> dict[str, Any]:
    """Units that were picked and are in no parcel yet."""
    work = unit.line.fulfillment_order
    return {"order": work.order.number, "units": unit.quantity, "fulfillment_order": work.number,
            "node": work.node.code}  # fmt: skip


def _sees_who(principal: Principal) -> bool:
    return principal.may("pii.view") or principal.may("orders.ingest")


def _parcels(principal: Principal, **of: int) -> QuerySet[PickedUnit]:
    return parcels_with(in_order_scope(Shipment.objects.all(), principal, "order"), **of)


def _totes(principal: Principal, nodes: Collection[int], **of: int) -> QuerySet[PickedUnit]:
    work = in_work_scope(FulfillmentOrder.objects.all(), principal)
    return totes_with(nodes, **of).filter(line__fulfillment_order__in=work)


@router.get("/lots/{int:lot_id}/recall", summary="Who got a lot", response={200: dict[str, Any], **REFUSALS})
def recall(request: HttpRequest, lot_id: int, before: int = 0, limit: int = 200) -> Any:
    """Orders and parcels with units of a lot, the last packed first, and what is picked and in no parcel yet.

    Also needs `orders.view`; names and numbers of customers are for `pii.view`. `units` counts all parcels in scope,
    and `before` pages by the `next` of the page before. `picked_units` counts all that is picked and in no parcel yet;
    `picked` names the last 500 of them, and `picked_more` says that there are others.
    """
    principal = need(request, "inventory.view")
    principal.require("orders.view")
    found = _lot(lot_id)
    parcels = _parcels(principal, lot_id=found.pk)
    size = max(1, min(limit, 500))
    page = list((parcels.filter(pk__lt=before) if before else parcels)[:size])
    totes = _totes(principal, list(_nodes(principal)), lot_id=found.pk)
    picked = list(totes[: MOST_TOTES + 1])
    return {
        "sku": found.sku.code, "lot": found.code, "is_blocked": found.is_blocked,
        "units": parcels.aggregate(units=Sum("quantity"))["units"] or 0,
        "picked_units": totes.aggregate(units=Sum("quantity"))["units"] or 0,
        "picked": [_tote_out(unit) for unit in picked[:MOST_TOTES]],
        "picked_more": len(picked) > MOST_TOTES,
        "parcels": [_parcel_out(unit, personal=_sees_who(principal)) for unit in page],
        "next": page[-1].pk if len(page) == size else None,
    }  # fmt: skip


# -- serial numbers ----------------------------------------------------------------------------------------------------


def serial_out(serial: SerialNumber, nodes: Collection[str], references: Mapping[int, str]) -> dict[str, Any]:
    """A serial number and where it is; a node out of scope has no name here. SKU and node must be read along.

    `references` by id are those that the caller may know (`references_told`).
    """
    node = serial.node.code if serial.node is not None else None
    return {
        "id": serial.pk, "sku": serial.sku.code, "number": serial.number, "bucket": serial.bucket,
        "node": node if node in nodes else None, "elsewhere": node is not None and node not in nodes,
        "since": serial.moved_at.isoformat(), "reference": references[serial.pk],
    }  # fmt: skip


def _references(principal: Principal, found: Sequence[SerialNumber], nodes: Collection[str]) -> dict[int, str]:
    """What these units were last moved with, as far as the caller may know it."""
    orders = Order.objects.all() if principal.may("orders.view") else Order.objects.none()
    return references_told(found, node_codes=nodes, orders=in_order_scope(orders, principal))


@router.get("/serials", summary="Look a serial number up", response={200: dict[str, Any], **REFUSALS})
def serials(request: HttpRequest, number: str = "", sku: str = "") -> Any:
    """Where the units with this number are: one of each SKU that has it, ten at most. No number finds nothing."""
    principal = need(request, "inventory.view")
    seen = set(_nodes(principal).values())
    if not number.strip():
        raise DomainError("Name the serial number that is looked for.", field="number")
    found = [row for row in serials_numbered(number) if sku in ("", row.sku.code)]
    references = _references(principal, found, seen)
    return {"serials": [serial_out(row, seen, references) for row in found]}


@router.get("/serials/{int:serial_id}", summary="The way of a serial number",
            response={200: dict[str, Any], **REFUSALS})  # fmt: skip
def serial(request: HttpRequest, serial_id: int) -> Any:
    """Where a unit is, and its way there, the newest first: postings at the nodes in scope, parcels, returns.

    Parcels, picked work and returns are told with `orders.view` only.
    """
    principal = need(request, "inventory.view")
    found = SerialNumber.objects.select_related("sku", "node").filter(pk=serial_id).first()
    if found is None:
        raise NotFound(f"There is no serial number {serial_id}.", field="serial")
    nodes = _nodes(principal)
    seen = set(nodes.values())
    told = serial_out(found, seen, _references(principal, [found], seen))
    told["postings"] = [_way(row) for row in story_of_serial(found) if row.node.code in seen]
    return told | _trips(principal, found, nodes)


def _trips(principal: Principal, found: SerialNumber, nodes: dict[int, str]) -> dict[str, Any]:
    """The parcels that a unit went in and the returns that it came back with, in scope."""
    if not principal.may("orders.view"):
        return {"parcels": [], "picked": [], "returns": []}
    parcels = _parcels(principal, serial_id=found.pk)[:MOST_TRIPS]
    totes = _totes(principal, list(nodes), serial_id=found.pk)[:MOST_TRIPS]
    back = ReturnUnit.objects.filter(
        serial=found, line__return_order__in=in_work_scope(Return.objects.all(), principal)
    )
    return {
        "parcels": [_parcel_out(unit, personal=_sees_who(principal)) for unit in parcels],
        "picked": [_tote_out(unit) for unit in totes],
        "returns": [
            {"return": unit.line.return_order.number, "disposition": unit.line.disposition, "differs": unit.differs}
            for unit in back.select_related("line__return_order").order_by("-pk")[:MOST_TRIPS]
        ],
    }  # fmt: skip
