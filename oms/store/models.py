"""What phones of a store did while nobody answered them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import ngettext

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

    @property
    def told(self) -> str:
        """What became of it, and what is to put back, as the person hears it at once."""
        if not self.units_back:
            return self.text
        back = ngettext("Put back %(n)d item.", "Put back %(n)d items.", self.units_back) % {"n": self.units_back}
        return f"{self.text} {back}"


class SharedDevice(models.Model):
    """A phone of one store on which several people work, each with a PIN. It has no rights of its own."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=60)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret in its cookie.")
    shared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    shared_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["node", "name", "pk"]

    def __str__(self) -> str:
        return self.name


class Pin(models.Model):
    """With what a person says on a shared phone who they are. Good for store screens on such phones alone."""

    id = models.BigAutoField(primary_key=True)
    person = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="store_pin")
    secret = models.CharField(max_length=128, help_text="Hashed like a password.")
    digits = models.PositiveSmallIntegerField(help_text="How many it has, so that the last one sends it.")
    set_by = models.CharField(max_length=120)
    set_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(digits__gte=4, digits__lte=6), name="pin_of_4_to_6_digits")]

    def __str__(self) -> str:
        return f"PIN of {self.person_id}"


class PhoneLeft(models.Model):
    """Somebody locked a phone or signed out of it, or was signed out: what is done later is not theirs."""

    id = models.BigAutoField(primary_key=True)
    device = models.CharField(max_length=60)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(help_text="By the clock of the server.")

    class Meta:
        indexes = [models.Index(fields=["device", "person", "at"], name="phone_left_by_person")]

    def __str__(self) -> str:
        return f"{self.person_id} left {self.device}"


class PinTries(models.Model):
    """Wrong PINs of one person on all phones of one store since the last right one."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    wrong = models.PositiveSmallIntegerField(default=0)
    last_at = models.DateTimeField(null=True, blank=True)
    last_on = models.CharField(max_length=60, blank=True, help_text="The phone of the last wrong one.")
    locked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "person"], name="pin_tries_once_per_store")]

    def __str__(self) -> str:
        return f"{self.wrong} wrong for {self.person_id} in {self.node_id}"
