"""Shiprocket's status numbers. There are two number spaces, and the same number means different things in them.

The *shipment* space numbers what a parcel does: `shipment_status_id` and `sr-status` of a webhook,
`tracking_data.shipment_status` and `sr-status` of a tracking reply. The *order* space numbers what the order in the
panel does: `current_status_id` of a webhook, `status_code` of an order. 20 is PICKUP EXCEPTION in the first and IN
TRANSIT in the second. Names are as Shiprocket writes them; a number or name that is not listed means UNKNOWN, which
moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from carriers.base import Milestone, SubStatus

M = Milestone
S = SubStatus

#: Order space: the order was cancelled, for certain.
ORDER_CANCELLED = frozenset({5, 54})
#: Order space: a cancellation was asked for and is not through yet.
ORDER_CANCELLING = frozenset({18})

SHIPMENT_STATUS: Mapping[int, tuple[str, M]] = {
    1: ("AWB ASSIGNED", M.BOOKED),
    2: ("LABEL GENERATED", M.BOOKED),
    3: ("PICKUP SCHEDULED", M.PICKUP_SCHEDULED),
    4: ("PICKUP QUEUED", M.PICKUP_SCHEDULED),
    # The vendor makes a manifest only after the pickup was requested.
    5: ("MANIFEST GENERATED", M.PICKUP_SCHEDULED),
    6: ("SHIPPED", M.IN_TRANSIT),
    7: ("DELIVERED", M.DELIVERED),
    8: ("CANCELED", M.CANCELLED),
    9: ("RTO INITIATED", M.RTO_INITIATED),
    10: ("RTO DELIVERED", M.RTO_DELIVERED),
    11: ("PENDING", M.UNKNOWN),
    12: ("LOST", M.LOST),
    13: ("PICKUP ERROR", M.UNKNOWN),
    14: ("RTO ACKNOWLEDGED", M.RTO_DELIVERED),
    15: ("PICKUP RESCHEDULED", M.PICKUP_SCHEDULED),
    16: ("CANCELLATION REQUESTED", M.UNKNOWN),
    17: ("OUT FOR DELIVERY", M.OUT_FOR_DELIVERY),
    18: ("IN TRANSIT", M.IN_TRANSIT),
    19: ("OUT FOR PICKUP", M.PICKUP_SCHEDULED),
    20: ("PICKUP EXCEPTION", M.UNKNOWN),
    21: ("UNDELIVERED", M.ATTEMPT_FAILED),
    22: ("DELAYED", M.IN_TRANSIT),
    23: ("PARTIAL DELIVERED", M.UNKNOWN),
    24: ("DESTROYED", M.DAMAGED),
    25: ("DAMAGED", M.DAMAGED),
    26: ("FULFILLED", M.DELIVERED),
    27: ("PICKUP BOOKED", M.PICKUP_SCHEDULED),
    38: ("REACHED AT DESTINATION HUB", M.IN_TRANSIT),
    39: ("MISROUTED", M.IN_TRANSIT),
    40: ("RTO NDR", M.RTO_IN_TRANSIT),
    41: ("RTO OFD", M.RTO_IN_TRANSIT),
    42: ("PICKED UP", M.PICKED_UP),
    43: ("SELF FULFILLED", M.UNKNOWN),
    44: ("DISPOSED OFF", M.DAMAGED),
    45: ("CANCELLED BEFORE DISPATCHED", M.CANCELLED),
    46: ("RTO IN TRANSIT", M.RTO_IN_TRANSIT),
    47: ("QC FAILED", M.UNKNOWN),
    48: ("REACHED WAREHOUSE", M.IN_TRANSIT),
    49: ("CUSTOM CLEARED", M.IN_TRANSIT),
    50: ("IN FLIGHT", M.IN_TRANSIT),
    51: ("HANDOVER TO COURIER", M.PICKED_UP),
    52: ("SHIPMENT BOOKED", M.BOOKED),
    54: ("IN TRANSIT OVERSEAS", M.IN_TRANSIT),
    55: ("CONNECTION ALIGNED", M.IN_TRANSIT),
    56: ("REACHED OVERSEAS WAREHOUSE", M.IN_TRANSIT),
    57: ("CUSTOM CLEARED OVERSEAS", M.IN_TRANSIT),
    59: ("BOX PACKING", M.BOOKED),
    60: ("FC ALLOCATED", M.BOOKED),
    61: ("PICKLIST GENERATED", M.BOOKED),
    62: ("READY TO PACK", M.BOOKED),
    63: ("PACKED", M.BOOKED),
    67: ("FC MANIFEST GENERATED", M.BOOKED),
    68: ("PROCESSED AT WAREHOUSE", M.BOOKED),
    71: ("HANDOVER EXCEPTION", M.UNKNOWN),
    72: ("PACKED EXCEPTION", M.UNKNOWN),
    75: ("RTO LOCK", M.RTO_INITIATED),
    76: ("UNTRACEABLE", M.UNKNOWN),
    77: ("ISSUE RELATED TO THE RECIPIENT", M.ATTEMPT_FAILED),
    78: ("REACHED BACK AT SELLER CITY", M.RTO_IN_TRANSIT),
}

ORDER_STATUS: Mapping[int, tuple[str, M]] = {
    1: ("NEW", M.UNKNOWN),
    2: ("INVOICED", M.UNKNOWN),
    3: ("READY TO SHIP", M.BOOKED),
    4: ("PICKUP SCHEDULED", M.PICKUP_SCHEDULED),
    5: ("CANCELED", M.CANCELLED),
    6: ("SHIPPED", M.IN_TRANSIT),
    7: ("DELIVERED", M.DELIVERED),
    12: ("PICKUP QUEUE", M.PICKUP_SCHEDULED),
    13: ("PICKUP RESCHEDULED", M.PICKUP_SCHEDULED),
    14: ("PICKUP ERROR", M.UNKNOWN),
    15: ("RTO INITIATED", M.RTO_INITIATED),
    16: ("RTO DELIVERED", M.RTO_DELIVERED),
    17: ("RTO ACKNOWLEDGED", M.RTO_DELIVERED),
    18: ("CANCELLATION REQUESTED", M.UNKNOWN),
    19: ("OUT FOR DELIVERY", M.OUT_FOR_DELIVERY),
    20: ("IN TRANSIT", M.IN_TRANSIT),
    33: ("LOST", M.LOST),
    34: ("OUT FOR PICKUP", M.PICKUP_SCHEDULED),
    35: ("PICKUP EXCEPTION", M.UNKNOWN),
    36: ("UNDELIVERED", M.ATTEMPT_FAILED),
    37: ("DELAYED", M.IN_TRANSIT),
    38: ("PARTIAL DELIVERED", M.UNKNOWN),
    39: ("DESTROYED", M.DAMAGED),
    40: ("DAMAGED", M.DAMAGED),
    41: ("FULFILLED", M.DELIVERED),
    43: ("REACHED AT DESTINATION HUB", M.IN_TRANSIT),
    44: ("MISROUTED", M.IN_TRANSIT),
    45: ("RTO OFD", M.RTO_IN_TRANSIT),
    46: ("RTO NDR", M.RTO_IN_TRANSIT),
    51: ("PICKED UP", M.PICKED_UP),
    52: ("SELF FULFILLED", M.UNKNOWN),
    53: ("DISPOSED OFF", M.DAMAGED),
    54: ("CANCELLED BEFORE DISPATCHED", M.CANCELLED),
    55: ("RTO IN TRANSIT", M.RTO_IN_TRANSIT),
    58: ("REACHED WAREHOUSE", M.IN_TRANSIT),
    60: ("IN FLIGHT", M.IN_TRANSIT),
    61: ("HANDOVER TO COURIER", M.PICKED_UP),
    62: ("SHIPMENT BOOKED", M.BOOKED),
    70: ("PICKUP BOOKED", M.PICKUP_SCHEDULED),
    87: ("RTO LOCK", M.RTO_INITIATED),
    88: ("UNTRACEABLE", M.UNKNOWN),
    89: ("ISSUE RELATED TO THE RECIPIENT", M.ATTEMPT_FAILED),
    90: ("REACHED BACK AT SELLER CITY", M.RTO_IN_TRANSIT),
}

#: Shipment space: what a number says beyond its milestone.
SUB_STATUS: Mapping[str, SubStatus] = {
    "13": S.PICKUP_FAILED,
    "20": S.PICKUP_FAILED,
    "22": S.DELAYED,
    "38": S.AT_DESTINATION,
    "39": S.MISROUTED,
    "48": S.ARRIVED_AT_HUB,
    "50": S.LEFT_HUB,
    "56": S.ARRIVED_AT_HUB,
}

_BY_NAME = dict((*ORDER_STATUS.values(), *SHIPMENT_STATUS.values())) | {
    "CANCELLED": M.CANCELLED,
    "PICKUP GENERATED": M.PICKUP_SCHEDULED,
    "RTO": M.RTO_INITIATED,
}


def milestone_of_shipment(number: object, name: str = "") -> Milestone:
    """Milestone of a number of the shipment space; the name decides where the number is missing or not listed."""
    return _milestone(SHIPMENT_STATUS, number, name)


def milestone_of_order(number: object, name: str = "") -> Milestone:
    """Milestone of a number of the order space; the name decides where the number is missing or not listed."""
    return _milestone(ORDER_STATUS, number, name)


def _milestone(space: Mapping[int, tuple[str, M]], number: object, name: str) -> M:
    text = str(number).strip()
    known = space.get(int(text)) if text.isascii() and text.isdigit() else None
    if known is not None:
        return known[1]
    return _BY_NAME.get(" ".join(name.upper().replace("_", " ").replace("-", " ").split()), M.UNKNOWN)
