"""Bookings and scans of past parcels, written as rows: no carrier was there to be called."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum

from carriers.adapters.said import sub_status_of
from carriers.adapters.shiprocket.statuses import SHIPMENT_STATUS
from carriers.base import BookingRequest, Milestone, ParcelItem
from carriers.models import Booking, BookingState, CarrierAccount, TrackingEvent
from carriers.rates import NotServiceable, charge, sample_card
from carriers.services.stored_request import write_request
from carriers.simulators.shiprocket.couriers import COURIERS
from carriers.simulators.shiprocket.movement import REASONS, Outcome, plan
from carriers.zones import Zone
from fulfillment.models import Shipment, ShipmentItem, ShipmentState
from fulfillment.services import cash_of_parcel
from fulfillment.states import SHIPMENT
from oms.core.db import execute
from oms.core.ids import uuid7
from oms.core.states import advance_many
from orders.models import OrderLine
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


_NOTE_BOOKINGS = """
UPDATE fulfillment_shipment s SET booking_id = b.id, awb = b.awb, courier_name = b.courier_name,
    carrier_account_id = b.account_id
FROM carriers_booking b WHERE b.id = ANY(%s) AND s.uid = b.parcel_uid
"""
_NOTE_SCANS = """
UPDATE carriers_booking b SET milestone = n.milestone, last_scan_at = n.at, expected_delivery = n.expected
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::date[]) AS n(id, milestone, at, expected)
WHERE b.id = n.id
"""
_NOTE_EXPECTED = """
UPDATE fulfillment_shipment s SET expected_delivery = b.expected_delivery
FROM carriers_booking b WHERE b.id = ANY(%s) AND s.booking_id = b.id
"""


def book_all(
    shipments: Sequence[Shipment], aggregator: CarrierAccount, riders: CarrierAccount, luck: random.Random
) -> list[Trip]:
    """Book the parcels, whose orders and nodes are loaded; scans are added once they leave (see `depart`)."""
    contents: dict[int, list[ShipmentItem]] = defaultdict(list)
    items = ShipmentItem.objects.select_related("line__sku", "line__order_line").filter(shipment__in=shipments)
    for item in items.order_by("pk"):
        contents[item.shipment_id].append(item)
    _fix_cash(shipments, contents)
    trips = [_trip(shipment, contents[shipment.pk], aggregator, riders, luck) for shipment in shipments]
    Booking.objects.bulk_create(trip.booking for trip in trips)
    execute(_NOTE_BOOKINGS, [[trip.booking.pk for trip in trips]])
    return trips


def _fix_cash(shipments: Sequence[Shipment], contents: Mapping[int, Sequence[ShipmentItem]]) -> None:
    """What is collected with each parcel of orders paid on delivery, as their labels fix it, one after the other."""
    cod = [shipment for shipment in shipments if shipment.order.is_cod]
    lines = OrderLine.objects.filter(order__in={shipment.order_id for shipment in cod}).order_by("order")
    ordered = dict(lines.values_list("order").annotate(units=Sum("quantity")))
    whole: list[Shipment] = []
    for shipment in cod:
        if sum(item.quantity for item in contents[shipment.pk]) == ordered[shipment.order_id]:
            shipment.cod_minor = shipment.order.total_minor
            whole.append(shipment)
        else:
            shipment.cod_minor = cash_of_parcel(shipment)
            shipment.save(update_fields=["cod_minor"])
    Shipment.objects.bulk_update(whole, ["cod_minor"], batch_size=500)


def note_scans(trips: Sequence[Trip]) -> None:
    """Write what the latest scan of each parcel says onto its booking, and when it is expected."""
    bookings = [trip.booking for trip in trips]
    ids = [booking.pk for booking in bookings]
    columns = [
        ids, [str(booking.milestone) for booking in bookings], [booking.last_scan_at for booking in bookings],
        [booking.expected_delivery for booking in bookings],
    ]  # fmt: skip
    execute(_NOTE_SCANS, columns)
    execute(_NOTE_EXPECTED, [ids])


def mark_labelled(shipments: Sequence[Shipment], moment: datetime) -> None:
    """The parcels have their labels."""
    ids = [shipment.pk for shipment in shipments]
    advance_many(Shipment, ids, ShipmentState.LABELLED, using=SHIPMENT, actor="carriers", labelled_at=moment)


def _request(shipment: Shipment, contents: Sequence[ShipmentItem]) -> BookingRequest:
    """What the carrier would have been asked: as `fulfillment.services.booking_request`, from rows at hand."""
    order, node = shipment.order, shipment.node
    goods = tuple(
        ParcelItem(
            sku_code=item.line.sku.code, name=item.line.order_line.name, quantity=item.quantity,
            unit_price_minor=item.line.order_line.unit_price_minor, hsn=item.line.sku.hsn,
            tax_rate_bp=item.line.sku.tax_rate_bp,
        )
        for item in contents
    )  # fmt: skip
    return BookingRequest(
        client_reference=f"{order.number}-{shipment.uid.hex[-6:]}-1", order_number=order.number,
        order_date=order.placed_at, ship_from=node.address, ship_from_code=node.code, ship_to=order.shipping_address,
        items=goods, weight_grams=shipment.weight_grams, length_mm=shipment.length_mm, width_mm=shipment.width_mm,
        height_mm=shipment.height_mm, declared_value_minor=sum(g.unit_price_minor * g.quantity for g in goods),
        currency=order.currency, cod_minor=shipment.cod_minor or 0,
        service_level=order.service_level,
    )  # fmt: skip


def _trip(
    shipment: Shipment, contents: Sequence[ShipmentItem], aggregator: CarrierAccount, riders: CarrierAccount,
    luck: random.Random,
) -> Trip:  # fmt: skip
    request = _request(shipment, contents)
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
        account=account, client_reference=request.client_reference,
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
            sub_status=sub_status_of(milestone, step.activity) or "", source="webhook",
        ))  # fmt: skip
    if trip.scans:
        latest = trip.scans[-1]
        trip.booking.milestone, trip.booking.last_scan_at = latest.milestone, latest.occurred_at
    trip.booking.expected_delivery = (left_at + timedelta(days=trip.days)).date()
