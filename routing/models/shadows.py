"""Drafts that decide beside the live rules without deciding anything, and where they would have done otherwise."""

from __future__ import annotations

from typing import NamedTuple

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from orders.models import Order
from routing.models.policies import RoutingPolicy


class FreightChange(NamedTuple):
    """What a draft adds to the freight of an order, the mean over so many in a currency, in minor units."""

    currency: str
    orders: int
    minor: int


class RoutingShadow(models.Model):
    """One run of a draft beside the live rules.

    `document` is the draft as it was when the run began, its edit `edit_version`. `after_decision` is the id of the
    last real decision that was looked at. Orders are counted once: `agreed` of the `decided` ones go from the same
    nodes with the same units; `skipped` were too many at once. `freight` has, by currency, how many orders both ship
    whole, and the freight of these with the live rules and with the draft: by the rate card, in minor units.
    """

    id = models.BigAutoField(primary_key=True)
    policy = models.ForeignKey(RoutingPolicy, on_delete=models.CASCADE, related_name="shadows")
    document = models.JSONField()
    edit_version = models.PositiveIntegerField()
    after_decision = models.BigIntegerField(default=0)
    decided = models.PositiveIntegerField(default=0)
    agreed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    freight = models.JSONField(default=dict, blank=True)
    live_unroutable = models.PositiveIntegerField(default=0)
    draft_unroutable = models.PositiveIntegerField(default=0)
    live_split = models.PositiveIntegerField(default=0)
    draft_split = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(db_default=Now())
    started_by = models.CharField(max_length=120, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.CharField(max_length=120, blank=True)
    stop_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy"], condition=Q(stopped_at__isnull=True), name="routing_shadow_runs_once"
            ),
            models.CheckConstraint(condition=Q(agreed__lte=F("decided")), name="routing_shadow_agrees_in_decided"),
        ]

    def __str__(self) -> str:
        return f"Shadow of {self.policy_id}"

    @property
    def agreed_share(self) -> float | None:
        """Share of the orders that go the same way; None before the first."""
        return self.agreed / self.decided if self.decided else None

    def note_freight(self, currency: str, live_minor: int, draft_minor: int) -> None:
        """Count an order that both ship whole."""
        orders, live, draft = self.freight.get(currency, (0, 0, 0))
        self.freight[currency] = [orders + 1, live + live_minor, draft + draft_minor]

    @property
    def freight_changes(self) -> list[FreightChange]:
        """What the draft adds to the freight of an order that both ship whole, the currency of most orders first."""
        found = [
            FreightChange(currency, orders, round((draft - live) / orders))
            for currency, (orders, live, draft) in self.freight.items()
        ]
        return sorted(found, key=lambda each: (-each.orders, each.currency))


class ShadowDifference(models.Model):
    """An order that the draft would have sent otherwise. `live` and `draft` are objects with `outcome`, `rule`,
    `nodes` (pairs of code and units), `freight` and `sentence`. The newest ones of a run are kept."""

    id = models.BigAutoField(primary_key=True)
    shadow = models.ForeignKey(RoutingShadow, on_delete=models.CASCADE, related_name="differences", db_index=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    number = models.CharField(max_length=30)
    currency = models.CharField(max_length=3)
    live = models.JSONField()
    draft = models.JSONField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["shadow", "order"], name="shadow_difference_once")]

    def __str__(self) -> str:
        return self.number
