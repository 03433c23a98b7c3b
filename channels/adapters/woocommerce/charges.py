"""Charges and discounts of a WooCommerce order beside its goods: shipping lines, fee lines, coupons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.adapters.woocommerce.reading import PayloadReader, text

_COD_FEE = re.compile(r"\bcod\b|cash on delivery|cash handling", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """Minor units. `extra` keeps what the canonical order has no field for, as JSON."""

    shipping_minor: int = 0
    shipping_tax_minor: int = 0
    cod_fee_minor: int = 0
    discount_minor: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


def read_charges(reader: PayloadReader, payload: Mapping[str, Any]) -> Charges:
    """Shipping, the COD fee with its tax, and discounts given as negative fees.

    A fee that is neither (gift wrap, handling) is charged with the shipping, so that the total stays exact; its name
    and amount are in `extra["fees"]`. Discounts of coupons are already in the lines; their codes are in
    `extra["coupons"]`.
    """
    shipping = reader.money(payload, "shipping_total", "")
    shipping_tax = reader.money(payload, "shipping_tax", "")
    is_cod = text(payload, "payment_method") == "cod"
    cod_fee = discount = 0
    fees: list[dict[str, Any]] = []
    for index, row in enumerate(reader.objects(payload, "fee_lines")):
        amount = reader.money(row, "total", f"fee_lines[{index}].")
        tax = reader.money(row, "total_tax", f"fee_lines[{index}].")
        name = text(row, "name")
        fees.append({"name": name, "amount_minor": amount, "tax_minor": tax})
        if amount < 0:
            discount -= amount + tax
        elif is_cod and _COD_FEE.search(name):
            cod_fee += amount + tax
        else:
            shipping += amount
            shipping_tax += tax
    if shipping < 0 or shipping_tax < 0:
        reader.issue("shipping_total", payload.get("shipping_total"), "an amount of at least 0")
    coupons = [code for row in reader.objects(payload, "coupon_lines") if (code := text(row, "code"))]
    extra: dict[str, Any] = {}
    if fees:
        extra["fees"] = fees
    if coupons:
        extra["coupons"] = coupons
    return Charges(
        shipping_minor=shipping,
        shipping_tax_minor=shipping_tax,
        cod_fee_minor=cod_fee,
        discount_minor=discount,
        extra=extra,
    )
