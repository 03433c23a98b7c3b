"""What is wrong with an order that came in: holds to place before its work is released. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from oms.core.places import find_place, has_postcodes, normalise_postcode
from orders.canonical import CanonicalOrder

_DIGITS = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class WantedHold:
    """A hold that validation asks for."""

    reason: str
    handle: str
    note: str


def wanted_holds(order: CanonicalOrder) -> list[WantedHold]:
    """Every reason not to release the order yet; empty for an order that may go straight to a node."""
    if order.cancelled or order.shipped:
        return []
    found = [*_payment(order), *_channel(order)]
    if order.service_level != "pickup":
        found += _address(order)
    found += [
        WantedHold(
            "unmapped_sku", f"unmapped_sku:{line.external_id}", f"{line.sku_code} is not a SKU of the catalogue."
        )
        for line in order.lines
        if line.sku_id is None
    ]
    return found


def _payment(order: CanonicalOrder) -> list[WantedHold]:
    payment = order.payment
    if payment.method == "prepaid" and payment.state in {"pending", "failed"}:
        note = "The payment failed." if payment.state == "failed" else "The channel has not confirmed the payment."
        return [WantedHold("payment_pending", "payment_pending", note)]
    return []


def _channel(order: CanonicalOrder) -> list[WantedHold]:
    if order.on_hold_by_channel:
        return [WantedHold("channel", "channel", "The channel asks to wait with this order.")]
    return []


def _address(order: CanonicalOrder) -> list[WantedHold]:
    address = order.ship_to
    wanted = ("city", "postcode") if has_postcodes(address.country) else ("city",)
    missing = [name for name in wanted if not getattr(address, name)]
    if not address.line1 and not order.extra.get("address_withheld"):
        missing.insert(0, "line1")
    if missing:
        return [WantedHold("bad_address", "bad_address", f"Missing in the address: {', '.join(missing)}.")]
    if not address.postcode:
        return []
    postcode = normalise_postcode(address.country, address.postcode)
    if postcode is None or (address.country == "IN" and find_place("IN", postcode) is None):
        note = f"{address.postcode!r} is not a known postcode of {address.country}."
        return [WantedHold("unknown_postcode", "unknown_postcode", note)]
    return []


def digits(phone: str) -> str:
    """The digits of a phone number, the last ten of them: what people type into a search."""
    return "".join(_DIGITS.findall(phone))[-10:]
