"""The statement that writes decisions: reservations, units, timelines, decisions, loads and events in one go."""

from inventory.services import CLAIM_ROWS, RESERVE_CLAIMS, RESERVE_CLAIMS_FREEING
from orders.services import DELTA_COLUMNS, MOVE_UNITS


def _write(reserve_claims: str) -> str:
    return f"""
WITH wanted AS MATERIALIZED (SELECT * FROM json_to_recordset(%(orders)s::json) AS w(order_id bigint, version int)),
unchanged AS MATERIALIZED (
    SELECT o.id, o.timeline_seq FROM orders_order o JOIN wanted w ON w.order_id = o.id
    WHERE o.version <= w.version ORDER BY o.id FOR NO KEY UPDATE OF o
),
asked AS MATERIALIZED (SELECT c.* FROM {CLAIM_ROWS} WHERE c.order_id IN (SELECT id FROM unchanged)),
today AS MATERIALIZED (
    SELECT n.node_id, n.daily_capacity, n.day, coalesce(l.orders, 0) AS orders
    FROM (
        SELECT id AS node_id, daily_capacity, (now() AT TIME ZONE time_zone)::date AS day FROM inventory_node
        WHERE id IN (SELECT node_id FROM asked)
    ) n
    LEFT JOIN routing_nodeload l ON l.node_id = n.node_id AND l.day = n.day
),
crowded AS MATERIALIZED (
    SELECT DISTINCT v.order_id
    FROM (
        SELECT node_id, order_id, row_number() OVER (PARTITION BY node_id ORDER BY min(ord)) AS nth
        FROM asked GROUP BY node_id, order_id
    ) v
    JOIN today t ON t.node_id = v.node_id
    WHERE t.orders + v.nth > t.daily_capacity
),
claim AS MATERIALIZED (SELECT * FROM asked WHERE order_id NOT IN (SELECT order_id FROM crowded)),
{reserve_claims},
locked_order AS MATERIALIZED (
    SELECT * FROM unchanged
    WHERE id NOT IN (SELECT order_id FROM refused) AND id NOT IN (SELECT order_id FROM crowded)
),
decided AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(decisions)s::json) AS d(order_id bigint, attempt int, trigger text, actor text,
        policy_version int, rule text, outcome text, sentence text, cost_minor bigint, lower_bound_minor bigint,
        optimal bool, nodes_examined int, duration_us int, assignments jsonb, trace text, entry_kind text,
        entry_data json, event_kind text, event jsonb)
    WHERE order_id IN (SELECT id FROM locked_order)
),
delta AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(deltas)s::json) AS d(order_id bigint, line_id bigint, {DELTA_COLUMNS})
    WHERE order_id IN (SELECT id FROM locked_order)
),
entry AS (
    SELECT order_id, entry_kind AS kind, actor, sentence AS message, entry_data AS data, 1 AS nth FROM decided
),
{MOVE_UNITS},
kept AS (
    INSERT INTO routing_routingdecision (order_id, attempt, trigger, actor, policy_version, rule, outcome, sentence,
        cost_minor, lower_bound_minor, optimal, nodes_examined, duration_us, assignments, trace)
    SELECT order_id, attempt, trigger, actor, policy_version, rule, outcome, sentence, cost_minor, lower_bound_minor,
        optimal, nodes_examined, duration_us, assignments, trace
    FROM decided
),
announced AS (
    INSERT INTO core_outboxevent (kind, aggregate, payload)
    SELECT event_kind, 'order:' || order_id, event FROM decided
    UNION ALL
    SELECT %(stock_kind)s::text, %(stock_aggregate)s::text, %(stock_event)s::jsonb
    WHERE EXISTS (SELECT 1 FROM granted)
),
loaded AS (
    INSERT INTO routing_nodeload (node_id, day, orders)
    SELECT g.node_id, t.day, g.orders
    FROM (SELECT node_id, count(DISTINCT order_id) AS orders FROM granted GROUP BY node_id) g
    JOIN today t ON t.node_id = g.node_id
    ORDER BY g.node_id
    ON CONFLICT (node_id, day) DO UPDATE SET orders = routing_nodeload.orders + excluded.orders
    RETURNING node_id, orders
)
SELECT order_id FROM wanted WHERE order_id NOT IN (SELECT id FROM locked_order)
UNION ALL
SELECT NULL
WHERE NOT core_require((SELECT count(*) FROM moved) = (SELECT count(*) FROM delta), 'units not where they were read')
UNION ALL
SELECT NULL
WHERE NOT routing_repeat_unless(
    NOT EXISTS (SELECT 1 FROM loaded JOIN today USING (node_id) WHERE loaded.orders > today.daily_capacity),
    'a node was filled by others in the meantime')
"""  # noqa: S608 - only statements and column names of this project are put in


#: Takes the JSON arrays `orders` (order_id and the version that was read), `claims` (see `inventory.services`),
#: `deltas` (order_id, line_id, changes by bucket) and `decisions` (an object per order), a text `actor`, and the event
#: that the stock changed. An order that is no longer as it was read, whose claims do not fit, or whose node takes no
#: more today, is left as it was, whole, and its id returned: nobody locked it while it was decided, so it has to be
#: read and decided again. What a node was given today is read without a lock, too: where others fill it at this very
#: moment the statement fails as one that has to be repeated (40001), and then finds the node full.
WRITE = _write(RESERVE_CLAIMS)
#: The same where holds of checkouts that are over keep units of what is claimed: they end first.
WRITE_FREEING = _write(RESERVE_CLAIMS_FREEING)
