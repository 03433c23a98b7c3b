"""How a simulated parcel moves: the scans to come, as hours after it left the shipper. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from carriers.base import Milestone
from carriers.simulators.shiprocket.geography import hub, scan_place


class Outcome(StrEnum):
    """How the parcel ends."""

    DELIVERED = "delivered"
    FAILED_THEN_DELIVERED = "failed_then_delivered"
    RTO = "rto"


@dataclass(frozen=True, slots=True)
class Step:
    """One scan to come. `status_number` is of the shipment space."""

    hours: float
    status_number: int
    code: str
    activity: str
    location: str


#: Status number of the shipment space -> number of the order space, of the states that the simulator shows.
ORDER_STATUS_NUMBER = {
    1: 3, 3: 4, 5: 4, 6: 6, 7: 7, 8: 5, 9: 15, 10: 16, 12: 33, 17: 19, 18: 20, 19: 34, 21: 36, 25: 40, 38: 43, 41: 45,
    42: 51, 46: 55,
}  # fmt: skip

#: The scan that stands for a milestone when a person asks for one.
STATUS_OF_MILESTONE = {
    Milestone.PICKED_UP: 42,
    Milestone.IN_TRANSIT: 18,
    Milestone.OUT_FOR_DELIVERY: 17,
    Milestone.DELIVERED: 7,
    Milestone.ATTEMPT_FAILED: 21,
    Milestone.RTO_INITIATED: 9,
    Milestone.RTO_IN_TRANSIT: 46,
    Milestone.RTO_DELIVERED: 10,
    Milestone.LOST: 12,
    Milestone.DAMAGED: 25,
}

REASONS = (
    "Customer not available",
    "Customer asked for future delivery",
    "Address incomplete, landmark needed",
    "Customer refused to accept the parcel",
    "Cash not ready",
)


def plan(origin: str, destination: str, days: int, outcome: Outcome, reason: str = REASONS[0]) -> tuple[Step, ...]:
    """Every scan from the pickup to the end, between two PIN codes, first attempt on day `days`."""
    start, end = scan_place(origin, "DC"), scan_place(destination, "DC")
    arrival = days * 24.0 - 9
    steps = [
        Step(0.0, 19, "FMOFP-101", "Out for Pickup", start),
        Step(1.0, 42, "X-PPOM", "In Transit - Shipment picked up", start),
        Step(3.0, 6, "X-PIOM", "In Transit - Shipment Received at Origin Center", start),
    ]
    hubs = list(dict.fromkeys((hub(origin), hub(destination)))) if days > 1 else []
    # From the origin centre at hour 5 to the destination centre at `arrival`, evenly.
    leg = (arrival - 5) / (len(hubs) + 1)
    for number, place in enumerate(hubs):
        steps.append(Step(5 + leg * (number + 0.5), 18, "X-DLL2F", "In Transit - Bag Added To Trip", place))
        steps.append(Step(5 + leg * (number + 0.9), 18, "X-ILL2F", "In Transit - Trip Arrived", place))
    steps.append(Step(arrival, 38, "X-IBD3F", "Pending - Reached at destination center", end))
    return (*steps, *_ending(start, end, arrival, days, outcome, reason))


def _ending(start: str, end: str, arrival: float, days: int, outcome: Outcome, reason: str) -> list[Step]:
    out = Step(arrival + 4, 17, "X-DDD3FD", "Dispatched - Out for delivery", end)
    delivered = Step(arrival + 8, 7, "EOD-38", "Delivered - Delivered to consignee", end)
    if outcome is Outcome.DELIVERED:
        return [out, delivered]
    failed = [out, Step(arrival + 8, 21, "EOD-74", f"Pending - {reason}", end)]
    again = Step(arrival + 28, 17, "X-DDD3FD", "Dispatched - Out for delivery", end)
    if outcome is Outcome.FAILED_THEN_DELIVERED:
        return [*failed, again, Step(arrival + 32, 7, "EOD-38", "Delivered - Delivered to consignee", end)]
    back = arrival + 56
    return [
        *failed,
        again,
        Step(arrival + 32, 21, "EOD-74", f"Pending - {reason}", end),
        Step(back, 9, "RT-101", "In Transit - Return to origin initiated", end),
        Step(back + 6, 46, "RT-104", "In Transit - Return in transit", end),
        Step(back + days * 24.0 - 8, 41, "RT-109", "Dispatched - Out for return delivery", start),
        Step(back + days * 24.0 - 4, 10, "RT-110", "RTO - Returned to the shipper", start),
    ]
