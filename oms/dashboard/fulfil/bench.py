"""What a packer has on the bench: the open box, the parcel that was closed last, and what waits at the node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderState,
    PackCheck,
    Packing,
    Printer,
    Shipment,
)
from fulfillment.selectors import TO_PICK, label_problems, with_contents, with_lines
from fulfillment.selectors.boxes import Box, FilledBox, boxes_at, filled_boxes, units_in_box
from fulfillment.selectors.checks import open_checks
from fulfillment.selectors.held import BEFORE_ROAD
from fulfillment.services import cash_of_work, weight_doubt
from inventory.models import Node
from oms.accounts.access import Principal, in_node_scope
from oms.core.clock import now
from oms.core.errors import Forbidden

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
    """The order that is being packed, in one box or several."""

    packing: Packing
    work: FulfillmentOrder
    rows: Sequence[BenchLine]
    boxes: Sequence[FilledBox]
    sizes: Sequence[Box]
    cash_minor: int
    checks: Sequence[PackCheck]

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

    def choose(self, node: Node) -> None:
        """Stand at another node; what was open there stays open there."""
        self._session[_NODE] = node.pk
        self.put_aside()
        self._session.pop(_LAST, None)
        self._session.pop(_UNPROVEN, None)
        self.node = node

    def put_on_bench(self, packing_id: int) -> None:
        """This box is open here now."""
        self._session[_OPEN] = packing_id

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
        return Printer.objects.filter(pk=pk, node=self.node, is_active=True).first() if pk and self.node else None

    def print_on(self, printer_id: int | None) -> None:
        """Print this station's labels there from now on; None: in its browser."""
        self._session[_PRINTER] = printer_id

    def printers(self) -> list[Printer]:
        """The printers of its node."""
        return list(Printer.objects.filter(node=self.node, is_active=True)) if self.node else []

    def show_parcel(self, shipment_id: int) -> None:
        """This parcel's label is wanted again."""
        self._session[_LAST] = [shipment_id]

    def open_box(self) -> OpenBox | None:
        """What lies on the bench; None where nothing does, or its work ended meanwhile."""
        packing = Packing.objects.filter(pk=self._session.get(_OPEN, 0)).first()
        if packing is None or self.node is None:
            return None
        work = with_lines(FulfillmentOrder.objects.filter(pk=packing.fulfillment_order_id, node=self.node)).first()
        if work is None or work.state != FulfillmentOrderState.PICKED:
            return None
        return open_box_of(packing, work)

    def last_parcels(self) -> list[Shipment]:
        """The parcels of the order that was closed last at this station."""
        ids = self._session.get(_LAST, [])
        if self.node is None or not ids:
            return []
        return list(with_contents(Shipment.objects.filter(pk__in=ids, node=self.node)).order_by("pk"))

    def waiting(self) -> dict[str, Any]:
        """What waits at the node: orders to pack, late ones, parcels with a label problem, and the next cut-off."""
        assert self.node is not None
        rows = FulfillmentOrder.objects.filter(node=self.node, state=FulfillmentOrderState.PICKED, with_wms=False)
        moment = now()
        to_pick = FulfillmentOrder.objects.filter(node=self.node, state__in=TO_PICK, with_wms=False)
        return {
            "to_pack": rows.count(), "to_pick": to_pick.count(), "late": rows.filter(due_at__lt=moment).count(),
            "problems": label_problems(Shipment.objects.filter(node=self.node)).count(),
            "cutoff_at": self.node.cutoff_at,
        }  # fmt: skip


def open_box_of(packing: Packing, work: FulfillmentOrder) -> OpenBox:
    """The order on the bench with its lines, boxes and checks."""
    counts = units_in_box(packing)
    lines = [line for line in work.lines.all() if line.picked]
    sizes = boxes_at(work.node_id)
    return OpenBox(
        packing, work, [BenchLine(line, counts[line.pk]) for line in lines], filled_boxes(packing, lines, sizes), sizes,
        cash_of_work(work), open_checks(work, lines),
    )  # fmt: skip
