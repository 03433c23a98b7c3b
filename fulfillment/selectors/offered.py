"""When orders were at the customer's door. Never writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from oms.core.db import bigints, fetch_all

# A carrier counts its promise as kept by the first attempt: whoever is not at home, or refuses the parcel, was not let
# down by the road.
_OFFERED = """
SELECT s.order_id, max(least(s.delivered_at, tried.at))
FROM fulfillment_shipment s
LEFT JOIN LATERAL (
    SELECT min(t.occurred_at) AS at FROM carriers_trackingevent t
    WHERE t.booking_id = s.booking_id AND t.milestone = 'attempt_failed'
) tried ON true
WHERE s.order_id = ANY(%s) AND s.state <> 'cancelled'
GROUP BY s.order_id
HAVING bool_and(least(s.delivered_at, tried.at) IS NOT NULL)
"""


def offered_at(order_ids: Sequence[int]) -> dict[int, datetime]:
    """When the last parcel of each order was delivered or first tried; orders with one that was neither are absent."""
    rows: list[tuple[int, datetime]] = fetch_all(_OFFERED, [bigints(order_ids)]) if order_ids else []
    return dict(rows)
