"""Moving units of order lines between buckets. The stage of the order follows from where its units are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from oms.core.db import execute, fetch_all, run_atomic
from orders.errors import UnitsNotThere
from orders.status import BUCKETS, LineQuantities, derive_stage

_MOVABLE = (*BUCKETS, "delivered", "returned")


@dataclass(frozen=True, slots=True)
class UnitMove:
    """`quantity` units of one line leave one bucket for another.

    "delivered" and "returned" lie within "shipped": a move from "shipped" to "delivered" marks shipped units as
    delivered, one from "delivered" (or from "shipped", for a parcel that came back) to "returned" as returned.
    """

    line_id: int
    from_bucket: str
    to_bucket: str
    quantity: int


_SETS = ", ".join(f"{name} = line.{name} + delta.{name}" for name in _MOVABLE)
_ARRAYS = ", ".join(["%s::bigint[]"] + ["%s::int[]"] * len(_MOVABLE))
_NO_NEGATIVE = " AND ".join(f"line.{name} + delta.{name} >= 0" for name in _MOVABLE)

_MOVE = f"""
WITH delta AS MATERIALIZED (SELECT * FROM unnest({_ARRAYS}) AS d(line_id, {", ".join(_MOVABLE)})),
locked AS MATERIALIZED (
    SELECT id FROM orders_order
    WHERE id IN (SELECT order_id FROM orders_orderline WHERE id IN (SELECT line_id FROM delta))
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE orders_orderline line SET {_SETS}
FROM delta WHERE line.id = delta.line_id AND {_NO_NEGATIVE} AND line.order_id IN (SELECT id FROM locked)
RETURNING line.order_id
"""  # noqa: S608 - only column names of this module are put in

_SUMS = f"""
SELECT order_id, {", ".join(f"sum({name})" for name in LineQuantities.__slots__)}
FROM orders_orderline WHERE order_id = ANY(%s) GROUP BY order_id
"""  # noqa: S608 - only column names of this module are put in

_SET_STAGES = """
UPDATE orders_order o SET stage = s.stage,
    delivered_at = CASE WHEN s.stage = 'delivered' THEN coalesce(o.delivered_at, now()) ELSE o.delivered_at END,
    updated_at = now(), version = o.version + 1
FROM unnest(%s::bigint[], %s::text[]) AS s(order_id, stage)
WHERE o.id = s.order_id AND o.stage <> s.stage
"""


def move_units(moves: Sequence[UnitMove]) -> dict[int, str]:
    """Make all the moves or none; the new stage of every order touched.

    Raises UnitsNotThere when a line does not hold the units in the bucket they were to leave. Moves of one line are
    added up first, so that two moves of the same line see each other.
    """
    deltas = _deltas(moves)
    if not deltas:
        return {}
    return run_atomic(lambda: _move(deltas))


def _deltas(moves: Sequence[UnitMove]) -> dict[int, dict[str, int]]:
    deltas: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_MOVABLE, 0))
    for move in moves:
        if move.quantity <= 0:
            continue
        delta = deltas[move.line_id]
        # Delivered and returned units stay within the shipped ones, so nothing leaves "shipped" for them.
        if not (move.from_bucket == "shipped" and move.to_bucket in {"delivered", "returned"}):
            delta[move.from_bucket] -= move.quantity
        delta[move.to_bucket] += move.quantity
    return {line_id: deltas[line_id] for line_id in sorted(deltas)}


def _move(deltas: dict[int, dict[str, int]]) -> dict[int, str]:
    columns = [list(deltas), *([delta[name] for delta in deltas.values()] for name in _MOVABLE)]
    touched = fetch_all(_MOVE, columns)
    if len(touched) != len(deltas):
        raise UnitsNotThere("The units are no longer where they were to leave from. Reload and try again.")
    return refresh_stages(sorted({row[0] for row in touched}))


def refresh_stages(order_ids: Sequence[int]) -> dict[int, str]:
    """Derive the stages of the orders again from their lines and store those that changed."""
    stages = {row[0]: derive_stage([LineQuantities(*row[1:])]) for row in fetch_all(_SUMS, [list(order_ids)])}
    execute(_SET_STAGES, [list(stages), list(stages.values())])
    return stages
