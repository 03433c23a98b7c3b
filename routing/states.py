"""The machine of the routing policies."""

from __future__ import annotations

from oms.core.states import machine

#: A version goes live at once or after a trial; what is past comes back only as a draft of its own.
POLICY = machine(
    "routing.RoutingPolicy",
    {"draft": ["canary", "live"], "canary": ["live", "archived"], "live": ["archived"], "archived": []},
)
