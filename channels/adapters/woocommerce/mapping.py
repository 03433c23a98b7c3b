"""A WooCommerce order (REST v3) as a canonical order. Pure: no clock, network or database.

Contract: replies and OPTIONS schemas recorded from WooCommerce 9.8.5. Two things to know about its money: the amounts
of a line are for the whole line and never contain tax, whatever `prices_include_tax` says (that flag tells how the
prices were entered); and `total` of an order is not lowered by refunds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from channels.adapters.woocommerce.charges import Charges, read_charges
from channels.adapters.woocommerce.reading import PayloadReader, meta, text
from channels.adapters.woocommerce.regions import region_name
from channels.base import MappingError
from oms.core.values import Address
from orders.canonical import (
    CanonicalLine,
    CanonicalOrder,
    CanonicalPayment,
    PaymentMethod,
    PaymentState,
    ServiceLevel,
)

#: States of an order that a store shows in lists but that no buyer has placed yet.
DRAFT_STATUSES = frozenset({"auto-draft", "checkout-draft", "draft", "new"})

_CURRENCY = re.compile(r"[A-Z]{3}")
_GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]Z[0-9A-Z]")
_GSTIN_KEYS = ("_billing_gstin", "billing_gstin", "_billing_gst_number", "billing_gst_number", "gstin")
_GIFT_KEYS = ("_is_gift", "is_gift", "_gift", "gift", "_gift_order")
_GIFT_MESSAGE_KEYS = ("_gift_message", "gift_message", "_gift_note", "gift_note")
_YES = frozenset({"1", "yes", "true", "on"})
_PAID_STATUSES = frozenset({"processing", "completed"})


def to_canonical(
    payload: Mapping[str, Any],
    *,
    currency: str = "INR",
    time_zone: str = "Asia/Kolkata",
    pickup_nodes: Mapping[str, str] | None = None,
) -> CanonicalOrder:
    """The canonical order. `currency` and `time_zone` are the account's, used where the store states none.

    `pickup_nodes` names our node for each pickup location of the store. Raises MappingError with every issue found.
    """
    stated = text(payload, "currency").upper() or currency
    reader = PayloadReader(stated)
    if not _CURRENCY.fullmatch(stated):
        reader.issue("currency", payload.get("currency"), "an ISO 4217 code")
    external_id = text(payload, "id")
    if not external_id.isdigit() or external_id == "0":
        reader.issue("id", payload.get("id"), "the number of an order")
    placed_at = reader.moment(payload, "date_created", time_zone)
    if placed_at is None and not any(issue.field.startswith("date_created") for issue in reader.issues):
        reader.issue("date_created_gmt", payload.get("date_created_gmt"), "a time such as 2026-11-21T19:16:45")
    status = text(payload, "status").removeprefix("wc-")
    if not status:
        reader.issue("status", payload.get("status"), "a status such as processing")
    lines = _lines(reader, payload, was_completed=bool(payload.get("date_completed_gmt")) or status == "completed")
    charges = read_charges(reader, payload)
    total_minor = reader.money(payload, "total", "", missing=None)
    if total_minor < 0:
        reader.issue("total", payload.get("total"), "an amount of at least 0")
    payment = _payment(reader, payload, status, total_minor)
    updated_at = reader.moment(payload, "date_modified", time_zone)
    if reader.issues or placed_at is None:
        raise MappingError(reader.issues)
    order = _assemble(payload, stated, placed_at, lines, charges, payment, pickup_nodes or {})
    return _with_status(order, payload, status, total_minor, updated_at)


def _assemble(
    payload: Mapping[str, Any],
    currency: str,
    placed_at: datetime,
    lines: tuple[CanonicalLine, ...],
    charges: Charges,
    payment: CanonicalPayment,
    pickup_nodes: Mapping[str, str],
) -> dict[str, Any]:
    billing = _object(payload, "billing")
    bill_to = _address(billing, phone="", email="")
    ship_to = _address(_object(payload, "shipping"), phone=bill_to.phone, email=bill_to.email)
    if not (ship_to.line1 or ship_to.postcode or ship_to.city):
        # The buyer gave one address: WooCommerce leaves the other one empty.
        ship_to = bill_to
    facts = meta(payload)
    gift_message = _first(facts, _GIFT_MESSAGE_KEYS)
    gstin = _gstin(facts)
    level, location = _service(payload)
    return {
        "external_id": text(payload, "id"),
        "external_number": text(payload, "number") or text(payload, "id"),
        "placed_at": placed_at,
        "currency": currency,
        "lines": lines,
        "customer_name": bill_to.name or ship_to.name,
        "customer_email": bill_to.email,
        "customer_phone": bill_to.phone or ship_to.phone,
        "ship_to": ship_to,
        "bill_to": bill_to,
        "shipping_minor": charges.shipping_minor,
        "shipping_tax_minor": charges.shipping_tax_minor,
        "cod_fee_minor": charges.cod_fee_minor,
        "order_discount_minor": charges.discount_minor,
        "payment": payment,
        "service_level": level,
        "pickup_node_code": pickup_nodes.get(location, ""),
        "is_b2b": bool(gstin),
        "buyer_gstin": gstin,
        "is_gift": bool(gift_message) or _first(facts, _GIFT_KEYS).lower() in _YES,
        "gift_message": gift_message,
        "customer_note": text(payload, "customer_note"),
        "extra": charges.extra | ({"pickup_location": location} if location else {}),
    }


def _with_status(
    fields: dict[str, Any], payload: Mapping[str, Any], status: str, total_minor: int, updated_at: datetime | None
) -> CanonicalOrder:
    completed = status == "completed" or (status == "refunded" and bool(payload.get("date_completed_gmt")))
    order = CanonicalOrder(
        **fields,
        total_minor=total_minor,
        # A refund after completion is a return; before it, the goods never left.
        cancelled=status in ("cancelled", "trash") or (status == "refunded" and not completed),
        # A failed payment may be tried again on the same order, so it waits instead of being cancelled.
        on_hold_by_channel=status in ("on-hold", "failed"),
        shipped=completed,
        external_updated_at=updated_at,
    )
    order.extra["channel_status"] = status
    difference = total_minor - order.computed_total_minor()
    if difference:
        # Rounding of taxes, or a plugin such as gift cards that changes only the total.
        order.extra["total_difference_minor"] = difference
    return order


def _lines(reader: PayloadReader, payload: Mapping[str, Any], *, was_completed: bool) -> tuple[CanonicalLine, ...]:
    rows = reader.objects(payload, "line_items")
    if not rows:
        reader.issue("line_items", payload.get("line_items"), "at least one line")
    with_tax = payload.get("prices_include_tax") is True
    lines = [_line(reader, row, f"line_items[{index}].", with_tax, was_completed) for index, row in enumerate(rows)]
    ids = [line.external_id for line in lines]
    if len(set(ids)) != len(ids):
        reader.issue("line_items", ids, "lines with different ids")
    return tuple(lines)


def _line(
    reader: PayloadReader, row: Mapping[str, Any], path: str, with_tax: bool, was_completed: bool
) -> CanonicalLine:
    external_id = text(row, "id")
    if not external_id:
        reader.issue(f"{path}id", row.get("id"), "the number of a line")
    sku_code = listing_code(row)
    if not sku_code:
        reader.issue(f"{path}sku", row.get("sku"), "a SKU or a product that still exists")
    quantity = reader.quantity(row, "quantity", path)
    tax_minor = reader.money(row, "total_tax", path)
    before = reader.money(row, "subtotal", path, missing=None)
    after = reader.money(row, "total", path, missing=None)
    if with_tax:
        before += reader.money(row, "subtotal_tax", path)
        after += tax_minor
    if before < 0 or after < 0 or tax_minor < 0:
        reader.issue(f"{path}total", row.get("total"), "amounts of at least 0")
    # Where the amount of the line does not divide, the price of a unit is rounded up and the rest taken off again.
    unit_price = -(-before // quantity)
    facts = meta(row)
    return CanonicalLine(
        external_id=external_id,
        sku_code=sku_code,
        quantity=quantity,
        name=text(row, "name"),
        unit_price_minor=unit_price,
        discount_minor=unit_price * quantity - after,
        tax_minor=tax_minor,
        tax_included=with_tax,
        options=_options(row),
        cancelled_quantity=0 if was_completed else min(quantity, _restocked(facts)),
    )


def listing_code(row: Mapping[str, Any]) -> str:
    """The SKU of a product or line; where the seller gave none, a code made of the store's ids, else empty.

    SKUs are optional in WooCommerce. The made-up code is the same in listings and orders, so it can be mapped.
    """
    sku = text(row, "sku")
    number = text(row, "variation_id")
    if number in ("", "0"):
        number = text(row, "product_id")
    return sku or (f"WC-{number}" if number not in ("", "0") else "")


def _options(row: Mapping[str, Any]) -> dict[str, str]:
    options: dict[str, str] = {}
    for item in row.get("meta_data") or []:
        if not isinstance(item, Mapping) or str(item.get("key", "")).startswith("_"):
            continue
        value = item.get("display_value", item.get("value"))
        if isinstance(value, str | int | float):
            options[str(item.get("display_key") or item.get("key"))] = str(value)
    return options


def _restocked(facts: Mapping[str, Any]) -> int:
    """Units refunded and put back into stock: the only quantity of a refund that the order itself states."""
    value = str(facts.get("_restock_refunded_items", ""))
    return int(value) if value.isascii() and value.isdigit() else 0


def _payment(reader: PayloadReader, payload: Mapping[str, Any], status: str, total_minor: int) -> CanonicalPayment:
    gateway = text(payload, "payment_method")
    method: PaymentMethod = "cod" if gateway == "cod" else "prepaid"
    refunds = reader.objects(payload, "refunds")
    refunded = sum(abs(reader.money(row, "total", f"refunds[{n}].")) for n, row in enumerate(refunds))
    paid = bool(payload.get("date_paid_gmt") or payload.get("date_paid"))
    if method == "prepaid":
        paid = paid or status in _PAID_STATUSES
    return CanonicalPayment(
        method=method,
        state=_payment_state(status, paid=paid, refunded_minor=refunded, total_minor=total_minor),
        gateway=gateway,
        reference=text(payload, "transaction_id"),
        amount_minor=total_minor,
        captured_minor=total_minor if paid else 0,
        refunded_minor=min(refunded, total_minor) if paid else 0,
    )


def _payment_state(status: str, *, paid: bool, refunded_minor: int, total_minor: int) -> PaymentState:
    if status == "failed":
        return "failed"
    if not paid:
        return "pending"
    if status == "refunded" or (refunded_minor and refunded_minor >= total_minor):
        return "refunded"
    return "partially_refunded" if refunded_minor else "paid"


def _address(data: Mapping[str, Any], *, phone: str, email: str) -> Address:
    country = text(data, "country").upper()
    return Address(
        name=" ".join(part for part in (text(data, "first_name"), text(data, "last_name")) if part),
        company=text(data, "company"),
        line1=text(data, "address_1"),
        line2=text(data, "address_2"),
        city=text(data, "city"),
        region=region_name(country, text(data, "state")),
        postcode=text(data, "postcode"),
        country=country or "IN",
        phone=text(data, "phone") or phone,
        email=text(data, "email") or email,
    )


def _object(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = payload.get(key)
    return value if isinstance(value, Mapping) else {}


def _service(payload: Mapping[str, Any]) -> tuple[ServiceLevel, str]:
    """The service level by the shipping method's id and title, and the pickup location's name where it is a pickup."""
    for row in payload.get("shipping_lines") or []:
        if not isinstance(row, Mapping):
            continue
        method, title = text(row, "method_id"), text(row, "method_title").lower()
        if method in ("local_pickup", "pickup_location"):
            return "pickup", str(meta(row).get("pickup_location") or "")
        if "same day" in title or "same-day" in title:
            return "same_day", ""
        if "express" in title or "next day" in title:
            return "express", ""
    return "standard", ""


def _first(facts: Mapping[str, Any], keys: Sequence[str]) -> str:
    values = (facts.get(key) for key in keys)
    return next((str(value).strip() for value in values if isinstance(value, str | int | bool) and value), "")


def _gstin(facts: Mapping[str, Any]) -> str:
    value = _first(facts, _GSTIN_KEYS).upper()
    return value if _GSTIN.fullmatch(value) else ""


def modified_at(payload: Mapping[str, Any], time_zone: str) -> datetime | None:
    """When the order last changed, in UTC, to the second that WooCommerce keeps; None where it is not stated."""
    moment = PayloadReader("INR").moment(payload, "date_modified", time_zone)
    return moment.astimezone(UTC).replace(microsecond=0) if moment else None
