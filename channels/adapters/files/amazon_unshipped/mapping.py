"""Amazon's "Unshipped Orders" report: what still has to go out, with full addresses and without prices. Pure.

Headers of India, Europe (2019) and the cash-on-delivery variant were recorded; they differ in what they leave out.
Every row is open by definition. The quantity is the part still to ship.
"""

from __future__ import annotations

from channels.adapters.files.format import Cells, OrderFormat


def prepare(cells: Cells) -> Cells:
    """Cash on delivery is told by the payment details, or by an amount to collect."""
    details = f"{cells.get('_payment', '')} {cells.get('_payment_details', '')}".lower()
    collect = cells.get("_collect", "").strip(" 0.")
    is_cod = "cod" in details or "cash" in details or bool(collect)
    pickup = cells.get("_pickup", "").lower() == "true"
    return cells | {"payment_method": "cod" if is_cod else "prepaid"} | ({"service_level": "pickup"} if pickup else {})


FORMAT = OrderFormat(
    code="amazon_unshipped",
    name="Amazon unshipped orders report",
    columns={
        "order_id": "order-id", "line_id": "order-item-id", "placed_at": "purchase-date",
        "promised_by": "promise-date", "customer_email": "buyer-email", "customer_name": "buyer-name",
        "_payment_details": "payment-method-details", "_payment": "payment-method",
        "_collect": "cod-collectible-amount",
        "customer_phone": "buyer-phone-number", "sku": "sku", "product_name": "product-name",
        "quantity": "quantity-to-ship", "service_level": "ship-service-level", "ship_name": "recipient-name",
        "ship_line1": "ship-address-1", "ship_line2": "ship-address-2", "ship_line3": "ship-address-3",
        "ship_city": "ship-city", "ship_region": "ship-state", "ship_postcode": "ship-postal-code",
        "ship_country": "ship-country", "is_b2b": "is-business-order", "_pickup": "is-ispu-order",
    },
    required=("order-id", "order-item-id", "purchase-date", "sku", "quantity-to-ship", "ship-postal-code"),
    statuses={},
    prepare=prepare,
)  # fmt: skip
