"""Questions about goods that come back. Nothing here writes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum

from fulfillment.models import FulfillmentOrderKind, PickedUnit, Shipment, ShipmentState
from inventory.models import Lot, SerialNumber, Sku, Tracking
from returns.models import Return, ReturnLine, ReturnState, ReturnUnit

#: States in which the goods are not put away yet.
OPEN = (ReturnState.REQUESTED, ReturnState.APPROVED, ReturnState.IN_TRANSIT, ReturnState.RECEIVED,
        ReturnState.INSPECTED)  # fmt: skip
#: Parcels that may come back although the carrier has not said so.
_MAY_COME_BACK = (ShipmentState.HANDED_OVER, ShipmentState.IN_TRANSIT, ShipmentState.OUT_FOR_DELIVERY,
                  ShipmentState.NDR_OPEN, ShipmentState.RTO_INITIATED, ShipmentState.RTO_IN_TRANSIT,
                  ShipmentState.LOST, ShipmentState.DAMAGED)  # fmt: skip


def with_lines(rows: QuerySet[Return]) -> QuerySet[Return]:
    """Load order, node, parcel and lines with the rows."""
    lines = ReturnLine.objects.select_related("order_line").order_by("pk")
    return rows.select_related("order", "node", "shipment").prefetch_related(Prefetch("lines", lines))


def listed(rows: QuerySet[Return]) -> QuerySet[Return]:
    """The rows with their number of units, for a list."""
    return rows.select_related("order", "node", "shipment").annotate(units=Sum("lines__quantity"))


def count_by_state(rows: QuerySet[Return]) -> dict[str, int]:
    """How many of the rows are open and how many are put away."""
    found = rows.aggregate(open=Count("pk", filter=Q(state__in=OPEN)), all=Count("pk"))
    return {"open": found["open"], "all": found["all"], "done": found["all"] - found["open"]}


def find_return(rows: QuerySet[Return], code: str) -> Return | None:
    """The return of a scanned AWB, a return number or an order number; open ones before those put away."""
    text = code.strip()
    if not text:
        return None
    matching = rows.filter(Q(shipment__awb=text) | Q(number__iexact=text) | Q(order__number__iexact=text))
    if not matching.exists():
        matching = rows.filter(shipment__items__picked_units__serial__number=text)
    return matching.filter(state__in=OPEN).order_by("pk").first() or matching.order_by("-pk").first()


def unannounced_parcel(rows: QuerySet[Shipment], code: str) -> Shipment | None:
    """A parcel on the road with this AWB that no return expects: it stands here before the carrier's news.

    Parcels to the store where their order is collected are none: no customer ever had their goods.
    """
    text = code.strip()
    if not text:
        return None
    on_road = rows.filter(awb=text, state__in=_MAY_COME_BACK, return_order__isnull=True)
    on_road = on_road.exclude(fulfillment_order__kind=FulfillmentOrderKind.TRANSFER)
    return on_road.select_related("order", "node").order_by("-pk").first()


# -- lots and serial numbers -------------------------------------------------------------------------------------------

_NOT_LEFT = (ShipmentState.CANCELLED, ShipmentState.CREATED, ShipmentState.LABELLED, ShipmentState.MANIFESTED)


def lines_with_tracking(item: Return) -> list[ReturnLine]:
    """The lines of a return with their order lines and, as `tracking`, how exactly the units of their SKU are kept."""
    kept = Sku.objects.filter(pk=OuterRef("order_line__sku_id")).values("tracking")
    rows = item.lines.select_related("order_line").annotate(tracking=Subquery(kept))
    return list(rows.order_by("pk"))


def tracking_of(line: ReturnLine) -> str:
    """How exactly the units of the line's SKU are kept; the line comes from `lines_with_tracking`."""
    return str(getattr(line, "tracking", None) or Tracking.NONE)


@dataclass(slots=True)
class SentUnits:
    """What the customer has of a line: units by lot, serial numbers."""

    lots: dict[int, tuple[Lot, int]] = field(default_factory=dict)
    serials: dict[int, SerialNumber] = field(default_factory=dict)

    @property
    def units(self) -> int:
        """All of them."""
        return len(self.serials) + sum(units for _, units in self.lots.values())

    @property
    def in_words(self) -> str:
        """Lots with their units, serial numbers."""
        lots = [f"{units} of lot {lot.code}" for lot, units in self.lots.values()]
        return ", ".join([*lots, *(serial.number for serial in self.serials.values())]) or "nothing"


def sent_units(item: Return, lines: Sequence[ReturnLine]) -> dict[int, SentUnits]:
    """What left for each line that is kept by lot or serial number and did not come back, by return line id.

    Of a return of one parcel only what is in that parcel. Two statements, or none.
    """
    tracked = [line for line in lines if tracking_of(line) != Tracking.NONE]
    found = {line.pk: SentUnits() for line in tracked}
    if not tracked:
        return found
    by_order_line = {line.order_line_id: found[line.pk] for line in tracked}
    sent = PickedUnit.objects.filter(line__order_line__in=by_order_line, item__isnull=False)
    sent = sent.filter(item__shipment=item.shipment_id) if item.shipment_id else sent
    sent = sent.exclude(item__shipment__state__in=_NOT_LEFT)
    back = _came_back(item, by_order_line)
    for unit in sent.select_related("lot", "serial", "line").order_by("pk"):
        here = by_order_line[unit.line.order_line_id]
        if unit.serial is not None and not back[unit.line.order_line_id]["serial", unit.serial.pk]:
            here.serials[unit.serial.pk] = unit.serial
        if unit.lot is not None:
            gone = min(unit.quantity, back[unit.line.order_line_id]["lot", unit.lot.pk])
            back[unit.line.order_line_id]["lot", unit.lot.pk] -= gone
            if unit.quantity > gone:
                before = here.lots.get(unit.lot.pk, (unit.lot, 0))[1]
                here.lots[unit.lot.pk] = (unit.lot, before + unit.quantity - gone)
    return found


def _came_back(item: Return, order_lines: Iterable[int]) -> dict[int, Counter[tuple[str, int]]]:
    """Units of order lines that came back with other returns, by lot and serial number."""
    found: dict[int, Counter[tuple[str, int]]] = defaultdict(Counter)
    rows = ReturnUnit.objects.filter(line__order_line__in=list(order_lines), differs=False)
    for unit in rows.exclude(line__return_order=item).select_related("line"):
        key = ("lot", unit.lot_id) if unit.lot_id is not None else ("serial", unit.serial_id or 0)
        found[unit.line.order_line_id][key] += unit.quantity
    return found
