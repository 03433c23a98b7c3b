"""Small words of the tower's templates."""

from __future__ import annotations

from datetime import datetime

from django import template

from oms.core.clock import now
from oms.core.templatetags.oms_format import NOTHING, span

register = template.Library()


@register.filter
def lag(seconds: float | None) -> str:
    """A lag: `12 ms`, `0.4 s`, `42 s`, `3 m`; a dash where there was nothing to measure."""
    if seconds is None:
        return NOTHING
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "< 1 ms"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    return span(seconds)


@register.filter
def age(moment: datetime | None) -> str:
    """How long ago, without "ago": `18 m`, `3 h 05 m`, `6 d 4 h`."""
    return NOTHING if moment is None else span((now() - moment).total_seconds())


@register.filter
def ms(microseconds: int | None) -> str:
    """`1.8 ms` from microseconds."""
    return NOTHING if microseconds is None else f"{microseconds / 1000:.1f} ms"
