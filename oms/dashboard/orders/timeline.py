"""The timeline of an order, with the kinds of entries a person may filter by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orders.models import Order, OrderEvent

#: Filter -> heading, kinds of entries.
FILTERS: dict[str, tuple[str, frozenset[str]]] = {
    "": ("All", frozenset()),
    "people": ("People", frozenset()),
    "notes": ("Notes", frozenset({"note"})),
    "routing": ("Routing", frozenset({"routed", "unroutable", "work_withdrawn", "short_pick"})),
    "holds": ("Holds", frozenset({"held", "released"})),
    "money": ("Money", frozenset({"payment", "cash_missing", "cancelled"})),
    "parcels": (
        "Parcels",
        frozenset(
            {
                "packed",
                "labelled",
                "handed_over",
                "arrived_for_pickup",
                "delivered",
                "rto",
                "returned",
                "ndr_open",
                "delivery_answered",
                "road_trouble",
            }
        ),
    ),
}
_SYSTEM = frozenset({"flow", "routing", "schedule", "system", "validation", "api", "rule"})
_OTHERS = {"carrier": "carrier", "carriers": "carrier", "channel": "channel", "channels": "channel",
           "customer": "customer"}  # fmt: skip
_ICONS = {
    "captured": "inbox", "routed": "route", "unroutable": "route", "held": "player-pause", "released": "player-play",
    "note": "message", "tagged": "tag", "address_changed": "map-pin", "payment": "credit-card", "cancelled": "x",
    "work_withdrawn": "arrow-back-up", "packed": "package", "labelled": "barcode", "handed_over": "truck",
    "delivered": "home", "arrived_for_pickup": "package-import", "short_pick": "package-off", "rto": "truck-return",
    "returned": "package-import", "channel_note": "plug-connected",
    "cash_missing": "credit-card", "ndr_open": "truck-return", "delivery_answered": "message", "road_trouble": "truck",
}  # fmt: skip
_TONES = {
    "held": "warn",
    "short_pick": "warn",
    "cash_missing": "warn",
    "ndr_open": "bad",
    "road_trouble": "warn",
    "rto": "warn",
    "unroutable": "bad",
    "cancelled": "off",
    "delivered": "good",
    "released": "good",
}
_SHOWN_FIELDS = ("name", "line1", "line2", "city", "region", "postcode", "phone")


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One entry, ready to show."""

    seq: int
    kind: str
    message: str
    actor: str
    actor_kind: str
    at: datetime
    tone: str
    icon: str
    before: str = ""
    after: str = ""


def timeline_of(order: Order, kind: str = "", *, masked: bool) -> list[TimelineRow]:
    """Entries of one filter, newest first. Address lines are left out for who may not read them."""
    entries = order.timeline.order_by("-seq")
    wanted = FILTERS.get(kind, FILTERS[""])[1]
    if wanted:
        entries = entries.filter(kind__in=wanted)
    rows = [_row(entry, masked=masked) for entry in entries]
    return [row for row in rows if row.actor_kind == "person"] if kind == "people" else rows


def _row(entry: OrderEvent, *, masked: bool) -> TimelineRow:
    before, after = ("", "") if masked or entry.kind != "address_changed" else _changes(entry.data)
    return TimelineRow(
        seq=entry.seq, kind=entry.kind, message=entry.message, actor=entry.actor, actor_kind=actor_kind(entry.actor),
        at=entry.at, tone=_TONES.get(entry.kind, "neutral"), icon=_ICONS.get(entry.kind, ""), before=before,
        after=after,
    )  # fmt: skip


def actor_kind(actor: str) -> str:
    """Whether a person, our own rules, a carrier, a channel or the customer did it."""
    word = actor.strip().lower().split(" ")[0]
    return _OTHERS.get(word) or ("system" if word in _SYSTEM else "person")


def _changes(data: dict[str, Any]) -> tuple[str, str]:
    """The fields of an address that differ, old and new."""
    old, new = data.get("before", {}), data.get("after", {})
    differing = [name for name in _SHOWN_FIELDS if old.get(name, "") != new.get(name, "")]
    return ", ".join(str(old.get(name, "")) for name in differing), ", ".join(
        str(new.get(name, "")) for name in differing
    )
