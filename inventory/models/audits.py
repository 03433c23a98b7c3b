"""What the auditor looked at, and every difference it found until a person has dealt with it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inventory.models.catalogue import Sku
from inventory.models.places import Node
from oms.core.constraints import among, one_of


class StockAudit(models.Model):
    """One run of the auditor: how much it looked at and every difference it found. The newest one is what counts."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    levels = models.PositiveIntegerField(help_text="Stock levels compared.")
    postings = models.PositiveBigIntegerField(default=0, db_default=0, help_text="Postings added up.")
    seconds = models.FloatField(default=0, db_default=0)
    differences = models.PositiveIntegerField(default=0)
    found = models.JSONField(
        default=list, blank=True, help_text="SKU, node, balance, stored and computed; at most 500."
    )

    def __str__(self) -> str:
        return f"{self.differences} differences in {self.levels} levels"


class StockDifferenceState(models.TextChoices):
    """States of a difference."""

    OPEN = "open", "To decide"
    ACCEPTED = "accepted", "Corrected"
    DISMISSED = "dismissed", "Left as it is"
    GONE = "gone", "No longer there"


class StockDifference(models.Model):
    """A stored number that is not what the rows below it add up to, until a person has dealt with it.

    `what` names the number. `proposal` is the compensation that would mend it; nothing is mended by itself.
    """

    State = StockDifferenceState

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False)
    node = models.ForeignKey(Node, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    what = models.CharField(max_length=40)
    subject = models.CharField(max_length=80, blank=True, help_text="The lot, order line or document, where it is one.")
    stored = models.BigIntegerField()
    computed = models.BigIntegerField()
    proposal = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=StockDifferenceState, default=StockDifferenceState.OPEN)
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            one_of("state", StockDifferenceState, prefix="stock_difference"),
            models.UniqueConstraint(
                fields=["sku", "node", "what", "subject"], condition=Q(state="open"), name="stock_difference_open_once",
                nulls_distinct=False,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.what} of {self.sku_id} at {self.node_id}: {self.stored} is not {self.computed}"


class LevelCorrection(models.Model):
    """A balance that was set to what its ledger adds up to, because a person said so. Append-only.

    The database works the sum out again and refuses any other `after`: see migration 0009.
    """

    id = models.BigAutoField(primary_key=True)
    difference = models.ForeignKey(StockDifference, on_delete=models.PROTECT, related_name="corrections")
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+", db_index=False)
    bucket = models.CharField(max_length=12)
    before = models.BigIntegerField()
    after = models.BigIntegerField()
    actor = models.CharField(max_length=120)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=among("bucket", "on_hand", "reserved", "packed", "damaged", "quarantine", "inbound"),
                name="level_correction_bucket_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.bucket} of {self.sku_id} at {self.node_id}: {self.before} to {self.after}"
