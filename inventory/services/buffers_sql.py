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

_SAFETY = """level.on_hand - level.reserved AS free, level.safety_stock AS kept, level.safety_rule_id AS kept_rule_id"""
_HIDDEN = """greatest(0, level.on_hand - level.reserved - level.safety_stock) AS free,
        coalesce(buffer.units, 0) AS kept, buffer.rule_id AS kept_rule_id"""
_BUFFER = """LEFT JOIN inventory_channelbuffer buffer ON buffer.sku_id = level.sku_id AND buffer.node_id = level.node_id
        AND buffer.channel_code = %(channel)s"""

#: Which SKUs; each is a statement of its own, so that each gets a plan of its own.
OF_SKUS = "{} = ANY(%(skus)s::bigint[])"
OF_RANGE = "{0} > %(after)s AND {0} <= %(until)s"
OF_ALL = "{} IS NOT NULL"
AT_NODES = " AND level.node_id = ANY(%(nodes)s::bigint[])"

_AT_NODE = """(r.node_kind = '' OR r.node_kind = node.kind)
    AND (r.group_id IS NULL OR EXISTS (
        SELECT FROM inventory_node_groups member
        WHERE member.node_id = node.id AND member.nodegroup_id = r.group_id))"""


def targets(*, of: str, at: str = "", for_channel: bool = False, rated: bool = True) -> str:
    """The common table expressions up to `target`: each level with the units and the rule it should have.

    `of` and `at` are conditions of this module, with their parameters. `for_channel` looks at what is hidden from the
    channel instead of the safety stock. Without `rated` no rule speaks of demand, and the rates are not read.
    Takes the parameters `channel` (empty for rules that count for everybody), `without` (ids of rules to leave out)
    and `instead` (JSON rows of rules that are not saved yet).
    """
    velocity = "coalesce(rate.velocity, 'none')" if rated else "'none'::text"
    mean = "coalesce(rate.mean_per_day, 0)" if rated else "0"
    rate = "LEFT JOIN inventory_demandrate rate ON rate.sku_id = level.sku_id AND rate.node_id = level.node_id"
    rates = rate if rated else ""
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
broad AS MATERIALIZED (SELECT * FROM rule WHERE sku_id IS NULL),
spoken AS MATERIALIZED (SELECT velocity FROM broad WHERE velocity <> '' UNION SELECT ''),
sku AS MATERIALIZED (
    SELECT id AS sku_id,
        CASE WHEN category IN (SELECT category FROM broad) THEN category ELSE '' END AS category,
        CASE WHEN brand IN (SELECT brand FROM broad) THEN brand ELSE '' END AS brand
    FROM inventory_sku WHERE {of.format("id")}
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
    SELECT level.id, min(r.rank) AS rank
    FROM rule r
    JOIN inventory_stocklevel level ON level.sku_id = r.sku_id AND level.node_id = coalesce(r.node_id, level.node_id)
    JOIN inventory_node node ON node.id = level.node_id
    JOIN inventory_sku item ON item.id = level.sku_id
    {rates}
    WHERE {of.format("r.sku_id")} AND {_AT_NODE} AND (r.category = '' OR r.category = item.category)
        AND (r.brand = '' OR r.brand = item.brand) AND (r.velocity = '' OR r.velocity = {velocity})
    GROUP BY level.id
),
target AS (
    SELECT level.id, level.sku_id, level.node_id, {_HIDDEN if for_channel else _SAFETY}, r.id AS rule_id,
        least({MAX_QUANTITY}, CASE r.measure
            WHEN 'units' THEN r.amount
            WHEN 'days' THEN ceil(round((r.amount * {mean})::numeric, 6))
            WHEN 'percent' THEN ceil(level.on_hand::bigint * r.amount / 100.0)
            ELSE 0 END)::int AS units
    FROM inventory_stocklevel level
    JOIN sku ON sku.sku_id = level.sku_id
    {_BUFFER if for_channel else ""}
    {rates}
    LEFT JOIN won ON won.node_id = level.node_id AND won.category = sku.category AND won.brand = sku.brand
        AND won.velocity = CASE WHEN {velocity} IN (SELECT velocity FROM spoken) THEN {velocity} ELSE '' END
    LEFT JOIN named ON named.id = level.id
    LEFT JOIN rule r ON r.rank = least(won.rank, named.rank)
    WHERE {of.format("level.sku_id")}{at}
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

#: What applying would do: one row of totals, with the nodes and the SKUs that lose or gain most as JSON. The levels are
#: read once, and added up by node and by SKU at the same time.
PREVIEW = """,
summed AS MATERIALIZED (
    SELECT sku_id, node_id, count(*) AS looked_at, count(*) FILTER (WHERE units <> kept) AS levels,
        sum(before) AS before, sum(after) AS after,
        coalesce(sum(before - after) FILTER (WHERE before > after), 0) AS hides,
        coalesce(sum(after - before) FILTER (WHERE after > before), 0) AS frees
    FROM (SELECT *, greatest(0, free - kept) AS before, greatest(0, free - units) AS after FROM target) each
    GROUP BY GROUPING SETS ((sku_id), (node_id))
),
by_node AS (
    SELECT node.code, node.name, levels, hides, frees, summed.looked_at
    FROM summed JOIN inventory_node node ON node.id = summed.node_id
),
by_sku AS (SELECT * FROM summed WHERE sku_id IS NOT NULL AND before <> after),
top AS (
    SELECT sku.id AS sku_id, sku.code, sku.name, by_sku.before, by_sku.after
    FROM (
        SELECT * FROM by_sku ORDER BY (before > 0 AND after = 0) DESC, abs(before - after) DESC, sku_id LIMIT %(most)s
    ) by_sku JOIN inventory_sku sku ON sku.id = by_sku.sku_id
)
SELECT coalesce(sum(looked_at), 0) AS looked_at, coalesce(sum(levels), 0) AS levels, coalesce(sum(hides), 0) AS hides,
    coalesce(sum(frees), 0) AS frees,
    (SELECT count(*) FROM by_sku WHERE before > 0 AND after = 0) AS emptied,
    (SELECT count(*) FROM by_sku WHERE before = 0 AND after > 0) AS opened,
    coalesce(json_agg(json_build_object('code', code, 'name', name, 'levels', levels, 'hides', hides, 'frees', frees)
        ORDER BY hides + frees DESC, code) FILTER (WHERE levels > 0), '[]') AS nodes,
    (SELECT coalesce(json_agg(row_to_json(top) ORDER BY (before > 0 AND after = 0) DESC, abs(before - after) DESC,
        code), '[]') FROM top) AS skus
FROM by_node
"""

#: A preview reads every level once: in memory, and without compiling for a statement of seconds.
PREVIEW_SETTINGS = "SELECT set_config('work_mem', '192MB', true), set_config('jit', 'off', true)"

#: Whether any rule asks for demand.
SPEAKS_OF_DEMAND = (
    "SELECT EXISTS (SELECT FROM inventory_bufferrule WHERE is_active AND (measure = 'days' OR velocity <> ''))"
)
