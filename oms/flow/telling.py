"""Telling customers another date than they were promised."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from oms.core.db import run_atomic
from oms.core.errors import Conflict
from oms.flow.promises import look_ahead
from oms.notifications.services import queue_messages
from orders.locks import lock_order
from orders.services import promise_anew
from routing.models import OrderOutlook, OutlookBand
from routing.services import keep_told_promise

REASON = "A new date was told"


def tell_new_date(*, order_id: int, actor: str) -> datetime:
    """Promise an order anew by the date that can be kept now and write so to its customer; the date.

    One transaction: date, promise, timeline, letter and outlook. The first date stays known: what was kept is measured
    by it. Raises Conflict where the promise still holds, nothing can be said, or the channel writes to its customers
    itself.
    """

    def work() -> datetime:
        order = lock_order(order_id)
        if not order.channel.notifies_customer or not order.customer_email:
            raise Conflict(f"{order.number}: we have no address to write to, or its channel writes itself.")
        outlook = OrderOutlook.objects.filter(order=order_id).first()
        if outlook is None or outlook.band == OutlookBand.DONE or outlook.sure_by is None:
            raise Conflict(f"{order.number}: there is no other date to tell.")
        if order.promised_by is not None and outlook.sure_by <= order.promised_by:
            raise Conflict(f"{order.number} is expected in time again: there is nothing to tell.")
        day = timezone.localtime(outlook.sure_by)
        message = f"The customer is told a new date: {day:%a} {day.day} {day:%b}."
        promise_anew(order_id=order_id, promised_by=outlook.sure_by, actor=actor, message=message)
        keep_told_promise(outlook, reason=REASON)
        queue_messages([("new_date", order_id, f"{day:%Y-%m-%d}")])
        look_ahead({order_id: REASON})
        return outlook.sure_by

    return run_atomic(work)
