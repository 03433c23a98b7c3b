"""FedEx's two-letter scan codes in our words. Pure.

The codes are `eventType` of a scan and `latestStatusDetail.code`. Their table is not in the OpenAPI files: these are
those of FedEx's tracking guide as they are publicly known. A code that is not here is UNKNOWN, which moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from carriers.base import Milestone, SubStatus

M = Milestone
S = SubStatus

CODES: Mapping[str, Milestone] = {
    "OC": M.BOOKED,  # shipment information sent to FedEx
    "PU": M.PICKED_UP,
    "PX": M.PICKED_UP,
    "AO": M.IN_TRANSIT,  # shipment arriving on time
    "AA": M.IN_TRANSIT,  # at airport
    "AC": M.IN_TRANSIT,  # at Canada Post
    "AF": M.IN_TRANSIT,  # at local FedEx facility
    "AR": M.IN_TRANSIT,  # arrived at FedEx location
    "AX": M.IN_TRANSIT,
    "CC": M.IN_TRANSIT,  # cleared customs
    "CP": M.IN_TRANSIT,  # clearance in progress
    "CD": M.IN_TRANSIT,  # clearance delay
    "CH": M.IN_TRANSIT,  # location changed
    "DP": M.IN_TRANSIT,  # departed
    "FD": M.IN_TRANSIT,  # at FedEx destination
    "HL": M.IN_TRANSIT,  # hold at location
    "IT": M.IN_TRANSIT,
    "IX": M.IN_TRANSIT,
    "LO": M.IN_TRANSIT,  # left origin
    "OF": M.IN_TRANSIT,  # at FedEx origin facility
    "OX": M.BOOKED,  # shipment information sent to the local post
    "PF": M.IN_TRANSIT,  # plane in flight
    "PL": M.IN_TRANSIT,  # plane landed
    "SF": M.IN_TRANSIT,  # at sort facility
    "TR": M.IN_TRANSIT,  # transfer
    "DY": M.IN_TRANSIT,  # delay
    "DD": M.IN_TRANSIT,
    "OD": M.OUT_FOR_DELIVERY,
    "ED": M.OUT_FOR_DELIVERY,  # on its way to the door
    "DL": M.DELIVERED,
    "CA": M.CANCELLED,
    "RS": M.RTO_INITIATED,  # return to shipper
}
SUB_STATUS: Mapping[str, SubStatus] = {
    "AR": S.ARRIVED_AT_HUB, "DP": S.LEFT_HUB, "LO": S.LEFT_HUB, "FD": S.AT_DESTINATION, "DY": S.DELAYED,
    "DD": S.DELAYED, "CD": S.DELAYED,
}  # fmt: skip
#: Reasons of a delivery exception (DE) that say that a courier was at the door; others tell of customs and papers.
ATTEMPTS: Mapping[str, SubStatus] = {
    "08": S.CUSTOMER_UNAVAILABLE,  # recipient not in
    "07": S.REFUSED,
    "03": S.WRONG_ADDRESS,
    "15": S.CUSTOMER_UNAVAILABLE,  # business closed
}


def meaning_of(code: str, reason: str) -> tuple[Milestone, SubStatus | None]:
    """What a scan means; `reason` is its exception code."""
    number = reason.strip().zfill(2)
    if code in ("DE", "SE") and number in ATTEMPTS:
        return M.ATTEMPT_FAILED, ATTEMPTS[number]
    return CODES.get(code, M.UNKNOWN), SUB_STATUS.get(code)
