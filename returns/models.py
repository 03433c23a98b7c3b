"""What comes back: for now parcels returned to origin; customers' returns use the same rows."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from fulfillment.models import Shipment
from inventory.models import Lot, Node, SerialNumber
from oms.core.constraints import one_of, quantity_bounds
from oms.core.ids import uuid7
from orders.models import Order, OrderLine


class ReturnKind(models.TextChoices):
    """Kinds of a return."""

    RTO = "rto", "Returned to origin"
    CUSTOMER = "customer", "Customer return"


class ReturnState(models.TextChoices):
    """States of a return."""

    REQUESTED = "requested", "Requested"
    APPROVED = "approved", "Approved"
    DECLINED = "declined", "Declined"
    IN_TRANSIT = "in_transit", "On its way"
    RECEIVED = "received", "Received"
    INSPECTED = "inspected", "Inspected"
    DISPOSED = "disposed", "Put away"
    CLOSED = "closed", "Closed"
    CANCELLED = "cancelled", "Cancelled"


class Return(models.Model):
    """Goods on their way back to a node."""

    Kind = ReturnKind
    State = ReturnState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    number = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=12, choices=State)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="returns")
    shipment = models.OneToOneField(
        Shipment, null=True, blank=True, on_delete=models.PROTECT, related_name="return_order"
    )
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="returns")
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    received_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [one_of("state", ReturnState, prefix="return"), one_of("kind", ReturnKind, prefix="return")]

    def __str__(self) -> str:
        return self.number


class ReturnLineDisposition(models.TextChoices):
    """Dispositions of a return line."""

    PENDING = "pending", "Not decided"
    RESTOCK = "restock", "Back to stock"
    DAMAGED = "damaged", "Damaged"
    QUARANTINE = "quarantine", "To be checked"
    MISSING = "missing", "Not in the parcel"


class ReturnLine(models.Model):
    """Units of one order line that come back, and what became of them."""

    Disposition = ReturnLineDisposition

    id = models.BigAutoField(primary_key=True)
    return_order = models.ForeignKey(Return, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="return_lines")
    quantity = models.IntegerField()
    disposition = models.CharField(max_length=12, choices=Disposition, default=Disposition.PENDING)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["return_order", "order_line"], name="return_line_once"),
            quantity_bounds("quantity", prefix="return_line", low=1),
            one_of("disposition", ReturnLineDisposition, prefix="return_line"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.order_line_id}"


class ReturnUnit(models.Model):
    """Units of one lot, or one serial number, that came back with a line.

    `differs`: it is not what was sent, and a person took it all the same.
    """

    id = models.BigAutoField(primary_key=True)
    line = models.ForeignKey(ReturnLine, on_delete=models.CASCADE, related_name="units")
    lot = models.ForeignKey(Lot, null=True, on_delete=models.PROTECT, related_name="+")
    serial = models.ForeignKey(SerialNumber, null=True, on_delete=models.PROTECT, related_name="+")
    quantity = models.IntegerField()
    differs = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            quantity_bounds("quantity", prefix="return_unit", low=1),
            models.CheckConstraint(
                condition=Q(lot__isnull=False, serial__isnull=True)
                | Q(lot__isnull=True, serial__isnull=False, quantity=1),
                name="return_unit_of_a_lot_or_one_serial",
            ),
            models.UniqueConstraint(fields=["line", "serial"], name="return_unit_serial_once"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.line_id}"
