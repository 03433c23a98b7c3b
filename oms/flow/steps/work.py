"""Work at the nodes: opened, kept back, taken out of waves."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.services import hold_back, open_fulfillment_orders, release_fulfillment_orders
from fulfillment.services.wave_leaving import leave_waves as leave_waves_of
from oms.core.events import Event, order_ids


def open_work(events: Sequence[Event]) -> None:
    """Open the work at the nodes that were given units."""
    open_fulfillment_orders(order_ids(events))


def release_work(events: Sequence[Event]) -> None:
    """The last hold is gone: scheduled work opens."""
    release_fulfillment_orders(order_ids(events))


def hold_work(events: Sequence[Event]) -> None:
    """A hold came: work that nobody started goes back to scheduled."""
    hold_back(order_ids(events))


def leave_waves(events: Sequence[Event]) -> None:
    """What became blocked leaves the wave that it was to be picked in; each wave in a transaction of its own."""
    leave_waves_of(order_ids(events), actor="flow")
