"""Seller accounts, the inbox of everything they said, listings, and what we told them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from encrypted_fields.fields import EncryptedJSONField

from inventory.models import Sku
from oms.core.constraints import one_of, quantity_bounds
from oms.core.models import Job
from orders.models import Order, SalesChannel


class Publication(models.TextChoices):
    """What a channel is told of a listing, or of everything.

    Paused keeps what it was told last and tells it nothing new. Stopped tells it that there is nothing to sell.
    """

    ON = "on", "Told"
    PAUSED = "paused", "Paused"
    STOPPED = "stopped", "Not sold"


class Steered(models.Model):
    """What people may pause or stop, with who did it, when and why."""

    publication = models.CharField(
        max_length=8, choices=Publication, default=Publication.ON, db_default=Publication.ON,
        help_text="Paused: the channel keeps what it was told. Stopped: it is told 0.",
    )  # fmt: skip
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=120, blank=True, default="", db_default="")
    paused_reason = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        abstract = True


class ChannelAccount(Steered):
    """How we talk to one sales channel. Credentials are encrypted at rest.

    `publication` counts for all of its listings; while it is paused, `pushes_stock` is off.
    """

    id = models.BigAutoField(primary_key=True)
    channel = models.OneToOneField(SalesChannel, on_delete=models.CASCADE, related_name="account")
    connector = models.CharField(max_length=40, help_text="Key in channels.registry; 'files' or 'api' for the others.")
    base_url = models.CharField(max_length=300, blank=True)
    secrets = EncryptedJSONField(default=dict, blank=True)
    settings = models.JSONField(default=dict, blank=True)
    pulls_orders = models.BooleanField(default=True)
    pushes_stock = models.BooleanField(default=True)
    pushes_updates = models.BooleanField(default=True)
    poll_seconds = models.PositiveIntegerField(default=60)
    cursor = models.JSONField(default=dict, blank=True)
    next_poll_at = models.DateTimeField(db_default=Now())
    poll_lease_until = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_order_at = models.DateTimeField(null=True, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    stock_dirty_since = models.DateTimeField(null=True, blank=True)
    stock_retry_at = models.DateTimeField(
        null=True, blank=True, help_text="When to send stock again that the channel did not take."
    )

    class Meta:
        constraints = [one_of("publication", Publication, prefix="channel_account")]

    def __str__(self) -> str:
        return str(self.channel)


class InboundMessageState(models.TextChoices):
    """States of an inbound message."""

    PENDING = "pending", "To do"
    CAPTURED = "captured", "Captured"
    APPLIED = "applied", "Applied"
    UNCHANGED = "unchanged", "Nothing new"
    QUARANTINED = "quarantined", "Quarantined"
    IGNORED = "ignored", "Ignored"


class InboundMessageSource(models.TextChoices):
    """Sources of an inbound message."""

    WEBHOOK = "webhook", "Webhook"
    POLL = "poll", "Poll"
    FILE = "file", "File"
    API = "api", "API"


class InboundMessage(models.Model):
    """One thing a channel said, exactly as it came. Unique per account and event: the first wall of exactly-once."""

    State = InboundMessageState
    Source = InboundMessageSource

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(ChannelAccount, on_delete=models.CASCADE, related_name="inbox")
    event_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=40, default="order")
    external_id = models.CharField(max_length=120)
    source = models.CharField(max_length=10, choices=Source)
    payload = models.JSONField()
    corrected_payload = models.JSONField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    issues = models.JSONField(default=list, blank=True, help_text="Field, what came, what was expected.")
    cause = models.CharField(max_length=200, blank=True, help_text="Same cause, same words: groups the quarantine.")
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages")
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages")
    row_number = models.PositiveIntegerField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    occurred_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(db_default=Now())
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "event_id"], name="inbound_message_once"),
            one_of("state", InboundMessageState, prefix="inbound_message"),
            one_of("source", InboundMessageSource, prefix="inbound_message"),
        ]
        indexes = [
            models.Index(fields=["id"], name="inbound_pending", condition=Q(state="pending")),
            models.Index(fields=["cause", "id"], name="inbound_quarantine", condition=Q(state="quarantined")),
            models.Index(fields=["account", "external_id"], name="inbound_by_order"),
            models.Index(fields=["account", "-received_at"], name="inbound_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id} ({self.state})"


class Listing(Steered):
    """A SKU as one channel knows it, and the sellable quantity we told that channel.

    `sku` is empty while nobody has said which SKU it is. Versions only grow: an older quantity never replaces a newer.
    `told_quantity` is what the channel acknowledged last: what it may sell until it acknowledges another. Where that
    is more than is wanted, `exposed_units` may be sold that are not there: the exposure, in units times seconds, adds
    up in `exposure_unit_seconds` (see `channels.services.exposure`).
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(ChannelAccount, on_delete=models.CASCADE, related_name="listings")
    external_sku = models.CharField(max_length=120)
    sku = models.ForeignKey(Sku, null=True, blank=True, on_delete=models.PROTECT, related_name="listings")
    name = models.CharField(max_length=300, blank=True)
    external_ids = models.JSONField(default=dict, blank=True)
    wanted_quantity = models.IntegerField(null=True, blank=True)
    wanted_version = models.BigIntegerField(default=0)
    wanted_at = models.DateTimeField(null=True, blank=True)
    sent_quantity = models.IntegerField(null=True, blank=True)
    sent_version = models.BigIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    reported_quantity = models.IntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    threshold = models.PositiveIntegerField(
        null=True, blank=True, help_text="Units never offered here. Empty: the channel's."
    )
    cap = models.PositiveIntegerField(null=True, blank=True, help_text="Most units offered here. Empty: the channel's.")
    sells_inbound = models.BooleanField(
        default=False, db_default=False, help_text="Goods that are on order with a date may be sold here already."
    )
    told_quantity = models.IntegerField(null=True, blank=True)
    exposed_units = models.IntegerField(default=0, db_default=0)
    exposed_since = models.DateTimeField(null=True, blank=True)
    exposure_unit_seconds = models.FloatField(default=0, db_default=0)
    exposure_booked = models.FloatField(
        default=0, db_default=0, help_text="The part of the exposure that stands in the days of the channel."
    )

    class Meta:
        constraints = [
            one_of("publication", Publication, prefix="listing"),
            quantity_bounds("exposed_units", prefix="listing_exposed"),
            models.UniqueConstraint(fields=["account", "external_sku"], name="listing_once"),
            quantity_bounds("wanted_version", "sent_version", prefix="listing"),
            models.CheckConstraint(
                condition=Q(sent_version__lte=models.F("wanted_version")), name="listing_sent_not_ahead"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="listing_to_send",
                         condition=Q(wanted_version__gt=models.F("sent_version"))),
            models.Index(fields=["account", "id"], name="listing_exposed", condition=Q(exposed_units__gt=0)),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.external_sku


class ExposureDay(models.Model):
    """Units times seconds that a channel could sell although they were not there, by the UTC day of the booking."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(ChannelAccount, on_delete=models.CASCADE, related_name="exposure_days", db_index=False)
    day = models.DateField()
    unit_seconds = models.FloatField(default=0)
    pushed = models.PositiveIntegerField(default=0, help_text="Quantities that the channel acknowledged that day.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "day"], name="exposure_day_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}: {self.unit_seconds:.0f}"


class RecountDue(models.Model):
    """A SKU of which more or fewer units may be sold than before: what channels may sell of it is to be counted again.

    Written by triggers on stock levels, channel buffers and order lines, in the transaction of the change, whoever made
    it; taken away in the transaction that counts.
    """

    id = models.BigAutoField(primary_key=True)
    sku_id = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "recounts due"

    def __str__(self) -> str:
        return f"SKU {self.sku_id}"


class OutboundUpdateState(models.TextChoices):
    """States of an outbound update."""

    PENDING = "pending", "To send"
    SENT = "sent", "Sent"
    FAILED = "failed", "Refused"
    SKIPPED = "skipped", "Not needed"


class OutboundUpdate(models.Model):
    """Something we must tell a channel about one of its orders. Unique, so that it is told once."""

    State = OutboundUpdateState

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(ChannelAccount, on_delete=models.CASCADE, related_name="outbound")
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="channel_updates")
    update_key = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "update_key"], name="outbound_update_once"),
            one_of("state", OutboundUpdateState, prefix="outbound_update"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.order_id}"


class ImportMapping(models.Model):
    """A saved answer to "which column is which", so that the next file of the same shape needs no questions."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20, help_text="orders, skus, nodes or stock.")
    name = models.CharField(max_length=120)
    header_fingerprint = models.CharField(max_length=64, blank=True)
    columns = models.JSONField(help_text="Our field -> column of the file.")
    options = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="import_mapping_once")]

    def __str__(self) -> str:
        return self.name
