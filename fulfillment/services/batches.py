"""Picking and packing of many fulfillment orders at once: for waves, and for nodes that report work as a whole.

The same effects as `picking.pick_all` and `packing.pack` one after the other, in a handful of statements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import F

from fulfillment.events import ParcelPacked
from fulfillment.locks import lock_work, lock_work_lines
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    PackCheck,
    Shipment,
    ShipmentItem,
)
from fulfillment.selectors.units import is_tracked
from fulfillment.services.invoicing import invoice_packed
from fulfillment.services.packing import BOX_GRAMS, ParcelPlan, consume_lines, why_at_station
from fulfillment.services.units import NOTHING_NAMED, PackedPart, Taken, note_taken
from fulfillment.states import FULFILLMENT_ORDER
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.outbox import publish
from oms.core.states import advance_many
from orders.models import OrderEvent
from orders.services import TimelineEntry, UnitMove, move_units, record

State = FulfillmentOrderState
#: A parcel of the usual size, weighed by what is in it.
_ONE_PARCEL = ParcelPlan()
#: Kind of the timeline's entry.
NOT_PACKED = "not_packed"
_PICKABLE = (State.OPEN, State.ACCEPTED, State.PICKING)


def pick_many(*, fulfillment_order_ids: Sequence[int], actor: str) -> list[int]:
    """Pick everything that is left of these fulfillment orders; the ids of those that were to be picked."""

    def work() -> list[int]:
        items = [item for item in lock_work(fulfillment_order_ids) if item.state in _PICKABLE and not item.with_wms]
        lines = lock_work_lines(items)
        moves = [UnitMove(line.order_line_id, "released", "picked", line.to_pick) for line in lines]
        nodes = {item.pk: item.node for item in items}
        note_taken([Taken(line, nodes[line.fulfillment_order_id], line.to_pick) for line in lines])
        FulfillmentLine.objects.filter(pk__in=[line.pk for line in lines]).update(picked=F("quantity") - F("short"))
        move_units(moves)
        ids = [item.pk for item in items]
        found = {line.fulfillment_order_id for line in lines if line.quantity > line.short}
        moment = now()
        _advance(ids, State.ACCEPTED, actor, accepted_at=moment, assigned_to=actor)
        _advance(ids, State.PICKING, actor, assigned_to=actor)
        _advance([pk for pk in ids if pk in found], State.PICKED, actor, picked_at=moment)
        advance_many(FulfillmentOrder, [pk for pk in ids if pk not in found], State.CANCELLED, using=FULFILLMENT_ORDER,
                     actor=actor, reason="nothing found", end_reason="Nothing of it was found")  # fmt: skip
        return ids

    return run_atomic(work)


def _advance(ids: Sequence[int], state: State, actor: str, **changes: Any) -> None:
    advance_many(FulfillmentOrder, ids, state, using=FULFILLMENT_ORDER, actor=actor, **changes)


def pack_many(*, fulfillment_order_ids: Sequence[int], actor: str, parcel: ParcelPlan = _ONE_PARCEL) -> list[Shipment]:
    """Close one parcel, of the size given, for each of these that is picked; the shipments. Others, those on
    hold and those that a WMS packs, are left alone. So are those with an open check, which their timeline says once.

    Publishes ParcelPacked for each. Pickup orders become ready to collect at once.
    """

    def work() -> list[Shipment]:
        items = [
            item
            for item in lock_work(fulfillment_order_ids)
            if item.state == State.PICKED and not item.order.is_held and not item.with_wms
        ]
        lines: dict[int, list[FulfillmentLine]] = defaultdict(list)
        for line in lock_work_lines(items):
            if line.picked:
                lines[line.fulfillment_order_id].append(line)
        items = _without_checks(items, lines, actor)
        shipments, contents = _make_shipments(items, lines, parcel)
        _consume(items, lines, contents, actor)
        _advance([item.pk for item in items], State.PACKED, actor, packed_at=now())
        pickups = {item.pk for item in items if item.kind == FulfillmentOrderKind.PICKUP}
        if pickups:
            _advance(sorted(pickups), State.READY, actor)
        invoice_packed(shipments, actor)
        publish([
            ParcelPacked(shipment_id=s.pk, order_id=s.order_id, pickup=s.fulfillment_order_id in pickups)
            for s in shipments
        ])  # fmt: skip
        return shipments

    return run_atomic(work)


def _without_checks(
    items: Sequence[FulfillmentOrder], lines: dict[int, list[FulfillmentLine]], actor: str
) -> list[FulfillmentOrder]:
    """Those that no check keeps; of the others it is said that they go to the pack station."""
    if not PackCheck.objects.filter(is_active=True).exists():
        return list(items)
    whys = {item.pk: why for item in items if (why := why_at_station(item, lines[item.pk]))}
    events = OrderEvent.objects.filter(kind=NOT_PACKED, order__in=[item.order_id for item in items if item.pk in whys])
    said = set(events.values_list("data__fulfillment_order", flat=True))
    record([
        TimelineEntry(order_id=item.order_id, kind=NOT_PACKED, actor=actor, message=whys[item.pk],
                      data={"fulfillment_order": item.number})
        for item in items if item.pk in whys and item.number not in said
    ])  # fmt: skip
    return [item for item in items if item.pk not in whys]


def _make_shipments(
    items: Sequence[FulfillmentOrder], lines: dict[int, list[FulfillmentLine]], parcel: ParcelPlan
) -> tuple[list[Shipment], list[ShipmentItem]]:
    shipments = Shipment.objects.bulk_create(
        Shipment(
            order=item.order, fulfillment_order=item, node=item.node,
            weight_grams=parcel.weight_grams
            or BOX_GRAMS + sum(line.sku.weight_grams * line.picked for line in lines[item.pk]),
            length_mm=parcel.length_mm, width_mm=parcel.width_mm, height_mm=parcel.height_mm,
        )
        for item in items
    )  # fmt: skip
    contents = ShipmentItem.objects.bulk_create(
        ShipmentItem(shipment=shipment, line=line, quantity=line.picked)
        for shipment in shipments for line in lines[shipment.fulfillment_order_id]
    )  # fmt: skip
    return shipments, contents


def _consume(
    items: Sequence[FulfillmentOrder], lines: dict[int, list[FulfillmentLine]], contents: Sequence[ShipmentItem],
    actor: str,
) -> None:  # fmt: skip
    picked = [(item, line) for item in items for line in lines[item.pk]]
    nodes = {item.pk: item.node for item in items}
    parts = [
        PackedPart(row.line, nodes[row.line.fulfillment_order_id], row.quantity, NOTHING_NAMED, row)
        for row in contents if is_tracked(row.line)
    ]  # fmt: skip
    consume_lines(picked, parts, actor)
    FulfillmentLine.objects.filter(pk__in=[line.pk for _, line in picked]).update(packed=F("picked"))
    entries = [
        TimelineEntry(order_id=item.order_id, kind="packed", actor=actor,
                      message=f"{sum(line.picked for line in lines[item.pk])} packed at {item.node.code}.")
        for item in items
    ]  # fmt: skip
    move_units([UnitMove(line.order_line_id, "picked", "packed", line.picked) for _, line in picked], entries)
