"""Webhooks to other systems: who is told what, and every message that was, is to be, or could not be delivered."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from encrypted_fields.fields import EncryptedTextField

from inventory.models import Sku
from oms.core.constraints import one_of
from oms.core.ids import uuid7


class PauseReason(models.TextChoices):
    """Why nothing is sent to an endpoint."""

    NONE = "", "Not paused"
    PERSON = "person", "Paused by a person"
    FAILING = "failing", "Paused: it failed for five days"
    GONE = "gone", "Paused: it answered 410 Gone"


class WebhookEndpoint(models.Model):
    """An address of another system, and what it is told of.

    `node_codes` and `sku_ids` limit it to what concerns these; empty means everything. The secrets sign what is sent:
    `old_secret` signs beside the new one until `old_secret_until`, so that the other side can change over in between.
    """

    Reason = PauseReason

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120)
    url = models.CharField(max_length=500)
    secret = EncryptedTextField()
    old_secret = EncryptedTextField(null=True, blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    topics = ArrayField(models.CharField(max_length=60), default=list)
    node_codes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    sku_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    is_active = models.BooleanField(default=True)
    paused_reason = models.CharField(max_length=10, choices=Reason, blank=True, default=Reason.NONE)
    paused_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=120, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_failure = models.CharField(max_length=300, blank=True)
    failing_since = models.DateTimeField(
        null=True, blank=True, help_text="The first failure after which nothing was delivered."
    )
    silent_tries = models.PositiveIntegerField(default=0, help_text="Times in a row that nobody was there.")
    quiet_until = models.DateTimeField(null=True, blank=True, help_text="Nothing is sent before.")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="A worker sends to it until then.")
    lease_token = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering = ["name", "id"]
        verbose_name = "webhook"
        constraints = [
            one_of("paused_reason", PauseReason, prefix="webhook_endpoint"),
            models.CheckConstraint(
                condition=Q(is_active=True, paused_reason="", paused_at__isnull=True)
                | (Q(is_active=False, paused_at__isnull=False) & ~Q(paused_reason="")),
                name="webhook_endpoint_paused_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookState(models.TextChoices):
    """States of a webhook delivery."""

    PENDING = "pending", "To send"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Delivered"
    FAILED = "failed", "To try again"
    DEAD = "dead", "Given up"
    OVERTAKEN = "overtaken", "Overtaken by a newer one"


class WebhookDelivery(models.Model):
    """One message to one endpoint.

    `event_key` names what happened (an event of the outbox, and the SKU where it speaks of several), so that queueing
    it again changes nothing. `fold_key` is set where only the newest truth counts: of those waiting to be sent for the
    first time there is one per key, and its `payload` is read when it is sent; from then on it stays as it is, because
    the other side may have worked on it already and knows it by its id.
    """

    State = WebhookState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    topic = models.CharField(max_length=60)
    event_key = models.CharField(max_length=60)
    fold_key = models.CharField(max_length=60, blank=True, default="")
    subject = models.CharField(max_length=120, blank=True, help_text="What it is about, for people who search.")
    payload = models.JSONField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True, blank=True)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True, help_text="The beginning of what the other side answered.")
    error = models.CharField(max_length=300, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_key"], name="webhook_once_per_event"),
            models.UniqueConstraint(
                fields=["endpoint", "fold_key"], condition=Q(state="pending") & ~Q(fold_key=""),
                name="webhook_folded_while_waiting",
            ),
            one_of("state", WebhookState, prefix="webhook_delivery"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="webhook_newest"),
            models.Index(
                fields=["endpoint", "next_try_at"], name="webhook_due",
                condition=Q(state__in=["pending", "sending", "failed"]),
            ),
            models.Index(fields=["endpoint", "fold_key", "id"], name="webhook_by_fold", condition=~Q(fold_key="")),
            models.Index(
                fields=["endpoint", "state", "-id"], name="webhook_open",
                condition=Q(state__in=["pending", "sending", "failed", "dead"]),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.topic} {self.message_id}"

    @property
    def message_id(self) -> str:
        """The name under which the other side knows it, the same at every try."""
        return f"msg_{self.uid.hex}"

    @property
    def is_waiting(self) -> bool:
        """It will be tried without anybody's doing."""
        return self.state in {self.State.PENDING, self.State.SENDING, self.State.FAILED}


class StockVersion(models.Model):
    """The number of the last report of a SKU's levels: each report has a greater one than all that knew less.

    The row is locked while levels are read, so that of two reports the one with the greater number read later.
    """

    sku = models.OneToOneField(Sku, on_delete=models.CASCADE, primary_key=True, related_name="webhook_version")
    version = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.sku_id}: {self.version}"
