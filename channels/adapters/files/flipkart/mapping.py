"""Orders as downloaded from Flipkart's Seller Hub: one row an order item, dates like "Aug 26, 2026". Pure.

The header was put together from several public tools that read this file. `Price inc. FKMP Contribution & Subsidy` is
what the buyer pays for one unit plus Flipkart's part; `Invoice Amount` is for the whole row, tax and shipping
included, and is the line total here. Ids are written with a leading apostrophe.
"""

from __future__ import annotations

from channels.adapters.files.format import OrderFormat
from channels.imports.types import LineState

STATUSES: dict[str, LineState] = {
    "approved": "open", "new": "open", "packing in progress": "open", "packed": "open", "form failed": "open",
    "ready to dispatch": "open", "ready to ship": "open", "handover": "open",
    "approval hold": "held", "on hold": "held",
    "pickup complete": "shipped", "shipped": "shipped", "dispatched": "shipped", "in transit": "shipped",
    "delivered": "shipped", "return requested": "shipped", "returned": "shipped", "rto": "shipped",
    "cancelled": "cancelled", "rejected": "cancelled",
}  # fmt: skip

FORMAT = OrderFormat(
    code="flipkart",
    name="Flipkart Seller Hub orders",
    columns={
        "order_id": "Order Id", "line_id": "ORDER ITEM ID", "placed_at": "Ordered On", "status": "Order State",
        "listing_id": "FSN", "sku": "SKU", "product_name": "Product", "quantity": "Quantity",
        "line_total": "Invoice Amount", "customer_name": "Buyer name", "ship_name": "Ship to name",
        "ship_line1": "Address Line 1", "ship_line2": "Address Line 2", "ship_city": "City", "ship_region": "State",
        "ship_postcode": "PIN Code", "promised_by": "Dispatch by date",
    },
    required=("Ordered On", "ORDER ITEM ID", "Order Id", "Order State", "FSN", "SKU", "Invoice Amount", "PIN Code"),
    statuses=STATUSES,
    date_order="mdy",
)  # fmt: skip
