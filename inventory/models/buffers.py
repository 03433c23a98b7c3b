"""Stock that is kept back: rules, and what they hide from single channels."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.catalogue import Sku
from inventory.models.places import Node, NodeGroup, NodeKind
from oms.core.constraints import one_of, quantity_bounds


class Velocity(models.TextChoices):
    """How fast a SKU sells at a node."""

    FAST = "fast", "Fast"
    MEDIUM = "medium", "Medium"
    SLOW = "slow", "Slow"
    NONE = "none", "Not at all"


class BufferMeasure(models.TextChoices):
    """How the amount of a rule is meant."""

    UNITS = "units", "Units"
    DAYS = "days", "Days of demand"
    PERCENT = "percent", "Percent of on hand"


class BufferRule(models.Model):
    """Units that stay unsold where every condition that is set holds. The first rule in order of priority counts.

    Without `channel_code` the units are kept back from everybody: they become the safety stock of the stock level.
    With it they are hidden from this channel only, on top of that.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120)
    priority = models.PositiveIntegerField(default=100, help_text="Lower comes first.")
    node = models.ForeignKey(Node, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    node_kind = models.CharField(max_length=12, blank=True, choices=NodeKind)
    group = models.ForeignKey(NodeGroup, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    sku = models.ForeignKey(Sku, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    category = models.CharField(max_length=120, blank=True)
    brand = models.CharField(max_length=120, blank=True)
    velocity = models.CharField(max_length=8, blank=True, choices=Velocity)
    channel_code = models.CharField(max_length=40, blank=True)
    measure = models.CharField(max_length=8, choices=BufferMeasure, default=BufferMeasure.UNITS)
    amount = models.PositiveIntegerField(help_text="Units, days or percent; 0 keeps nothing back.")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    note = models.CharField(max_length=200, blank=True)
    changed_by = models.CharField(max_length=120, blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["priority", "pk"]
        constraints = [
            quantity_bounds("amount", prefix="buffer_rule"),
            models.CheckConstraint(condition=~Q(measure="percent") | Q(amount__lte=100), name="buffer_rule_percent"),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="buffer_rule_ends_after_start",
            ),
            one_of("measure", BufferMeasure, prefix="buffer_rule"),
        ]

    def __str__(self) -> str:
        return self.name


class ChannelBuffer(models.Model):
    """Units of a SKU at a node that a rule hides from one channel. Worked out from the rules, never edited."""

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.CASCADE, related_name="+", db_index=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="+", db_index=False)
    channel_code = models.CharField(max_length=40)
    units = models.IntegerField()
    rule = models.ForeignKey(BufferRule, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sku", "node", "channel_code"], name="channel_buffer_once"),
            quantity_bounds("units", prefix="channel_buffer", low=1),
        ]

    def __str__(self) -> str:
        return f"{self.units} of {self.sku_id} at {self.node_id} from {self.channel_code}"
