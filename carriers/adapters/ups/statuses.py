"""UPS's status numbers and types in our words. Pure.

The types are those of the Track Alert contract (UPSTrackAlert.yaml, `activityStatus.type`, and its FAQ) with the older
ones of the tracking guide (P, O, RS, DO, DD, W). The numbers are `currentStatus.code` and `status.statusCode` of the
tracking reply, as in the appendix of UPS's tracking guide (2023, "Package status codes"). A number says more than a
type, so it wins.
"""

from __future__ import annotations

from collections.abc import Mapping

from carriers.base import Milestone, SubStatus

M = Milestone
S = SubStatus

#: Number -> milestone.
NUMBERS: Mapping[str, Milestone] = {
    "003": M.BOOKED,  # order processed, ready for UPS
    "005": M.IN_TRANSIT,
    "006": M.OUT_FOR_DELIVERY,
    "007": M.CANCELLED,  # shipment information voided
    "010": M.IN_TRANSIT,
    "011": M.DELIVERED,
    "012": M.IN_TRANSIT,  # clearance in progress
    "014": M.IN_TRANSIT,  # clearance completed
    "016": M.IN_TRANSIT,  # held in warehouse
    "017": M.IN_TRANSIT,  # held for customer pickup
    "018": M.IN_TRANSIT,
    "019": M.IN_TRANSIT,
    "020": M.IN_TRANSIT,
    "021": M.OUT_FOR_DELIVERY,
    "022": M.ATTEMPT_FAILED,  # first attempt made
    "023": M.ATTEMPT_FAILED,
    "024": M.ATTEMPT_FAILED,
    "025": M.IN_TRANSIT,  # transferred to the local post office
    "026": M.DELIVERED,
    "027": M.IN_TRANSIT,
    "028": M.IN_TRANSIT,
    "032": M.IN_TRANSIT,  # weather
    "033": M.RTO_INITIATED,
    "034": M.RTO_DELIVERED,
    "035": M.RTO_IN_TRANSIT,
    "036": M.RTO_IN_TRANSIT,
    "037": M.RTO_IN_TRANSIT,
    "038": M.PICKED_UP,
    "039": M.IN_TRANSIT,
    "040": M.IN_TRANSIT,  # waits at an access point
    "045": M.BOOKED,  # on its way to UPS
    "046": M.IN_TRANSIT,  # delay
}
#: Type -> milestone. X (exception) and U (new date) tell no place on the road: UNKNOWN, which moves nothing.
TYPES: Mapping[str, Milestone] = {
    "M": M.BOOKED,
    "MV": M.CANCELLED,
    "P": M.PICKED_UP,
    "I": M.IN_TRANSIT,
    "O": M.OUT_FOR_DELIVERY,
    "RS": M.RTO_DELIVERED,
}
#: Two-letter codes of Track Alert that a type alone would tell wrongly: out for delivery comes as I, and D stands for
#: all of delivery, from the van to the door. FS is the end in the contract's example; others say it in words.
CODES: Mapping[str, Milestone] = {"OT": M.OUT_FOR_DELIVERY, "OF": M.OUT_FOR_DELIVERY, "FS": M.DELIVERED}
#: Words of a delivery that is none to the customer: to a shop where it waits, or back. A number tells which.
_NOT_TO_THE_CUSTOMER = ("access point", "sender", "shipper", "return")
NUMBER_SUB_STATUS: Mapping[str, SubStatus] = {
    "019": S.RESCHEDULED,
    "020": S.RESCHEDULED,
    "032": S.DELAYED,
    "046": S.DELAYED,
}


def milestone_of(kind: str, number: str, code: str, words: str = "") -> Milestone:
    """What a status means; UNKNOWN for one that is not in the tables."""
    plain = number.zfill(3) if number.isdecimal() else ""
    if plain in NUMBERS:
        return NUMBERS[plain]
    if code in CODES:
        return CODES[code]
    said = words.casefold()
    if kind == "D" and said.startswith("delivered") and not any(part in said for part in _NOT_TO_THE_CUSTOMER):
        return M.DELIVERED
    return TYPES.get(kind, M.UNKNOWN)


def sub_status_of_number(number: str) -> SubStatus | None:
    """What a number says beyond its milestone."""
    return NUMBER_SUB_STATUS.get(number.zfill(3)) if number.isdecimal() else None
