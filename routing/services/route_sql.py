"""The statement that writes decisions: reservations, units, timelines, decisions, loads and events in one go."""

from inventory.services import CLAIM_ROWS, RESERVE_CLAIMS
from orders.services import DELTA_COLUMNS, MOVE_UNITS

#: Takes the JSON arrays `orders` (order_id and the version that was read), `claims` (see `inventory.services`),
#: `deltas` (order_id, line_id, changes by bucket) and `decisions` (an object per order), a text `actor`, and the event
#: that the stock changed. An order that is no longer as it was read, or whose claims do not fit, is left as it was,
#: whole, and its id returned: nobody locked it while it was decided, so it has to be read and decided again.
WRITE = f"""
WITH wanted AS MATERIALIZED (SELECT * FROM json_to_recordset(%(orders)s::json) AS w(order_id bigint, version int)),
unchanged AS MATERIALIZED (
    SELECT o.id, o.timeline_seq FROM orders_order o JOIN wanted w ON w.order_id = o.id
    WHERE o.version <= w.version ORDER BY o.id FOR NO KEY UPDATE OF o
),
claim AS MATERIALIZED (SELECT c.* FROM {CLAIM_ROWS} WHERE c.order_id IN (SELECT id FROM unchanged)),
{RESERVE_CLAIMS},
locked_order AS MATERIALIZED (SELECT * FROM unchanged WHERE id NOT IN (SELECT order_id FROM refused)),
decided AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(decisions)s::json) AS d(order_id bigint, attempt int, trigger text, actor text,
        policy_version int, outcome text, sentence text, cost_minor bigint, lower_bound_minor bigint, optimal bool,
        nodes_examined int, duration_us int, assignments jsonb, trace text, entry_kind text, entry_data json,
        event_kind text, event jsonb)
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
    INSERT INTO routing_routingdecision (order_id, attempt, trigger, actor, policy_version, outcome, sentence,
        cost_minor, lower_bound_minor, optimal, nodes_examined, duration_us, assignments, trace)
    SELECT order_id, attempt, trigger, actor, policy_version, outcome, sentence, cost_minor, lower_bound_minor,
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
    SELECT n.id, (now() AT TIME ZONE n.time_zone)::date, t.orders
    FROM (SELECT node_id, count(DISTINCT order_id) AS orders FROM granted GROUP BY node_id) t
    JOIN inventory_node n ON n.id = t.node_id
    ORDER BY n.id
    ON CONFLICT (node_id, day) DO UPDATE SET orders = routing_nodeload.orders + excluded.orders
)
SELECT order_id FROM wanted WHERE order_id NOT IN (SELECT id FROM locked_order)
UNION ALL
SELECT NULL
WHERE NOT core_require((SELECT count(*) FROM moved) = (SELECT count(*) FROM delta), 'units not where they were read')
"""  # noqa: S608 - only statements and column names of this project are put in
