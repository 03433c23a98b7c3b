"""What has become of a promise so far: when an order is expected now, how likely it is late, and what was said when."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from oms.core.constraints import one_of
from orders.models import Order


class OutlookBand(models.TextChoices):
    """How likely it is that the promise breaks; the limits are in `routing.promise.outlook`."""

    ON_TRACK = "on_track", "On track"
    WATCH = "watch", "To watch"
    AT_RISK = "at_risk", "At risk"
    LATE = "late", "Will be late"
    DONE = "done", "Over"


class OutlookStage(models.TextChoices):
    """Where the slowest part of an order stands."""

    WAITING = "waiting", "Waiting"
    NODE = "node", "At the node"
    ROAD = "road", "On its way"
    LOST = "lost", "Does not arrive"
    DONE = "done", "Arrived"


class OutlookRemedy(models.TextChoices):
    """What helps best."""

    NONE = "", "Nothing better is known"
    REROUTE = "reroute", "Reroute"
    UPGRADE = "upgrade", "Faster service"
    TELL = "tell", "Tell the customer"


class OrderOutlook(models.Model):
    """One order with a promise, as it looks at `seen_at`. The newest look wins; `version` counts them.

    `breach` is the probability that it comes after `promised_by`; `expected_on` the day that half of such orders keep
    (None: as things stand it does not arrive), `sure_by` what could be promised anew. `at_risk_minor` is `breach` times
    the value of the order. `next_at` is when it has to be looked at again though nothing happened.
    """

    Band = OutlookBand
    Stage = OutlookStage
    Remedy = OutlookRemedy

    order = models.OneToOneField(Order, primary_key=True, on_delete=models.CASCADE, related_name="outlook")
    promised_by = models.DateTimeField()
    expected_on = models.DateField(null=True, blank=True)
    sure_by = models.DateTimeField(null=True, blank=True)
    breach = models.FloatField()
    band = models.CharField(max_length=8, choices=OutlookBand)
    stage = models.CharField(max_length=8, choices=OutlookStage)
    place = models.CharField(max_length=120, blank=True, help_text="Code of the node or name of the carrier.")
    parts = models.JSONField(default=list, help_text="[key, start, end] of waiting, processing, pickup and transit.")
    at_risk_minor = models.BigIntegerField(default=0)
    risk_since = models.DateTimeField(null=True, blank=True)
    version = models.IntegerField(default=1)
    seen_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True, blank=True)
    remedy = models.CharField(max_length=8, choices=OutlookRemedy, blank=True, default="")
    remedy_breach = models.FloatField(null=True, blank=True)
    remedy_cost_minor = models.BigIntegerField(null=True, blank=True)
    remedy_nodes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    remedied_at = models.DateTimeField(null=True, blank=True, help_text="When a remedy was last looked for.")

    class Meta:
        constraints = [
            one_of("band", OutlookBand, prefix="order_outlook"),
            one_of("stage", OutlookStage, prefix="order_outlook"),
        ]
        indexes = [
            models.Index(fields=["next_at"], name="order_outlook_next", condition=Q(next_at__isnull=False)),
            models.Index(fields=["remedied_at"], name="order_outlook_at_risk",
                         condition=Q(band__in=["at_risk", "late"])),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.order_id}: {self.breach:.0%} late"

    @property
    def is_at_risk(self) -> bool:
        """A person should look at it."""
        return self.band in (OutlookBand.AT_RISK, OutlookBand.LATE)


class OutlookChange(models.Model):
    """Append-only: the date or the band of an order's outlook moved, and what happened that it did."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="outlook_changes", db_index=False)
    version = models.IntegerField()
    reason = models.CharField(max_length=120, blank=True)
    promised_by = models.DateTimeField()
    expected_on = models.DateField(null=True, blank=True)
    breach = models.FloatField()
    band = models.CharField(max_length=8, choices=OutlookBand)
    stage = models.CharField(max_length=8, choices=OutlookStage)
    place = models.CharField(max_length=120, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "version"], name="outlook_change_once")]

    def __str__(self) -> str:
        return f"{self.order_id} {self.band} {self.expected_on}"
