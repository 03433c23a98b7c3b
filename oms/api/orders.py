"""Orders over the API: hand in, look up, hold, release, cancel, reroute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import StringConstraints

from channels.models import ChannelAccount
from channels.services import Submitted, submit_held_order, submit_orders
from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.selectors.hand_offs import waiting_for_wms
from fulfillment.services import cancel_order, lines_with_kits, reroute_order
from oms.accounts.access import Principal, in_order_scope
from oms.api.gate import ErrorOut, idempotent, json_body, need, node_named
from oms.core.errors import DomainError, NotFound
from orders.kits import by_kit, kit_units, open_kits
from orders.models import Order, OrderLine
from orders.services import place_hold, release_orders
from routing.services import CheckoutHold

router = Router(tags=["orders"])
REFUSALS = {404: ErrorOut, 409: ErrorOut, 422: ErrorOut}
MAX_ORDERS = 500

_EXAMPLE = {
    "orders": [
        {
            "external_id": "B2B-1001", "placed_at": "2026-11-21T10:15:00+05:30", "currency": "INR",
            "customer_name": "Asha Rao", "customer_email": "asha@example.com", "customer_phone": "+919845012345",
            "ship_to": {"name": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "region": "Karnataka",
                        "postcode": "560001", "country": "IN", "phone": "+919845012345"},
            "payment": {"method": "prepaid", "state": "paid"},
            "lines": [{"sku_code": "KURTA-M", "quantity": 2, "unit_price_minor": 99900}],
        }
    ]
}  # fmt: skip


class HoldIn(Schema):
    """Why an order is held."""

    reason: str = "other"
    note: str = ""
    handle: Annotated[str, StringConstraints(min_length=1, max_length=80)] = "api"


class CancelIn(Schema):
    """Why an order is cancelled; `lines` maps order line ids to units, none means the whole order.

    `kits` maps ids of the order's kits to units of them; their components go together. Whole ones go first, then what
    is left of those that left in part.
    """

    reason: str
    lines: dict[int, int] | None = None
    kits: dict[UUID, int] | None = None


class RerouteIn(Schema):
    """To which node an order should go; none lets routing decide."""

    node: str | None = None


@router.post(
    "",
    summary="Hand in orders",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {
        "schema": {"type": "object", "required": ["orders"],
                   "properties": {"orders": {"type": "array", "maxItems": MAX_ORDERS, "items": {"type": "object"}},
                                  "hold": {"type": "string", "format": "uuid"}}},
        "example": _EXAMPLE}}}},
    response={201: dict[str, Any], 409: ErrorOut, 422: ErrorOut},
)  # fmt: skip
@idempotent
def create_orders(request: HttpRequest, channel: str) -> tuple[int, Any]:
    """Hand in up to 500 orders of one channel (`?channel=code`).

    Each is captured exactly once per external id; handing it in again gives the same answer. An order that cannot be
    understood goes to quarantine and is answered with its issues: field, what came, what was expected.

    `hold` names a hold of the caller that becomes the one order of the call: captured and reserved where the hold kept
    its units, or, with 409 and a `code` that says why, neither.
    """
    principal = need(request, "orders.ingest")
    account = _account(principal, channel)
    body = json_body(request)
    payloads = body.get("orders") if isinstance(body, dict) else None
    if not isinstance(payloads, list) or not 1 <= len(payloads) <= MAX_ORDERS:
        raise DomainError(f"Expected an object with a list `orders` of 1 to {MAX_ORDERS} orders.", field="orders")
    if not all(isinstance(payload, dict) for payload in payloads):
        raise DomainError("Every entry of `orders` must be an object.", field="orders")
    hold = body.get("hold")
    results = submit_orders(account, payloads) if hold is None else [_held(principal, account, payloads, hold)]
    return 201, {"orders": [_submitted(result) for result in results]}


def _held(principal: Principal, account: ChannelAccount, payloads: list[dict[str, Any]], hold: object) -> Submitted:
    principal.require("stock.hold")
    if len(payloads) != 1:
        raise DomainError(f"A hold becomes one order; {len(payloads)} came with it.", field="orders")
    try:
        uid = UUID(str(hold))
    except ValueError as error:
        raise DomainError(f"{hold!r} is not the uid of a hold.", field="hold") from error
    claim = CheckoutHold(uid, principal.key, account.channel.code)
    return submit_held_order(account, payloads[0], claim, actor=principal.name)


def _account(principal: Principal, code: str) -> ChannelAccount:
    account = ChannelAccount.objects.select_related("channel").filter(channel__code=code).first()
    if account is None or not principal.sees_channel(code):
        raise NotFound(f"There is no channel {code}.", field="channel")
    return account


def _submitted(result: Submitted) -> dict[str, Any]:
    return {
        "external_id": result.external_id, "state": result.state, "number": result.number,
        "message_id": result.message_id, "issues": result.issues,
    }  # fmt: skip


@router.get("", summary="List orders, newest first", response={200: dict[str, Any], 403: ErrorOut})
def list_orders(
    request: HttpRequest,
    stage: str = "",
    channel: str = "",
    updated_since: datetime | None = None,
    external_id: str = "",
    before: int | None = None,
    limit: int = 50,
) -> Any:
    """Orders in scope, newest first; `before` is the `next` of the page before."""
    principal = need(request, "orders.view")
    found = in_order_scope(Order.objects.all(), principal)
    if stage:
        found = found.filter(stage=stage)
    if channel:
        found = found.filter(channel__code=channel)
    if external_id:
        found = found.filter(external_id=external_id)
    if updated_since is not None:
        found = found.filter(updated_at__gte=updated_since)
    if before is not None:
        found = found.filter(pk__lt=before)
    size = max(1, min(limit, 200))
    rows = list(_with_details(found).order_by("-pk")[:size])
    return {
        "orders": [order_out(order, principal) for order in rows],
        "next": rows[-1].pk if len(rows) == size else None,
    }


@router.get("/{number}", summary="One order", response={200: dict[str, Any], 404: ErrorOut})
def get_order(request: HttpRequest, number: str) -> Any:
    """An order with its lines, work and shipments."""
    principal = need(request, "orders.view")
    return order_out(_order(principal, number), principal)


def _with_details(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.select_related("channel").prefetch_related(
        Prefetch("lines", OrderLine.objects.select_related("kit", "substitute_for")),
        Prefetch("fulfillment_orders", FulfillmentOrder.objects.select_related("node")),
        Prefetch("shipments", Shipment.objects.select_related("fulfillment_order").order_by("pk")),
    )


def _kit_out(parts: Sequence[OrderLine]) -> dict[str, Any]:
    """A line of the channel that was sold as a kit, in whole kits; `parts` are its components, with their kit.

    `torn` are those that left in part: the rest of them can be cancelled, too.
    """
    kit, units = parts[0].kit, kit_units(parts)
    assert kit is not None
    return {
        "id": str(kit.pk), "external_id": kit.external_id, "sku": kit.sku_code, "quantity": kit.quantity,
        "unit_price_minor": kit.unit_price_minor, "shipped": units.shipped, "delivered": units.delivered,
        "returned": units.returned, "cancelled": units.cancelled, "cancellable": units.live,
        "torn": open_kits(parts) - units.live,
    }  # fmt: skip


def _order(principal: Principal, number: str) -> Order:
    order = _with_details(in_order_scope(Order.objects.filter(number=number), principal)).first()
    if order is None:
        raise NotFound(f"There is no order {number}.")
    return order


def order_out(order: Order, principal: Principal) -> dict[str, Any]:
    """An order as the API shows it; personal data only for those who may see it."""
    private = principal.may("pii.view") or principal.may("orders.ingest")
    return {
        "number": order.number, "channel": order.channel.code, "external_id": order.external_id,
        "external_number": order.external_number, "stage": order.stage, "on_hold": order.is_held,
        "placed_at": order.placed_at.isoformat(), "ship_by": order.ship_by.isoformat() if order.ship_by else None,
        "promised_by": order.promised_by.isoformat() if order.promised_by else None, "version": order.version,
        "currency": order.currency, "total_minor": order.total_minor, "payment_method": order.payment_method,
        "substitutions": order.substitutions,
        "ship_to": order.ship_to if private else {"city": order.ship_city, "postcode": order.ship_postcode},
        "lines": [
            {
                "id": line.pk, "external_id": line.external_id, "sku": line.sku_code, "quantity": line.quantity,
                "unit_price_minor": line.unit_price_minor, "kit": str(line.kit_id) if line.kit_id else None,
                "units_per_kit": line.units_per_kit, "substitute_for": line.substitute_for_id,
                **{name: getattr(line.quantities, name) for name in line.quantities.__slots__},
            }
            for line in order.lines.all()
        ],
        "kits": [_kit_out(parts) for parts in by_kit(order.lines.all()).values()],
        "fulfillment_orders": [
            {"number": work.number, "id": work.pk, "node": work.node.code, "kind": work.kind, "state": work.state}
            for work in order.fulfillment_orders.all()
        ],
        "shipments": [
            {
                "id": item.pk, "kind": item.fulfillment_order.kind, "state": item.state, "awb": item.awb,
                "courier": item.courier_name,
            }
            for item in order.shipments.all()
        ],
    }  # fmt: skip


@router.post("/{number}/hold", summary="Hold an order", response={200: dict[str, Any], **REFUSALS})
@idempotent
def hold(request: HttpRequest, number: str, body: HoldIn) -> tuple[int, Any]:
    """Hold an order: its stock stays reserved, its work is not released."""
    principal = need(request, "orders.hold")
    order = _order(principal, number)
    place_hold(order_id=order.pk, reason=body.reason, source=principal.name, handle=body.handle, note=body.note,
               actor=principal.name)  # fmt: skip
    return 200, order_out(_order(principal, number), principal)


@router.post("/{number}/release", summary="Clear every hold of an order", response={200: dict[str, Any], **REFUSALS})
@idempotent
def release(request: HttpRequest, number: str) -> tuple[int, Any]:
    """Clear every open hold."""
    principal = need(request, "orders.release")
    order = _order(principal, number)
    result = release_orders(order_ids=[order.pk], actor=principal.name)
    if result.refused:
        raise DomainError(result.refused[order.pk])
    return 200, order_out(_order(principal, number), principal)


@router.post("/{number}/cancel", summary="Cancel an order or some of it", response={200: dict[str, Any], **REFUSALS})
@idempotent
def cancel(request: HttpRequest, number: str, body: CancelIn) -> tuple[int, Any]:
    """Cancel what has not left a node: stock goes back, labels are voided, the refund due is noted."""
    principal = need(request, "orders.cancel")
    order = _order(principal, number)
    wanted = lines_with_kits(order_id=order.pk, lines=body.lines, kits=body.kits)
    done = cancel_order(order_id=order.pk, reason=body.reason, lines=wanted, actor=principal.name)
    return 200, {"units": done.units, "refund_minor": done.refund_minor, "currency": done.currency,
                 "asked_wms": done.asked,
                 "order": order_out(_order(principal, number), principal)}  # fmt: skip


@router.post("/{number}/reroute", summary="Decide again", response={200: dict[str, Any], **REFUSALS})
@idempotent
def reroute(request: HttpRequest, number: str, body: RerouteIn) -> tuple[int, Any]:
    """Take unstarted work back and route again, to a node in scope or wherever it is best now."""
    principal = need(request, "orders.reroute")
    order = _order(principal, number)
    node = node_named(principal, body.node) if body.node else None
    reroute_order(order_id=order.pk, to_node_id=node.pk if node else None, actor=principal.name)
    return 200, order_out(_order(principal, number), principal) | {"asked_wms": waiting_for_wms(order.pk)}
