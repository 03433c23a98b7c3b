"""What happens to webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from oms.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksDue(Event):
    """Messages wait for an endpoint; they can be sent now."""

    endpoint_id: int
