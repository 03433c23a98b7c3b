"""Which lots and serial numbers are meant when units of a line cannot be picked."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.models import FulfillmentLine
from fulfillment.selectors.units import is_tracked, serials_on_hand, units_in_totes
from fulfillment.services.units import LineUnits
from inventory.errors import NotEnoughStock, TrackingNeeded
from inventory.locks import lock_levels
from inventory.models import Bucket, Lot, LotLevel, Node, SerialNumber, Tracking
from inventory.services import Units, Wanted, split_units, why_not_sold

#: Serial numbers that a sentence names at most.
_SAID = 6


def units_short(line: FulfillmentLine, node: Node, quantity: int, named: LineUnits, *, expired: bool) -> list[Units]:
    """The units that could not be picked; none for a SKU that is kept by quantity.

    Lots that are not named are those that a picker would have taken, or, where they are `expired`, those that may not
    be sold. Serial numbers need no name where every one that lies here is missing. Raises TrackingNeeded and
    NotEnoughStock, also for a named lot that is reported expired and may be sold by the books. Lock the line first.
    """
    if not is_tracked(line):
        return []
    lock_levels([(line.sku_id, node.pk)])
    if line.sku.tracking == Tracking.SERIAL:
        return _serials_short(line, node, quantity, named)
    others = {lot_id: units for (_, lot_id), units in units_in_totes([line.sku_id], [node.pk]).items()}
    if expired:
        return _unsold(line, node, quantity, others, named)
    # What a picker would have been shown: no lot that expires too soon for the customer, unless it is named.
    sold_on = None if named.lots else node.today()
    wanted = Wanted(sku=line.sku, quantity=quantity, lots=named.lots, sold_on=sold_on)
    return split_units([wanted], node_id=node.pk, bucket=Bucket.ON_HAND, spoken_for=others)[0]


def _unsold(line: FulfillmentLine, node: Node, quantity: int, others: dict[int, int], named: LineUnits) -> list[Units]:
    """Units of lots that may not be sold: those named, then the earliest expiry first."""
    levels = LotLevel.objects.filter(lot__sku=line.sku_id, node=node, on_hand__gt=0).select_related("lot")
    rows = sorted(levels, key=lambda row: (row.lot.expires_on is None, row.lot.expires_on, row.lot_id))
    _refuse_sound(line, node, named, [row.lot for row in rows])
    wanted = Wanted(sku=line.sku, quantity=sum(units for _, units in named.lots), lots=named.lots)
    found = split_units([wanted], node_id=node.pk, bucket=Bucket.ON_HAND, spoken_for=others)[0]
    taken = {part.lot_id: part.quantity for part in found}
    left = quantity - sum(taken.values())
    for row in rows if left > 0 else ():
        units = min(left, row.on_hand - others.get(row.lot_id, 0) - taken.get(row.lot_id, 0))
        if units > 0 and why_not_sold(row.lot, line.sku, node.today()):
            found.append(Units(units, lot_id=row.lot_id))
            left -= units
    if left > 0:
        raise NotEnoughStock(
            f"{line.sku.code}: {quantity} units reported, but by the books only {quantity - left} of those here are "
            "expired or blocked.", field="quantity",
        )  # fmt: skip
    if left < 0:
        raise NotEnoughStock(
            f"{line.sku.code}: {quantity} units reported, but {quantity - left} of lots were named.", field="lot"
        )
    return found


def _refuse_sound(line: FulfillmentLine, node: Node, named: LineUnits, here: Sequence[Lot]) -> None:
    """Raises NotEnoughStock for a lot that is reported expired, and may be sold by its day of expiry in the books.

    Put aside as expired it would come back by itself as soon as anybody corrects or frees the lot: whoever stands
    before a box with another day has it checked instead. A lot of which nothing lies `here` is refused for that.
    """
    by_code = {lot.code.upper(): lot for lot in here}
    for code, _ in named.lots:
        lot = by_code.get(code.strip().upper())
        if lot is not None and not why_not_sold(lot, line.sku, node.today()):
            until = f"until {lot.expires_on:%d %b %Y}" if lot.expires_on else "without an end"
            raise NotEnoughStock(
                f"Lot {lot.code} of {line.sku.code} is good {until} by the books. If its box says otherwise, report it "
                'as "Display or worn", which puts it aside to check, and have the day of expiry of the lot corrected.',
                field="lot",
            )


def serials_here(sku_id: int, node_id: int) -> list[SerialNumber]:
    """Serial numbers on hand at a node that lie in no tote."""
    return list(serials_on_hand([sku_id], node_id))


def _serials_short(line: FulfillmentLine, node: Node, quantity: int, named: LineUnits) -> list[Units]:
    here = serials_here(line.sku_id, node.pk)
    if not named.serials and len(here) == quantity:
        return [Units(1, serial_id=row.pk) for row in here]
    by_number = {row.number: row.pk for row in here}
    numbers = list(dict.fromkeys(number.strip() for number in named.serials if number.strip()))
    if len(numbers) != quantity or any(number not in by_number for number in numbers):
        some = ", ".join(list(by_number)[:_SAID]) or "none"
        more = f" and {len(by_number) - _SAID} more" if len(by_number) > _SAID else ""
        raise TrackingNeeded(
            f"{line.sku.code} is kept by serial number: say which {quantity} of those that should lie here. They are "
            f"{some}{more}.", field="serials",
        )  # fmt: skip
    return [Units(1, serial_id=by_number[number]) for number in numbers]
