"""What a packer has on the bench: the open box, the parcel that was closed last, and what waits at the node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, Q, prefetch_related_objects
from django.http import HttpRequest

from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderState,
    PackCheck,
    Packing,
    PackScan,
    Printer,
    Shipment,
)
from fulfillment.selectors import TO_PICK
from fulfillment.selectors.boxes import Box, FilledBox, OpenBoxes, boxes_at
from fulfillment.selectors.checks import open_checks
from fulfillment.selectors.handing_over import label_problems, with_contents
from fulfillment.selectors.held import BEFORE_ROAD
from fulfillment.services import cash_of_work, locked_boxes, weight_doubt
from inventory.models import Node
from oms.accounts.access import Principal, in_node_scope
from oms.core.clock import now
from oms.core.errors import Forbidden, NotFound

#: What the browser's session remembers of the station.
_NODE, _OPEN, _LAST, _PROVES, _UNPROVEN = "pack_node", "pack_open", "pack_last", "pack_proves", "pack_unproven"
_PRINTER = "pack_printer"
LAST_SCANS = 5


@dataclass(frozen=True, slots=True)
class BenchLine:
    """A line of the open box: how many of it were picked, and how many are in."""

    line: FulfillmentLine
    units: int

    @property
    def is_done(self) -> bool:
        """All of it is in the box."""
        return self.units == self.line.picked

    @property
    def missing(self) -> int:
        """Units that are not in yet."""
        return self.line.picked - self.units


@dataclass(frozen=True, slots=True)
class OpenBox:
    """The order that is being packed, in one box or several, as the screen shows it."""

    packing: Packing
    work: FulfillmentOrder
    rows: Sequence[BenchLine]
    boxes: Sequence[FilledBox]
    sizes: Sequence[Box]
    cash_minor: int
    checks: Sequence[PackCheck]
    last_scans: Sequence[PackScan]

    @property
    def box(self) -> FilledBox:
        """The box that is being filled."""
        return self.boxes[-1]

    @property
    def units(self) -> int:
        """Units in the boxes."""
        return sum(row.units for row in self.rows)

    @property
    def wanted(self) -> int:
        """Units that were picked for it."""
        return sum(row.line.picked for row in self.rows)

    @property
    def is_full(self) -> bool:
        """Nothing is missing."""
        return self.units == self.wanted

    @property
    def missing(self) -> Sequence[BenchLine]:
        """The lines of which something is missing."""
        return [row for row in self.rows if not row.is_done]

    @property
    def doubt(self) -> str:
        """What is odd about the weight of a box."""
        return next(filter(None, (weight_doubt(box) for box in self.boxes)), "")

    @property
    def is_to_be_weighed(self) -> bool:
        """A check wants the weight of a box that was not weighed."""
        unweighed = any(box.weighed_grams is None for box in self.boxes)
        return unweighed and any(check.kind == PackCheck.Kind.WEIGH for check in self.checks)

    @property
    def to_confirm(self) -> Sequence[PackCheck]:
        """Checks that a look or a photo proves."""
        return [check for check in self.checks if check.kind != PackCheck.Kind.WEIGH]


def stations(principal: Principal) -> list[Node]:
    """The nodes at which this person may pack. Raises Forbidden for who sees some channels only: a bench has all."""
    if not principal.all_channels:
        raise Forbidden(f"A bench packs for every channel, and {principal.name} sees some only. An admin can grant it.")
    return list(in_node_scope(Node.objects.filter(is_active=True), principal, "code").order_by("code"))


class Station:
    """The pack station of one browser: its node, its open box and the last parcel, kept in the session."""

    def __init__(self, request: HttpRequest, principal: Principal) -> None:
        self._session = request.session
        self.nodes = stations(principal)
        chosen = next((node for node in self.nodes if node.pk == self._session.get(_NODE)), None)
        self.node = chosen or (self.nodes[0] if len(self.nodes) == 1 else None)
        self._shown: OpenBoxes | None = None

    def choose(self, node: Node) -> None:
        """Stand at another node; what was open there stays open there."""
        self._session[_NODE] = node.pk
        self.put_aside()
        self._session.pop(_LAST, None)
        self._session.pop(_UNPROVEN, None)
        self.node = node

    def put_on_bench(self, opened: OpenBoxes) -> None:
        """These boxes are open here now, as this request leaves them."""
        if self._session.get(_OPEN) != opened.packing.pk:
            self._session[_OPEN] = opened.packing.pk
        self.shows(opened)

    def put_aside(self) -> None:
        """The bench is empty; the box keeps what is in it."""
        self._session.pop(_OPEN, None)

    def closed(self, shipment_ids: Sequence[int]) -> None:
        """The boxes became these parcels."""
        self.put_aside()
        self._session[_LAST] = list(shipment_ids)
        if self.proves_labels:
            self._session[_UNPROVEN] = list(shipment_ids)

    @property
    def proves_labels(self) -> bool:
        """Each printed label is scanned on its box before the next order begins."""
        return bool(self._session.get(_PROVES))

    def prove_labels(self, on: bool) -> None:
        """Whether this station scans each label."""
        self._session[_PROVES] = on
        self._session.pop(_UNPROVEN, None)

    def unproven(self) -> list[Shipment]:
        """The parcels whose labels have to be scanned next; those that have no label yet are not waited for."""
        ids = self._session.get(_UNPROVEN, [])
        waiting = Shipment.objects.select_related("order").filter(pk__in=ids, state__in=BEFORE_ROAD)
        return list(waiting.exclude(awb="")) if ids else []

    def proven(self, shipment_id: int) -> None:
        """The label is on its box."""
        self._session[_UNPROVEN] = [pk for pk in self._session.get(_UNPROVEN, []) if pk != shipment_id]

    def printer(self) -> Printer | None:
        """Where this station's labels come out; None: in its browser."""
        pk = self._session.get(_PRINTER)
        return next((printer for printer in self.printers if printer.pk == pk), None) if pk else None

    def print_on(self, printer_id: int | None) -> None:
        """Print this station's labels there from now on; None: in its browser."""
        self._session[_PRINTER] = printer_id

    @cached_property
    def printers(self) -> list[Printer]:
        """The printers of its node."""
        return list(Printer.objects.filter(node=self.node, is_active=True)) if self.node else []

    def show_parcel(self, shipment_id: int) -> None:
        """This parcel's label is wanted again."""
        self._session[_LAST] = [shipment_id]

    def take(self, packer: str) -> OpenBoxes | None:
        """What lies on the bench, locked until the transaction ends; None where nothing does, or its box is closed.

        Raises Conflict where it may not be packed any more, or somebody else goes on with it.
        """
        pk = self._session.get(_OPEN)
        if not pk or self.node is None:
            return None
        try:
            opened = locked_boxes(pk, packer)
        except NotFound:
            return None
        return opened if opened.work.node_id == self.node.pk else None

    def shows(self, opened: OpenBoxes | None) -> None:
        """What this request left on the bench, so that its page need not read it again; None: nobody knows."""
        self._shown = opened

    def open_box(self) -> OpenBox | None:
        """What lies on the bench; None where nothing does, or its work ended meanwhile."""
        pk = self._session.get(_OPEN)
        if not pk or self.node is None:
            return None
        if self._shown is not None and self._shown.packing.pk == pk:
            return _shown(self._shown)
        packing = (
            Packing.objects.select_related("fulfillment_order__order", "fulfillment_order__node")
            .filter(pk=pk, fulfillment_order__node=self.node, fulfillment_order__state=FulfillmentOrderState.PICKED)
            .first()
        )
        if packing is None:
            return None
        work = packing.fulfillment_order
        rows = FulfillmentLine.objects.select_related("sku", "order_line").filter(fulfillment_order=work, picked__gt=0)
        return _shown(OpenBoxes.read(packing, work, list(rows.order_by("pk"))))

    def last_parcels(self) -> list[Shipment]:
        """The parcels of the order that was closed last at this station."""
        ids = self._session.get(_LAST, [])
        if self.node is None or not ids:
            return []
        return list(with_contents(Shipment.objects.filter(pk__in=ids, node=self.node)).order_by("pk"))

    def waiting(self) -> dict[str, Any]:
        """What waits at the node: orders to pack, late ones, parcels with a label problem, and the next cut-off."""
        assert self.node is not None
        picked = Q(state=FulfillmentOrderState.PICKED)
        counts = FulfillmentOrder.objects.filter(
            node=self.node, state__in=(*TO_PICK, FulfillmentOrderState.PICKED), with_wms=False
        ).aggregate(to_pack=Count("pk", filter=picked), to_pick=Count("pk", filter=~picked),
                    late=Count("pk", filter=picked & Q(due_at__lt=now())))  # fmt: skip
        return {**counts, "problems": label_problems(Shipment.objects.filter(node=self.node)).count(),
                "cutoff_at": self.node.cutoff_at}  # fmt: skip


def _shown(opened: OpenBoxes) -> OpenBox:
    """The order on the bench with its lines, boxes and checks."""
    work, lines, units = opened.work, opened.lines, opened.units
    prefetch_related_objects(lines, "order_line__substitute_for")
    sizes = boxes_at(work.node_id)
    return OpenBox(
        opened.packing, work, [BenchLine(line, units[line.pk]) for line in lines], opened.filled(sizes), sizes,
        cash_of_work(work), open_checks(work, lines), opened.scans[: -LAST_SCANS - 1 : -1],
    )  # fmt: skip
