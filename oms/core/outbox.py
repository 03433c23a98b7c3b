"""Publish events. Only inside a transaction: the event and the row it speaks of commit together or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from oms.core.db import execute
from oms.core.events import Event
from oms.core.json_text import to_json


class PublishedOutsideTransaction(RuntimeError):
    """A programming error: an event published outside a transaction could speak of a row that never came to be."""


#: Inserts the events of `event_columns`.
INSERT_EVENTS = """
INSERT INTO core_outboxevent (kind, aggregate, payload)
SELECT kind, aggregate, payload::jsonb
FROM unnest(%s::text[], %s::text[], %s::text[]) AS event(kind, aggregate, payload)
"""


def event_columns(events: Sequence[Event]) -> list[list[str]]:
    """The events as the three arrays that INSERT_EVENTS takes."""
    return [
        [event.kind for event in events],
        [event.aggregate for event in events],
        [to_json(event.payload()) for event in events],
    ]


def publish(events: Sequence[Event]) -> None:
    """Write the events to the outbox in one statement. Raises PublishedOutsideTransaction outside a transaction."""
    if not events:
        return
    if not connection.in_atomic_block:
        raise PublishedOutsideTransaction(f"{events[0].kind} was published outside a transaction.")
    execute(INSERT_EVENTS, event_columns(events))
