"""A packed parcel changes its carrier: the old label is void before the new one is bought."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from carriers.choosing import Quote
from carriers.models import Booking, BookingState
from carriers.services import cancel_booking, choose
from carriers.services.bookings import live_booking
from carriers.services.choice import rate_request
from fulfillment.locks import lock_shipments
from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentState
from fulfillment.services.piles import note_dropped
from fulfillment.services.shipping import book_shipment, booking_request, parcel_terms
from fulfillment.states import SHIPMENT
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, NotFound, PermanentError, TransientError
from oms.core.states import advance
from orders.services import TimelineEntry, record

#: States in which a parcel may change its carrier: it has not left.
SWITCHABLE = (ShipmentState.CREATED, ShipmentState.LABELLED, ShipmentState.MANIFESTED)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a change of carrier would mean for one parcel: the best quote of the new one, or why there is none."""

    shipment: Shipment
    quote: Quote | None
    refusal: str = ""

    @property
    def more_minor(self) -> int | None:
        """What it costs beyond the present carrier, in minor units; None where either price is not known."""
        booking = self.shipment.booking
        before = booking.expected_charge_minor if booking is not None else None
        if self.quote is None or self.quote.charge_minor is None or before is None:
            return None
        return self.quote.charge_minor - before


def preview_change(
    shipments: Sequence[Shipment], account_id: int | None, *, seconds: float = math.inf
) -> list[Exchange]:  # fmt: skip
    """What the change would mean, parcel by parcel; nothing is written. Asks carriers: never inside a transaction.

    `account_id` is the new account; None for the best of all but the present one. After so many seconds no further
    parcel is asked about: carriers without a rate card answer one by one. The first is always asked about.
    """
    until = monotonic() + seconds
    exchanges: list[Exchange] = []
    for shipment in shipments:
        if exchanges and monotonic() > until:
            break
        exchanges.append(_exchange(shipment, account_id, shipment.carrier_account_id))
    return exchanges


def _exchange(shipment: Shipment, account_id: int | None, old: int | None) -> Exchange:
    if shipment.state not in SWITCHABLE or shipment.fulfillment_order.kind == FulfillmentOrderKind.PICKUP:
        return Exchange(shipment, None, _past(shipment))
    if account_id is not None and account_id == shipment.carrier_account_id and shipment.state != ShipmentState.CREATED:
        return Exchange(shipment, None, f"It goes with {_carried_by(shipment)} already.")
    promised = shipment.order.promised_by
    request = booking_request(shipment)
    quotes = choose(
        request=rate_request(request), promised_by=promised.date() if promised else None,
        terms=parcel_terms(shipment, request), fastest=shipment.fulfillment_order.goes_fast,
        but=[old] if account_id is None and old else (),
    )  # fmt: skip
    wanted = [quote for quote in quotes if account_id in (None, quote.account_id)]
    best = next((quote for quote in wanted if quote.eligible), None)
    if best is not None:
        return Exchange(shipment, best)
    reasons = " ".join(f"{quote.account_name}: {quote.reason}" for quote in wanted)
    return Exchange(shipment, None, reasons or "There is no other active carrier account.")


def _past(shipment: Shipment) -> str:
    return f"{shipment} of {shipment.order.number} is {shipment.get_state_display().lower()}."


def _carried_by(shipment: Shipment) -> str:
    return f"{shipment.carrier_account} {shipment.awb}"


def accounts_of(shipment_ids: Sequence[int]) -> dict[int, int]:
    """The account with which each of these parcels goes now, labelled or only booked; 0 for none."""
    rows = Shipment.objects.filter(pk__in=shipment_ids).values_list("pk", "uid", "carrier_account_id")
    found = [(pk, uid, account_id) for pk, uid, account_id in rows]
    live = Booking.objects.filter(parcel_uid__in=[uid for _, uid, _ in found], state__in=Booking.LIVE)
    booked = dict(live.values_list("parcel_uid", "account_id"))
    return {pk: account_id or booked.get(uid, 0) for pk, uid, account_id in found}


def change_carrier(
    shipment_id: int, *, account_id: int | None, reason: str, actor: str, leave: int | None = None
) -> Shipment:  # fmt: skip
    """Void the label of a packed parcel and buy one of another account; the parcel. Never inside a transaction.

    `account_id` is the new account; None for the best of all but the present one. `leave` is the account with which the
    parcel went when the change was asked for (0 for none), so that it can be done again: one that goes with another by
    then is done. What the new one would say is asked first: a parcel that nobody else takes keeps its label. From the
    moment at which the old label is being voided the parcel has none, so that nobody hands it over with a void one;
    done again after a crash, it goes on from there.

    Raises NotFound, Conflict for a parcel that has left, that goes with that account already, that the new one does not
    take, or whose label the old carrier does not void (it keeps it), TransientError where a carrier does not answer:
    the parcel stands among the label problems until this is done again.
    """
    rows = Shipment.objects.select_related("order__channel", "node", "fulfillment_order", "booking", "carrier_account")
    shipment = rows.filter(pk=shipment_id).first()
    if shipment is None:
        raise NotFound(f"There is no parcel {shipment_id}.")
    if leave is None:
        leave = accounts_of([shipment_id])[shipment_id]
    elif _goes_already(shipment, account_id, leave):
        return shipment
    exchange = _exchange(shipment, account_id, leave)
    if exchange.quote is None:
        raise Conflict(exchange.refusal)
    before = _carried_by(shipment) if shipment.carrier_account_id else "no carrier"
    run_atomic(lambda: _take_label_off(shipment_id, reason, actor))
    live = live_booking(shipment.uid)
    if live is not None and not _stays(live, account_id, leave):
        try:
            cancel_booking(live.pk, actor=actor, reason=reason, guard=lambda: _refuse_labelled(shipment_id))
        except PermanentError as error:
            book_shipment(shipment_id)  # finds the live booking again
            raise Conflict(f"{live.account.name} does not void {live.awb}: {error}") from error
        except TransientError as error:
            words = f"{live.account.name} has not voided {live.awb} yet: {error}"
            Shipment.objects.filter(pk=shipment_id, state=ShipmentState.CREATED).update(problem=words[:500])
            raise
    but = [leave] if leave and account_id is None else []
    after = book_shipment(shipment_id, account_id=account_id, but=but)
    after.refresh_from_db()
    if after.state == ShipmentState.CREATED:
        raise Conflict(f"The old label is void, and there is no new one: {after.problem}")
    if account_id not in (None, after.carrier_account_id):
        raise Conflict(f"Meanwhile it was booked with {_carried_by(after)}. Change it again.")
    message = f"Carrier changed from {before} to {_carried_by(after)}: {reason}"
    record([TimelineEntry(order_id=after.order_id, kind="labelled", message=message, actor=actor)])
    return after


def _goes_already(shipment: Shipment, account_id: int | None, leave: int) -> bool:
    """Whether it has a label of another account than the one that is to be left, and of the wanted one."""
    present = shipment.carrier_account_id
    return bool(present) and present != leave and account_id in (None, present)


def _stays(live: Booking, account_id: int | None, leave: int) -> bool:
    """Whether a booking is already what is wanted: an earlier try died before its label."""
    wanted = live.account_id == account_id if account_id is not None else live.account_id != leave
    return live.state == BookingState.BOOKED and wanted


def _refuse_labelled(shipment_id: int) -> None:
    """Somebody labels the parcel with the booking that is about to be void, or did so a moment ago."""
    shipment = lock_shipments([shipment_id])[0]
    if shipment.state != ShipmentState.CREATED:
        raise Conflict(f"Meanwhile it was booked with {_carried_by(shipment)}. Change it again.")


def _take_label_off(shipment_id: int, reason: str, actor: str) -> None:
    shipment = lock_shipments([shipment_id])[0]
    if shipment.state not in SWITCHABLE:
        raise Conflict(_past(shipment))
    if shipment.state == ShipmentState.MANIFESTED:
        note_dropped([shipment])
        advance(shipment, ShipmentState.LABELLED, using=SHIPMENT, actor=actor, reason=reason[:200], manifest=None)
    if shipment.state == ShipmentState.LABELLED:
        problem = f"Its label is being exchanged since {now():%H:%M} UTC: {reason}"
        advance(
            shipment, ShipmentState.CREATED, using=SHIPMENT, actor=actor, reason=reason[:200], problem=problem[:500],
            booking=None, awb="", carrier_account=None, courier_name="", labelled_at=None,
        )  # fmt: skip
