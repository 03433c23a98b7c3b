"""Packing: picked goods become parcels; the stock ledger moves them from on hand to packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import F

from fulfillment.errors import CheckOpen
from fulfillment.events import ParcelPacked
from fulfillment.locks import lock_one_work, lock_work_lines
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    Packing,
    Shipment,
    ShipmentItem,
)
from fulfillment.selectors.checks import open_checks
from fulfillment.selectors.units import is_tracked
from fulfillment.services.hand_offs import refuse_with_wms
from fulfillment.services.invoicing import invoice_packed
from fulfillment.services.units import (
    NOTHING_NAMED,
    LineUnits,
    PackedPart,
    keep_packed,
    others_of_parcels,
    wanted_of_parcels,
    way_on,
)
from fulfillment.states import FULFILLMENT_ORDER
from inventory.errors import NotEnoughStock
from inventory.services import Consume, consume_reservations
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.outbox import publish
from oms.core.states import advance
from orders.services import TimelineEntry, UnitMove, move_units
from routing.engine.wording import listed

#: Weight of an empty box with its filling, added where the packer did not weigh the parcel.
BOX_GRAMS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelPlan:
    """One parcel: units by fulfillment line id (empty: everything picked), weight in grams, sides in millimetres.

    `units` are lots and serial numbers by line id that were named while packing; else those picked go in.
    """

    items: Mapping[int, int] = field(default_factory=dict)
    units: Mapping[int, LineUnits] = field(default_factory=dict)
    weight_grams: int = 0
    length_mm: int = 300
    width_mm: int = 220
    height_mm: int = 80


def pack(
    *, fulfillment_order_id: int, actor: str, parcels: Sequence[ParcelPlan] = (ParcelPlan(),), by_wms: bool = False
) -> list[Shipment]:
    """Close the parcels of picked work; the shipments. Packing again returns those that exist.

    Raises Conflict for work that is not picked, or whose order is on hold, and CheckOpen where a step of quality
    control is open: those are done at the pack station; a WMS has its own. Every picked unit must be in exactly one
    parcel: DomainError says which line does not add up. Raises TrackingNeeded
    where a serial number is missing, SerialElsewhere where one is not here or in another tote, NotEnoughStock where a
    lot has not so many units or may not be sold any more. Publishes ParcelPacked for each. Pickup orders become ready
    to collect at once. Where the node has a GSTIN, each parcel gets its tax invoice.
    """

    def work() -> list[Shipment]:
        item = lock_one_work(fulfillment_order_id)
        refuse_with_wms(item, by_wms)
        if item.state in (FulfillmentOrderState.PACKED, FulfillmentOrderState.READY):
            return list(item.shipments.exclude(state="cancelled"))
        if item.state != FulfillmentOrderState.PICKED:
            raise Conflict(f"{item.number} is {item.get_state_display().lower()}: pick it first.")
        refuse_on_hold(item)
        lines = lock_work_lines([item])
        wanted = "" if by_wms else why_at_station(item, lines)
        if wanted:
            raise CheckOpen(wanted)
        shipments = pack_picked(item, lines, parcels, actor)
        Packing.objects.filter(fulfillment_order=item).delete()
        return shipments

    return run_atomic(work)


def pack_picked(
    item: FulfillmentOrder, lines: Sequence[FulfillmentLine], parcels: Sequence[ParcelPlan], actor: str
) -> list[Shipment]:
    """What `pack` does, for work that is locked, picked and not on hold, and its locked lines."""
    plans = _filled(parcels, lines)
    _refuse_strange_names(plans, lines)
    made = [_make_shipment(item, plan, lines) for plan in plans]
    shipments = [shipment for shipment, _ in made]
    parts = [
        PackedPart(row.line, item.node, row.quantity, plan.units.get(row.line_id, NOTHING_NAMED), row)
        for (plan, _), (_, contents) in zip(plans, made, strict=True) for row in contents if is_tracked(row.line)
    ]  # fmt: skip
    _consume(item, lines, parts, actor)
    advance(item, FulfillmentOrderState.PACKED, using=FULFILLMENT_ORDER, actor=actor, packed_at=now())
    pickup = item.kind == FulfillmentOrderKind.PICKUP
    if pickup:
        advance(item, FulfillmentOrderState.READY, using=FULFILLMENT_ORDER, actor=actor)
    invoice_packed(shipments, actor)
    publish([ParcelPacked(shipment_id=s.pk, order_id=item.order_id, pickup=pickup) for s in shipments])
    return shipments


def refuse_on_hold(item: FulfillmentOrder) -> None:
    """Raises Conflict with the reasons where the order is on hold: what was picked waits."""
    if item.order.is_held:
        reasons = {hold.get_reason_display() for hold in item.order.holds.filter(released_at__isnull=True)}
        raise Conflict(f"{item.order.number} is on hold: {listed(sorted(reasons))}. Put it aside.")


def why_at_station(item: FulfillmentOrder, lines: Sequence[FulfillmentLine]) -> str:
    """Why this is packed at a station and nowhere else, as a sentence; empty where it may be packed anywhere."""
    checks = open_checks(item, lines)
    if not checks:
        return ""
    words = listed([check.words for check in checks])
    return f"{item.order.number} wants a check before its box closes: {words}. Take it to the pack station."


def _filled(parcels: Sequence[ParcelPlan], lines: Sequence[FulfillmentLine]) -> list[tuple[ParcelPlan, dict[int, int]]]:
    """The contents of each parcel; one parcel without contents takes everything."""
    picked = {line.pk: line.picked for line in lines if line.picked}
    if len(parcels) == 1 and not parcels[0].items:
        return [(parcels[0], picked)]
    left = dict(picked)
    for plan in parcels:
        for line_id, quantity in plan.items.items():
            left[line_id] = left.get(line_id, 0) - quantity
    wrong = {line_id: rest for line_id, rest in left.items() if rest}
    if wrong or any(quantity < 1 for plan in parcels for quantity in plan.items.values()):
        names = {line.pk: line.sku.code for line in lines}
        text = ", ".join(f"{names.get(key, key)}: {rest:+d}" for key, rest in wrong.items())
        raise DomainError(
            f"The parcels do not hold exactly what was picked ({text or 'empty lines'}).", field="parcels"
        )
    return [(plan, dict(plan.items)) for plan in parcels]


def _refuse_strange_names(
    plans: Sequence[tuple[ParcelPlan, Mapping[int, int]]], lines: Sequence[FulfillmentLine]
) -> None:
    """Lots and serial numbers are named of lines that are kept by them, and that are in the very parcel."""
    by_id = {line.pk: line for line in lines if line.picked and is_tracked(line)}
    for number, (plan, contents) in enumerate(plans, start=1):
        named = [pk for pk, units in plan.units.items() if units]
        strange = [str(pk) for pk in named if pk not in by_id]
        if strange:
            raise DomainError(
                f"No lots or serial numbers are kept of line {', '.join(strange)}: name none.", field="parcels"
            )
        elsewhere = [f"{by_id[pk].sku.code} (line {pk})" for pk in named if pk not in contents]
        if elsewhere:
            raise DomainError(
                f"Parcel {number} names lots or serial numbers of {', '.join(elsewhere)}, which is not in it: name "
                "them with the parcel that it is in.", field="parcels", parcel=number,
            )  # fmt: skip


def _make_shipment(
    item: FulfillmentOrder, filled: tuple[ParcelPlan, dict[int, int]], lines: Sequence[FulfillmentLine]
) -> tuple[Shipment, list[ShipmentItem]]:
    plan, contents = filled
    by_id = {line.pk: line for line in lines}
    weights = {line.pk: line.sku.weight_grams for line in lines}
    weight = plan.weight_grams or BOX_GRAMS + sum(weights[key] * quantity for key, quantity in contents.items())
    shipment = Shipment.objects.create(
        order=item.order, fulfillment_order=item, node=item.node, weight_grams=weight,
        length_mm=plan.length_mm, width_mm=plan.width_mm, height_mm=plan.height_mm,
    )  # fmt: skip
    rows = ShipmentItem.objects.bulk_create(
        ShipmentItem(shipment=shipment, line=by_id[line_id], quantity=quantity)
        for line_id, quantity in contents.items()
    )  # fmt: skip
    return shipment, rows


def consume_lines(
    picked: Sequence[tuple[FulfillmentOrder, FulfillmentLine]], parts: Sequence[PackedPart], actor: str
) -> None:
    """Stock goes from on hand to packed, and what each of the parts is made of is kept.

    `parts` are the parcels' shares of the lines that are kept by lot or serial number. A picked lot that may not be
    sold any more is refused with the way on: swapped where other stock is here, else given back.
    """
    wanted = wanted_of_parcels(parts) if parts else {}
    requests = [
        Consume(line.order_line.uid, item.node_id, line.picked, f"pack/{line.pk}", tuple(wanted.get(line.pk, ())))
        for item, line in picked
    ]
    try:
        chosen = consume_reservations(
            requests=requests, actor=actor, spoken_for=lambda: others_of_parcels(parts, wanted)
        )
    except NotEnoughStock as error:
        unsold = next((part for part in parts if part.line.sku_id == error.data.get("unsold")), None)
        if unsold is None:
            raise
        words = f"{error.message} {way_on(unsold.line.sku, unsold.node)}"
        raise NotEnoughStock(words, field=error.field, **error.data) from error
    if not parts:
        return
    by_line = {line.pk: iter(units) for (_, line), units in zip(picked, chosen, strict=True)}
    keep_packed(parts, [next(by_line[part.line.pk]) for part in parts])


def _consume(item: FulfillmentOrder, lines: Sequence[FulfillmentLine], parts: Sequence[PackedPart], actor: str) -> None:
    picked = [line for line in lines if line.picked]
    consume_lines([(item, line) for line in picked], parts, actor)
    FulfillmentLine.objects.filter(pk__in=[line.pk for line in picked]).update(packed=F("picked"))
    units = sum(line.picked for line in picked)
    entry = TimelineEntry(
        order_id=item.order_id, kind="packed", actor=actor, message=f"{units} packed at {item.node.code}."
    )
    move_units([UnitMove(line.order_line_id, "picked", "packed", line.picked) for line in picked], [entry])
