"""Tones of the states on the orders screens. Red only where a person must act, or something is lost."""

from __future__ import annotations

STAGE_TONES = {
    "captured": "neutral", "backordered": "warn", "routed": "info", "released": "progress", "picked": "progress",
    "packed": "progress", "shipped": "progress", "delivered": "good", "returned": "off", "cancelled": "off",
}  # fmt: skip
WORK_TONES = {
    "scheduled": "warn", "open": "info", "accepted": "progress", "picking": "progress", "picked": "progress",
    "waiting_transfer": "warn", "packed": "progress", "ready": "progress", "completed": "good", "rejected": "off",
    "cancelled": "off", "no_show": "warn",
}  # fmt: skip
SHIPMENT_TONES = {
    "created": "neutral", "labelled": "info", "manifested": "info", "handed_over": "progress",
    "in_transit": "progress", "out_for_delivery": "progress", "delivered": "good", "ndr_open": "bad",
    "rto_initiated": "warn", "rto_in_transit": "warn", "rto_received": "off", "lost": "bad", "damaged": "bad",
    "cancelled": "off",
}  # fmt: skip
PAYMENT_TONES = {
    "pending": "warn", "authorized": "info", "paid": "good", "failed": "bad", "partially_refunded": "off",
    "refunded": "off",
}  # fmt: skip
RETURN_TONES = {
    "requested": "warn", "approved": "info", "declined": "off", "in_transit": "progress", "received": "progress",
    "inspected": "progress", "disposed": "good", "closed": "good", "cancelled": "off",
}  # fmt: skip
OUTCOME_TONES = {"routed": "good", "partial": "warn", "unroutable": "bad"}
CHANNEL_ICONS = {
    "website": "world", "marketplace": "shopping-cart", "store": "building-store", "b2b": "users",
    "quick_commerce": "bolt", "social": "phone",
}  # fmt: skip
#: What each bucket of a line is called and drawn as, from least to most advanced.
BUCKET_WORDS = (
    ("unallocated", "to route", "neutral"), ("backordered", "backordered", "warn"),
    ("allocated", "reserved", "info"), ("released", "at the node", "info"), ("picked", "picked", "progress"),
    ("packed", "packed", "progress"), ("shipped", "shipped", "progress"), ("delivered", "delivered", "good"),
    ("returned", "returned", "off"), ("cancelled", "cancelled", "off"),
)  # fmt: skip
