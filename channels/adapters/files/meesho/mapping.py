"""Orders as downloaded from Meesho's supplier panel: one row a sub-order, which is an order of its own. Pure.

Header recorded. The state of the order hides in "Reason for Credit Entry". Prices are for one unit, tax included. The
file carries neither name nor address, only the customer's state: Meesho prints the label. Such orders are captured and
wait for an address.
"""

from __future__ import annotations

from channels.adapters.files.format import OrderFormat
from channels.imports.types import LineState

STATUSES: dict[str, LineState] = {
    "pending": "open", "ready to ship": "open", "hold": "held", "on hold": "held", "shipped": "shipped",
    "door step exchanged": "shipped", "delivered": "shipped", "exchange": "shipped", "returned": "shipped",
    "return": "shipped", "lost": "shipped", "rto": "shipped", "rto initiated": "shipped", "rto locked": "shipped",
    "rto complete": "shipped", "cancelled": "cancelled",
}  # fmt: skip

FORMAT = OrderFormat(
    code="meesho",
    name="Meesho orders",
    columns={
        "order_id": "Sub Order No", "placed_at": "Order Date", "status": "Reason for Credit Entry",
        "ship_region": "Customer State", "product_name": "Product Name", "sku": "SKU", "size": "Size",
        "quantity": "Quantity", "unit_price": "Supplier Discounted Price (Incl GST and Commision)",
        "listing_id": "Catalog ID",
    },
    required=("Reason for Credit Entry", "Sub Order No", "Order Date", "SKU", "Quantity"),
    statuses=STATUSES,
    withholds_address=True,
)  # fmt: skip
