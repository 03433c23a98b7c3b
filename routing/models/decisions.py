"""What was decided for an order, and why."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from oms.core.constraints import one_of
from orders.models import Order


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
    rule = models.CharField(
        max_length=80, default="", db_default="", help_text="Name of the rule of the policy that decided."
    )
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
            # Figures of a version and of a trial, which count orders that were decided for the first time.
            models.Index(fields=["policy_version", "-decided_at", "-id"], name="routing_decision_version",
                         condition=Q(attempt=1) & ~Q(trigger="checkout")),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"Attempt {self.attempt} for {self.order_id}: {self.outcome}"

    @property
    def candidates(self) -> dict[str, Any]:
        """What every node was weighed with, as `routing.engine.expand_candidates` takes it; empty where not kept."""
        return json.loads(self.trace) if self.trace else {}
