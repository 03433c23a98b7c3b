"""Every decision and everything routing writes."""

from routing.selectors import waiting_order_ids
from routing.services.adopt import CheckoutHold, adopt_hold
from routing.services.context import (
    active_policy,
    forget_policy,
    lane,
    policy_of,
    rate_table,
)
from routing.services.load import giving_back_load
from routing.services.preview import exclude_node, plan_again
from routing.services.reading import Demand, Freed
from routing.services.route import Routed, order_inputs, route_orders

__all__ = [
    "CheckoutHold",
    "Demand",
    "Freed",
    "Routed",
    "active_policy",
    "adopt_hold",
    "exclude_node",
    "forget_policy",
    "giving_back_load",
    "lane",
    "order_inputs",
    "plan_again",
    "policy_of",
    "rate_table",
    "route_orders",
    "waiting_order_ids",
]
