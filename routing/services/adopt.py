"""A checkout held the stock before there was an order: its nodes are the decision, and what it held is reserved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from inventory.events import StockChanged
from inventory.models import Node
from inventory.services import Adopted, ForOrder, WantedUnits, confirm_hold
from oms.core.db import bigints, fetch_all, run_atomic
from oms.core.json_text import to_json
from orders.locks import lock_lines, lock_order
from orders.models import Order, OrderKit, OrderLine
from orders.services import DELTA_COLUMNS, MOVE_UNITS
from routing.engine import Assignment
from routing.events import OrderRouted
from routing.services.route import Routed
from routing.services.rules import active_policy


@dataclass(frozen=True, slots=True)
class CheckoutHold:
    """A hold as the caller names it: its public id, who made it, and for which channel."""

    uid: UUID
    owner: str
    channel_code: str


#: Writes one decision that was made at the checkout: units, timeline, decision, loads, events.
_ADOPT = f"""
WITH locked_order AS MATERIALIZED (
    SELECT id, timeline_seq FROM orders_order WHERE id = %(order)s::bigint FOR NO KEY UPDATE
),
delta AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(deltas)s::json) AS d(line_id bigint, {DELTA_COLUMNS})
),
entry AS (
    SELECT %(order)s::bigint AS order_id, 'routed' AS kind, %(actor)s::text AS actor, %(sentence)s::text AS message,
        %(data)s::json AS data, 1 AS nth
),
{MOVE_UNITS},
kept AS (
    INSERT INTO routing_routingdecision (order_id, attempt, trigger, actor, policy_version, outcome, sentence,
        cost_minor, lower_bound_minor, optimal, nodes_examined, duration_us, assignments, trace)
    SELECT id, 1 + coalesce((SELECT max(attempt) FROM routing_routingdecision d WHERE d.order_id = o.id), 0),
        'checkout', %(actor)s::text, %(policy)s::int, %(outcome)s::text, %(sentence)s::text, 0, 0, false, 0, 0,
        %(assignments)s::jsonb, ''
    FROM locked_order o
),
announced AS (
    INSERT INTO core_outboxevent (kind, aggregate, payload)
    SELECT * FROM json_to_recordset(%(events)s::json) AS e(kind text, aggregate text, payload jsonb)
),
loaded AS (
    INSERT INTO routing_nodeload (node_id, day, orders)
    SELECT id, (now() AT TIME ZONE time_zone)::date, 1 FROM inventory_node WHERE id = ANY(%(nodes)s::bigint[])
    ORDER BY id
    ON CONFLICT (node_id, day) DO UPDATE SET orders = routing_nodeload.orders + 1
)
SELECT NULL
WHERE NOT core_require((SELECT count(*) FROM moved) = (SELECT count(*) FROM delta), 'units not where they were read')
"""  # noqa: S608 - only statements and column names of this project are put in


def adopt_hold(*, order_id: int, hold: CheckoutHold, actor: str) -> Routed:
    """Reserve for an order what a checkout held for it, and record that the checkout chose the nodes.

    The nodes count the order as one more of today, even where that is more than they take: it was promised. Publishes
    what routing publishes. Lines that the hold does not cover stay unallocated, to be routed as usual. Raises what
    `inventory.services.confirm_hold` raises; must run in the transaction that writes the order.
    """

    def work() -> Routed:
        order = lock_order(order_id)
        lines = [line for line in lock_lines([order_id]) if line.sku_id is not None and line.unrouted]
        kits = _kit_skus(order_id) if any(line.kit_id for line in lines) else {}
        wanted = [
            WantedUnits(line.uid, line.sku_id, line.unrouted, kits.get(line.kit_id))
            for line in lines if line.sku_id is not None
        ]  # fmt: skip
        adopted = confirm_hold(
            uid=hold.uid, owner=hold.owner, channel_code=hold.channel_code,
            order=ForOrder(order_id, order.number, wanted, actor),
        )  # fmt: skip
        return _record(order, lines, adopted, actor)

    return run_atomic(work)


def _kit_skus(order_id: int) -> dict[UUID | None, int]:
    """The SKU of each kit of an order."""
    return dict(OrderKit.objects.filter(order=order_id).values_list("pk", "sku_id"))


def _record(order: Order, lines: Sequence[OrderLine], adopted: Sequence[Adopted], actor: str) -> Routed:
    complete = sum(part.quantity for part in adopted) == sum(line.unrouted for line in lines)
    nodes = sorted({part.node_id for part in adopted})
    sentence = _sentence(adopted, dict(Node.objects.filter(pk__in=nodes).values_list("pk", "code")), complete)
    outcome = "routed" if complete else "partial"
    ids = {line.uid: line.pk for line in lines}
    routed = OrderRouted(order_id=order.pk, number=order.number, node_ids=nodes, complete=complete)
    changed = StockChanged(sku_ids=sorted({part.sku_id for part in adopted}), reason="reserved")
    fetch_all(_ADOPT, {
        "order": order.pk, "actor": actor[:120], "sentence": sentence[:500], "outcome": outcome,
        "policy": active_policy().version, "data": to_json({"outcome": outcome, "trigger": "checkout"}),
        "deltas": to_json(list(_deltas(lines, adopted))), "nodes": bigints(nodes),
        "assignments": to_json([
            list(Assignment(ids[part.line_uid], part.sku_id, part.node_id, part.quantity)) for part in adopted
        ]),
        "events": to_json([
            {"kind": event.kind, "aggregate": event.aggregate, "payload": event.payload()}
            for event in (routed, changed)
        ]),
    })  # fmt: skip
    return Routed(order.pk, outcome)


def _deltas(lines: Iterable[OrderLine], adopted: Iterable[Adopted]) -> Iterable[dict[str, Any]]:
    """Fresh units are allocated first, then those that waited for stock."""
    taken: Counter[UUID] = Counter()
    for part in adopted:
        taken[part.line_uid] += part.quantity
    for line in lines:
        if taken[line.uid]:
            fresh = min(line.unallocated, taken[line.uid])
            waited = taken[line.uid] - fresh
            yield {"line_id": line.pk, "unallocated": -fresh, "backordered": -waited, "allocated": taken[line.uid]}


def _sentence(adopted: Iterable[Adopted], codes: Mapping[int, str], complete: bool) -> str:
    units: Counter[int] = Counter()
    for part in adopted:
        units[part.node_id] += part.quantity
    held = ", ".join(f"{units[node_id]} at {codes[node_id]}" for node_id in sorted(units))
    rest = "" if complete else "; the rest is routed"
    return f"The checkout held the stock: {held}{rest}."
