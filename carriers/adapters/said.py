"""What couriers of India say in words, as sub-statuses. Pure. Their codes are in the table of each adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carriers.base import Milestone, SubStatus

S = SubStatus

#: Milestone -> (sub-status, parts of what is said), the first that fits wins: "customer refused" before "customer not".
_SAID: Mapping[Milestone, Sequence[tuple[SubStatus, tuple[str, ...]]]] = {
    Milestone.ATTEMPT_FAILED: (
        (S.REFUSED, ("refus", "reject", "does not want", "not interested", "cancelled by customer", "order cancelled")),
        (S.COD_NOT_READY, ("cash not", "cod not", "payment not", "payment issue", "amount not", "not ready to pay")),
        (S.RESCHEDULED, ("future delivery", "reschedul", "delivery later", "another day", "deliver on", "next day")),
        (S.PHONE_UNREACHABLE, ("not reachable", "unreachable", "not contactable", "phone", "switched off",
                               "not answering", "no response", "mobile number", "wrong number")),
        (S.OUT_OF_AREA, ("out of delivery area", "out of area", " oda ", "not serviceable", "non serviceable",
                         "non-serviceable", "restricted", "no service")),
        (S.WRONG_ADDRESS, ("address", "landmark", "shifted", "wrong pin", "pincode", "pin code", "not found")),
        (S.CUSTOMER_UNAVAILABLE, ("not available", "unavailable", "door closed", "door locked", "premises closed",
                                  "office closed", "shop closed", "not at home", "out of station")),
    ),
    Milestone.DELIVERED: (
        (S.TO_NEIGHBOUR, ("neighbo", "as instructed by")),
        (S.TO_SECURITY, ("security", "mailroom", "mail room", "reception", "guard")),
        (S.TO_CUSTOMER, ("to consignee", "to customer", "to recipient")),
    ),
    Milestone.IN_TRANSIT: (
        (S.MISROUTED, ("misrout", "mis-rout")),
        (S.AT_DESTINATION, ("destination cent", "destination hub", "destination city")),
        (S.DELAYED, ("delay", "breakdown", "strike", "heavy rain", "flood")),
        (S.LEFT_HUB, ("added to trip", "dispatched", "departed", "left the", "connected to")),
        (S.ARRIVED_AT_HUB, ("arrived", "received at", "reached")),
    ),
}  # fmt: skip


def sub_status_of(milestone: Milestone, words: str) -> SubStatus | None:
    """What the words say beyond the milestone; None where they are not known: the words are kept beside it."""
    text = f" {' '.join(words.casefold().split())} "
    for sub_status, parts in _SAID.get(milestone, ()):
        if any(part in text for part in parts):
            return sub_status
    return None
