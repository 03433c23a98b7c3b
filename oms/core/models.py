"""Rows of the kernel: the outbox, its deliveries, state transitions, idempotency keys and background jobs."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from oms.core.constraints import one_of
from oms.core.ids import uuid7


class OutboxEvent(models.Model):
    """One thing that happened, written in the transaction that made it so."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=80)
    aggregate = models.CharField(max_length=80)
    payload = models.JSONField()
    recorded_at = models.DateTimeField(db_default=Now())
    fanned_out_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="outbox_waiting", condition=Q(fanned_out_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.aggregate}"


class DeliveryState(models.TextChoices):
    """States of a delivery."""

    PENDING = "pending", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    DEAD = "dead", "Gave up"


class Delivery(models.Model):
    """One event on its way to one step. Unique, so that fanning out twice changes nothing."""

    State = DeliveryState

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    step = models.CharField(max_length=80)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING, db_default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="", db_default="")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["event", "step"], name="delivery_once_per_event_and_step"),
            one_of("state", DeliveryState, prefix="delivery"),
        ]
        indexes = [
            models.Index(fields=["step", "id"], name="delivery_open", condition=Q(state__in=["pending", "running"])),
            models.Index(fields=["-id"], name="delivery_dead", condition=Q(state="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.step} of event {self.event_id}: {self.state}"


class Transition(models.Model):
    """One change of one object's state: who, when, why. Append-only."""

    id = models.BigAutoField(primary_key=True)
    model = models.CharField(max_length=60)
    object_id = models.BigIntegerField()
    from_state = models.CharField(max_length=30)
    to_state = models.CharField(max_length=30)
    actor = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["model", "object_id", "id"], name="transition_by_object"),
            BrinIndex(fields=["at"], name="transition_by_moment", pages_per_range=16),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.object_id}: {self.from_state} to {self.to_state}"


class IdempotencyKey(models.Model):
    """The reply given to one key of one caller; the same key with another body is refused."""

    id = models.BigAutoField(primary_key=True)
    principal = models.CharField(max_length=120)
    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    response = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["principal", "key"], name="idempotency_key_unique")]

    def __str__(self) -> str:
        return f"{self.principal} {self.key}"


class JobState(models.TextChoices):
    """States of a job."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Job(models.Model):
    """Long work that a person started: an import, an export, a bulk action. Survives workers and browsers."""

    State = JobState

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    kind = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    args = models.JSONField(default=dict)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict, blank=True)
    result_file = models.FileField(upload_to="jobs/%Y/%m/", blank=True)
    error = models.TextField(blank=True)
    created_by_id = models.BigIntegerField(null=True, blank=True, help_text="Id of the person who started it.")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = [one_of("state", JobState, prefix="job")]
        indexes = [models.Index(fields=["-id"], name="job_open", condition=Q(state__in=["queued", "running"]))]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"

    @property
    def percent(self) -> int:
        """Share of the work done, 0 to 100."""
        return min(100, self.done * 100 // self.total) if self.total else 0

    @property
    def is_open(self) -> bool:
        """Still queued or running."""
        return self.state in {self.State.QUEUED, self.State.RUNNING}
