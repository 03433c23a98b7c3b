"""Balances: of SKUs at nodes, of lots at nodes, and the place of every serial number."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.catalogue import Sku
from inventory.models.ledger import Bucket
from inventory.models.places import Node
from oms.core.constraints import one_of, quantity_bounds


class StockLevel(models.Model):
    """Balances of one SKU at one node. Only postings to the ledger change them: a trigger refuses anything else.

    ATP (available to promise) = on_hand - reserved - safety_stock. `reserved` units are part of `on_hand`; packed,
    damaged and quarantined units are not.
    """

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="levels", db_index=False)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="levels", db_index=False)
    on_hand = models.IntegerField(default=0, db_default=0)
    reserved = models.IntegerField(default=0, db_default=0)
    packed = models.IntegerField(default=0, db_default=0)
    damaged = models.IntegerField(default=0, db_default=0)
    quarantine = models.IntegerField(default=0, db_default=0)
    inbound = models.IntegerField(default=0, db_default=0)
    safety_stock = models.IntegerField(default=0, db_default=0)
    safety_rule = models.ForeignKey(
        "inventory.BufferRule", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False,
        help_text="The rule that the safety stock comes from.",
    )  # fmt: skip
    bin_code = models.CharField(max_length=40, blank=True, default="", db_default="")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sku", "node"], name="stock_level_once"),
            quantity_bounds(
                "on_hand", "reserved", "packed", "damaged", "quarantine", "inbound", "safety_stock",
                prefix="stock_level",
            ),
            models.CheckConstraint(condition=Q(reserved__lte=F("on_hand")), name="stock_level_never_oversold"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["node", "sku"], name="stock_level_by_node"),
            models.Index(fields=["safety_rule"], name="stock_level_by_rule", condition=Q(safety_rule__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} at {self.node_id}"

    @property
    def atp(self) -> int:
        """Units that may still be promised; negative where the safety stock is not covered."""
        return self.on_hand - self.reserved - self.safety_stock


class SkuTotal(models.Model):
    """A SKU over all nodes, for lists: worked out anew a moment after a change, so it may be seconds old.

    `atp` counts no node below zero. `short_nodes` have less than their safety stock, `aside_nodes` damaged or
    unchecked units.
    """

    sku = models.OneToOneField(Sku, primary_key=True, on_delete=models.CASCADE, related_name="total")
    on_hand = models.BigIntegerField(default=0)
    atp = models.BigIntegerField(default=0)
    short_nodes = models.IntegerField(default=0)
    aside_nodes = models.IntegerField(default=0)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["atp", "sku"], name="sku_total_by_atp"),
            models.Index(
                fields=["sku"], name="sku_total_troubled", condition=Q(short_nodes__gt=0) | Q(aside_nodes__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.atp} of {self.sku_id}"


class Lot(models.Model):
    """Units of a SKU that were made together and expire together. A blocked lot is not picked and not in ATP."""

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="lots", db_index=False)
    code = models.CharField(max_length=60)
    expires_on = models.DateField(null=True, blank=True)
    made_on = models.DateField(null=True, blank=True)
    is_blocked = models.BooleanField(default=False, db_default=False)
    block_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sku", "code"], name="lot_once")]
        indexes = [models.Index(fields=["expires_on"], name="lot_by_expiry", condition=Q(expires_on__isnull=False))]

    def __str__(self) -> str:
        return self.code


class LotLevel(models.Model):
    """Balances of one lot at one node, moved by the ledger's trigger together with the stock level's."""

    id = models.BigAutoField(primary_key=True)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="levels", db_index=False)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="lot_levels")
    on_hand = models.IntegerField(default=0, db_default=0)
    packed = models.IntegerField(default=0, db_default=0)
    damaged = models.IntegerField(default=0, db_default=0)
    quarantine = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lot", "node"], name="lot_level_once"),
            quantity_bounds("on_hand", "packed", "damaged", "quarantine", prefix="lot_level"),
        ]
        indexes = [models.Index(fields=["lot"], name="lot_level_on_hand", condition=Q(on_hand__gt=0))]

    def __str__(self) -> str:
        return f"{self.lot_id} at {self.node_id}"


class SerialNumber(models.Model):
    """One unit of a SKU, and the one place where it is: a bucket, and the node of it inside our walls.

    Postings alone move it; a posting from where it is not is refused.
    """

    id = models.BigAutoField(primary_key=True)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="serials", db_index=False)
    number = models.CharField(max_length=60)
    bucket = models.CharField(max_length=12, choices=Bucket, default=Bucket.SUPPLIER, db_default=Bucket.SUPPLIER)
    node = models.ForeignKey(Node, null=True, blank=True, on_delete=models.PROTECT, related_name="serials")
    reference = models.CharField(max_length=80, blank=True, default="", db_default="")
    moved_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sku", "number"], name="serial_number_once"),
            one_of("bucket", Bucket, prefix="serial_number"),
        ]

    def __str__(self) -> str:
        return self.number
