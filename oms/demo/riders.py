"""Couriers whom the simulated carrier does not know: they bring the parcels of the story, and those of the city riders.

Their scans come in through `carriers.services.record_scans`, as if the courier had sent them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from carriers.adapters.said import sub_status_of
from carriers.base import Milestone, TrackingScan, TrackingUpdate
from carriers.models import Booking, BookingState
from carriers.services import record_scans
from fulfillment.models import ShipmentState
from oms.core.clock import now
from oms.demo import brand
from oms.demo.parcels import HISTORIC

_NEXT = {
    "": Milestone.PICKED_UP, Milestone.BOOKED: Milestone.PICKED_UP, Milestone.PICKUP_SCHEDULED: Milestone.PICKED_UP,
    Milestone.PICKED_UP: Milestone.IN_TRANSIT, Milestone.IN_TRANSIT: Milestone.OUT_FOR_DELIVERY,
    Milestone.OUT_FOR_DELIVERY: Milestone.DELIVERED, Milestone.ATTEMPT_FAILED: Milestone.OUT_FOR_DELIVERY,
    Milestone.RTO_INITIATED: Milestone.RTO_IN_TRANSIT, Milestone.RTO_IN_TRANSIT: Milestone.RTO_DELIVERED,
}  # fmt: skip
_WORDS = {
    Milestone.PICKED_UP: "PICKED UP", Milestone.IN_TRANSIT: "IN TRANSIT", Milestone.DELIVERED: "DELIVERED",
    Milestone.OUT_FOR_DELIVERY: "OUT FOR DELIVERY", Milestone.ATTEMPT_FAILED: "CUSTOMER NOT AVAILABLE",
    Milestone.RTO_IN_TRANSIT: "RTO IN TRANSIT", Milestone.RTO_DELIVERED: "RTO DELIVERED",
}  # fmt: skip
_ON_THE_ROAD = (
    ShipmentState.HANDED_OVER, ShipmentState.IN_TRANSIT, ShipmentState.OUT_FOR_DELIVERY, ShipmentState.NDR_OPEN,
    ShipmentState.RTO_INITIATED, ShipmentState.RTO_IN_TRANSIT,
)  # fmt: skip


@dataclass(slots=True)
class Riders:
    """Moves a few parcels one step each time. `share_failed` of the attempts fail once."""

    luck: random.Random
    share_failed: float = 0.1

    def ride(self, parcels: int, old_parcels: int = 1) -> int:
        """Bring up to `parcels` new parcels a step further, and `old_parcels` of the story; how many."""
        mine = Booking.objects.select_related("account", "shipment__order").filter(
            state=BookingState.BOOKED, shipment__state__in=_ON_THE_ROAD
        )
        old = Q(account__code__in=(brand.RIDERS, brand.AGGREGATOR), external_ids__contains=HISTORIC)
        new = Q(account__code=brand.RIDERS) & ~Q(external_ids__contains=HISTORIC)
        return self._some(mine.filter(new), parcels) + self._some(mine.filter(old), old_parcels)

    def _some(self, bookings: QuerySet[Booking], parcels: int) -> int:
        chosen = list(bookings.order_by("last_scan_at", "pk")[: 3 * parcels])
        self.luck.shuffle(chosen)
        return sum(self._step(booking) for booking in chosen[:parcels])

    def _step(self, booking: Booking) -> bool:
        following = _NEXT.get(Milestone(booking.milestone) if booking.milestone else "")
        if following is None:
            return False
        tried = booking.scans.filter(milestone=Milestone.ATTEMPT_FAILED).exists()
        if following == Milestone.DELIVERED and not tried and self.luck.random() < self.share_failed:
            following = Milestone.ATTEMPT_FAILED
        moment = now()
        scan = TrackingScan(
            scan_key=f"ride-{booking.scans.count() + 1}-{following}", milestone=following, occurred_at=moment,
            carrier_status=_WORDS[following], description=_WORDS[following].capitalize(),
            location=booking.shipment.order.ship_city, sub_status=sub_status_of(following, _WORDS[following]),
        )  # fmt: skip
        record_scans(account=booking.account, update=TrackingUpdate(awb=booking.awb, scans=(scan,)), source="webhook")
        return True
