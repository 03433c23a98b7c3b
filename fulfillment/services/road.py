"""Parcels that do not travel as they should: found by the clock, worked on by people, disputed by customers."""

from __future__ import annotations

from datetime import datetime, timedelta

from carriers.base import Certainty, Milestone, TrackingScan, TrackingUpdate
from carriers.models import CarrierAccount
from carriers.registry import ADAPTERS
from carriers.services import record_scans
from fulfillment.locks import lock_shipments
from fulfillment.models import (
    AnsweredBy,
    AnswerKind,
    FailedDelivery,
    FailureState,
    RoadTrouble,
    Shipment,
    ShipmentState,
    TroubleKind,
)
from fulfillment.services.answers import Wish, answer_failure
from fulfillment.services.care_terms import care_terms
from fulfillment.services.road_sql import look_sql
from fulfillment.services.tracking import apply_tracking
from oms.core.clock import now
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from orders.models import Order
from orders.services import TimelineEntry, record

#: The longest that a person may put a trouble off.
MOST_SNOOZE_DAYS = 14


def look_at_the_road() -> tuple[int, int]:
    """Open, renew and close what is wrong with parcels on the road; how many were opened or changed, and closed.

    One statement over all of them. Twice changes nothing. Parcels of couriers that nobody outside scans are looked at
    for their date alone.
    """
    columns: dict[str, list[object]] = {
        name: [] for name in ("accounts", "services", "silent", "stuck", "collect", "tracked")
    }
    for account in CarrierAccount.objects.order_by("pk"):
        terms = care_terms(account)
        adapter = ADAPTERS.get(account.adapter)
        for service in Order.ServiceLevel.values:
            columns["accounts"].append(account.pk)
            columns["services"].append(service)
            columns["silent"].append(terms.silent_for(service))
            columns["stuck"].append(terms.stuck_days)
            columns["collect"].append(terms.collect_days)
            columns["tracked"].append(adapter is not None and adapter.certainty != Certainty.OWN)
    rows = run_atomic(lambda: fetch_all(look_sql(), columns | {"now": now()}))
    return rows[0][0], rows[0][1]


def look_after_failures(limit: int = 200) -> tuple[int, int]:
    """Bring back what carriers were told and did not do; answer by rule what nobody answered in time, at most `limit`.

    How many came back, and how many were answered. Twice changes nothing.
    """
    back = run_atomic(_bring_back)
    ruled = CarrierAccount.objects.filter(settings__care__after_due__in=["again", "return"])
    waiting = FailedDelivery.objects.filter(
        state=FailureState.WAITING, due_at__lt=now(), answers__isnull=True,
        shipment__carrier_account__in=ruled.values("pk"),
    )  # fmt: skip
    answered = 0
    for failure in waiting.select_related("shipment__carrier_account").order_by("due_at", "pk"):
        terms = care_terms(failure.shipment.carrier_account)
        over = failure.number >= terms.attempts and terms.after_due != AnswerKind.RETURN
        if terms.after_due is None or over:
            # After its last attempt a person decides.
            continue
        if answered == limit:
            break
        try:
            wish = Wish(kind=terms.after_due, note="Nobody answered in time.")
            answer_failure(failure_id=failure.pk, wish=wish, by=AnsweredBy.RULE, actor="rule", seen=0)
        except DomainError:
            # It moved on, or somebody was faster.
            continue
        answered += 1
    return back, answered


def _bring_back() -> int:
    """Under the locks of the parcels, as scans write these rows too."""
    told = FailedDelivery.objects.filter(state=FailureState.TOLD, act_by__lt=now())
    lock_shipments(list(told.values_list("shipment_id", flat=True)))
    return told.update(state=FailureState.NOT_DONE, act_by=None, due_at=now())


# -- what people do ----------------------------------------------------------------------------------------------------


def _changed(trouble_id: int, actor: str, message: str, **changes: object) -> RoadTrouble:
    found = RoadTrouble.objects.filter(pk=trouble_id).values_list("shipment_id", flat=True).first()
    if found is None:
        raise NotFound(f"There is no trouble {trouble_id} on the road.")

    def work() -> RoadTrouble:
        [shipment] = lock_shipments([found])
        trouble = RoadTrouble.objects.get(pk=trouble_id)
        if trouble.closed_at is not None:
            raise Conflict(f"This is over: the parcel of {shipment.order.number} was dealt with or has moved.")
        for name, value in changes.items():
            setattr(trouble, name, value)
        trouble.save(update_fields=list(changes))
        record([TimelineEntry(order_id=shipment.order_id, kind="road_trouble", actor=actor,
                              message=f"{trouble.get_kind_display()}: {message}")])  # fmt: skip
        return trouble

    return run_atomic(work)


def ask_carrier(*, trouble_id: int, ticket: str, note: str, actor: str) -> RoadTrouble:
    """Note that the carrier was asked, under which reference of theirs. Raises DomainError where both are empty."""
    ticket, note = ticket.strip()[:60], note.strip()[:300]
    if not ticket and not note:
        raise DomainError("Give the carrier's reference, or say what was asked.", field="ticket")
    said = ", ".join(part for part in (ticket, note) if part)
    asked: dict[str, object] = {"ticket": ticket or note[:60], "asked_at": now(), "asked_by": actor[:120]}
    # What a customer said stays; what was asked stands in the timeline in any case.
    if not RoadTrouble.objects.filter(pk=trouble_id, kind=TroubleKind.DISPUTED).exists():
        asked["note"] = note
    return _changed(trouble_id, actor, f"the carrier was asked ({said}).", **asked)


def snooze(*, trouble_id: int, days: int, actor: str) -> RoadTrouble:
    """Put it out of sight for some days. Raises DomainError for more than `MOST_SNOOZE_DAYS`."""
    if not 1 <= days <= MOST_SNOOZE_DAYS:
        raise DomainError(f"{days} days is not between 1 and {MOST_SNOOZE_DAYS}.", field="days")
    return _changed(trouble_id, actor, f"put off for {days} days.", snoozed_until=now() + timedelta(days=days))


def close_trouble(*, trouble_id: int, reason: str, actor: str) -> RoadTrouble:
    """A person ends it with a reason; the same fact does not open it again. Raises DomainError without a reason."""
    reason = reason.strip()[:200]
    if not reason:
        raise DomainError("Say why it is closed.", field="reason")
    return _changed(trouble_id, actor, f"closed, {reason}.", closed_at=now(), closed_by=actor[:120] or "?",
                    close_reason=reason)  # fmt: skip


def mark_lost(*, trouble_id: int, reason: str, actor: str) -> RoadTrouble:
    """The carrier cannot find the parcel: it is lost, as if the carrier had scanned it so.

    A delivery that is scanned later still counts. Raises Conflict for a parcel that was delivered, or is back.
    """
    trouble = RoadTrouble.objects.select_related("shipment__booking__account").filter(pk=trouble_id).first()
    if trouble is None:
        raise NotFound(f"There is no trouble {trouble_id} on the road.")
    booking = trouble.shipment.booking

    def work() -> RoadTrouble:
        [shipment] = lock_shipments([trouble.shipment_id])
        if booking is None or shipment.state in (ShipmentState.DELIVERED, ShipmentState.RTO_RECEIVED):
            raise Conflict(f"Parcel {shipment} is {shipment.get_state_display().lower()}: it cannot be marked as lost.")
        closed = close_trouble(trouble_id=trouble_id, reason=f"lost: {reason.strip() or 'not found'}", actor=actor)
        scan = TrackingScan(scan_key=f"lost/{trouble_id}", milestone=Milestone.LOST, occurred_at=now(),
                            carrier_status="Lost", description=f"Marked as lost by {actor}")  # fmt: skip
        update = TrackingUpdate(awb=booking.awb, scans=(scan,))
        record_scans(account=booking.account, update=update, source="person")
        apply_tracking([booking.pk], actor=actor)
        return closed

    return run_atomic(work)


# -- what customers say ------------------------------------------------------------------------------------------------


def may_dispute(shipment: Shipment) -> bool:
    """Whether its customer may still say that a delivered parcel did not come."""
    if shipment.state != ShipmentState.DELIVERED or shipment.delivered_at is None or shipment.booking_id is None:
        return False
    return now() < disputable_until(shipment)


def disputable_until(shipment: Shipment) -> datetime:
    """Until when that may be said. The parcel is delivered."""
    delivered = shipment.delivered_at or now()
    return delivered + timedelta(days=care_terms(shipment.carrier_account).dispute_days)


def dispute(*, shipment_id: int, note: str = "") -> RoadTrouble:
    """The customer says that what the carrier calls delivered did not come. Again changes nothing.

    Raises Conflict where it was not delivered, is too long ago, or was looked into already.
    """

    def work() -> RoadTrouble:
        found = lock_shipments([shipment_id])
        if not found:
            raise NotFound(f"There is no parcel {shipment_id}.")
        [shipment] = found
        known = RoadTrouble.objects.filter(shipment=shipment, kind=TroubleKind.DISPUTED).first()
        if known is not None and known.closed_at is None:
            return known
        if known is not None:
            raise Conflict("We have looked into this already. Write to us if it is still not there.")
        if not may_dispute(shipment):
            raise Conflict("This cannot be reported here any more. Write to us instead.")
        trouble = RoadTrouble.objects.create(
            shipment=shipment, kind=TroubleKind.DISPUTED, since=shipment.delivered_at or now(), note=note[:300]
        )
        message = f"The customer says that parcel {shipment} did not come."
        record([TimelineEntry(order_id=shipment.order_id, kind="road_trouble", actor="customer", message=message)])
        return trouble

    return run_atomic(work)
