"""Cancellation at every stage before the road: units, reservations, parcels and labels undone in one transaction."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from uuid import UUID

from django.db.models import F, Q, Sum

from fulfillment.errors import CannotCancel
from fulfillment.events import ShipmentVoided
from fulfillment.locks import lock_one_work, lock_shipments, lock_work_lines, lock_work_of_orders
from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState, Shipment, ShipmentState
from fulfillment.services.arriving import cancel_awaited
from fulfillment.services.cancelling_units import UNASSIGNED, cancel_units
from fulfillment.services.cash import cash_collected, note_missing_cash, record_cash
from fulfillment.services.hand_offs import ASKED_FIRST, ask_to_cancel, asked_first, close_finished, end_hand_offs
from fulfillment.services.invoicing import cancel_invoices_of
from fulfillment.services.piles import note_dropped
from fulfillment.services.shipping import complete_work
from fulfillment.services.units import packed_units
from fulfillment.services.unworked import Unworked, release_unworked, unworked
from fulfillment.services.work import release_lines
from fulfillment.states import FULFILLMENT_ORDER, SHIPMENT
from inventory.models import Bucket, Reservation, StockMovementReason
from inventory.services import Posting, announce, post
from oms.core.db import run_atomic
from oms.core.errors import DomainError
from oms.core.outbox import publish
from oms.core.states import advance, advance_many
from orders.events import OrderCancelled
from orders.kits import by_kit, cancellable_units, kit_units, live_units, open_kits, takes_whole_kits
from orders.locks import lock_lines, lock_order
from orders.models import Order, OrderLine, Payment
from orders.services import TimelineEntry, UnitMove, due_minor, end_holds, move_units, owe_less
from routing.services import giving_back_load

State = FulfillmentOrderState
_BEFORE_ROAD = (ShipmentState.CREATED, ShipmentState.LABELLED, ShipmentState.MANIFESTED)


@dataclass(slots=True)
class CancelPreview:
    """What a cancellation would do: shown before, returned after."""

    number: str
    units: int = 0
    shipped_units: int = 0
    released_units: dict[str, int] = field(default_factory=dict)
    labels_voided: list[str] = field(default_factory=list)
    refund_minor: int = 0
    reduced_minor: int = 0
    currency: str = "INR"
    refused: str = ""
    #: Nodes whose own WMS is asked first, and the units there: cancelled once it agrees, and not counted above.
    asked: list[str] = field(default_factory=list)
    asked_units: int = 0


def preview_cancel(*, order_id: int, lines: Mapping[int, int] | None = None) -> CancelPreview:
    """What `cancel_order` would do now, without doing it; `refused` says why it cannot."""
    order = Order.objects.get(pk=order_id)
    order_lines = list(order.lines.all())
    work = FulfillmentOrder.objects.filter(order=order, with_wms=True, state__in=FulfillmentOrder.LIVE)
    asking = work.filter(hand_off__state__in=ASKED_FIRST).select_related("node") if lines is None else []
    return _previewed(order, order_lines, _wanted(order_lines, lines), list(asking))


def _previewed(
    order: Order, order_lines: Sequence[OrderLine], wanted: dict[int, int], asking: Sequence[FulfillmentOrder]
) -> CancelPreview:
    """What becomes of these units; what lies at work whose WMS is asked first is taken out of `wanted`."""
    preview = CancelPreview(number=order.number, currency=order.currency)
    if asking:
        before = sum(wanted.values())
        preview.asked = sorted({item.node.code for item in asking})
        _without(wanted, asking)
        preview.asked_units = before - sum(wanted.values())
    preview.units = sum(wanted.values())
    preview.shipped_units = sum(line.shipped for line in order_lines)
    if preview.units == 0 and not preview.asked_units:
        preview.refused = _nothing_to_cancel(order)
    for row in Reservation.objects.filter(order_id=order.pk, open_quantity__gt=0).select_related("node"):
        if row.node.code in preview.asked:
            continue
        preview.released_units[row.node.code] = preview.released_units.get(row.node.code, 0) + row.open_quantity
    preview.labels_voided = list(
        order.shipments.filter(state__in=_BEFORE_ROAD).exclude(awb="").values_list("awb", flat=True)
    )
    preview.reduced_minor, preview.refund_minor = _refund(order, order_lines, wanted)
    return preview


def _without(wanted: dict[int, int], work: Sequence[FulfillmentOrder]) -> None:
    """Take the units of this work that have not left out of `wanted`."""
    for line_id, units in _open_units(work).items():
        rest = wanted.get(line_id, 0) - units
        if rest > 0:
            wanted[line_id] = rest
        else:
            wanted.pop(line_id, None)


def _open_units(work: Sequence[FulfillmentOrder]) -> Counter[int]:
    """Units of the work by order line that are not short and in no parcel that left."""
    units: Counter[int] = Counter()
    rows = FulfillmentLine.objects.filter(fulfillment_order__in=[item.pk for item in work])
    gone = Q(shipment_items__isnull=False) & ~Q(shipment_items__shipment__state__in=(*_BEFORE_ROAD, "cancelled"))
    left = Sum("shipment_items__quantity", filter=gone, default=0)
    for line in rows.annotate(left=left).order_by("pk"):
        units[line.order_line_id] += line.quantity - line.short - line.left
    return units


def cancel_order(
    *, order_id: int, reason: str, actor: str, lines: Mapping[int, int] | None = None, not_collected: bool = False
) -> CancelPreview:
    """Cancel a whole order, or `lines` ({order line id: units}), as far as nothing has left a node yet.

    Work that the WMS of a node has in hand is asked for first (`asked`): its units are cancelled once it agrees.

    One transaction: units cancelled, reservations released, packed goods back on hand, parcels voided (the carrier is
    told by the flow), refund due noted. Work whose parcels lie ready ends as `not_collected` where that is why. Raises
    CannotCancel where the goods are on the road, DomainError for more units than the line has. Cancelling a cancelled
    order changes nothing.
    """
    if not reason.strip():
        raise DomainError("Say why the order is cancelled.", field="reason")

    def work() -> CancelPreview:
        order = lock_order(order_id)
        if order.stage == "cancelled":
            return CancelPreview(number=order.number, currency=order.currency)
        order_lines = lock_lines([order_id])
        wanted = _wanted(order_lines, lines)
        work = lock_work_of_orders([order_id])
        asked = asked_first(work) if lines is None else []
        held = {row.fulfillment_order_id for row in asked}
        preview = _previewed(order, order_lines, wanted, [item for item in work if item.pk in held])
        if preview.refused:
            raise CannotCancel(preview.refused)
        with giving_back_load([order_id]):
            if lines is None:
                _cancel_all(order, [item for item in work if item.pk not in held], actor, reason, not_collected)
            else:
                asked = cancel_units(order, order_lines, wanted, actor, reason)
                _leave_out(preview, order, order_lines, wanted, [row.fulfillment_order for row in asked])
        wish = {"do": "cancel", "reason": reason, "actor": actor, "not_collected": not_collected}
        ask_to_cancel(asked, wish, actor=actor, reason=reason)
        if not preview.units:
            return preview
        _note(order, preview, whole=lines is None and not asked, reason=reason, actor=actor,
              not_collected=not_collected)  # fmt: skip
        if order.is_cod:
            # Where nothing else is to come, what arrived and was paid for before is all there will be.
            record_cash(order.shipments.filter(state=ShipmentState.DELIVERED).select_related("order"), actor)
            note_missing_cash([order_id], actor)
        return preview

    return run_atomic(work)


def _leave_out(
    preview: CancelPreview, order: Order, order_lines: Sequence[OrderLine], wanted: dict[int, int],
    asking: Sequence[FulfillmentOrder],
) -> None:  # fmt: skip
    """What was found to be asked for first is not cancelled yet. The lines are as they were before."""
    if not asking:
        return
    preview.asked = sorted({item.node.code for item in asking})
    _without(wanted, asking)
    preview.asked_units, preview.units = preview.units - sum(wanted.values()), sum(wanted.values())
    preview.reduced_minor, preview.refund_minor = _refund(order, order_lines, wanted)


def cancel_work(*, fulfillment_order_id: int, reason: str, actor: str, not_collected: bool = False) -> CancelPreview:
    """Cancel what one piece of work was given, as far as it has not left: its WMS agreed, or a person decided.

    One transaction, as `cancel_order`. Raises CannotCancel where all of it has left.
    """

    def work() -> CancelPreview:
        item = lock_one_work(fulfillment_order_id)
        order, order_lines = item.order, lock_lines([item.order_id])
        if item.state not in FulfillmentOrder.LIVE:
            raise CannotCancel(f"{item.number} is {item.get_state_display().lower()} already.")
        live = {line.pk: live_units(line) for line in order_lines}
        wanted = {pk: min(units, live[pk]) for pk, units in _open_units([item]).items() if min(units, live[pk]) > 0}
        preview = _previewed(order, order_lines, wanted, [])
        if preview.refused:
            raise CannotCancel(preview.refused)
        with giving_back_load([item.order_id]):
            _cancel_work([item], actor, reason, not_collected)
        _note(order, preview, whole=False, reason=reason, actor=actor)
        if order.is_cod:
            note_missing_cash([order.pk], actor)
        return preview

    return run_atomic(work)


def _wanted(order_lines: Sequence[OrderLine], lines: Mapping[int, int] | None) -> dict[int, int]:
    """Units to cancel per line: everything that has not left, or what was asked for."""
    live = {line.pk: live_units(line) for line in order_lines}
    if lines is None:
        return {pk: units for pk, units in live.items() if units}
    for pk, units in lines.items():
        if pk not in live or not 1 <= units <= live[pk]:
            raise DomainError(f"{units} units cannot be cancelled: {live.get(pk, 0)} have not left yet.", field="lines")
    for parts in by_kit(order_lines).values():
        if not takes_whole_kits(parts, lines):
            recipe = ", ".join(f"{line.units_per_kit} x {line.sku_code}" for line in parts)
            raise DomainError(f"{recipe} were sold as one kit: cancel whole kits.", field="lines")
    return dict(lines)


def lines_with_kits(
    *, order_id: int, lines: Mapping[int, int] | None = None, kits: Mapping[UUID, int] | None = None
) -> dict[int, int] | None:
    """What `cancel_order` takes as `lines`, from lines and from kits ({kit id of the order: units of it}).

    None, the whole order, where neither is given. Of a kit whole units go first, then the rest of those that left in
    part. Raises DomainError for a kit that the order does not have, or has fewer units of that have not left in full.
    """
    if lines is None and kits is None:
        return None
    wanted = dict(lines or {})
    mine = by_kit(OrderLine.objects.filter(order=order_id, kit__isnull=False).select_related("kit"))
    for kit_id, units in (kits or {}).items():
        left = open_kits(mine[kit_id]) if kit_id in mine else 0
        if not 1 <= units <= left:
            torn = left and left > kit_units(mine[kit_id]).live
            how = "left in full" if torn else "left"
            raise DomainError(f"{units} of this kit cannot be cancelled: {left} have not {how} yet.", field="kits")
        units_of_kit = cancellable_units(mine[kit_id], units)
        if named := units_of_kit.keys() & wanted.keys():
            raise DomainError(
                f"Line {min(named)} belongs to a kit that is named, too: name the kit or its lines.", field="lines"
            )
        wanted |= units_of_kit
    return wanted


def _nothing_to_cancel(order: Order) -> str:
    if order.stage == "cancelled":
        return f"{order.number} is cancelled already."
    return f"{order.number} is {order.get_stage_display().lower()}: the goods must come back first. Open a return."


def _refund(order: Order, lines: Sequence[OrderLine], wanted: Mapping[int, int]) -> tuple[int, int]:
    """What the order costs less without the units, and what that makes due as a refund."""
    payment = Payment.objects.filter(order=order).first()
    if payment is None:
        return 0, 0
    whole = all(wanted.get(line.pk, 0) + line.cancelled == line.quantity for line in lines)
    value = _value(lines, wanted)
    if not order.is_cod:
        less = max(0, payment.amount_minor - payment.reduced_minor) if whole else value
        return less, max(0, due_minor(payment, less=less) - payment.refund_due_minor)
    # Cash taken at the door was taken for parcels that arrived, never for the units that are cancelled now.
    at_the_door = cash_collected([order.pk]).get(order.pk, 0)
    left = payment.captured_minor - at_the_door - payment.refunded_minor - payment.refund_due_minor
    return 0, max(0, left if whole else min(value, left))


def _value(lines: Sequence[OrderLine], wanted: Mapping[int, int]) -> int:
    """What the customer pays for the units."""
    # The lines of a kit together, so that the minor units of their shares are not lost one by one.
    values: dict[object, Fraction] = defaultdict(Fraction)
    for line in lines:
        values[line.kit_id or line.pk] += Fraction(line.total_minor * wanted.get(line.pk, 0), line.quantity)
    return sum(math.floor(share) for share in values.values())


def _cancel_all(
    order: Order, work: Sequence[FulfillmentOrder], actor: str, reason: str, not_collected: bool
) -> None:  # fmt: skip
    """This work, and all that no work covers."""
    _cancel_work(work, actor, reason, not_collected)
    fresh = lock_lines([order.pk])
    _release_unworked(order, [(line, line.allocated) for line in fresh if line.allocated], actor, reason)
    move_units([
        UnitMove(line.pk, bucket, "cancelled", getattr(line, bucket))
        for line in fresh for bucket in (*UNASSIGNED, "allocated")
    ])  # fmt: skip


def _cancel_work(work: Sequence[FulfillmentOrder], actor: str, reason: str, not_collected: bool) -> None:
    """End locked work: what it holds goes back, its parcels are opened."""
    awaited = [item for item in work if item.state == State.WAITING_TRANSFER]
    unpacked = [item for item in work if item.state not in (State.PACKED, State.READY, State.WAITING_TRANSFER)]
    packed = [item for item in work if item.state in (State.PACKED, State.READY)]
    if unpacked:
        release_lines(lock_work_lines(unpacked), {item.pk: item for item in unpacked}, target="cancelled",
                      actor=actor, reason=reason)  # fmt: skip
    if packed:
        _unpack(packed, actor, reason)
    cancel_awaited(awaited, actor)
    _end(work, actor, reason, not_collected)


def _end(work: Sequence[FulfillmentOrder], actor: str, reason: str, not_collected: bool) -> None:
    """Work some of whose parcels have left is complete with them; the rest of the work is cancelled."""
    never_left = (*_BEFORE_ROAD, ShipmentState.CANCELLED)
    gone = Shipment.objects.filter(fulfillment_order__in=work).exclude(state__in=never_left)
    shipped = set(gone.values_list("fulfillment_order_id", flat=True))
    complete_work(sorted(shipped), actor)
    close_finished([item.pk for item in work if item.with_wms and item.pk in shipped], actor=actor)
    rest = [item.pk for item in work if item.pk not in shipped]
    if not_collected:
        advance_many(FulfillmentOrder, rest, State.NO_SHOW, using=FULFILLMENT_ORDER, actor=actor, reason=reason[:200],
                     end_reason=reason[:200])  # fmt: skip
    advance_many(FulfillmentOrder, rest, State.CANCELLED, using=FULFILLMENT_ORDER, actor=actor, reason=reason[:200],
                 end_reason=reason[:200])  # fmt: skip
    end_hand_offs([item for item in work if item.pk in rest], reason=reason, actor=actor)


def _release_unworked(order: Order, wanted: Sequence[tuple[OrderLine, int]], actor: str, reason: str) -> None:
    """Give back reservations that no work at a node covers, line by line."""
    left = {line.pk: units for line, units in wanted}
    given: list[Unworked] = []
    for item in unworked(order.pk):
        share = min(left.get(item.line.pk, 0), item.units)
        if share:
            given.append(replace(item, units=share))
            left[item.line.pk] -= share
    release_unworked(given, actor=actor, reason=reason, why="cancelled")


def _unpack(work: Sequence[FulfillmentOrder], actor: str, reason: str) -> None:
    """Parcels that have not left are opened: goods back on hand, units cancelled, labels to be voided."""
    ids = Shipment.objects.filter(fulfillment_order__in=work, state__in=_BEFORE_ROAD).values_list("pk", flat=True)
    by_id = {item.pk: item for item in work}
    postings: list[Posting] = []
    moves = []
    shipments = lock_shipments(ids)
    note_dropped(shipments)
    for shipment in shipments:
        contents = list(shipment.items.select_related("line__sku").order_by("pk"))
        units = packed_units(contents)
        for item in contents:
            postings += [
                Posting(op_key=f"unpack/{item.pk}", leg=leg, sku_id=item.line.sku_id, node_id=shipment.node_id,
                        from_bucket=Bucket.PACKED, to_bucket=Bucket.ON_HAND, quantity=part.quantity,
                        lot_id=part.lot_id, serial_id=part.serial_id, reason=StockMovementReason.UNPACK,
                        reference=shipment.order.number, actor=actor)
                for leg, part in enumerate(units.get(item.pk, ()), start=1)
            ]  # fmt: skip
            moves.append(UnitMove(item.line.order_line_id, "packed", "cancelled", item.quantity))
        advance(shipment, ShipmentState.CANCELLED, using=SHIPMENT, actor=actor, manifest=None)
        publish([ShipmentVoided(shipment_id=shipment.pk, order_id=shipment.order_id, booking_id=shipment.booking_id)])
        node_id = by_id[shipment.fulfillment_order_id].node_id
        announce([item.line.sku_id for item in contents], reason="unpacked", grew_at=node_id)
    post(postings)
    move_units(moves)
    cancel_invoices_of(shipments, reason=reason, actor=actor)


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count} units"


def _note(
    order: Order, preview: CancelPreview, *, whole: bool, reason: str, actor: str, not_collected: bool = False
) -> None:
    if order.is_cod and preview.refund_minor:
        Payment.objects.filter(order=order).update(refund_due_minor=F("refund_due_minor") + preview.refund_minor)
    owe_less(order, preview.reduced_minor)
    what = "Order cancelled" if whole and not preview.shipped_units else f"{_units(preview.units)} cancelled"
    left = f" ({_units(preview.shipped_units)} left before and can only come back)" if preview.shipped_units else ""
    data = {"units": preview.units, "shipped_units": preview.shipped_units, "refund_minor": preview.refund_minor}
    entry = TimelineEntry(
        order_id=order.pk, kind="cancelled", actor=actor, message=f"{what}{left}: {reason}", data=data
    )
    stages = move_units([], [entry])
    gone = stages.get(order.pk) == "cancelled"
    if gone:
        end_holds(order_id=order.pk, actor=actor)
    lines = list(order.lines.all())
    announce([line.sku_id for line in lines if line.sku_id is not None], reason="cancelled")
    publish([
        OrderCancelled(order_id=order.pk, number=order.number, units=preview.units, whole=gone,
                       seq=sum(line.cancelled for line in lines), not_collected=not_collected)
    ])  # fmt: skip
