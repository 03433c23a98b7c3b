"""How fast stock goes, how it should be kept up, and what is suggested for that."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.buffers import Velocity
from inventory.models.catalogue import Sku, Supplier
from inventory.models.places import Node
from inventory.models.purchasing import PurchaseOrder
from inventory.models.transfers import Transfer
from oms.core.constraints import one_of, quantity_bounds
from oms.core.values import MAX_QUANTITY

#: Slack of what nobody asks for: it never runs out.
NO_DEMAND_SLACK = 9999.0


class DemandRate(models.Model):
    """Units of a SKU that are asked for at a node: mean and standard deviation of a day, over the days looked at."""

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.CASCADE, related_name="demand_rates", db_index=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="demand_rates")
    units = models.BigIntegerField(help_text="In all the days looked at.")
    days = models.PositiveIntegerField()
    mean_per_day = models.FloatField()
    deviation_per_day = models.FloatField()
    velocity = models.CharField(max_length=8, choices=Velocity)
    computed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sku", "node"], name="demand_rate_once"),
            models.CheckConstraint(
                condition=Q(
                    units__gte=0,
                    mean_per_day__gte=0,
                    mean_per_day__lte=MAX_QUANTITY,
                    deviation_per_day__gte=0,
                    deviation_per_day__lte=MAX_QUANTITY,
                ),
                name="demand_rate_bounded",
            ),
            one_of("velocity", Velocity, prefix="demand_rate"),
        ]

    def __str__(self) -> str:
        return f"{self.mean_per_day:.2f} of {self.sku_id} a day at {self.node_id}"


class ReplenishmentRule(models.Model):
    """How stock is kept up where every condition that is set holds; the first rule in order of priority counts."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120)
    priority = models.PositiveIntegerField(default=100, help_text="Lower comes first.")
    node = models.ForeignKey(Node, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    sku = models.ForeignKey(Sku, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    category = models.CharField(max_length=120, blank=True)
    service_level_bp = models.PositiveIntegerField(
        default=9500, help_text="Cycles without running out, in basis points: 9500 is 95 %."
    )
    review_days = models.PositiveSmallIntegerField(default=7, help_text="Days that an order is to last.")
    from_node = models.ForeignKey(
        Node, null=True, blank=True, on_delete=models.CASCADE, related_name="+",
        help_text="Where transfers come from; empty: bought from the supplier.",
    )  # fmt: skip
    transfer_days = models.PositiveSmallIntegerField(default=2, help_text="Days a transfer takes.")
    least_stock = models.IntegerField(default=0, help_text="Never reorder later than at so many units.")
    most_stock = models.IntegerField(null=True, blank=True, help_text="Never order above so many units.")
    is_active = models.BooleanField(default=True)
    changed_by = models.CharField(max_length=120, blank=True, default="", db_default="")
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["priority", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(service_level_bp__gte=5000, service_level_bp__lte=9999), name="replenishment_rule_level"
            ),
            quantity_bounds("least_stock", prefix="replenishment_rule"),
            models.CheckConstraint(
                condition=Q(most_stock__isnull=True)
                | Q(most_stock__gte=F("least_stock"), most_stock__lte=MAX_QUANTITY),
                name="replenishment_rule_most_above_least",
            ),
            models.CheckConstraint(
                condition=Q(node__isnull=True) | Q(from_node__isnull=True) | ~Q(node=F("from_node")),
                name="replenishment_rule_from_another",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SuggestionState(models.TextChoices):
    """States of a suggestion."""

    OPEN = "open", "Suggested"
    ACCEPTED = "accepted", "Drafted"
    DISMISSED = "dismissed", "Dismissed"
    OUTDATED = "outdated", "Outdated"


class ReplenishmentSuggestion(models.Model):
    """Units of a SKU that a node should get, from a supplier or another node, with every figure of the sum.

    With neither a supplier nor a node it says that nobody is known who could send it.
    """

    State = SuggestionState

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.CASCADE, related_name="suggestions", db_index=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="suggestions")
    supplier = models.ForeignKey(Supplier, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    from_node = models.ForeignKey(Node, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    rule = models.ForeignKey(
        ReplenishmentRule, null=True, blank=True, on_delete=models.SET_NULL, related_name="suggestions"
    )
    quantity = models.IntegerField(help_text="Once accepted: as it was drafted. What was suggested stands in the sums.")
    cover_days = models.FloatField(null=True, blank=True, help_text="Days that ATP and inbound last; empty: no demand.")
    slack_days = models.FloatField(
        default=NO_DEMAND_SLACK, help_text="Days of cover less the lead time: below 0 it runs out before goods come."
    )
    sums = models.JSONField(default=dict, help_text="Each figure that led to the quantity.")
    state = models.CharField(max_length=10, choices=SuggestionState, default=SuggestionState.OPEN)
    purchase_order = models.ForeignKey(
        PurchaseOrder, null=True, blank=True, on_delete=models.SET_NULL, related_name="suggestions"
    )
    transfer = models.ForeignKey(Transfer, null=True, blank=True, on_delete=models.SET_NULL, related_name="suggestions")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    snoozed_until = models.DateTimeField(
        null=True, blank=True, help_text="Dismissed: nothing is suggested again before then."
    )

    class Meta:
        indexes = [
            models.Index(fields=["slack_days", "id"], name="suggestion_by_urgency", condition=Q(state="open")),
            models.Index(fields=["sku", "node"], name="suggestion_snoozed", condition=Q(state="dismissed")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "node"], condition=Q(state="open"), name="replenishment_suggestion_open_once"
            ),
            quantity_bounds("quantity", prefix="replenishment_suggestion", low=1),
            one_of("state", SuggestionState, prefix="replenishment_suggestion"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.sku_id} for {self.node_id}"
