"""Parcels of orders to collect arrive at their store, with all, some or nothing of what was sent in them.

What came for the order lies packed at the store at once: it is never stock there that somebody else could get. What
did not come needs a node again, and what came for an order that was cancelled on the way becomes stock of the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fulfillment.events import ParcelPacked, WorkWithdrawn
from fulfillment.locks import lock_one_work, lock_shipments, lock_work_lines
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderState,
    PickedUnit,
    Shipment,
    ShipmentItem,
    ShipmentState,
)
from fulfillment.selectors.arrivals import OnTheRoad, on_the_road
from fulfillment.services.arrived_units import Arrived, sort_units, split, units_of
from fulfillment.services.invoicing import invoice_packed
from fulfillment.services.packing import BOX_GRAMS
from fulfillment.services.sending import key_of
from fulfillment.states import FULFILLMENT_ORDER, SHIPMENT
from inventory.services import Came, Fate, Units, settle_carried
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import DomainError, NotFound
from oms.core.outbox import publish
from oms.core.states import advance
from orders.services import TimelineEntry, UnitMove, move_units

State = FulfillmentOrderState
#: What decisions about units that did not come are filed under.
SHORT_ON_ARRIVAL = "short on arrival"


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of the parcel: what of it is on the road, and the store's line that waits for it."""

    road: OnTheRoad
    line: FulfillmentLine


@dataclass(slots=True)
class _Outcome:
    """What became of the parcel: units for the order by store's line, and the settlements."""

    came: list[Came] = field(default_factory=list)
    for_order: dict[int, tuple[Units, ...]] = field(default_factory=dict)


def receive_for_pickup(
    *, fulfillment_order_id: int, actor: str, lines: Sequence[Arrived] | None = None
) -> FulfillmentOrder:  # fmt: skip
    """The parcel that this work of a store waits for came; without `lines` whole and good.

    One transaction: what came good lies packed and ready to collect, what came damaged is damaged stock of the store,
    what is missing leaves the books, and what the order lacks then is routed again. For an order that was cancelled on
    the way the good units become stock of the store. Receiving it again changes nothing. Raises NotFound for work that
    waits for no parcel or a line that is not of it, DomainError for more units than were sent, TrackingNeeded where it
    must be said which lots or serial numbers came how. Publishes ParcelPacked, and WorkWithdrawn where something lacks.
    """

    def work() -> FulfillmentOrder:
        item, parcel = _locked(fulfillment_order_id)
        items = _on_the_road(item, parcel)
        if not items:
            return item
        outcome = _sorted_out(item, items, _counted(item, items, lines))
        _settle(item, parcel, outcome, actor, "")
        _arrive(parcel, ShipmentState.DELIVERED, actor)
        return item

    return run_atomic(work)


def give_up_parcel(*, fulfillment_order_id: int, how: str, note: str, actor: str) -> FulfillmentOrder:
    """The parcel will not come to the store: it is lost ("missing"), or back at its node ("sent_back").

    Its units leave the books, or are on hand again at the node that sent them; the order is routed again. Again, it
    changes nothing. Raises DomainError without a note and for another `how`, NotFound for work that awaits no parcel.
    """
    if not note.strip():
        raise DomainError("Say why: somebody reads it in the ledger later.", field="note")
    fates: dict[str, tuple[Fate, ShipmentState]] = {
        "missing": (Fate.MISSING, ShipmentState.LOST), "sent_back": (Fate.SENT_BACK, ShipmentState.RTO_RECEIVED),
    }  # fmt: skip
    if how not in fates:
        raise DomainError(f"{how!r} is nothing that can become of a parcel.", field="how")
    fate, state = fates[how]

    def work() -> FulfillmentOrder:
        item, parcel = _locked(fulfillment_order_id)
        items = _on_the_road(item, parcel)
        if items:
            came = [Came(key_of(row.road.item), fate, tuple(units_of(row.road))) for row in items if row.road.units]
            outcome = _Outcome(came)
            _settle(item, parcel, outcome, actor, note)
            _arrive(parcel, state, actor)
        return item

    return run_atomic(work)


def _locked(fulfillment_order_id: int) -> tuple[FulfillmentOrder, Shipment]:
    """The store's work and its parcel, locked with the order and the work that sent it."""
    parcel_id = FulfillmentOrder.objects.filter(pk=fulfillment_order_id).values_list("arrives_in", flat=True).first()
    if parcel_id is None:
        raise NotFound(f"There is no work {fulfillment_order_id} that waits for a parcel.")
    [parcel] = lock_shipments([parcel_id])
    return lock_one_work(fulfillment_order_id), parcel


def _on_the_road(work: FulfillmentOrder, parcel: Shipment) -> list[_Item]:
    """The items of a parcel that is to be settled, also those of which nothing is in transit; none once it was settled.

    Work that waits was not settled. What was cancelled was not, as long as something of its parcel is on the road.
    """
    rows = on_the_road(parcel.pk)
    if work.state != State.WAITING_TRANSFER:
        rows = [row for row in rows if row.units] if work.state == State.CANCELLED else []
    lines = {line.order_line_id: line for line in lock_work_lines([work])}
    return [_Item(row, lines[row.item.line.order_line_id]) for row in rows]


def _counted(
    work: FulfillmentOrder, items: Sequence[_Item], lines: Sequence[Arrived] | None
) -> dict[int, Arrived]:  # fmt: skip
    """What came, by the id of the store's line. Raises NotFound for a line that is not of the parcel."""
    if lines is None:
        return {row.line.pk: Arrived(line_id=row.line.pk, good=row.road.units) for row in items}
    known = {row.line.pk for row in items}
    for told in lines:
        if told.line_id not in known:
            raise NotFound(f"{work.number} waits for no line {told.line_id}.", field="lines")
    return {told.line_id: told for told in lines}


def _sorted_out(work: FulfillmentOrder, items: Sequence[_Item], counted: Mapping[int, Arrived]) -> _Outcome:
    """Which units go where. Nothing is for an order that does not want it any more."""
    outcome = _Outcome()
    waits = work.state == State.WAITING_TRANSFER
    for row in items:
        units = sort_units(row.road, counted.get(row.line.pk, Arrived(line_id=row.line.pk)))
        for_order, for_stock = split(units.good, row.line.packed if waits else 0)
        for fate, parts in (
            (Fate.FOR_ORDER, for_order), (Fate.FOR_STOCK, for_stock), (Fate.DAMAGED, units.damaged),
            (Fate.MISSING, units.missing),
        ):  # fmt: skip
            if parts:
                outcome.came.append(Came(key_of(row.road.item), fate, tuple(parts)))
        if for_order:
            outcome.for_order[row.line.pk] = tuple(for_order)
    return outcome


def _settle(work: FulfillmentOrder, parcel: Shipment, outcome: _Outcome, actor: str, note: str) -> None:
    settle_carried(outcome.came, actor=actor, note=note)
    lines = lock_work_lines([work])
    waits = work.state == State.WAITING_TRANSFER
    lacking = []
    for line in lines if waits else ():
        came = sum(part.quantity for part in outcome.for_order.get(line.pk, ()))
        lacking.append(UnitMove(line.order_line_id, "packed", "unallocated", line.packed - came))
        line.picked = line.packed = came
        line.short = line.quantity - came
    FulfillmentLine.objects.bulk_update(lines, ["picked", "packed", "short"])
    lost = sum(move.quantity for move in lacking)
    message = _message(work, parcel, outcome, note)
    entry = TimelineEntry(order_id=work.order_id, kind="arrived_for_pickup", actor=actor, message=message)
    move_units(lacking, [entry])
    if not waits:
        return
    if outcome.for_order:
        _make_ready(work, lines, outcome, actor)
    else:
        advance(work, State.REJECTED, using=FULFILLMENT_ORDER, actor=actor, reason=message[:200],
                end_reason=message[:200])  # fmt: skip
    if lost:
        publish([
            WorkWithdrawn(order_id=work.order_id, fulfillment_order_id=work.pk, node_id=work.node_id,
                          reason=message[:200], cause=SHORT_ON_ARRIVAL)
        ])  # fmt: skip


def _make_ready(work: FulfillmentOrder, lines: Sequence[FulfillmentLine], outcome: _Outcome, actor: str) -> None:
    """The units that came are a packed parcel of the store, as if they had been picked there."""
    by_id = {line.pk: line for line in lines}
    weight = BOX_GRAMS + sum(line.sku.weight_grams * line.packed for line in lines)
    shipment = Shipment.objects.create(order=work.order, fulfillment_order=work, node=work.node, weight_grams=weight)
    rows = ShipmentItem.objects.bulk_create(
        ShipmentItem(shipment=shipment, line=by_id[line_id], quantity=by_id[line_id].packed)
        for line_id in outcome.for_order
    )
    PickedUnit.objects.bulk_create(
        PickedUnit(line_id=row.line_id, item=row, lot_id=part.lot_id, serial_id=part.serial_id, quantity=part.quantity)
        for row in rows for part in outcome.for_order[row.line_id] if part.lot_id or part.serial_id
    )  # fmt: skip
    advance(work, State.PACKED, using=FULFILLMENT_ORDER, actor=actor, packed_at=now())
    advance(work, State.READY, using=FULFILLMENT_ORDER, actor=actor)
    invoice_packed([shipment], actor)
    publish([ParcelPacked(shipment_id=shipment.pk, order_id=work.order_id, pickup=True)])


def _arrive(parcel: Shipment, state: ShipmentState, actor: str) -> None:
    """Where the parcel is now, unless its carrier's scans say something that ends otherwise."""
    if SHIPMENT.allows(parcel.state, state):
        advance(parcel, state, using=SHIPMENT, actor=actor)


def _message(work: FulfillmentOrder, parcel: Shipment, outcome: _Outcome, note: str) -> str:
    """ "Parcel AWB1 came to S1: 2 for the order, 1 missing." """
    counts = {
        fate: sum(part.quantity for came in outcome.came if came.fate == fate for part in came.units) for fate in Fate
    }
    words = {
        Fate.FOR_ORDER: "for the order", Fate.FOR_STOCK: "for stock", Fate.DAMAGED: "damaged", Fate.MISSING: "missing",
        Fate.SENT_BACK: f"back at {parcel.node.code}",
    }  # fmt: skip
    told = ", ".join(f"{units} {words[fate]}" for fate, units in counts.items() if units)
    came = any(counts[fate] for fate in (Fate.FOR_ORDER, Fate.FOR_STOCK, Fate.DAMAGED))
    begin = f"{parcel} came to {work.node.code}" if came else f"{parcel} did not come to {work.node.code}"
    told = told or "nothing of it was on the road by the books"
    return f"{begin}: {told}{f' ({note})' if note else ''}."


def cancel_awaited(work: Sequence[FulfillmentOrder], actor: str) -> None:
    """The orders of work that waits for parcels are cancelled: their units are, and what comes is for stock.

    The work itself is ended by the caller, which has locked it.
    """
    if not work:
        return
    lines = lock_work_lines(work)
    moves = [UnitMove(line.order_line_id, "packed", "cancelled", line.packed) for line in lines]
    for line in lines:
        line.short, line.picked, line.packed = line.quantity, 0, 0
    FulfillmentLine.objects.bulk_update(lines, ["picked", "packed", "short"])
    move_units(moves)
