"""The events that customers are told of: their names, what their texts may say, how long they are news."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from oms.notifications.letters import SUBJECTS
from oms.notifications.models import Medium

#: What every text may say.
_ALWAYS = ("name", "number", "brand", "link")
_PARCEL = ("carrier", "awb", "arriving", "amount_due")
_PICKUP = ("store", "code", "kept_until", "amount_due")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One event. `news_for` is how long a text about it is worth sending; None: always."""

    title: str
    more: tuple[str, ...] = ()
    urgent: bool = False
    news_for: timedelta | None = timedelta(days=3)
    by_mail: bool = True

    @property
    def placeholders(self) -> tuple[str, ...]:
        """What a text about it may say, between braces."""
        return _ALWAYS + self.more


_KINDS: dict[str, Kind] = {
    "confirmation": Kind(title="Order confirmed", more=("arriving",)),
    "shipped": Kind(title="Shipped", more=_PARCEL),
    "out_for_delivery": Kind(
        title="Out for delivery", more=_PARCEL, urgent=True, news_for=timedelta(hours=12), by_mail=False
    ),
    "delivered": Kind(title="Delivered", more=_PARCEL),
    "delivery_failed": Kind(title="Delivery failed", more=_PARCEL, news_for=timedelta(days=2)),
    "ready_for_pickup": Kind(title="Ready to collect", more=_PICKUP, urgent=True, news_for=None),
    "cancelled": Kind(title="Cancelled", news_for=timedelta(days=7)),
    "not_collected": Kind(title="Not collected", more=("store",), news_for=timedelta(days=7)),
    "substituted": Kind(title="Something else instead"),
    "substitute_taken_back": Kind(title="As ordered after all"),
    "new_date": Kind(title="A new date", more=("arriving",)),
}


def kind_of(event: str) -> Kind:
    """What is known of an event; of one that only has an e-mail, its name."""
    return _KINDS.get(event) or Kind(title=event.replace("_", " ").capitalize())


def event_names() -> list[str]:
    """Every event that customers are told of."""
    return list(dict.fromkeys([*_KINDS, *SUBJECTS]))


def is_on_by_default(event: str, medium: str) -> bool:
    """E-mail goes out for most events until it is switched off; the other media once they are switched on."""
    return medium == Medium.EMAIL and kind_of(event).by_mail
