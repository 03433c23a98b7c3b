"""The ledger: buckets, reasons, postings, and what is kept of months that were archived."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.catalogue import Sku
from inventory.models.places import Node
from oms.core.constraints import one_of, quantity_bounds


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
    EXPIRE = "expire", "Hold expired"
    EXPIRED = "expired", "Expired"
    BLOCK = "block", "Lot blocked or freed"
    UNEXPECTED = "unexpected", "No longer expected"
    FEED = "feed", "Reported by supplier"
    TO_SUPPLIER = "to_supplier", "Sent back to supplier"
    CORRECTION = "correction", "Correction"


class StockMovement(models.Model):
    """One posting: `quantity` units leave one bucket and enter another. Append-only; the balances are its sums.

    `op_key` names the operation and `leg` its part, so that posting the same operation again changes nothing: each
    (op_key, leg) is a PostedOperation, which the ledger's trigger writes. `occurred_at` is when it happened in the
    world, `recorded_at` when it became known here; the table is partitioned by the month of the latter. `lot` and
    `serial` stand where the SKU asks for them and units change hands, `unit_cost_minor` where the cost is known, in
    the currency of the business.
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
    lot = models.ForeignKey(
        "inventory.Lot", null=True, on_delete=models.PROTECT, related_name="movements", db_index=False,
        db_constraint=False,
    )  # fmt: skip
    serial = models.ForeignKey(
        "inventory.SerialNumber", null=True, on_delete=models.PROTECT, related_name="movements", db_index=False,
        db_constraint=False,
    )  # fmt: skip
    unit_cost_minor = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=12, choices=Reason)
    note = models.CharField(max_length=200, blank=True, default="", db_default="")
    reference = models.CharField(max_length=80, blank=True, default="", db_default="")
    actor = models.CharField(max_length=120, blank=True, default="", db_default="")
    occurred_at = models.DateTimeField(db_default=Now())
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            quantity_bounds("quantity", prefix="stock_movement", low=1),
            models.CheckConstraint(condition=~Q(from_bucket=F("to_bucket")), name="stock_movement_moves"),
            models.CheckConstraint(condition=Q(occurred_at__lte=F("recorded_at")), name="stock_movement_known_after"),
            one_of("from_bucket", Bucket, prefix="stock_movement"),
            one_of("to_bucket", Bucket, prefix="stock_movement"),
            one_of("reason", StockMovementReason, prefix="stock_movement"),
        ]
        indexes = [models.Index(fields=["sku", "node", "id"], name="stock_movement_history")]

    def __str__(self) -> str:
        return f"{self.quantity} {self.from_bucket} to {self.to_bucket}"


class PostedOperation(models.Model):
    """The key of one posting, for ever: the partitioned ledger cannot keep it unique over its months."""

    pk = models.CompositePrimaryKey("op_key", "leg")
    op_key = models.CharField(max_length=100)
    leg = models.SmallIntegerField()

    def __str__(self) -> str:
        return f"{self.op_key} {self.leg}"


class LedgerArchive(models.Model):
    """A month of postings that was written to a file and taken out of the database."""

    id = models.BigAutoField(primary_key=True)
    month = models.DateField(unique=True, help_text="Its first day, UTC.")
    postings = models.PositiveBigIntegerField()
    file = models.FileField(upload_to="ledger/", max_length=200)
    sha256 = models.CharField(max_length=64)
    archived_at = models.DateTimeField(db_default=Now())
    archived_by = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["month"]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.postings} postings"


class LedgerClosing(models.Model):
    """What archived postings add up to, for one SKU (or one lot of it) at one node: where its ledger now begins.

    One row a SKU and node with no lot, and one more for each lot. Archiving another month adds to it.
    """

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+", db_index=False)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+", db_index=False)
    lot = models.ForeignKey("inventory.Lot", null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    on_hand = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    packed = models.BigIntegerField(default=0)
    damaged = models.BigIntegerField(default=0)
    quarantine = models.BigIntegerField(default=0)
    inbound = models.BigIntegerField(default=0)
    postings = models.PositiveBigIntegerField(default=0)
    until = models.DateField(help_text="The first day, UTC, that is not in it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sku", "node", "lot"], name="ledger_closing_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} at {self.node_id} until {self.until}"
