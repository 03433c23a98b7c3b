"""The boxes and bags that are packed in, and what lies in those that are open. Millimetres and grams."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from fulfillment.models import Carton, FulfillmentLine, Packing, PackingBox
from inventory.models import Sku

#: Share of a box that goods of mixed shapes fill at most: the rest is air and padding.
_FILLED = 0.8


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


def units_in_box(packing: Packing) -> Counter[int]:
    """Units that were scanned into an order's boxes, by the id of their line."""
    return Counter(packing.scans.values_list("line_id", flat=True))


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


def filled_boxes(packing: Packing, lines: Iterable[FulfillmentLine], boxes: Sequence[Box]) -> list[FilledBox]:
    """The boxes of an order in their order, the one that is being filled last.

    The last one is suggested for what is in it and all that is still to come, the others for what is in them.
    """
    rows = {row.number: row for row in PackingBox.objects.filter(packing=packing)}
    within: dict[int, Counter[int]] = defaultdict(Counter)
    for number, line_id in packing.scans.values_list("box", "line_id"):
        within[number][line_id] += 1
    by_id = {line.pk: line for line in lines}
    done = sum(within.values(), Counter[int]())
    last = max([1, *rows, *within])
    return [
        _filled(number, rows.get(number), within[number], by_id, boxes, done if number == last else None)
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
