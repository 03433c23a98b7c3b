"""Goods on their way from one node to another."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.catalogue import Sku
from inventory.models.places import Node
from oms.core.constraints import not_negative, one_of, quantity_bounds
from oms.core.ids import uuid7


class TransferState(models.TextChoices):
    """States of a transfer."""

    DRAFT = "draft", "Draft"
    RESERVED = "reserved", "To pick"
    PICKED = "picked", "Picked"
    SHIPPED = "shipped", "In transit"
    RECEIVED = "received", "Received, differences open"
    CLOSED = "closed", "Closed"
    CANCELLED = "cancelled", "Cancelled"


class Transfer(models.Model):
    """An order to carry units from one node to another. Confirmed, they are reserved at the first node."""

    State = TransferState

    id = models.BigAutoField(primary_key=True)
    number = models.CharField(max_length=40, unique=True)
    from_node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="transfers_out")
    to_node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="transfers_in")
    state = models.CharField(max_length=10, choices=TransferState, default=TransferState.DRAFT)
    expected_on = models.DateField(null=True, blank=True)
    carrier_name = models.CharField(max_length=80, blank=True)
    awb = models.CharField(max_length=60, blank=True)
    note = models.CharField(max_length=500, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_by = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    shipped_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            one_of("state", TransferState, prefix="transfer"),
            models.CheckConstraint(condition=~Q(from_node=F("to_node")), name="transfer_goes_somewhere"),
        ]
        indexes = [
            models.Index(
                fields=["state", "id"], name="transfer_open",
                condition=Q(state__in=["draft", "reserved", "picked", "shipped", "received"]),
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.number


class TransferLine(models.Model):
    """A SKU of a transfer. `uid` is what its reservation names.

    Of what was shipped, each unit is in transit, received good, received damaged or missing; `over` came on top of it.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    transfer = models.ForeignKey(Transfer, on_delete=models.CASCADE, related_name="lines", db_index=False)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="transfer_lines")
    quantity = models.IntegerField()
    picked_quantity = models.IntegerField(default=0)
    shipped_quantity = models.IntegerField(default=0)
    in_transit_quantity = models.IntegerField(default=0)
    received_quantity = models.IntegerField(default=0)
    damaged_quantity = models.IntegerField(default=0)
    missing_quantity = models.IntegerField(default=0)
    over_quantity = models.IntegerField(default=0)
    picked_units = models.JSONField(
        default=list, blank=True,
        help_text="Lots and serial numbers as scanned when picked, until the goods leave: then the ledger knows them.",
    )  # fmt: skip

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["transfer", "sku"], name="transfer_line_once"),
            quantity_bounds("quantity", prefix="transfer_line", low=1),
            not_negative(
                "picked_quantity", "shipped_quantity", "in_transit_quantity", "received_quantity", "damaged_quantity",
                "missing_quantity", "over_quantity", prefix="transfer_line_counters",
            ),
            models.CheckConstraint(
                condition=Q(picked_quantity__lte=F("quantity"), shipped_quantity__lte=F("picked_quantity")),
                name="transfer_line_in_order",
            ),
            models.CheckConstraint(
                condition=Q(
                    shipped_quantity=F("in_transit_quantity") + F("received_quantity") + F("damaged_quantity")
                    + F("missing_quantity")
                ),
                name="transfer_line_conserved",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.quantity} of {self.sku_id}"
