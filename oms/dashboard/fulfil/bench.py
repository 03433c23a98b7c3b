"""What a packer has on the bench: the open box, the parcel that was closed last, and what waits at the node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState, Packing, Shipment
from fulfillment.selectors import TO_PICK, label_problems, with_contents, with_lines
from fulfillment.selectors.boxes import BOXES, Box, box_of, goods_grams, suggested, units_in_box
from fulfillment.services import ParcelPlan, cash_of_work
from inventory.models import Node
from oms.accounts.access import Principal, in_node_scope
from oms.core.clock import now
from oms.core.errors import Forbidden

#: What the browser's session remembers of the station.
_NODE, _OPEN, _LAST = "pack_node", "pack_open", "pack_last"
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


@dataclass(frozen=True, slots=True)
class OpenBox:
    """The box that is being filled."""

    packing: Packing
    work: FulfillmentOrder
    rows: Sequence[BenchLine]
    box: Box
    grams: int
    cash_minor: int

    @property
    def units(self) -> int:
        """Units in the box."""
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
    def plan(self) -> ParcelPlan:
        """The parcel that it becomes."""
        box = self.box
        return ParcelPlan(
            weight_grams=self.grams, length_mm=box.length_mm, width_mm=box.width_mm, height_mm=box.height_mm
        )


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
        self.node = node

    def put_on_bench(self, packing_id: int) -> None:
        """This box is open here now."""
        self._session[_OPEN] = packing_id

    def put_aside(self) -> None:
        """The bench is empty; the box keeps what is in it."""
        self._session.pop(_OPEN, None)

    def closed(self, shipment_id: int) -> None:
        """The box became this parcel."""
        self.put_aside()
        self._session[_LAST] = shipment_id

    def show_parcel(self, shipment_id: int) -> None:
        """This parcel's label is wanted again."""
        self._session[_LAST] = shipment_id

    def open_box(self) -> OpenBox | None:
        """What lies on the bench; None where nothing does, or its work ended meanwhile."""
        packing = Packing.objects.filter(pk=self._session.get(_OPEN, 0)).first()
        if packing is None or self.node is None:
            return None
        work = with_lines(FulfillmentOrder.objects.filter(pk=packing.fulfillment_order_id, node=self.node)).first()
        if work is None or work.state != FulfillmentOrderState.PICKED:
            return None
        return open_box_of(packing, work)

    def last_parcel(self) -> Shipment | None:
        """The parcel that was closed last at this station."""
        if self.node is None:
            return None
        return with_contents(Shipment.objects.filter(pk=self._session.get(_LAST, 0), node=self.node)).first()

    def waiting(self) -> dict[str, Any]:
        """What waits at the node: orders to pack, late ones, parcels with a label problem, and the next cut-off."""
        assert self.node is not None
        rows = FulfillmentOrder.objects.filter(node=self.node, state=FulfillmentOrderState.PICKED)
        moment = now()
        to_pick = FulfillmentOrder.objects.filter(node=self.node, state__in=TO_PICK)
        return {
            "to_pack": rows.count(), "to_pick": to_pick.count(), "late": rows.filter(due_at__lt=moment).count(),
            "problems": label_problems(Shipment.objects.filter(node=self.node)).count(),
            "cutoff_at": self.node.cutoff_at,
        }  # fmt: skip


def open_box_of(packing: Packing, work: FulfillmentOrder) -> OpenBox:
    """The open box with its lines, its size and what it weighs by the catalogue."""
    counts = units_in_box(packing)
    rows = [BenchLine(line, counts[line.pk]) for line in work.lines.all() if line.picked]
    goods = goods_grams([row.line for row in rows])
    box = box_of(packing.box) or suggested(goods)
    return OpenBox(packing, work, rows, box, goods + box.empty_grams, cash_of_work(work))


def boxes() -> Sequence[tuple[int, Box]]:
    """The boxes with the number of their key."""
    return list(enumerate(BOXES, start=1))
