"""Orders that wait for stock of one certain node: those that are collected there. Others may go from anywhere."""

from __future__ import annotations

#: sku_id, node_id and units, for `inventory.services.replenishing`: the two rooms do not see each other.
WAITING_SQL = """
SELECT line.sku_id, node.id AS node_id, line.unallocated + line.backordered AS units
FROM orders_orderline line
JOIN orders_order placed ON placed.id = line.order_id AND placed.service_level = 'pickup'
    AND placed.pickup_node_code <> ''
JOIN inventory_node node ON node.code = placed.pickup_node_code
WHERE line.unallocated > 0 OR line.backordered > 0
"""
