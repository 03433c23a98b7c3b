"""Adjustments that people ask for, and the limits above which a second person decides."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inventory.models.catalogue import Sku
from inventory.models.levels import Lot
from inventory.models.places import Node, NodeKind
from oms.core.constraints import money_bounds, one_of, quantity_bounds
from oms.core.ids import uuid7


class ApprovalLimit(models.Model):
    """Above so many units or so much value (quantity x cost) an adjustment waits for a second person.

    The row of a node's kind counts for it, else the one without a kind; without any row nothing waits.
    """

    id = models.BigAutoField(primary_key=True)
    node_kind = models.CharField(max_length=12, blank=True, choices=NodeKind, unique=True)
    units = models.IntegerField(default=50)
    value_minor = models.BigIntegerField(default=1_000_000)

    class Meta:
        constraints = [
            quantity_bounds("units", prefix="approval_limit"),
            money_bounds("value_minor", prefix="approval_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.node_kind or 'every node'}: {self.units} units"


class StockAdjustmentState(models.TextChoices):
    """States of an adjustment."""

    WAITING = "waiting", "Waits for approval"
    POSTED = "posted", "Posted"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"


class StockAdjustment(models.Model):
    """One change of stock that a person asked for, with its reason; posted at once or after approval.

    `quantity` units move as the reason says; with the reason "count" it is what on hand is to become. `value_minor` is
    what the change was worth by the SKU's cost when it was asked for.
    """

    State = StockAdjustmentState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    op_key = models.CharField(max_length=100, unique=True)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="adjustments")
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="adjustments")
    lot = models.ForeignKey(Lot, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=20)
    quantity = models.IntegerField()
    serials = models.JSONField(default=list, blank=True)
    value_minor = models.BigIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)
    photo = models.FileField(upload_to="adjustments/%Y/%m/", blank=True)
    state = models.CharField(max_length=10, choices=StockAdjustmentState, default=StockAdjustmentState.POSTED)
    asked_by = models.CharField(max_length=120, blank=True)
    asked_key = models.CharField(max_length=120, blank=True, help_text="Who asked, among all people and machines.")
    asked_at = models.DateTimeField(db_default=Now())
    decided_by = models.CharField(max_length=120, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            quantity_bounds("quantity", prefix="stock_adjustment"),
            one_of("state", StockAdjustmentState, prefix="stock_adjustment"),
        ]
        indexes = [models.Index(fields=["id"], name="stock_adjustment_waiting", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.sku_id} at {self.node_id}: {self.reason}"
