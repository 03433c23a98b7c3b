"""Messages to customers: written once in the transaction of what happened, sent afterwards, kept for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string

from fulfillment.models import Shipment
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.outbox import publish
from oms.notifications.events import MessageQueued
from oms.notifications.links import tracking_url
from oms.notifications.models import Message, MessageState
from orders.models import Order

SUBJECTS = {
    "confirmation": "We have your order {number}",
    "shipped": "Your order {number} is on its way",
    "delivered": "Your order {number} was delivered",
    "delivery_failed": "We could not deliver your order {number}",
    "ready_for_pickup": "Your order {number} is ready to collect",
    "cancelled": "Your order {number} was cancelled",
}


def queue_messages(wanted: Iterable[tuple[str, int, str]]) -> int:
    """Write messages as (template, order id, part): `part` tells several of one kind apart. How many are new.

    Channels that write to their customers themselves, orders without an address and orders that came in as history
    get none. The same message is never written twice.
    """
    asked = list(wanted)

    def work() -> int:
        orders = Order.objects.select_related("channel").in_bulk([order_id for _, order_id, _ in asked])
        rows = [
            _message(template, orders[order_id], part)
            for template, order_id, part in asked
            if order_id in orders and _should_write(template, orders[order_id])
        ]
        Message.objects.bulk_create(rows, ignore_conflicts=True)
        fresh = Message.objects.filter(dedupe_key__in=[row.dedupe_key for row in rows], state=MessageState.PENDING)
        ids = list(fresh.values_list("pk", flat=True))
        publish([MessageQueued(message_id=pk) for pk in ids])
        return len(ids)

    return run_atomic(work)


def _should_write(template: str, order: Order) -> bool:
    if not order.channel.notifies_customer or not order.customer_email:
        return False
    return not (template == "confirmation" and order.stage in ("shipped", "delivered", "cancelled"))


def _message(template: str, order: Order, part: str) -> Message:
    shipment = Shipment.objects.filter(pk=int(part)).first() if part else None
    context = {"order": order, "lines": list(order.lines.all()), "shipment": shipment, "link": tracking_url(order)}
    number = order.external_number or order.number
    return Message(
        order=order, template=template, dedupe_key=f"{template}/{order.pk}/{part}", recipient=order.customer_email,
        subject=SUBJECTS[template].format(number=number),
        text=render_to_string(f"emails/{template}.txt", context), html=render_to_string(f"emails/{template}.html", context),
    )  # fmt: skip


def send_messages(message_ids: Sequence[int]) -> int:
    """Send pending messages, each at most once per call; how many went out. Errors of the mail server pass on.

    The row is locked while it is sent, so two workers never send the same message.
    """
    sent = 0
    for message_id in message_ids:
        with transaction.atomic():
            row = (
                Message.objects.select_for_update(skip_locked=True)
                .filter(pk=message_id, state=MessageState.PENDING)
                .first()
            )
            if row is None:
                continue
            mail = EmailMultiAlternatives(row.subject, row.text, to=[row.recipient])
            mail.attach_alternative(row.html, "text/html")
            mail.send()
            Message.objects.filter(pk=message_id).update(state=MessageState.SENT, sent_at=now())
            sent += 1
    return sent


def resend(*, message_id: int) -> None:
    """Send a message again, on purpose."""
    with transaction.atomic():
        Message.objects.filter(pk=message_id).update(state=MessageState.PENDING, error="")
        publish([MessageQueued(message_id=message_id)])
