"""Messages to customers: written once in the transaction of what happened, sent afterwards, kept for good."""

from __future__ import annotations

import smtplib
from collections.abc import Collection, Iterable, Sequence
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F

from fulfillment.models import Shipment
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import TransientError
from oms.core.outbox import publish
from oms.notifications.events import MessageQueued
from oms.notifications.letters import SUBJECTS, write_letter
from oms.notifications.models import Message, MessageState
from orders.models import Order, SalesChannel

__all__ = ["GIVE_UP_ATTEMPTS", "SUBJECTS", "anybody_is_written_to", "queue_messages", "resend", "send_messages"]

#: Tries after which a message counts as failed: about an hour and a half by the waits of the flow.
GIVE_UP_ATTEMPTS = 20
#: What the mail server says about the address or the message itself: trying again does not help.
_REFUSED = (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)


def queue_messages(wanted: Iterable[tuple[str, int, str]]) -> int:
    """Write messages as (template, order id, part): `part` tells several of one kind apart. How many are new.

    A number is the parcel that the message is about; other parts only make it another message.

    Channels that write to their customers themselves, orders without an address and orders that came in as history
    get none. The same message is never written twice.
    """
    every = list(wanted)
    heard = _who_is_written_to({order_id for _, order_id, _ in every})
    asked = [each for each in every if each[1] in heard]
    if not asked:
        return 0

    def work() -> int:
        orders = Order.objects.select_related("channel", "payment").in_bulk([order_id for _, order_id, _ in asked])
        named = [int(part) for _, _, part in asked if part.isdecimal()]
        parcels = Shipment.objects.select_related("node").in_bulk(named)
        rows = [
            _message(template, orders[order_id], part, parcels.get(int(part) if part.isdecimal() else 0))
            for template, order_id, part in asked
            if order_id in orders and _should_write(template, orders[order_id])
        ]
        keys = [row.dedupe_key for row in rows]
        known = set(Message.objects.filter(dedupe_key__in=keys).values_list("dedupe_key", flat=True))
        Message.objects.bulk_create(rows, ignore_conflicts=True)
        fresh = Message.objects.filter(dedupe_key__in=set(keys) - known, state=MessageState.PENDING)
        ids = list(fresh.order_by("pk").values_list("pk", flat=True))
        publish([MessageQueued(message_id=pk) for pk in ids])
        return len(ids)

    return run_atomic(work)


def anybody_is_written_to() -> bool:
    """True where any channel leaves it to us to write to its customers."""
    return SalesChannel.objects.filter(notifies_customer=True).exists()


def _who_is_written_to(order_ids: Collection[int]) -> set[int]:
    """Of these orders those whose customer has an address and a channel that leaves writing to us: one narrow read."""
    found = Order.objects.filter(pk__in=order_ids, channel__notifies_customer=True).exclude(customer_email="")
    return set(found.values_list("pk", flat=True))


def _should_write(template: str, order: Order) -> bool:
    """Whether an order of `_who_is_written_to` gets this message."""
    if template in ("shipped", "delivered") and order.service_level == Order.ServiceLevel.PICKUP:
        # Handed over at the counter: the customer has it in the hand.
        return False
    if template == "substituted":
        # What was taken back before its letter was written is no news.
        return order.lines.filter(substitute_for__isnull=False, cancelled__lt=F("quantity")).exists()
    if template == "substitute_taken_back":
        return Message.objects.filter(order=order, template="substituted").exists()
    return not (template == "confirmation" and order.stage in ("shipped", "delivered", "cancelled"))


def _message(template: str, order: Order, part: str, shipment: Shipment | None) -> Message:
    letter = write_letter(template, order, shipment)
    return Message(
        order=order, template=template, dedupe_key=f"{template}/{order.pk}/{part}", recipient=order.customer_email,
        subject=letter.subject, text=letter.text, html=letter.html,
    )  # fmt: skip


def send_messages(message_ids: Sequence[int]) -> int:
    """Send pending messages, each at most once per call; how many went out.

    The row is locked while it is sent, so two workers never send the same message, and none takes it for sent before
    it is. A message that the mail server refuses, or cannot take `GIVE_UP_ATTEMPTS` times, is FAILED with the server's
    words and waits for a person. Raises TransientError when the server could not be reached: the flow tries again.
    """
    return sum(_send(message_id) for message_id in message_ids)


def _send(message_id: int) -> int:
    failure: Exception | None = None
    with transaction.atomic():
        # Waits for another worker that is sending it: should that one die, this one sends, and says so only then.
        row = Message.objects.select_for_update().filter(pk=message_id, state=MessageState.PENDING).first()
        if row is None:
            return 0
        tries = row.attempts + 1
        try:
            mail = EmailMultiAlternatives(
                row.subject, row.text, to=[row.recipient], headers={"Message-ID": _message_id(row)}
            )
            if row.html:
                mail.attach_alternative(row.html, "text/html")
            mail.send()
        except (smtplib.SMTPException, OSError) as error:
            failure = error
        changes: dict[str, object] = {"attempts": F("attempts") + 1}
        if failure is None:
            changes |= {"state": MessageState.SENT, "sent_at": now(), "error": ""}
        else:
            changes["error"] = f"{type(failure).__name__}: {failure}"[:1000]
            if isinstance(failure, _REFUSED) or tries >= GIVE_UP_ATTEMPTS:
                changes["state"] = MessageState.FAILED
        Message.objects.filter(pk=message_id).update(**changes)
    if failure is not None and changes.get("state") != MessageState.FAILED:
        raise TransientError(f"The mail server did not take message {message_id}: {failure}") from failure
    return 1 if failure is None else 0


def _message_id(row: Message) -> str:
    """The name of the letter (RFC 5322, 3.6.4), by which mail servers and readers tell letters apart.

    The same where it leaves twice because a process died after sending it; another where a person sends it again.
    """
    moment = row.sent_at or row.created_at
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{row.pk}.{moment:%Y%m%d%H%M%S%f}@{domain}>"


def resend(*, message_id: int) -> None:
    """Send a message again, on purpose."""
    with transaction.atomic():
        Message.objects.filter(pk=message_id).update(state=MessageState.PENDING, error="", attempts=0)
        publish([MessageQueued(message_id=message_id)])
