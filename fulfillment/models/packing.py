"""What lies in the boxes that are open at pack stations."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from fulfillment.models.work import FulfillmentLine, FulfillmentOrder
from inventory.models import SerialNumber


class Packing(models.Model):
    """A box that is open at a pack station: whose order it is for, and who packs it. What lies in it are its scans.

    One for each piece of work. It is kept when the packer leaves it, and ends with the parcel.
    """

    id = models.BigAutoField(primary_key=True)
    fulfillment_order = models.OneToOneField(FulfillmentOrder, on_delete=models.CASCADE, related_name="packing")
    packer = models.CharField(max_length=120)
    box = models.CharField(max_length=20, blank=True, help_text="The box that was chosen; empty: the suggested one.")
    opened_at = models.DateTimeField(db_default=Now())
    touched_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"Box for {self.fulfillment_order_id}"


class PackScan(models.Model):
    """One unit that was scanned into an open box."""

    id = models.BigAutoField(primary_key=True)
    packing = models.ForeignKey(Packing, on_delete=models.CASCADE, related_name="scans")
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
