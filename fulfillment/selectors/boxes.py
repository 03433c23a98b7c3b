"""The boxes and bags that are packed in, and what lies in those that are open. Millimetres and grams."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from fulfillment.models import Carton, FulfillmentLine, FulfillmentOrder, Packing, PackingBox, PackScan
from inventory.models import Sku
from routing.engine.wording import listed

#: Share of a box that goods of mixed shapes fill at most: the rest is air and padding.
_FILLED = 0.8
#: So many lines are named of what is missing: a packer reads no more, and it travels in a header.
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Box:
    """One size. `holds_grams` is the weight of goods up to which it is taken."""

    key: str
    label: str
    length_mm: int
    width_mm: int
    height_mm: int
    empty_grams: int
    holds_grams: int

    @property
    def size(self) -> str:
        """`30 × 22 × 8 cm`."""
        return f"{self.length_mm // 10} × {self.width_mm // 10} × {self.height_mm // 10} cm"

    @property
    def volume(self) -> int:
        """Cubic millimetres."""
        return self.length_mm * self.width_mm * self.height_mm


#: Where a node was told of none.
USUAL = (
    Box("bag", "Courier bag", 300, 220, 40, 20, 500),
    Box("small", "Small box", 250, 180, 80, 90, 1_200),
    Box("medium", "Medium box", 350, 250, 120, 160, 3_000),
    Box("large", "Large box", 450, 350, 200, 320, 30_000),
)


def boxes_at(node_id: int) -> Sequence[Box]:
    """What a node packs in, in the order of its keys: the cartons that an admin gave it, else the usual ones."""
    rows = Carton.objects.filter(Q(node=node_id) | Q(node__isnull=True), is_active=True)
    own = [
        Box(row.code, row.name, row.length_mm, row.width_mm, row.height_mm, row.empty_grams, row.holds_grams)
        for row in rows
    ]
    return sorted(own, key=lambda box: (box.volume, box.key)) or USUAL


def suggested(boxes: Sequence[Box], goods: Mapping[Sku, int]) -> Box:
    """The smallest box that holds these goods, by weight and by size; the largest where none does.

    A piece goes in where its sides, sorted, are no longer than the box's, all pieces together where they fill no more
    than four fifths of it. That is a suggestion for people, not a proof that it fits. Where a SKU was not measured only
    the weight counts.
    """
    grams = sum(sku.weight_grams * units for sku, units in goods.items())
    measured = all(min(_sides(sku)) > 0 for sku in goods)
    volume = sum(sku.length_mm * sku.width_mm * sku.height_mm * units for sku, units in goods.items())

    def holds(box: Box) -> bool:
        if grams > box.holds_grams:
            return False
        inside = sorted((box.length_mm, box.width_mm, box.height_mm))
        pieces_fit = all(side <= room for sku in goods for side, room in zip(sorted(_sides(sku)), inside, strict=True))
        # One piece alone needs no padding beyond its own sides.
        filled = volume if sum(goods.values()) == 1 else volume / _FILLED
        return not measured or (pieces_fit and filled <= box.volume)

    return next((box for box in boxes if holds(box)), boxes[-1])


def _sides(sku: Sku) -> tuple[int, int, int]:
    return sku.length_mm, sku.width_mm, sku.height_mm


@dataclass(frozen=True, slots=True)
class FilledBox:
    """One box of an order that is being packed: what it is made of, what is in it and what it should weigh."""

    number: int
    box: Box
    units: Mapping[int, int]
    expected_grams: int
    weighed_grams: int | None
    weight_accepted: bool

    @property
    def grams(self) -> int:
        """What it weighs: by the scale, else by the catalogue."""
        return self.weighed_grams or self.expected_grams

    def is_off(self, tolerance_percent: int) -> bool:
        """The scale and the catalogue differ by more than this share, and by more than 50 g."""
        if self.weighed_grams is None or self.weight_accepted:
            return False
        apart = abs(self.weighed_grams - self.expected_grams)
        return apart > 50 and apart * 100 > self.expected_grams * tolerance_percent


@dataclass(slots=True)
class OpenBoxes:
    """The boxes of an order that is being packed and what lies in them, as they were read or are being changed.

    `lines` are those of which anything was picked, `scans` in the order in which they were made, `rows` what is known
    of boxes beside their contents. `packing` is not written before somebody has to find it again.
    """

    packing: Packing
    work: FulfillmentOrder
    lines: Sequence[FulfillmentLine]
    scans: list[PackScan]
    rows: list[PackingBox]

    @classmethod
    def read(cls, packing: Packing, work: FulfillmentOrder, lines: Sequence[FulfillmentLine]) -> OpenBoxes:
        """In two statements; none where nothing was kept yet. `sku` of the lines must be loaded."""
        found = cls(packing, work, lines, [], [])
        if found.is_kept:
            found.scans = list(PackScan.objects.select_related("serial").filter(packing=packing).order_by("pk"))
            found.rows = list(PackingBox.objects.filter(packing=packing))
        by_id = {line.pk: line for line in lines}
        for scan in found.scans:
            if scan.line_id in by_id:
                scan.line = by_id[scan.line_id]
        return found

    @property
    def is_kept(self) -> bool:
        """Who closes the page finds it again."""
        return not self.packing._state.adding

    @property
    def units(self) -> Counter[int]:
        """Units that were scanned into the boxes, by the id of their line."""
        return Counter(scan.line_id for scan in self.scans)

    @property
    def is_full(self) -> bool:
        """All that was picked is in the boxes."""
        units = self.units
        return all(units[line.pk] == line.picked for line in self.lines)

    @property
    def number(self) -> int:
        """The number of the box that is being filled."""
        return max([1, *(row.number for row in self.rows)])

    def missing(self) -> str:
        """What the boxes still want, as a sentence that names five at most."""
        units = self.units
        wanted = [
            f"{line.picked - units[line.pk]} x {line.sku.code}" for line in self.lines if units[line.pk] < line.picked
        ]
        more = len(wanted) - _MOST_NAMED
        named = [*wanted[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
        return f"This box needs {listed(named)}." if wanted else "This box is full."

    def filled(self, sizes: Sequence[Box]) -> list[FilledBox]:
        """The boxes in their order, the one that is being filled last.

        The last one is suggested for what is in it and all that is still to come, the others for what is in them.
        """
        rows = {row.number: row for row in self.rows}
        within: dict[int, Counter[int]] = defaultdict(Counter)
        for scan in self.scans:
            within[scan.box][scan.line_id] += 1
        by_id = {line.pk: line for line in self.lines}
        last = max([self.number, *within])
        return [
            _filled(number, rows.get(number), within[number], by_id, sizes, self.units if number == last else None)
            for number in range(1, last + 1)
        ]


def _filled(
    number: int, row: PackingBox | None, units: Counter[int], by_id: Mapping[int, FulfillmentLine],
    boxes: Sequence[Box], done: Counter[int] | None,
) -> FilledBox:  # fmt: skip
    """One box; `done` are the units in all boxes where it is the last."""
    goods: Counter[Sku] = Counter()
    for line_id, count in units.items():
        if line_id in by_id:
            goods[by_id[line_id].sku] += count
    coming = Counter(goods)
    for line in by_id.values() if done is not None else ():
        coming[line.sku] += max(0, line.picked - (done[line.pk] if done is not None else 0))
    chosen = next((box for box in boxes if row is not None and box.key == row.carton), None)
    box = chosen or suggested(boxes, +coming or coming)
    grams = box.empty_grams + sum(sku.weight_grams * count for sku, count in goods.items())
    return FilledBox(
        number, box, units, grams, row.weighed_grams if row else None, row.weight_accepted if row else False
    )
