"""The routing policies: drafts, published versions, and the version that is tried beside the live one."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from oms.core.constraints import one_of


class PolicyState(models.TextChoices):
    """Where a policy stands. Everything but a draft is published and never changes again."""

    DRAFT = "draft", "Draft"
    CANARY = "canary", "On trial"
    LIVE = "live", "Live"
    ARCHIVED = "archived", "Past"


class RoutingPolicy(models.Model):
    """Rules that decide which node ships what: a draft that people edit, or a numbered version that was published.

    `document` is what `routing.policy.document.read_document` reads. `edit_version` counts the saves of a draft; a save
    names the one that it was made from. `base` is the policy that the draft was begun from. One version is live; one
    more may be on trial beside it (`RoutingCanary`).
    """

    State = PolicyState

    id = models.BigAutoField(primary_key=True)
    version = models.PositiveIntegerField(unique=True, null=True, blank=True, help_text="Given when it is published.")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    document = models.JSONField(help_text="As routing.policy.document writes it.")
    edit_version = models.PositiveIntegerField(default=1)
    base = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="drafts")
    note = models.CharField(max_length=300, blank=True, help_text="Why it was published.")
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=120, blank=True)
    edited_at = models.DateTimeField(db_default=Now())
    edited_by = models.CharField(max_length=120, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.CharField(max_length=120, blank=True)
    live_since = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "routing policies"
        constraints = [
            one_of("state", PolicyState, prefix="routing_policy"),
            models.UniqueConstraint(fields=["state"], condition=Q(state="live"), name="routing_policy_one_live"),
            models.UniqueConstraint(fields=["state"], condition=Q(state="canary"), name="routing_policy_one_canary"),
            models.CheckConstraint(
                condition=Q(state="draft", version__isnull=True, published_at__isnull=True)
                | Q(~Q(state="draft"), ~Q(note=""), version__isnull=False, published_at__isnull=False),
                name="routing_policy_published_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}" if self.version else f"{self.name} (draft)"

    @property
    def is_draft(self) -> bool:
        """It may still be edited."""
        return self.state == PolicyState.DRAFT


class RoutingCanary(models.Model):
    """The trial of one published version beside the live one, and what stops it by itself.

    It decides for `percent` of the orders of `channels` (codes; none means every channel), chosen by a hash of the
    order, so that widening keeps those that it had. It is stopped once it made `min_decisions` and its share of orders
    that no node can ship is more than `max_unroutable_points` percentage points above that of the live version, or its
    cost an order more than `max_cost_percent` percent. Empty limits do not stop it.
    """

    id = models.BigAutoField(primary_key=True)
    policy = models.OneToOneField(RoutingPolicy, on_delete=models.CASCADE, related_name="canary")
    baseline = models.ForeignKey(
        RoutingPolicy, on_delete=models.SET_NULL, null=True, related_name="trials", help_text="Live when it began."
    )
    channels = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    percent = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(100)])
    max_unroutable_points = models.PositiveSmallIntegerField(null=True, blank=True)
    max_cost_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    min_decisions = models.PositiveIntegerField(default=200)
    started_at = models.DateTimeField(db_default=Now())
    started_by = models.CharField(max_length=120)
    widened_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.CharField(max_length=120, blank=True)
    stop_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "routing canaries"
        constraints = [
            models.CheckConstraint(condition=Q(percent__gte=1, percent__lte=100), name="routing_canary_percent_real"),
            models.CheckConstraint(condition=Q(min_decisions__gte=1), name="routing_canary_decides_first"),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of {', '.join(self.channels) or 'every channel'}"
