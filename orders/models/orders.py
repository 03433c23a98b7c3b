"""Orders as the whole company sees them, whatever channel they came from. Knows nothing of stock or nodes."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from oms.core.constraints import money_bounds, one_of
from oms.core.ids import uuid7
from oms.core.values import Address
from orders.models.channels import SalesChannel
from orders.status import STAGES


class OrderPaymentMethod(models.TextChoices):
    """PaymentMethods of an order."""

    PREPAID = "prepaid", "Prepaid"
    COD = "cod", "Cash on delivery"
    CREDIT = "credit", "On account"


class OrderServiceLevel(models.TextChoices):
    """How fast the customer was told it would come."""

    STANDARD = "standard", "Standard"
    EXPRESS = "express", "Express"
    SAME_DAY = "same_day", "Same day"
    PICKUP = "pickup", "Store pickup"


class OrderSubstitutions(models.TextChoices):
    """Whether the customer takes another SKU where one cannot be shipped."""

    NEVER = "never", "Never"
    ALLOWED = "allowed", "Allowed"


class OrderStage(models.TextChoices):
    """Stages of an order."""

    CAPTURED = "captured", STAGES["captured"]
    BACKORDERED = "backordered", STAGES["backordered"]
    ROUTED = "routed", STAGES["routed"]
    RELEASED = "released", STAGES["released"]
    PICKED = "picked", STAGES["picked"]
    PACKED = "packed", STAGES["packed"]
    SHIPPED = "shipped", STAGES["shipped"]
    DELIVERED = "delivered", STAGES["delivered"]
    RETURNED = "returned", STAGES["returned"]
    CANCELLED = "cancelled", STAGES["cancelled"]


class Order(models.Model):
    """One order. Quantities live on its lines; `stage` is derived from them and never set by hand."""

    PaymentMethod = OrderPaymentMethod
    ServiceLevel = OrderServiceLevel
    Stage = OrderStage
    Substitutions = OrderSubstitutions

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, editable=False)
    number = models.CharField(max_length=30)
    channel = models.ForeignKey(
        SalesChannel, on_delete=models.PROTECT, related_name="orders", db_index=False, db_constraint=False
    )
    external_id = models.CharField(max_length=120)
    external_number = models.CharField(max_length=120, blank=True)
    external_updated_at = models.DateTimeField(null=True, blank=True)
    placed_at = models.DateTimeField()
    captured_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    stage = models.CharField(max_length=12, choices=Stage, default=Stage.CAPTURED)
    open_holds = models.PositiveSmallIntegerField(default=0)
    version = models.IntegerField(default=1)
    timeline_seq = models.IntegerField(default=0)

    customer_name = models.CharField(max_length=200, blank=True)
    customer_email = models.CharField(max_length=254, blank=True)
    customer_phone = models.CharField(max_length=32, blank=True)
    ship_to = models.JSONField(default=dict)
    bill_to = models.JSONField(default=dict)
    ship_postcode = models.CharField(max_length=16, blank=True)
    ship_city = models.CharField(max_length=120, blank=True)
    ship_region = models.CharField(max_length=120, blank=True)
    ship_country = models.CharField(max_length=2, default="IN")

    currency = models.CharField(max_length=3, default="INR")
    goods_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    shipping_minor = models.BigIntegerField(default=0)
    cod_fee_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)
    payment_method = models.CharField(max_length=10, choices=PaymentMethod, default=PaymentMethod.PREPAID)

    service_level = models.CharField(max_length=10, choices=ServiceLevel, default=ServiceLevel.STANDARD)
    pickup_node_code = models.CharField(max_length=40, blank=True)
    promised_by = models.DateTimeField(null=True, blank=True)
    first_promised_by = models.DateTimeField(null=True, blank=True)
    ship_by = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    substitutions = models.CharField(
        max_length=10, choices=Substitutions, default=Substitutions.NEVER, db_default=Substitutions.NEVER
    )
    is_b2b = models.BooleanField(default=False)
    is_gift = models.BooleanField(default=False)
    gift_message = models.TextField(blank=True)
    buyer_gstin = models.CharField(max_length=15, blank=True)
    customer_note = models.TextField(blank=True)
    internal_note = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    extra = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number"], name="order_number_unique"),
            models.UniqueConstraint(fields=["channel", "external_id"], name="order_captured_once"),
            one_of("stage", OrderStage, prefix="order"),
            one_of("payment_method", OrderPaymentMethod, prefix="order"),
            one_of("service_level", OrderServiceLevel, prefix="order"),
            one_of("substitutions", OrderSubstitutions, prefix="order"),
            money_bounds(
                "goods_minor", "discount_minor", "tax_minor", "shipping_minor", "cod_fee_minor", "total_minor",
                prefix="order",
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="order_currency_iso"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["-placed_at", "-id"], name="order_newest"),
            models.Index(fields=["stage", "-placed_at", "-id"], name="order_by_stage"),
            models.Index(fields=["channel", "-placed_at", "-id"], name="order_by_channel"),
            models.Index(fields=["ship_by", "id"], name="order_to_ship", condition=Q(
                stage__in=["captured", "backordered", "routed", "released", "picked", "packed"])),
            models.Index(fields=["id"], name="order_unrouted", condition=Q(stage__in=["captured", "backordered"])),
            models.Index(fields=["id"], name="order_held", condition=Q(open_holds__gt=0)),
            BrinIndex(fields=["captured_at", "delivered_at"], name="order_by_moment", pages_per_range=16),
            models.Index(fields=["first_promised_by"], include=["delivered_at", "stage", "channel"],
                         name="order_promised", condition=Q(first_promised_by__isnull=False)),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.number

    @property
    def shipping_address(self) -> Address:
        """Where the goods go."""
        return Address.from_json(self.ship_to)

    @property
    def billing_address(self) -> Address:
        """Whom the invoice names; the shipping address where none was given."""
        return Address.from_json(self.bill_to or self.ship_to)

    @property
    def is_cod(self) -> bool:
        """The carrier collects the money at the door."""
        return self.payment_method == self.PaymentMethod.COD

    @property
    def is_held(self) -> bool:
        """At least one hold is open."""
        return self.open_holds > 0


class OrderSearch(models.Model):
    """What people may search an order by, in lower case. A table of its own, because orders change often and a trigram
    index is dear to keep."""

    order = models.OneToOneField(
        Order, on_delete=models.CASCADE, related_name="search", primary_key=True, db_constraint=False
    )
    text = models.TextField()

    class Meta:
        indexes = [GinIndex(OpClass(F("text"), name="gin_trgm_ops"), name="order_search_text")]

    def __str__(self) -> str:
        return self.text
