"""Opening work at nodes, releasing and holding it back, accepting and withdrawing it."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.events import FulfillmentReleased, WorkWithdrawn
from fulfillment.locks import lock_one_work, lock_work, lock_work_lines, lock_work_of_orders
from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState
from fulfillment.states import FULFILLMENT_ORDER
from inventory.services import Release, announce, release_reservations
from oms.core.clock import now
from oms.core.db import execute, fetch_all, run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.outbox import publish
from oms.core.states import advance_many
from orders.locks import lock_orders
from orders.services import DELTA_COLUMNS, MOVE_UNITS, TimelineEntry, UnitMove, move_units, require_moved
from routing.services import exclude_node

State = FulfillmentOrderState

#: States in which nothing was taken from a shelf yet.
BEFORE_PICKING = (State.SCHEDULED, State.OPEN, State.ACCEPTED)
#: States from which a node can still give the work back.
WITHDRAWABLE = (*BEFORE_PICKING, State.PICKING, State.PICKED, State.WAITING_TRANSFER)

_LOCK = "SELECT id FROM orders_order WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"

# Work for the units that are reserved at a node and that no live work there covers: a fulfillment order per order and
# node. What starts at once leaves "allocated" for "released".
_OPEN = f"""
WITH claimed AS (
    SELECT r.order_id, r.node_id, r.line_uid, r.sku_id, sum(r.open_quantity) AS quantity
    FROM inventory_reservation r
    WHERE r.order_id = ANY(%(orders)s::bigint[]) AND r.open_quantity > 0 AND r.state = 'hard'
    GROUP BY 1, 2, 3, 4
),
working AS (
    SELECT f.node_id, l.order_line_id, sum(l.quantity - l.short - l.packed) AS quantity
    FROM fulfillment_fulfillmentorder f JOIN fulfillment_fulfillmentline l ON l.fulfillment_order_id = f.id
    WHERE f.order_id = ANY(%(orders)s::bigint[])
      AND f.state IN ('scheduled', 'open', 'accepted', 'picking', 'picked', 'waiting_transfer', 'packed', 'ready')
    GROUP BY 1, 2
),
uncovered AS MATERIALIZED (
    SELECT c.order_id, c.node_id, ol.id AS line_id, c.sku_id, (c.quantity - coalesce(w.quantity, 0))::int AS quantity
    FROM claimed c
    JOIN orders_orderline ol ON ol.uid = c.line_uid
    LEFT JOIN working w ON w.node_id = c.node_id AND w.order_line_id = ol.id
    WHERE c.quantity > coalesce(w.quantity, 0)
),
wanted AS MATERIALIZED (
    SELECT nextval('fulfillment_fulfillmentorder_id_seq') AS id, u.order_id, u.node_id,
        o.number || '-' || u.nth + (
            SELECT count(*) FROM fulfillment_fulfillmentorder x WHERE x.order_id = u.order_id
        ) AS number,
        CASE WHEN o.service_level = 'pickup' THEN 'pickup' ELSE 'ship' END AS kind,
        CASE WHEN o.open_holds > 0 THEN 'scheduled' WHEN n.auto_accept THEN 'accepted' ELSE 'open' END AS state,
        o.ship_by AS due_at, n.is_active
    FROM (
        SELECT order_id, node_id, row_number() OVER (PARTITION BY order_id ORDER BY node_id) AS nth
        FROM uncovered GROUP BY order_id, node_id
    ) u
    JOIN orders_order o ON o.id = u.order_id
    JOIN inventory_node n ON n.id = u.node_id
),
opened AS (
    INSERT INTO fulfillment_fulfillmentorder (id, number, order_id, node_id, kind, state, due_at, version,
        assigned_to, end_reason, released_at, accepted_at)
    SELECT id, number, order_id, node_id, kind, state, due_at, 1, '', '',
        CASE WHEN state <> 'scheduled' THEN now() END, CASE WHEN state = 'accepted' THEN now() END
    FROM wanted ORDER BY id
),
lined AS (
    INSERT INTO fulfillment_fulfillmentline (fulfillment_order_id, order_line_id, sku_id, quantity, picked, short,
        packed)
    SELECT w.id, u.line_id, u.sku_id, u.quantity, 0, 0, 0
    FROM wanted w JOIN uncovered u USING (order_id, node_id) ORDER BY w.id, u.line_id
),
announced AS (
    INSERT INTO core_outboxevent (kind, aggregate, payload)
    SELECT 'fulfillment.FulfillmentReleased', 'fulfillment_order:' || id,
        jsonb_build_object('fulfillment_order_id', id, 'order_id', order_id, 'node_id', node_id)
    FROM wanted WHERE state <> 'scheduled' ORDER BY id
),
-- Through JSON, because the planner takes that for a hundred rows: for the one row that it expects otherwise it would
-- compare each with each.
delta AS MATERIALIZED (
    SELECT * FROM json_to_recordset((
        SELECT json_agg(json_build_object('line_id', u.line_id, 'allocated', -u.quantity, 'released', u.quantity))
        FROM (
            SELECT u.line_id, sum(u.quantity) AS quantity
            FROM wanted w JOIN uncovered u USING (order_id, node_id) WHERE w.state <> 'scheduled' GROUP BY u.line_id
        ) u
    )) AS d(line_id bigint, {DELTA_COLUMNS})
),
touched AS (SELECT order_id FROM wanted WHERE state <> 'scheduled'),
entry AS (
    SELECT NULL::bigint AS order_id, '' AS kind, '' AS actor, '' AS message, '' AS data, 0 AS nth WHERE false
),
{MOVE_UNITS}
SELECT id, node_id, is_active, (SELECT count(*) FROM moved), (SELECT count(*) FROM delta) FROM wanted ORDER BY id
"""  # noqa: S608 - only statements and column names of this project are put in


def open_fulfillment_orders(order_ids: Sequence[int], *, actor: str = "flow") -> list[int]:
    """Open work at every node that holds reserved units nobody works on; the ids of the new fulfillment orders.

    Work of an order on hold waits as SCHEDULED, the rest is open (accepted at once where the node wants it so). A node
    that was switched off in the meantime gives the work back. Opening twice finds nothing left to open.
    """
    if not order_ids:
        return []
    return run_atomic(lambda: _open(list(dict.fromkeys(order_ids)), actor))


def _open(order_ids: list[int], actor: str) -> list[int]:
    # Locked in a statement of its own, so that the next one sees what others did until the lock was free.
    execute(_LOCK, [order_ids])
    rows = fetch_all(_OPEN, {"orders": order_ids})
    if not rows:
        return []
    require_moved(rows[0][3], rows[0][4])
    gone = [row[0] for row in rows if not row[2]]
    if gone:
        withdraw(fulfillment_order_ids=gone, reason="The node was switched off", actor=actor)
    return [row[0] for row in rows]


def release_fulfillment_orders(order_ids: Sequence[int], *, actor: str = "flow") -> list[int]:
    """The last hold is gone: scheduled work of the orders opens. The ids of the work that opened."""

    def work() -> list[int]:
        orders = lock_orders(order_ids)
        free = [order.pk for order in orders.values() if not order.is_held]
        waiting = [item for item in lock_work_of_orders(free) if item.state == State.SCHEDULED]
        if not waiting:
            return []
        advance_many(FulfillmentOrder, [w.pk for w in waiting], State.OPEN, using=FULFILLMENT_ORDER, actor=actor,
                     reason="released", released_at=now())  # fmt: skip
        _accept_where_automatic(waiting, actor)
        lines = lock_work_lines(waiting)
        move_units([UnitMove(line.order_line_id, "allocated", "released", line.quantity) for line in lines])
        publish([
            FulfillmentReleased(fulfillment_order_id=w.pk, order_id=w.order_id, node_id=w.node_id) for w in waiting
        ])  # fmt: skip
        return [item.pk for item in waiting]

    return run_atomic(work)


def _accept_where_automatic(work: Sequence[FulfillmentOrder], actor: str) -> None:
    automatic = [item.pk for item in work if item.node.auto_accept]
    if automatic:
        advance_many(FulfillmentOrder, automatic, State.ACCEPTED, using=FULFILLMENT_ORDER, actor=actor,
                     reason="accepted by rule", accepted_at=now())  # fmt: skip


def hold_back(order_ids: Sequence[int], *, actor: str = "flow") -> list[int]:
    """A hold was placed: work that nobody started goes back to scheduled. Work under way is left to finish."""

    def work() -> list[int]:
        orders = lock_orders(order_ids)
        held = [order.pk for order in orders.values() if order.is_held]
        idle = [item for item in lock_work_of_orders(held) if item.state in (State.OPEN, State.ACCEPTED)]
        if not idle:
            return []
        advance_many(FulfillmentOrder, [w.pk for w in idle], State.SCHEDULED, using=FULFILLMENT_ORDER, actor=actor,
                     reason="on hold", released_at=None, accepted_at=None)  # fmt: skip
        lines = lock_work_lines(idle)
        move_units([UnitMove(line.order_line_id, "released", "allocated", line.quantity) for line in lines])
        return [item.pk for item in idle]

    return run_atomic(work)


def accept(*, fulfillment_order_ids: Sequence[int], actor: str) -> list[int]:
    """A node takes the work; the ids of those that were still to accept."""
    return advance_many(
        FulfillmentOrder, fulfillment_order_ids, State.ACCEPTED, using=FULFILLMENT_ORDER, actor=actor,
        accepted_at=now(), assigned_to=actor,
    )  # fmt: skip


def reject(*, fulfillment_order_id: int, reason: str, actor: str) -> None:
    """A node refuses the work: its units are routed again, to another node. Raises Conflict once it is packed."""
    if not reason.strip():
        raise DomainError("Say why the work is rejected.", field="reason")

    def work() -> None:
        item = lock_one_work(fulfillment_order_id)
        if item.state not in WITHDRAWABLE:
            raise Conflict(f"{item.number} is {item.get_state_display().lower()} and can no longer be rejected.")
        exclude_node(order_id=item.order_id, node_id=item.node_id, reason=f"Rejected: {reason}")
        withdraw(fulfillment_order_ids=[item.pk], reason=reason, actor=actor)

    run_atomic(work)


def withdraw(*, fulfillment_order_ids: Sequence[int], reason: str, actor: str, announce_it: bool = True) -> list[int]:
    """Take work back from its node: reservations end, units need a node again. The ids that were taken back.

    Publishes WorkWithdrawn, which routes them again, unless the caller does so itself (`announce_it` False).
    """

    def work() -> list[int]:
        items = [item for item in lock_work(fulfillment_order_ids) if item.state in WITHDRAWABLE]
        if not items:
            return []
        lines = lock_work_lines(items)
        by_id = {item.pk: item for item in items}
        release_lines(lines, by_id, target="unallocated", actor=actor, reason=reason)
        advance_many(FulfillmentOrder, list(by_id), State.REJECTED, using=FULFILLMENT_ORDER, actor=actor,
                     reason=reason[:200], end_reason=reason[:200])  # fmt: skip
        if announce_it:
            publish([
                WorkWithdrawn(order_id=w.order_id, fulfillment_order_id=w.pk, node_id=w.node_id, reason=reason[:200])
                for w in items
            ])  # fmt: skip
        return list(by_id)

    return run_atomic(work)


def release_lines(
    lines: Sequence[FulfillmentLine], work: dict[int, FulfillmentOrder], *, target: str, actor: str, reason: str
) -> None:
    """Give back everything that unpacked work holds: reservations to ATP, units of the order lines to `target`."""
    moves, requests = [], []
    entries: dict[int, TimelineEntry] = {}
    for line in lines:
        item = work[line.fulfillment_order_id]
        source = "allocated" if item.state == State.SCHEDULED else "released"
        moves.append(UnitMove(line.order_line_id, source, target, line.to_pick))
        moves.append(UnitMove(line.order_line_id, "picked", target, line.picked - line.packed))
        requests.append(Release(line.order_line.uid, item.node_id, line.quantity - line.short - line.packed))
        word = "cancelled" if target == "cancelled" else "taken back"
        entries[item.pk] = TimelineEntry(
            order_id=item.order_id, kind="work_withdrawn", actor=actor, data={"fulfillment_order": item.number},
            message=f"Work at {item.node.code} {word}: {reason}",
        )  # fmt: skip
    release_reservations(requests=requests, actor=actor, reason=reason)
    move_units(moves, list(entries.values()))
    for node_id in sorted({item.node_id for item in work.values()}):
        skus = [line.sku_id for line in lines if work[line.fulfillment_order_id].node_id == node_id]
        announce(skus, reason="released", grew_at=node_id)


def withdraw_from_node(*, node_id: int, reason: str, actor: str = "flow", limit: int = 200) -> int:
    """Take back all work of a node that is not packed yet, some at a time; how many were taken back."""
    done = 0
    while True:
        ids = list(
            FulfillmentOrder.objects.filter(node_id=node_id, state__in=(*BEFORE_PICKING, State.PICKING))
            .order_by("pk")
            .values_list("pk", flat=True)[:limit]
        )
        taken = withdraw(fulfillment_order_ids=ids, reason=reason, actor=actor) if ids else []
        done += len(taken)
        if not taken:
            return done
