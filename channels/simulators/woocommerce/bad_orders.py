"""Orders that no OMS can simply take: what real stores send when a plugin or a person has gone wrong."""

from __future__ import annotations

import json
from collections.abc import Callable

from channels.simulators.woocommerce.buyers import Buyers
from channels.simulators.woocommerce.database import Doc


def _unknown_sku(order: Doc) -> None:
    order["line_items"][0] |= {"sku": f"NO-SUCH-SKU-{order['id']}", "product_id": 900_000 + order["id"]}


def _deleted_product(order: Doc) -> None:
    order["line_items"][0] |= {"sku": None, "product_id": 0, "variation_id": 0}


def _no_postcode(order: Doc) -> None:
    order["shipping"]["postcode"] = order["billing"]["postcode"] = ""


def _bad_postcode(order: Doc) -> None:
    order["shipping"]["postcode"] = "99-ABC"


def _no_address(order: Doc) -> None:
    for name in ("address_1", "address_2", "city", "state", "postcode"):
        order["shipping"][name] = order["billing"][name] = ""


def _bad_phone(order: Doc) -> None:
    order["shipping"]["phone"] = order["billing"]["phone"] = "12345"


def _bad_price(order: Doc) -> None:
    order["line_items"][0] |= {"subtotal": "1.299,00", "total": "1.299,00"}


def _fraction_quantity(order: Doc) -> None:
    order["line_items"][0]["quantity"] = 1.5


def _no_lines(order: Doc) -> None:
    order["line_items"] = []


BAD_ORDERS: dict[str, Callable[[Doc], None]] = {
    "unknown_sku": _unknown_sku,
    "deleted_product": _deleted_product,
    "no_postcode": _no_postcode,
    "bad_postcode": _bad_postcode,
    "no_address": _no_address,
    "bad_phone": _bad_phone,
    "bad_price": _bad_price,
    "fraction_quantity": _fraction_quantity,
    "no_lines": _no_lines,
}


def place_bad_order(buyers: Buyers, kind: str) -> int | None:
    """Place an order and spoil it before anybody can see it; None when nothing is in stock."""
    if kind not in BAD_ORDERS:
        raise ValueError(f"kind is one of {', '.join(BAD_ORDERS)}")
    with buyers.database.transaction():
        placed = buyers.place({"note": "", "gift": False})
        if placed is None:
            return None
        number = int(placed["id"])
        order = buyers.orders.stored(number)
        BAD_ORDERS[kind](order)
        # Spoiled in place: it was never seen in any other state, so its time of change stays.
        buyers.database.run("UPDATE orders SET doc = ? WHERE id = ?", (json.dumps(order), number))
        buyers.database.run("DELETE FROM intention WHERE order_id = ?", (number,))
        return number
