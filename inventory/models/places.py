"""Places with stock: nodes, their groups and the days on which they do not work."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from oms.core.clock import now
from oms.core.constraints import one_of
from oms.core.values import Address


class NodeGroup(models.Model):
    """A named set of nodes that channels sell from and policies speak of."""

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def every_day_but_sunday() -> list[int]:
    """ISO weekdays Monday to Saturday."""
    return [1, 2, 3, 4, 5, 6]


class NodeKind(models.TextChoices):
    """Kinds of a node."""

    WAREHOUSE = "warehouse", "Warehouse"
    DARK_STORE = "dark_store", "Dark store"
    STORE = "store", "Store"
    THIRD_PARTY = "3pl", "3PL"
    SUPPLIER = "supplier", "Supplier"


class Node(models.Model):
    """A place with stock. `code` never changes: people's scopes are given by it."""

    Kind = NodeKind

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind)
    groups = models.ManyToManyField(NodeGroup, blank=True, related_name="nodes")
    line1 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=120, blank=True)
    region = models.CharField(max_length=120, blank=True)
    postcode = models.CharField(max_length=16)
    country = models.CharField(max_length=2, default="IN")
    phone = models.CharField(max_length=32, blank=True)
    gstin = models.CharField(max_length=15, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    time_zone = models.CharField(max_length=40, default="Asia/Kolkata")
    working_days = ArrayField(models.PositiveSmallIntegerField(), default=every_day_but_sunday,
                              help_text="ISO weekdays: Monday 1 to Sunday 7.")  # fmt: skip
    opens_at = models.TimeField(default=time(9, 0))
    closes_at = models.TimeField(default=time(20, 0))
    cutoff_at = models.TimeField(default=time(16, 0), help_text="Orders released by then leave the same day.")
    processing_minutes = models.PositiveIntegerField(default=120)
    daily_capacity = models.PositiveIntegerField(default=500, help_text="Orders a day.")
    priority = models.PositiveSmallIntegerField(default=100, help_text="Lower is preferred where costs are equal.")
    ships = models.BooleanField(default=True)
    offers_pickup = models.BooleanField(default=False)
    accepts_returns = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True, help_text="Off: no new work, and open work is rerouted.")
    offline_reason = models.CharField(max_length=200, blank=True)
    stages_pickups = models.BooleanField(
        default=False, db_default=False,
        help_text="Parcels to collect get a shelf or locker by scan before their customers are told.",
    )  # fmt: skip
    pickup_days = models.PositiveSmallIntegerField(
        default=0, db_default=0,
        help_text="Days for which what is ready to collect is kept; then the order is cancelled. 0: for ever.",
    )  # fmt: skip
    curbside_bays = models.PositiveSmallIntegerField(
        default=0, db_default=0,
        help_text="Numbered places before it to which what was ordered is brought; 0: customers come in.",
    )  # fmt: skip
    auto_accept = models.BooleanField(default=True, help_text="Work need not be accepted by a person first.")
    capabilities = ArrayField(
        models.CharField(max_length=40), default=list, db_default=[], blank=True,
        help_text="What it can do beyond the ordinary, separated by commas: hazardous, bulky, gift_wrap.",
    )  # fmt: skip
    brands = ArrayField(
        models.CharField(max_length=120), default=list, db_default=[], blank=True,
        help_text="The brands that it may ship, separated by commas. None: every brand.",
    )  # fmt: skip

    class Meta:
        ordering = ["code"]
        constraints = [
            one_of("kind", NodeKind, prefix="node"),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True) | Q(latitude__gte=-90, latitude__lte=90), name="node_latitude_real"
            ),
            models.CheckConstraint(
                condition=Q(longitude__isnull=True) | Q(longitude__gte=-180, longitude__lte=180),
                name="node_longitude_real",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def day_of(self, moment: datetime) -> date:
        """The calendar day that it is where the node is."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date()

    def today(self) -> date:
        """The calendar day where the node is, now."""
        return self.day_of(now())

    @property
    def address(self) -> Address:
        """Where its parcels start."""
        return Address(
            name=self.name, line1=self.line1, city=self.city, region=self.region,
            postcode=self.postcode, country=self.country, phone=self.phone,
        )  # fmt: skip


class NodeHoliday(models.Model):
    """A day on which a node does not work."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="holidays")
    day = models.DateField()
    name = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "day"], name="node_holiday_once")]

    def __str__(self) -> str:
        return f"{self.node_id} {self.day}"
