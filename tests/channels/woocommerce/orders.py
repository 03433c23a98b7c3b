"""A small WooCommerce order to vary, with the fields of a recorded one."""

from typing import Any


def order_payload(**changes: Any) -> dict[str, Any]:
    """A prepaid order of one line: two units of 450.00 before tax, 18 % tax, free shipping."""
    address = {
        "first_name": "Asha",
        "last_name": "Rao",
        "company": "",
        "address_1": "12 MG Road",
        "address_2": "",
        "city": "Bengaluru",
        "state": "KA",
        "postcode": "560001",
        "country": "IN",
        "phone": "9876543210",
    }
    payload: dict[str, Any] = {
        "id": 501,
        "number": "501",
        "status": "processing",
        "currency": "INR",
        "prices_include_tax": False,
        "date_created_gmt": "2026-11-21T19:16:45",
        "date_modified_gmt": "2026-11-21T19:16:46",
        "date_paid_gmt": "2026-11-21T19:16:46",
        "date_completed_gmt": None,
        "shipping_total": "0.00",
        "shipping_tax": "0.00",
        "total": "1062.00",
        "billing": address | {"email": "asha@example.test"},
        "shipping": dict(address),
        "payment_method": "razorpay",
        "transaction_id": "pay_501",
        "customer_note": "",
        "meta_data": [],
        "line_items": [line_payload()],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
    }
    return payload | changes


def line_payload(**changes: Any) -> dict[str, Any]:
    """One line: two units of 450.00 before tax."""
    line: dict[str, Any] = {
        "id": 71,
        "name": "Kunai",
        "product_id": 19,
        "variation_id": 0,
        "quantity": 2,
        "subtotal": "900.00",
        "subtotal_tax": "162.00",
        "total": "900.00",
        "total_tax": "162.00",
        "meta_data": [],
        "sku": "KUNAI-1",
        "price": 450,
    }
    return line | changes
