"""Parcels that carriers were asked to carry: bookings, their labels, and their scans."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Now

from carriers.models.network import CarrierAccount
from oms.core.constraints import one_of
from oms.core.ids import uuid7


class BookingState(models.TextChoices):
    """States of a booking."""

    REQUESTED = "requested", "Asking the carrier"
    UNKNOWN = "unknown", "Outcome unknown"
    BOOKED = "booked", "Booked"
    FAILED = "failed", "Refused"
    CANCELLING = "cancelling", "Cancelling"
    CANCELLED = "cancelled", "Cancelled"


class Booking(models.Model):
    """One request to carry one parcel. `client_reference` is written before the carrier is called.

    REQUESTED: about to call. UNKNOWN: the reply was lost, look it up. BOOKED: the carrier has it. At most one live
    booking per parcel.
    """

    State = BookingState

    LIVE = ("requested", "unknown", "booked", "cancelling")

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    account = models.ForeignKey(CarrierAccount, on_delete=models.PROTECT, related_name="bookings")
    client_reference = models.CharField(max_length=60)
    parcel_uid = models.UUIDField()
    order_number = models.CharField(max_length=30)
    state = models.CharField(max_length=12, choices=State, default=State.REQUESTED)
    request = models.JSONField(default=dict)
    cod_minor = models.GeneratedField(
        expression=Coalesce(Cast(KT("request__cod_minor"), models.BigIntegerField()), 0),
        output_field=models.BigIntegerField(), db_persist=True,
    )  # fmt: skip
    awb = models.CharField(max_length=60, blank=True)
    courier_name = models.CharField(max_length=120, blank=True)
    external_ids = models.JSONField(default=dict, blank=True)
    charge_minor = models.BigIntegerField(null=True, blank=True)
    expected_charge_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="INR")
    chosen_because = models.CharField(max_length=500, blank=True)
    expected_delivery = models.DateField(null=True, blank=True)
    milestone = models.CharField(max_length=20, blank=True)
    last_scan_at = models.DateTimeField(null=True, blank=True)
    next_poll_at = models.DateTimeField(null=True, blank=True)
    pickup_reference = models.CharField(max_length=80, blank=True)
    pickup_on = models.DateField(null=True, blank=True, help_text="For which day the pickup was asked.")
    pickup_asking_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when somebody is asking for it at this moment."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    booked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["parcel_uid"],
                condition=Q(state__in=["requested", "unknown", "booked", "cancelling"]),
                name="booking_one_live_per_parcel",
            ),
            models.UniqueConstraint(fields=["account", "client_reference"], name="booking_reference_once"),
            models.UniqueConstraint(fields=["account", "awb"], condition=~Q(awb=""), name="booking_awb_once"),
            one_of("state", BookingState, prefix="booking"),
        ]
        indexes = [
            models.Index(fields=["awb"], name="booking_by_awb"),
            models.Index(fields=["id"], name="booking_cash_collected",
                         condition=Q(cod_minor__gt=0, milestone="delivered", state="booked")),
            models.Index(fields=["next_poll_at"], name="booking_to_poll", condition=Q(next_poll_at__isnull=False)),
            models.Index(fields=["id"], name="booking_unsettled",
                         condition=Q(state__in=["requested", "unknown", "cancelling"])),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.awb or self.client_reference


class Label(models.Model):
    """What is printed and stuck on the parcel."""

    id = models.BigAutoField(primary_key=True)
    booking = models.OneToOneField(Booking, on_delete=models.CASCADE, related_name="label")
    pdf = models.BinaryField()
    zpl = models.TextField(blank=True)
    from_carrier = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    printed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Label of {self.booking_id}"


class DeliveryProof(models.Model):
    """The carrier's proof that a parcel was delivered, as it gave it."""

    id = models.BigAutoField(primary_key=True)
    booking = models.OneToOneField(Booking, on_delete=models.CASCADE, related_name="proof")
    pdf = models.BinaryField()
    sha256 = models.CharField(max_length=64, help_text="Of the document, so that a later copy can be compared.")
    fetched_by = models.CharField(max_length=120)
    fetched_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"Proof of delivery of {self.booking_id}"


class TrackingEvent(models.Model):
    """One scan by a carrier, raw words kept. Unique per booking and scan, whether pushed or polled."""

    id = models.BigAutoField(primary_key=True)
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="scans")
    scan_key = models.CharField(max_length=120)
    milestone = models.CharField(max_length=20)
    sub_status = models.CharField(
        max_length=24, blank=True, db_default="", help_text="Says more than the milestone, where the carrier does."
    )
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    carrier_status = models.CharField(max_length=120, blank=True)
    description = models.CharField(max_length=300, blank=True)
    location = models.CharField(max_length=120, blank=True)
    source = models.CharField(max_length=10, default="poll")
    raw = models.JSONField(default=dict)

    class Meta:
        ordering = ["booking_id", "occurred_at", "id"]
        constraints = [models.UniqueConstraint(fields=["booking", "scan_key"], name="tracking_event_once")]

    def __str__(self) -> str:
        return f"{self.milestone} {self.location}"
