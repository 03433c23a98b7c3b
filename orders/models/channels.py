"""Sales channels: the accounts under which orders come."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class SalesChannelKind(models.TextChoices):
    """Kinds of a sales channel."""

    WEBSITE = "website", "Own website"
    MARKETPLACE = "marketplace", "Marketplace"
    STORE = "store", "Store and POS"
    B2B = "b2b", "B2B portal"
    QUICK = "quick_commerce", "Quick commerce"
    SOCIAL = "social", "Social and call centre"


class SalesChannel(models.Model):
    """One seller account on one channel: the identity under which external order ids are unique."""

    Kind = SalesChannelKind

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=20, choices=Kind)
    brand = models.CharField(max_length=80, blank=True)
    is_active = models.BooleanField(default=True)
    hours_to_ship = models.PositiveSmallIntegerField(
        default=24, help_text="Hours after placement within which the order must be handed over."
    )
    notifies_customer = models.BooleanField(
        default=True, help_text="We send the e-mails. Off for marketplaces, which write to their customers themselves."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
