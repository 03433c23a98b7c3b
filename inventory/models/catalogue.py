"""What is sold: SKUs, their barcodes, kits and where SKUs are bought."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now, Upper

from inventory.models.places import Node
from oms.core.constraints import money_bounds, one_of, quantity_bounds
from oms.core.values import MAX_MINOR


class Tracking(models.TextChoices):
    """How exactly the units of a SKU are told apart."""

    NONE = "none", "By quantity"
    LOT = "lot", "By lot"
    SERIAL = "serial", "By serial number"


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
    is_kit = models.BooleanField(default=False, db_default=False, help_text="Assembled from components when sold.")
    ships_together = models.BooleanField(
        default=True, db_default=True, help_text="Of a kit: all components of one unit leave from one node."
    )
    tracking = models.CharField(max_length=8, choices=Tracking, default=Tracking.NONE, db_default=Tracking.NONE)
    shelf_life_days = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Days of use that must be left when a lot leaves; 0 asks for none."
    )
    needs = ArrayField(
        models.CharField(max_length=40), default=list, db_default=[], blank=True,
        help_text="What its node must be able to do, separated by commas: hazardous, bulky.",
    )  # fmt: skip
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["code"]
        verbose_name = "SKU"
        indexes = [
            models.Index(fields=["category", "code"], name="sku_by_category"),
            models.Index(fields=["brand", "code"], name="sku_by_brand"),
            models.Index(Upper("code"), name="sku_by_code_in_any_case"),
            GinIndex(
                OpClass(F("code"), "gin_trgm_ops"), OpClass(F("name"), "gin_trgm_ops"), name="sku_by_part_of_name"
            ),
        ]
        constraints = [
            one_of("tracking", Tracking, prefix="sku"),
            models.CheckConstraint(
                condition=Q(is_kit=False) | Q(tracking="none"), name="sku_kit_has_no_stock_of_its_own"
            ),
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


class KitComponent(models.Model):
    """`quantity` units of `component` go into one unit of `kit`. A kit has no stock of its own.

    It is assembled from its components when it is sold; its ATP is what the scarcest component allows.
    """

    id = models.BigAutoField(primary_key=True)
    kit = models.ForeignKey(Sku, on_delete=models.CASCADE, related_name="components")
    component = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="kits")
    quantity = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kit", "component"], name="kit_component_once"),
            quantity_bounds("quantity", prefix="kit_component", low=1),
            models.CheckConstraint(condition=~Q(kit=F("component")), name="kit_component_is_another"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.component_id} in {self.kit_id}"


class Supplier(models.Model):
    """Who sells goods to us. One that ships for us (dropship) has a node of the kind Supplier."""

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=160)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=32, blank=True)
    gstin = models.CharField(max_length=15, blank=True)
    currency = models.CharField(max_length=3, default="INR")
    lead_days = models.PositiveSmallIntegerField(default=7, help_text="Days from order to arrival.")
    node = models.OneToOneField(
        Node, null=True, blank=True, on_delete=models.PROTECT, related_name="supplier",
        help_text="The node that stands for its stock, where it ships for us.",
    )  # fmt: skip
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(lead_days__lte=730), name="supplier_lead_bounded")]

    def __str__(self) -> str:
        return self.name


class SupplierItem(models.Model):
    """A SKU as one supplier sells it. `pack_size` units come together; fewer than `least_order` are not sold."""

    id = models.BigAutoField(primary_key=True)
    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE, related_name="items")
    sku = models.ForeignKey(Sku, on_delete=models.CASCADE, related_name="supplier_items")
    supplier_code = models.CharField(max_length=80, blank=True, help_text="Its own code for the SKU.")
    unit_cost_minor = models.BigIntegerField(default=0)
    pack_size = models.PositiveIntegerField(default=1)
    least_order = models.PositiveIntegerField(default=1)
    lead_days = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty: the supplier's.")
    is_preferred = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["supplier", "sku"], name="supplier_item_once"),
            models.UniqueConstraint(fields=["sku"], condition=Q(is_preferred=True), name="supplier_item_one_preferred"),
            money_bounds("unit_cost_minor", prefix="supplier_item"),
            quantity_bounds("pack_size", "least_order", prefix="supplier_item", low=1),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} from {self.supplier_id}"
