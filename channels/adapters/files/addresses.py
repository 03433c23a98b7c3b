"""Fields of an order -> its addresses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.core.values import Address


def address_of(common: Mapping[str, Any], prefix: str, country: str, postcode: str) -> Address:
    """The fields that begin with `prefix` ("ship", "bill") as an address; the recipient is the customer by default."""

    def part(name: str) -> str:
        return str(common.get(f"{prefix}_{name}", ""))

    return Address(
        name=part("name") or (str(common.get("customer_name", "")) if prefix == "ship" else ""),
        company=part("company"),
        line1=part("line1"),
        line2=", ".join(text for text in (part("line2"), part("line3")) if text)[:254],
        city=part("city"),
        region=part("region"),
        postcode=postcode,
        country=country,
        phone=str(common.get("customer_phone", "")),
        email=str(common.get("customer_email", "")),
    )


def bill_to(common: Mapping[str, Any], ship_to: Address) -> Address:
    """Who pays; empty where the file names nobody."""
    if not (common.get("bill_name") or common.get("bill_line1")):
        return Address()
    country = common.get("bill_country", ship_to.country)
    return address_of(common, "bill", country, str(common.get("bill_postcode", "")).removeprefix("'")[:16])
