"""Geometry of the small charts. Each tag turns plain rows into rows with positions; the components draw them as SVG.

Everything is in percent or in a fixed view box, so no inline style is needed and the charts print.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import template

register = template.Library()

_SPARK_WIDTH = 100.0
_SPARK_HEIGHT = 28.0
_SPARK_MARGIN = 3.0


def _pct(value: float) -> str:
    """Locale-free percentage for SVG attributes."""
    return f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class Spark:
    """Paths of a sparkline in a 100 x 28 view box; `last` is the end point as a zero-length path."""

    line: str
    area: str
    last: str


@register.simple_tag
def spark_paths(points: Sequence[float | None] | None) -> Spark | None:
    """Paths through the points, scaled to their own range; None with fewer than two known points."""
    known = [(index, float(value)) for index, value in enumerate(points or ()) if value is not None]
    if len(known) < 2:
        return None
    low = min(value for _, value in known)
    high = max(value for _, value in known)
    first, final = known[0][0], known[-1][0]
    inner = _SPARK_HEIGHT - 2 * _SPARK_MARGIN

    def place(index: int, value: float) -> str:
        x = (index - first) / (final - first) * (_SPARK_WIDTH - 2 * _SPARK_MARGIN) + _SPARK_MARGIN
        share = 0.5 if high == low else (value - low) / (high - low)
        return f"{x:.1f} {_SPARK_HEIGHT - _SPARK_MARGIN - share * inner:.1f}"

    spots = [place(index, value) for index, value in known]
    line = "M" + "L".join(spots)
    foot = f"{_SPARK_HEIGHT:.0f}"
    left, right = spots[0].split()[0], spots[-1].split()[0]
    return Spark(line=line, area=f"{line}L{right} {foot}L{left} {foot}Z", last=f"M{spots[-1]}h0")


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a stacked bar; `x`, `width` and `middle` are percentages of the whole bar."""

    label: str
    qty: int
    tone: str
    x: str
    width: str
    middle: str
    roomy: bool


#: Below this share of the bar a number does not fit into its segment and stands in the legend only.
_ROOM_PERCENT = 7.0


@register.simple_tag
def bar_segments(segments: Iterable[tuple[str, int, str]] | None, total: int | str | None = None) -> list[Segment]:
    """Place `(label, qty, tone)` rows side by side; parts without quantity are left out.

    The bar is as long as `total`, or as the sum of the parts when that is larger, so nothing ever leaves the bar.
    """
    rows = [(label, qty, tone) for label, qty, tone in segments or () if qty > 0]
    whole = max(int(total or 0), sum(qty for _, qty, _ in rows))
    if whole <= 0:
        return []
    placed: list[Segment] = []
    start = 0.0
    for label, qty, tone in rows:
        width = qty * 100 / whole
        placed.append(
            Segment(label, qty, tone, _pct(start), _pct(width), _pct(start + width / 2), width >= _ROOM_PERCENT)
        )
        start += width
    return placed


@dataclass(frozen=True, slots=True)
class WaterfallBar:
    """One step from the first number to the last; `x` and `width` are percentages, `after` the running total."""

    label: str
    qty: int
    text: str
    url: str
    kind: str
    tone: str
    after: int
    x: str
    width: str


@register.simple_tag
def waterfall_bars(rows: Iterable[Mapping[str, Any]] | None) -> list[WaterfallBar]:
    """Bars for rows of `label`, signed `qty`, `url` and `kind` (start, change, total). Totals below zero are drawn."""
    steps: list[tuple[Mapping[str, Any], int, int]] = []
    running = 0
    for row in rows or ():
        kind, qty = row.get("kind", "change"), int(row["qty"])
        begin = running if kind == "change" else 0
        running = begin + qty
        steps.append((row, begin, running))
    if not steps:
        return []
    low = min(0, *(min(begin, end) for _, begin, end in steps))
    high = max(0, *(max(begin, end) for _, begin, end in steps))
    scale = 100 / ((high - low) or 1)
    return [_waterfall_bar(row, begin, end, low, scale) for row, begin, end in steps]


def _waterfall_bar(row: Mapping[str, Any], begin: int, end: int, low: int, scale: float) -> WaterfallBar:
    kind, qty = str(row.get("kind", "change")), int(row["qty"])
    if kind == "change":
        tone, text = ("warn", f"−{-qty}") if qty < 0 else ("good", f"+{qty}") if qty else ("neutral", "0")
    else:
        tone = "bad" if end < 0 else ("info" if kind == "total" else "neutral")
        text = f"−{-qty}" if qty < 0 else str(qty)
    return WaterfallBar(
        label=str(row["label"]),
        qty=qty,
        text=text,
        url=str(row.get("url") or ""),
        kind=kind,
        tone=str(row.get("tone") or tone),
        after=end,
        x=_pct((min(begin, end) - low) * scale),
        width=_pct(max(abs(end - begin) * scale, 0.6)),
    )


@register.simple_tag
def share(value: float | str | None, whole: float | str | None) -> str:
    """`value` as a percentage of `whole`, between 0 and 100, for the width of a bar. Attributes may come as text."""
    part, all_of_it = float(value or 0), float(whole or 0)
    if all_of_it <= 0:
        return _pct(0)
    return _pct(min(max(part * 100 / all_of_it, 0.0), 100.0))


@register.simple_tag
def row_shares(rows: Iterable[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Rows of `label` and `value` with `share` added: percent of the largest value."""
    known = [dict(row) for row in rows or ()]
    top = max((abs(float(row["value"] or 0)) for row in known), default=0.0)
    for row in known:
        row["share"] = share(abs(float(row["value"] or 0)), top)
    return known


@register.simple_tag
def load_tone(used: float | None, limit: float | None) -> str:
    """Tone of a filling bar: `bad` when full, `warn` from 85 percent on, else `info`."""
    if not used or not limit:
        return "info"
    if used >= limit:
        return "bad"
    return "warn" if used >= 0.85 * limit else "info"
