"""The stages of the flow: how many orders stand in each, how many come in and go out, and how old the oldest is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from oms.core.clock import now
from oms.core.db import fetch_all
from oms.reporting.scope import Scope

#: Stage -> words, in the order of the flow.
FLOW_STAGES = {
    "captured": "Captured",
    "backordered": "Waiting for stock",
    "routed": "Routed",
    "released": "To pick",
    "picked": "To pack",
    "packed": "Packed",
    "shipped": "On the way",
    "delivered": "Delivered today",
}
#: A stage is marked when more came in than went out for half an hour and it holds at least so many orders.
_MARK_WINDOW = timedelta(minutes=30)
_MARK_LEAST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStage:
    """One stage now. Rates are orders (or parcels) of the last hour."""

    key: str
    label: str
    count: int
    in_rate: int
    out_rate: int
    oldest_at: datetime | None
    filling: bool


_STANDING = """
SELECT o.stage, count(*), min(coalesce(w.since, o.captured_at))
FROM orders_order o
LEFT JOIN LATERAL (
    SELECT min(coalesce(f.packed_at, f.picked_at, f.released_at)) AS since FROM fulfillment_fulfillmentorder f
    WHERE f.order_id = o.id AND o.stage IN ('released', 'picked', 'packed')
        AND f.state NOT IN ('rejected', 'cancelled', 'completed', 'no_show')
) w ON o.stage IN ('released', 'picked', 'packed')
WHERE o.stage IN ('captured', 'backordered', 'routed', 'released', 'picked', 'packed') AND {orders}
GROUP BY o.stage
UNION ALL
SELECT 'shipped', count(*), NULL FROM orders_order o WHERE o.stage = 'shipped' AND {orders}
UNION ALL
SELECT 'delivered', count(*), NULL FROM orders_order o WHERE o.delivered_at >= %(midnight)s AND {orders}
"""

# Each row: what happened, how often in the last hour, how often in the last half hour.
_RATES = """
SELECT 'captured', count(*), count(*) FILTER (WHERE o.captured_at > %(half)s)
FROM orders_order o WHERE o.captured_at > %(hour)s AND {orders}
UNION ALL
SELECT d.outcome, count(*), count(*) FILTER (WHERE d.decided_at > %(half)s)
FROM routing_routingdecision d JOIN orders_order o ON o.id = d.order_id
WHERE d.decided_at > %(hour)s AND {orders} GROUP BY d.outcome
UNION ALL
SELECT 'released', count(*), count(*) FILTER (WHERE f.released_at > %(half)s)
FROM fulfillment_fulfillmentorder f JOIN inventory_node n ON n.id = f.node_id
WHERE f.released_at > %(hour)s AND {nodes}
UNION ALL
SELECT 'picked', count(*), count(*) FILTER (WHERE f.picked_at > %(half)s)
FROM fulfillment_fulfillmentorder f JOIN inventory_node n ON n.id = f.node_id
WHERE f.picked_at > %(hour)s AND {nodes}
UNION ALL
SELECT 'packed', count(*), count(*) FILTER (WHERE f.packed_at > %(half)s)
FROM fulfillment_fulfillmentorder f JOIN inventory_node n ON n.id = f.node_id
WHERE f.packed_at > %(hour)s AND {nodes}
UNION ALL
SELECT 'completed', count(*), count(*) FILTER (WHERE f.completed_at > %(half)s)
FROM fulfillment_fulfillmentorder f JOIN inventory_node n ON n.id = f.node_id
WHERE f.completed_at > %(hour)s AND {nodes}
UNION ALL
SELECT 'delivered', count(*), count(*) FILTER (WHERE o.delivered_at > %(half)s)
FROM orders_order o WHERE o.delivered_at > %(hour)s AND {orders}
"""

#: Stage -> what brings orders in, what takes them out.
_IN_OUT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "captured": (("captured",), ("routed", "partial", "unroutable")),
    "backordered": (("partial", "unroutable"), ()),
    "routed": (("routed", "partial"), ("released",)),
    "released": (("released",), ("picked",)),
    "picked": (("picked",), ("packed",)),
    "packed": (("packed",), ("completed",)),
    "shipped": (("completed",), ("delivered",)),
    "delivered": (("delivered",), ()),
}


def flow_stages(scope: Scope, *, moment: datetime | None = None) -> list[FlowStage]:
    """Every stage of the flow. Two statements."""
    at = moment or now()
    midnight = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    params = {"hour": at - timedelta(hours=1), "half": at - _MARK_WINDOW, "midnight": midnight, **scope.params}
    standing = {stage: (count, oldest) for stage, count, oldest in fetch_all(scope.apply(_STANDING), params)}
    rates = {what: (hour, half) for what, hour, half in fetch_all(scope.apply(_RATES), params)}
    return [_stage(key, standing, rates) for key in FLOW_STAGES]


def _stage(key: str, standing: dict[str, tuple[int, datetime | None]], rates: dict[str, tuple[int, int]]) -> FlowStage:
    count, oldest = standing.get(key, (0, None))
    came, went = _IN_OUT[key]
    (in_hour, in_half), (out_hour, out_half) = _added(came, rates), _added(went, rates)
    works = key not in {"backordered", "shipped", "delivered"}
    return FlowStage(
        key=key, label=FLOW_STAGES[key], count=count, in_rate=in_hour, out_rate=out_hour, oldest_at=oldest,
        filling=works and count >= _MARK_LEAST and in_half > out_half,
    )  # fmt: skip


def _added(names: tuple[str, ...], rates: dict[str, tuple[int, int]]) -> tuple[int, int]:
    found = [rates[name] for name in names if name in rates]
    return sum(hour for hour, _ in found), sum(half for _, half in found)
