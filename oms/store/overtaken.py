"""Cards about what somebody did on a phone that came too late: goods to put back, or words to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest

from fulfillment.selectors.picking import ended_at
from inventory.models import Node
from oms.accounts.access import principal_of
from oms.store.actions import how_it_ended
from oms.store.models import EventOutcome, StoreEvent

#: Cards that a page shows.
CARDS = 20


@dataclass(slots=True, kw_only=True)
class Card:
    """What a person did that came too late, told once for all that an order or a SKU is concerned."""

    events: list[StoreEvent]
    words: str
    units: int = 0

    @property
    def uid(self) -> UUID:
        """Names the card: the first of its actions."""
        return self.events[0].uid

    @property
    def skus(self) -> dict[str, int]:
        """Units to put back, by SKU."""
        units: dict[str, int] = {}
        for event in self.events:
            if event.units_back:
                units[event.sku_code] = units.get(event.sku_code, 0) + event.units_back
        return units


def cards_of(request: HttpRequest, node: Node) -> list[Card]:
    """What this person's phones did too late in this store and is not settled, the oldest first."""
    user = principal_of(request).user
    rows = list(
        StoreEvent.objects.filter(node=node, person=user, is_late=True, settled_at__isnull=True)
        .exclude(outcome=EventOutcome.OK).select_related("work__order").order_by("pk")[:200]
    )  # fmt: skip
    moments = ended_at([row.work_id for row in rows if row.work_id])
    groups: dict[tuple[object, ...], list[StoreEvent]] = {}
    for row in rows:
        groups.setdefault(_group(row), []).append(row)
    return [_card(events, moments) for events in list(groups.values())[:CARDS]]


def _group(row: StoreEvent) -> tuple[object, ...]:
    """Goods to put back because of one order, or for one reason, are one card; anything else is one by itself."""
    return (row.work_id, row.text if row.work_id is None else "") if row.units_back else (row.uid,)


def _card(events: list[StoreEvent], moments: dict[int, datetime]) -> Card:
    first = events[0]
    units = sum(event.units_back for event in events)
    words = first.text
    if units and first.work is not None:
        words = how_it_ended(first.work, moments.get(first.work.pk))
    return Card(events=events, words=words, units=units)
