"""Purchase orders, ASNs and suppliers over the API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from inventory.models import InboundShipment, PurchaseOrder, PurchaseOrderState, Sku, Supplier
from inventory.services import (
    AnnouncedLine,
    ItemTerms,
    PurchaseLine,
    PurchaseTerms,
    SupplierStockRow,
    SupplierTerms,
    announce_shipment,
    arrive_shipment,
    cancel_purchase_order,
    cancel_shipment,
    close_purchase_order,
    draft_purchase_order,
    place_purchase_order,
    report_supplier_stock,
    reschedule_purchase_order,
    save_supplier,
    save_supplier_items,
)
from oms.accounts.access import Principal, in_node_scope
from oms.api.gate import ErrorOut, idempotent, need, node_named
from oms.api.inventory import Reference, skus_named
from oms.core.errors import DomainError, NotFound

router = Router(tags=["purchasing"])
REFUSALS = {403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut}


class PurchaseLineIn(Schema):
    """Units of a SKU to buy. Without a cost the supplier's price counts."""

    sku: str
    quantity: int
    unit_cost_minor: int | None = None
    expected_on: date | None = None


class PurchaseOrderIn(Schema):
    """A draft; with `place` it is ordered at once. Without a number it gets the next one."""

    supplier: str
    node: str
    lines: list[PurchaseLineIn]
    number: str = Field("", max_length=40)
    expected_on: date | None = None
    reference: str = Field("", max_length=80)
    note: str = Field("", max_length=500)
    place: bool = False


class StepIn(Schema):
    """Why, and the version that the caller saw: another one is refused with 409. Both may be left out."""

    reason: str = Field("", max_length=200)
    version: int | None = None


class DateIn(Schema):
    """The day on which an order is expected now; the supplier's number and the note stay where they are left out."""

    expected_on: date
    reference: str | None = Field(None, max_length=80)
    note: str | None = Field(None, max_length=500)
    version: int | None = None


class AsnLineIn(Schema):
    """Units of a SKU on their way."""

    sku: str
    quantity: int
    lot: str = Field("", max_length=60)
    expires_on: date | None = None


class AsnIn(Schema):
    """What a supplier says is on its way, of one purchase order by its id."""

    purchase_order: int
    lines: list[AsnLineIn]
    number: str = Field("", max_length=80)
    expected_at: datetime | None = None
    carrier_name: str = Field("", max_length=80)
    awb: str = Field("", max_length=60)


class SupplierItemIn(Schema):
    """A SKU as the supplier sells it."""

    sku: str
    supplier_code: str = Field("", max_length=80)
    unit_cost_minor: int = 0
    pack_size: int = 1
    least_order: int = 1
    lead_days: int | None = None
    is_preferred: bool = False


class SupplierIn(Schema):
    """A supplier. The items named are added or changed, others stay."""

    name: str = Field(max_length=160)
    email: str = Field("", max_length=254)
    phone: str = Field("", max_length=32)
    gstin: str = Field("", max_length=15)
    currency: str = "INR"
    lead_days: int = 7
    node: str = ""
    is_active: bool = True
    items: list[SupplierItemIn] = []


class SupplierStockRowIn(Schema):
    """Units that a supplier has of a SKU."""

    sku: str
    on_hand: int


class SupplierStockIn(Schema):
    """A supplier's stock. `reference` identifies the report: the same one again changes nothing."""

    node: str
    reference: Reference
    rows: list[SupplierStockRowIn]


# -- purchase orders ---------------------------------------------------------------------------------------------------


def order_out(order: PurchaseOrder) -> dict[str, Any]:
    """A purchase order as the API shows it. Its lines and their SKUs must be read along."""
    names = ("quantity", "open_quantity", "received_quantity", "damaged_quantity", "short_quantity", "over_quantity",
             "unit_cost_minor", "expected_on")  # fmt: skip
    return {
        "id": order.pk, "number": order.number, "state": order.state, "version": order.version,
        "supplier": order.supplier.code, "node": order.node.code, "currency": order.currency,
        "expected_on": order.expected_on, "reference": order.reference, "note": order.note,
        "lines": [
            {"sku": line.sku.code, **{name: getattr(line, name) for name in names}} for line in order.lines.all()
        ],
    }  # fmt: skip


def _orders(principal: Principal) -> QuerySet[PurchaseOrder]:
    rows = PurchaseOrder.objects.select_related("supplier", "node").prefetch_related("lines__sku")
    return in_node_scope(rows, principal)


def _order(principal: Principal, order_id: int) -> PurchaseOrder:
    found = _orders(principal).filter(pk=order_id).first()
    if found is None:
        raise NotFound(f"There is no purchase order {order_id}.", field="purchase_order")
    return found


@router.get("/purchase-orders", summary="Purchase orders", response={200: dict[str, Any], **REFUSALS})
def purchase_orders(
    request: HttpRequest, state: str = "", supplier: str = "", node: str = "", number: str = "", before: int = 0,
    limit: int = 100,
) -> Any:  # fmt: skip
    """Newest first; `before` pages by the `next` of the page before."""
    principal = need(request, "inventory.view")
    if state and state not in PurchaseOrderState.values:
        raise DomainError(f"{state!r} is no state of a purchase order.", field="state")
    only = {"state": state, "supplier__code": supplier, "node__code": node, "number": number}
    rows = _orders(principal).filter(**{name: value for name, value in only.items() if value})
    rows = rows.filter(pk__lt=before) if before else rows
    size = max(1, min(limit, 500))
    page = list(rows.order_by("-pk")[:size])
    return {"purchase_orders": [order_out(row) for row in page], "next": page[-1].pk if len(page) == size else None}


@router.get("/purchase-orders/{int:order_id}", summary="A purchase order", response={200: dict[str, Any], **REFUSALS})
def purchase_order(request: HttpRequest, order_id: int) -> Any:
    """One order with its lines: open, received, damaged, short, and what came on top."""
    return order_out(_order(need(request, "inventory.view"), order_id))


@router.post("/purchase-orders", summary="Buy goods", response={201: dict[str, Any], **REFUSALS})
@idempotent
def create_purchase_order(request: HttpRequest, body: PurchaseOrderIn) -> tuple[int, Any]:
    """Draft a purchase order, and place it if asked to."""
    principal = need(request, "inventory.buy")
    node = node_named(principal, body.node)
    supplier = supplier_named(body.supplier)
    skus = skus_named([line.sku for line in body.lines])
    terms = PurchaseTerms(
        supplier_id=supplier.pk, node_id=node.pk, expected_on=body.expected_on, reference=body.reference,
        note=body.note,
    )  # fmt: skip
    lines = [
        PurchaseLine(sku_id=skus[line.sku], quantity=line.quantity, unit_cost_minor=line.unit_cost_minor,
                     expected_on=line.expected_on)
        for line in body.lines
    ]  # fmt: skip
    made = draft_purchase_order(terms=terms, lines=lines, actor=principal.name, number=body.number)
    if body.place:
        place_purchase_order(order_id=made.pk, actor=principal.name)
    return 201, _plain(order_out(_order(principal, made.pk)))


@router.post("/purchase-orders/{int:order_id}/place", summary="Place it", response={200: dict[str, Any], **REFUSALS})
@idempotent
def place(request: HttpRequest, order_id: int, body: StepIn) -> tuple[int, Any]:
    """Order a draft: its units are inbound from now on."""
    principal = need(request, "inventory.buy")
    _order(principal, order_id)
    place_purchase_order(order_id=order_id, version=body.version, actor=principal.name)
    return 200, _plain(order_out(_order(principal, order_id)))


@router.post("/purchase-orders/{int:order_id}/date", summary="Another day", response={200: dict[str, Any], **REFUSALS})
@idempotent
def change_date(request: HttpRequest, order_id: int, body: DateIn) -> tuple[int, Any]:
    """Expect an order on another day; what channels sell ahead of it follows."""
    principal = need(request, "inventory.buy")
    _order(principal, order_id)
    reschedule_purchase_order(
        order_id=order_id, version=body.version, expected_on=body.expected_on, reference=body.reference, note=body.note
    )
    return 200, _plain(order_out(_order(principal, order_id)))


@router.post("/purchase-orders/{int:order_id}/cancel", summary="Cancel it", response={200: dict[str, Any], **REFUSALS})
@idempotent
def cancel(request: HttpRequest, order_id: int, body: StepIn) -> tuple[int, Any]:
    """Call an order off before anything came."""
    principal = need(request, "inventory.buy")
    _order(principal, order_id)
    cancel_purchase_order(order_id=order_id, version=body.version, reason=body.reason, actor=principal.name)
    return 200, _plain(order_out(_order(principal, order_id)))


@router.post("/purchase-orders/{int:order_id}/close", summary="Close it short",
             response={200: dict[str, Any], **REFUSALS})  # fmt: skip
@idempotent
def close(request: HttpRequest, order_id: int, body: StepIn) -> tuple[int, Any]:
    """Expect no more of an order."""
    principal = need(request, "inventory.buy")
    _order(principal, order_id)
    close_purchase_order(order_id=order_id, version=body.version, reason=body.reason, actor=principal.name)
    return 200, _plain(order_out(_order(principal, order_id)))


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """Days as text: what an operation answers is stored with its key."""
    return {
        name: [_plain(row) for row in value] if isinstance(value, list)
        else value.isoformat() if isinstance(value, date) else value
        for name, value in body.items()
    }  # fmt: skip


# -- ASNs --------------------------------------------------------------------------------------------------------------


def _asn_out(shipment: InboundShipment) -> dict[str, Any]:
    moments = {name: getattr(shipment, name) for name in ("expected_at", "arrived_at")}
    return {
        "id": shipment.pk, "number": shipment.number, "purchase_order": shipment.order_id, "state": shipment.state,
        "carrier_name": shipment.carrier_name, "awb": shipment.awb,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
        "lines": [
            {"sku": line.order_line.sku.code, "quantity": line.quantity, "received_quantity": line.received_quantity,
             "lot": line.lot_code, "expires_on": line.expires_on.isoformat() if line.expires_on else None}
            for line in shipment.lines.all()
        ],
    }  # fmt: skip


def _asns(principal: Principal) -> QuerySet[InboundShipment]:
    rows = InboundShipment.objects.prefetch_related("lines__order_line__sku")
    return in_node_scope(rows, principal, "order__node__code")


def _asn(principal: Principal, asn_id: int) -> InboundShipment:
    found = _asns(principal).filter(pk=asn_id).first()
    if found is None:
        raise NotFound(f"There is no ASN {asn_id}.", field="asn")
    return found


@router.get("/asns", summary="Announced deliveries", response={200: dict[str, Any], **REFUSALS})
def asns(request: HttpRequest, purchase_order: int = 0, state: str = "", before: int = 0, limit: int = 100) -> Any:
    """Newest first; `before` pages by the `next` of the page before."""
    rows = _asns(need(request, "inventory.view"))
    only = {"order_id": purchase_order, "state": state, "pk__lt": before}
    size = max(1, min(limit, 500))
    page = list(rows.filter(**{name: value for name, value in only.items() if value}).order_by("-pk")[:size])
    return {"asns": [_asn_out(row) for row in page], "next": page[-1].pk if len(page) == size else None}


@router.post("/asns", summary="Announce a delivery", response={201: dict[str, Any], **REFUSALS})
@idempotent
def create_asn(request: HttpRequest, body: AsnIn) -> tuple[int, Any]:
    """Note what is on its way, within what is open of its purchase order."""
    principal = need(request, "inventory.receive")
    order = _order(principal, body.purchase_order)
    skus = skus_named([line.sku for line in body.lines])
    shipment = announce_shipment(
        order_id=order.pk, number=body.number, expected_at=body.expected_at, carrier_name=body.carrier_name,
        awb=body.awb, actor=principal.name,
        lines=[AnnouncedLine(sku_id=skus[line.sku], quantity=line.quantity, lot_code=line.lot,
                             expires_on=line.expires_on) for line in body.lines],
    )  # fmt: skip
    return 201, _asn_out(_asn(principal, shipment.pk))


@router.post("/asns/{int:asn_id}/arrive", summary="It is here", response={200: dict[str, Any], **REFUSALS})
@idempotent
def arrive_asn(request: HttpRequest, asn_id: int) -> tuple[int, Any]:
    """The delivery is at the dock."""
    principal = need(request, "inventory.receive")
    _asn(principal, asn_id)
    arrive_shipment(shipment_id=asn_id, actor=principal.name)
    return 200, _asn_out(_asn(principal, asn_id))


@router.post("/asns/{int:asn_id}/cancel", summary="It will not come", response={200: dict[str, Any], **REFUSALS})
@idempotent
def cancel_asn(request: HttpRequest, asn_id: int, body: StepIn) -> tuple[int, Any]:
    """The delivery will not come; its units stay open on the order."""
    principal = need(request, "inventory.receive")
    _asn(principal, asn_id)
    cancel_shipment(shipment_id=asn_id, reason=body.reason, actor=principal.name)
    return 200, _asn_out(_asn(principal, asn_id))


# -- suppliers ---------------------------------------------------------------------------------------------------------


def supplier_named(code: str) -> Supplier:
    """The supplier that a body or address names. Raises NotFound."""
    found = Supplier.objects.select_related("node").filter(code=code).first()
    if found is None:
        raise NotFound(f"There is no supplier {code}.", field="supplier")
    return found


def _supplier_out(supplier: Supplier) -> dict[str, Any]:
    names = ("supplier_code", "unit_cost_minor", "pack_size", "least_order", "lead_days", "is_preferred")
    return {
        **{name: getattr(supplier, name) for name in ("code", "name", "email", "phone", "gstin", "currency",
                                                      "lead_days", "is_active")},
        "node": supplier.node.code if supplier.node else None,
        "items": [{"sku": item.sku.code, **{name: getattr(item, name) for name in names}}
                  for item in supplier.items.all()],
    }  # fmt: skip


@router.get("/suppliers", summary="Suppliers", response={200: dict[str, Any], **REFUSALS})
def suppliers(request: HttpRequest, after: str = "", limit: int = 100) -> Any:
    """From whom goods are bought, with what each sells; `after` pages by code."""
    need(request, "inventory.view")
    size = max(1, min(limit, 500))
    rows = Supplier.objects.select_related("node").prefetch_related("items__sku").filter(code__gt=after)
    page = list(rows.order_by("code")[:size])
    return {"suppliers": [_supplier_out(row) for row in page], "next": page[-1].code if len(page) == size else None}


@router.put("/suppliers/{slug:code}", summary="Save a supplier", response={200: dict[str, Any], **REFUSALS})
@idempotent
def put_supplier(request: HttpRequest, code: str, body: SupplierIn) -> tuple[int, Any]:
    """Make or change the supplier of this code, and what it sells."""
    principal = need(request, "inventory.buy")
    known = Supplier.objects.filter(code=code).first()
    node = node_named(principal, body.node) if body.node else None
    fields = body.dict(exclude={"items", "node"})
    skus = skus_named([item.sku for item in body.items])
    supplier = save_supplier(
        terms=SupplierTerms(code=code, node_id=node.pk if node else None, **fields),
        supplier_id=known.pk if known else None,
    )
    items = [ItemTerms(sku_id=skus[item.sku], **item.dict(exclude={"sku"})) for item in body.items]
    if items:
        save_supplier_items(supplier_id=supplier.pk, items=items)
    return 200, _supplier_out(supplier_named(code))


@router.post("/supplier-stock", summary="Report a supplier's stock", response={200: dict[str, Any], **REFUSALS})
@idempotent
def supplier_stock(request: HttpRequest, body: SupplierStockIn) -> tuple[int, Any]:
    """Set on hand at a supplier's node to what it reports, but never below what is reserved.

    Each row is answered: `short` units are reserved though the supplier has them not; `problem` says why a row was
    left alone. SKUs that are not named stay as they are.
    """
    principal = need(request, "stock.write")
    node = node_named(principal, body.node)
    known = dict(Sku.objects.filter(code__in=[row.sku for row in body.rows]).values_list("code", "pk"))
    codes = {pk: code for code, pk in known.items()}
    rows = [SupplierStockRow(known[row.sku], row.on_hand) for row in body.rows if row.sku in known]
    results = report_supplier_stock(
        node_id=node.pk, rows=rows, op_key=f"feed/{node.pk}/{body.reference}", actor=principal.name
    ) if rows else []  # fmt: skip
    told = [
        {"sku": codes[row.sku_id], "reported": row.reported, "before": row.before, "after": row.after,
         "short": row.short, "problem": row.problem}
        for row in results
    ]  # fmt: skip
    told += [{"sku": row.sku, "reported": row.on_hand, "before": 0, "after": 0, "short": 0,
              "problem": "There is no such SKU."} for row in body.rows if row.sku not in known]  # fmt: skip
    return 200, {"rows": told}
