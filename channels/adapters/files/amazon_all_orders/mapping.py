"""Amazon's "All Orders" flat file: one row an item, tab separated, no names and no street. Pure.

Field list: Seller Central help 200547170. `item-price`, `item-tax`, `shipping-price` are for the whole quantity of the
row; in India and Europe they contain the tax. Promotion discounts are printed without a sign. A pending order has no
prices yet, so it waits until the next report; times are UTC with an offset.
"""

from __future__ import annotations

from channels.adapters.files.format import Cells, OrderFormat
from channels.imports.types import LineState

STATUSES: dict[str, LineState] = {
    "pending": "unpaid", "pending - waiting for pick up": "open", "unshipped": "open", "partially shipped": "open",
    "partiallyshipped": "open", "shipping": "open", "complete": "shipped", "shipped": "shipped",
    "delivered": "shipped", "invoiceunconfirmed": "open", "cancelled": "cancelled", "canceled": "cancelled",
    "unfulfillable": "cancelled",
}  # fmt: skip
FULFILLED_BY_AMAZON = frozenset({"amazon", "afn"})
_TAX_ON_TOP = frozenset({"USD", "CAD"})


def prepare(cells: Cells) -> Cells:
    """An item of a shipped order may itself be cancelled. In America the tax comes on top: it is added here."""
    item = cells.get("_item_status", "").strip().lower()
    if item in {"cancelled", "canceled"}:
        cells = cells | {"status": "Cancelled"}
    if cells.get("currency", "").upper() not in _TAX_ON_TOP:
        cells = cells | {"shipping_tax": ""}
    return cells


FORMAT = OrderFormat(
    code="amazon_all_orders",
    name="Amazon all orders report",
    columns={
        "order_id": "amazon-order-id", "placed_at": "purchase-date", "updated_at": "last-updated-date",
        "status": "order-status", "_item_status": "item-status", "fulfilled_by": "fulfillment-channel",
        "service_level": "ship-service-level", "product_name": "product-name", "sku": "sku", "listing_id": "asin",
        "quantity": "quantity", "currency": "currency", "line_total": "item-price", "line_tax": "item-tax",
        "shipping": "shipping-price", "shipping_tax": "shipping-tax", "line_discount": "item-promotion-discount",
        "shipping_discount": "ship-promotion-discount", "ship_city": "ship-city", "ship_region": "ship-state",
        "ship_postcode": "ship-postal-code", "ship_country": "ship-country", "is_b2b": "is-business-order",
    },
    required=(
        "amazon-order-id", "purchase-date", "order-status", "fulfillment-channel", "sku", "quantity", "item-price",
    ),
    statuses=STATUSES,
    prepare=prepare,
    charges_per_row=True,
    fulfilled_by_channel=FULFILLED_BY_AMAZON,
)  # fmt: skip
