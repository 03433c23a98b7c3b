"""How a process that lives long treats what it keeps in memory."""

from __future__ import annotations

import gc

#: New objects before the collector looks at the young ones, and how many such looks before older ones are looked at.
#: A batch of a thousand orders makes some hundred thousand objects that all live until it is written.
THRESHOLDS = (50_000, 20, 50)


def settle_heap() -> None:
    """Keep the collector of garbage away from what was loaded at the start: modules, models, templates, settings.

    They never become garbage, yet a full collection walks through all of them: a tenth of a second and more, in the
    middle of whatever the process does then. Called once, at the end of a start (see the documentation of `gc.freeze`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
