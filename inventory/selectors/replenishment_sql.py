"""What every SKU at every node under a rule should have, for hundreds of thousands of them in one statement.

Every figure that people are shown is rounded before anything is worked out with it, so that whoever checks the sum by
hand comes to the same quantity. Products of two figures are rounded to six digits before they are rounded up: they are
floating point numbers, and 20.000000000000004 is 20.
"""

from __future__ import annotations

from inventory.models.replenishment import NO_DEMAND_SLACK
from oms.core.values import MAX_QUANTITY

#: Columns of a rule that decide where it counts and what it asks for, as `json_to_recordset` reads them.
RULE_COLUMNS = """id bigint, name text, priority int, node_id bigint, sku_id bigint, category text,
    service_level_bp int, review_days int, from_node_id bigint, transfer_days int, least_stock int, most_stock int"""
_NAMES = ", ".join(part.split()[0] for part in RULE_COLUMNS.replace("\n", " ").split(","))
_RULES = f"SELECT {_NAMES} FROM inventory_replenishmentrule WHERE is_active"  # noqa: S608 - constants
_RULES_IF_CHANGED = f"""{_RULES} AND id <> ALL(%(without)s::bigint[])
        UNION ALL SELECT {_NAMES} FROM json_to_recordset(%(instead)s::json) AS new({RULE_COLUMNS})"""  # noqa: S608 - constants

#: Which SKUs; each is a statement of its own, so that each gets a plan of its own.
OF_SKUS = "{0} = ANY(%(skus)s::bigint[])"
OF_RANGE = "{0} > %(after)s AND {0} <= %(until)s"

#: Lead time where nobody says how long the goods take: that of a new supplier.
ASSUMED_LEAD_DAYS = 7
#: So many orders of a SKU from its supplier must have come within so many days for their lead time to be believed.
MEASURED_ORDERS, MEASURED_WITHIN_DAYS = 5, 365

#: Stands for units that wait for a node, where nobody knows of any.
NONE_WAITING = "SELECT NULL::bigint AS sku_id, NULL::bigint AS node_id, 0 AS units WHERE false"


def _up(value: str) -> str:
    """Rounded up to whole units, and no more than a quantity may be."""
    return f"least({MAX_QUANTITY}, ceil(round(({value})::numeric, 6)))"


def _days(value: str) -> str:
    """Days with two digits."""
    return f"round(({value})::numeric, 2)::float8"


def plan(*, of: str, waiting: str = NONE_WAITING, changed: bool = False) -> str:
    """The common table expressions up to `sized` (the figures of each way) and `chosen` (what is to be suggested).

    `of` is a condition of this module, with its parameters. `waiting` is a query of sku_id, node_id and units of orders
    that wait for stock of one certain node. Takes the parameter `z`, a JSON object from service level in basis points
    to z. With `changed` it takes `without` (ids of rules to leave out) and `instead` (JSON rows of rules that are not
    saved yet) as well.
    """
    rules = _RULES_IF_CHANGED if changed else _RULES
    return f"""
WITH rule AS MATERIALIZED (
    SELECT r.*, row_number() OVER (ORDER BY r.priority, r.id) AS rank,
        (%(z)s::json ->> r.service_level_bp::text)::float8 AS z
    FROM ({rules}) r WHERE %(z)s::json ->> r.service_level_bp::text IS NOT NULL
),
broad AS MATERIALIZED (SELECT * FROM rule WHERE sku_id IS NULL),
sku AS MATERIALIZED (
    SELECT id AS sku_id, CASE WHEN category IN (SELECT category FROM broad) THEN category ELSE '' END AS category
    FROM inventory_sku WHERE {of.format("id")} AND is_active AND NOT is_kit
),
place AS MATERIALIZED (SELECT id AS node_id, code FROM inventory_node WHERE is_active AND kind <> 'supplier'),
won AS MATERIALIZED (
    SELECT class.category, place.node_id, (
        SELECT min(r.rank) FROM broad r
        WHERE (r.node_id IS NULL OR r.node_id = place.node_id) AND (r.category = '' OR r.category = class.category)
    ) AS rank
    FROM (SELECT DISTINCT category FROM sku) class CROSS JOIN place
),
spot AS MATERIALIZED (
    SELECT sku_id, node_id FROM inventory_stocklevel WHERE {of.format("sku_id")}
    UNION SELECT sku_id, node_id FROM inventory_demandrate WHERE {of.format("sku_id")}
    UNION SELECT r.sku_id, r.node_id FROM rule r JOIN inventory_sku item ON item.id = r.sku_id
    WHERE r.node_id IS NOT NULL AND (r.category = '' OR r.category = item.category) AND {of.format("r.sku_id")}
),
named AS MATERIALIZED (
    SELECT spot.sku_id, spot.node_id, min(r.rank) AS rank
    FROM rule r
    JOIN spot ON spot.sku_id = r.sku_id AND (r.node_id IS NULL OR r.node_id = spot.node_id)
    JOIN inventory_sku item ON item.id = spot.sku_id AND {of.format("item.id")}
    WHERE r.category = '' OR r.category = item.category
    GROUP BY spot.sku_id, spot.node_id
),
{_SUPPLY.format(of_line=of.format("line.sku_id"), of_item=of.format("item.sku_id"), of_part=of.format("part.sku_id"))},
waiting AS MATERIALIZED (
    SELECT sku_id, node_id, sum(units)::bigint AS units FROM ({waiting}) each WHERE {of.format("sku_id")} GROUP BY 1, 2
),
known AS MATERIALIZED (
    SELECT spot.sku_id, spot.node_id, place.code AS node_code, r.id AS rule_id, r.name AS rule_name,
        r.service_level_bp, r.z, r.review_days, r.transfer_days, r.least_stock, r.most_stock,
        CASE WHEN r.from_node_id <> spot.node_id THEN r.from_node_id END AS from_node_id,
        coalesce(round(rate.mean_per_day::numeric, 4)::float8, 0) AS d,
        coalesce(round(rate.deviation_per_day::numeric, 4)::float8, 0) AS s,
        coalesce(rate.units, 0) AS history_units, coalesce(rate.days, 0) AS history_days,
        coalesce(level.on_hand - level.reserved - level.safety_stock, 0)::bigint AS atp,
        coalesce(level.inbound, 0)::bigint AS inbound, coalesce(drafted.units, 0) AS drafted,
        coalesce(waiting.units, 0) AS waiting
    FROM spot
    JOIN sku ON sku.sku_id = spot.sku_id
    JOIN place ON place.node_id = spot.node_id
    LEFT JOIN won ON won.node_id = spot.node_id AND won.category = sku.category
    LEFT JOIN named ON named.sku_id = spot.sku_id AND named.node_id = spot.node_id
    JOIN rule r ON r.rank = least(won.rank, named.rank)
    LEFT JOIN inventory_stocklevel level ON level.sku_id = spot.sku_id AND level.node_id = spot.node_id
        AND {of.format("level.sku_id")}
    LEFT JOIN inventory_demandrate rate ON rate.sku_id = spot.sku_id AND rate.node_id = spot.node_id
        AND {of.format("rate.sku_id")}
    LEFT JOIN drafted ON drafted.sku_id = spot.sku_id AND drafted.node_id = spot.node_id
    LEFT JOIN waiting ON waiting.sku_id = spot.sku_id AND waiting.node_id = spot.node_id
),
{_FIGURES},
{_CHOICE.format(of_level=of.format("level.sku_id"))}
"""  # noqa: S608 - only constants of this module and a query of the caller's own code are put in


# Of the suppliers that sell a SKU the preferred one counts, else the one that is quickest. The days of one order are
# the mean over its good units; receipts that were taken back are left out, and so is what came over what was ordered.
# Drafts are what was decided and has not reached the ledger: a suggestion that was accepted is not made again.
_SUPPLY = f"""
supply AS MATERIALIZED (
    SELECT DISTINCT ON (item.sku_id) item.sku_id, item.supplier_id, item.pack_size::bigint AS pack,
        item.least_order::bigint AS least_order, item.unit_cost_minor,
        coalesce(item.lead_days, supplier.lead_days)::float8 AS lead,
        CASE WHEN item.lead_days IS NULL THEN 'supplier' ELSE 'item' END AS lead_from
    FROM inventory_supplieritem item
    JOIN inventory_supplier supplier ON supplier.id = item.supplier_id AND supplier.is_active
    JOIN sku ON sku.sku_id = item.sku_id
    WHERE {{of_item}}
    ORDER BY item.sku_id, item.is_preferred DESC, coalesce(item.lead_days, supplier.lead_days), item.supplier_id
),
came AS (
    SELECT supply.sku_id, sum(
            extract(epoch FROM receipt.received_at - bought.placed_at) / 86400 * part.good_quantity
        ) / sum(part.good_quantity) AS days
    FROM supply
    JOIN inventory_purchaseorderline line ON line.sku_id = supply.sku_id AND {{of_line}}
    JOIN inventory_purchaseorder bought ON bought.id = line.order_id AND bought.supplier_id = supply.supplier_id
    JOIN inventory_receiptline part ON part.order_line_id = line.id AND part.good_quantity > 0 AND {{of_part}}
    JOIN inventory_receipt receipt ON receipt.id = part.receipt_id AND receipt.reverses_id IS NULL
    WHERE bought.placed_at > now() - interval '{MEASURED_WITHIN_DAYS} days'
        AND NOT EXISTS (SELECT FROM inventory_receipt back WHERE back.reverses_id = receipt.id)
    GROUP BY supply.sku_id, line.id
),
measured AS MATERIALIZED (
    SELECT sku_id, count(*) AS orders, round(greatest(0, avg(days)), 2)::float8 AS lead,
        round(stddev_samp(days), 2)::float8 AS deviation
    FROM came GROUP BY sku_id HAVING count(*) >= {MEASURED_ORDERS}
),
moving AS MATERIALIZED (
    SELECT line.sku_id, doc.from_node_id, doc.to_node_id, doc.state,
        CASE WHEN doc.state = 'picked' THEN line.picked_quantity ELSE line.quantity END AS units
    FROM inventory_transfer doc JOIN inventory_transferline line ON line.transfer_id = doc.id
    WHERE doc.state IN ('draft', 'reserved', 'picked') AND {{of_line}}
),
drafted AS MATERIALIZED (
    SELECT sku_id, node_id, sum(units)::bigint AS units FROM (
        SELECT line.sku_id, bought.node_id, line.open_quantity AS units
        FROM inventory_purchaseorder bought JOIN inventory_purchaseorderline line ON line.order_id = bought.id
        WHERE bought.state = 'draft' AND {{of_line}}
        UNION ALL SELECT sku_id, to_node_id, units FROM moving
    ) each GROUP BY sku_id, node_id
),
leaving AS MATERIALIZED (
    SELECT sku_id, from_node_id AS node_id, sum(units)::bigint AS units FROM moving WHERE state = 'draft' GROUP BY 1, 2
)"""  # noqa: S608 - constants

# Each spot by the way that its rule wants; one that is to get it from another node also by the supplier, for when that
# node can spare nothing. The trigger is at or below the reorder point; what was drafted counts as ordered for that, but
# days of cover are of what is there or ordered.
_FIGURES = f"""
way AS (
    SELECT known.*, 'transfer' AS way, transfer_days::float8 AS lead, 0::float8 AS lead_deviation,
        'transfer' AS lead_from, 0::bigint AS lead_orders, NULL::bigint AS supplier_id, 1::bigint AS pack,
        1::bigint AS least_order, true AS is_first
    FROM known WHERE from_node_id IS NOT NULL
    UNION ALL
    SELECT known.*, 'purchase', coalesce(measured.lead, supply.lead, {ASSUMED_LEAD_DAYS}),
        coalesce(measured.deviation, 0),
        CASE WHEN measured.lead IS NOT NULL THEN 'measured' ELSE coalesce(supply.lead_from, 'assumed') END,
        coalesce(measured.orders, 0), supply.supplier_id, coalesce(supply.pack, 1), coalesce(supply.least_order, 1),
        known.from_node_id IS NULL
    FROM known LEFT JOIN supply ON supply.sku_id = known.sku_id LEFT JOIN measured ON measured.sku_id = known.sku_id
),
buffered AS (
    SELECT *, CASE WHEN d > 0 THEN {_up("z * sqrt(lead * s * s + d * d * lead_deviation * lead_deviation)")} ELSE 0 END
            ::bigint AS safety,
        atp + inbound - waiting AS coming, atp + inbound + drafted - waiting AS position
    FROM way
),
pointed AS (
    SELECT *, least(coalesce(most_stock, {MAX_QUANTITY}), greatest(least_stock, {_up("d * lead + safety")}))::bigint
            AS reorder_at,
        CASE WHEN d > 0 THEN {_days("greatest(0, coming) / d")} END AS cover
    FROM buffered
),
aimed AS (
    SELECT *, least(coalesce(most_stock, {MAX_QUANTITY}), reorder_at + {_up("d * review_days")})::bigint AS up_to,
        coalesce({_days("cover - lead")}, {NO_DEMAND_SLACK}) AS slack
    FROM pointed
),
wanting AS (
    SELECT *, CASE WHEN position <= reorder_at THEN least({MAX_QUANTITY}, greatest(0, up_to - position)) ELSE 0 END
            AS missing,
        least({MAX_QUANTITY}, greatest(0, coalesce(most_stock - position, {MAX_QUANTITY}))) AS room
    FROM aimed
),
packed AS (
    SELECT *, (greatest(missing, least_order) + pack - 1) / pack * pack AS full_packs, room / pack * pack AS fitting
    FROM wanting
),
sized AS MATERIALIZED (
    SELECT *, CASE WHEN missing = 0 THEN 0 WHEN full_packs <= room THEN full_packs
        WHEN fitting >= least_order THEN fitting ELSE 0 END AS wanted
    FROM packed
)"""  # noqa: S608 - constants

# What a node can spare is what it may promise above its own reorder point, less what drafts take already; those that
# run out first get it first.
_CHOICE = """
asked AS (
    SELECT sku_id, node_id, from_node_id, wanted, sum(wanted) OVER (
        PARTITION BY sku_id, from_node_id ORDER BY slack, node_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) - wanted AS before
    FROM sized WHERE way = 'transfer' AND wanted > 0
),
source AS MATERIALIZED (
    SELECT each.sku_id, each.from_node_id AS node_id, place.code,
        coalesce(level.on_hand - level.reserved - level.safety_stock, 0)::bigint AS atp,
        coalesce(own.reorder_at, 0) AS reorder_at, coalesce(leaving.units, 0) AS leaving,
        CASE WHEN place.node_id IS NULL THEN 0 ELSE greatest(0, coalesce(level.on_hand - level.reserved
            - level.safety_stock, 0)::bigint - coalesce(own.reorder_at, 0) - coalesce(leaving.units, 0)) END AS spare
    FROM (SELECT DISTINCT sku_id, from_node_id FROM asked) each
    LEFT JOIN place ON place.node_id = each.from_node_id
    LEFT JOIN inventory_stocklevel level ON level.sku_id = each.sku_id AND level.node_id = each.from_node_id
        AND {of_level}
    LEFT JOIN sized own ON own.sku_id = each.sku_id AND own.node_id = each.from_node_id AND own.is_first
    LEFT JOIN leaving ON leaving.sku_id = each.sku_id AND leaving.node_id = each.from_node_id
),
given AS MATERIALIZED (
    SELECT asked.sku_id, asked.node_id, source.code, source.atp AS source_atp, source.reorder_at AS source_reorder_at,
        source.leaving AS source_leaving, source.spare - least(source.spare, asked.before) AS spare,
        least(asked.wanted, source.spare - least(source.spare, asked.before))::bigint AS units
    FROM asked JOIN source ON source.sku_id = asked.sku_id AND source.node_id = asked.from_node_id
),
chosen AS MATERIALIZED (
    SELECT sized.*, given.code AS source_code, given.source_atp, given.source_reorder_at, given.source_leaving,
        given.spare, CASE WHEN way = 'transfer' THEN given.units ELSE sized.wanted END::bigint AS quantity
    FROM sized LEFT JOIN given ON given.sku_id = sized.sku_id AND given.node_id = sized.node_id
    WHERE (way = 'transfer' AND given.units > 0)
        OR (way = 'purchase' AND wanted > 0 AND (is_first OR given.units = 0))
)"""

#: Before a statement over many SKUs, and after it. PostgreSQL expects a row or two of each expression where there are
#: thousands, and would compare each with each; every table is limited to the SKUs, so that reading it whole is little.
WIDE = "SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true)"
NARROW = "SELECT set_config('enable_nestloop', 'on', true)"

#: Every figure of a row of `sized` or `chosen`, with the names under which suggestions keep them.
FIGURES = """'way', way, 'per_day', d, 'deviation', s, 'history_units', history_units, 'history_days', history_days,
    'lead_days', lead, 'lead_deviation', lead_deviation, 'lead_from', lead_from, 'lead_orders', lead_orders,
    'service_bp', service_level_bp, 'z', z, 'safety', safety, 'least', least_stock, 'most', most_stock,
    'reorder_at', reorder_at, 'review_days', review_days, 'up_to', up_to, 'atp', atp, 'inbound', inbound,
    'drafted', drafted, 'waiting', waiting, 'position', position, 'pack', pack, 'least_order', least_order,
    'missing', missing, 'wanted', wanted, 'cover_days', cover, 'slack_days', slack, 'rule_id', rule_id,
    'rule', rule_name"""
#: Figures of the node that transfers come from, of rows of `chosen`.
SOURCE_FIGURES = """'source', source_code, 'source_atp', source_atp, 'source_reorder_at', source_reorder_at,
    'source_leaving', source_leaving, 'spare', spare, 'quantity', quantity"""
