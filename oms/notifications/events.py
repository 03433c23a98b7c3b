"""What happens to messages."""

from __future__ import annotations

from dataclasses import dataclass

from oms.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageQueued(Event):
    """A message is written and waits to be sent."""

    message_id: int
