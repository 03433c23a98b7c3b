"""Failed deliveries, opened and closed by what the carrier scans, inside the transaction that moves the parcel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from carriers.base import Milestone
from carriers.models import TrackingEvent
from fulfillment.events import DeliveryFailedAgain
from fulfillment.models import FailedDelivery, FailureEnd, FailureReason, FailureState, Shipment
from fulfillment.services.care_terms import care_terms
from fulfillment.services.sending import is_transfer
from fulfillment.states import FailedAttempt, ends_the_way, failed_attempts
from oms.core.clock import now
from oms.core.outbox import publish

_REASONS = frozenset(FailureReason.values)
_COLUMNS = ["number", "reason", "state", "closed_at", "ended"]


def note_failures(shipments: Sequence[Shipment], scans: Mapping[int, Sequence[TrackingEvent]]) -> None:
    """Bring the failed deliveries of these parcels in line with all their scans (by booking, in the order of time).

    A scan that comes twice, or late, opens nothing new: the attempt that it belongs to is found by any of its scans.
    The parcels are locked by the caller.
    """
    failing = [row for row in shipments if _has_failed(scans.get(row.booking_id or 0, ()))]
    if not failing:
        return
    known: dict[int, list[FailedDelivery]] = defaultdict(list)
    for row in FailedDelivery.objects.filter(shipment__in=[item.pk for item in failing]).order_by("pk"):
        known[row.shipment_id].append(row)
    changed: list[FailedDelivery] = []
    opened: list[FailedDelivery] = []
    for shipment in failing:
        told = scans[shipment.booking_id or 0]
        attempts = failed_attempts((scan.milestone, scan.occurred_at) for scan in told)
        left = {row.pk: row for row in known[shipment.pk] if row.closed_at is None}
        for number, attempt in enumerate(attempts, start=1):
            known_row = _of_attempt(known[shipment.pk], attempt, told)
            left.pop(known_row.pk if known_row else 0, None)
            row = known_row or _opened(shipment, told[attempt.places[0]])
            before = _facts(row)
            row.number = number
            _explain(row, attempt, told)
            _end(row, attempt, told)
            if known_row is None:
                opened.append(row)
            elif _facts(row) != before:
                changed.append(row)
        for row in left.values():
            _end_of_none(row, told)
            changed.append(row)
    # What ended first: of a parcel only one may be open.
    FailedDelivery.objects.bulk_update(changed, _COLUMNS, batch_size=200)
    FailedDelivery.objects.bulk_create(opened)
    publish([
        DeliveryFailedAgain(shipment_id=row.shipment_id, order_id=row.shipment.order_id, number=row.number)
        for row in opened
        if known[row.shipment_id] and row.closed_at is None and not is_transfer(row.shipment)
    ])  # fmt: skip


def _facts(row: FailedDelivery) -> tuple[object, ...]:
    return row.number, row.reason, row.ended, row.closed_at


def _has_failed(scans: Sequence[TrackingEvent]) -> bool:
    return any(scan.milestone == Milestone.ATTEMPT_FAILED for scan in scans)


def _of_attempt(
    rows: Sequence[FailedDelivery], attempt: FailedAttempt, told: Sequence[TrackingEvent]
) -> FailedDelivery | None:
    ids = {told[place].pk for place in attempt.places}
    return next((row for row in rows if row.scan_id in ids), None)


def _opened(shipment: Shipment, scan: TrackingEvent) -> FailedDelivery:
    hours = care_terms(shipment.carrier_account).answer_hours
    words = scan.description or scan.carrier_status
    return FailedDelivery(
        shipment=shipment, scan=scan, said=words[:300], place=scan.location, failed_at=scan.occurred_at,
        due_at=scan.occurred_at + timedelta(hours=hours), opened_at=now(),
    )  # fmt: skip


def _explain(row: FailedDelivery, attempt: FailedAttempt, told: Sequence[TrackingEvent]) -> None:
    """The first reason that any scan of the attempt gives."""
    given = (told[place].sub_status for place in attempt.places)
    row.reason = next((FailureReason(word) for word in given if word in _REASONS), FailureReason.OTHER)


def _end(row: FailedDelivery, attempt: FailedAttempt, told: Sequence[TrackingEvent]) -> None:
    if attempt.ended and attempt.ended_at_place is not None:
        row.state, row.ended = FailureState.CLOSED, FailureEnd(attempt.ended)
        row.closed_at = told[attempt.ended_at_place].occurred_at


def _end_of_none(row: FailedDelivery, told: Sequence[TrackingEvent]) -> None:
    """What is no attempt any more (its parcel had arrived before, say) ended with what ended the way."""
    last = next((scan for scan in told if ends_the_way(scan.milestone)), None)
    row.state, row.ended = FailureState.CLOSED, FailureEnd(ends_the_way(last.milestone) if last else "next")
    row.closed_at = (last or told[-1]).occurred_at
