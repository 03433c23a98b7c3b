"""Days as the customer's pages write them."""

from __future__ import annotations

from datetime import date

from babel.dates import format_date
from django.utils import timezone

from oms.core.templatetags.oms_format import active_locale


def day_text(day: date) -> str:
    """`Tue 24 Nov`, with the year when it is not this one."""
    pattern = "EEE d MMM" if day.year == timezone.localdate().year else "EEE d MMM y"
    return format_date(day, pattern, locale=active_locale())
