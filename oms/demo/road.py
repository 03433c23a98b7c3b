"""What happens on the road in the past: scans, failed attempts, deliveries, parcels that come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from carriers.base import Milestone
from carriers.models import TrackingEvent
from carriers.simulators.shiprocket.movement import Outcome
from fulfillment.services import apply_tracking
from oms.demo import past
from oms.demo.parcels import Trip, note_scans
from oms.demo.tickets import Stage
from returns.models import Return, ReturnLineDisposition, ReturnState
from returns.services import expect_rto, receive

_TROUBLE = (Milestone.ATTEMPT_FAILED, Milestone.RTO_INITIATED)
_TABLES = (past.ORDER, past.TIMELINE, past.PAYMENT, past.WORK, past.SHIPMENT)


def travel(stage: Stage, trips: Sequence[Trip]) -> None:
    """Write the scans and let the shipments follow them: troubled ones step by step, the others to their end."""
    moving = [trip for trip in trips if trip.scans]
    troubled = [trip for trip in moving if trip.outcome is not Outcome.DELIVERED]
    for milestone in _TROUBLE:
        _advance(stage, troubled, partial(_up_to, milestone=milestone))
        if milestone == Milestone.RTO_INITIATED:
            _expect_returns(stage, troubled)
    _advance(stage, moving, lambda trip: trip.scans)
    note_scans(moving)
    _receive_returns(stage, troubled)


def _up_to(trip: Trip, milestone: Milestone) -> list[TrackingEvent]:
    """The scans up to the first of a milestone; none where it has not happened."""
    for number, scan in enumerate(trip.scans, start=1):
        if scan.milestone == milestone:
            return trip.scans[:number]
    return []


def _advance(stage: Stage, trips: Sequence[Trip], upto: Callable[[Trip], list[TrackingEvent]]) -> None:
    times: dict[int, datetime] = {}
    new: list[TrackingEvent] = []
    bookings = []
    for trip in trips:
        scans = upto(trip)
        fresh = [scan for scan in scans if scan._state.adding]
        if not fresh:
            continue
        new += fresh
        bookings.append(trip.booking.pk)
        order_id = trip.shipment.order_id
        times[order_id] = max(times.get(order_id, scans[-1].occurred_at), scans[-1].occurred_at)
    TrackingEvent.objects.bulk_create(new, batch_size=1000)
    apply_tracking(bookings)
    for order_id, moment in times.items():
        stage.tickets[order_id].at = moment
    stage.past.stamp(times, *_TABLES)


def _expect_returns(stage: Stage, trips: Sequence[Trip]) -> None:
    times = {}
    for trip in trips:
        if _up_to(trip, Milestone.RTO_INITIATED):
            expect_rto(shipment_id=trip.shipment.pk)
            times[trip.shipment.order_id] = stage.tickets[trip.shipment.order_id].at
    stage.past.stamp(times, past.RETURN, past.ORDER, past.TIMELINE)


def _receive_returns(stage: Stage, trips: Sequence[Trip]) -> None:
    """What came back is looked at within a day or two and put where it belongs."""
    back = {trip.shipment.order_id: trip for trip in trips if _up_to(trip, Milestone.RTO_DELIVERED)}
    times = stage.due([stage.tickets[key] for key in back], lambda ticket: ticket.later(90, 2400))
    rows = Return.objects.filter(
        shipment__in=[back[key].shipment.pk for key in times], state=ReturnState.IN_TRANSIT
    ).prefetch_related("lines")
    for row in rows:
        luck = stage.tickets[row.order_id].luck
        dispositions = {
            line.pk: luck.choices(
                [ReturnLineDisposition.RESTOCK, ReturnLineDisposition.DAMAGED, ReturnLineDisposition.QUARANTINE,
                 ReturnLineDisposition.MISSING], (0.80, 0.09, 0.09, 0.02))[0]
            for line in row.lines.all()
        }  # fmt: skip
        receive(return_id=row.pk, dispositions=dispositions, actor="Harpreet Gill")
    stage.past.stamp(times, *_TABLES, past.RETURN)
