"""Orders as the whole company sees them, whatever channel they came from. Knows nothing of stock or nodes."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from oms.core.constraints import money_bounds, not_negative, one_of, quantity_bounds
from oms.core.ids import uuid7
from oms.core.values import Address
from orders.status import STAGES, LineQuantities


class SalesChannelKind(models.TextChoices):
    """Kinds of a sales channel."""

    WEBSITE = "website", "Own website"
    MARKETPLACE = "marketplace", "Marketplace"
    STORE = "store", "Store and POS"
    B2B = "b2b", "B2B portal"
    QUICK = "quick_commerce", "Quick commerce"
    SOCIAL = "social", "Social and call centre"


class SalesChannel(models.Model):
    """One seller account on one channel: the identity under which external order ids are unique."""

    Kind = SalesChannelKind

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=20, choices=Kind)
    brand = models.CharField(max_length=80, blank=True)
    is_active = models.BooleanField(default=True)
    hours_to_ship = models.PositiveSmallIntegerField(
        default=24, help_text="Hours after placement within which the order must be handed over."
    )
    notifies_customer = models.BooleanField(
        default=True, help_text="We send the e-mails. Off for marketplaces, which write to their customers themselves."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


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


_BUCKETS = ("unallocated", "backordered", "allocated", "released", "picked", "packed", "shipped", "cancelled")


class OrderKit(models.Model):
    """A line of the channel that was sold as a kit: its units are those of the order lines that name it.

    `external_id`, prices and sums are the channel's for the whole kit; the lines share them out to the minor unit.
    The recipe is the one of the moment of capture: the lines and their `units_per_kit` never change.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="kits", db_index=False)
    external_id = models.CharField(max_length=120)
    sku_code = models.CharField(max_length=80)
    sku_id = models.BigIntegerField(help_text="The stable key of the kit in the stock room.")
    name = models.CharField(max_length=300, blank=True)
    options = models.JSONField(default=dict, blank=True)
    quantity = models.IntegerField()
    unit_price_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    tax_included = models.BooleanField(default=True)
    ships_together = models.BooleanField(default=True, help_text="All of one unit leaves from one node.")

    class Meta:
        ordering = ["order_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "external_id"], name="order_kit_once"),
            quantity_bounds("quantity", prefix="order_kit", low=1),
            money_bounds("unit_price_minor", "discount_minor", "tax_minor", prefix="order_kit"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku_code}"

    @property
    def total_minor(self) -> int:
        """What the customer pays for it: the sum of its lines."""
        tax = 0 if self.tax_included else self.tax_minor
        return self.unit_price_minor * self.quantity - self.discount_minor + tax


class OrderLine(models.Model):
    """One line. Every unit is in exactly one bucket; delivered and returned units lie within the shipped ones.

    `sku_id` is the stable key of the SKU in the stock room, not a foreign key: orders and stock are strangers.
    A line with a `kit` is a component: `units_per_kit` units of it belong to each unit of the kit.

    A line with a `substitute_for` was added here, after capture: its units are sold in place of as many units of that
    line, which are cancelled there. A trigger keeps the two together: of a line at least as many units are cancelled as
    its substitutes have that are not, and the two are of one order.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines", db_index=False)
    external_id = models.CharField(max_length=120)
    position = models.SmallIntegerField(default=1)
    sku_code = models.CharField(max_length=80)
    sku_id = models.BigIntegerField(null=True, blank=True)
    name = models.CharField(max_length=300, blank=True)
    options = models.JSONField(default=dict, blank=True)
    unit_price_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    tax_included = models.BooleanField(default=True)
    kit = models.ForeignKey(
        OrderKit, null=True, blank=True, on_delete=models.CASCADE, related_name="lines", db_index=False
    )
    units_per_kit = models.IntegerField(null=True, blank=True)
    substitute_for = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="substitutes", db_index=False
    )

    quantity = models.IntegerField()
    unallocated = models.IntegerField(default=0)
    backordered = models.IntegerField(default=0)
    allocated = models.IntegerField(default=0)
    released = models.IntegerField(default=0)
    picked = models.IntegerField(default=0)
    packed = models.IntegerField(default=0)
    shipped = models.IntegerField(default=0)
    cancelled = models.IntegerField(default=0)
    delivered = models.IntegerField(default=0)
    returned = models.IntegerField(default=0)

    class Meta:
        ordering = ["order_id", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "external_id"], name="order_line_once"),
            not_negative(*_BUCKETS, "delivered", "returned", prefix="order_line"),
            quantity_bounds("quantity", prefix="order_line_total", low=1),
            money_bounds("unit_price_minor", "discount_minor", "tax_minor", prefix="order_line"),
            models.CheckConstraint(
                condition=Q(
                    quantity=F("unallocated") + F("backordered") + F("allocated") + F("released")
                    + F("picked") + F("packed") + F("shipped") + F("cancelled")
                ),
                name="order_line_units_conserved",
            ),
            models.CheckConstraint(
                condition=Q(shipped__gte=F("delivered") + F("returned")), name="order_line_delivered_within_shipped"
            ),
            models.CheckConstraint(
                condition=Q(kit__isnull=True) | Q(units_per_kit__gte=1), name="order_line_of_a_kit_says_how_many"
            ),
            models.CheckConstraint(
                condition=Q(substitute_for__isnull=True) | Q(kit__isnull=True) & ~Q(substitute_for=F("id")),
                name="order_line_substitute_is_no_component",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["sku_id", "order"], name="order_line_unrouted_demand",
                         condition=Q(unallocated__gt=0) | Q(backordered__gt=0)),
            models.Index(fields=["sku_code"], name="order_line_by_sku"),
            models.Index(fields=["kit"], name="order_line_by_kit", condition=Q(kit__isnull=False)),
            models.Index(fields=["substitute_for"], name="order_line_by_original",
                         condition=Q(substitute_for__isnull=False)),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku_code}"

    @property
    def quantities(self) -> LineQuantities:
        """The counters as a value."""
        return LineQuantities(**{name: getattr(self, name) for name in LineQuantities.__slots__})

    @property
    def total_minor(self) -> int:
        """What the customer pays for the line."""
        tax = 0 if self.tax_included else self.tax_minor
        return self.unit_price_minor * self.quantity - self.discount_minor + tax

    @property
    def unrouted(self) -> int:
        """Units that still need a node."""
        return self.unallocated + self.backordered


class HoldReason(models.TextChoices):
    """Reasons of a hold."""

    PAYMENT_PENDING = "payment_pending", "Payment not confirmed"
    COD_UNCONFIRMED = "cod_unconfirmed", "COD to confirm"
    BAD_ADDRESS = "bad_address", "Address incomplete"
    UNKNOWN_POSTCODE = "unknown_postcode", "Postcode unknown"
    UNMAPPED_SKU = "unmapped_sku", "SKU not mapped"
    DUPLICATE = "duplicate", "Looks like a duplicate"
    FRAUD_RISK = "fraud_risk", "Fraud check"
    CHANNEL = "channel", "Held by the channel"
    CUSTOMER_REQUEST = "customer_request", "Customer asked to wait"
    OTHER = "other", "Other"


class Hold(models.Model):
    """A reason not to release an order to a node. Many may be open; all must be cleared."""

    Reason = HoldReason

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="holds")
    reason = models.CharField(max_length=20, choices=Reason)
    source = models.CharField(max_length=120, help_text="Who or what placed it: a person, a rule, the channel.")
    handle = models.CharField(max_length=80, help_text="Unique among the open holds of an order.")
    note = models.CharField(max_length=500, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "handle"], condition=Q(released_at__isnull=True), name="hold_handle_open_once"
            ),
            one_of("reason", HoldReason, prefix="hold"),
        ]
        indexes = [models.Index(fields=["reason"], name="hold_open", condition=Q(released_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} on {self.order_id}"


class PaymentState(models.TextChoices):
    """States of a payment."""

    PENDING = "pending", "Pending"
    AUTHORIZED = "authorized", "Authorized"
    PAID = "paid", "Paid"
    FAILED = "failed", "Failed"
    PARTIALLY_REFUNDED = "partially_refunded", "Partly refunded"
    REFUNDED = "refunded", "Refunded"


class Payment(models.Model):
    """What was agreed, taken and given back for one order. Counters with CHECKs: never refund more than captured."""

    State = PaymentState

    id = models.BigAutoField(primary_key=True)
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="payment")
    method = models.CharField(max_length=10, choices=Order.PaymentMethod)
    state = models.CharField(max_length=20, choices=State)
    gateway = models.CharField(max_length=60, blank=True)
    reference = models.CharField(max_length=120, blank=True)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    captured_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    refund_due_minor = models.BigIntegerField(default=0)
    reduced_minor = models.BigIntegerField(
        default=0, db_default=0,
        help_text="What the order costs less than was agreed: cancelled units, cheaper substitutes.",
    )  # fmt: skip
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            money_bounds("amount_minor", "captured_minor", "refunded_minor", "refund_due_minor", prefix="payment"),
            models.CheckConstraint(
                condition=Q(refunded_minor__lte=F("captured_minor")) & Q(captured_minor__lte=F("amount_minor")),
                name="payment_refund_within_captured",
            ),
            one_of("state", PaymentState, prefix="payment"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.get_method_display()}"


class OrderEvent(models.Model):
    """One entry of an order's timeline. Append-only; `seq` runs 1..n without gaps."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, related_name="timeline", db_index=False, db_constraint=False
    )
    seq = models.IntegerField()
    kind = models.CharField(max_length=40)
    actor = models.CharField(max_length=120)
    message = models.CharField(max_length=500)
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["order_id", "seq"]
        constraints = [models.UniqueConstraint(fields=["order", "seq"], name="order_event_seq_unique")]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.seq} {self.kind}"
