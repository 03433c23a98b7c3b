"""Work by what a person types or scans: its number, or that of its order. Numbers are kept in upper case."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from fulfillment.models import FulfillmentOrder
from orders.models import Order


def order_called(text: str) -> QuerySet[Order, int]:
    """The id of the order with this number, to compare with: found by its index before anything is joined to it."""
    return Order.objects.filter(number=text.upper()).values_list("pk", flat=True)[:1]


def called(rows: QuerySet[FulfillmentOrder], text: str) -> QuerySet[FulfillmentOrder]:
    """Those of this number in any case, and those of the order of this number."""
    return rows.filter(Q(number=text.upper()) | Q(order=order_called(text)))
