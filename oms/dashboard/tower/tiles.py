"""KPI tiles: numbers as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from oms.accounts.access import Principal
from oms.core.templatetags.oms_format import count, money, percent
from oms.reporting.kpis import FEW, PERIOD_DAYS, Kpi

#: What an empty tile says, where it is not about orders.
_EMPTY = {"returns": "Nothing has come back yet", "on_time_own": "No promise was due yet"}
#: Smaller changes than this are called steady: points of 100 for shares, of 100 % for amounts.
_STEADY = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """What `<c-kpi-tile>` takes."""

    key: str
    name: str
    value: str
    target: str
    gap: str
    tone: str
    trend: str
    trend_text: str
    points: tuple[float | None, ...]
    n: str
    as_of: str
    href: str
    state: str
    message: str


def tile_of(kpi: Kpi, at: datetime, principal: Principal) -> Tile:
    """One measure as a tile; it leads to the rows behind it for who may open them."""
    state = "empty" if kpi.value is None else "few" if kpi.n < FEW else ""
    local = timezone.localtime(at)
    trend, text = _trend(kpi)
    return Tile(
        key=kpi.key, name=kpi.name, value=_value(kpi, kpi.value), target=_target(kpi), gap=_gap(kpi), tone=kpi.tone,
        trend=trend, trend_text=text, points=kpi.points, n=str(count(kpi.n)), as_of=f"{local:%H:%M} {local.tzname()}",
        href=_href(kpi, principal), state=state, message=_EMPTY.get(kpi.key, "") if state == "empty" else "",
    )  # fmt: skip


def _value(kpi: Kpi, value: float | None) -> str:
    if value is None:
        return "–"
    if kpi.unit == "share":
        return percent(value, 1)
    if kpi.unit == "money":
        return money(round(value))
    return f"{value:.1f} d"


def _target(kpi: Kpi) -> str:
    if kpi.target is None:
        return ""
    sign = "≥" if kpi.higher_is_better else "≤"
    if kpi.unit == "share":
        return f"{sign}{percent(kpi.target)}"
    if kpi.unit == "money":
        return f"{sign}{money(round(kpi.target))}"
    return f"{sign}{kpi.target:.0f} d"


def _signed(number: float, pattern: str, unit: str) -> str:
    text = format(abs(number), pattern)
    sign = "" if float(text) == 0 else "+" if number > 0 else "−"
    return f"{sign}{text} {unit}"


def _gap(kpi: Kpi) -> str:
    """The value less its target, in points, in percent of the baseline or in days."""
    if kpi.value is None or kpi.target is None:
        return ""
    if kpi.unit == "share":
        return _signed((kpi.value - kpi.target) * 100, ".1f", "pt")
    if kpi.unit == "money":
        return _signed((kpi.value / kpi.target - 1) * 100, ".0f", "%")
    return _signed(kpi.value - kpi.target, ".1f", "d")


def _trend(kpi: Kpi) -> tuple[str, str]:
    change = kpi.change
    if change is None:
        return "", ""
    if kpi.unit == "share":
        size, text = abs(change), f"{abs(change) * 100:.1f} pt"
    elif kpi.unit == "money":
        size = abs(change) / kpi.before if kpi.before else 0.0
        text = f"{size * 100:.0f} %"
    else:
        size, text = abs(change), f"{abs(change):.1f} d"
    if size < _STEADY:
        return "", f"steady over {PERIOD_DAYS} d"
    return ("up" if change > 0 else "down"), f"{text} vs {PERIOD_DAYS} d before"


def _href(kpi: Kpi, principal: Principal) -> str:
    if not principal.may("returns.view" if kpi.key == "returns" else "orders.view"):
        return ""
    return f"{reverse('dashboard:orders')}?{urlencode({'q': kpi.query})}" if kpi.query else kpi.url
