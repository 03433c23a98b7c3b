"""What was bought, what was announced, and what came."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.catalogue import Sku, Supplier
from inventory.models.levels import Lot
from inventory.models.places import Node
from oms.core.constraints import money_bounds, not_negative, one_of, quantity_bounds
from oms.core.ids import uuid7


class PurchaseOrderState(models.TextChoices):
    """States of a purchase order."""

    DRAFT = "draft", "Draft"
    PLACED = "placed", "Placed"
    PARTIAL = "partial", "Partly received"
    RECEIVED = "received", "Received"
    CLOSED = "closed", "Closed short"
    CANCELLED = "cancelled", "Cancelled"


class PurchaseOrder(models.Model):
    """Goods ordered from a supplier for one node. Once placed, what is open of it is inbound stock there."""

    State = PurchaseOrderState

    id = models.BigAutoField(primary_key=True)
    number = models.CharField(max_length=40, unique=True)
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="purchase_orders")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="purchase_orders")
    state = models.CharField(max_length=10, choices=PurchaseOrderState, default=PurchaseOrderState.DRAFT)
    currency = models.CharField(max_length=3, default="INR")
    expected_on = models.DateField(null=True, blank=True)
    reference = models.CharField(max_length=80, blank=True, help_text="The supplier's own number.")
    note = models.CharField(max_length=500, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_by = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    placed_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [one_of("state", PurchaseOrderState, prefix="purchase_order")]
        indexes = [
            models.Index(
                fields=["expected_on"], name="purchase_order_open", condition=Q(state__in=["placed", "partial"])
            )
        ]

    def __str__(self) -> str:
        return self.number


class PurchaseOrderLine(models.Model):
    """A SKU of a purchase order. quantity = open + received + damaged + short; `over` came on top of it."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(PurchaseOrder, on_delete=models.CASCADE, related_name="lines", db_index=False)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="purchase_order_lines")
    quantity = models.IntegerField()
    open_quantity = models.IntegerField()
    received_quantity = models.IntegerField(default=0)
    damaged_quantity = models.IntegerField(default=0)
    short_quantity = models.IntegerField(default=0)
    over_quantity = models.IntegerField(default=0)
    unit_cost_minor = models.BigIntegerField(default=0)
    expected_on = models.DateField(null=True, blank=True, help_text="Empty: the order's.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "sku"], name="purchase_order_line_once"),
            quantity_bounds("quantity", prefix="purchase_order_line", low=1),
            not_negative(
                "open_quantity", "received_quantity", "damaged_quantity", "short_quantity", "over_quantity",
                prefix="purchase_order_line_counters",
            ),
            models.CheckConstraint(
                condition=Q(
                    quantity=F("open_quantity") + F("received_quantity") + F("damaged_quantity") + F("short_quantity")
                ),
                name="purchase_order_line_conserved",
            ),
            money_bounds("unit_cost_minor", prefix="purchase_order_line"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.quantity} of {self.sku_id}"


class InboundShipmentState(models.TextChoices):
    """States of an inbound shipment."""

    EXPECTED = "expected", "On its way"
    ARRIVED = "arrived", "Arrived"
    RECEIVED = "received", "Received"
    CANCELLED = "cancelled", "Cancelled"


class InboundShipment(models.Model):
    """An advance shipping notice (ASN): what a supplier says is on its way, for one purchase order."""

    State = InboundShipmentState

    id = models.BigAutoField(primary_key=True)
    number = models.CharField(max_length=80)
    order = models.ForeignKey(PurchaseOrder, on_delete=models.PROTECT, related_name="inbound_shipments")
    state = models.CharField(max_length=10, choices=InboundShipmentState, default=InboundShipmentState.EXPECTED)
    expected_at = models.DateTimeField(null=True, blank=True)
    carrier_name = models.CharField(max_length=80, blank=True)
    awb = models.CharField(max_length=60, blank=True)
    created_by = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    arrived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "inbound shipment (ASN)"
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="inbound_shipment_once"),
            one_of("state", InboundShipmentState, prefix="inbound_shipment"),
        ]

    def __str__(self) -> str:
        return self.number


class InboundShipmentLine(models.Model):
    """Units of a purchase order line in an ASN, with lot and expiry where the supplier states them."""

    id = models.BigAutoField(primary_key=True)
    shipment = models.ForeignKey(InboundShipment, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(PurchaseOrderLine, on_delete=models.PROTECT, related_name="inbound_lines")
    quantity = models.IntegerField()
    received_quantity = models.IntegerField(default=0)
    lot_code = models.CharField(max_length=60, blank=True)
    expires_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            quantity_bounds("quantity", prefix="inbound_shipment_line", low=1),
            quantity_bounds("received_quantity", prefix="inbound_shipment_line_received"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.order_line_id}"


class Receipt(models.Model):
    """Goods that came in one go: of a purchase order, of an ASN, or without either. Never changed afterwards.

    One that was wrong is taken back by another one, which `reverses` it: the same quantities, the other way round.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    op_key = models.CharField(max_length=100, unique=True)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="receipts")
    order = models.ForeignKey(PurchaseOrder, null=True, blank=True, on_delete=models.PROTECT, related_name="receipts")
    shipment = models.ForeignKey(
        InboundShipment, null=True, blank=True, on_delete=models.PROTECT, related_name="receipts"
    )
    reverses = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by",
        help_text="The receipt that this one takes back.",
    )  # fmt: skip
    reference = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=120, blank=True)
    received_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.reference or str(self.uid)


class ReceiptLine(models.Model):
    """Units of a SKU that came: `good` went on hand, `damaged` into the damaged bucket.

    `over` of them were not ordered: damaged units first, then good ones. The serial numbers are kept by their text, the
    ones of good units apart from those of damaged units.
    """

    id = models.BigAutoField(primary_key=True)
    receipt = models.ForeignKey(Receipt, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(
        PurchaseOrderLine, null=True, blank=True, on_delete=models.PROTECT, related_name="receipt_lines"
    )
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="receipt_lines")
    lot = models.ForeignKey(Lot, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    good_quantity = models.IntegerField(default=0)
    damaged_quantity = models.IntegerField(default=0)
    over_quantity = models.IntegerField(default=0)
    serials = models.JSONField(default=list, blank=True)
    damaged_serials = models.JSONField(default=list, blank=True)
    unit_cost_minor = models.BigIntegerField(null=True, blank=True, help_text="In the currency of the business.")

    class Meta:
        constraints = [quantity_bounds("good_quantity", "damaged_quantity", "over_quantity", prefix="receipt_line")]

    def __str__(self) -> str:
        return f"{self.good_quantity} of {self.sku_id}"
