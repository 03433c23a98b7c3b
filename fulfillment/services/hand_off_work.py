"""What a WMS did to the goods: picked, short, packed. The same services as for the floor's own people."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderState,
    LinkLabels,
    WmsLink,
)
from fulfillment.services.cash import fix_cash
from fulfillment.services.packing import ParcelPlan, pack
from fulfillment.services.picking import pick, report_short
from fulfillment.services.units import LineUnits
from oms.core.errors import Conflict, DomainError

State = FulfillmentOrderState
#: A tonne, and ten metres: what is more is a mistake of units.
_MOST_GRAMS, _MOST_MM = 1_000_000, 10_000


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
            f"{item.number} has no line {came}: it has {has}.", field="sku" if part.line_id is None else "line_id"
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
