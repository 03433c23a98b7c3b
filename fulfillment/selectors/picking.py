"""What is to be taken from the shelves of a node, and what has to go back onto them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, DateTimeField, DurationField, ExpressionWrapper, F, Value

from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    PickedUnit,
    StagedParcel,
)
from fulfillment.selectors import TO_PICK, with_lines
from fulfillment.selectors.units import LotHere, lots_here, lots_to_take, units_of_lines
from inventory.models import Node, Sku, StockLevel
from inventory.services import why_not_sold
from oms.core.clock import now
from oms.core.models import Transition
from orders.models import OrderEvent

State = FulfillmentOrderState

#: States of work whose goods belong on the shelf again.
ENDED = (State.CANCELLED, State.REJECTED, State.NO_SHOW)
#: How long goods of work that ended wait on the list of things to put back.
PUT_BACK_DAYS = 3
PUT_BACK = "put_back"


@dataclass(slots=True, kw_only=True)
class PickRow:
    """One SKU of a walk: where it lies, how many are wanted by the chosen work, and who else here needs it."""

    sku: Sku
    bin_code: str
    on_hand: int
    quantity: int = 0
    picked: int = 0
    short: int = 0
    orders: list[str] = field(default_factory=list)
    other_orders: int = 0
    #: Lots that may be taken from, the first to expire first, and from which the units that are left should come.
    lots: list[LotHere] = field(default_factory=list)
    take_from: list[LotHere] = field(default_factory=list)
    #: Lots and serial numbers that lie in the tote.
    taken: list[str] = field(default_factory=list)
    #: Codes of the kits that units of it are for.
    kits: list[str] = field(default_factory=list)
    #: Codes of the SKUs that units of it are sold instead of.
    instead_of: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Units still to find."""
        return self.quantity - self.picked - self.short

    @property
    def options(self) -> str:
        """Size, colour and the like, as one text."""
        return ", ".join(str(value) for value in self.sku.options.values() if value)

    @property
    def zone(self) -> str:
        """The first part of the bin: the part of the building where it lies."""
        return self.bin_code.partition("-")[0]


def pick_rows(node_id: int, work: Sequence[FulfillmentOrder]) -> list[PickRow]:
    """What to take for the work, SKU by SKU in the order of the bins. Work must be loaded by `with_lines`."""
    lines = [(item, line) for item in work for line in item.lines.all()]
    sku_ids = {line.sku_id for _, line in lines}
    levels = {level.sku_id: level for level in StockLevel.objects.filter(node=node_id, sku__in=sku_ids)}
    others = _other_orders(node_id, sku_ids, [item.pk for item in work])
    rows: dict[int, PickRow] = {}
    for item, line in lines:
        level = levels.get(line.sku_id)
        row = rows.setdefault(
            line.sku_id,
            PickRow(sku=line.sku, bin_code=level.bin_code if level else "", on_hand=level.on_hand if level else 0,
                    other_orders=others.get(line.sku_id, 0)),
        )  # fmt: skip
        row.quantity += line.quantity
        row.picked += line.picked
        row.short += line.short
        row.orders.append(item.order.number)
        kit = line.order_line.kit
        if kit is not None and kit.sku_code not in row.kits:
            row.kits.append(kit.sku_code)
        original = line.order_line.substitute_for
        if original is not None and original.sku_code not in row.instead_of:
            row.instead_of.append(original.sku_code)
    _add_units(node_id, rows, [line for _, line in lines])
    return sorted(rows.values(), key=lambda row: (not row.bin_code, row.bin_code, row.sku.code))


def _add_units(node_id: int, rows: dict[int, PickRow], lines: Sequence[FulfillmentLine]) -> None:
    """Lots and serial numbers of the rows whose SKU is kept by them."""
    tracked = [row for row in rows.values() if row.sku.tracking != "none"]
    if not tracked:
        return
    node = Node.objects.get(pk=node_id)
    here = lots_here(node, [row.sku for row in tracked])
    taken = units_of_lines(lines)
    for row in tracked:
        row.lots = here.get(row.sku.pk, [])
        row.take_from = lots_to_take(row.lots, row.left)
        own = [unit for line in lines if line.sku_id == row.sku.pk for unit in taken.get(line.pk, [])]
        row.taken = [_in_tote(unit, row.sku, node) for unit in own]


def _in_tote(unit: PickedUnit, sku: Sku, node: Node) -> str:
    """A serial number, or a lot with its units and, while it lies in a tote, why it may not be sold any more."""
    if unit.lot is None:
        return str(unit.serial)
    why = why_not_sold(unit.lot, sku, node.today()) if unit.item_id is None else ""
    return f"{unit.lot} ×{unit.quantity}" + (f" ({why})" if why else "")


def _other_orders(node_id: int, sku_ids: Collection[int], work_ids: Collection[int]) -> dict[int, int]:
    rows = (
        FulfillmentLine.objects.filter(
            sku__in=sku_ids, fulfillment_order__node=node_id,
            fulfillment_order__state__in=(State.OPEN, *TO_PICK), quantity__gt=F("picked") + F("short"),
        )
        .exclude(fulfillment_order__in=work_ids)
        .values_list("sku").annotate(Count("fulfillment_order", distinct=True))
    )  # fmt: skip
    return dict(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """Work that ended while its goods were off the shelf: what to put back, since when and why.

    `shelves` are those on which its parcels waited for their customer.
    """

    work: FulfillmentOrder
    lines: list[FulfillmentLine]
    ended_at: datetime | None
    shelves: Sequence[str] = ()

    @property
    def units(self) -> int:
        """Units in the picker's hands."""
        return sum(line.picked for line in self.lines)


def put_backs(node_id: int, *, work_ids: Collection[int] | None = None) -> list[PutBack]:
    """Work of the last days that ended with goods off the shelf that nobody reported as put back. Newest last."""
    since = now() - timedelta(days=PUT_BACK_DAYS)
    # What lay ready to collect may be as much older as its store keeps it.
    kept = ExpressionWrapper(F("node__pickup_days") * Value(timedelta(days=1)), DurationField())
    oldest = ExpressionWrapper(Value(since - timedelta(days=30)) - kept, DateTimeField())
    rows = FulfillmentOrder.objects.filter(
        node=node_id, state__in=ENDED, released_at__gte=oldest, lines__picked__gt=0
    )  # fmt: skip
    if work_ids is not None:
        rows = rows.filter(pk__in=work_ids)
    work = list(with_lines(rows.distinct()).order_by("pk"))
    moments = ended_at([item.pk for item in work])
    settled = _settled([item.order_id for item in work])
    shelves = _shelves([item.pk for item in work if item.kind == FulfillmentOrderKind.PICKUP])
    return [
        PutBack(
            work=item,
            lines=[line for line in item.lines.all() if line.picked],
            ended_at=moments.get(item.pk),
            shelves=shelves[item.pk],
        )
        for item in work
        if item.number not in settled and moments.get(item.pk, since) >= since
    ]


def _shelves(work_ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    if work_ids:
        rows = StagedParcel.objects.filter(shipment__fulfillment_order__in=work_ids).order_by("pk")
        for work_id, shelf in rows.values_list("shipment__fulfillment_order_id", "shelf"):
            found[work_id].append(shelf)
    return found


def ended_at(work_ids: Sequence[int]) -> dict[int, datetime]:
    """When work was cancelled, rejected or not collected, by its id."""
    rows = Transition.objects.filter(model="fulfillment.FulfillmentOrder", object_id__in=work_ids, to_state__in=ENDED)
    return dict(rows.order_by("pk").values_list("object_id", "at"))


def _settled(order_ids: Sequence[int]) -> set[str]:
    rows = OrderEvent.objects.filter(order__in=order_ids, kind=PUT_BACK).values_list("data", flat=True)
    return {str(data.get("fulfillment_order", "")) for data in rows}
