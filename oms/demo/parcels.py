"""Bookings and scans of past parcels, written as rows: no carrier was there to be called."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from carriers.adapters.shiprocket.statuses import SHIPMENT_STATUS
from carriers.base import Milestone
from carriers.models import Booking, BookingState, CarrierAccount, TrackingEvent
from carriers.rates import NotServiceable, charge, sample_card
from carriers.services.stored_request import write_request
from carriers.simulators.shiprocket.couriers import COURIERS
from carriers.simulators.shiprocket.movement import REASONS, Outcome, plan
from carriers.zones import Zone
from fulfillment.models import Shipment, ShipmentState
from fulfillment.services import booking_request
from fulfillment.states import SHIPMENT
from oms.core.ids import uuid7
from oms.core.states import advance_many
from routing.engine import NodeInput, OrderInput
from routing.services import lane

#: In `Booking.external_ids` of a parcel that no carrier, simulated or not, knows.
HISTORIC = {"demo": "history"}
_OUTCOMES = ((Outcome.DELIVERED, 0.86), (Outcome.FAILED_THEN_DELIVERED, 0.07), (Outcome.RTO, 0.07))


@dataclass(slots=True)
class Trip:
    """One parcel on its way: what was booked and every scan to come, by time."""

    shipment: Shipment
    booking: Booking
    days: int
    outcome: Outcome
    scans: list[TrackingEvent]


def book_all(
    shipments: Sequence[Shipment], aggregator: CarrierAccount, riders: CarrierAccount, luck: random.Random
) -> list[Trip]:
    """Book the parcels and move the shipments to LABELLED; scans are added once they leave (see `depart`)."""
    trips = [_trip(shipment, aggregator, riders, luck) for shipment in shipments]
    Booking.objects.bulk_create(trip.booking for trip in trips)
    for trip in trips:
        shipment, booking = trip.shipment, trip.booking
        shipment.booking, shipment.awb, shipment.courier_name = booking, booking.awb, booking.courier_name
        shipment.carrier_account, shipment.expected_delivery = booking.account, booking.expected_delivery
    fields = ["booking", "awb", "courier_name", "carrier_account", "expected_delivery"]
    Shipment.objects.bulk_update(shipments, fields, batch_size=500)
    return trips


def mark_labelled(shipments: Sequence[Shipment], moment: datetime) -> None:
    """The parcels have their labels."""
    ids = [shipment.pk for shipment in shipments]
    advance_many(Shipment, ids, ShipmentState.LABELLED, using=SHIPMENT, actor="carriers", labelled_at=moment)


def _trip(shipment: Shipment, aggregator: CarrierAccount, riders: CarrierAccount, luck: random.Random) -> Trip:
    request = booking_request(shipment)
    start = shipment.node
    way = lane(
        OrderInput(key=shipment.order_id, lines=(), postcode=shipment.order.ship_postcode),
        NodeInput(node_id=start.pk, code=start.code, postcode=start.postcode, lat=start.latitude, lon=start.longitude),
    )
    zone = Zone(way.zone) if way.zone else Zone.D
    near = zone == Zone.A and luck.random() < 0.7
    account = riders if near else aggregator
    courier = luck.choices(COURIERS, (5, 1, 3, 3, 0 if request.cod_minor else 1))[0]
    days = 1 if near else max(1, way.transit_days + courier.days)
    cost = _price_minor(zone, shipment.weight_grams, request.cod_minor) * courier.factor_percent
    booking = Booking(
        account=account, client_reference=f"{request.order_number}-{shipment.uid.hex[-6:]}-1",
        parcel_uid=shipment.uid, order_number=request.order_number, state=BookingState.BOOKED, attempts=1,
        awb=f"{'CR' if near else courier.courier_id}{luck.randrange(10**10):010d}",
        courier_name="City riders" if near else courier.name, external_ids=HISTORIC, charge_minor=cost // 100,
        expected_charge_minor=cost // 100, milestone=Milestone.BOOKED, uid=uuid7(),
    )  # fmt: skip
    booking.request = write_request(request)
    outcome = luck.choices([name for name, _ in _OUTCOMES], [share for _, share in _OUTCOMES])[0]
    if near and outcome is Outcome.RTO:
        outcome = Outcome.DELIVERED
    return Trip(shipment, booking, days, outcome, [])


def _price_minor(zone: Zone, grams: int, cod_minor: int) -> int:
    """What the sample card asks; for parcels too heavy for it, what two halves would cost."""
    try:
        return charge(sample_card(), zone, grams, cod_minor).total_minor
    except NotServiceable:
        return 2 * charge(sample_card(), Zone.D, min(grams // 2, 20_000), cod_minor).total_minor


def depart(trip: Trip, left_at: datetime, until: datetime, luck: random.Random) -> None:
    """Work out the scans from when the driver took the parcel; those after `until` have not happened."""
    origin, destination = trip.shipment.node.postcode, trip.shipment.order.ship_postcode
    late = luck.uniform(20, 70) if luck.random() < 0.06 else 0.0
    steps = plan(origin, destination, trip.days, trip.outcome, luck.choice(REASONS))
    for number, step in enumerate(steps):
        # The plan counts from when the carrier sets out; the parcel is picked up an hour into it.
        hours = step.hours - 1 + (late if step.hours > 6 else 0.0)
        moment = left_at + timedelta(hours=hours, seconds=luck.uniform(30, 900))
        if moment > until:
            break
        name, milestone = SHIPMENT_STATUS[step.status_number]
        trip.scans.append(TrackingEvent(
            booking=trip.booking, scan_key=f"{number}-{step.code}", milestone=milestone, occurred_at=moment,
            recorded_at=moment, carrier_status=name, description=step.activity, location=step.location,
            source="webhook",
        ))  # fmt: skip
    if trip.scans:
        latest = trip.scans[-1]
        trip.booking.milestone, trip.booking.last_scan_at = latest.milestone, latest.occurred_at
    trip.booking.expected_delivery = (left_at + timedelta(days=trip.days)).date()
