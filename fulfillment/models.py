"""The work of the nodes: fulfillment orders, parcels, shipments, manifests."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from carriers.models import Booking, CarrierAccount
from inventory.models import Lot, Node, SerialNumber, Sku
from oms.core.constraints import money_bounds, not_negative, one_of, quantity_bounds
from oms.core.ids import uuid7
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


class ShipmentState(models.TextChoices):
    """States of a shipment."""

    CREATED = "created", "Packed"
    LABELLED = "labelled", "Labelled"
    MANIFESTED = "manifested", "On a manifest"
    HANDED_OVER = "handed_over", "Handed over"
    IN_TRANSIT = "in_transit", "In transit"
    OUT_FOR_DELIVERY = "out_for_delivery", "Out for delivery"
    DELIVERED = "delivered", "Delivered"
    NDR_OPEN = "ndr_open", "Delivery failed"
    RTO_INITIATED = "rto_initiated", "Returning to origin"
    RTO_IN_TRANSIT = "rto_in_transit", "On its way back"
    RTO_RECEIVED = "rto_received", "Back at origin"
    LOST = "lost", "Lost"
    DAMAGED = "damaged", "Damaged"
    CANCELLED = "cancelled", "Cancelled"


class Shipment(models.Model):
    """What travels: one parcel, one AWB."""

    State = ShipmentState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="shipments")
    fulfillment_order = models.ForeignKey(FulfillmentOrder, on_delete=models.PROTECT, related_name="shipments")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="shipments")
    state = models.CharField(max_length=16, choices=State, default=State.CREATED)
    carrier_account = models.ForeignKey(CarrierAccount, null=True, blank=True, on_delete=models.PROTECT)
    booking = models.OneToOneField(Booking, null=True, blank=True, on_delete=models.PROTECT, related_name="shipment")
    awb = models.CharField(max_length=60, blank=True)
    courier_name = models.CharField(max_length=120, blank=True)
    problem = models.CharField(max_length=500, blank=True, help_text="Why it has no label, in words for people.")
    weight_grams = models.PositiveIntegerField(default=0)
    length_mm = models.PositiveIntegerField(default=0)
    width_mm = models.PositiveIntegerField(default=0)
    height_mm = models.PositiveIntegerField(default=0)
    expected_delivery = models.DateField(null=True, blank=True)
    cod_minor = models.BigIntegerField(
        null=True, blank=True, help_text="Cash to collect at the door in minor units; empty until it is fixed."
    )
    created_at = models.DateTimeField(db_default=Now())
    labelled_at = models.DateTimeField(null=True, blank=True)
    handed_over_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    manifest = models.ForeignKey("Manifest", null=True, blank=True, on_delete=models.SET_NULL, related_name="shipments")

    class Meta:
        constraints = [one_of("state", ShipmentState, prefix="shipment"), money_bounds("cod_minor", prefix="shipment")]
        indexes = [
            models.Index(fields=["awb"], name="shipment_by_awb"),
            models.Index(fields=["state", "node", "id"], name="shipment_by_state"),
        ]

    def __str__(self) -> str:
        return self.awb or f"Parcel {self.pk}"


class ShipmentItem(models.Model):
    """What is in the parcel."""

    id = models.BigAutoField(primary_key=True)
    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="items")
    line = models.ForeignKey(FulfillmentLine, on_delete=models.PROTECT, related_name="shipment_items")
    quantity = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shipment", "line"], name="shipment_item_once"),
            quantity_bounds("quantity", prefix="shipment_item", low=1),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} in {self.shipment_id}"


class PickedUnit(models.Model):
    """Units of one lot, or one serial number, that were taken for a line; once packed, the parcel's item they are in.

    Only SKUs that are kept by lot or serial number have them. Before packing a serial number is in one tote only.
    """

    id = models.BigAutoField(primary_key=True)
    line = models.ForeignKey(FulfillmentLine, on_delete=models.DO_NOTHING, related_name="picked_units")
    item = models.ForeignKey(ShipmentItem, null=True, on_delete=models.DO_NOTHING, related_name="picked_units")
    lot = models.ForeignKey(Lot, null=True, on_delete=models.PROTECT, related_name="+")
    serial = models.ForeignKey(SerialNumber, null=True, on_delete=models.PROTECT, related_name="+")
    quantity = models.IntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            quantity_bounds("quantity", prefix="picked_unit", low=1),
            models.CheckConstraint(
                condition=Q(lot__isnull=False, serial__isnull=True)
                | Q(lot__isnull=True, serial__isnull=False, quantity=1),
                name="picked_unit_of_a_lot_or_one_serial",
            ),
            models.UniqueConstraint(
                fields=["serial"], condition=Q(item__isnull=True), name="picked_unit_serial_in_one_tote"
            ),
            models.UniqueConstraint(
                fields=["line", "lot"], condition=Q(item__isnull=True), name="picked_unit_lot_once_a_line"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} for {self.line_id}"


class ManifestState(models.TextChoices):
    """States of a manifest."""

    OPEN = "open", "Open"
    CLOSED = "closed", "Handed over"


class Manifest(models.Model):
    """A hand-over of parcels of one carrier at one node."""

    State = ManifestState

    id = models.BigAutoField(primary_key=True)
    number = models.CharField(max_length=40, unique=True)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="manifests")
    carrier_account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="manifests")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    driver_name = models.CharField(max_length=120, blank=True)
    vehicle = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=120, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            one_of("state", ManifestState, prefix="manifest"),
            models.UniqueConstraint(
                fields=["node", "carrier_account"], condition=Q(state="open"), name="manifest_one_open"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class RerouteCause(models.TextChoices):
    """Why work is moved that its node did not refuse."""

    CAPACITY_CUT = "capacity_cut", "The node takes fewer orders"
    NOT_SERVICEABLE = "not_serviceable", "No carrier goes there"
    AT_RISK = "at_risk", "Promise at risk"


class RerouteOutcome(models.TextChoices):
    """What came of trying to move it."""

    MOVED = "moved", "Moved to another node"
    STAYED = "stayed", "Stayed where it is"


class RerouteAttempt(models.Model):
    """One piece of work that was, or could not be, moved by itself for one cause; the last try counts.

    What stayed needs a person for as long as the work is open.
    """

    Cause = RerouteCause
    Outcome = RerouteOutcome

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="reroute_attempts")
    fulfillment_order = models.ForeignKey(FulfillmentOrder, on_delete=models.CASCADE, related_name="reroute_attempts")
    cause = models.CharField(max_length=16, choices=Cause)
    outcome = models.CharField(max_length=8, choices=Outcome)
    sentence = models.CharField(max_length=500, help_text="What was found, in words for people.")
    tried_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fulfillment_order", "cause"], name="reroute_attempt_once"),
            one_of("cause", RerouteCause, prefix="reroute_attempt"),
            one_of("outcome", RerouteOutcome, prefix="reroute_attempt"),
        ]
        indexes = [
            models.Index(fields=["fulfillment_order"], name="reroute_stayed", condition=Q(outcome="stayed")),
        ]

    def __str__(self) -> str:
        return f"{self.cause} of {self.fulfillment_order_id}: {self.outcome}"


class Packing(models.Model):
    """A box that is open at a pack station: whose order it is for, and who packs it. What lies in it are its scans.

    One for each piece of work. It is kept when the packer leaves it, and ends with the parcel.
    """

    id = models.BigAutoField(primary_key=True)
    fulfillment_order = models.OneToOneField(FulfillmentOrder, on_delete=models.CASCADE, related_name="packing")
    packer = models.CharField(max_length=120)
    box = models.CharField(max_length=20, blank=True, help_text="The box that was chosen; empty: the suggested one.")
    opened_at = models.DateTimeField(db_default=Now())
    touched_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"Box for {self.fulfillment_order_id}"


class PackScan(models.Model):
    """One unit that was scanned into an open box."""

    id = models.BigAutoField(primary_key=True)
    packing = models.ForeignKey(Packing, on_delete=models.CASCADE, related_name="scans")
    line = models.ForeignKey(FulfillmentLine, on_delete=models.CASCADE, related_name="pack_scans")
    serial = models.ForeignKey(SerialNumber, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=80, help_text="What the scanner read.")
    scanned_by = models.CharField(max_length=120)
    scanned_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["packing", "serial"], condition=Q(serial__isnull=False), name="pack_scan_serial_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} in {self.packing_id}"
