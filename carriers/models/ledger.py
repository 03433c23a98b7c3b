"""Cash that carriers collect for us: a double-entry book of it, and the remittances that they pay it with.

Entries are never changed or deleted, and the entries of a transaction add up to zero: the database sees to both.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from carriers.models.bookings import Booking
from carriers.models.network import CarrierAccount
from oms.core.constraints import money_bounds, one_of
from oms.core.ids import uuid7


class CashBook(models.TextChoices):
    """The accounts of the book. Positive amounts are debits: what we have or are owed."""

    #: Collected from the customer, not yet paid to us. By booking.
    DUE = "due", "With the carrier"
    BANK = "bank", "In the bank"
    DEDUCTED = "deducted", "Kept back by the carrier"
    WRITTEN_OFF = "written_off", "Written off"
    #: The other side of what was collected: customers have paid this.
    CUSTOMERS = "customers", "Paid by customers"
    #: Paid to us beyond what was due for the booking. By booking.
    EXCESS = "excess", "Paid too much"
    #: Paid to us for an AWB that nobody knows.
    UNKNOWN = "unknown", "Paid for unknown parcels"
    #: What carrying costs us, as it was accepted on bills of the carrier, and the debt to it that this makes.
    CHARGES = "charges", "Charges of carriers"
    PAYABLE = "payable", "Owed to the carrier"


class CashEvent(models.TextChoices):
    """What a transaction stands for."""

    COLLECTED = "collected", "Delivered and collected"
    NOT_COLLECTED = "not_collected", "Not delivered after all"
    REMITTED = "remitted", "Remitted"
    ASSIGNED = "assigned", "Assigned to its parcel"
    WRITTEN_OFF = "written_off", "Written off"
    TAKEN_BACK = "taken_back", "Taken back"
    BILLED = "billed", "Billed and accepted"


class Remittance(models.Model):
    """One payment of a carrier: a UTR (the bank's unique transaction reference) and the parcels that it is for."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="remittances")
    utr = models.CharField(max_length=60)
    paid_on = models.DateField()
    currency = models.CharField(max_length=3)
    filename = models.CharField(max_length=200, blank=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-paid_on", "-id"]
        constraints = [models.UniqueConstraint(fields=["account", "utr"], name="remittance_once")]

    def __str__(self) -> str:
        return self.utr


class Finding(models.TextChoices):
    """What a line of a remittance turned out to be."""

    MATCHED = "matched", "As due"
    SHORT = "short", "Too little"
    EXCESS = "excess", "Too much"
    EARLY = "early", "Before delivery"
    AGAIN = "again", "Paid before"
    UNKNOWN = "unknown", "Unknown AWB"


class RemittanceLine(models.Model):
    """What a remittance pays for one AWB: `amount_minor` came, `deducted_minor` was kept back by the carrier."""

    Finding = Finding

    id = models.BigAutoField(primary_key=True)
    remittance = models.ForeignKey(Remittance, on_delete=models.PROTECT, related_name="lines")
    row = models.PositiveIntegerField()
    awb = models.CharField(max_length=60)
    amount_minor = models.BigIntegerField()
    deducted_minor = models.BigIntegerField(default=0)
    finding = models.CharField(max_length=10, choices=Finding)
    booking = models.ForeignKey(Booking, null=True, on_delete=models.PROTECT, related_name="remitted")
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["remittance_id", "row"]
        constraints = [
            models.UniqueConstraint(fields=["remittance", "awb"], name="remittance_line_once"),
            one_of("finding", Finding, prefix="remittance_line"),
            money_bounds("amount_minor", "deducted_minor", prefix="remittance_line"),
        ]
        indexes = [
            models.Index(fields=["finding", "-id"], name="remittance_line_to_clear", condition=~Q(finding="matched")),
            models.Index(fields=["booking"], name="remittance_line_by_booking"),
        ]

    def __str__(self) -> str:
        return f"{self.awb} {self.amount_minor}"


class CashTransaction(models.Model):
    """Something that happened to cash. `key` names it for ever, so that it is booked once."""

    Event = CashEvent

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    key = models.CharField(max_length=120, unique=True)
    event = models.CharField(max_length=14, choices=CashEvent)
    account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="+")
    booking = models.ForeignKey(Booking, null=True, on_delete=models.PROTECT, related_name="cash")
    line = models.ForeignKey(RemittanceLine, null=True, on_delete=models.PROTECT, related_name="cash")
    reverses = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="reversed_by")
    note = models.CharField(max_length=300, blank=True)
    actor = models.CharField(max_length=150, blank=True)
    happened_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [one_of("event", CashEvent, prefix="cash_transaction")]
        indexes = [models.Index(fields=["booking"], name="cash_transaction_by_booking")]

    def __str__(self) -> str:
        return self.key


class CashEntry(models.Model):
    """One side of a transaction: an amount in one account of the book, positive for a debit."""

    id = models.BigAutoField(primary_key=True)
    transaction = models.ForeignKey(CashTransaction, on_delete=models.PROTECT, related_name="entries")
    account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="+")
    booking = models.ForeignKey(Booking, null=True, on_delete=models.PROTECT, related_name="+")
    book = models.CharField(max_length=12, choices=CashBook)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [
            one_of("book", CashBook, prefix="cash_entry"),
            models.CheckConstraint(condition=~Q(amount_minor=0), name="cash_entry_says_something"),
        ]
        indexes = [
            models.Index(fields=["booking", "book"], name="cash_entry_by_booking"),
            models.Index(fields=["book", "account"], name="cash_entry_by_book"),
        ]

    def __str__(self) -> str:
        return f"{self.book} {self.amount_minor}"


class CashPosition(models.Model):
    """What is still open of the cash of one booking, kept by a trigger on the entries: rows come and go with it.

    `due_minor` is with the carrier, below zero where it paid for a parcel that was not delivered after all;
    `excess_minor` is what was paid too much, positive.
    """

    booking = models.OneToOneField(Booking, primary_key=True, on_delete=models.DO_NOTHING, related_name="cash_position",
                                   db_constraint=False)  # fmt: skip
    account = models.ForeignKey(CarrierAccount, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    due_minor = models.BigIntegerField(default=0)
    excess_minor = models.BigIntegerField(default=0)
    remitted_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    since = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "since"], name="cash_open", condition=~Q(due_minor=0)),
            models.Index(fields=["account"], name="cash_excess", condition=~Q(excess_minor=0)),
        ]

    def __str__(self) -> str:
        return f"{self.booking_id} {self.due_minor}"
