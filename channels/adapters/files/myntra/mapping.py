"""The seller orders report of Myntra's partner portal: one row a unit, header in lower case. Pure.

The header was put together from public tools that read this file; nobody recorded one for us. Rows have no quantity,
because each unit is a row. `final amount` is what the buyer pays for it. Rows of one `store order id` are one order;
where that is empty, of one `order release id`. No street, only city, state and zipcode.
"""

from __future__ import annotations

from channels.adapters.files.format import Cells, OrderFormat
from channels.imports.types import LineState

STATUSES: dict[str, LineState] = {
    "wp": "open", "q": "open", "rfr": "open", "pk": "open", "packed": "open", "packing in progress": "open",
    "ready for dispatch": "open", "oh": "held", "on hold": "held",
    "sh": "shipped", "shipped": "shipped", "dl": "shipped", "d": "shipped", "c": "shipped", "delivered": "shipped",
    "manifested": "shipped", "out for delivery": "shipped", "rto": "shipped", "l": "shipped", "lost": "shipped",
    "f": "cancelled", "ic": "cancelled", "cancelled": "cancelled",
}  # fmt: skip


def prepare(cells: Cells) -> Cells:
    """A row is one unit; a date of cancellation cancels it whatever its letter says."""
    prepared = cells | {
        "quantity": "1",
        "order_id": cells.get("order_id", "") or cells.get("_release", "") or cells.get("_order_fk", ""),
    }
    return prepared | {"status": "cancelled"} if cells.get("_cancelled_on") and not cells.get("_rto") else prepared


FORMAT = OrderFormat(
    code="myntra",
    name="Myntra seller orders report",
    columns={
        "order_id": "store order id", "_release": "order release id", "_order_fk": "order id fk",
        "line_id": "order line id", "placed_at": "created on", "status": "order status", "sku": "seller sku code",
        "listing_id": "style id", "product_name": "style name", "size": "size", "line_total": "final amount",
        "shipping": "shipping charge", "ship_city": "city", "ship_region": "state", "ship_postcode": "zipcode",
        "_cancelled_on": "cancelled on", "_rto": "rto creation date",
    },
    required=("order release id", "seller sku code", "order status", "created on", "final amount", "zipcode"),
    statuses=STATUSES,
    prepare=prepare,
    charges_per_row=True,
)  # fmt: skip
