"""What phones of a store did while nobody answered them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from fulfillment.models import FulfillmentOrder
from inventory.models import Node
from oms.core.constraints import one_of, quantity_bounds


class EventOutcome(models.TextChoices):
    """What became of an action."""

    OK = "ok", "Done"
    CONFLICT = "conflict", "Overtaken"
    REJECTED = "rejected", "Refused"


class StoreEvent(models.Model):
    """One action of a person on a phone, applied once however often the phone sends it.

    The row, what it did and the answer commit together. What a phone did later than it was done, and could not be
    applied, waits here for the person until it is settled: goods to put back, or words to read.
    """

    Outcome = EventOutcome

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True, help_text="Made by the phone.")
    digest = models.CharField(max_length=64, help_text="Of the content: the same name never stands for two actions.")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    device = models.CharField(max_length=60)
    kind = models.CharField(max_length=12)
    content = models.JSONField(help_text="As the phone sent it, the versions that it had seen among it.")
    happened_at = models.DateTimeField(help_text="By the clock of the server.")
    received_at = models.DateTimeField(db_default=Now())
    is_late = models.BooleanField(default=False, help_text="It waited on the phone for a connection.")
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.REJECTED)
    result = models.CharField(max_length=10, default="wrong", help_text="For eye and ear: ok, wrong or unknown.")
    text = models.CharField(max_length=500, blank=True)
    work = models.ForeignKey(
        FulfillmentOrder, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="Work that ended before the action came.",
    )  # fmt: skip
    sku_code = models.CharField(max_length=80, blank=True)
    units_back = models.IntegerField(default=0, help_text="Units in somebody's hands that belong on the shelf.")
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            one_of("outcome", EventOutcome, prefix="store_event"),
            quantity_bounds("units_back", prefix="store_event"),
        ]
        indexes = [
            models.Index(fields=["node", "person"], name="store_event_to_settle", condition=Q(
                is_late=True, settled_at__isnull=True, outcome__in=["conflict", "rejected"])),
            models.Index(fields=["person", "-received_at"], name="store_event_by_person"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"
