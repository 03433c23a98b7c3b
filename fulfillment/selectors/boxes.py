"""The boxes and bags that are packed in. Sides in millimetres, weight of the empty box in grams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from fulfillment.models import FulfillmentLine, Packing


@dataclass(frozen=True, slots=True)
class Box:
    """One size. `holds_grams` is the weight of goods up to which it is suggested."""

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


BOXES = (
    Box("bag", "Courier bag", 300, 220, 40, 20, 500),
    Box("small", "Small box", 250, 180, 80, 90, 1_200),
    Box("medium", "Medium box", 350, 250, 120, 160, 3_000),
    Box("large", "Large box", 450, 350, 200, 320, 30_000),
)


def box_of(key: str) -> Box | None:
    """The box of this key."""
    return next((box for box in BOXES if box.key == key), None)


def goods_grams(lines: Iterable[FulfillmentLine]) -> int:
    """What the picked goods weigh by the catalogue."""
    return sum(line.picked * line.sku.weight_grams for line in lines)


def units_in_box(packing: Packing) -> Counter[int]:
    """Units that were scanned into an open box, by the id of their line."""
    return Counter(packing.scans.values_list("line_id", flat=True))


def suggested(grams: int) -> Box:
    """The smallest box for goods of this weight."""
    return next((box for box in BOXES if grams <= box.holds_grams), BOXES[-1])
