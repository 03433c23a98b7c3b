"""The way back to the sender, which many carriers tell in the words of the way there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from carriers.base import Milestone, TrackingScan

M = Milestone
#: What a scan means once the parcel has turned round.
ON_THE_WAY_BACK: Mapping[Milestone, Milestone] = {
    M.PICKED_UP: M.RTO_IN_TRANSIT,
    M.IN_TRANSIT: M.RTO_IN_TRANSIT,
    M.OUT_FOR_DELIVERY: M.RTO_IN_TRANSIT,
    M.ATTEMPT_FAILED: M.RTO_IN_TRANSIT,
    M.DELIVERED: M.RTO_DELIVERED,
}
#: After these a parcel is on its way back.
TURNS = frozenset({M.RTO_INITIATED, M.RTO_IN_TRANSIT})


def in_order(scans: Iterable[TrackingScan]) -> tuple[TrackingScan, ...]:
    """All scans of a parcel in the order of time; what follows a return is of the way back.

    Of several in one moment the turn is the first, the others stay as they came.
    """
    found: list[TrackingScan] = []
    back = False
    for scan in sorted(scans, key=lambda scan: (scan.occurred_at, scan.milestone is not M.RTO_INITIATED)):
        found.append(on_the_way_back(scan) if back else scan)
        back = back or scan.milestone in TURNS
    return tuple(found)


def on_the_way_back(scan: TrackingScan) -> TrackingScan:
    """A scan as it is meant once the parcel has turned round."""
    return replace(scan, milestone=ON_THE_WAY_BACK.get(scan.milestone, scan.milestone))
