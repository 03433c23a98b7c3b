"""What a WMS did to the goods: picked, short, packed, gone. The same services as for the floor's own people."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carriers.adapters.manual.awb import clean_awb
from fulfillment.events import LeftFromWms
from fulfillment.locks import lock_shipments
from fulfillment.models import (
    EventOutcome,
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderState,
    HandOffEvent,
    LinkLabels,
    Shipment,
    ShipmentState,
    WmsLink,
)
from fulfillment.selectors.held import held_parcels
from fulfillment.services.cash import fix_cash
from fulfillment.services.packing import ParcelPlan, pack
from fulfillment.services.picking import pick, report_short
from fulfillment.services.shipping import book_shipment, hand_over
from fulfillment.services.units import LineUnits
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.outbox import publish

State = FulfillmentOrderState
#: A tonne, and ten metres: what is more is a mistake of units.
_MOST_GRAMS, _MOST_MM = 1_000_000, 10_000
_LEAVING = (ShipmentState.CREATED, ShipmentState.LABELLED, ShipmentState.MANIFESTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Units of one line, named by its id or SKU code, with lots and serial numbers where the SKU is kept by them."""

    quantity: int
    line_id: int | None = None
    sku: str = ""
    lots: tuple[tuple[str, int], ...] = ()
    serials: tuple[str, ...] = ()
    reason: str = ""
    note: str = ""

    @property
    def named(self) -> LineUnits:
        """The lots and serial numbers."""
        return LineUnits(lots=self.lots, serials=self.serials)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBox:
    """One box under the WMS's own name for it: grams, millimetres, and what is in it (nothing named: all of it)."""

    ref: str
    parts: tuple[Part, ...] = ()
    weight_grams: int = 0
    length_mm: int = 300
    width_mm: int = 220
    height_mm: int = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A box that left; with the AWB and the carrier's name where the WMS booked it."""

    ref: str = ""
    awb: str = ""
    carrier: str = ""


def pick_parts(item: FulfillmentOrder, parts: Iterable[Part], *, actor: str) -> None:
    """Units lie in the WMS's tote."""
    for part in _some(parts, "pick"):
        for line, units in _lines_of(item, part, lambda line: line.to_pick):
            pick(fulfillment_order_id=item.pk, line_id=line.pk, quantity=units, actor=actor, named=part.named,
                 by_wms=True)  # fmt: skip


def short_parts(item: FulfillmentOrder, parts: Iterable[Part], *, actor: str) -> None:
    """Units are not there: stock is corrected as the reason says, and the order gets them elsewhere."""
    for part in _some(parts, "short"):
        for line, units in _lines_of(item, part, lambda line: line.to_pick):
            report_short(fulfillment_order_id=item.pk, line_id=line.pk, quantity=units, reason=part.reason,
                         note=part.note, actor=actor, named=part.named, by_wms=True)  # fmt: skip


def _some(parts: Iterable[Part], kind: str) -> list[Part]:
    found = list(parts)
    if not found:
        raise DomainError(f"A {kind} names its units: none came.", field="units")
    return found


def _lines_of(
    item: FulfillmentOrder, part: Part, room: Callable[[FulfillmentLine], int]
) -> list[tuple[FulfillmentLine, int]]:
    """The lines that a part means, and how many units of each; several where the order has the SKU on several."""
    lines = list(FulfillmentLine.objects.filter(fulfillment_order=item).select_related("sku").order_by("pk"))
    mine = [
        line for line in lines
        if (line.pk == part.line_id if part.line_id is not None else line.sku.code.casefold() == part.sku.casefold())
    ]  # fmt: skip
    if not mine:
        came = part.line_id if part.line_id is not None else repr(part.sku)
        has = ", ".join(f"{line.sku.code} (line {line.pk})" for line in lines)
        raise DomainError(
            f"{item.number} has no line {came}: it has {has}.", field="line_id" if part.line_id else "sku"
        )
    if part.quantity < 1:
        raise DomainError(f"{mine[0].sku.code}: {part.quantity} units came, expected 1 or more.", field="quantity")
    if len(mine) == 1 or part.lots or part.serials:
        return [(mine[0], part.quantity)]
    shares, left = [], part.quantity
    for line in mine:
        share = min(left, max(0, room(line)))
        if share:
            shares.append((line, share))
            left -= share
    if left:
        shares = [*shares[:-1], (shares[-1][0], shares[-1][1] + left)] if shares else [(mine[0], left)]
    return shares


# -- packing -----------------------------------------------------------------------------------------------------------


def pack_boxes(
    item: FulfillmentOrder, link: WmsLink, boxes: Sequence[PackedBox], *, actor: str
) -> list[dict[str, Any]]:
    """Close the boxes; what of their contents was not picked yet is picked with them.

    The parcels, box by box, and where the WMS books, the cash that each collects, fixed now.

    Raises DomainError where units are in no box and not reported short, or a box has no name of its own or a size that
    no box has; Conflict for work that is packed.
    """
    if item.state not in (State.OPEN, State.ACCEPTED, State.PICKING, State.PICKED):
        raise Conflict(f"{item.number} is {item.get_state_display().lower()}: there is nothing to pack.")
    refs = [box.ref for box in boxes]
    if not boxes or len(set(refs)) != len(refs) or not all(refs):
        raise DomainError("Name each box by an id of its own; at least one box is packed.", field="boxes")
    for box in boxes:
        _check_size(box)
    if len(boxes) > 1 and not all(box.parts for box in boxes):
        raise DomainError("Say of each box what is in it.", field="boxes")
    contents = _contents(item, boxes)
    _pick_rest(item, contents, actor)
    item.refresh_from_db(fields=["state"])
    lines = FulfillmentLine.objects.filter(fulfillment_order=item).select_related("sku").order_by("pk")
    missing = [f"{line.to_pick} x {line.sku.code}" for line in lines if line.to_pick]
    if missing:
        raise DomainError(
            f"{', '.join(missing)} of {item.number} are in no box and not reported short: report them first, or pack "
            "them.", field="boxes",
        )  # fmt: skip
    plans = [
        ParcelPlan(items=dict(units), units=named, weight_grams=box.weight_grams, length_mm=box.length_mm,
                   width_mm=box.width_mm, height_mm=box.height_mm)
        for box, (units, named) in zip(boxes, contents, strict=True)
    ]  # fmt: skip
    made = pack(fulfillment_order_id=item.pk, parcels=plans, actor=actor, by_wms=True)
    packed = [{"box": box.ref, "shipment": shipment.pk} for box, shipment in zip(boxes, made, strict=True)]
    if link.labels == LinkLabels.THEIRS:
        return [row | {"cod_minor": fix_cash(shipment.pk)} for row, shipment in zip(packed, made, strict=True)]
    return packed


def _check_size(box: PackedBox) -> None:
    """Raises DomainError for a weight or a side that no box has; a weight of 0 is reckoned from the contents."""
    sizes = (
        ("weight_grams", 0, _MOST_GRAMS),
        *((name, 1, _MOST_MM) for name in ("length_mm", "width_mm", "height_mm")),
    )
    for name, least, most in sizes:
        came = getattr(box, name)
        if not least <= came <= most:
            raise DomainError(f"Box {box.ref}: {name} came as {came}, expected {least} to {most}.", field=name)


_Content = tuple[Counter[int], dict[int, LineUnits]]


def _contents(item: FulfillmentOrder, boxes: Sequence[PackedBox]) -> list[_Content]:
    """Units by line of each box, and the lots and serial numbers named with them."""
    used: Counter[int] = Counter()
    found: list[_Content] = []
    for box in boxes:
        units: Counter[int] = Counter()
        lots: dict[int, list[tuple[str, int]]] = defaultdict(list)
        serials: dict[int, list[str]] = defaultdict(list)
        for part in box.parts or _everything(item):
            for line, quantity in _lines_of(item, part, lambda line: line.quantity - line.short - used[line.pk]):
                units[line.pk] += quantity
                used[line.pk] += quantity
                lots[line.pk] += part.lots
                serials[line.pk] += part.serials
        named = {pk: LineUnits(lots=tuple(lots[pk]), serials=tuple(serials[pk])) for pk in units}
        found.append((units, {pk: row for pk, row in named.items() if row}))
    return found


def _everything(item: FulfillmentOrder) -> list[Part]:
    lines = FulfillmentLine.objects.filter(fulfillment_order=item).order_by("pk")
    return [Part(line_id=line.pk, quantity=line.quantity - line.short) for line in lines if line.quantity > line.short]


def _pick_rest(item: FulfillmentOrder, contents: Sequence[_Content], actor: str) -> None:
    """What lies in a box was picked, whether that was said before or not."""
    packed: Counter[int] = Counter()
    named: dict[int, list[LineUnits]] = defaultdict(list)
    for units, names in contents:
        packed += units
        for pk, row in names.items():
            named[pk].append(row)
    for line in FulfillmentLine.objects.filter(fulfillment_order=item).order_by("pk"):
        more = packed[line.pk] - line.picked
        if more <= 0:
            continue
        # Lots that were named of units picked before would be named twice: packing reads them again by itself.
        rows = named[line.pk] if not line.picked else []
        lots = Counter[str]()
        for row in rows:
            lots.update(dict(row.lots))
        serials = tuple(number for row in rows for number in row.serials)
        pick(fulfillment_order_id=item.pk, line_id=line.pk, quantity=more, actor=actor, by_wms=True,
             named=LineUnits(lots=tuple(lots.items()), serials=serials))  # fmt: skip


# -- leaving -----------------------------------------------------------------------------------------------------------


def say_left(
    item: FulfillmentOrder, link: WmsLink, left: Sequence[Left], *, actor: str
) -> tuple[dict[str, Any], Callable[[HandOffEvent], None] | None]:
    """Parcels left the WMS: handed over where we have booked them, else booked under the AWBs that came, by the flow.

    The result to keep, and what follows once it is kept. Raises Conflict before the boxes were confirmed.
    """
    if item.state not in (State.PACKED, State.READY):
        raise Conflict(
            f"{item.number} is {item.get_state_display().lower()}: confirm its boxes first, then that they left."
        )
    chosen = _parcels(item, left)
    if link.labels == LinkLabels.OURS:
        named = next((row.awb for row, _ in chosen if row.awb), "")
        if named:
            text = f"AWB {named} came, but we book the carrier of this node: fetch the label, and leave the AWB out."
            raise DomainError(text, field="awb")
        gone = hand_over(shipment_ids=[parcel.pk for _, parcel in chosen], actor=actor)
        return {"shipments": gone}, None
    rows = [_with_awb(row, parcel) for row, parcel in chosen]
    held = held_parcels([parcel for _, parcel in chosen])
    if held:
        raise Conflict("; ".join(words.sentence for some in held.values() for words in some))
    return {"left": rows}, lambda event: publish([LeftFromWms(hand_off_event_id=event.pk, order_id=item.order_id)])


def _parcels(item: FulfillmentOrder, left: Sequence[Left]) -> list[tuple[Left, Shipment]]:
    """The parcels that are meant; all that are here where none is named."""
    here = [row for row in lock_shipments(item.shipments.values_list("pk", flat=True)) if row.state in _LEAVING]
    by_pk = {row.pk: row for row in here}
    if not here:
        raise Conflict(f"{item.number} has no parcel that could leave.")
    if len(left) <= 1 and not (left and left[0].ref):
        row = left[0] if left else Left()
        if row.awb and len(here) > 1:
            raise DomainError(f"{item.number} has {len(here)} boxes: say which of them has this AWB.", field="box")
        return [(row, parcel) for parcel in here]
    boxes = _boxes(item)
    found = []
    for row in left:
        parcel = by_pk.get(boxes.get(row.ref, 0))
        if parcel is None:
            known = ", ".join(ref for ref, pk in boxes.items() if pk in by_pk)
            raise DomainError(f"Box {row.ref!r} is not here: expected one of {known or 'none'}.", field="box")
        found.append((row, parcel))
    return found


def _boxes(item: FulfillmentOrder) -> Mapping[str, int]:
    """The WMS's own name of each box and the parcel that it became."""
    packs = HandOffEvent.objects.filter(hand_off__fulfillment_order=item, kind="pack", outcome=EventOutcome.APPLIED)
    results = packs.order_by("pk").values_list("result", flat=True)
    return {str(row["box"]): int(row["shipment"]) for result in results for row in result.get("shipments", ())}


def _with_awb(row: Left, parcel: Shipment) -> dict[str, Any]:
    if not row.awb:
        raise DomainError("You book the carrier of this node: say which AWB each box has.", field="awb")
    awb = clean_awb(row.awb)
    other = Shipment.objects.filter(awb=awb).exclude(pk=parcel.pk).select_related("order").first()
    if other is not None:
        raise Conflict(f"AWB {awb} is that of a parcel of {other.order.number}.", field="awb")
    return {"shipment": parcel.pk, "awb": awb, "carrier": row.carrier.strip()[:120]}


def book_what_left(hand_off_event_id: int) -> int:
    """Keep the AWBs that a WMS booked, and hand those parcels over; how many left now. Never in a transaction.

    Again, it finds what was done. What cannot be booked keeps its problem, for a person.
    """
    event = HandOffEvent.objects.select_related("link__carrier_account").get(pk=hand_off_event_id)
    gone = 0
    for row in event.result.get("left", ()):
        parcel = book_shipment(int(row["shipment"]), account_id=event.link.carrier_account_id, awb=str(row["awb"]))
        parcel.refresh_from_db()
        if parcel.state == ShipmentState.CREATED:
            continue
        if row["carrier"] and parcel.state == ShipmentState.LABELLED:
            Shipment.objects.filter(pk=parcel.pk).update(courier_name=row["carrier"])
        gone += len(_hand_over(parcel.pk, event.actor))
    return gone


def _hand_over(shipment_id: int, actor: str) -> list[int]:
    return run_atomic(
        lambda: hand_over(shipment_ids=[shipment_id], actor=actor, reason="its WMS said so", is_gone=True)
    )
