"""How fast every SKU goes at every node, from the ledger: what was reserved for orders, less what was given back."""

from __future__ import annotations

from inventory.selectors.demand_sql import asked
from oms.core.db import execute, run_atomic

DAYS = 28

# Deviation is that of a sample. Fast are the SKUs that make up the first half of a node's units, medium those up to
# nine tenths.
_REFRESH = f"""
WITH {asked()},
summed AS (
    SELECT sku_id, node_id, sum(units) AS total, sum(units * units) AS squares FROM asked GROUP BY sku_id, node_id
),
measured AS (
    SELECT sku_id, node_id, total::bigint AS units, total::float / %(days)s AS mean,
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
"""  # noqa: S608 - only constants of this project are put in


def refresh_demand_rates(*, days: int = DAYS) -> int:
    """Work out the demand of every SKU at every node over the last `days` times 24 hours; the number of rates.

    Units are those reserved less those of them that were released or expired since, on the day of the reservation;
    transfers are no demand. A SKU that nobody asked for at a node has no rate.
    """
    return run_atomic(lambda: execute(_REFRESH, {"days": days}))
