"""Links for customers: a signature of 128 bits that nobody can guess, made from the order, so nothing is stored."""

from __future__ import annotations

import base64

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from orders.models import Order

_SALT = "oms.tracking"
_BYTES = 16


def tracking_token(order: Order) -> str:
    """The unguessable name of an order's tracking page."""
    return f"{order.pk}-{_signature(order)}"


def _signature(order: Order) -> str:
    digest = salted_hmac(_SALT, str(order.uid), algorithm="sha256").digest()[:_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def tracking_url(order: Order) -> str:
    """The address of the tracking page, for messages and labels."""
    return f"{settings.PUBLIC_URL}/t/{tracking_token(order)}/"


def order_of_token(token: str) -> Order | None:
    """The order a token belongs to; None for every token that was not made here."""
    key, _, signature = token.partition("-")
    order = Order.objects.filter(pk=int(key)).first() if key.isascii() and key.isdecimal() and len(key) < 16 else None
    expected = _signature(order) if order is not None else "x" * 22
    return order if constant_time_compare(signature, expected) and order is not None else None
