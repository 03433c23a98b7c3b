"""What an order is found by: one text of words in lower case, made at capture and again when the address changes."""

from __future__ import annotations

from collections.abc import Iterable

from oms.core.values import Address
from orders.validation import digits

#: SKU codes of so many lines are searched; the sku: condition finds the others.
_MOST_CODES = 20


def search_text(
    *,
    references: Iterable[str],
    name: str,
    email: str,
    phone: str,
    address: Address,
    postcode: str,
    sku_codes: Iterable[str],
) -> str:
    """The text of OrderSearch. `references` are the numbers of the order, `name`, `email` and `phone` the customer's.

    Who the parcel goes to is in it as well; `postcode` stands for that of the address, as its country writes it.
    """
    words = [
        *references, name, email, digits(phone), postcode, address.city, address.name, digits(address.phone),
        address.email, *list(sku_codes)[:_MOST_CODES],
    ]  # fmt: skip
    return " ".join(dict.fromkeys(word.lower() for word in words if word))
