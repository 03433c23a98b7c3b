"""Hands what became of parcels and work down to the promises, by the clock."""

from __future__ import annotations

from fulfillment.selectors.journeys import paces, travelled, worked
from routing.services import Journey, MeasuredPace, NodeWork, learn_days, set_paces


def learn_promises() -> object:
    """Write anew how long things take, from the parcels and the work of the last months."""
    rows = learn_days(
        (Journey(*each) for each in travelled()),
        (NodeWork(each.node_code, each.released_at, each.left_on) for each in worked()),
    )
    return f"{rows} rows"


def measure_paces() -> object:
    """Count what waits at every node and how fast it works."""
    set_paces(MeasuredPace(*each) for each in paces())
    return None
