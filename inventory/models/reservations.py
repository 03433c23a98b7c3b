"""Claims on stock: of orders, of checkouts that hold units for a while, of transfers."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.db.models.lookups import Exact, GreaterThan

from inventory.models.catalogue import Sku
from inventory.models.places import Node
from oms.core.constraints import among, not_negative, one_of, quantity_bounds
from oms.core.ids import uuid7


class StockHoldState(models.TextChoices):
    """States of a hold."""

    HELD = "held", "Held"
    CONFIRMED = "confirmed", "Sold"
    RELEASED = "released", "Released"
    EXPIRED = "expired", "Expired"


class StockHold(models.Model):
    """Units that a checkout keeps for a while. Its soft reservations claim them node by node.

    It can be confirmed until `expires_at` by the database's clock, whatever workers do; a unit of an expired hold may
    be claimed by others at once. `owner` is the caller that made it, `reference` the caller's own name of the cart.
    """

    State = StockHoldState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    owner = models.CharField(max_length=120)
    reference = models.CharField(max_length=80, blank=True)
    channel_code = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=10, choices=StockHoldState, default=StockHoldState.HELD)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)
    order_id = models.BigIntegerField(null=True, blank=True, help_text="The order it became.")
    kits = models.JSONField(
        default=dict, blank=True, db_default=models.Value({}, models.JSONField()),
        help_text="Line uid of its reservations -> the kit that they are components of: sku_id, quantity.",
    )  # fmt: skip

    class Meta:
        constraints = [one_of("state", StockHoldState, prefix="stock_hold")]
        indexes = [
            models.Index(fields=["expires_at"], name="stock_hold_due", condition=Q(state="held")),
            models.Index(fields=["owner", "reference"], name="stock_hold_by_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.reference or self.uid} ({self.state})"


class ReservationPurpose(models.TextChoices):
    """What a reservation is for."""

    ORDER = "order", "Order"
    CHECKOUT = "checkout", "Checkout"
    TRANSFER = "transfer", "Transfer"


class ReservationState(models.TextChoices):
    """States of a reservation."""

    SOFT = "soft", "Soft"
    HARD = "hard", "Reserved"
    CONSUMED = "consumed", "Consumed"
    RELEASED = "released", "Released"
    EXPIRED = "expired", "Expired"


class Reservation(models.Model):
    """A claim of one line on stock of one node. `line_uid` is the line's public id, not a foreign key.

    The line is one of an order, of a transfer, or of a checkout's hold; the latter two have no `order_id`.
    quantity = open + consumed + released; a unit leaves `open` exactly once. A line may have several at one node, made
    at different times. A soft one ends by itself at `expires_at`.
    """

    State = ReservationState
    Purpose = ReservationPurpose

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    purpose = models.CharField(
        max_length=10, choices=ReservationPurpose, default=ReservationPurpose.ORDER, db_default=ReservationPurpose.ORDER
    )
    line_uid = models.UUIDField()
    order_id = models.BigIntegerField(null=True, blank=True)
    hold = models.ForeignKey(
        StockHold, null=True, blank=True, on_delete=models.PROTECT, related_name="reservations", db_index=False
    )
    reference = models.CharField(max_length=80, help_text="Number of the order or document, for people.")
    sku = models.ForeignKey(
        Sku, on_delete=models.PROTECT, related_name="reservations", db_index=False, db_constraint=False
    )
    node = models.ForeignKey(
        Node, on_delete=models.PROTECT, related_name="reservations", db_index=False, db_constraint=False
    )
    state = models.CharField(max_length=10, choices=State, default=State.HARD)
    quantity = models.IntegerField()
    open_quantity = models.IntegerField()
    consumed_quantity = models.IntegerField(default=0, db_default=0)
    released_quantity = models.IntegerField(default=0, db_default=0)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            not_negative("open_quantity", "consumed_quantity", "released_quantity", prefix="reservation"),
            quantity_bounds("quantity", prefix="reservation_total", low=1),
            models.CheckConstraint(
                condition=Q(quantity=F("open_quantity") + F("consumed_quantity") + F("released_quantity")),
                name="reservation_units_conserved",
            ),
            models.CheckConstraint(
                condition=Exact(GreaterThan(F("open_quantity"), 0), among("state", "soft", "hard")),
                name="reservation_open_while_units_are",
            ),
            one_of("state", ReservationState, prefix="reservation"),
            one_of("purpose", ReservationPurpose, prefix="reservation"),
            models.CheckConstraint(
                condition=~Q(state="soft") | Q(expires_at__isnull=False), name="reservation_soft_ends"
            ),
            models.CheckConstraint(
                condition=Q(order_id__isnull=False) | ~Q(purpose="order"), name="reservation_of_an_order_names_it"
            ),
        ]
        indexes = [
            models.Index(fields=["sku", "node"], name="reservation_open", condition=Q(open_quantity__gt=0)),
            models.Index(fields=["order_id"], name="reservation_by_order"),
            models.Index(fields=["line_uid"], name="reservation_by_line", condition=Q(open_quantity__gt=0)),
            models.Index(fields=["sku", "node", "expires_at"], name="reservation_soft", condition=Q(state="soft")),
            models.Index(fields=["hold"], name="reservation_by_hold", condition=Q(hold__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.open_quantity} of {self.quantity} for {self.reference}"
