"""What happens at the doors of the sales channels."""

from __future__ import annotations

from dataclasses import dataclass

from oms.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesReceived(Event):
    """New messages lie in the inbox of an account; they can be processed now."""

    account_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingsDirty(Event):
    """The sellable quantity of some listings of an account changed; the channel does not know it yet."""

    account_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUpdateQueued(Event):
    """There is something to tell a channel about one of its orders."""

    update_id: int
    account_id: int
