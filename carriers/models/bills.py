"""What carriers bill us for carrying: bills, their lines beside what was expected, and credit notes.

A line stays as it was billed, and one that was accepted or credited stays as it was decided: the database sees to both.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from carriers.models.bookings import Booking
from carriers.models.network import CarrierAccount
from oms.core.constraints import money_bounds, one_of

#: By how much the parts of a line may miss its total, in minor units: carriers round each part by itself.
ROUNDING_MINOR = 100


class BillState(models.TextChoices):
    """States of a bill."""

    RECEIVED = "received", "Received"
    CHECKED = "checked", "Checked"
    DISPUTED = "disputed", "Partly disputed"
    SETTLED = "settled", "Settled"


class BillFinding(models.TextChoices):
    """What a line turned out to be, beside what was expected."""

    UNCHECKED = "unchecked", "Not checked yet"
    EQUAL = "equal", "As expected"
    LESS = "less", "Less than expected"
    WEIGHT = "weight", "Heavier than ours"
    RATE = "rate", "Another rate"
    RETURN = "return", "Return that was none"
    CANCELLED = "cancelled", "Parcel was cancelled"
    TWICE = "twice", "Billed twice"
    UNKNOWN = "unknown", "Unknown AWB"
    NO_PRICE = "no_price", "No price to compare"


class BillLineState(models.TextChoices):
    """What was decided about a line."""

    OPEN = "open", "To decide"
    DISPUTED = "disputed", "Disputed"
    ACCEPTED = "accepted", "Accepted"
    CREDITED = "credited", "Credited"


class CarrierBill(models.Model):
    """One invoice of a carrier, with the file that it came as."""

    State = BillState

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="bills")
    number = models.CharField(max_length=60)
    billed_on = models.DateField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=10, choices=BillState, default=BillState.RECEIVED)
    filename = models.CharField(max_length=200, blank=True)
    raw = models.BinaryField()
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what its lines say.")
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-billed_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "number"], name="carrier_bill_once"),
            one_of("state", BillState, prefix="carrier_bill"),
        ]

    def __str__(self) -> str:
        return self.number


class CreditNote(models.Model):
    """What a carrier gave back of a bill. The lines that it is for hold its shares."""

    id = models.BigAutoField(primary_key=True)
    bill = models.ForeignKey(CarrierBill, on_delete=models.PROTECT, related_name="credits")
    account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="+")
    number = models.CharField(max_length=60)
    issued_on = models.DateField()
    amount_minor = models.BigIntegerField()
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "number"], name="credit_note_once"),
            money_bounds("amount_minor", prefix="credit_note", low=1),
        ]

    def __str__(self) -> str:
        return self.number


class BillLine(models.Model):
    """What is billed for one AWB, what was expected, and what was decided. Amounts are minor units of the bill.

    `claim_minor` is what a dispute asks back. `first` is the earlier line that charges for the same way of the parcel.
    """

    Finding = BillFinding
    State = BillLineState

    id = models.BigAutoField(primary_key=True)
    bill = models.ForeignKey(CarrierBill, on_delete=models.PROTECT, related_name="lines")
    account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="+")
    row = models.PositiveIntegerField()
    awb = models.CharField(max_length=60)
    billed_grams = models.PositiveIntegerField(null=True, blank=True)
    zone = models.CharField(max_length=20, blank=True)
    freight_minor = models.BigIntegerField(default=0)
    fuel_minor = models.BigIntegerField(default=0)
    cod_fee_minor = models.BigIntegerField(default=0)
    return_minor = models.BigIntegerField(default=0)
    other_minor = models.BigIntegerField(default=0)
    gst_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField()
    first = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="again")

    booking = models.ForeignKey(Booking, null=True, blank=True, on_delete=models.PROTECT, related_name="billed")
    finding = models.CharField(max_length=10, choices=BillFinding, default=BillFinding.UNCHECKED)
    expected_minor = models.BigIntegerField(null=True, blank=True)
    expected_grams = models.PositiveIntegerField(null=True, blank=True)
    expected_zone = models.CharField(max_length=20, blank=True)
    slabs_over = models.IntegerField(default=0)
    claim_minor = models.BigIntegerField(default=0)
    evidence = models.JSONField(default=dict, blank=True)

    state = models.CharField(max_length=10, choices=BillLineState, default=BillLineState.OPEN)
    why = models.CharField(max_length=300, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    disputed_minor = models.BigIntegerField(default=0)
    credited_minor = models.BigIntegerField(default=0)
    credit = models.ForeignKey(CreditNote, null=True, blank=True, on_delete=models.PROTECT, related_name="lines")

    class Meta:
        ordering = ["bill_id", "row"]
        constraints = [
            models.UniqueConstraint(fields=["bill", "row"], name="bill_line_once"),
            models.UniqueConstraint(
                fields=["account", "awb"],
                condition=Q(first__isnull=True, freight_minor__gt=0),
                name="bill_line_way_out_once",
            ),
            models.UniqueConstraint(
                fields=["account", "awb"],
                condition=Q(first__isnull=True, return_minor__gt=0),
                name="bill_line_way_back_once",
            ),
            one_of("finding", BillFinding, prefix="bill_line"),
            one_of("state", BillLineState, prefix="bill_line"),
            money_bounds(
                "freight_minor", "fuel_minor", "cod_fee_minor", "return_minor", "other_minor", "gst_minor",
                "total_minor", "claim_minor", "disputed_minor", "credited_minor", prefix="bill_line",
            ),
            models.CheckConstraint(
                condition=Q(
                    total_minor__range=(
                        F("freight_minor") + F("fuel_minor") + F("cod_fee_minor") + F("return_minor")
                        + F("other_minor") + F("gst_minor") - ROUNDING_MINOR,
                        F("freight_minor") + F("fuel_minor") + F("cod_fee_minor") + F("return_minor")
                        + F("other_minor") + F("gst_minor") + ROUNDING_MINOR,
                    )
                ),
                name="bill_line_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(state="open") | (Q(decided_at__isnull=False) & ~Q(finding="unchecked")),
                name="bill_line_decided_after_check",
            ),
            models.CheckConstraint(
                condition=~Q(state="disputed") | (Q(disputed_minor__gt=0) & ~Q(why="")),
                name="bill_line_dispute_says_why",
            ),
            models.CheckConstraint(
                condition=Q(credited_minor__lte=F("disputed_minor")) & Q(disputed_minor__lte=F("total_minor")),
                name="bill_line_credit_within",
            ),
            models.CheckConstraint(
                condition=Q(state="credited", credit__isnull=False) | (
                    ~Q(state="credited") & Q(credit__isnull=True, credited_minor=0)
                ),
                name="bill_line_credit_has_note",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["account", "awb"], name="bill_line_by_awb"),
            models.Index(fields=["bill", "finding", "row"], name="bill_line_by_finding"),
        ]

    def __str__(self) -> str:
        return f"{self.awb} {self.total_minor}"
