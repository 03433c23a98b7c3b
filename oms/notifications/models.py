"""Messages to customers: one row per message, so that each is sent once and can be sent again on purpose."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from oms.core.constraints import one_of
from orders.models import Order


class MessageState(models.TextChoices):
    """States of a message."""

    PENDING = "pending", "To send"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Not sent"


class Message(models.Model):
    """One e-mail to one customer about one order."""

    State = MessageState

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="messages_to_customer")
    template = models.CharField(max_length=40)
    dedupe_key = models.CharField(max_length=120, unique=True)
    recipient = models.CharField(max_length=254)
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [one_of("state", MessageState, prefix="message")]
        indexes = [models.Index(fields=["order", "-id"], name="message_by_order")]

    def __str__(self) -> str:
        return f"{self.template} to {self.recipient}"
