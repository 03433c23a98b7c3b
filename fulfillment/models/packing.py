"""What lies in boxes that are open at pack stations, what they are made of, and what is checked before they close."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from fulfillment.models.work import FulfillmentLine, FulfillmentOrder
from inventory.models import Node, SerialNumber, Sku
from oms.core.constraints import money_bounds, one_of
from orders.models import SalesChannel


class Packing(models.Model):
    """An order that is packed at a station, and who packs it. What lies in its boxes are its scans.

    One for each piece of work. It is kept when the packer leaves it, and ends with the parcels.
    """

    id = models.BigAutoField(primary_key=True)
    fulfillment_order = models.OneToOneField(FulfillmentOrder, on_delete=models.CASCADE, related_name="packing")
    packer = models.CharField(max_length=120)
    opened_at = models.DateTimeField(db_default=Now())
    touched_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"Box for {self.fulfillment_order_id}"


class PackingBox(models.Model):
    """One of the boxes of an order, numbered from 1; the last one is being filled. Without a row: box 1, suggested."""

    id = models.BigAutoField(primary_key=True)
    packing = models.ForeignKey(Packing, on_delete=models.CASCADE, related_name="boxes")
    number = models.SmallIntegerField(default=1)
    carton = models.CharField(max_length=20, blank=True, help_text="What was chosen; empty: what was suggested.")
    weighed_grams = models.IntegerField(null=True, blank=True)
    weight_accepted = models.BooleanField(default=False, help_text="Somebody looked: it is right as it was weighed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["packing", "number"], name="packing_box_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="packing_box_counts_from_one"),
            models.CheckConstraint(
                condition=Q(weighed_grams__isnull=True) | Q(weighed_grams__gte=1, weighed_grams__lte=1_000_000),
                name="packing_box_weight_real",
            ),
        ]

    def __str__(self) -> str:
        return f"Box {self.number} of {self.packing_id}"


class PackScan(models.Model):
    """One unit that was scanned into an open box."""

    id = models.BigAutoField(primary_key=True)
    packing = models.ForeignKey(Packing, on_delete=models.CASCADE, related_name="scans")
    box = models.SmallIntegerField(default=1, db_default=1, help_text="The number of the box of the order.")
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


class Carton(models.Model):
    """A box or bag to pack in. Sides inside in millimetres."""

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(max_length=20, unique=True)
    name = models.CharField(max_length=60)
    node = models.ForeignKey(
        Node, null=True, blank=True, on_delete=models.CASCADE, related_name="cartons", help_text="Empty: at every node."
    )
    length_mm = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    width_mm = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    height_mm = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    empty_grams = models.PositiveIntegerField(default=0)
    holds_grams = models.PositiveIntegerField(default=30_000, help_text="Goods up to this weight.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["holds_grams", "code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(length_mm__gte=1, width_mm__gte=1, height_mm__gte=1), name="carton_has_sides"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def size(self) -> str:
        """`30 × 22 × 8 cm`."""
        return f"{self.length_mm // 10} × {self.width_mm // 10} × {self.height_mm // 10} cm"

    @property
    def volume(self) -> int:
        """Cubic millimetres inside."""
        return self.length_mm * self.width_mm * self.height_mm


class PackCheckKind(models.TextChoices):
    """What a packer does before the box closes."""

    CONFIRM = "confirm", "Look and confirm"
    PHOTO = "photo", "Take a photo"
    WEIGH = "weigh", "Weigh the box"


class PackCheck(models.Model):
    """A step of quality control that some orders want. All conditions that are set must hold."""

    Kind = PackCheckKind

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=PackCheckKind)
    words = models.CharField("what to do", max_length=200, help_text="What the packer reads.")
    sku = models.ForeignKey(Sku, null=True, blank=True, on_delete=models.CASCADE, related_name="pack_checks")
    category = models.CharField(max_length=120, blank=True, help_text="Of a SKU in the box.")
    customer = models.CharField(max_length=254, blank=True, help_text="E-mail or phone number of the customer.")
    channel = models.ForeignKey(
        SalesChannel, null=True, blank=True, on_delete=models.CASCADE, related_name="pack_checks"
    )
    node = models.ForeignKey(Node, null=True, blank=True, on_delete=models.CASCADE, related_name="pack_checks")
    worth_minor = models.BigIntegerField(
        "orders worth at least", null=True, blank=True, help_text="In minor units: 500000 is 5,000 rupees."
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            one_of("kind", PackCheckKind, prefix="pack_check"),
            money_bounds("worth_minor", prefix="pack_check"),
        ]

    def __str__(self) -> str:
        return self.name


class PackProof(models.Model):
    """A check that was done: by whom, and the photo. Kept with the work after the parcel has left."""

    id = models.BigAutoField(primary_key=True)
    fulfillment_order = models.ForeignKey(FulfillmentOrder, on_delete=models.PROTECT, related_name="pack_proofs")
    check_done = models.ForeignKey(PackCheck, on_delete=models.PROTECT, related_name="proofs")
    photo = models.FileField(upload_to="packing/%Y/%m/", blank=True)
    done_by = models.CharField(max_length=120)
    done_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fulfillment_order", "check_done"], name="pack_proof_once")]

    def __str__(self) -> str:
        return f"{self.check_done_id} of {self.fulfillment_order_id}"
