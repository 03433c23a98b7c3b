"""Orders of which something waits that another SKU may stand in for, where their rule and their customer allow it."""

from __future__ import annotations

from collections.abc import Sequence

from oms.core.db import fetch_all
from routing.models import PolicyState, RoutingPolicy
from routing.policy.document import read_document

# The rule of the last decision counts. What waits makes the stage of an order "backordered", which has an index.
_SUBSTITUTABLE = """
SELECT o.id, t.rule
FROM orders_order o
JOIN LATERAL (SELECT d.policy_version, d.rule FROM routing_routingdecision d WHERE d.order_id = o.id
              ORDER BY d.attempt DESC LIMIT 1) d ON true
JOIN unnest(%(versions)s::int[], %(rules)s::text[]) AS t(version, rule)
    ON t.version = d.policy_version AND t.rule = d.rule
WHERE o.stage = 'backordered' AND o.substitutions = 'allowed' AND o.id > %(after)s
    AND (%(every)s OR o.id = ANY(%(orders)s::bigint[]))
    AND EXISTS (
        SELECT FROM orders_orderline l
        JOIN inventory_substitute s ON s.sku_id = l.sku_id
        JOIN inventory_stocklevel v ON v.sku_id = s.substitute_id AND v.on_hand - v.reserved - v.safety_stock > 0
        JOIN inventory_node n ON n.id = v.node_id AND n.is_active
        WHERE l.order_id = o.id AND l.backordered > 0 AND l.kit_id IS NULL AND l.substitute_for_id IS NULL
    )
ORDER BY o.id LIMIT %(limit)s
"""


#: (version, name) of rules that substitute.
Terms = Sequence[tuple[int, str]]


def substitutable(
    terms: Terms, *, limit: int, after: int = 0, order_ids: Sequence[int] | None = None
) -> list[tuple[int, str]]:
    """Orders behind `after` with the name of the rule that lets them have a substitute, oldest first.

    `terms` are those of `substituting_rules`, read once for many calls. Only of `order_ids` where they are named.
    """
    if not terms or order_ids == []:
        return []
    versions, rules = (list(column) for column in zip(*terms, strict=True))
    params = {
        "versions": versions, "rules": rules, "after": after, "limit": limit, "every": order_ids is None,
        "orders": list(order_ids or ()),
    }  # fmt: skip
    return [(order_id, rule) for order_id, rule in fetch_all(_SUBSTITUTABLE, params)]


def substituting_rules() -> Terms:
    """(version, name) of published rules that substitute: an order's last decision may be by any of them."""
    published = RoutingPolicy.objects.exclude(state=PolicyState.DRAFT).exclude(version=None)
    return [
        (version, rule.name)
        for version, document in published.values_list("version", "document")
        for rule in read_document(document).rules
        if version is not None and rule.fallback.substitute
    ]
