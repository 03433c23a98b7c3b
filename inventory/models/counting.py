"""Cycle counts: what is to be counted, who counts it, every scan, and what became of each variance."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inventory.models.catalogue import Sku
from inventory.models.places import Node
from oms.core.constraints import money_bounds, one_of, quantity_bounds
from oms.core.ids import uuid7


class StockCountKind(models.TextChoices):
    """Kinds of a count."""

    DIRECTED = "directed", "Directed"
    FREE = "free", "Free"


class StockCountState(models.TextChoices):
    """States of a count."""

    OPEN = "open", "Counting"
    REVIEW = "review", "To review"
    CLOSED = "closed", "Closed"
    CANCELLED = "cancelled", "Cancelled"


class StockCount(models.Model):
    """A count at one node. A directed one names its SKUs, a free one takes what is scanned.

    Blind: people who count do not see what is expected. A variance within both thresholds is accepted by itself.
    """

    Kind = StockCountKind
    State = StockCountState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    number = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120, blank=True)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="counts")
    kind = models.CharField(max_length=10, choices=StockCountKind, default=StockCountKind.DIRECTED)
    state = models.CharField(max_length=10, choices=StockCountState, default=StockCountState.OPEN)
    is_blind = models.BooleanField(default=True)
    accept_units = models.IntegerField(default=0, help_text="Variances up to so many units are accepted by themselves.")
    accept_value_minor = models.BigIntegerField(default=0, help_text="And up to so much value.")
    due_on = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    created_by = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=120, blank=True)
    recount_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="recounts")

    class Meta:
        constraints = [
            one_of("kind", StockCountKind, prefix="stock_count"),
            one_of("state", StockCountState, prefix="stock_count"),
            quantity_bounds("accept_units", prefix="stock_count"),
            money_bounds("accept_value_minor", prefix="stock_count"),
        ]
        indexes = [
            models.Index(fields=["node", "id"], name="stock_count_open", condition=Q(state__in=["open", "review"]))
        ]

    def __str__(self) -> str:
        return self.number


class CountItemState(models.TextChoices):
    """States of an item."""

    TO_COUNT = "to_count", "To count"
    COUNTED = "counted", "To review"
    ACCEPTED = "accepted", "Accepted"
    AUTO_ACCEPTED = "auto", "Accepted by itself"
    REJECTED = "rejected", "Rejected"


class CountItem(models.Model):
    """A SKU in a count. `expected_quantity` is what should have lain on the shelf at `counted_at`, by the ledger and
    without what was picked already; variance = counted - expected.

    What is sold or received after that moment is no variance, so an accepted item posts the variance, not the count.
    """

    State = CountItemState

    id = models.BigAutoField(primary_key=True)
    count = models.ForeignKey(StockCount, on_delete=models.CASCADE, related_name="items", db_index=False)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="count_items")
    is_directed = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=CountItemState, default=CountItemState.TO_COUNT)
    counted_quantity = models.IntegerField(null=True, blank=True)
    expected_quantity = models.IntegerField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    carried_quantity = models.IntegerField(
        default=0, db_default=0, help_text="On hand at that moment, but picked already: in a tote, not on the shelf."
    )
    posted_quantity = models.IntegerField(default=0, help_text="The variance that was posted.")
    decided_by = models.CharField(max_length=120, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["count", "sku"], name="count_item_once"),
            one_of("state", CountItemState, prefix="count_item"),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} in {self.count_id}"

    @property
    def variance(self) -> int | None:
        """Counted less expected; None before it was counted."""
        if self.counted_quantity is None or self.expected_quantity is None:
            return None
        return self.counted_quantity - self.expected_quantity


class CountSessionState(models.TextChoices):
    """States of a session."""

    OPEN = "open", "Counting"
    SUBMITTED = "submitted", "Submitted"
    DISCARDED = "discarded", "Discarded"


class CountSession(models.Model):
    """One person with one device who counts an area. Locked to both until it is submitted, discarded or released."""

    State = CountSessionState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    count = models.ForeignKey(StockCount, on_delete=models.CASCADE, related_name="sessions")
    area = models.CharField(max_length=60, blank=True, help_text="Shelf, aisle or back room.")
    state = models.CharField(max_length=10, choices=CountSessionState, default=CountSessionState.OPEN)
    person = models.CharField(max_length=120)
    person_key = models.CharField(max_length=120, help_text="Who it is among all people and machines.")
    device = models.CharField(max_length=60, blank=True)
    lock_token = models.UUIDField(default=uuid7)
    started_at = models.DateTimeField(db_default=Now())
    last_scan_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            one_of("state", CountSessionState, prefix="count_session"),
            models.UniqueConstraint(
                fields=["count", "area"], condition=Q(state="open"), name="count_session_one_per_area"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} in {self.area or 'all'}"


class CountScan(models.Model):
    """One scan or typed quantity of a session. `uid` is made by the device, so that sending it again changes nothing.

    Without `sku` the code is not known: it waits until a person matches it or sets it aside. Undone scans stay. With
    `is_total` the quantity is all there is of the SKU (of the lot, where it has lots) in the session's area: what was
    scanned before it counts no more. `lot` and `serial` are texts as scanned, where the SKU is kept by them.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    session = models.ForeignKey(CountSession, on_delete=models.CASCADE, related_name="scans", db_index=False)
    code = models.CharField(max_length=80)
    sku = models.ForeignKey(Sku, null=True, blank=True, on_delete=models.PROTECT, related_name="count_scans")
    quantity = models.IntegerField(default=1)
    is_total = models.BooleanField(default=False, db_default=False)
    lot = models.CharField(max_length=60, blank=True, default="", db_default="")
    serial = models.CharField(max_length=60, blank=True, default="", db_default="")
    scanned_at = models.DateTimeField(help_text="By the device's clock.")
    recorded_at = models.DateTimeField(db_default=Now())
    is_undone = models.BooleanField(default=False)
    set_aside = models.CharField(max_length=200, blank=True, help_text="Why an unknown code counts for nothing.")

    class Meta:
        constraints = [quantity_bounds("quantity", prefix="count_scan")]
        indexes = [
            models.Index(fields=["session", "id"], name="count_scan_of_session"),
            models.Index(fields=["session"], name="count_scan_unmatched", condition=Q(sku__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.code}"
