"""Orders against stock: what a line says is reserved for it, and what is. The two rooms do not see each other."""

from __future__ import annotations

#: Units of each order line that wait in a node's work, against the open reservations of the line. Units leave their
#: reservation when they are packed.
LINES_SQL = """
WITH claimed AS (
    SELECT line_uid, min(node_id) AS node_id, min(sku_id) AS sku_id, sum(open_quantity) AS total
    FROM inventory_reservation WHERE open_quantity > 0 AND purpose = 'order' GROUP BY line_uid
),
wanted AS (
    SELECT line.uid, line.sku_id, line.order_id, line.position, line.allocated + line.released + line.picked AS units
    FROM orders_orderline line WHERE line.allocated + line.released + line.picked > 0
)
SELECT coalesce(claimed.sku_id, wanted.sku_id) AS sku_id, claimed.node_id, 'reserved for order line' AS what,
    coalesce((SELECT number FROM orders_order WHERE id = wanted.order_id) || ' line ' || wanted.position,
        claimed.line_uid::text) AS subject,
    coalesce(wanted.units, 0)::bigint AS stored, coalesce(claimed.total, 0)::bigint AS computed
FROM wanted FULL JOIN claimed ON claimed.line_uid = wanted.uid
WHERE coalesce(wanted.units, 0) <> coalesce(claimed.total, 0) AND coalesce(claimed.sku_id, wanted.sku_id) IS NOT NULL
"""

#: Comparisons that need to see orders; for `inventory.services.audit_stock`.
ORDER_CHECKS: tuple[str, ...] = (LINES_SQL,)
