"""What the loader remembers of an order while it tells its story."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from oms.demo.buyers import Drawn
from oms.demo.past import Past
from oms.demo.world import Standing


@dataclass(slots=True)
class Ticket:
    """One order and how far its story has come. `at` is the time of its last step."""

    order_id: int
    drawn: Drawn
    at: datetime

    @property
    def luck(self) -> random.Random:
        """The order's own dice: what happens to it does not depend on other orders."""
        return self.drawn.luck

    def later(self, low: float, high: float) -> datetime:
        """A moment between `low` and `high` minutes after the last step."""
        return self.at + timedelta(minutes=self.luck.uniform(low, high))


@dataclass(slots=True)
class Stage:
    """What every chapter of the story works with. `began` is the present: nothing later is told."""

    standing: Standing
    began: datetime
    past: Past
    luck: random.Random
    #: Every order told so far, of earlier chapters too.
    tickets: dict[int, Ticket]

    def due(self, tickets: Iterable[Ticket], when: Callable[[Ticket], datetime]) -> dict[int, datetime]:
        """The orders whose next step lies in the past, and when it was; their tickets move on to it."""
        times: dict[int, datetime] = {}
        for ticket in tickets:
            moment = when(ticket)
            if moment <= self.began:
                ticket.at = times[ticket.order_id] = moment
        return times
