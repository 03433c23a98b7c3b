"""Orders that wait for what no node has get substitutes, where their rule and their customer allow it."""

from __future__ import annotations

from time import monotonic

from routing.services import any_rule_substitutes, substitute_waiting

#: Orders of one round, and how long a run goes on: other things wait for this worker.
PAGE, SECONDS = 100, 5.0


class _Place:
    """Where this process goes on: behind the order that its last run looked at last, so that none waits for ever
    behind others that cannot be shipped either."""

    after = 0


def substitute_all() -> str:
    """Look at orders that wait, in turns; how many were looked at. For stock of substitutes that came since.

    Running it twice at once is harmless: each order is locked, and what was substituted no longer waits.
    """
    if not any_rule_substitutes():
        return "no rule substitutes"
    until = monotonic() + SECONDS
    seen, from_the_first = 0, _Place.after == 0
    while True:
        looked_at = substitute_waiting(limit=PAGE, after=_Place.after)
        seen += len(looked_at)
        at_the_end = len(looked_at) < PAGE
        _Place.after = 0 if at_the_end else looked_at[-1]
        if monotonic() >= until or (at_the_end and from_the_first):
            break
        # Behind the last one come those before the place where this run began.
        from_the_first = from_the_first or at_the_end
    return f"{seen} looked at"
