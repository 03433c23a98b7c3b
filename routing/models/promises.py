"""Ways of delivery that are promised, what was learned for them, and every promise made with what became of it."""

from __future__ import annotations

from datetime import time

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from carriers.models import CarrierAccount
from inventory.models import Node
from oms.core.constraints import one_of
from oms.core.places import known_state
from orders.models import Order


class DeliveryService(models.Model):
    """A way of delivery that the shop sells, as `routing.promise.options.Service`."""

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(max_length=20, unique=True, help_text="As the service level of orders.")
    name = models.CharField(max_length=80)
    target_percent = models.PositiveSmallIntegerField(
        default=90, validators=[MinValueValidator(50), MaxValueValidator(99)],
        help_text="Of 100 promises so many shall be kept.",
    )  # fmt: skip
    transit_percent = models.PositiveSmallIntegerField(
        default=100, help_text="Of the rate card's transit days, until parcels of this service were delivered."
    )
    price_percent = models.PositiveSmallIntegerField(default=100, help_text="Of the rate card's price.")
    slots = models.JSONField(
        default=list, blank=True, help_text='Same-day windows on the clock of the node: [["18:00", "21:00"]].'
    )
    radius_km = models.PositiveIntegerField(default=0, help_text="How far same-day riders go from the node.")
    ride_minutes = models.PositiveIntegerField(default=30)
    nodes = models.ManyToManyField(Node, blank=True, help_text="Nodes that offer the same-day windows.")
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["position", "code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(target_percent__gte=50, target_percent__lte=99), name="delivery_service_target"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError for windows that no rider can keep, and for terms that only windows have."""
        problem = windows_problem(self.slots)
        if problem:
            raise ValidationError({"slots": problem})
        if self.slots and not self.radius_km:
            raise ValidationError({"radius_km": "Say how far riders go: with 0 km nobody is offered a window."})
        if not self.slots and not (self.transit_percent and self.price_percent):
            raise ValidationError("Days and price are shares of the rate card: at least 1 %.")


def windows_problem(slots: object) -> str:
    """What is wrong with same-day windows, in a sentence; empty where they are `[["18:00", "21:00"], ...]`, in
    sequence and apart from each other."""
    if not isinstance(slots, list):
        return 'Write windows as [["18:00", "21:00"]].'
    before = time.min
    for window in slots:
        if not isinstance(window, list) or len(window) != 2:
            return 'Write windows as [["18:00", "21:00"]].'
        try:
            starts, ends = (time.fromisoformat(str(clock)) for clock in window)
        except ValueError:
            return f"{window[0]} to {window[1]} is not a time of the day: write 18:00."
        if starts >= ends:
            return f"{starts:%H:%M} is not before {ends:%H:%M}."
        if starts < before:
            return f"{starts:%H:%M} begins before the window ahead of it has ended."
        before = ends
    return ""


class NodePickup(models.Model):
    """When a carrier collects at a node on its working days. A node without any is collected from at closing."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="pickups")
    carrier = models.CharField(max_length=40, blank=True, help_text="Code of the carrier account; for people.")
    at = models.TimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "carrier", "at"], name="node_pickup_once")]

    def __str__(self) -> str:
        return f"{self.node_id} {self.at:%H:%M}"

    def clean(self) -> None:
        """Raises ValidationError for a time at which nobody is there, and for a carrier that is not known."""
        at: time | None = getattr(self, "at", None)  # None where the form could not read it.
        if self.node_id and at is not None and not self.node.opens_at <= at <= self.node.closes_at:
            hours = f"{self.node.opens_at:%H:%M} to {self.node.closes_at:%H:%M}"
            raise ValidationError({"at": f"{self.node.code} is open from {hours}."})
        if self.carrier and not CarrierAccount.objects.filter(code=self.carrier).exists():
            raise ValidationError({"carrier": f"There is no carrier account {self.carrier}."})


class DeliveryHoliday(models.Model):
    """A day on which carriers do not deliver: in a state, or everywhere where none is named."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    state = models.CharField(max_length=80, blank=True)
    name = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["day", "state"]
        constraints = [models.UniqueConstraint(fields=["day", "state"], name="delivery_holiday_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"

    def clean(self) -> None:
        """Writes a state as the table of places does. Raises ValidationError for one that it does not have."""
        known = known_state(self.state) if self.state else ""
        if known is None:
            raise ValidationError({"state": f"{self.state} is not a state. Leave it empty for everywhere."})
        self.state = known


class LearnedKind(models.TextChoices):
    """What was learned."""

    TRANSIT = "transit", "Transit"
    HANDLING = "handling", "Handling"


class LearnedDays(models.Model):
    """Weights by day for one level of a lane or of a node: `risk[n]` parcels were under way when day n began,
    `events[n]` of them arrived on it. As `routing.promise.transit.DayCounts`, written anew every night."""

    Kind = LearnedKind

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10, choices=LearnedKind)
    service = models.CharField(max_length=20, blank=True)
    carrier = models.CharField(max_length=40, blank=True, help_text="Empty: all carriers together.")
    level = models.PositiveSmallIntegerField(help_text="0 is the widest.")
    lane = models.CharField(max_length=160)
    risk = ArrayField(models.FloatField())
    events = ArrayField(models.FloatField())
    parcels = models.IntegerField(default=0, help_text="That were seen, without weights.")
    learned_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "learned days"
        constraints = [
            models.UniqueConstraint(fields=["kind", "service", "carrier", "lane"], name="learned_days_once"),
            one_of("kind", LearnedKind, prefix="learned_days"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.lane}"


class NodePace(models.Model):
    """How fast a node works where work is waiting for it, measured in the last days, and what waits there now."""

    id = models.BigAutoField(primary_key=True)
    node = models.OneToOneField(Node, on_delete=models.CASCADE, related_name="pace")
    orders_ahead = models.PositiveIntegerField(default=0)
    orders_per_hour = models.FloatField(default=0.0, help_text="While it is open; 0: not known.")
    hours_median = models.FloatField(null=True, blank=True, help_text="From release to hand-over, by the clock.")
    hours_slow = models.FloatField(null=True, blank=True, help_text="Nine of ten are faster.")
    measured_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.node_id}: {self.orders_ahead} ahead"


class PromiseCalibration(models.Model):
    """How far the level of a service's promises is corrected; of one group of it where it is named."""

    id = models.BigAutoField(primary_key=True)
    service = models.CharField(max_length=20)
    group = models.CharField(max_length=60, blank=True)
    correction = models.FloatField(default=0.0, help_text="Added to the log odds of the level.")
    judged = models.IntegerField(default=0)
    kept = models.IntegerField(default=0)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "group"], name="promise_calibration_once")]

    def __str__(self) -> str:
        return f"{self.service} {self.group}: {self.correction:+.2f}"


class PromiseState(models.TextChoices):
    """What became of a promise."""

    OPEN = "open", "Open"
    KEPT = "kept", "Kept"
    BROKEN = "broken", "Broken"
    VOID = "void", "Void"


class OrderPromise(models.Model):
    """One promise for one order, with all that it was made from. The newest one (highest `seq`) is in force.

    `said` is the probability of being on time as it was told. The first one is judged when it falls due. With
    `gave_date` the channel had named none: the order got its first date from this promise, after it was routed.
    """

    State = PromiseState

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="promises")
    seq = models.PositiveSmallIntegerField(default=1)
    reason = models.CharField(max_length=120, blank=True, help_text="What happened that it was made anew.")
    made_at = models.DateTimeField()
    promised_by = models.DateTimeField()
    gave_date = models.BooleanField(default=False, db_default=False)
    said = models.FloatField()
    level = models.FloatField(help_text="The share of the distribution at which the date was read off.")
    service = models.CharField(max_length=20)
    group = models.CharField(max_length=60, blank=True)
    lane = models.CharField(max_length=160, blank=True)
    carrier = models.CharField(max_length=40, blank=True)
    nodes = ArrayField(models.CharField(max_length=40), default=list)
    parts = models.JSONField(default=list, help_text="[key, start, end] of each part of the bar.")
    state = models.CharField(max_length=8, choices=PromiseState, default=PromiseState.OPEN)
    judged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "seq"], name="order_promise_once"),
            one_of("state", PromiseState, prefix="order_promise"),
        ]
        indexes = [
            models.Index(fields=["promised_by"], name="order_promise_open", condition=Q(state="open")),
            models.Index(fields=["promised_by", "id"], name="order_promise_judged",
                         condition=Q(judged_at__isnull=False)),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.order_id} by {self.promised_by:%Y-%m-%d}"
