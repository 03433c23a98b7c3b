"""Simulations of rules on past orders: what was asked for, what came of it, and the orders that changed node."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from oms.core.models import Job
from orders.models import Order


class Simulation(models.Model):
    """Rules decided again against the orders of a past window. Nothing but this row and its orders is written.

    `versions` are the documents as they were when it was started, the baseline first: objects with `id` and `version`
    of the policy (null where it has none), `edit`, `name` and `document`. `result` is empty until it was played; see
    `routing.services.simulating`.
    """

    id = models.BigAutoField(primary_key=True)
    job = models.OneToOneField(Job, on_delete=models.SET_NULL, null=True, related_name="simulation")
    since = models.DateTimeField()
    until = models.DateTimeField()
    channels = ArrayField(
        models.CharField(max_length=40), default=list, blank=True, help_text="Codes; none: every one."
    )
    order_ids = ArrayField(
        models.BigIntegerField(), default=list, blank=True, help_text="Only these; none: all orders of the window."
    )
    most_orders = models.PositiveIntegerField(help_text="Of more orders a sample is taken.")
    versions = models.JSONField()
    result = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=120, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=Q(since__lt=F("until")), name="simulation_window_has_length")]

    def __str__(self) -> str:
        return f"Simulation {self.pk}"

    @property
    def names(self) -> list[str]:
        """The versions as people call them, the baseline first."""
        return [version_name(each) for each in self.versions]


def version_name(version: dict[str, Any]) -> str:
    """A version of `Simulation.versions` as people call it."""
    if version["version"]:
        return f"Version {version['version']}"
    return str(version["name"])


class SimulatedOrder(models.Model):
    """An order that at least one version sends from other nodes than the baseline.

    `decisions` are objects in the sequence of the versions: `outcome`, `rule`, `cost`, `nodes` (pairs of code and
    units) and `sentence`. `changed` holds the places of the versions that differ.
    """

    id = models.BigAutoField(primary_key=True)
    simulation = models.ForeignKey(Simulation, on_delete=models.CASCADE, related_name="orders", db_index=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    number = models.CharField(max_length=30)
    currency = models.CharField(max_length=3)
    decided_at = models.DateTimeField(help_text="The moment of its first real decision, which was decided again.")
    decisions = models.JSONField()
    changed = ArrayField(models.PositiveSmallIntegerField())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["simulation", "order"], name="simulated_order_once")]

    def __str__(self) -> str:
        return self.number
