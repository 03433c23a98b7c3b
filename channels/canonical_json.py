"""A canonical order as JSON, written and read back: the payload of orders that come by file or through our own API.

The form is that of the dataclasses in `orders.canonical`: the same names, money in integer minor units, times in ISO
8601 with an offset, addresses as objects. Reading is strict: an unknown field is an issue, because a misspelt
`discount_minor` that is quietly dropped becomes wrong money. `extra` takes whatever else is worth keeping. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, get_args

from channels.base import MappingError
from channels.json_reader import JsonReader
from oms.core.values import Address
from orders.canonical import (
    CanonicalLine,
    CanonicalOrder,
    CanonicalPayment,
    PaymentMethod,
    PaymentState,
    ServiceLevel,
    Substitutions,
)

_PAYMENT_METHODS: tuple[PaymentMethod, ...] = get_args(PaymentMethod)
_PAYMENT_STATES: tuple[PaymentState, ...] = get_args(PaymentState)
_SERVICE_LEVELS: tuple[ServiceLevel, ...] = get_args(ServiceLevel)
_SUBSTITUTIONS: tuple[Substitutions, ...] = get_args(Substitutions)

#: Longest texts that the columns of an order take.
ID_LENGTH = 120
NAME_LENGTH = 200
LINE_NAME_LENGTH = 300
MAX_LINES = 500


def canonical_to_json(order: CanonicalOrder) -> dict[str, Any]:
    """Every field of the order as JSON values; `canonical_from_json` gives back an equal order."""
    return {key: _plain(value) for key, value in asdict(order).items()}


def canonical_from_json(data: Mapping[str, Any]) -> CanonicalOrder:
    """The order that the JSON states. Raises MappingError with every issue found.

    `external_id`, `placed_at` and at least one line with `external_id`, `sku_code` and `quantity` are required; every
    other field may be left out and takes the default of `CanonicalOrder`.
    """
    reader = JsonReader(data)
    placed_at = reader.moment("placed_at")
    if placed_at is None and not reader.has_issue("placed_at"):
        reader.issue("placed_at", None, "a time such as 2026-11-21T19:16:45+05:30")
    lines = tuple(_read_line(row) for row in reader.objects("lines", most=MAX_LINES))
    if not lines and not reader.has_issue("lines"):
        reader.issue("lines", data.get("lines"), "at least one line")
    ids = [line.external_id for line in lines]
    if len(set(ids)) != len(ids):
        reader.issue("lines", ids, "lines with different external_id")
    values = _read_texts(reader) | {
        "lines": lines,
        "currency": reader.currency("currency"),
        "ship_to": _read_address(reader, "ship_to"),
        "bill_to": _read_address(reader, "bill_to"),
        "shipping_minor": reader.money("shipping_minor"),
        "shipping_tax_minor": reader.money("shipping_tax_minor"),
        "cod_fee_minor": reader.money("cod_fee_minor"),
        "order_discount_minor": reader.money("order_discount_minor"),
        "total_minor": reader.money("total_minor") if data.get("total_minor") is not None else None,
        "payment": _read_payment(reader),
        "service_level": reader.choice("service_level", _SERVICE_LEVELS, "standard"),
        "substitutions": reader.choice("substitutions", _SUBSTITUTIONS, "never"),
        "promised_by": reader.moment("promised_by"),
        "external_updated_at": reader.moment("external_updated_at"),
        "tags": reader.texts("tags", most=40),
        "extra": reader.mapping("extra"),
    }
    for name in ("is_b2b", "is_gift", "cancelled", "on_hold_by_channel", "shipped"):
        values[name] = reader.flag(name)
    reader.refuse_unknown(_names(CanonicalOrder))
    if reader.issues or placed_at is None:
        raise MappingError(reader.issues)
    return CanonicalOrder(placed_at=placed_at, **values)


def _plain(value: Any) -> Any:
    """The JSON form of one value of a dataclass turned into a dict."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _names(kind: type[Any]) -> list[str]:
    return [field.name for field in fields(kind)]


def _read_texts(reader: JsonReader) -> dict[str, Any]:
    values: dict[str, Any] = {"external_id": reader.text("external_id", most=ID_LENGTH, required=True)}
    limits = {
        "external_number": ID_LENGTH, "customer_name": NAME_LENGTH, "customer_email": 254, "customer_phone": 32,
        "pickup_node_code": 40, "buyer_gstin": 15, "gift_message": 5000, "customer_note": 5000, "internal_note": 5000,
    }  # fmt: skip
    for name, most in limits.items():
        values[name] = reader.text(name, most=most)
    return values


def _read_line(reader: JsonReader) -> CanonicalLine:
    quantity = reader.quantity("quantity", low=1, default=1)
    cancelled = reader.quantity("cancelled_quantity", default=0) if "cancelled_quantity" in reader.data else 0
    if cancelled > quantity:
        reader.issue("cancelled_quantity", cancelled, f"at most the quantity of the line, {quantity}")
    line = CanonicalLine(
        external_id=reader.text("external_id", most=ID_LENGTH, required=True),
        sku_code=reader.text("sku_code", most=80, required=True),
        quantity=quantity,
        name=reader.text("name", most=LINE_NAME_LENGTH),
        sku_id=reader.quantity("sku_id", low=1, default=1) if reader.data.get("sku_id") is not None else None,
        unit_price_minor=reader.money("unit_price_minor"),
        discount_minor=reader.money("discount_minor"),
        tax_minor=reader.money("tax_minor"),
        tax_included=reader.flag("tax_included", default=True),
        options={key: str(value) for key, value in reader.mapping("options").items()},
        cancelled_quantity=cancelled,
    )
    reader.refuse_unknown(_names(CanonicalLine))
    return line


def _read_payment(order: JsonReader) -> CanonicalPayment:
    reader = order.object("payment")
    if reader is None:
        return CanonicalPayment()
    payment = CanonicalPayment(
        method=reader.choice("method", _PAYMENT_METHODS, "prepaid"),
        state=reader.choice("state", _PAYMENT_STATES, "paid"),
        gateway=reader.text("gateway", most=60),
        reference=reader.text("reference", most=120),
        amount_minor=reader.money("amount_minor"),
        captured_minor=reader.money("captured_minor"),
        refunded_minor=reader.money("refunded_minor"),
    )
    if payment.captured_minor > payment.amount_minor:
        reader.issue("captured_minor", payment.captured_minor, f"at most amount_minor, {payment.amount_minor}")
    if payment.refunded_minor > payment.captured_minor:
        reader.issue("refunded_minor", payment.refunded_minor, f"at most captured_minor, {payment.captured_minor}")
    reader.refuse_unknown(_names(CanonicalPayment))
    return payment


def _read_address(order: JsonReader, name: str) -> Address:
    reader = order.object(name)
    if reader is None:
        return Address()
    country = reader.text("country", most=2).upper() or "IN"
    if len(country) != 2 or not country.isalpha():
        reader.issue("country", country, "an ISO 3166 code of two letters")
    values = {field: reader.text(field, most=254) for field in _names(Address) if field != "country"}
    reader.refuse_unknown(_names(Address))
    return Address(country=country, **values)
