"""The promise on the order page: what was said, how likely it is kept, where the time goes, and how that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from babel.dates import format_date
from django.utils import timezone
from django.utils.translation import gettext as _

from oms.core.clock import now
from oms.core.templatetags.oms_format import active_locale, percent
from oms.dashboard.promise.bar import Piece, pieces_of
from orders.models import Order
from routing.models import OrderOutlook, OrderPromise, OutlookBand, OutlookChange, OutlookRemedy

#: Lines of history that are shown; the first one, what was promised, always is.
_MOST = 30
#: Shorter parts are not drawn.
_SHORTEST = timedelta(minutes=1)
BAND_TONES = {
    OutlookBand.ON_TRACK: "good", OutlookBand.WATCH: "info", OutlookBand.AT_RISK: "warn", OutlookBand.LATE: "bad",
    OutlookBand.DONE: "off",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the history: what happened, and what it made of the date and the chance to keep it."""

    at: datetime
    words: str
    before: str = ""
    after: str = ""
    tone: str = "neutral"


@dataclass(frozen=True, slots=True)
class PromiseCard:
    """Everything the card shows. `now_x` is where the bar has come to, in percent of its width."""

    outlook: OrderOutlook | None
    tone: str
    sentence: str
    bar: Sequence[Piece]
    now_x: str
    history: Sequence[Said]
    remedy: str
    reroute_node: str


def promise_card(order: Order) -> PromiseCard | None:
    """The card of an order; None for one that was never promised anything. Three statements."""
    outlook = OrderOutlook.objects.filter(order=order).first()
    promises = list(OrderPromise.objects.filter(order=order).order_by("seq"))
    changes = list(OutlookChange.objects.filter(order=order).order_by("-version")[:_MOST])
    if outlook is None and not promises:
        return None
    parts = _parts(outlook, promises)
    return PromiseCard(
        outlook=outlook, tone=BAND_TONES[OutlookBand(outlook.band)] if outlook else "neutral",
        sentence=_sentence(order, outlook), bar=pieces_of(parts), now_x=_now_x(parts, outlook),
        history=_history(order, promises, changes), remedy=_remedy(order, outlook),
        reroute_node=outlook.remedy_nodes[0] if outlook and len(outlook.remedy_nodes) == 1 else "",
    )  # fmt: skip


def _parts(outlook: OrderOutlook | None, promises: Sequence[OrderPromise]) -> list[tuple[str, datetime, datetime]]:
    stored: list[Any] = outlook.parts if outlook is not None else promises[-1].parts
    spans = [(key, datetime.fromisoformat(start), datetime.fromisoformat(end)) for key, start, end in stored]
    return [span for span in spans if span[2] - span[1] >= _SHORTEST]


def _now_x(parts: Sequence[tuple[str, datetime, datetime]], outlook: OrderOutlook | None) -> str:
    """Nothing where the bar is over, or was never begun."""
    if outlook is None or outlook.band == OutlookBand.DONE or not parts:
        return ""
    pieces = pieces_of(parts)
    moment = now()
    for piece, (_key, start, end) in zip(pieces, parts, strict=True):
        if start <= moment <= end:
            inside = (moment - start) / (end - start) if end > start else 0.0
            return f"{float(piece.x) + inside * float(piece.width):.2f}"
    return ""


def _sentence(order: Order, outlook: OrderOutlook | None) -> str:
    if outlook is None:
        return _("What it may be promised is written down; nobody was told a date.")
    if outlook.band == OutlookBand.DONE:
        if order.stage == "cancelled":
            return _("Cancelled: nothing has to be kept.")
        return _("Kept.") if outlook.breach < 0.5 else _("Broken: it came after the promised date.")
    if outlook.expected_on is None:
        return _("As things stand it does not arrive.")
    if outlook.promised_by < now():
        return _("The promised date is over.")
    return _("Late with %(share)s.") % {"share": percent(outlook.breach)}


def _remedy(order: Order, outlook: OrderOutlook | None) -> str:
    """What helps, in a sentence; nothing for an order that is not at risk."""
    if outlook is None or not outlook.is_at_risk:
        return ""
    after = percent(outlook.remedy_breach) if outlook.remedy_breach is not None else ""
    if outlook.remedy == OutlookRemedy.REROUTE:
        words = {"nodes": ", ".join(outlook.remedy_nodes), "share": after}
        return _("From %(nodes)s it would be late with %(share)s only.") % words
    if outlook.remedy == OutlookRemedy.UPGRADE:
        return _("By a faster service it would be late with %(share)s only.") % {"share": after}
    if outlook.remedy == OutlookRemedy.TELL:
        return _("Nothing brings it in time for what that is worth. Tell the customer before they ask.")
    return _("No remedy is known yet.")


def _history(order: Order, promises: Sequence[OrderPromise], changes: Sequence[OutlookChange]) -> list[Said]:
    """Newest first: every date that was said, and every time the expectation moved."""
    lines = []
    earlier: OutlookChange | None = None
    for change in reversed(changes):
        lines.append(_moved(change, earlier))
        earlier = change
    told = order.first_promised_by
    for promise in promises:
        if promise.seq > 1:
            words = _("The customer was told a new date")
            lines.append(Said(promise.made_at, words, after=_day(promise.promised_by), tone="info"))
    if told is not None:
        ours = next((each for each in promises if each.seq == 1 and each.promised_by == told), None)
        words = _("Promised by us") if ours else _("Promised by the channel")
        lines.append(Said(ours.made_at if ours else order.placed_at, words, after=_day(told), tone="info"))
    return sorted(lines, key=lambda line: line.at, reverse=True)


def _moved(change: OutlookChange, earlier: OutlookChange | None) -> Said:
    if change.band == OutlookBand.DONE:
        return Said(change.at, change.reason, tone=BAND_TONES[OutlookBand.DONE])
    share = _("late with %(share)s") % {"share": percent(change.breach)}
    day = _day(change.expected_on) if change.expected_on else _("unknown")
    was = ""
    if earlier is not None and earlier.expected_on and earlier.expected_on != change.expected_on:
        was = _day(earlier.expected_on)
    words = _("%(reason)s: expected") % {"reason": change.reason or _("Looked at")}
    return Said(change.at, words, was, f"{day}, {share}", BAND_TONES[OutlookBand(change.band)])


def _day(moment: date) -> str:
    """`Tue 24 Nov`, of a moment on the clock of the shop."""
    local = timezone.localtime(moment) if isinstance(moment, datetime) else moment
    return format_date(local, "EEE d MMM", locale=active_locale())
