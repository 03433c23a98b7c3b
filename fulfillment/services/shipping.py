"""Labels and hand-over: a packed parcel gets a carrier, leaves the node, and the stock leaves the books."""

from __future__ import annotations

from collections.abc import Sequence

from carriers.base import BookingRequest, ParcelItem
from carriers.choosing import ParcelTerms
from carriers.errors import LaneNotServed, NoCarrier
from carriers.locks import lock_bookings
from carriers.models import Booking, BookingState
from carriers.services import book, make_label, waits_for_a_person
from carriers.services.choice import terms_of
from fulfillment.events import ParcelNotServiceable, ShipmentBooked, ShipmentHandedOver, ShipmentVoided
from fulfillment.locks import lock_shipments
from fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    LinkLabels,
    Shipment,
    ShipmentState,
)
from fulfillment.selectors.held import Held, contents_of, held_by_stores, held_units
from fulfillment.services.cash import cash_of_parcel, fix_cash, note_missing_cash
from fulfillment.services.hand_offs import close_finished
from fulfillment.services.held import refuse_held
from fulfillment.services.sending import is_transfer, send_to_stores, store_of
from fulfillment.services.units import packed_by_the_books
from fulfillment.states import FULFILLMENT_ORDER, SHIPMENT
from inventory.locks import lock_levels
from inventory.models import Bucket, StockMovementReason
from inventory.services import Posting, post
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, PermanentError, TransientError
from oms.core.outbox import publish
from oms.core.states import advance, advance_many
from orders.services import TimelineEntry, UnitMove, move_units, record


def booking_request(shipment: Shipment) -> BookingRequest:
    """What the carrier must know of a parcel."""
    order, node = shipment.order, shipment.node
    ship_to = store_of(shipment).address if is_transfer(shipment) else order.shipping_address
    items = shipment.items.select_related("line__sku", "line__order_line").order_by("pk")
    goods = tuple(
        ParcelItem(
            sku_code=item.line.sku.code, name=item.line.order_line.name or item.line.sku.name, quantity=item.quantity,
            unit_price_minor=item.line.order_line.unit_price_minor, hsn=item.line.sku.hsn,
            tax_rate_bp=item.line.sku.tax_rate_bp,
        )
        for item in items
    )  # fmt: skip
    return BookingRequest(
        client_reference="", order_number=order.number, order_date=order.placed_at, ship_from=node.address,
        ship_from_code=node.code, ship_to=ship_to, items=goods, weight_grams=shipment.weight_grams,
        length_mm=shipment.length_mm, width_mm=shipment.width_mm, height_mm=shipment.height_mm,
        declared_value_minor=sum(item.unit_price_minor * item.quantity for item in goods), currency=order.currency,
        cod_minor=cash_of_parcel(shipment), service_level=order.service_level,
    )  # fmt: skip


def parcel_terms(shipment: Shipment, request: BookingRequest) -> ParcelTerms:
    """What the rules of choice may ask of a parcel."""
    return terms_of(request, key=str(shipment.uid), channel_code=shipment.order.channel.code)


def book_shipment(
    shipment_id: int, *, account_id: int | None = None, awb: str = "", but: Sequence[int] = ()
) -> Shipment:  # fmt: skip
    """Book one packed parcel and print its label. Never inside a transaction; again, it finds what was booked.

    With the account that is given, else the best one except those in `but`.
    A refusal by every carrier is stored on the shipment as a problem for a person, and published as
    ParcelNotServiceable where they do not serve the way from here; an unknown outcome waits for
    BookingSettled. Raises TransientError when it should simply be tried again.
    """
    shipment = Shipment.objects.select_related("order__channel", "node", "fulfillment_order").get(pk=shipment_id)
    if shipment.state != ShipmentState.CREATED or shipment.fulfillment_order.kind == FulfillmentOrderKind.PICKUP:
        return shipment
    if shipment.fulfillment_order.with_wms and not awb and shipment.node.wms_link.labels == LinkLabels.THEIRS:
        return shipment  # The WMS books it, and says which AWB it has.
    if shipment.order.is_cod and not is_transfer(shipment):
        shipment.cod_minor = fix_cash(shipment_id)
    promised = shipment.order.promised_by
    try:
        booking = book(
            request=booking_request(shipment), parcel_uid=shipment.uid, account_id=account_id,
            promised_by=promised.date() if promised else None, awb=awb,
            fastest=shipment.fulfillment_order.goes_fast, channel_code=shipment.order.channel.code,
            but=but,
        )  # fmt: skip
    except LaneNotServed as error:
        reason = error.message
        return run_atomic(lambda: _not_served(shipment, reason))
    except (PermanentError, NoCarrier) as error:
        Shipment.objects.filter(pk=shipment_id).update(problem=str(error)[:500])
        return shipment
    if booking.state != BookingState.BOOKED:
        problem = "The carrier has not answered yet; we keep asking."
        if waits_for_a_person(booking):
            problem = "Whether the carrier has it is not certain: look in its panel, and decide on the parcel's page."
        Shipment.objects.filter(pk=shipment_id).update(problem=problem)
        return shipment
    try:
        make_label(booking.pk)
    except PermanentError as error:
        problem = f"Booked as {booking.awb}, but its label cannot be had: {error}"[:500]
        Shipment.objects.filter(pk=shipment_id).update(problem=problem)
        return shipment
    except Conflict as error:
        raise TransientError(error.message) from error
    return run_atomic(lambda: _labelled(shipment_id, booking))


def _not_served(shipment: Shipment, reason: str) -> Shipment:
    """Nobody takes it from here: said on the parcel, and from another node somebody may."""
    waiting = Shipment.objects.filter(pk=shipment.pk, state=ShipmentState.CREATED)
    if waiting.update(problem=reason[:500]):
        publish([ParcelNotServiceable(order_id=shipment.order_id, shipment_id=shipment.pk, reason=reason[:500])])
    return shipment


def _labelled(shipment_id: int, booking: Booking) -> Shipment:
    shipment = lock_shipments([shipment_id])[0]
    if shipment.state == ShipmentState.CANCELLED:
        # Cancelled while the carrier was being asked: what was just bought must be given back.
        publish([ShipmentVoided(shipment_id=shipment.pk, order_id=shipment.order_id, booking_id=booking.pk)])
        return shipment
    if shipment.state != ShipmentState.CREATED:
        return shipment
    [standing] = lock_bookings([booking.pk])
    if standing.state != BookingState.BOOKED:
        # Its carrier was changed while the label was made.
        raise TransientError(f"Booking {standing} is {standing.get_state_display().lower()} by now.")
    advance(
        shipment, ShipmentState.LABELLED, using=SHIPMENT, actor="carriers", booking=booking, awb=booking.awb,
        carrier_account_id=booking.account_id, courier_name=booking.courier_name, problem="", labelled_at=now(),
        expected_delivery=booking.expected_delivery,
        # What the carrier was asked for: an adopted booking may be older than the amount that was fixed last.
        cod_minor=None if is_transfer(shipment) else int(booking.request.get("cod_minor", shipment.cod_minor or 0)),
    )  # fmt: skip
    work = shipment.fulfillment_order
    waiting = work.shipments.filter(state=ShipmentState.CREATED).exists()
    if work.state == FulfillmentOrderState.PACKED and not waiting:
        advance(work, FulfillmentOrderState.READY, using=FULFILLMENT_ORDER, actor="carriers")
    message = f"Label bought: {booking.courier_name} {booking.awb}. {booking.chosen_because}".strip()
    record([TimelineEntry(order_id=shipment.order_id, kind="labelled", message=message, actor="carriers")])
    if shipment.order.is_cod:
        # The carrier may have been asked before another parcel turned out not to bring its cash.
        note_missing_cash([shipment.order_id], "carriers")
    publish([ShipmentBooked(shipment_id=shipment.pk, order_id=shipment.order_id, awb=booking.awb)])
    return shipment


def hand_over(*, shipment_ids: Sequence[int], actor: str, reason: str = "", is_gone: bool = False) -> list[int]:
    """Parcels leave the node: stock goes from packed to the customer; the ids of those that left now.

    Raises Conflict for a parcel without a label or with a void one, MayNotLeave for one with a lot that was blocked or
    expired since, or a serial number that is not packed here by the books, or for a store that is switched off. A
    parcel that `is_gone` is in the carrier's hands already: what should not have left is said in the timeline, and
    serial numbers stay where the books have them. Parcels that left before are passed over.
    """

    def work() -> list[int]:
        leaving = []
        for shipment in lock_shipments(shipment_ids):
            pickup = shipment.fulfillment_order.kind == FulfillmentOrderKind.PICKUP
            if shipment.state == ShipmentState.CREATED and not pickup:
                raise Conflict(f"{shipment} of {shipment.order.number} has no label yet.")
            if shipment.state in (ShipmentState.CREATED, ShipmentState.LABELLED, ShipmentState.MANIFESTED):
                leaving.append(shipment)
        if not is_gone:
            _refuse_void(leaving)
        if leaving:
            _leave(leaving, actor, reason, is_gone)
        return [shipment.pk for shipment in leaving]

    return run_atomic(work)


def _refuse_void(leaving: Sequence[Shipment]) -> None:
    labelled = {shipment.booking_id: shipment for shipment in leaving if shipment.booking_id is not None}
    void = Booking.objects.filter(pk__in=labelled).exclude(state=BookingState.BOOKED) if labelled else ()
    for booking in void:
        shipment = labelled[booking.pk]
        state = booking.get_state_display().lower()
        raise Conflict(f"The label {shipment.awb} of {shipment.order.number} is not valid any more: it is {state}.")


def _leave(leaving: Sequence[Shipment], actor: str, reason: str, is_gone: bool) -> None:
    by_id = {shipment.pk: shipment for shipment in leaving}
    items = contents_of(leaving)
    held = held_units(items, by_id)
    carried = [shipment for shipment in leaving if is_transfer(shipment)]
    stays: list[Held] = [*held, *held_by_stores(carried)]
    if not is_gone:
        refuse_held(stays)
    advance_many(Shipment, list(by_id), ShipmentState.HANDED_OVER, using=SHIPMENT, actor=actor, reason=reason,
                 handed_over_at=now())  # fmt: skip
    books = packed_by_the_books(items, held)
    sold = {shipment.pk for shipment in leaving if not is_transfer(shipment)}
    if carried and sold:
        # Two statements post: all levels are locked in key order first.
        lock_levels((item.line.sku_id, by_id[item.shipment_id].node_id) for item in items)
    post([
        Posting(
            op_key=f"ship/{item.pk}", leg=leg, sku_id=item.line.sku_id, node_id=by_id[item.shipment_id].node_id,
            from_bucket=Bucket.PACKED, to_bucket=Bucket.CUSTOMER, quantity=part.quantity, lot_id=part.lot_id,
            serial_id=part.serial_id, reason=StockMovementReason.SHIP,
            reference=by_id[item.shipment_id].order.number, actor=actor,
        )
        for item, leg, part in books if item.shipment_id in sold
    ])  # fmt: skip
    if carried:
        send_to_stores(carried, books, actor=actor)
    entries = [
        TimelineEntry(order_id=s.order_id, kind="handed_over", actor=actor, message=_handed_over(s, stays))
        for s in leaving
    ]  # fmt: skip
    moves = [
        UnitMove(item.line.order_line_id, "packed", "shipped", item.quantity)
        for item in items if item.shipment_id in sold
    ]  # fmt: skip
    move_units(moves, entries)
    complete_work([s.fulfillment_order_id for s in leaving], actor)
    with_wms = {s.fulfillment_order_id for s in leaving if s.fulfillment_order.with_wms}
    if with_wms:
        close_finished(with_wms, actor=actor)
    publish([ShipmentHandedOver(shipment_id=s.pk, order_id=s.order_id) for s in leaving if s.pk in sold])


def _handed_over(shipment: Shipment, held: Sequence[Held]) -> str:
    """Where and to whom, and what of it should have stayed."""
    message = f"Handed over at {shipment.node.code}"
    message += f" to {shipment.courier_name}, {shipment.awb}" if shipment.awb else ""
    message += f", for collection at {shipment.order.pickup_node_code}." if is_transfer(shipment) else "."
    wrong = "; ".join(dict.fromkeys(item.words for item in held if item.shipment.pk == shipment.pk))
    return f"{message} It was gone when this was known: {wrong}." if wrong else message


def complete_work(work_ids: Sequence[int], actor: str) -> None:
    """End the work that has no parcel left to hand over."""
    still = (ShipmentState.CREATED, ShipmentState.LABELLED, ShipmentState.MANIFESTED)
    open_ids = set(
        Shipment.objects.filter(fulfillment_order__in=work_ids, state__in=still).values_list(
            "fulfillment_order_id", flat=True
        )
    )
    finished = [pk for pk in set(work_ids) if pk not in open_ids]
    packed = FulfillmentOrder.objects.filter(pk__in=finished, state=FulfillmentOrderState.PACKED)
    advance_many(FulfillmentOrder, packed.values_list("pk", flat=True), FulfillmentOrderState.READY,
                 using=FULFILLMENT_ORDER, actor=actor)  # fmt: skip
    advance_many(FulfillmentOrder, finished, FulfillmentOrderState.COMPLETED, using=FULFILLMENT_ORDER, actor=actor,
                 completed_at=now())  # fmt: skip
