"""Transfers between nodes over the API: drafted, confirmed, shipped, received, resolved, cancelled."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import StringConstraints

from fulfillment.selectors.units import units_in_totes
from inventory import services
from inventory.models import Node, Transfer, TransferState
from inventory.services import Picked, Received, StockLine
from oms.accounts.access import Principal
from oms.api.gate import idempotent, need
from oms.api.inventory import REFUSALS, skus_named
from oms.core.errors import DomainError, Forbidden, NotFound

router = Router(tags=["transfers"])
#: Names a receipt or a resolution of one transfer for ever.
ShortReference = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class TransferLineIn(Schema):
    """Units of a SKU."""

    sku: str
    quantity: int


class TransferIn(Schema):
    """Goods that are to go from one node to another."""

    from_node: str
    to_node: str
    lines: list[TransferLineIn]
    expected_on: date | None = None
    note: str = ""


class VersionIn(Schema):
    """The version that the caller saw; another one now is refused with 409. Without it nobody looks."""

    version: int | None = None


class PickedIn(Schema):
    """What was found of a SKU. `lots` maps codes to units; a serial number for each unit where the SKU asks for it."""

    sku: str
    quantity: int
    lots: dict[str, int] = {}
    serials: list[str] = []


class ShipIn(VersionIn):
    """How it travels. Without `picked` what was picked before leaves, or everything where nobody picked."""

    picked: list[PickedIn] | None = None
    carrier_name: str = ""
    awb: str = ""
    expected_on: date | None = None


class ReceivedIn(Schema):
    """What came of a SKU: good, damaged, and over what was shipped."""

    sku: str
    good: int = 0
    damaged: int = 0
    over: int = 0
    lot: str = ""
    serials: list[str] = []
    damaged_serials: list[str] = []


class ReceiptIn(VersionIn):
    """Goods of a transfer that came. The same `reference` again changes nothing. `finish`: no more is expected."""

    reference: ShortReference
    lines: list[ReceivedIn] = []
    finish: bool = False


class ResolutionIn(VersionIn):
    """What became of units that did not come: found, found_damaged, lost or sent_back, and why."""

    reference: ShortReference
    sku: str
    how: str
    quantity: int
    note: str
    lot: str = ""
    serials: list[str] = []


class CancelIn(VersionIn):
    """Why."""

    reason: str = ""


def _in_scope(principal: Principal) -> QuerySet[Transfer]:
    rows = Transfer.objects.select_related("from_node", "to_node")
    if principal.all_nodes:
        return rows
    codes = sorted(principal.node_codes)
    return rows.filter(Q(from_node__code__in=codes) | Q(to_node__code__in=codes))


def _named(principal: Principal, number: str, *, end: str = "") -> Transfer:
    """A transfer by number. Raises NotFound; with `end` (from_node, to_node) Forbidden where that is out of scope."""
    found = _in_scope(principal).filter(number=number).first()
    if found is None:
        raise NotFound(f"There is no transfer {number}.")
    if end and not principal.sees_node(getattr(found, end).code):
        raise Forbidden(f"This step of {number} happens at {getattr(found, end).code}, which is out of scope.")
    return found


def _ends(principal: Principal, from_code: str, to_code: str) -> list[Node]:
    """Both nodes. Raises NotFound for one that does not exist, and where neither is in scope."""
    nodes = {node.code: node for node in Node.objects.filter(code__in=[from_code, to_code])}
    for field, code in (("from_node", from_code), ("to_node", to_code)):
        if code not in nodes or not any(map(principal.sees_node, nodes)):
            raise NotFound(f"There is no node {code}.", field=field)
    return [nodes[from_code], nodes[to_code]]


def transfer_out(row: Transfer) -> dict[str, Any]:
    """A transfer with its lines as the API shows it."""
    counters = ("quantity", "picked_quantity", "shipped_quantity", "in_transit_quantity", "received_quantity",
                "damaged_quantity", "missing_quantity", "over_quantity")  # fmt: skip
    lines = sorted(row.lines.all(), key=lambda line: line.pk)
    moments = ("created_at", "shipped_at", "received_at", "closed_at")
    return {
        "number": row.number, "state": row.state, "version": row.version, "from_node": row.from_node.code,
        "to_node": row.to_node.code, "expected_on": row.expected_on.isoformat() if row.expected_on else None,
        "carrier_name": row.carrier_name, "awb": row.awb, "note": row.note, "created_by": row.created_by,
        **{name: getattr(row, name).isoformat() if getattr(row, name) else None for name in moments},
        "lines": [{"sku": line.sku.code, **{name: getattr(line, name) for name in counters}} for line in lines],
    }  # fmt: skip


def _shown(pk: int) -> dict[str, Any]:
    rows = Transfer.objects.select_related("from_node", "to_node").prefetch_related("lines__sku")
    return transfer_out(rows.get(pk=pk))


def _line_ids(row: Transfer, skus: list[str]) -> dict[str, int]:
    """Line ids by SKU code. Raises DomainError for a SKU that the transfer does not have, or that came twice."""
    found = dict(row.lines.values_list("sku__code", "pk"))
    missing = sorted(set(skus) - set(found))
    if missing:
        raise DomainError(f"{row.number} has no {', '.join(missing[:10])}.", field="sku")
    if len(set(skus)) != len(skus):
        raise DomainError("Name each SKU once.", field="sku")
    return found


@router.get("/transfers", summary="Transfers", response={200: dict[str, Any]})
def transfers(
    request: HttpRequest, state: str = "", from_node: str = "", to_node: str = "", before: int = 0, limit: int = 100
) -> Any:
    """Transfers that start or end in scope, newest first; `before` pages by the `next` of the page before."""
    principal = need(request, "inventory.view")
    states = [word for word in state.split(",") if word]
    unknown = sorted(set(states) - set(TransferState.values))
    if unknown:
        raise DomainError(f"{unknown[0]!r} is not a state of a transfer.", field="state")
    wanted = {"state__in": states, "from_node__code": from_node, "to_node__code": to_node, "pk__lt": before}
    size = max(1, min(limit, 500))
    found = _in_scope(principal).filter(**{name: value for name, value in wanted.items() if value})
    rows = list(found.prefetch_related("lines__sku").order_by("-pk")[:size])
    return {"transfers": [transfer_out(row) for row in rows], "next": rows[-1].pk if len(rows) == size else None}


@router.get("/transfers/{number}", summary="One transfer", response={200: dict[str, Any], **REFUSALS})
def transfer(request: HttpRequest, number: str) -> Any:
    """With its lines and counters."""
    return _shown(_named(need(request, "inventory.view"), number).pk)


@router.post("/transfers", summary="Draft a transfer", response={201: dict[str, Any], **REFUSALS})
@idempotent
def draft(request: HttpRequest, body: TransferIn) -> tuple[int, Any]:
    """Nothing is reserved before it is confirmed. One of the two nodes at least has to be in scope."""
    principal = need(request, "inventory.move")
    here, there = _ends(principal, body.from_node, body.to_node)
    skus = skus_named([line.sku for line in body.lines])
    row = services.draft_transfer(
        from_node_id=here.pk, to_node_id=there.pk, expected_on=body.expected_on, note=body.note,
        lines=[StockLine(skus[line.sku], line.quantity) for line in body.lines], actor=principal.name,
    )  # fmt: skip
    return 201, _shown(row.pk)


@router.post("/transfers/{number}/confirm", summary="Confirm a transfer", response={200: dict[str, Any], **REFUSALS})
@idempotent
def confirm(request: HttpRequest, number: str, body: VersionIn) -> tuple[int, Any]:
    """Reserve every unit at the first node, or none: 409 names each SKU that is short, with its ATP."""
    principal = need(request, "inventory.move")
    row = _named(principal, number, end="from_node")
    services.confirm_transfer(transfer_id=row.pk, actor=principal.name, version=body.version)
    return 200, _shown(row.pk)


@router.post("/transfers/{number}/ship", summary="Ship a transfer", response={200: dict[str, Any], **REFUSALS})
@idempotent
def ship(request: HttpRequest, number: str, body: ShipIn) -> tuple[int, Any]:
    """The goods leave the first node and are inbound at the second."""
    principal = need(request, "inventory.move")
    row = _named(principal, number, end="from_node")
    version = body.version
    if body.picked is not None:
        ids = _line_ids(row, [item.sku for item in body.picked])
        services.finish_picking(
            transfer_id=row.pk, actor=principal.name, version=version, spoken_for=units_in_totes,
            lines=[
                Picked(line_id=ids[item.sku], quantity=item.quantity, lots=tuple(item.lots.items()),
                       serials=tuple(item.serials))
                for item in body.picked
            ],
        )  # fmt: skip
        version = None
    services.ship_transfer(
        transfer_id=row.pk, actor=principal.name, version=version, carrier_name=body.carrier_name, awb=body.awb,
        expected_on=body.expected_on, spoken_for=units_in_totes,
    )  # fmt: skip
    return 200, _shown(row.pk)


@router.post("/transfers/{number}/receive", summary="Receive a transfer", response={200: dict[str, Any], **REFUSALS})
@idempotent
def receive(request: HttpRequest, number: str, body: ReceiptIn) -> tuple[int, Any]:
    """What came to the second node, in as many calls as there are cartons."""
    principal = need(request, "inventory.receive")
    row = _named(principal, number, end="to_node")
    ids = _line_ids(row, [item.sku for item in body.lines])
    services.receive_transfer(
        transfer_id=row.pk, op_key=body.reference, actor=principal.name, finish=body.finish, version=body.version,
        lines=[
            Received(line_id=ids[item.sku], good=item.good, damaged=item.damaged, over=item.over, lot=item.lot,
                     serials=tuple(item.serials), damaged_serials=tuple(item.damaged_serials))
            for item in body.lines
        ],
    )  # fmt: skip
    return 200, _shown(row.pk)


@router.post("/transfers/{number}/resolve", summary="Resolve a difference", response={200: dict[str, Any], **REFUSALS})
@idempotent
def resolve(request: HttpRequest, number: str, body: ResolutionIn) -> tuple[int, Any]:
    """What became of units that were shipped and did not come."""
    principal = need(request, "inventory.receive")
    row = _named(principal, number, end="to_node")
    services.resolve_difference(
        transfer_id=row.pk, line_id=_line_ids(row, [body.sku])[body.sku], how=body.how, quantity=body.quantity,
        note=body.note, op_key=body.reference, actor=principal.name, lot=body.lot, serials=tuple(body.serials),
        version=body.version,
    )  # fmt: skip
    return 200, _shown(row.pk)


@router.post("/transfers/{number}/cancel", summary="Cancel a transfer", response={200: dict[str, Any], **REFUSALS})
@idempotent
def cancel(request: HttpRequest, number: str, body: CancelIn) -> tuple[int, Any]:
    """Before it ships: what is reserved goes back to ATP. Once on the road it is refused (409)."""
    principal = need(request, "inventory.move")
    row = _named(principal, number)
    if row.state != TransferState.DRAFT and not principal.sees_node(row.from_node.code):
        raise Forbidden(f"{number} is reserved at {row.from_node.code}, which is out of scope.")
    services.cancel_transfer(transfer_id=row.pk, actor=principal.name, reason=body.reason, version=body.version)
    return 200, _shown(row.pk)
