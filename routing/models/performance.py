"""What was measured of nodes and carriers, in editions, and which edition routing uses."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inventory.models import Node


class PerformanceEdition(models.Model):
    """One measuring of all nodes and carriers. Written once, with its rows, and never changed.

    `number` counts the editions, so that people and decisions can name one.
    """

    id = models.BigAutoField(primary_key=True)
    number = models.PositiveIntegerField(unique=True)
    measured_at = models.DateTimeField()
    measured_by = models.CharField(max_length=120, blank=True)
    orders = models.IntegerField(default=0, help_text="Work of nodes that was looked at.")
    parcels = models.IntegerField(default=0, help_text="That were looked at.")

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"Edition {self.number}"


class NodePerformance(models.Model):
    """A node in an edition, as `routing.performance.nodes.NodeScore`; `stages` has [share, low, high, seen] by name."""

    id = models.BigAutoField(primary_key=True)
    edition = models.ForeignKey(PerformanceEdition, on_delete=models.CASCADE, related_name="nodes")
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="performances")
    score = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    orders = models.IntegerField()
    stages = models.JSONField()
    accept_hours = models.FloatField(null=True, blank=True)
    ship_hours = models.FloatField(null=True, blank=True)
    of_promise = models.FloatField(null=True, blank=True, help_text="Part of its time that it takes until it ships.")
    units = models.IntegerField(default=0)
    short_units = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["edition", "node"], name="node_performance_once"),
            models.CheckConstraint(
                condition=Q(low__gte=0, low__lte=models.F("high"), high__lte=100, score__gte=0, score__lte=100),
                name="node_performance_0_to_100",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node_id}: {self.score:.0f}"


class LanePerformance(models.Model):
    """A carrier on a lane in an edition, as `routing.performance.lanes.LaneScore`.

    `carrier` is the code of the account, "" for all carriers together; `origin` and `destination` are states, "" for
    all lanes. `shares` has [share, low, high] by name.
    """

    id = models.BigAutoField(primary_key=True)
    edition = models.ForeignKey(PerformanceEdition, on_delete=models.CASCADE, related_name="lanes")
    carrier = models.CharField(max_length=40, blank=True)
    origin = models.CharField(max_length=80, blank=True)
    destination = models.CharField(max_length=80, blank=True)
    parcels = models.IntegerField()
    seen = models.FloatField(help_text="Weight of the parcels that arrived.")
    shares = models.JSONField()
    days_median = models.FloatField(null=True, blank=True)
    days_slow = models.FloatField(null=True, blank=True, help_text="Nine of ten are faster.")
    beyond_days = models.FloatField(default=0.0, help_text="Mean days beyond those of the rate card.")
    counted_days = models.SmallIntegerField(default=0, help_text="Whole days that routing adds to the rate card's.")
    cost_minor = models.FloatField(null=True, blank=True)
    charged_share = models.FloatField(default=0.0, help_text="Of the costs that the carrier itself told.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["edition", "carrier", "origin", "destination"], name="lane_performance_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier or 'all'} {self.origin} → {self.destination}"


class EditionUse(models.Model):
    """From when on routing used an edition; None: none of them. The newest row is in force; rows never change."""

    id = models.BigAutoField(primary_key=True)
    edition = models.ForeignKey(
        PerformanceEdition, null=True, blank=True, on_delete=models.PROTECT, related_name="uses"
    )  # fmt: skip
    replaced = models.ForeignKey(
        PerformanceEdition, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="In force before; empty: none.",
    )  # fmt: skip
    used_from = models.DateTimeField(db_default=Now())
    used_by = models.CharField(max_length=120)
    note = models.CharField(max_length=300)

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=~Q(note=""), name="edition_use_says_why")]

    def __str__(self) -> str:
        return f"{self.edition or 'None'} by {self.used_by}"
