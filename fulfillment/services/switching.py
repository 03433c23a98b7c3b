"""A packed parcel changes its carrier: the old label is void before the new one is bought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carriers.choosing import Quote
from carriers.models import BookingState
from carriers.services import cancel_booking, choose
from carriers.services.bookings import live_booking
from carriers.services.choice import rate_request
from fulfillment.locks import lock_shipments
from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentState
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


def preview_change(shipments: Sequence[Shipment], account_id: int | None) -> list[Exchange]:
    """What the change would mean, parcel by parcel; nothing is written. Asks carriers: never inside a transaction.

    `account_id` is the new account; None for the best of all but the present one.
    """
    return [_exchange(shipment, account_id) for shipment in shipments]


def _exchange(shipment: Shipment, account_id: int | None) -> Exchange:
    if shipment.state not in SWITCHABLE or shipment.fulfillment_order.kind == FulfillmentOrderKind.PICKUP:
        return Exchange(shipment, None, _past(shipment))
    old = shipment.carrier_account_id
    if account_id is not None and account_id == old and shipment.state != ShipmentState.CREATED:
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


def change_carrier(shipment_id: int, *, account_id: int | None, reason: str, actor: str) -> Shipment:
    """Void the label of a packed parcel and buy one of another account; the parcel. Never inside a transaction.

    `account_id` is the new account; None for the best of all but the present one. What the new one would say is asked
    first: a parcel that nobody else takes keeps its label. From the moment at which the old label is being voided the
    parcel has none, so that nobody hands it over with a void one; done again after a crash, it goes on from there.

    Raises NotFound, Conflict for a parcel that has left, that goes with that account already, that the new one does not
    take, or whose label the old carrier does not void (it keeps it), TransientError where a carrier does not answer:
    the parcel stands among the label problems until this is done again.
    """
    rows = Shipment.objects.select_related("order__channel", "node", "fulfillment_order", "booking", "carrier_account")
    shipment = rows.filter(pk=shipment_id).first()
    if shipment is None:
        raise NotFound(f"There is no parcel {shipment_id}.")
    exchange = _exchange(shipment, account_id)
    if exchange.quote is None:
        raise Conflict(exchange.refusal)
    before = _carried_by(shipment) if shipment.carrier_account_id else "no carrier"
    run_atomic(lambda: _take_label_off(shipment_id, reason, actor))
    live = live_booking(shipment.uid)
    if live is not None and not (live.state == BookingState.BOOKED and live.account_id == account_id):
        try:
            cancel_booking(live.pk, actor=actor, reason=reason)
        except PermanentError as error:
            book_shipment(shipment_id)  # finds the live booking again
            raise Conflict(f"{live.account.name} does not void {live.awb}: {error}") from error
        except TransientError as error:
            words = f"{live.account.name} has not voided {live.awb} yet: {error}"
            Shipment.objects.filter(pk=shipment_id, state=ShipmentState.CREATED).update(problem=words[:500])
            raise
    but = [live.account_id] if live is not None and account_id is None else []
    after = book_shipment(shipment_id, account_id=account_id, but=but)
    after.refresh_from_db()
    if after.state == ShipmentState.CREATED:
        raise Conflict(f"The old label is void, and there is no new one: {after.problem}")
    if account_id not in (None, after.carrier_account_id):
        raise Conflict(f"Meanwhile it was booked with {_carried_by(after)}. Change it again.")
    message = f"Carrier changed from {before} to {_carried_by(after)}: {reason}"
    record([TimelineEntry(order_id=after.order_id, kind="labelled", message=message, actor=actor)])
    return after


def _take_label_off(shipment_id: int, reason: str, actor: str) -> None:
    shipment = lock_shipments([shipment_id])[0]
    if shipment.state not in SWITCHABLE:
        raise Conflict(_past(shipment))
    if shipment.state == ShipmentState.MANIFESTED:
        advance(shipment, ShipmentState.LABELLED, using=SHIPMENT, actor=actor, reason=reason[:200], manifest=None)
    if shipment.state == ShipmentState.LABELLED:
        problem = f"Its label is being exchanged since {now():%H:%M} UTC: {reason}"
        advance(
            shipment, ShipmentState.CREATED, using=SHIPMENT, actor=actor, reason=reason[:200], problem=problem[:500],
            booking=None, awb="", carrier_account=None, courier_name="", labelled_at=None,
        )  # fmt: skip
