"""The fields of an order row. Reports of known channels use the same fields, their columns fixed by their format."""

from __future__ import annotations

from datetime import datetime

from channels.imports import fields
from channels.imports.fields import Field
from channels.imports.moments import parse_moment
from channels.imports.parsers import parse_code
from channels.imports.types import LineState, Options


def _moment(text: str, options: Options) -> datetime:
    return parse_moment(text, zone=options.time_zone, date_order=options.date_order)


def _discount(text: str, options: Options) -> int:
    """Panels write discounts with and without a minus sign; both mean the same."""
    return fields.money(text.removeprefix("-"), options)


def _gstin(text: str, options: Options) -> str:
    return parse_code(text, most=15).upper()


#: Words of an order's state in files that are no known report -> our word for it.
GENERIC_STATUSES: dict[str, LineState] = {
    "new": "open", "open": "open", "pending": "open", "placed": "open", "confirmed": "open", "approved": "open",
    "processing": "open", "paid": "open", "unshipped": "open", "unfulfilled": "open", "ready to ship": "open",
    "created": "open", "packed": "open", "ready to dispatch": "open",
    "payment pending": "unpaid", "awaiting payment": "unpaid", "unpaid": "unpaid",
    "on hold": "held", "hold": "held", "held": "held",
    "shipped": "shipped", "dispatched": "shipped", "fulfilled": "shipped", "delivered": "shipped",
    "completed": "shipped", "complete": "shipped", "out for delivery": "shipped", "in transit": "shipped",
    "returned": "shipped", "refunded": "shipped", "rto": "shipped",
    "cancelled": "cancelled", "canceled": "cancelled", "void": "cancelled", "voided": "cancelled",
}  # fmt: skip

PAYMENT_METHODS = {
    "cod": "cod", "cash on delivery": "cod", "cash on delivery (cod)": "cod", "postpaid": "cod",
    "prepaid": "prepaid", "online": "prepaid", "paid": "prepaid", "card": "prepaid", "upi": "prepaid",
    "credit": "credit", "on account": "credit", "invoice": "credit",
}  # fmt: skip
PAYMENT_STATES = {
    "paid": "paid", "captured": "paid", "pending": "pending", "unpaid": "pending", "authorized": "authorized",
    "authorised": "authorized", "refunded": "refunded", "partially refunded": "partially_refunded",
    "partially_refunded": "partially_refunded", "partially_paid": "pending", "partially paid": "pending",
    "failed": "failed", "voided": "failed", "expired": "failed",
}  # fmt: skip
SERVICE_LEVELS = {
    "standard": "standard", "std": "standard", "economy": "standard", "regular": "standard", "free economy": "standard",
    "expedited": "express", "express": "express", "priority": "express", "secondday": "express", "nextday": "express",
    "next day": "express", "same day": "same_day", "same_day": "same_day", "sameday": "same_day", "pickup": "pickup",
    "store pickup": "pickup",
}  # fmt: skip

ORDER_FIELDS: tuple[Field, ...] = (
    Field(name="order_id", label="Order id", required=True, parse=fields.code(120),
          help="The channel's key. Rows with the same id are one order, wherever they stand in the file.",
          synonyms=("order id", "order no", "order number", "order", "amazon order id", "sub order no", "order code",
                     "name")),
    Field(name="order_number", label="Order number", parse=fields.code(120), help="What people call it.",
          synonyms=("display order id", "order name", "reference")),
    Field(name="placed_at", label="Ordered on", required=True, parse=_moment, is_date=True,
          help="Date, or date and time. Declare the date order for 05/06/2026.",
          synonyms=("date", "order date", "created at", "purchase date", "ordered on", "created on", "placed on",
                     "order created")),
    Field(name="updated_at", label="Changed on", parse=_moment, is_date=True, help="",
          synonyms=("last updated date", "updated at", "modified")),
    Field(name="status", label="Status", parse=fields.text(80), help="Empty is open.",
          synonyms=("order status", "order state", "state of order", "fulfillment status", "item status")),
    Field(name="sku", label="SKU", required=True, parse=fields.code(80), help="The seller's code on the channel.",
          synonyms=("seller sku", "sku code", "seller sku code", "item sku code", "lineitem sku", "merchant sku")),
    Field(name="quantity", label="Quantity", required=True, parse=fields.quantity(),
          help="Units; 0 only when cancelled.",
          synonyms=("qty", "quantity purchased", "units", "lineitem quantity", "item quantity")),
    Field(name="line_id", label="Line id", parse=fields.code(120), help="The channel's key of the row, if it has one.",
          synonyms=("order item id", "line item id", "order line id", "item id")),
    Field(name="listing_id", label="Listing id", parse=fields.code(60), help="ASIN, FSN, style id.",
          synonyms=("asin", "fsn", "listing id", "product id")),
    Field(name="product_name", label="Product name", parse=fields.text(300), help="",
          synonyms=("product", "item name", "title", "lineitem name", "style name")),
    Field(name="size", label="Size", parse=fields.text(80), help=""),
    Field(name="currency", label="Currency", parse=fields.currency,
          help="Three letters. The declared one where empty."),
    Field(name="unit_price", label="Unit price", parse=fields.money, help="Of one unit, before discount.",
          synonyms=("price", "selling price", "unit price", "lineitem price", "item price", "selling price per item",
                     "rate")),
    Field(name="line_total", label="Line amount", parse=fields.money,
          help="Of all units of the row, before the line discount.",
          synonyms=("amount", "total price", "line amount", "invoice amount", "final amount", "net amount",
                     "gross amount")),
    Field(name="line_discount", label="Line discount", parse=_discount, help="Of all units of the row.",
          synonyms=("item promotion discount", "lineitem discount", "discount")),
    Field(name="line_tax", label="Line tax", parse=fields.money, help="", synonyms=("item tax", "tax", "gst amount")),
    Field(name="shipping", label="Shipping charge", parse=fields.money, help="",
          synonyms=("shipping price", "shipping charges", "shipping fee", "delivery charge")),
    Field(name="shipping_tax", label="Shipping tax", parse=fields.money, help=""),
    Field(name="shipping_discount", label="Shipping discount", parse=_discount, help="",
          synonyms=("ship promotion discount",)),
    Field(name="cod_fee", label="COD fee", parse=fields.money, help="", synonyms=("cod charge", "cod charges")),
    Field(name="order_discount", label="Order discount", parse=_discount, help="",
          synonyms=("discount amount", "coupon discount")),
    Field(name="order_total", label="Order total", parse=fields.money, help="",
          synonyms=("grand total", "order total", "order amount", "total")),
    Field(name="order_subtotal", label="Order subtotal", parse=fields.money, help="Goods after discounts.",
          synonyms=("subtotal", "sub total")),
    Field(name="order_tax", label="Order tax", parse=fields.money, help="Spread over the lines by their amounts.",
          synonyms=("taxes", "total tax")),
    Field(name="payment_state", label="Payment state",
          parse=fields.choice(PAYMENT_STATES, "paid, pending, authorized or refunded"),
          help="paid, pending, authorized, refunded, partially refunded. Prepaid orders are paid where empty.",
          synonyms=("financial status", "payment status")),
    Field(name="refunded", label="Refunded", parse=fields.money, help="", synonyms=("refunded amount",)),
    Field(name="gateway", label="Payment gateway", parse=fields.text(60), help=""),
    Field(name="payment_reference", label="Payment reference", parse=fields.text(120), help="",
          synonyms=("payment id", "transaction id")),
    Field(name="payment_method", label="Payment", parse=fields.choice(PAYMENT_METHODS, "prepaid, COD or credit"),
          help="prepaid, COD or credit. Prepaid where empty.", synonyms=("payment mode", "payment type", "payment")),
    Field(name="customer_name", label="Customer", parse=fields.text(200), help="",
          synonyms=("buyer name", "billing name", "customer")),
    Field(name="customer_email", label="E-mail", parse=fields.text(254), help="", synonyms=("email", "buyer email")),
    Field(name="customer_phone", label="Phone", parse=fields.code(32), help="",
          synonyms=("phone", "mobile", "buyer phone number", "contact number", "ship phone number")),
    Field(name="ship_name", label="Ship to name", parse=fields.text(200), help="",
          synonyms=("recipient name", "shipping name", "ship to name", "consignee")),
    Field(name="ship_company", label="Ship to company", parse=fields.text(200), help="",
          synonyms=("shipping company",)),
    Field(name="ship_line1", label="Address 1", parse=fields.text(254), help="",
          synonyms=("address", "address line 1", "shipping address1", "ship address 1", "shipping street")),
    Field(name="ship_line2", label="Address 2", parse=fields.text(254), help="",
          synonyms=("address line 2", "shipping address2", "ship address 2", "landmark")),
    Field(name="ship_line3", label="Address 3", parse=fields.text(254), help="", synonyms=("ship address 3",)),
    Field(name="ship_city", label="City", parse=fields.text(120), help="",
          synonyms=("ship city", "shipping city", "town")),
    Field(name="ship_region", label="State", parse=fields.text(120), help="",
          synonyms=("state", "ship state", "shipping province", "customer state", "province")),
    Field(name="ship_postcode", label="PIN code", required=True, parse=fields.code(24), help="Never guessed.",
          synonyms=("pincode", "pin code", "zip", "zipcode", "ship postal code", "shipping zip", "postal code", "pin")),
    Field(name="ship_country", label="Country", parse=fields.country, help="Two letters. The declared one where empty.",
          synonyms=("country", "ship country", "shipping country")),
    Field(name="bill_name", label="Bill to name", parse=fields.text(200), help="", synonyms=("billing name",)),
    Field(name="bill_line1", label="Billing address 1", parse=fields.text(254), help="",
          synonyms=("billing address1",)),
    Field(name="bill_line2", label="Billing address 2", parse=fields.text(254), help="",
          synonyms=("billing address2",)),
    Field(name="bill_city", label="Billing city", parse=fields.text(120), help="", synonyms=("billing city",)),
    Field(name="bill_region", label="Billing state", parse=fields.text(120), help="", synonyms=("billing province",)),
    Field(name="bill_postcode", label="Billing PIN code", parse=fields.code(24), help="", synonyms=("billing zip",)),
    Field(name="bill_country", label="Billing country", parse=fields.country, help="", synonyms=("billing country",)),
    Field(name="service_level", label="Service",
          parse=fields.choice(SERVICE_LEVELS, "standard, express, same day or pickup"),
          help="standard, express, same day or pickup",
          synonyms=("ship service level", "shipping method", "delivery type")),
    Field(name="promised_by", label="Promised by", parse=_moment, is_date=True, help="",
          synonyms=("promise date", "dispatch by date", "latest ship date", "expected delivery date", "edd")),
    Field(name="is_b2b", label="B2B", parse=fields.flag, help="yes or no", synonyms=("b2b", "is business order")),
    Field(name="buyer_gstin", label="Buyer's GSTIN", parse=_gstin, help="", synonyms=("gstin", "customer gstin")),
    Field(name="fulfilled_by", label="Fulfilled by", parse=fields.text(40), help="Who ships it, where the channel may.",
          synonyms=("fulfilment", "fulfillment channel")),
    Field(name="note", label="Customer's note", parse=fields.text(5000), help="",
          synonyms=("notes", "customer note", "remarks")),
    Field(name="tags", label="Tags", parse=fields.text(1000), help="Separated by commas.", synonyms=("labels",)),
)  # fmt: skip

#: Fields that hold for the whole order; the others are of the row.
ORDER_LEVEL = frozenset({
    "order_number", "placed_at", "updated_at", "currency", "order_discount", "order_total", "order_subtotal",
    "order_tax", "payment_method", "payment_state", "refunded", "gateway", "payment_reference",
    "customer_name", "customer_email", "customer_phone", "ship_name", "ship_company", "ship_line1", "ship_line2",
    "ship_line3", "ship_city", "ship_region", "ship_postcode", "ship_country", "bill_name", "bill_line1", "bill_line2",
    "bill_city", "bill_region", "bill_postcode", "bill_country", "service_level", "promised_by", "is_b2b",
    "buyer_gstin", "fulfilled_by", "note", "tags", "cod_fee",
})  # fmt: skip
