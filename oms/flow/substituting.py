"""Orders that wait for what no node has get substitutes, where their rule and their customer allow it."""

from __future__ import annotations

from time import monotonic

from routing.services import any_rule_substitutes, substitute_waiting

#: Orders of one round, and how long a run goes on: other things wait for this worker.
PAGE, SECONDS = 100, 5.0


def substitute_all() -> str:
    """Look at every order that waits, oldest first; how many were looked at. For stock of substitutes that came since.

    Running it twice at once is harmless: each order is locked, and what was substituted no longer waits.
    """
    if not any_rule_substitutes():
        return "no rule substitutes"
    until = monotonic() + SECONDS
    after = seen = 0
    while monotonic() < until:
        looked_at = substitute_waiting(limit=PAGE, after=after)
        seen += len(looked_at)
        if len(looked_at) < PAGE:
            break
        after = looked_at[-1]
    return f"{seen} looked at"
