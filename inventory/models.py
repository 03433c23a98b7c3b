"""SKUs, nodes, stock levels, reservations and the ledger that alone may change them."""

from __future__ import annotations

from datetime import time

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.db.models.lookups import Exact, GreaterThan

from oms.core.constraints import among, not_negative, one_of, quantity_bounds
from oms.core.ids import uuid7
from oms.core.values import MAX_MINOR, Address


class Sku(models.Model):
    """A stock keeping unit. `code` may be renamed; everything else refers to `id`."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=300)
    category = models.CharField(max_length=120, blank=True)
    brand = models.CharField(max_length=120, blank=True)
    options = models.JSONField(default=dict, blank=True, help_text="Size, colour and the like.")
    weight_grams = models.PositiveIntegerField(default=500)
    length_mm = models.PositiveIntegerField(default=0)
    width_mm = models.PositiveIntegerField(default=0)
    height_mm = models.PositiveIntegerField(default=0)
    hsn = models.CharField(max_length=8, blank=True, help_text="HSN code on the GST invoice.")
    tax_rate_bp = models.PositiveIntegerField(default=0, help_text="Tax rate in basis points: 1800 is 18 %.")
    price_minor = models.BigIntegerField(default=0)
    cost_minor = models.BigIntegerField(default=0)
    image = models.CharField(max_length=300, blank=True, help_text="Address or path of a picture.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["code"]
        verbose_name = "SKU"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    price_minor__gte=0, price_minor__lte=MAX_MINOR, cost_minor__gte=0, cost_minor__lte=MAX_MINOR
                ),
                name="sku_money_bounded",
            ),
            models.CheckConstraint(
                condition=Q(weight_grams__lte=1_000_000, tax_rate_bp__lte=10_000), name="sku_measures_bounded"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Barcode(models.Model):
    """A code that a scanner may read for a SKU: EAN, UPC, own code. One code means one SKU."""

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.CASCADE, related_name="barcodes")
    code = models.CharField(max_length=80, unique=True)

    def __str__(self) -> str:
        return self.code


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
    auto_accept = models.BooleanField(default=True, help_text="Work need not be accepted by a person first.")

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


class StockLevel(models.Model):
    """Balances of one SKU at one node. Only postings to the ledger change them: a trigger refuses anything else.

    ATP (available to promise) = on_hand - reserved - safety_stock. `reserved` units are part of `on_hand`; packed,
    damaged and quarantined units are not.
    """

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="levels", db_index=False)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="levels", db_index=False)
    on_hand = models.IntegerField(default=0, db_default=0)
    reserved = models.IntegerField(default=0, db_default=0)
    packed = models.IntegerField(default=0, db_default=0)
    damaged = models.IntegerField(default=0, db_default=0)
    quarantine = models.IntegerField(default=0, db_default=0)
    inbound = models.IntegerField(default=0, db_default=0)
    safety_stock = models.IntegerField(default=0, db_default=0)
    bin_code = models.CharField(max_length=40, blank=True, default="", db_default="")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sku", "node"], name="stock_level_once"),
            quantity_bounds(
                "on_hand", "reserved", "packed", "damaged", "quarantine", "inbound", "safety_stock",
                prefix="stock_level",
            ),
            models.CheckConstraint(condition=Q(reserved__lte=F("on_hand")), name="stock_level_never_oversold"),
        ]  # fmt: skip
        indexes = [models.Index(fields=["node", "sku"], name="stock_level_by_node")]

    def __str__(self) -> str:
        return f"{self.sku_id} at {self.node_id}"

    @property
    def atp(self) -> int:
        """Units that may still be promised; negative where the safety stock is not covered."""
        return self.on_hand - self.reserved - self.safety_stock


class Bucket(models.TextChoices):
    """Accounts of the ledger. The first six are balances of a stock level, the others face the outside world."""

    ON_HAND = "on_hand", "On hand"
    RESERVED = "reserved", "Reserved"
    PACKED = "packed", "Packed"
    DAMAGED = "damaged", "Damaged"
    QUARANTINE = "quarantine", "Quarantine"
    INBOUND = "inbound", "Inbound"
    DEMAND = "demand", "Demand"
    SUPPLIER = "supplier", "Supplier"
    CUSTOMER = "customer", "Customer"
    ADJUSTMENT = "adjustment", "Adjustment"
    TRANSIT = "transit", "In transit"


class StockMovementReason(models.TextChoices):
    """Reasons of a stock movement."""

    OPENING = "opening", "Opening stock"
    RECEIPT = "receipt", "Received"
    RESERVE = "reserve", "Reserved for an order"
    RELEASE = "release", "Reservation released"
    PACK = "pack", "Packed"
    UNPACK = "unpack", "Unpacked"
    SHIP = "ship", "Shipped"
    RETURN = "return", "Returned"
    FOUND = "found", "Found"
    LOST = "lost", "Not found"
    DAMAGE = "damage", "Damaged"
    COUNT = "count", "Counted"
    MOVE_OUT = "move_out", "Moved out"
    MOVE_IN = "move_in", "Moved in"
    EXPECTED = "expected", "Expected from supplier"
    QUALITY = "quality", "Quality check"
    CORRECTION = "correction", "Correction"


class StockMovement(models.Model):
    """One posting: `quantity` units leave one bucket and enter another. Append-only; the balances are its sums.

    `op_key` names the operation and `leg` its part, so that posting the same operation again changes nothing.
    `occurred_at` is when it happened in the world, `recorded_at` when it became known here.
    """

    Reason = StockMovementReason

    id = models.BigAutoField(primary_key=True)
    op_key = models.CharField(max_length=100)
    leg = models.SmallIntegerField(default=1)
    sku = models.ForeignKey(
        Sku, on_delete=models.PROTECT, related_name="movements", db_index=False, db_constraint=False
    )
    node = models.ForeignKey(
        Node, on_delete=models.PROTECT, related_name="movements", db_index=False, db_constraint=False
    )
    from_bucket = models.CharField(max_length=12, choices=Bucket)
    to_bucket = models.CharField(max_length=12, choices=Bucket)
    quantity = models.IntegerField()
    reason = models.CharField(max_length=12, choices=Reason)
    note = models.CharField(max_length=200, blank=True, default="", db_default="")
    reference = models.CharField(max_length=80, blank=True, default="", db_default="")
    actor = models.CharField(max_length=120, blank=True, default="", db_default="")
    occurred_at = models.DateTimeField(db_default=Now())
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["op_key", "leg"], name="stock_movement_posted_once"),
            quantity_bounds("quantity", prefix="stock_movement", low=1),
            models.CheckConstraint(condition=~Q(from_bucket=F("to_bucket")), name="stock_movement_moves"),
            one_of("from_bucket", Bucket, prefix="stock_movement"),
            one_of("to_bucket", Bucket, prefix="stock_movement"),
            one_of("reason", StockMovementReason, prefix="stock_movement"),
        ]
        indexes = [models.Index(fields=["sku", "node", "id"], name="stock_movement_history")]

    def __str__(self) -> str:
        return f"{self.quantity} {self.from_bucket} to {self.to_bucket}"


class ReservationState(models.TextChoices):
    """States of a reservation."""

    SOFT = "soft", "Soft"
    HARD = "hard", "Reserved"
    CONSUMED = "consumed", "Consumed"
    RELEASED = "released", "Released"
    EXPIRED = "expired", "Expired"


class Reservation(models.Model):
    """A claim of one order line on stock of one node. `line_uid` is the line's public id, not a foreign key.

    quantity = open + consumed + released; a unit leaves `open` exactly once. A line may have several at one node, made
    at different times.
    """

    State = ReservationState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    line_uid = models.UUIDField()
    order_id = models.BigIntegerField()
    reference = models.CharField(max_length=80, help_text="Order number, for people.")
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
        ]
        indexes = [
            models.Index(fields=["sku", "node"], name="reservation_open", condition=Q(open_quantity__gt=0)),
            models.Index(fields=["order_id"], name="reservation_by_order"),
            models.Index(fields=["line_uid"], name="reservation_by_line", condition=Q(open_quantity__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.open_quantity} of {self.quantity} for {self.reference}"


class StockAudit(models.Model):
    """One run of the auditor: how much it looked at and every difference it found. The newest one is what counts."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    levels = models.PositiveIntegerField(help_text="Stock levels compared.")
    differences = models.PositiveIntegerField(default=0)
    found = models.JSONField(
        default=list, blank=True, help_text="SKU, node, balance, stored and computed; at most 500."
    )

    def __str__(self) -> str:
        return f"{self.differences} differences in {self.levels} levels"
