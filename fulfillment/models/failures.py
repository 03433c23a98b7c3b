"""Attempts to deliver that failed, what was answered to them, and parcels that do not travel as they should."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from carriers.models import TrackingEvent
from fulfillment.models.shipments import Shipment
from oms.core.constraints import one_of


class FailureReason(models.TextChoices):
    """Why an attempt to deliver failed; the values are those of `carriers.base.SubStatus`, and one more."""

    CUSTOMER_UNAVAILABLE = "customer_unavailable", "Customer not available"
    REFUSED = "refused", "Refused"
    WRONG_ADDRESS = "wrong_address", "Wrong address"
    PHONE_UNREACHABLE = "phone_unreachable", "Phone unreachable"
    COD_NOT_READY = "cod_not_ready", "Cash not ready"
    OUT_OF_AREA = "out_of_area", "Out of area"
    RESCHEDULED = "rescheduled", "Rescheduled by the customer"
    OTHER = "other", "Other"


class FailureState(models.TextChoices):
    """States of a failed delivery."""

    WAITING = "waiting", "Waits for an answer"
    TELLING = "telling", "The carrier is being told"
    TOLD = "told", "The carrier was told"
    REFUSED = "refused", "The carrier refused the answer"
    NOT_DONE = "not_done", "The carrier did not act"
    CLOSED = "closed", "Closed"


class FailureEnd(models.TextChoices):
    """What ended a failed delivery: the scan that followed."""

    AGAIN = "again", "Out for delivery again"
    DELIVERED = "delivered", "Delivered"
    RETURNING = "returning", "Returning to us"
    LOST = "lost", "Lost or damaged"
    NEXT = "next", "Failed once more"


class FailedDelivery(models.Model):
    """One failed attempt of one parcel. It is opened and closed by scans; people and customers answer it.

    `number` counts the attempts of the parcel. `said` is what the carrier said, as it came. Until `due_at` the carrier
    waits for an answer. By `act_by` a carrier that was told should have scanned the parcel.
    """

    State = FailureState
    #: States in which somebody has to do something.
    NEEDS_SOMEBODY = (FailureState.WAITING, FailureState.REFUSED, FailureState.NOT_DONE)

    id = models.BigAutoField(primary_key=True)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="failures")
    scan = models.OneToOneField(TrackingEvent, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=24, choices=FailureReason, default=FailureReason.OTHER)
    said = models.CharField(max_length=300, blank=True)
    place = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=10, choices=FailureState, default=FailureState.WAITING)
    failed_at = models.DateTimeField()
    opened_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    act_by = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    ended = models.CharField(max_length=10, choices=FailureEnd, blank=True)

    class Meta:
        verbose_name_plural = "failed deliveries"
        constraints = [
            one_of("state", FailureState, prefix="failure"),
            one_of("reason", FailureReason, prefix="failure"),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False) & ~Q(ended="")
                | ~Q(state="closed") & Q(closed_at__isnull=True, ended=""),
                name="failure_closed_by_something",
            ),
            models.UniqueConstraint(
                fields=["shipment"], condition=Q(closed_at__isnull=True), name="failure_one_open_per_parcel"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="failure_open", condition=Q(closed_at__isnull=True)),
            models.Index(fields=["-closed_at"], name="failure_closed", condition=Q(closed_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.number} of {self.shipment_id}"


class AnswerKind(models.TextChoices):
    """What can be answered to a failed delivery."""

    AGAIN = "again", "Deliver again"
    ON_DAY = "on_day", "Deliver on another day"
    CORRECT = "correct", "Corrected address or phone"
    RETURN = "return", "Send it back"
    FAKE = "fake", "Nobody came: fake attempt"


class AnsweredBy(models.TextChoices):
    """Who answered."""

    PERSON = "person", "Person"
    CUSTOMER = "customer", "Customer"
    RULE = "rule", "Rule"


class AnswerState(models.TextChoices):
    """States of an answer. What a carrier accepted is not done yet: the next scan tells."""

    QUEUED = "queued", "Not told yet"
    SENDING = "sending", "Being told"
    ACCEPTED = "accepted", "Accepted by the carrier"
    BY_PHONE = "by_phone", "Told by phone"
    TO_CALL = "to_call", "To be told by phone"
    REFUSED = "refused", "Refused by the carrier"
    UNSURE = "unsure", "The carrier's reply was lost"
    LATE = "late", "Too late: the parcel had moved on"


class DeliveryAnswer(models.Model):
    """One answer to a failed delivery: stored first, then told to the carrier, in the order of their ids."""

    State = AnswerState
    #: Not told yet, or told: all but what the carrier did not take.
    STANDING = (AnswerState.QUEUED, AnswerState.SENDING, AnswerState.ACCEPTED, AnswerState.BY_PHONE,
                AnswerState.TO_CALL)  # fmt: skip

    id = models.BigAutoField(primary_key=True)
    failure = models.ForeignKey(FailedDelivery, on_delete=models.CASCADE, related_name="answers")
    kind = models.CharField(max_length=10, choices=AnswerKind)
    answered_by = models.CharField(max_length=10, choices=AnsweredBy)
    actor = models.CharField(max_length=120)
    note = models.CharField(max_length=300, blank=True)
    deliver_on = models.DateField(null=True, blank=True)
    line1 = models.CharField(max_length=200, blank=True)
    line2 = models.CharField(max_length=200, blank=True)
    phone = models.CharField(max_length=32, blank=True)
    state = models.CharField(max_length=10, choices=AnswerState, default=AnswerState.QUEUED)
    created_at = models.DateTimeField(db_default=Now())
    claimed_until = models.DateTimeField(null=True, blank=True, help_text="Until then one worker is telling it.")
    told_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            one_of("kind", AnswerKind, prefix="delivery_answer"),
            one_of("state", AnswerState, prefix="delivery_answer"),
            one_of("answered_by", AnsweredBy, prefix="delivery_answer"),
            models.CheckConstraint(
                condition=~Q(kind="on_day") | Q(deliver_on__isnull=False), name="delivery_answer_names_its_day"
            ),
        ]
        indexes = [
            models.Index(fields=["failure", "id"], name="delivery_answer_to_tell",
                         condition=Q(state__in=["queued", "sending"])),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} to {self.failure_id}"


class TroubleKind(models.TextChoices):
    """How a parcel does not travel as it should."""

    SILENT = "silent", "No movement"
    STUCK = "stuck", "Stuck at one place"
    NOT_COLLECTED = "not_collected", "Not picked up"
    OVERDUE = "overdue", "Expected date passed"
    DISPUTED = "disputed", "Delivered, says the carrier; not received, says the customer"


class RoadTrouble(models.Model):
    """One parcel that does not travel as it should, once for each kind: it opens and closes by itself.

    `since` is the moment of the fact behind it (the last scan, the expected day). What a person closed stays closed
    until there is a newer fact. `place` and `days` make its sentence.
    """

    Kind = TroubleKind

    id = models.BigAutoField(primary_key=True)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="troubles")
    kind = models.CharField(max_length=14, choices=TroubleKind)
    since = models.DateTimeField()
    days = models.PositiveIntegerField(default=0, help_text="Working days of the node, calendar days for a late date.")
    place = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=300, blank=True, help_text="What the customer or a person says.")
    ticket = models.CharField(max_length=60, blank=True, help_text="The carrier's reference of the question.")
    opened_at = models.DateTimeField(db_default=Now())
    asked_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.CharField(max_length=120, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=120, blank=True, help_text="Empty: it ended by itself.")
    close_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            one_of("kind", TroubleKind, prefix="road_trouble"),
            models.UniqueConstraint(fields=["shipment", "kind"], name="road_trouble_once"),
        ]
        indexes = [
            models.Index(fields=["since"], name="road_trouble_open", condition=Q(closed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.shipment_id}"
