"""Other systems that listen by webhook."""

from __future__ import annotations

from collections.abc import Sequence

from oms.core.events import Event, Recorded
from oms.integrations.events import WebhooksDue
from oms.integrations.services import has_listeners, queue_webhooks
from oms.integrations.services import send_webhooks as send_webhooks_to


def somebody_listens() -> bool:
    """True where any endpoint of a webhook is to be told."""
    return has_listeners()


def tell_systems(found: Sequence[Recorded]) -> None:
    """Write what other systems asked to be told."""
    queue_webhooks(found)


def send_webhooks(events: Sequence[Event]) -> None:
    """Tell other systems. What they do not take is tried again by the clock."""
    for endpoint_id in sorted({event.endpoint_id for event in events if isinstance(event, WebhooksDue)}):
        send_webhooks_to(endpoint_id)
