"""What the buffer rules say about stock levels, for a million of them at once.

Rules that name a SKU are looked up by it. All others are decided once for each node, velocity and pair of category and
brand that a rule speaks of, which are few, and each level then finds its answer by these.
"""

from __future__ import annotations

from oms.core.values import MAX_QUANTITY

#: Columns of a rule that decide where and how much it keeps back, as `json_to_recordset` reads them.
RULE_COLUMNS = """id bigint, priority int, node_id bigint, node_kind text, group_id bigint, sku_id bigint,
    category text, brand text, velocity text, channel_code text, measure text, amount int,
    starts_at timestamptz, ends_at timestamptz"""
_NAMES = ", ".join(part.split()[0] for part in RULE_COLUMNS.replace("\n", " ").split(","))

#: The levels to look at: units that are free before the buffer, and what is kept back of them now.
SAFETY_LEVELS = """
SELECT level.id, level.sku_id, level.node_id, level.on_hand, level.on_hand - level.reserved AS free,
    level.safety_stock AS kept, level.safety_rule_id AS kept_rule_id
FROM inventory_stocklevel level
"""
CHANNEL_LEVELS = """
SELECT level.id, level.sku_id, level.node_id, level.on_hand,
    greatest(0, level.on_hand - level.reserved - level.safety_stock) AS free,
    coalesce(buffer.units, 0) AS kept, buffer.rule_id AS kept_rule_id
FROM inventory_stocklevel level
LEFT JOIN inventory_channelbuffer buffer ON buffer.sku_id = level.sku_id AND buffer.node_id = level.node_id
    AND buffer.channel_code = %(channel)s
"""

#: Conditions that say which levels; each is a statement of its own, so that each gets a plan of its own.
OF_SKUS = "WHERE level.sku_id = ANY(%(skus)s::bigint[])"
OF_RANGE = "WHERE level.sku_id > %(after)s AND level.sku_id <= %(until)s"
AT_NODES = " AND level.node_id = ANY(%(nodes)s::bigint[])"

_AT_NODE = """(r.node_kind = '' OR r.node_kind = node.kind)
    AND (r.group_id IS NULL OR EXISTS (
        SELECT FROM inventory_node_groups member
        WHERE member.node_id = node.id AND member.nodegroup_id = r.group_id))"""


def targets(levels: str) -> str:
    """The common table expressions up to `target`: each level with the units and the rule it should have.

    Takes the parameters `channel` (empty for rules that count for everybody), `without` (ids of rules to leave out)
    and `instead` (JSON rows of rules that are not saved yet), and those of `levels`.
    """
    return f"""
WITH rule AS MATERIALIZED (
    SELECT r.*, row_number() OVER (ORDER BY r.priority, r.id) AS rank
    FROM (
        SELECT {_NAMES} FROM inventory_bufferrule WHERE is_active AND id <> ALL(%(without)s::bigint[])
        UNION ALL
        SELECT {_NAMES} FROM json_to_recordset(%(instead)s::json) AS new({RULE_COLUMNS})
    ) r
    WHERE r.channel_code = %(channel)s AND (r.starts_at IS NULL OR r.starts_at <= now())
        AND (r.ends_at IS NULL OR r.ends_at > now())
),
level AS MATERIALIZED ({levels}),
rate AS MATERIALIZED (
    SELECT sku_id, node_id, mean_per_day, velocity FROM inventory_demandrate
    WHERE (SELECT bool_or(measure = 'days' OR velocity <> '') FROM rule)
),
broad AS MATERIALIZED (SELECT * FROM rule WHERE sku_id IS NULL),
spoken AS MATERIALIZED (SELECT velocity FROM broad WHERE velocity <> '' UNION SELECT ''),
sku AS MATERIALIZED (
    SELECT id AS sku_id,
        CASE WHEN category IN (SELECT category FROM broad) THEN category ELSE '' END AS category,
        CASE WHEN brand IN (SELECT brand FROM broad) THEN brand ELSE '' END AS brand
    FROM inventory_sku WHERE id IN (SELECT sku_id FROM level)
),
won AS MATERIALIZED (
    SELECT class.category, class.brand, node.id AS node_id, spoken.velocity, (
        SELECT min(r.rank) FROM broad r
        WHERE (r.node_id IS NULL OR r.node_id = node.id) AND {_AT_NODE}
            AND (r.category = '' OR r.category = class.category) AND (r.brand = '' OR r.brand = class.brand)
            AND (r.velocity = '' OR r.velocity = spoken.velocity)
    ) AS rank
    FROM (SELECT DISTINCT category, brand FROM sku) class CROSS JOIN inventory_node node CROSS JOIN spoken
),
named AS MATERIALIZED (
    SELECT found.id, min(r.rank) AS rank
    FROM (
        SELECT level.id, level.sku_id, level.node_id, r.rank FROM rule r
        JOIN level ON level.sku_id = r.sku_id AND level.node_id = r.node_id
        UNION ALL
        SELECT level.id, level.sku_id, level.node_id, r.rank FROM rule r
        JOIN level ON level.sku_id = r.sku_id WHERE r.node_id IS NULL
    ) found
    JOIN rule r ON r.rank = found.rank
    JOIN inventory_node node ON node.id = found.node_id
    JOIN inventory_sku item ON item.id = found.sku_id
    LEFT JOIN rate ON rate.sku_id = found.sku_id AND rate.node_id = found.node_id
    WHERE {_AT_NODE} AND (r.category = '' OR r.category = item.category) AND (r.brand = '' OR r.brand = item.brand)
        AND (r.velocity = '' OR r.velocity = coalesce(rate.velocity, 'none'))
    GROUP BY found.id
),
target AS MATERIALIZED (
    SELECT level.*, r.id AS rule_id, least({MAX_QUANTITY}, CASE r.measure
        WHEN 'units' THEN r.amount
        WHEN 'days' THEN ceil(round((r.amount * coalesce(rate.mean_per_day, 0))::numeric, 6))
        WHEN 'percent' THEN ceil(level.on_hand::bigint * r.amount / 100.0)
        ELSE 0 END)::int AS units
    FROM level
    JOIN sku USING (sku_id)
    LEFT JOIN rate ON rate.sku_id = level.sku_id AND rate.node_id = level.node_id
    LEFT JOIN won ON won.category = sku.category AND won.brand = sku.brand AND won.node_id = level.node_id
        AND won.velocity = CASE WHEN coalesce(rate.velocity, 'none') IN (SELECT velocity FROM spoken)
            THEN coalesce(rate.velocity, 'none') ELSE '' END
    LEFT JOIN named ON named.id = level.id
    LEFT JOIN rule r ON r.rank = least(won.rank, named.rank)
)
"""  # noqa: S608 - only constants of this module are put in


#: Gives levels the safety stock they should have. Levels are locked in key order; only those that differ.
KEEP_BACK = """,
differs AS MATERIALIZED (
    SELECT * FROM target WHERE units <> kept OR rule_id IS DISTINCT FROM kept_rule_id
),
locked AS MATERIALIZED (
    SELECT level.id FROM inventory_stocklevel level WHERE level.id IN (SELECT id FROM differs)
    ORDER BY level.sku_id, level.node_id FOR NO KEY UPDATE
)
UPDATE inventory_stocklevel level SET safety_stock = differs.units, safety_rule_id = differs.rule_id
FROM locked JOIN differs USING (id) WHERE level.id = locked.id
RETURNING level.sku_id, level.node_id, differs.units - differs.kept
"""

#: The same for what is hidden from one channel.
HIDE = """,
gone AS (
    DELETE FROM inventory_channelbuffer buffer USING target
    WHERE buffer.channel_code = %(channel)s AND buffer.sku_id = target.sku_id AND buffer.node_id = target.node_id
        AND target.units = 0
    RETURNING buffer.sku_id, buffer.node_id, -buffer.units AS change
),
put AS (
    INSERT INTO inventory_channelbuffer (sku_id, node_id, channel_code, units, rule_id)
    SELECT sku_id, node_id, %(channel)s::text, units, rule_id FROM target
    WHERE units > 0 AND (units <> kept OR rule_id IS DISTINCT FROM kept_rule_id) ORDER BY sku_id, node_id
    ON CONFLICT (sku_id, node_id, channel_code) DO UPDATE SET units = excluded.units, rule_id = excluded.rule_id
    RETURNING sku_id, node_id, units
)
SELECT sku_id, node_id, change FROM gone
UNION ALL
SELECT put.sku_id, put.node_id, put.units - target.kept FROM put JOIN target USING (sku_id, node_id)
"""

#: What applying would do: one row of totals, with the nodes and the SKUs that lose or gain most as JSON.
PREVIEW = """,
moved AS MATERIALIZED (
    SELECT sku_id, node_id, free, kept, units, greatest(0, free - kept) - greatest(0, free - units) AS hidden
    FROM target WHERE units <> kept
),
by_sku AS MATERIALIZED (
    SELECT sku_id, sum(greatest(0, free - kept)) AS before, sum(greatest(0, free - units)) AS after
    FROM target WHERE sku_id IN (SELECT sku_id FROM moved) GROUP BY sku_id
),
by_node AS (
    SELECT node.code, node.name, count(*) AS levels, coalesce(sum(hidden) FILTER (WHERE hidden > 0), 0) AS hides,
        coalesce(-sum(hidden) FILTER (WHERE hidden < 0), 0) AS frees
    FROM moved JOIN inventory_node node ON node.id = moved.node_id GROUP BY node.code, node.name
),
top AS (
    SELECT sku.id AS sku_id, sku.code, sku.name, by_sku.before, by_sku.after
    FROM (
        SELECT * FROM by_sku WHERE before <> after
        ORDER BY (before > 0 AND after = 0) DESC, abs(before - after) DESC, sku_id LIMIT %(most)s
    ) by_sku JOIN inventory_sku sku ON sku.id = by_sku.sku_id
)
SELECT (SELECT count(*) FROM target) AS looked_at, (SELECT count(*) FROM moved) AS levels,
    (SELECT coalesce(sum(hidden), 0) FROM moved WHERE hidden > 0) AS hides,
    (SELECT coalesce(-sum(hidden), 0) FROM moved WHERE hidden < 0) AS frees,
    (SELECT count(*) FROM by_sku WHERE before > 0 AND after = 0) AS emptied,
    (SELECT count(*) FROM by_sku WHERE before = 0 AND after > 0) AS opened,
    (SELECT coalesce(json_agg(row_to_json(by_node) ORDER BY hides + frees DESC, code), '[]') FROM by_node) AS nodes,
    (SELECT coalesce(json_agg(row_to_json(top) ORDER BY (before > 0 AND after = 0) DESC, abs(before - after) DESC,
        code), '[]') FROM top) AS skus
"""
