"""Every decision and everything routing writes."""

from routing.selectors import waiting_order_ids
from routing.services.context import (
    active_policy,
    forget_policy,
    lane,
    place_of,
    policy_of,
    rate_table,
    read_nodes,
    read_stock,
)
from routing.services.load import giving_back_load
from routing.services.preview import exclude_node, plan_for
from routing.services.reading import Demand
from routing.services.route import Routed, order_inputs, route_orders

__all__ = [
    "Demand",
    "Routed",
    "active_policy",
    "exclude_node",
    "forget_policy",
    "giving_back_load",
    "lane",
    "order_inputs",
    "place_of",
    "plan_for",
    "policy_of",
    "rate_table",
    "read_nodes",
    "read_stock",
    "route_orders",
    "waiting_order_ids",
]
