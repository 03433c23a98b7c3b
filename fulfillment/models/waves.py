"""Work of several orders that one person takes from the shelves in one walk."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from fulfillment.models.work import FulfillmentOrder
from inventory.models import Node
from oms.core.constraints import one_of


class WaveKind(models.TextChoices):
    """How the goods of a wave are put apart."""

    SINGLES = "singles", "Single items"
    CLUSTER = "cluster", "A tote for each order"
    ORDERS = "orders", "Chosen orders"


class WaveState(models.TextChoices):
    """States of a wave."""

    OPEN = "open", "To pick"
    PICKING = "picking", "Picking"
    DONE = "done", "Picked"
    CANCELLED = "cancelled", "Cancelled"


class Wave(models.Model):
    """Orders of one node that are picked in one walk. A picker has it, or nobody has."""

    Kind = WaveKind
    State = WaveState

    #: States in which its orders are in no other wave.
    LIVE = ("open", "picking")

    id = models.BigAutoField(primary_key=True)
    number = models.CharField(max_length=24, unique=True)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="waves")
    kind = models.CharField(max_length=8, choices=WaveKind)
    state = models.CharField(max_length=10, choices=WaveState, default=WaveState.OPEN)
    picker = models.CharField(max_length=120, blank=True, help_text="Who walks; empty: nobody yet.")
    cutoff_at = models.DateTimeField(null=True, blank=True, help_text="When the first of its orders is due.")
    created_by = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [one_of("kind", WaveKind, prefix="wave"), one_of("state", WaveState, prefix="wave")]
        indexes = [
            models.Index(fields=["node", "cutoff_at", "id"], name="wave_live",
                         condition=Q(state__in=["open", "picking"])),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.number

    @property
    def is_live(self) -> bool:
        """It is being picked, or will be."""
        return self.state in self.LIVE

    @property
    def has_totes(self) -> bool:
        """Each order has a tote of its own; single items go into one, and are told apart when they are packed."""
        return self.kind != WaveKind.SINGLES


class WaveOrder(models.Model):
    """An order of a wave and the tote that its goods go into. It is in the wave until it has left."""

    id = models.BigAutoField(primary_key=True)
    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="orders")
    fulfillment_order = models.ForeignKey(FulfillmentOrder, on_delete=models.CASCADE, related_name="wave_orders")
    place = models.PositiveSmallIntegerField(help_text="Its number on the cart, from 1.")
    tote = models.CharField(max_length=40, help_text="What a scanner reads on the tote.")
    left_at = models.DateTimeField(null=True, blank=True)
    left_why = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["wave", "place"], name="wave_order_place_once"),
            models.UniqueConstraint(
                fields=["fulfillment_order"], condition=Q(left_at__isnull=True), name="wave_order_in_one_wave"
            ),
            models.CheckConstraint(condition=Q(place__gte=1), name="wave_order_counts_from_one"),
            models.CheckConstraint(condition=~Q(tote=""), name="wave_order_has_a_tote"),
        ]
        indexes = [models.Index(fields=["tote"], name="wave_order_by_tote")]

    def __str__(self) -> str:
        return f"{self.tote} of {self.wave_id}"
