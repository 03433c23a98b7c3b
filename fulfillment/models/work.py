"""Work of a node for one order, and what it takes of each line."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models import Node, Sku
from oms.core.constraints import not_negative, one_of, quantity_bounds
from orders.models import Order, OrderLine


class FulfillmentOrderState(models.TextChoices):
    """States of a fulfillment order."""

    SCHEDULED = "scheduled", "Waiting for release"
    OPEN = "open", "To accept"
    ACCEPTED = "accepted", "To pick"
    PICKING = "picking", "Picking"
    PICKED = "picked", "To pack"
    WAITING_TRANSFER = "waiting_transfer", "Waiting for transfer"
    PACKED = "packed", "Packed"
    READY = "ready", "Ready to hand over"
    COMPLETED = "completed", "Handed over"
    REJECTED = "rejected", "Rejected"
    CANCELLED = "cancelled", "Cancelled"
    NO_SHOW = "no_show", "Not collected"


class FulfillmentOrderKind(models.TextChoices):
    """Kinds of a fulfillment order."""

    SHIP = "ship", "Ship"
    PICKUP = "pickup", "Store pickup"
    TRANSFER = "transfer", "Send to the store"


class FulfillmentOrder(models.Model):
    """Work for one node: what it picks, packs and hands over for one order.

    Work of the kind TRANSFER goes to the store where the order is collected. Each parcel of it that is on the road has
    work at that store, which `arrives_in` it: it waits for the parcel and hands out what came.
    """

    State = FulfillmentOrderState

    #: States in which a node still holds the order's goods.
    LIVE = ("scheduled", "open", "accepted", "picking", "picked", "waiting_transfer", "packed", "ready")

    Kind = FulfillmentOrderKind

    id = models.BigAutoField(primary_key=True)
    number = models.CharField(max_length=40)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fulfillment_orders")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="fulfillment_orders", db_constraint=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.SHIP)
    state = models.CharField(max_length=16, choices=State, default=State.SCHEDULED)
    due_at = models.DateTimeField(null=True, blank=True)
    arrives_in = models.OneToOneField(
        "Shipment", null=True, blank=True, on_delete=models.PROTECT, related_name="arrival",
        help_text="The parcel in which another node sends the goods.",
    )  # fmt: skip
    goes_fast = models.BooleanField(
        default=False, db_default=False,
        help_text="Its parcels are booked with the fastest service, whatever that costs: its promise is at risk.",
    )  # fmt: skip
    with_wms = models.BooleanField(
        default=False, db_default=False, help_text="The WMS of its node does it: nobody picks it by these screens."
    )
    version = models.IntegerField(default=1)
    assigned_to = models.CharField(max_length=120, blank=True)
    end_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    released_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    picked_at = models.DateTimeField(null=True, blank=True)
    packed_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number"], name="fulfillment_order_number_unique"),
            one_of("state", FulfillmentOrderState, prefix="fulfillment_order"),
        ]
        indexes = [
            models.Index(fields=["node", "due_at", "id"], name="fulfillment_live", condition=Q(
                state__in=["open", "accepted", "picking", "picked", "waiting_transfer", "packed", "ready"])),
            models.Index(fields=["state", "due_at"], name="fulfillment_by_state"),
            BrinIndex(fields=["released_at", "picked_at", "packed_at", "completed_at"], name="fulfillment_by_moment",
                      pages_per_range=16),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.number

    @property
    def is_live(self) -> bool:
        """The node still holds goods for it."""
        return self.state in self.LIVE


class FulfillmentLine(models.Model):
    """What one fulfillment order takes of one order line."""

    id = models.BigAutoField(primary_key=True)
    fulfillment_order = models.ForeignKey(
        FulfillmentOrder, on_delete=models.CASCADE, related_name="lines", db_index=False
    )
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="fulfillment_lines")
    sku = models.ForeignKey(
        Sku, on_delete=models.PROTECT, related_name="fulfillment_lines", db_index=False, db_constraint=False
    )
    quantity = models.IntegerField()
    picked = models.IntegerField(default=0)
    short = models.IntegerField(default=0)
    packed = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fulfillment_order", "order_line"], name="fulfillment_line_once"),
            not_negative("picked", "short", "packed", prefix="fulfillment_line"),
            quantity_bounds("quantity", prefix="fulfillment_line_total", low=1),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("picked") + F("short")) & Q(picked__gte=F("packed")),
                name="fulfillment_line_within_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku_id}"

    @property
    def to_pick(self) -> int:
        """Units still to find."""
        return self.quantity - self.picked - self.short
