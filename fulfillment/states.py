"""The machines of work, waves, hand-offs and shipments, and the rule by which carrier scans move a shipment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from oms.core.states import machine

_END = ("rejected", "cancelled")
FULFILLMENT_ORDER = machine(
    "fulfillment.FulfillmentOrder",
    {
        "scheduled": ["open", "cancelled", "rejected"],
        "open": ["accepted", "scheduled", *_END],
        "accepted": ["picking", "picked", "waiting_transfer", "scheduled", *_END],
        "waiting_transfer": ["picking", "packed", *_END],
        "picking": ["picked", *_END],
        "picked": ["packed", *_END],
        "packed": ["ready", *_END],
        "ready": ["completed", "rejected", "cancelled", "no_show"],
        "completed": [],
        "rejected": [],
        "cancelled": [],
        "no_show": [],
    },
)

WAVE = machine(
    "fulfillment.Wave",
    {"open": ["picking", "done", "cancelled"], "picking": ["done", "cancelled"], "done": [], "cancelled": []},
)

_TAKEN = ("cancellation_requested", "rejected", "closed")
#: The handshake with the WMS of a node, beside the state of the work. What it does may be heard before its acceptance,
#: or before we know that the instruction arrived: the answer to the delivery was lost.
HAND_OFF = machine(
    "fulfillment.HandOff",
    {
        "unsubmitted": ["submitted", "accepted", *_TAKEN],
        "submitted": ["accepted", "unsubmitted", *_TAKEN],
        "accepted": ["unsubmitted", *_TAKEN],
        "cancellation_requested": ["cancellation_accepted", "cancellation_rejected", "closed"],
        "cancellation_accepted": [],
        "cancellation_rejected": ["cancellation_requested", "closed"],
        "rejected": [],
        "closed": [],
    },
)

_RTO = ("rto_initiated", "rto_in_transit", "rto_received")
_LATE = ("lost", "damaged")
SHIPMENT = machine(
    "fulfillment.Shipment",
    {
        "created": ["labelled", "cancelled", "handed_over"],
        "labelled": ["manifested", "handed_over", "cancelled", "created"],
        "manifested": ["handed_over", "labelled", "cancelled"],
        "handed_over": ["in_transit", "out_for_delivery", "delivered", "ndr_open", *_RTO, *_LATE],
        "in_transit": ["out_for_delivery", "delivered", "ndr_open", *_RTO, *_LATE],
        "out_for_delivery": ["in_transit", "delivered", "ndr_open", *_RTO, *_LATE],
        "ndr_open": ["out_for_delivery", "in_transit", "delivered", *_RTO, *_LATE],
        "rto_initiated": ["rto_in_transit", "rto_received", *_LATE],
        "rto_in_transit": ["rto_received", *_LATE],
        "rto_received": [],
        "delivered": [],
        "lost": ["delivered", "rto_received"],
        "damaged": ["rto_received"],
        "cancelled": [],
    },
)

#: What a carrier's milestone means for the shipment. Booking milestones mean nothing: the parcel is still with us.
STATE_OF_MILESTONE = {
    "picked_up": "handed_over",
    "in_transit": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "delivered": "delivered",
    "attempt_failed": "ndr_open",
    "rto_initiated": "rto_initiated",
    "rto_in_transit": "rto_in_transit",
    "rto_delivered": "rto_received",
    "lost": "lost",
    "damaged": "damaged",
}


def shipment_path(milestones: Iterable[str]) -> list[tuple[int, str]]:
    """The states that scans, in the order in which they happened, lead to, each with the place of the scan that did.

    A fold over all scans, so that scans which arrive late or twice lead to the same states. Steps that the machine does
    not have (anything after a delivery, say) are passed over.
    """
    path: list[tuple[int, str]] = []
    for place, milestone in enumerate(milestones):
        target = STATE_OF_MILESTONE.get(milestone)
        if target is None:
            continue
        state = path[-1][1] if path else None
        if state is None or target != state and SHIPMENT.allows(state, target):
            path.append((place, target))
    return path


def shipment_state_after(milestones: Iterable[str]) -> str | None:
    """The state at the end of the path; None before the carrier has the parcel."""
    path = shipment_path(milestones)
    return path[-1][1] if path else None


#: Failed scans nearer together than this, without a ride between them, tell of one attempt.
ONE_ATTEMPT = timedelta(hours=12)
#: What ends an attempt that failed: the milestone, and what is said of it.
_ENDS = {
    "out_for_delivery": "again",
    "delivered": "delivered",
    "rto_initiated": "returning",
    "rto_in_transit": "returning",
    "rto_delivered": "returning",
    "lost": "lost",
    "damaged": "lost",
}


@dataclass(slots=True, kw_only=True)
class FailedAttempt:
    """One attempt that failed: the places of its scans, the place of the scan that ended it, and how. Open: no end."""

    began_at: datetime
    places: list[int] = field(default_factory=list)
    ended_at_place: int | None = None
    ended: str = ""


def failed_attempts(scans: Iterable[tuple[str, datetime]]) -> list[FailedAttempt]:
    """The attempts that failed, from milestones and their moments in the order in which they happened.

    A fold over all scans, as the state of the parcel is: late and repeated ones lead to the same attempts. What is
    scanned after the parcel was delivered, lost, or turned round is no attempt to deliver it.
    """
    found: list[FailedAttempt] = []
    current: FailedAttempt | None = None
    for place, (milestone, at) in enumerate(scans):
        if milestone == "attempt_failed":
            if current is not None and at - current.began_at < ONE_ATTEMPT:
                current.places.append(place)
                continue
            if current is not None:
                current.ended, current.ended_at_place = "next", place
            current = FailedAttempt(began_at=at, places=[place])
            found.append(current)
        elif milestone in _ENDS:
            if current is not None:
                current.ended, current.ended_at_place = _ENDS[milestone], place
            current = None
            if ends_the_way(milestone):
                break
    return found


def ends_the_way(milestone: str) -> str:
    """How a failed attempt is over when a scan of this milestone ends the way to the customer; empty for others."""
    return "" if milestone == "out_for_delivery" else _ENDS.get(milestone, "")
