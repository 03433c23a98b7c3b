"""The floor over the API: what a warehouse system does with the work it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from carriers.models import Label
from fulfillment import services
from fulfillment.models import FulfillmentLine, FulfillmentOrder, PickedUnit, Shipment, ShipmentItem
from fulfillment.selectors.customs import commercial_invoice_pdf
from fulfillment.selectors.units import units_of_items, units_of_lines
from fulfillment.services import LineUnits, ParcelPlan
from oms.accounts.access import Principal, in_work_scope
from oms.api.gate import ErrorOut, idempotent, need
from oms.core.errors import DomainError, NotFound

router = Router(tags=["fulfillment"])
REFUSALS = {404: ErrorOut, 409: ErrorOut, 422: ErrorOut}


class PickIn(Schema):
    """What was picked: a line, or a scanned code (SKU, barcode, serial number or lot).

    `lots` (units by lot code) and `serials` name the units; lots that are not named are those that expire first, and
    serial numbers may be named when packing.
    """

    line_id: int | None = None
    code: str = ""
    quantity: int = 1
    lots: dict[str, int] = {}
    serials: list[str] = []


class ShortIn(Schema):
    """What could not be picked; reason: not_found, damaged, display_worn, wrong_item, expired.

    `lots` and `serials` say which units, for a SKU that is kept by them.
    """

    line_id: int
    quantity: int
    reason: str
    note: str = ""
    lots: dict[str, int] = {}
    serials: list[str] = []


class ParcelIn(Schema):
    """One parcel; without items it takes everything picked. Grams and millimetres.

    `lots` ({line id: {lot code: units}}) and `serials` ({line id: numbers}) are what lies in the parcel, whatever was
    picked; a line that is not there has the units that were picked for it.
    """

    items: dict[int, int] = {}
    lots: dict[int, dict[str, int]] = {}
    serials: dict[int, list[str]] = {}
    weight_grams: int = 0
    length_mm: int = 300
    width_mm: int = 220
    height_mm: int = 80


class PackIn(Schema):
    """The parcels of one fulfillment order."""

    parcels: list[ParcelIn] = [ParcelIn()]


class RejectIn(Schema):
    """Why a node does not do the work."""

    reason: str


class HandOverIn(Schema):
    """Parcels that left with the carrier."""

    shipment_ids: list[int]


def works_in_scope(principal: Principal) -> QuerySet[FulfillmentOrder]:
    """Work that the caller may see, loaded as `work_out` reads it."""
    items = ShipmentItem.objects.select_related("line__sku").order_by("pk")
    return (
        in_work_scope(FulfillmentOrder.objects.all(), principal)
        .select_related("node", "order")
        .prefetch_related(
            Prefetch("lines", FulfillmentLine.objects.select_related("sku").order_by("pk")),
            Prefetch("shipments", Shipment.objects.order_by("pk").prefetch_related(Prefetch("items", items))),
        )
    )


def _work(principal: Principal, work_id: int) -> FulfillmentOrder:
    found = works_in_scope(principal).filter(pk=work_id).first()
    if found is None:
        raise NotFound(f"There is no fulfillment order {work_id}.")
    return found


def work_out(work: FulfillmentOrder) -> dict[str, Any]:
    """A fulfillment order as the API shows it."""
    return works_out([work])[0]


def works_out(works: Sequence[FulfillmentOrder]) -> list[dict[str, Any]]:
    """Fulfillment orders as the API shows them, with the lots and serial numbers in totes and parcels."""
    in_lines = units_of_lines([line for work in works for line in work.lines.all()])
    items = [item for work in works for parcel in work.shipments.all() for item in parcel.items.all()]
    in_items = units_of_items(items)
    return [_work_out(work, in_lines, in_items) for work in works]


_Units = Mapping[int, Sequence[PickedUnit]]


def _work_out(work: FulfillmentOrder, in_lines: _Units, in_items: _Units) -> dict[str, Any]:
    return {
        "id": work.pk, "number": work.number, "order": work.order.number, "node": work.node.code, "kind": work.kind,
        "state": work.state, "with_wms": work.with_wms, "due_at": work.due_at.isoformat() if work.due_at else None,
        "is_gift": work.order.is_gift, "gift_message": work.order.gift_message,
        "lines": [
            {"id": line.pk, "sku": line.sku.code, "name": line.sku.name, "tracking": line.sku.tracking,
             "quantity": line.quantity, "picked": line.picked, "short": line.short, "packed": line.packed}
            | _units_out(in_lines.get(line.pk, ()))
            for line in work.lines.all()
        ],
        "shipments": [
            {"id": item.pk, "state": item.state, "awb": item.awb, "courier": item.courier_name,
             "problem": item.problem,
             "items": [
                 {"line_id": row.line_id, "sku": row.line.sku.code, "quantity": row.quantity}
                 | _units_out(in_items.get(row.pk, ()))
                 for row in item.items.all()
             ]}
            for item in work.shipments.all()
        ],
    }  # fmt: skip


def _units_out(units: Sequence[PickedUnit]) -> dict[str, Any]:
    return {
        "lots": [
            {"code": row.lot.code, "quantity": row.quantity,
             "expires_on": row.lot.expires_on.isoformat() if row.lot.expires_on else None}
            for row in units if row.lot is not None
        ],
        "serials": [row.serial.number for row in units if row.serial is not None],
    }  # fmt: skip


def _named(lots: Mapping[str, int], serials: Sequence[str]) -> LineUnits:
    if any(units < 1 for units in lots.values()):
        raise DomainError("A lot has at least one unit.", field="lots")
    return LineUnits(lots=tuple(lots.items()), serials=tuple(serials))


def _units_of(parcel: ParcelIn) -> dict[int, LineUnits]:
    return {
        line_id: _named(parcel.lots.get(line_id, {}), parcel.serials.get(line_id, []))
        for line_id in [*parcel.lots, *parcel.serials]
    }


@router.get("/fulfillment-orders", summary="Work of the nodes in scope", response={200: dict[str, Any]})
def list_work(request: HttpRequest, state: str = "", node: str = "", after: int = 0, limit: int = 100) -> Any:
    """Fulfillment orders, oldest first; `state` may list several, separated by commas; `after` pages by id."""
    principal = need(request, "fulfillment.view")
    found = works_in_scope(principal).filter(pk__gt=after)
    if state:
        found = found.filter(state__in=state.split(","))
    if node:
        found = found.filter(node__code=node)
    size = max(1, min(limit, 200))
    rows = list(found.order_by("pk")[:size])
    return {
        "fulfillment_orders": works_out(rows),
        "next": rows[-1].pk if len(rows) == size else None,
    }


@router.get("/fulfillment-orders/{work_id}", summary="One fulfillment order",
            response={200: dict[str, Any], 404: ErrorOut})  # fmt: skip
def get_work(request: HttpRequest, work_id: int) -> Any:
    """A fulfillment order with its lines and parcels."""
    return work_out(_work(need(request, "fulfillment.view"), work_id))


@router.post("/fulfillment-orders/{work_id}/accept", summary="Accept", response={200: dict[str, Any], **REFUSALS})
@idempotent
def accept(request: HttpRequest, work_id: int) -> tuple[int, Any]:
    """The node takes the work."""
    principal = need(request, "fulfillment.work")
    work = _work(principal, work_id)
    services.accept(fulfillment_order_ids=[work.pk], actor=principal.name)
    return 200, work_out(_work(principal, work_id))


@router.post("/fulfillment-orders/{work_id}/reject", summary="Reject", response={200: dict[str, Any], **REFUSALS})
@idempotent
def reject(request: HttpRequest, work_id: int, body: RejectIn) -> tuple[int, Any]:
    """The node does not do the work; another one gets it."""
    principal = need(request, "fulfillment.work")
    work = _work(principal, work_id)
    services.reject(fulfillment_order_id=work.pk, reason=body.reason, actor=principal.name)
    return 200, work_out(_work(principal, work_id))


@router.post("/fulfillment-orders/{work_id}/picks", summary="Pick", response={200: dict[str, Any], **REFUSALS})
@idempotent
def pick(request: HttpRequest, work_id: int, body: PickIn) -> tuple[int, Any]:
    """Units of one line were put into the tote."""
    principal = need(request, "fulfillment.work")
    work = _work(principal, work_id)
    services.pick(fulfillment_order_id=work.pk, line_id=body.line_id, code=body.code, quantity=body.quantity,
                  actor=principal.name, named=_named(body.lots, body.serials))  # fmt: skip
    return 200, work_out(_work(principal, work_id))


@router.post("/fulfillment-orders/{work_id}/shorts", summary="Report a short pick",
             response={200: dict[str, Any], **REFUSALS})  # fmt: skip
@idempotent
def short(request: HttpRequest, work_id: int, body: ShortIn) -> tuple[int, Any]:
    """Units were not there: stock is corrected and the rest is rerouted."""
    principal = need(request, "fulfillment.work")
    work = _work(principal, work_id)
    services.report_short(fulfillment_order_id=work.pk, line_id=body.line_id, quantity=body.quantity,
                          reason=body.reason, note=body.note, actor=principal.name,
                          named=_named(body.lots, body.serials))  # fmt: skip
    return 200, work_out(_work(principal, work_id))


@router.post("/fulfillment-orders/{work_id}/pack", summary="Pack", response={200: dict[str, Any], **REFUSALS})
@idempotent
def pack(request: HttpRequest, work_id: int, body: PackIn) -> tuple[int, Any]:
    """Close the parcels; labels follow by themselves."""
    principal = need(request, "fulfillment.work")
    work = _work(principal, work_id)
    plans = [
        ParcelPlan(items=parcel.items, units=_units_of(parcel), weight_grams=parcel.weight_grams,
                   length_mm=parcel.length_mm, width_mm=parcel.width_mm, height_mm=parcel.height_mm)
        for parcel in body.parcels
    ]  # fmt: skip
    services.pack(fulfillment_order_id=work.pk, parcels=plans, actor=principal.name)
    return 200, work_out(_work(principal, work_id))


@router.post("/shipments/hand-over", summary="Hand parcels over", response={200: dict[str, Any], **REFUSALS})
@idempotent
def hand_over(request: HttpRequest, body: HandOverIn) -> tuple[int, Any]:
    """Parcels left with the carrier. Those that left before are passed over.

    One with a lot that was blocked or expired since is refused (409 `may_not_leave`, its id in `data.parcels`).
    """
    principal = need(request, "fulfillment.work")
    known = in_work_scope(Shipment.objects.filter(pk__in=body.shipment_ids), principal)
    if known.count() != len(set(body.shipment_ids)):
        raise NotFound("Some of these shipments do not exist.", field="shipment_ids")
    left = services.hand_over(shipment_ids=body.shipment_ids, actor=principal.name)
    return 200, {"handed_over": left}


@router.post("/shipments/{shipment_id}/take-apart", summary="Take a held parcel apart",
             response={200: dict[str, Any], **REFUSALS})  # fmt: skip
@idempotent
def take_apart(request: HttpRequest, shipment_id: int) -> tuple[int, Any]:
    """A packed parcel that may not leave is opened: blocked units are put aside, the order is routed again."""
    principal = need(request, "fulfillment.work")
    found = in_work_scope(Shipment.objects.filter(pk=shipment_id), principal).first()
    if found is None:
        raise NotFound(f"There is no shipment {shipment_id}.")
    services.take_apart(shipment_id=found.pk, actor=principal.name)
    return 200, work_out(_work(principal, found.fulfillment_order_id))


@router.get("/shipments/{shipment_id}/label", summary="The label, PDF or ZPL", response={200: None, 404: ErrorOut})
def label(request: HttpRequest, shipment_id: int, format: str = "pdf") -> HttpResponse:
    """The label of a booked parcel: `?format=pdf` (100 x 150 mm) or `?format=zpl`.

    It shows name and address: for callers with `pii.view` or `fulfillment.work`.
    """
    principal = need(request, "fulfillment.view")
    principal.require_labels()
    shipment = in_work_scope(Shipment.objects.filter(pk=shipment_id), principal).first()
    found = Label.objects.filter(booking_id=shipment.booking_id).first() if shipment and shipment.booking_id else None
    if shipment is None or found is None:
        raise NotFound(f"Shipment {shipment_id} has no label.")
    if format == "zpl":
        return HttpResponse(found.zpl, content_type="text/plain")
    response = HttpResponse(bytes(found.pdf), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="label-{shipment.awb}.pdf"'
    return response


@router.get("/shipments/{shipment_id}/commercial-invoice", summary="What customs reads of a parcel that goes abroad",
            response={200: None, 404: ErrorOut, 409: ErrorOut})  # fmt: skip
def commercial_invoice(request: HttpRequest, shipment_id: int) -> HttpResponse:
    """What customs reads, as A4 PDF in three copies: what the carrier was told when the parcel was booked.

    404 for a parcel that is not booked or stays in its country, 409 where it cannot be declared. It shows name and
    address: for callers with `pii.view` or `fulfillment.work`.
    """
    principal = need(request, "fulfillment.view")
    principal.require_labels()
    rows = in_work_scope(Shipment.objects.filter(pk=shipment_id), principal)
    shipment = rows.select_related("order", "node").first()
    if shipment is None:
        raise NotFound(f"There is no shipment {shipment_id}.")
    response = HttpResponse(commercial_invoice_pdf(shipment), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="commercial-invoice-{shipment.awb}.pdf"'
    return response
