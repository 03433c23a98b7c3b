"""Shopify's orders export: one row a line item, the order's own fields only on its first row. Pure.

`Name` (#1001) groups the rows and identifies the order, because `Id` stands on the first row alone. `Lineitem price`
is for one unit, `Lineitem discount` for the line. `Subtotal` is the goods after all discounts, so the order's discount
is what is missing to it. Whether prices contain tax is not stated; the total tells. Zips are written with a leading
apostrophe.
"""

from __future__ import annotations

from channels.adapters.files.format import Cells, OrderFormat

_SERVICES = {"express": "express", "overnight": "express", "next day": "express", "same day": "same day",
             "pickup": "pickup", "pick up": "pickup"}  # fmt: skip


def prepare(cells: Cells) -> Cells:
    """Status from three columns; payment from a gateway's name."""
    return cells | {
        "status": _status(cells),
        "payment_method": _method(cells),
        "service_level": _service(cells.get("_shipping_method", "")),
        "gateway": cells.get("_payment_method", "")[:60],
        "ship_line1": cells.get("ship_line1", "") or cells.get("_street", ""),
    }


def _status(cells: Cells) -> str:
    if cells.get("_cancelled_at"):
        return "cancelled"
    line = cells.get("_line_fulfillment", "").lower()
    order = cells.get("_fulfillment", "").lower()
    return "fulfilled" if "fulfilled" in {line or order} else "unfulfilled"


def _method(cells: Cells) -> str:
    name = cells.get("_payment_method", "").lower()
    if not name and not cells.get("_financial"):
        return ""
    return "cod" if "cash on delivery" in name or "cod" in name.split() or "(cod)" in name else "prepaid"


def _service(name: str) -> str:
    lower = name.lower()
    return next((level for word, level in _SERVICES.items() if word in lower), "")


FORMAT = OrderFormat(
    code="shopify",
    name="Shopify orders export",
    columns={
        "order_id": "Name", "customer_email": "Email", "payment_state": "Financial Status",
        "_financial": "Financial Status",
        "_fulfillment": "Fulfillment Status", "currency": "Currency", "order_subtotal": "Subtotal",
        "shipping": "Shipping", "order_tax": "Taxes", "order_total": "Total", "order_discount": "Discount Amount",
        "_shipping_method": "Shipping Method", "placed_at": "Created at", "quantity": "Lineitem quantity",
        "product_name": "Lineitem name", "unit_price": "Lineitem price", "sku": "Lineitem sku",
        "_line_fulfillment": "Lineitem fulfillment status", "line_discount": "Lineitem discount",
        "bill_name": "Billing Name", "bill_line1": "Billing Address1", "bill_line2": "Billing Address2",
        "bill_city": "Billing City", "bill_postcode": "Billing Zip", "bill_region": "Billing Province",
        "bill_country": "Billing Country", "ship_name": "Shipping Name", "_street": "Shipping Street",
        "ship_line1": "Shipping Address1", "ship_line2": "Shipping Address2", "ship_company": "Shipping Company",
        "ship_city": "Shipping City", "ship_postcode": "Shipping Zip", "ship_region": "Shipping Province",
        "ship_country": "Shipping Country", "customer_phone": "Shipping Phone", "note": "Notes",
        "_cancelled_at": "Cancelled at", "_payment_method": "Payment Method",
        "payment_reference": "Payment Reference", "refunded": "Refunded Amount", "tags": "Tags",
    },
    required=("Name", "Financial Status", "Lineitem quantity", "Lineitem price", "Lineitem sku", "Shipping Zip"),
    statuses={"cancelled": "cancelled", "fulfilled": "shipped", "unfulfilled": "open"},
    prepare=prepare,
)  # fmt: skip
