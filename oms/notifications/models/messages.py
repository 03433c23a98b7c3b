"""Messages to customers: one row per message, so that each is sent once and can be sent again on purpose."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from oms.core.constraints import among, one_of
from oms.notifications.models.setup import Medium, MessageAccount
from orders.models import Order


class MessageState(models.TextChoices):
    """States of a message."""

    PENDING = "pending", "To send"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Not known"
    SKIPPED = "skipped", "Not sent"


class ReceiptStatus(models.TextChoices):
    """What a provider says of a message after it took it."""

    SENT = "sent", "Sent on"
    DELIVERED = "delivered", "Delivered"
    READ = "read", "Read"
    FAILED = "failed", "Not delivered"


class Message(models.Model):
    """One message to one customer about one order, by one medium; a test of a text is of no order.

    SENDING with a `lease_until` in the past is a call whose process died: nobody knows whether it went out.
    `not_before` is when it may go out, `expires_at` when it is no news any more; `falls_back_to` are the media to try
    where this one fails. `receipt` is the furthest that its provider said. `asked_by` is who had a
    test sent.
    """

    State = MessageState

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(
        Order, null=True, blank=True, on_delete=models.CASCADE, related_name="messages_to_customer"
    )  # fmt: skip
    is_test = models.BooleanField(default=False, db_default=False)
    asked_by = models.CharField(max_length=120, blank=True, db_default="")
    template = models.CharField(max_length=40)
    part = models.CharField(max_length=60, blank=True, db_default="")
    medium = models.CharField(max_length=10, choices=Medium, default=Medium.EMAIL, db_default=Medium.EMAIL)
    language = models.CharField(max_length=8, default="en", db_default="en")
    dedupe_key = models.CharField(max_length=120, unique=True)
    recipient = models.CharField(max_length=254)
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField(blank=True)
    #: For providers that know the text themselves: their name of it, and what goes into its gaps, in order.
    provider_template = models.CharField(max_length=120, blank=True, db_default="")
    parameters = ArrayField(models.TextField(), default=list, blank=True, db_default=[])
    account = models.ForeignKey(MessageAccount, null=True, blank=True, on_delete=models.SET_NULL)
    provider = models.CharField(max_length=40, blank=True, db_default="")
    provider_id = models.CharField(max_length=160, blank=True, db_default="")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    receipt = models.CharField(max_length=10, choices=ReceiptStatus, blank=True, db_default="")
    falls_back_to = ArrayField(models.CharField(max_length=10), default=list, blank=True, db_default=[])
    urgent = models.BooleanField(default=False, db_default=False)
    not_before = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sends = models.PositiveIntegerField(default=0, db_default=0, help_text="How often a provider was called for it.")
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            one_of("state", MessageState, prefix="message"),
            one_of("medium", Medium, prefix="message"),
            models.CheckConstraint(
                condition=Q(is_test=False, order__isnull=False) | Q(is_test=True, order__isnull=True),
                name="message_of_an_order_or_a_test",
            ),
            models.CheckConstraint(condition=among("receipt", "", *ReceiptStatus.values), name="message_receipt_known"),
            models.CheckConstraint(
                condition=~Q(state=MessageState.SENDING) | Q(lease_until__isnull=False), name="message_sending_leased"
            ),
        ]
        indexes = [
            models.Index(fields=["order", "-id"], name="message_by_order"),
            models.Index(fields=["not_before", "id"], name="message_to_send", condition=Q(state="pending")),
            models.Index(fields=["lease_until"], name="message_in_flight", condition=Q(state="sending")),
            models.Index(fields=["account", "provider_id"], name="message_by_provider_id",
                         condition=~Q(provider_id="")),
            models.Index(fields=["state", "-id"], name="message_by_state"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.template} to {self.recipient}"

    @property
    def reference(self) -> str:
        """Our name of this sending, which providers hand back: of a message sent again it is another."""
        return f"m{self.pk}.{self.sends}"


class Receipt(models.Model):
    """One thing that a provider said of a message. The same thing said twice is one row."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="receipts")
    provider_id = models.CharField(max_length=160)
    status = models.CharField(max_length=10, choices=ReceiptStatus)
    detail = models.TextField(blank=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            one_of("status", ReceiptStatus, prefix="receipt"),
            models.UniqueConstraint(fields=["message", "provider_id", "status"], name="receipt_once"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.status}"
