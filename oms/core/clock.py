"""The one place that asks what time it is."""

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    """The present moment, timezone-aware, in UTC."""
    return timezone.now()
