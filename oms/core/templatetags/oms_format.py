"""Filters that write money, times, weights, counts and phone numbers the way people here read them.

Babel does the grouping, because Django's own thousand separators give 1,234,567.50 in Indian locales. Every filter
takes a missing value and answers with an en dash, so that a cell is never silently empty.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_compact_currency, format_currency, format_decimal, format_percent
from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext as _

from oms.core.values import major_units

register = template.Library()

NOTHING = "–"
#: The product is written for India first: a bare language code is read as its Indian form.
_REGION = {"en": "en_IN", "hi": "hi_IN"}
_MINUTE_SECONDS = 60
_HOUR_SECONDS = 3600
_DAY_SECONDS = 86_400


@lru_cache(maxsize=32)
def _babel_locale(language: str) -> Locale:
    return Locale.parse(_REGION.get(language, to_locale(language)))


def active_locale() -> Locale:
    """The Babel locale of the active language; `en` means `en_IN` and `hi` means `hi_IN`."""
    return _babel_locale(get_language() or "en")


@register.filter
def money(minor: int | None, currency: str = "INR") -> str:
    """`123450` with `INR` gives `₹1,234.50`; the amount is in integer minor units."""
    if minor is None:
        return NOTHING
    return format_currency(major_units(int(minor), currency), currency, locale=active_locale())


@register.filter
def money_compact(minor: int | None, currency: str = "INR") -> str:
    """`1200000000` paise gives `₹1.2Cr`. For tiles only; put the exact amount into the title."""
    if minor is None:
        return NOTHING
    amount = major_units(int(minor), currency)
    return format_compact_currency(amount, currency, fraction_digits=1, locale=active_locale())


@register.filter
def count(value: int | str | None, ceiling: int | None = None) -> str:
    """A grouped whole number; with a ceiling, everything above it is written as `10,000+`."""
    if value is None or value == "":
        return NOTHING
    if ceiling is not None and int(value) > ceiling:
        return f"{format_decimal(ceiling, locale=active_locale())}+"
    return format_decimal(int(value), locale=active_locale())


@register.filter
def percent(value: float | Decimal | None, digits: int = 0) -> str:
    """`0.9534` with one digit gives `95.3%`; the value is a fraction of one."""
    if value is None:
        return NOTHING
    pattern = "#,##0%" if digits == 0 else f"#,##0.{'0' * digits}%"
    return format_percent(value, format=pattern, locale=active_locale())


@register.filter
def grams(value: int | None) -> str:
    """`450` gives `450 g`, `1250` gives `1.25 kg`."""
    if value is None:
        return NOTHING
    if abs(value) < 1000:
        return f"{format_decimal(value, locale=active_locale())} g"
    return f"{format_decimal(Decimal(value) / 1000, format='#,##0.###', locale=active_locale())} kg"


@register.filter
def masked_phone(value: str | None) -> str:
    """`+919812345210` gives `+91 98xxx xx210`. Of other lengths only the last three digits stay."""
    if not value:
        return NOTHING
    digits = "".join(char for char in value if char.isdecimal())
    if len(digits) == 12 and digits.startswith("91"):
        digits = digits[2:]
    elif len(digits) == 11 and digits.startswith("0"):
        digits = digits[1:]
    if len(digits) == 10:
        return f"+91 {digits[:2]}xxx xx{digits[-3:]}"
    return f"{'x' * max(len(digits) - 3, 3)}{digits[-3:]}" if len(digits) > 3 else "xxx"


@register.filter
def span(seconds: float | None) -> str:
    """A length of time in two units at most: `45 s`, `18 m`, `1 h 12 m`, `3 d 4 h`. The sign is dropped."""
    if seconds is None:
        return NOTHING
    left = int(abs(seconds))
    if left < _MINUTE_SECONDS:
        return _("%(n)d s") % {"n": left}
    if left < _HOUR_SECONDS:
        return _("%(n)d m") % {"n": left // _MINUTE_SECONDS}
    if left < _DAY_SECONDS:
        return _("%(h)d h %(m)02d m") % {"h": left // _HOUR_SECONDS, "m": left % _HOUR_SECONDS // _MINUTE_SECONDS}
    return _("%(d)d d %(h)d h") % {"d": left // _DAY_SECONDS, "h": left % _DAY_SECONDS // _HOUR_SECONDS}


def _as_zone(value: datetime, zone: str) -> datetime:
    return value.astimezone(ZoneInfo(zone) if zone else timezone.get_current_timezone())


def when_text(value: datetime | date, zone: str = "") -> str:
    """`21 Nov, 14:05`; another year than the present one is written out; a named zone is named."""
    if not isinstance(value, datetime):
        pattern = "d MMM" if value.year == timezone.localdate().year else "d MMM yyyy"
        return format_date(value, pattern, locale=active_locale())
    local = _as_zone(value, zone)
    pattern = "d MMM" if local.year == timezone.localtime().year else "d MMM yyyy"
    text = (
        f"{format_date(local, pattern, locale=active_locale())}, {format_time(local, 'HH:mm', locale=active_locale())}"
    )
    return f"{text} {local.tzname()}" if zone else text


def _stamp(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@register.filter
def when(value: datetime | date | None, zone: str = "") -> SafeString | str:
    """A `<time>` element with the exact instant in `datetime`, shown in the current zone or in the one named."""
    if value is None:
        return NOTHING
    text = when_text(value, zone)
    stamp = _stamp(value) if isinstance(value, datetime) else value.isoformat()
    return format_html('<time datetime="{}">{}</time>', stamp, text)


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """`12 m ago` or `in 12 m`, with the exact time in the title; over 24 hours away the exact time itself."""
    if value is None:
        return NOTHING
    seconds = (timezone.now() - value).total_seconds()
    if abs(seconds) >= _DAY_SECONDS:
        return when(value)
    if abs(seconds) < 5:
        text = _("just now")
    elif seconds > 0:
        text = _("%(span)s ago") % {"span": span(seconds)}
    else:
        text = _("in %(span)s") % {"span": span(seconds)}
    return format_html('<time datetime="{}" title="{}">{}</time>', _stamp(value), when_text(value), text)
