"""What travels: parcels with their contents, and the manifests on which drivers take them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from carriers.models import Booking, CarrierAccount
from fulfillment.models.work import FulfillmentLine, FulfillmentOrder
from inventory.models import Lot, Node, SerialNumber
from oms.core.constraints import money_bounds, one_of, quantity_bounds
from oms.core.ids import uuid7
from orders.models import Order


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
    driver_phone = models.CharField(max_length=32, blank=True)
    driver_code = models.CharField(
        max_length=20, blank=True, help_text="The code of the pickup that the carrier gave the driver, where it does."
    )
    signature = models.FileField(upload_to="manifests/%Y/%m/", blank=True)
    left_behind = models.PositiveIntegerField(
        null=True, blank=True, help_text="Parcels of the carrier that stayed for its next driver when this one left."
    )
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


class OffManifest(models.Model):
    """A parcel that came off an open manifest while it may still lie in the driver's pile.

    It ends when somebody says that it was taken out, and when it is scanned again. A closed manifest keeps those that
    nobody answered for: the driver may have them.
    """

    id = models.BigAutoField(primary_key=True)
    manifest = models.ForeignKey(Manifest, on_delete=models.CASCADE, related_name="dropped")
    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="+")
    awb = models.CharField(max_length=60, help_text="What its label says, also where the carrier was changed since.")
    dropped_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["manifest", "shipment"], name="off_manifest_once")]

    def __str__(self) -> str:
        return f"{self.awb} off {self.manifest_id}"
