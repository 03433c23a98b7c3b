"""What is left of the day's capacity of nodes, and how full they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from routing.engine.types import NodeInput

#: A node without a limit: more orders than anybody has.
NO_LIMIT = 1 << 60


class Capacity(NamedTuple):
    """By node index: orders given that the node does not count yet, orders that it still takes (`NO_LIMIT` where it
    has none), and the used share of its limit from 0 to 1; `full` are the nodes that take no more. Never written to."""

    used: list[int]
    room: list[int]
    load: list[float]
    full: frozenset[int]


def capacity_of(nodes: Iterable[NodeInput], used: Mapping[int, int]) -> Capacity:
    """Where nodes stand that were given so many orders (by id) which they do not count yet."""
    taken = [(node, used.get(node.node_id, 0)) for node in nodes]
    room = [NO_LIMIT if node.capacity_left is None else max(0, node.capacity_left - count) for node, count in taken]
    return Capacity(
        [count for _, count in taken],
        room,
        [load_of(node, count) for node, count in taken],
        frozenset(index for index, left in enumerate(room) if left <= 0),
    )


def load_of(node: NodeInput, used: int) -> float:
    """The share of the day's capacity that is taken: each order takes its part of what was left."""
    if not used or not node.capacity_left:
        return node.load
    return min(1.0, node.load + (1.0 - node.load) * used / node.capacity_left)
