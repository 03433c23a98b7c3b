"""How fast every SKU goes at every node, from the ledger: what was reserved for orders, less what was given back."""

from __future__ import annotations

from oms.core.db import execute, run_atomic

DAYS = 28

# A day is one of 24 hours that ends now, so that each counts alike. Units given back count on the day they were given
# back: over the days looked at, what was ordered and cancelled adds up to nothing. Deviation is that of a sample.
# Fast are the SKUs that make up the first half of a node's units, medium those up to nine tenths.
_REFRESH = """
WITH asked AS MATERIALIZED (
    SELECT sku_id, node_id, floor(extract(epoch FROM now() - recorded_at) / 86400)::int AS day,
        sum(CASE WHEN to_bucket = 'reserved' THEN quantity ELSE -quantity END) AS units
    FROM inventory_stockmovement
    WHERE recorded_at > now() - make_interval(days => %(days)s)
        AND ((from_bucket = 'demand' AND to_bucket = 'reserved' AND reason = 'reserve')
            OR (from_bucket = 'reserved' AND to_bucket = 'demand' AND reason IN ('release', 'expire')))
        AND reference NOT IN (SELECT number FROM inventory_transfer)
    GROUP BY 1, 2, 3
),
summed AS (
    SELECT sku_id, node_id, sum(units) AS total, sum(units * units) AS squares FROM asked GROUP BY sku_id, node_id
),
measured AS (
    SELECT sku_id, node_id, greatest(0, total)::bigint AS units, greatest(0, total)::float / %(days)s AS mean,
        CASE WHEN %(days)s > 1 THEN
            sqrt(greatest(0, (squares - total::numeric * total / %(days)s) / (%(days)s - 1))::float) ELSE 0 END
            AS deviation
    FROM summed
),
ranked AS (
    SELECT *, sum(units) OVER (PARTITION BY node_id) AS whole,
        sum(units) OVER (PARTITION BY node_id ORDER BY units DESC, sku_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - units AS faster
    FROM measured
),
classed AS MATERIALIZED (
    SELECT *, CASE WHEN units = 0 THEN 'none' WHEN faster * 2 < whole THEN 'fast'
        WHEN faster * 10 < whole * 9 THEN 'medium' ELSE 'slow' END AS velocity
    FROM ranked
),
gone AS (
    DELETE FROM inventory_demandrate rate
    WHERE NOT EXISTS (SELECT FROM classed c WHERE c.sku_id = rate.sku_id AND c.node_id = rate.node_id)
)
INSERT INTO inventory_demandrate
    (sku_id, node_id, units, days, mean_per_day, deviation_per_day, velocity, computed_at)
SELECT sku_id, node_id, units, %(days)s, mean, deviation, velocity, now() FROM classed ORDER BY sku_id, node_id
ON CONFLICT (sku_id, node_id) DO UPDATE SET units = excluded.units, days = excluded.days,
    mean_per_day = excluded.mean_per_day, deviation_per_day = excluded.deviation_per_day,
    velocity = excluded.velocity, computed_at = excluded.computed_at
"""


def refresh_demand_rates(*, days: int = DAYS) -> int:
    """Work out the demand of every SKU at every node over the last `days` times 24 hours; the number of rates.

    Units are those reserved less those released or expired; transfers are no demand. A SKU that nobody asked for at a
    node has no rate.
    """
    return run_atomic(lambda: execute(_REFRESH, {"days": days}))
