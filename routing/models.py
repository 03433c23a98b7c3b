"""Policies, decisions and the counters they are made with."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inventory.models import Node, NodeGroup
from oms.core.constraints import one_of, quantity_bounds
from orders.models import Order, SalesChannel


class RoutingPolicy(models.Model):
    """Weights and rules of a decision. Published versions never change; exactly one is active."""

    id = models.BigAutoField(primary_key=True)
    version = models.PositiveIntegerField(unique=True)
    name = models.CharField(max_length=120)
    weights = models.JSONField(default=dict, help_text="As routing.engine.Weights.")
    max_shipments = models.PositiveSmallIntegerField(default=3)
    allow_partial = models.BooleanField(default=True)
    is_active = models.BooleanField(default=False)
    note = models.CharField(max_length=300, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.CharField(max_length=120, blank=True)

    class Meta:
        verbose_name_plural = "routing policies"
        constraints = [
            models.UniqueConstraint(fields=["is_active"], condition=Q(is_active=True), name="routing_policy_one_active")
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class ChannelSourcing(models.Model):
    """From which node groups a channel is sold and shipped, and how many units stay unsold per SKU."""

    id = models.BigAutoField(primary_key=True)
    channel = models.OneToOneField(SalesChannel, on_delete=models.CASCADE, related_name="sourcing")
    groups = models.ManyToManyField(NodeGroup, blank=True, help_text="None: every node.")
    threshold = models.PositiveIntegerField(default=0, help_text="Units of each SKU never offered on this channel.")
    cap = models.PositiveIntegerField(
        null=True, blank=True, help_text="Most units of a SKU that this channel is told. Empty: no limit."
    )

    def __str__(self) -> str:
        return f"Sourcing of {self.channel_id}"


class NodeLoad(models.Model):
    """Orders a node was given on one of its days, less those it lost again before anything of them was packed.

    Counted in the transaction that decides, given back in the one that takes the order away, whenever that is.
    """

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="loads")
    day = models.DateField()
    orders = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["node", "day"], name="node_load_once"),
            quantity_bounds("orders", prefix="node_load"),
        ]

    def __str__(self) -> str:
        return f"{self.node_id} {self.day}: {self.orders}"


class RoutingExclusion(models.Model):
    """A node that may not be given an order again, because it rejected it or did not find the goods."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="routing_exclusions")
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="routing_exclusions")
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "node"], name="routing_exclusion_once")]

    def __str__(self) -> str:
        return f"{self.order_id} not from {self.node_id}"


class RoutingDecisionOutcome(models.TextChoices):
    """Outcomes of a routing decision."""

    ROUTED = "routed", "Routed"
    PARTIAL = "partial", "Partly routed"
    UNROUTABLE = "unroutable", "No node can"


class RoutingDecision(models.Model):
    """What was decided for an order, from what, and why. Every attempt is kept."""

    Outcome = RoutingDecisionOutcome

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, related_name="routing_decisions", db_index=False, db_constraint=False
    )
    attempt = models.IntegerField()
    trigger = models.CharField(max_length=40)
    actor = models.CharField(max_length=120, blank=True)
    policy_version = models.IntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    sentence = models.CharField(max_length=500)
    cost_minor = models.BigIntegerField()
    lower_bound_minor = models.BigIntegerField()
    optimal = models.BooleanField()
    nodes_examined = models.IntegerField()
    duration_us = models.IntegerField()
    assignments = models.JSONField(default=list)
    trace = models.TextField(
        default="", help_text="JSON that `routing.engine.expand_candidates` reads. Text, because no query looks inside."
    )
    decided_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["order_id", "attempt"]
        constraints = [
            models.UniqueConstraint(fields=["order", "attempt"], name="routing_decision_attempt_once"),
            one_of("outcome", RoutingDecisionOutcome, prefix="routing_decision"),
        ]
        indexes = [
            models.Index(fields=["-decided_at", "-id"], name="routing_decision_newest",
                         include=["order", "attempt", "outcome", "trigger", "cost_minor", "duration_us"]),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"Attempt {self.attempt} for {self.order_id}: {self.outcome}"

    @property
    def candidates(self) -> dict[str, Any]:
        """What every node was weighed with, as `routing.engine.expand_candidates` takes it; empty where not kept."""
        return json.loads(self.trace) if self.trace else {}
