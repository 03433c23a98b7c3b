"""Whole kits of an order as the engine sees them, and its answer as units of their components. Pure.

Units of a kit that need a node in all of their components are routed as one thing, so that they leave from one node.
What is left of a kit that was torn apart, by a short pick say, is routed like any other line. So are the components of
kits that need not ship together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from routing.engine import Assignment, LineInput

#: A line of an order as `read_surroundings` gives it.
Line = Mapping[str, Any]


def engine_lines(lines: Sequence[Line]) -> tuple[LineInput, ...]:
    """What the engine is asked to route. Lines without a SKU cannot be routed and are left out.

    The key of a plain line is its id, that of a kit the id of its first line with a minus before it.
    """
    wanted = [line for line in lines if line["sku_id"] is not None]
    kits = _together(wanted)
    inputs = [_kit_input(parts, whole) for parts in kits.values() if (whole := _whole(parts))]
    for line in wanted:
        rest = _unrouted(line)
        if line["kit_id"] in kits:
            rest -= _whole(kits[line["kit_id"]]) * line["units_per_kit"]
        if rest or line["kit_id"] not in kits:
            inputs.append(
                LineInput(line["line_id"], line["sku_id"], rest, line["weight_grams"] or 0, line["sku_code"],
                          value_minor=line["unit_price_minor"])
            )  # fmt: skip
    return tuple(inputs)


def in_components(assignments: Iterable[Assignment], lines: Sequence[Line]) -> list[Assignment]:
    """The assignments by line of the order: kits as the units of their components, each line once at each node."""
    kits = {_key(parts): parts for parts in _together(lines).values()}
    units: Counter[tuple[int, int, int]] = Counter()
    for part in assignments:
        if part.line_key not in kits:
            units[part.line_key, part.sku_id, part.node_id] += part.quantity
        else:
            for line in kits[part.line_key]:
                units[line["line_id"], line["sku_id"], part.node_id] += part.quantity * line["units_per_kit"]
    return [Assignment(*key, quantity) for key, quantity in units.items()]


def _together(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Lines that are components of kits that ship together, by kit."""
    kits: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line["kit_id"] is not None and line["ships_together"] and line["sku_id"] is not None:
            kits[line["kit_id"]].append(line)
    return dict(kits)


def _whole(parts: Sequence[Line]) -> int:
    """Units of the kit of which nothing has a node yet; none where a component is routed already."""
    if len(parts) < parts[0]["kit_lines"]:
        return 0
    return min(_unrouted(line) // int(line["units_per_kit"]) for line in parts)


def _unrouted(line: Line) -> int:
    return int(line["unallocated"]) + int(line["backordered"])


def _key(parts: Sequence[Line]) -> int:
    return -min(int(line["line_id"]) for line in parts)


def _kit_input(parts: Sequence[Line], whole: int) -> LineInput:
    return LineInput(
        _key(parts), parts[0]["kit_sku_id"], whole,
        sum((line["weight_grams"] or 0) * line["units_per_kit"] for line in parts), parts[0]["kit_code"],
        tuple((line["sku_id"], line["units_per_kit"]) for line in parts),
        sum(line["unit_price_minor"] * line["units_per_kit"] for line in parts),
    )  # fmt: skip
