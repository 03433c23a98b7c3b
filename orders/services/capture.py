"""Capture: canonical orders become rows, each exactly once, many in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from oms.core.db import fetch_dicts, run_statement
from oms.core.errors import DomainError
from oms.core.ids import uuid7
from oms.core.json_text import to_json
from oms.core.places import normalise_postcode
from oms.core.values import MAX_MINOR, MAX_QUANTITY
from orders.canonical import CanonicalKit, CanonicalLine, CanonicalOrder, ComponentLine
from orders.models import SalesChannel
from orders.services.capture_sql import ALREADY, CAPTURE
from orders.services.search_text import search_text
from orders.status import LineQuantities, derive_stage, quantities
from orders.validation import WantedHold, wanted_holds

MAX_LINES = 500


@dataclass(frozen=True, slots=True)
class Captured:
    """What became of one canonical order. `created` is False where it had been captured before."""

    external_id: str
    order_id: int
    number: str
    created: bool


def capture_orders(
    *,
    channel: SalesChannel,
    orders: Sequence[CanonicalOrder],
    actor: str,
    extra_holds: Mapping[str, Sequence[WantedHold]] | None = None,
) -> list[Captured]:
    """Store the orders that are new for this channel; results in the order of the input.

    Exactly once per (channel, external_id): captured before, or twice in `orders`, changes nothing. Validation places
    holds (see `orders.validation`), `extra_holds` adds the caller's own by external id. Publishes OrderCaptured for
    each new order. Raises DomainError, before anything is written, for an order that no row can hold.
    """
    unique = {order.external_id: order for order in orders}
    for order in unique.values():
        _refuse_impossible(order)
    if not unique:
        return []
    return run_statement(lambda: _capture(channel, unique, [o.external_id for o in orders], actor, extra_holds or {}))


def _capture(
    channel: SalesChannel,
    unique: Mapping[str, CanonicalOrder],
    wanted: Sequence[str],
    actor: str,
    extra_holds: Mapping[str, Sequence[WantedHold]],
) -> list[Captured]:
    rows = [_order_row(channel, order, extra_holds.get(order.external_id, ()), actor) for order in unique.values()]
    stored = fetch_dicts(
        CAPTURE,
        {
            "channel": channel.pk,
            "channel_code": channel.code,
            "actor": actor,
            "external_ids": list(unique),
            "orders": to_json(rows),
        },
    )
    by_external = {row["external_id"]: row for row in stored}
    if len(by_external) < len(unique):
        # Somebody captured the same orders between our snapshot and our insert; now they are committed.
        missing = [key for key in unique if key not in by_external]
        by_external |= {row["external_id"]: row for row in fetch_dicts(ALREADY, [channel.pk, missing])}
    return [
        Captured(key, by_external[key]["id"], by_external[key]["number"], by_external[key]["created"]) for key in wanted
    ]


def _refuse_impossible(order: CanonicalOrder) -> None:
    """Errors that no hold can carry: without lines, without zone, out of bounds."""
    name = order.external_number or order.external_id
    if not order.lines or len(order.lines) > MAX_LINES:
        raise DomainError(f"Order {name} has {len(order.lines)} lines; expected 1 to {MAX_LINES}.", field="lines")
    if order.placed_at.tzinfo is None:
        raise DomainError(f"Order {name}: placed_at has no time zone.", field="placed_at")
    seen: set[str] = set()
    for line in order.lines:
        if line.external_id in seen:
            raise DomainError(f"Order {name}: two lines have the id {line.external_id}.", field="lines")
        seen.add(line.external_id)
        if not 1 <= line.quantity <= MAX_QUANTITY:
            raise DomainError(f"Order {name}: quantity {line.quantity} of {line.sku_code}.", field="quantity")
        for amount in (line.unit_price_minor, line.discount_minor, line.tax_minor):
            if not 0 <= amount <= MAX_MINOR:
                raise DomainError(f"Order {name}: amount {amount} of {line.sku_code} is out of bounds.", field="price")


def _order_row(
    channel: SalesChannel, order: CanonicalOrder, more_holds: Sequence[WantedHold], actor: str
) -> dict[str, Any]:
    """One order as the JSON object that the capture statement reads."""
    counters = [_counters(order, line) for line in order.lines]
    kits = {kit.sold.external_id: (uuid7(), kit) for kit in _kits_of(order)}
    lines = [
        _line_row(line, position, counts) | _part_of(line, kits)
        for position, (line, counts) in enumerate(zip(order.lines, counters, strict=True), start=1)
    ]
    ship_to, bill_to = order.ship_to, order.bill_to
    total = order.total_minor if order.total_minor is not None else order.computed_total_minor()
    postcode = normalise_postcode(ship_to.country, ship_to.postcode) or ship_to.postcode
    holds = [*wanted_holds(order), *more_holds]
    ship_by = order.placed_at + timedelta(hours=channel.hours_to_ship)
    if order.promised_by is not None:
        ship_by = min(ship_by, order.promised_by)
    email, phone = order.customer_email or ship_to.email, order.customer_phone or ship_to.phone
    name = order.customer_name or ship_to.name
    payment = order.payment
    captured = min(payment.captured_minor, total)
    return {
        "uid": uuid7(),
        "external_id": order.external_id,
        "external_number": order.external_number or order.external_id,
        "external_updated_at": _iso(order.external_updated_at),
        "placed_at": order.placed_at.isoformat(),
        "stage": derive_stage(counters),
        "open_holds": len(holds),
        "customer_name": name[:200],
        "customer_email": email[:254],
        "customer_phone": phone[:32],
        "ship_to": ship_to.as_json(),
        "bill_to": bill_to.as_json() if bill_to.name or bill_to.line1 else {},
        "ship_postcode": postcode[:16],
        "ship_city": ship_to.city[:120],
        "ship_region": ship_to.region[:120],
        "ship_country": ship_to.country,
        "currency": order.currency,
        "goods_minor": sum(line.unit_price_minor * line.quantity for line in order.lines),
        "discount_minor": order.order_discount_minor + sum(line.discount_minor for line in order.lines),
        "tax_minor": order.shipping_tax_minor + sum(line.tax_minor for line in order.lines),
        "shipping_minor": order.shipping_minor,
        "cod_fee_minor": order.cod_fee_minor,
        "total_minor": total,
        "payment_method": payment.method,
        "payment_state": payment.state,
        "gateway": payment.gateway[:60],
        "payment_reference": payment.reference[:120],
        "amount_minor": max(total, payment.amount_minor, captured),
        "captured_minor": captured,
        "refunded_minor": min(payment.refunded_minor, captured),
        "service_level": order.service_level,
        "pickup_node_code": order.pickup_node_code,
        "substitutions": order.substitutions,
        "promised_by": _iso(order.promised_by),
        "ship_by": ship_by.isoformat(),
        "is_b2b": order.is_b2b,
        "is_gift": order.is_gift,
        "gift_message": order.gift_message,
        "buyer_gstin": order.buyer_gstin[:15],
        "customer_note": order.customer_note,
        "internal_note": order.internal_note,
        "tags": [tag[:40] for tag in order.tags],
        "search_text": search_text(
            references=(order.external_id, order.external_number), name=name, email=email, phone=phone,
            address=ship_to, postcode=postcode,
            sku_codes=[*(kit.sold.sku_code for _, kit in kits.values()), *(line.sku_code for line in order.lines)],
        ),
        "extra": order.extra,
        "lines": lines,
        "kits": [_kit_row(uid, kit) for uid, kit in kits.values()],
        "holds": [{"reason": hold.reason, "handle": hold.handle[:80], "note": hold.note[:500]} for hold in holds],
        "message": _sentence(channel, order, holds),
    }  # fmt: skip


def _counters(order: CanonicalOrder, line: CanonicalLine) -> LineQuantities:
    """Where the units of a line are when it is captured: to be routed, or gone before."""
    gone = line.quantity if order.cancelled else min(line.cancelled_quantity, line.quantity)
    rest = line.quantity - gone
    return LineQuantities(
        unallocated=0 if order.shipped else rest, shipped=rest if order.shipped else 0, cancelled=gone
    )


def _kits_of(order: CanonicalOrder) -> list[CanonicalKit]:
    return [line.kit for line in order.lines if isinstance(line, ComponentLine)]


def _part_of(line: CanonicalLine, kits: Mapping[str, tuple[UUID, CanonicalKit]]) -> dict[str, Any]:
    """Which kit a line is a component of."""
    if not isinstance(line, ComponentLine):
        return {"kit_id": None, "units_per_kit": None}
    return {"kit_id": kits[line.kit.sold.external_id][0], "units_per_kit": line.units_per_kit}


def _kit_row(uid: UUID, kit: CanonicalKit) -> dict[str, Any]:
    sold = kit.sold
    return {
        "id": uid, "external_id": sold.external_id, "sku_code": sold.sku_code[:80], "sku_id": kit.sku_id,
        "name": sold.name[:300], "options": sold.options, "quantity": sold.quantity,
        "unit_price_minor": sold.unit_price_minor, "discount_minor": sold.discount_minor, "tax_minor": sold.tax_minor,
        "tax_included": sold.tax_included, "ships_together": kit.ships_together,
    }  # fmt: skip


def _line_row(line: CanonicalLine, position: int, counters: LineQuantities) -> dict[str, Any]:
    return {
        "uid": uuid7(),
        "external_id": line.external_id,
        "position": position,
        "sku_code": line.sku_code[:80],
        "sku_id": line.sku_id,
        "name": line.name[:300],
        "options": line.options,
        "unit_price_minor": line.unit_price_minor,
        "discount_minor": line.discount_minor,
        "tax_minor": line.tax_minor,
        "tax_included": line.tax_included,
        "quantity": line.quantity,
        **dict(zip(LineQuantities.__slots__, quantities(counters), strict=True)),
    }


def _sentence(channel: SalesChannel, order: CanonicalOrder, holds: Sequence[WantedHold]) -> str:
    text = f"Captured from {channel.name} as {order.external_number or order.external_id}."
    if order.cancelled:
        return f"{text} The channel had already cancelled it."
    if order.shipped:
        return f"{text} The channel had already shipped it."
    if holds:
        return f"{text} On hold: {'; '.join(hold.note for hold in holds)}"[:500]
    return text


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment is not None else None
