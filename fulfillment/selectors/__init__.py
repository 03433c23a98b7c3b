"""Questions about the work of the nodes. Nothing here writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    Min,
    Prefetch,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)

from carriers.models import CarrierAccount
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    Manifest,
    ManifestState,
    OffManifest,
    PickedUnit,
    Shipment,
    ShipmentItem,
    ShipmentState,
    StagedParcel,
)
from fulfillment.selectors.units import LotHere, lots_here, lots_to_take, units_of_lines
from inventory.models import Node, Sku, StockLevel
from inventory.services import why_not_sold
from oms.core.clock import now
from oms.core.models import Transition
from orders.models import OrderEvent

State = FulfillmentOrderState

#: States in which a person of the node has something to do.
AT_NODE = (State.OPEN, State.ACCEPTED, State.PICKING, State.PICKED, State.PACKED, State.READY)
TO_PICK = (State.ACCEPTED, State.PICKING)
#: States of work whose goods belong on the shelf again.
ENDED = (State.CANCELLED, State.REJECTED, State.NO_SHOW)
#: How long goods of work that ended wait on the list of things to put back.
PUT_BACK_DAYS = 3
PUT_BACK = "put_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCount:
    """Work of some nodes in one state: orders, units, how many are late, and the earliest due moment."""

    state: str
    kind: str
    orders: int
    units: int
    late: int
    due_at: datetime | None


def count_by_stage(node_ids: Collection[int]) -> list[StageCount]:
    """How much work the nodes have in each state, one row for each state and kind."""
    moment = now()
    rows = (
        FulfillmentOrder.objects.filter(node__in=node_ids, state__in=AT_NODE, with_wms=False)
        .values("state", "kind")
        .annotate(
            orders=Count("pk", distinct=True),
            units=Sum(F("lines__quantity") - F("lines__short")),
            late=Count("pk", filter=Q(due_at__lt=moment), distinct=True),
            due=Min("due_at"),
        )
    )
    return [
        StageCount(state=row["state"], kind=row["kind"], orders=row["orders"], units=row["units"] or 0,
                   late=row["late"], due_at=row["due"])
        for row in rows
    ]  # fmt: skip


def work_at(node_id: int, states: Collection[str], *, kind: str = "", limit: int = 100) -> list[FulfillmentOrder]:
    """Work that people of a node do, with its order and lines, the first due first. Two queries."""
    rows = FulfillmentOrder.objects.filter(node=node_id, state__in=states, with_wms=False)
    if kind:
        rows = rows.filter(kind=kind)
    return list(with_lines(rows).order_by(F("due_at").asc(nulls_last=True), "pk")[:limit])


def with_lines(rows: QuerySet[FulfillmentOrder]) -> QuerySet[FulfillmentOrder]:
    """Load order, node, lines and SKUs with the rows."""
    lines = FulfillmentLine.objects.select_related("sku", "order_line__kit", "order_line__substitute_for").order_by(
        "pk"
    )
    return rows.select_related("order", "node").prefetch_related(Prefetch("lines", lines))


# -- picking -----------------------------------------------------------------------------------------------------------


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


# -- handing over ------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class CarrierWaiting:
    """What one carrier takes from a node: parcels with a label, those on the open manifest, and that manifest."""

    account: CarrierAccount
    waiting: int = 0
    scanned: int = 0
    due_at: datetime | None = None
    manifest: Manifest | None = None

    @property
    def parcels(self) -> int:
        """All parcels that the carrier will take."""
        return self.waiting + self.scanned


def carriers_waiting(node_id: int) -> list[CarrierWaiting]:
    """Carriers with parcels at the node, the first due first."""
    manifests = {
        row.carrier_account_id: row
        for row in Manifest.objects.select_related("carrier_account").filter(node=node_id, state=ManifestState.OPEN)
    }
    found = {pk: CarrierWaiting(account=row.carrier_account, manifest=row) for pk, row in manifests.items()}
    rows = (
        Shipment.objects.filter(
            node=node_id, state__in=(ShipmentState.LABELLED, ShipmentState.MANIFESTED), carrier_account__isnull=False
        )
        .values("carrier_account", "state")
        .annotate(parcels=Count("pk"), due=Min("fulfillment_order__due_at"))
    )
    counts = list(rows)
    accounts = CarrierAccount.objects.in_bulk({row["carrier_account"] for row in counts} - set(found))
    for row in counts:
        pk = row["carrier_account"]
        item = found.setdefault(pk, CarrierWaiting(account=accounts[pk])) if pk in accounts else found[pk]
        if row["state"] == ShipmentState.LABELLED:
            item.waiting = row["parcels"]
        else:
            item.scanned = row["parcels"]
        if row["due"] is not None:
            item.due_at = min(item.due_at or row["due"], row["due"])
    far = now() + timedelta(days=3650)
    return sorted(found.values(), key=lambda item: (item.due_at or far, item.account.name))


def pickups_waiting(node_id: int) -> list[Shipment]:
    """Packed pickup orders that wait for their customers, the oldest first."""
    rows = Shipment.objects.filter(
        node=node_id, state=ShipmentState.CREATED, fulfillment_order__kind=FulfillmentOrderKind.PICKUP,
        fulfillment_order__state=State.READY,
    )  # fmt: skip
    return list(with_contents(rows).order_by("created_at", "pk"))


def with_contents(rows: QuerySet[Shipment]) -> QuerySet[Shipment]:
    """Load order, work, node, carrier and contents with the rows."""
    items = ShipmentItem.objects.select_related("line__sku", "line__order_line__substitute_for").order_by("pk")
    return rows.select_related("order", "fulfillment_order", "node", "carrier_account").prefetch_related(
        Prefetch("items", items)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSheet:
    """A manifest with the parcels on it and those that the carrier should take too but nobody scanned.

    `dropped` came off it and may still lie in the pile, with the AWB that their labels say.
    """

    manifest: Manifest
    scanned: list[Shipment]
    missing: list[Shipment]
    dropped: list[OffManifest]

    @property
    def expected(self) -> int:
        """Parcels the carrier should take."""
        return len(self.scanned) + len(self.missing)


def at_the_dock(rows: QuerySet[Shipment], node_id: int, account_id: int) -> QuerySet[Shipment]:
    """Parcels with a label that the people of a node give to a carrier; those that its WMS ships are left out."""
    return rows.filter(
        node=node_id, carrier_account=account_id, state=ShipmentState.LABELLED, fulfillment_order__with_wms=False
    )


def manifest_sheet(manifest: Manifest) -> ManifestSheet:
    """Both lists, by order number. A closed manifest misses nothing."""
    with_order = Shipment.objects.select_related("order", "node", "fulfillment_order")
    scanned = with_order.filter(manifest=manifest).order_by("order__number", "pk")
    missing = Shipment.objects.none()
    if manifest.state == ManifestState.OPEN:
        missing = at_the_dock(with_order, manifest.node_id, manifest.carrier_account_id)
    return ManifestSheet(manifest=manifest, scanned=list(scanned), missing=list(missing.order_by("order__number")),
                         dropped=list(manifest.dropped.select_related("shipment__order").order_by("pk")))  # fmt: skip


def without_label(rows: QuerySet[Shipment]) -> QuerySet[Shipment]:
    """Parcels that travel, are packed, and have no label yet."""
    travel = (FulfillmentOrderKind.SHIP, FulfillmentOrderKind.TRANSFER)
    return rows.filter(state=ShipmentState.CREATED, fulfillment_order__kind__in=travel)


def label_problems(rows: QuerySet[Shipment]) -> QuerySet[Shipment]:
    """Parcels that no carrier took, or whose carrier has not answered: a person must look. The first due first."""
    return without_label(rows).exclude(problem="").order_by(F("fulfillment_order__due_at").asc(nulls_last=True), "pk")


# -- the floor as a whole ----------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class NodeLoad:
    """Work of one node by state; `late` counts what is past its due moment."""

    node_id: int
    code: str
    name: str
    by_state: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    late: int = 0

    @property
    def total(self) -> int:
        """All work at the node."""
        return sum(self.by_state.values())


def load_by_node(rows: QuerySet[FulfillmentOrder]) -> list[NodeLoad]:
    """The work of `rows` that stands at nodes, one line for each node: most late first. One query."""
    counts = (
        rows.filter(state__in=AT_NODE)
        .values("node_id", "node__code", "node__name", "state")
        .annotate(orders=Count("pk"), late=Count("pk", filter=Q(due_at__lt=now())))
        .order_by("node__code")
    )
    loads: dict[int, NodeLoad] = {}
    for row in counts:
        load = loads.setdefault(
            row["node_id"], NodeLoad(node_id=row["node_id"], code=row["node__code"], name=row["node__name"])
        )
        load.by_state[row["state"]] += row["orders"]
        load.late += row["late"]
    return sorted(loads.values(), key=lambda load: (-load.late, -load.total, load.code))


def units_of(lines: Iterable[FulfillmentLine]) -> int:
    """Units of the lines that are not reported short."""
    return sum(line.quantity - line.short for line in lines)


def by_urgency(rows: QuerySet[FulfillmentOrder]) -> QuerySet[FulfillmentOrder]:
    """The first due first, work without a due moment last."""
    no_date = Case(When(due_at__isnull=True, then=Value(1)), default=Value(0), output_field=IntegerField())
    return rows.order_by(no_date, "due_at", "pk")


def closed_nodes_with_work() -> list[int]:
    """Nodes that are switched off and still have work that nobody packed, or are to be sent such work's goods."""
    found = FulfillmentOrder.objects.filter(
        node__is_active=False, state__in=(State.SCHEDULED, State.OPEN, State.ACCEPTED, State.PICKING)
    )
    sent_to = FulfillmentOrder.objects.filter(
        kind=FulfillmentOrderKind.TRANSFER,
        state__in=(State.SCHEDULED, State.OPEN, State.ACCEPTED, State.PICKING, State.PICKED),
    ).values("order__pickup_node_code")
    stores = Node.objects.filter(is_active=False, code__in=sent_to).values_list("pk", flat=True)
    return sorted({*found.order_by().values_list("node_id", flat=True).distinct(), *stores})
