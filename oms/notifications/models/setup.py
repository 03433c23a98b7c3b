"""What is set up about messages: providers, texts, which events go by which medium, who wants none."""

from __future__ import annotations

from datetime import time

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from encrypted_fields.fields import EncryptedJSONField

from oms.core.constraints import one_of
from orders.models import SalesChannel


class Medium(models.TextChoices):
    """How a message reaches a customer."""

    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"
    WHATSAPP = "whatsapp", "WhatsApp"


class TextLanguage(models.TextChoices):
    """Languages in which customers are written to."""

    ENGLISH = "en", "English"
    HINDI = "hi", "हिन्दी"


class MessageAccount(models.Model):
    """One contract with one provider of messages. Credentials are encrypted at rest."""

    id = models.BigAutoField(primary_key=True)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    provider = models.CharField(max_length=40, help_text="Key in oms.notifications.registry.")
    channel = models.ForeignKey(
        SalesChannel, null=True, blank=True, on_delete=models.CASCADE, related_name="message_accounts",
        help_text="Only for this channel; it wins over accounts for all.",
    )  # fmt: skip
    base_url = models.CharField(max_length=300, blank=True, help_text="Empty: the provider's own.")
    secrets = EncryptedJSONField(default=dict, blank=True)
    settings = models.JSONField(default=dict, blank=True)
    priority = models.PositiveSmallIntegerField(default=100)
    per_minute = models.PositiveIntegerField(default=200, help_text="So many are handed over in a minute at most.")
    is_active = models.BooleanField(default=True)
    #: The running minute and how many were handed over in it; a provider that limits us sets `paused_until`.
    window_at = models.DateTimeField(null=True, blank=True)
    window_count = models.PositiveIntegerField(default=0)
    paused_until = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ["priority", "code"]

    def __str__(self) -> str:
        return self.name


class ChannelMessaging(models.Model):
    """How one sales channel writes to its customers. A channel without a row has what the fields default to."""

    channel = models.OneToOneField(
        SalesChannel, primary_key=True, on_delete=models.CASCADE, related_name="messaging"
    )  # fmt: skip
    language = models.CharField(max_length=8, choices=TextLanguage, default=TextLanguage.ENGLISH)
    quiet_from = models.TimeField(default=time(21), help_text="By the recipient's clock.")
    quiet_until = models.TimeField(default=time(9))
    falls_back = models.BooleanField(
        default=False, help_text="One medium is enough: WhatsApp, else SMS, else e-mail. Off: all that are switched on."
    )
    changed_by = models.CharField(max_length=120, blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [one_of("language", TextLanguage, prefix="channel_messaging")]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.language}"


class MessageChoice(models.Model):
    """Whether an event goes by a medium on a channel, where that is not as it is by default."""

    id = models.BigAutoField(primary_key=True)
    channel = models.ForeignKey(SalesChannel, on_delete=models.CASCADE, related_name="message_choices")
    event = models.CharField(max_length=40)
    medium = models.CharField(max_length=10, choices=Medium)
    is_on = models.BooleanField()

    class Meta:
        constraints = [
            one_of("medium", Medium, prefix="message_choice"),
            models.UniqueConstraint(fields=["channel", "event", "medium"], name="message_choice_once"),
        ]

    def __str__(self) -> str:
        return f"{self.event} by {self.medium}"


class MessageText(models.Model):
    """One version of a text for SMS or WhatsApp, in one language. Versions are never changed, the newest holds."""

    id = models.BigAutoField(primary_key=True)
    event = models.CharField(max_length=40)
    medium = models.CharField(max_length=10, choices=Medium)
    language = models.CharField(max_length=8, choices=TextLanguage)
    version = models.PositiveIntegerField()
    body = models.TextField()
    provider_template = models.CharField(max_length=120, blank=True)
    urgent = models.BooleanField(default=False)
    made_by = models.CharField(max_length=120)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(medium__in=["sms", "whatsapp"]), name="message_text_medium_known"),
            one_of("language", TextLanguage, prefix="message_text"),
            # Version 1 is the one that the program brings along.
            models.CheckConstraint(condition=Q(version__gt=1), name="message_text_version_own"),
            models.UniqueConstraint(fields=["event", "medium", "language", "version"], name="message_text_version"),
        ]
        indexes = [
            models.Index(F("event"), F("medium"), F("language"), F("version").desc(), name="message_text_newest")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.medium} {self.language} {self.version}"


class OptOutSource(models.TextChoices):
    """Who said that somebody wants no messages."""

    REPLY = "reply", "Their reply"
    PERSON = "person", "A colleague"
    PROVIDER = "provider", "The provider"


class OptOut(models.Model):
    """Somebody who wants no messages by a medium: a number in international form, or an address in small letters."""

    id = models.BigAutoField(primary_key=True)
    medium = models.CharField(max_length=10, choices=Medium)
    recipient = models.CharField(max_length=254)
    source = models.CharField(max_length=10, choices=OptOutSource)
    said = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            one_of("medium", Medium, prefix="opt_out"),
            one_of("source", OptOutSource, prefix="opt_out"),
            models.UniqueConstraint(fields=["medium", "recipient"], name="opt_out_once"),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} by {self.medium}"
