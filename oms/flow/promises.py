"""Hands what became of parcels and work down to the promises: to learn from, and to look ahead by."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from fulfillment.selectors.journeys import paces, travelled, worked
from fulfillment.selectors.offered import offered_at
from fulfillment.selectors.standing import standings_of
from oms.core.clock import now
from oms.core.db import run_atomic
from routing.locks import lock_outlooks
from routing.services import (
    Journey,
    MeasuredPace,
    NodeWork,
    due_outlooks,
    judge_promises,
    learn_days,
    missed_outlooks,
    set_outlooks,
    set_paces,
)

#: Orders that are looked at in one transaction, and how long one run of the clock goes on with further ones.
AT_ONCE, SECONDS = 200, 2.0


def learn_promises() -> object:
    """Write anew how long things take, from the parcels and the work of the last months."""
    rows = learn_days(
        (Journey(*each) for each in travelled()),
        (NodeWork(each.node_code, each.released_at, each.left_on) for each in worked()),
    )
    return f"{rows} rows"


def judge_due_promises() -> int:
    """Judge the promises whose time is up; how many."""
    return judge_promises(offered_at)


def measure_paces() -> object:
    """Count what waits at every node and how fast it works."""
    set_paces(MeasuredPace(*each) for each in paces())
    return None


def look_ahead(reasons: Mapping[int, str]) -> int:
    """Look at these orders, by id with what set the look off; how many of them have a promise to look at.

    Each part in a transaction of its own. Twice, late or in another sequence it ends in the same rows, because each
    look reads where the order stands by then.
    """
    ids = sorted(reasons)
    return sum(_look(ids[start : start + AT_ONCE], reasons) for start in range(0, len(ids), AT_ONCE))


def _look(order_ids: Sequence[int], reasons: Mapping[int, str]) -> int:
    def work() -> int:
        before = lock_outlooks(order_ids)
        moment = now()
        return set_outlooks(standings_of(order_ids), before, reasons, moment)

    return run_atomic(work)


def look_again() -> object:
    """Silence tells something, too: look at orders that nothing happened to for a while, the longest first."""
    return _until_over(due_outlooks, "Time passed")


def look_at_missed() -> object:
    """Look at open orders with a promise that nobody looked at yet."""
    return _until_over(missed_outlooks, "Looked at for the first time")


def _until_over(read: Callable[[int], list[int]], reason: str) -> int:
    ends, count = time.monotonic() + SECONDS, 0
    while ids := read(AT_ONCE):
        found = look_ahead(dict.fromkeys(ids, reason))
        count += found
        if found < len(ids) or time.monotonic() > ends:
            break
    return count
