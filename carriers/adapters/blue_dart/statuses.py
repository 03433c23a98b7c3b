"""What Blue Dart's scans mean. The words are publicly known, not recorded; what is not listed is UNKNOWN."""

from __future__ import annotations

from collections.abc import Mapping

from carriers.base import Milestone

M = Milestone

#: Words of a scan on the way to the customer. Hold-ups and a bare "shipment outscan" say neither where the parcel is
#: nor whether anybody tried: they move nothing.
WORDS: Mapping[str, Milestone] = {
    "online shipment booked": M.BOOKED,
    "pickup employee is out to p/u shipment": M.PICKUP_SCHEDULED,
    "shipment picked up": M.PICKED_UP,
    "shipment inscan": M.IN_TRANSIT,
    "shipment outscanned to network": M.IN_TRANSIT,
    "canvas bag consolidated scan": M.IN_TRANSIT,
    "clubbed canvas bag scan": M.IN_TRANSIT,
    "plastic bag - auto tally": M.IN_TRANSIT,
    "shipment arrived": M.IN_TRANSIT,
    "shipment arrived at hub": M.IN_TRANSIT,
    "shipment further connected": M.IN_TRANSIT,
    "shipment out for delivery": M.OUT_FOR_DELIVERY,
    "cnee refused id/otp not shared-incorrect": M.ATTEMPT_FAILED,
    "shipment delivered": M.DELIVERED,
    "shipment returned": M.RTO_INITIATED,
    "shipment returned back to shipper": M.RTO_INITIATED,
}
_BACK = ("return", "rto", "shipper")


def milestone_of(kind: str, words: str) -> Milestone:
    """What a scan means by its `ScanType` and its words.

    DL is a delivery where the words say so too: a parcel that is brought back to us may never count as delivered.
    """
    text = " ".join(words.casefold().split())
    kind = kind.upper()
    if kind == "RT":
        return M.RTO_INITIATED
    if kind == "DL":
        return M.DELIVERED if "deliver" in text and not any(part in text for part in _BACK) else M.UNKNOWN
    found = WORDS.get(text, M.UNKNOWN)
    # Words of a delivery under the type of one that is under way contradict each other.
    return M.UNKNOWN if found is M.DELIVERED and kind else found
