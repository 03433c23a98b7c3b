"""Amazon India's sale report as sellers keep it: one row a line, comma separated, without item ids. Pure.

`Amount` is the line total with GST. Cancelled rows have Qty 0 or their old quantity, and often neither amount nor
currency. `Status` reads "Shipped - Delivered to Buyer": what follows the dash is the courier's news.
"""

from __future__ import annotations

from channels.adapters.files.amazon_all_orders.mapping import FULFILLED_BY_AMAZON, STATUSES
from channels.adapters.files.format import Cells, OrderFormat


def prepare(cells: Cells) -> Cells:
    """The first part of the status is the order's."""
    return cells | {"status": cells.get("status", "").partition(" - ")[0]}


FORMAT = OrderFormat(
    code="amazon_sale_report",
    name="Amazon India sale report",
    columns={
        "order_id": "Order ID", "placed_at": "Date", "status": "Status", "fulfilled_by": "Fulfilment",
        "service_level": "ship-service-level", "sku": "SKU", "product_name": "Category", "size": "Size",
        "listing_id": "ASIN", "quantity": "Qty", "currency": "currency", "line_total": "Amount",
        "ship_city": "ship-city", "ship_region": "ship-state", "ship_country": "ship-country",
        "ship_postcode": "pincode", "is_b2b": "B2B",
    },
    required=("Order ID", "Date", "Status", "Fulfilment", "SKU", "ASIN", "Qty", "Amount", "ship-city", "B2B"),
    statuses=STATUSES,
    prepare=prepare,
    # Exports of this report write 04-30-22 where they do not write 2022-04-30.
    date_order="mdy",
    fulfilled_by_channel=FULFILLED_BY_AMAZON,
)  # fmt: skip
