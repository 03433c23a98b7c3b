"""What is due back to a customer who paid before: derived in one place from what the order still costs.

Cash on delivery is another matter: what is collected at the door is fixed parcel by parcel, and only what was taken for
units that never came is due back, which the cancellation itself notes.
"""

from __future__ import annotations

from django.db.models import F, Value
from django.db.models.functions import Greatest

from orders.models import Order, Payment

#: The same as `due_minor`, for the database.
_DUE = Greatest(
    Value(0), F("captured_minor") - F("refunded_minor") - Greatest(Value(0), F("amount_minor") - F("reduced_minor"))
)


def due_minor(payment: Payment, *, captured: int | None = None, refunded: int | None = None, less: int = 0) -> int:
    """What was captured and not given back beyond what the order costs, in minor units.

    `captured` and `refunded` are what they are to become, `less` what the order is to cost less than now.
    """
    taken = payment.captured_minor if captured is None else captured
    given = payment.refunded_minor if refunded is None else refunded
    costs = max(0, payment.amount_minor - payment.reduced_minor - less)
    return max(0, taken - given - costs)


def owe_less(order: Order, minor: int) -> None:
    """The order costs so much less than before (more, where it is negative): what that makes due is due.

    The order is locked. Kept whether or not anything is captured yet, so that a payment that comes later is judged by
    it. Does nothing for cash on delivery.
    """
    if minor and not order.is_cod:
        rows = Payment.objects.filter(order=order)
        rows.update(reduced_minor=Greatest(Value(0), F("reduced_minor") + minor))
        rows.update(refund_due_minor=_DUE)
