"""The fields of an order, its lines and its refunds, as recorded from WooCommerce 9.8.5."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from channels.simulators.woocommerce.context import VERSION, Context
from channels.simulators.woocommerce.database import Doc
from channels.simulators.woocommerce.money import GST_PERCENT, amount, number, paise, trimmed

#: The store's only tax rate.
RATE_ID = 2
ADDRESS_FIELDS = (
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "state",
    "postcode",
    "country",
    "email",
    "phone",
)


def address(data: Mapping[str, Any] | None, *, billing: bool) -> Doc:
    """An address with every field. Only the billing address has an email."""
    fields = [name for name in ADDRESS_FIELDS if billing or name != "email"]
    return {name: str((data or {}).get(name) or "") for name in fields}


def new_order(number_: int, now: str, *, prices_include_tax: bool, created_via: str) -> Doc:
    """An order with nothing in it."""
    return {
        "id": number_,
        "parent_id": 0,
        "status": "pending",
        "currency": "INR",
        "version": VERSION,
        "prices_include_tax": prices_include_tax,
        "date_created": now,
        "date_modified": now,
        "customer_id": 0,
        "order_key": f"wc_order_{secrets.token_hex(7)[:13]}",
        "payment_method": "",
        "payment_method_title": "",
        "transaction_id": "",
        "customer_ip_address": "",
        "customer_user_agent": "",
        "created_via": created_via,
        "customer_note": "",
        "date_completed": None,
        "date_paid": None,
        "cart_hash": "",
        "number": str(number_),
        "meta_data": [],
        "line_items": [],
        "tax_lines": [],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        "currency_symbol": "₹",
    }


def line(
    number_: int, product: Mapping[str, Any], name: str, parent: Mapping[str, Any] | None, quantity: int, money: Doc
) -> Doc:
    """A line. `money` holds subtotal, total and their taxes in paise."""
    is_variation = product["type"] == "variation"
    return {
        "id": number_,
        "name": name,
        "product_id": product["parent_id"] if is_variation else product["id"],
        "variation_id": product["id"] if is_variation else 0,
        "quantity": quantity,
        "tax_class": "",
        "subtotal": amount(money["subtotal"]),
        "subtotal_tax": amount(money["subtotal_tax"]),
        "total": amount(money["total"]),
        "total_tax": amount(money["total_tax"]),
        "taxes": [{"id": RATE_ID, "total": trimmed(money["total_tax"]), "subtotal": trimmed(money["subtotal_tax"])}],
        "meta_data": [],
        "sku": product["sku"],
        "price": number(round(money["total"] / quantity)),
        "image": {"id": 0, "src": ""} if is_variation else {"id": "", "src": ""},
        "parent_name": parent["name"] if parent else None,
    }


def shipping_line(number_: int, data: Mapping[str, Any], total: int, tax: int) -> Doc:
    """A shipping line."""
    return {
        "id": number_,
        "method_title": str(data.get("method_title") or ""),
        "method_id": str(data.get("method_id") or ""),
        "instance_id": str(data.get("instance_id") or ""),
        "total": amount(total),
        "total_tax": amount(tax),
        "taxes": [{"id": RATE_ID, "total": trimmed(tax), "subtotal": ""}],
        "tax_status": "taxable",
        "meta_data": [],
    }


def fee_line(number_: int, name: str, total: int, tax: int) -> Doc:
    """A fee line."""
    return {
        "id": number_,
        "name": name,
        "tax_class": "",
        "tax_status": "taxable",
        "amount": "",
        "total": amount(total),
        "total_tax": amount(tax),
        "taxes": [{"id": RATE_ID, "total": trimmed(tax), "subtotal": ""}],
        "meta_data": [],
    }


def coupon_line(number_: int, code: str, discount: int, tax: int, percent: int) -> Doc:
    """A coupon line."""
    return {
        "id": number_,
        "code": code,
        "discount": amount(discount),
        "discount_tax": amount(tax),
        "meta_data": [],
        "discount_type": "percent",
        "nominal_amount": percent,
        "free_shipping": False,
    }


def tax_line(number_: int, tax_total: int, shipping_tax_total: int) -> Doc:
    """The one tax line of an order or refund."""
    return {
        "id": number_,
        "rate_code": "IN-GST-1",
        "rate_id": RATE_ID,
        "label": "GST",
        "compound": False,
        "tax_total": amount(tax_total),
        "shipping_tax_total": amount(shipping_tax_total),
        "rate_percent": GST_PERCENT,
        "meta_data": [],
    }


def total_up(order: Doc) -> None:
    """Write the totals of an order from its lines."""
    lines, fees, shipping = order["line_items"], order["fee_lines"], order["shipping_lines"]
    line_total, line_tax = _sum(lines, "total"), _sum(lines, "total_tax")
    fee_total, fee_tax = _sum(fees, "total"), _sum(fees, "total_tax")
    shipping_total, shipping_tax = _sum(shipping, "total"), _sum(shipping, "total_tax")
    cart_tax = line_tax + fee_tax
    order["discount_total"] = amount(_sum(lines, "subtotal") - line_total)
    order["discount_tax"] = amount(_sum(lines, "subtotal_tax") - line_tax)
    order["shipping_total"] = amount(shipping_total)
    order["shipping_tax"] = amount(shipping_tax)
    order["cart_tax"] = amount(cart_tax)
    order["total_tax"] = amount(cart_tax + shipping_tax)
    order["total"] = amount(line_total + fee_total + shipping_total + cart_tax + shipping_tax)


def _sum(rows: Sequence[Mapping[str, Any]], key: str) -> int:
    return sum(paise(row[key]) for row in rows)


def show(context: Context, doc: Doc) -> Doc:
    """The reply for a kept order."""
    number_, status = doc["id"], doc["status"]
    pay = f"{context.base_url}/checkout/order-pay/{number_}/?pay_for_order=true&key={doc['order_key']}"
    path = f"/orders/{number_}"
    shown = doc | {
        "payment_url": pay,
        "is_editable": status in ("pending", "on-hold", "auto-draft"),
        "needs_payment": status in ("pending", "failed") and paise(doc["total"]) > 0,
        "needs_processing": True,
        "_links": {
            "self": context.link(path),
            "collection": context.link("/orders"),
            "email_templates": [{"embeddable": True, **context.link(f"{path}/actions/email_templates")[0]}],
        },
    }
    for name in ("created", "modified", "completed", "paid"):
        shown[f"date_{name}_gmt"] = doc[f"date_{name}"]
    return shown


def show_refund(context: Context, order_id: int, doc: Doc) -> Doc:
    """The reply for a kept refund."""
    path = f"/orders/{order_id}"
    links = {
        "self": context.link(f"{path}/refunds/{doc['id']}"),
        "collection": context.link(f"{path}/refunds"),
        "up": context.link(path),
    }
    return doc | {"_links": links}


def show_note(context: Context, order_id: int, doc: Doc) -> Doc:
    """The reply for a kept note."""
    path = f"/orders/{order_id}"
    links = {
        "self": context.link(f"{path}/notes/{doc['id']}"),
        "collection": context.link(f"{path}/notes"),
        "up": context.link(path),
    }
    return doc | {"_links": links}
