"""Moving units of order lines between buckets. The stage of the order follows from where its units are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from oms.core.db import execute, fetch_all, run_atomic
from oms.core.json_text import to_json
from orders.errors import UnitsNotThere
from orders.services.timeline import TimelineEntry, entry_columns
from orders.services.units_sql import MOVE


class UnitMove(NamedTuple):
    """`quantity` units of one line leave one bucket for another.

    "delivered" and "returned" lie within "shipped": a move from "shipped" to "delivered" marks shipped units as
    delivered, one from "delivered" (or from "shipped", for a parcel that came back) to "returned" as returned.
    """

    line_id: int
    from_bucket: str
    to_bucket: str
    quantity: int


def move_units(moves: Sequence[UnitMove], entries: Sequence[TimelineEntry] = ()) -> dict[int, str]:
    """Make all the moves or none, and append the timeline entries; the new stage of every order touched.

    One statement: lines, stages, versions and timelines. Raises UnitsNotThere when a line does not hold the units in
    the bucket they were to leave. Moves of one line are added up first, so that two moves of it see each other.
    """
    deltas = _deltas_of(moves)
    if not deltas and not entries:
        return {}
    params = {
        "deltas": to_json([{"line_id": line_id, **delta} for line_id, delta in deltas.items()]),
        "lines": list(deltas),
        **dict(zip(("orders", "kinds", "actors", "messages", "data"), entry_columns(entries), strict=True)),
    }

    def work() -> dict[int, str]:
        rows = fetch_all(MOVE, params)
        _require_moved(sum(row[2] for row in rows), len(deltas))
        return {row[0]: row[1] for row in rows}

    return run_atomic(work)


def _require_moved(moved: int, wanted: int) -> None:
    """Raises UnitsNotThere where fewer lines changed than were to change."""
    if moved != wanted:
        raise UnitsNotThere("The units are no longer where they were to leave from. Reload and try again.")


def _deltas_of(moves: Iterable[UnitMove]) -> dict[int, dict[str, int]]:
    """The change of each bucket by line id, in key order; moves of one line are added up."""
    deltas: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for move in moves:
        if move.quantity <= 0:
            continue
        delta = deltas[move.line_id]
        # Delivered and returned units stay within the shipped ones, so nothing leaves "shipped" for them.
        if not (move.from_bucket == "shipped" and move.to_bucket in {"delivered", "returned"}):
            delta[move.from_bucket] -= move.quantity
        delta[move.to_bucket] += move.quantity
    return {line_id: deltas[line_id] for line_id in sorted(deltas)}


def set_delivered_at(moments: Mapping[int, datetime]) -> None:
    """When orders were delivered, by order id; those that are not delivered as a whole are left alone."""
    execute(
        """UPDATE orders_order o SET delivered_at = t.at
           FROM unnest(%s::bigint[], %s::timestamptz[]) AS t(id, at)
           WHERE o.id = t.id AND o.stage = 'delivered'""",
        [list(moments), list(moments.values())],
    )
