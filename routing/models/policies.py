"""The published versions of the routing rules."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


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
