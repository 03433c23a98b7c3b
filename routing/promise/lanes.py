"""The names of lanes, from the widest level to the narrowest: what is learned and what is promised agree in them."""

from __future__ import annotations

#: Zones of ways within another country, and across a border.
INLAND, ABROAD = "inland", "abroad"
BEYOND = frozenset({INLAND, ABROAD})


def handling_path(kind: str, node_code: str) -> tuple[str, ...]:
    """All nodes, those of a kind, the node."""
    return ("all", f"kind {kind}", f"node {node_code}")


def transit_path(zone: str, node_code: str, state: str, district: str, postcode: str) -> tuple[str, ...]:
    """The nation, the rate zone, and from the node to the state, the district and the postcode.

    Ways of the zones in BEYOND say nothing of those within the nation, nor these of them.
    """
    state, district = state.casefold(), district.casefold()
    return (
        f"all {zone}" if zone in BEYOND else "all",
        f"zone {zone}",
        f"{node_code} > {state}",
        f"{node_code} > {state} / {district}",
        f"{node_code} > {postcode}",
    )


def lane_name(path: tuple[str, ...]) -> str:
    """The level that people know a lane by: from the node to the state."""
    return path[2]
