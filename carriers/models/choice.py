"""Which carrier is taken: rules that people set, and what is known of each lane."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from carriers.choosing import Effect, Strategy
from carriers.models.network import CarrierAccount
from oms.core.constraints import one_of

#: Entries of `LaneRecord.by_day`: within 0, 1, ... 14 days, and later.
LANE_DAYS = 16


class RuleEffect(models.TextChoices):
    """What a rule of choice does."""

    BLOCK = Effect.BLOCK.value, "Do not use"
    CHOOSE_BY = Effect.CHOOSE_BY.value, "Choose by"
    SHARE = Effect.SHARE.value, "Share between"


class RuleStrategy(models.TextChoices):
    """What is best, for a rule that chooses."""

    PROMISE = Strategy.PROMISE.value, "Keeps the promise, then the cheapest"
    CHEAPEST = Strategy.CHEAPEST.value, "The cheapest"
    FASTEST = Strategy.FASTEST.value, "The fastest"
    SCORE = Strategy.SCORE.value, "The least cost, returns and delays counted in"


class RulePayment(models.TextChoices):
    """Parcels that a rule is about, by how they are paid."""

    ANY = "", "Any"
    COD = "cod", "Cash on delivery"
    PREPAID = "prepaid", "Prepaid"


class ChoiceRule(models.Model):
    """One rule by which a carrier is chosen; of those that choose or share, the first that fits a parcel decides.

    What it means stands in `carriers.choosing.Rule`. Lists that are empty hold for every parcel.
    """

    Effect = RuleEffect
    Strategy = RuleStrategy
    Payment = RulePayment

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=80, unique=True)
    position = models.PositiveIntegerField(default=100)
    is_active = models.BooleanField(default=True)
    effect = models.CharField(max_length=12, choices=RuleEffect)
    strategy = models.CharField(max_length=12, choices=RuleStrategy, default=RuleStrategy.PROMISE)
    reason = models.CharField(max_length=200, blank=True)
    accounts = models.JSONField(default=dict, blank=True, help_text="Code of an account -> its weight in a share.")
    return_cost_minor = models.PositiveIntegerField(default=0)
    late_cost_minor = models.PositiveIntegerField(default=0)
    nodes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    channels = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    services = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    states = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    postcodes = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    payment = models.CharField(max_length=8, choices=RulePayment, default=RulePayment.ANY, blank=True)
    grams_from = models.PositiveIntegerField(null=True, blank=True)
    grams_to = models.PositiveIntegerField(null=True, blank=True)
    value_from_minor = models.BigIntegerField(null=True, blank=True)
    value_to_minor = models.BigIntegerField(null=True, blank=True)
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    changed_by = models.CharField(max_length=150, blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            one_of("effect", RuleEffect, prefix="choice_rule"),
            one_of("strategy", RuleStrategy, prefix="choice_rule"),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_until__isnull=True) | Q(valid_from__lt=F("valid_until")),
                name="choice_rule_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LaneRecord(models.Model):
    """What became of an account's parcels between two areas of PIN codes, written by `carriers.services.lanes`.

    An empty origin or destination is every one; without an account it is everybody's.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(CarrierAccount, null=True, on_delete=models.CASCADE, related_name="lanes")
    origin = models.CharField(max_length=3, blank=True)
    destination = models.CharField(max_length=3, blank=True)
    parcels = models.PositiveIntegerField()
    returned = models.PositiveIntegerField()
    by_day = ArrayField(models.PositiveIntegerField(), size=LANE_DAYS)
    learned_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "origin", "destination"], name="lane_record_once", nulls_distinct=False
            )
        ]
        indexes = [models.Index(fields=["destination", "origin"], name="lane_record_by_way")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.origin} > {self.destination}"
