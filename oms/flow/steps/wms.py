"""Nodes with a WMS of their own: what they are told, and what left there."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.events import InstructionsDue, LeftFromWms
from fulfillment.models import LinkMode, WmsLink
from fulfillment.services.hand_off_leaving import book_what_left
from fulfillment.services.hand_offs import send_moved
from oms.core.events import Event, order_ids
from oms.integrations.services import send_instructions


def some_wms() -> bool:
    """True where the WMS of any node is told of work."""
    return WmsLink.objects.exclude(mode=LinkMode.NONE, ended_mode=LinkMode.NONE).exists()


def tell_wms_of_address(events: Sequence[Event]) -> None:
    """The address changed: every WMS that has work of the order gets it anew."""
    send_moved(order_ids(events))


def tell_wms(events: Sequence[Event]) -> None:
    """Post to WMS what waits. What one does not take is tried again by the clock."""
    for link_id in sorted({event.link_id for event in events if isinstance(event, InstructionsDue)}):
        send_instructions(link_id)


def book_left(events: Sequence[Event]) -> None:
    """Parcels left a WMS under AWBs of its own: they are kept, and the parcels handed over."""
    for event in events:
        if isinstance(event, LeftFromWms):
            book_what_left(event.hand_off_event_id)
