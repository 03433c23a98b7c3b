"""What a store packs in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fulfillment.selectors import boxes
from fulfillment.selectors.boxes import Box


def boxes_at(node_id: int) -> Sequence[Box]:
    """The boxes of a node, the smallest first."""
    of_node: Any = getattr(boxes, "boxes_at", None)
    found: Sequence[Box] = of_node(node_id) if of_node else getattr(boxes, "BOXES", ())
    return found
