"""What became of the work of nodes and of the parcels of carriers: counts for their scores. Never writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from oms.core.clock import now
from oms.core.db import fetch_dicts, stream
from routing.performance import lanes
from routing.performance.lanes import Carried
from routing.performance.nodes import HALF_LIFE_DAYS, WINDOW_DAYS, NodeWorkDone
from routing.performance.shares import Share

#: How `fulfillment.services.reject` begins the reason for which a node is not offered an order again. Work that was
#: taken from a node (it went off, a person or a rule moved it) has no such row and counts for nothing.
_REFUSED = "Rejected: %"

# The node's own promise is the order's ship-by, but never less time than its processing takes: work that came late to
# it, from another node, is not its delay. What a promise at risk moved elsewhere did not keep it. What the customer
# cancelled, or was taken back, says nothing of the stages that it did not come to.
_WORK = """
WITH work AS MATERIALIZED (
    SELECT f.id, f.node_id, f.accepted_at, f.released_at, f.picked_at, f.state = 'rejected' AND EXISTS (
            SELECT FROM routing_routingexclusion x
            WHERE x.order_id = f.order_id AND x.node_id = f.node_id AND x.reason LIKE %(refused)s
        ) AS refused,
        EXISTS (
            SELECT FROM fulfillment_rerouteattempt a
            WHERE a.fulfillment_order_id = f.id AND a.cause = 'at_risk' AND a.outcome = 'moved'
        ) AS moved,
        f.state NOT IN ('rejected', 'cancelled', 'completed', 'no_show') AS live,
        CASE WHEN f.kind <> 'pickup' THEN f.completed_at ELSE f.packed_at END AS done_at,
        CASE WHEN f.due_at IS NOT NULL THEN
            greatest(f.due_at, f.released_at + make_interval(mins => n.processing_minutes)) END AS due_at,
        power(0.5, greatest(0, extract(epoch FROM %(moment)s::timestamptz - f.released_at))
            / 86400 / %(half_life)s::float8) AS w
    FROM fulfillment_fulfillmentorder f JOIN inventory_node n ON n.id = f.node_id
    WHERE f.released_at >= %(since)s::timestamptz AND f.released_at <= %(moment)s::timestamptz
      AND f.state <> 'scheduled'
),
line AS MATERIALIZED (
    SELECT l.fulfillment_order_id AS id, sum(l.quantity) AS units, sum(l.short) AS short
    FROM fulfillment_fulfillmentline l WHERE l.fulfillment_order_id IN (SELECT id FROM work) GROUP BY 1
),
told AS (
    SELECT w.node_id, w.w, w.accepted_at, w.done_at, w.due_at, w.refused, line.units, line.short,
        w.accepted_at IS NOT NULL OR w.refused AS answered,
        w.accepted_at IS NOT NULL AND (w.refused OR w.picked_at IS NOT NULL OR w.done_at IS NOT NULL) AS settled,
        w.picked_at IS NOT NULL OR line.short > 0 AS looked,
        w.due_at IS NOT NULL
            AND (w.done_at IS NOT NULL OR w.moved OR (w.live AND w.due_at < %(moment)s::timestamptz)) AS judged,
        extract(epoch FROM w.accepted_at - w.released_at) / 3600 AS accept_hours,
        CASE WHEN w.due_at IS NOT NULL THEN extract(epoch FROM w.done_at - w.released_at) / 3600 END AS ship_hours,
        extract(epoch FROM w.due_at - w.released_at) / 3600 AS promised_hours
    FROM work w LEFT JOIN line ON line.id = w.id
)
SELECT t.node_id, n.kind, count(*) AS orders,
    coalesce(sum(w) FILTER (WHERE answered AND accepted_at IS NOT NULL), 0)::float8 AS accepted,
    coalesce(sum(w) FILTER (WHERE answered AND accepted_at IS NULL), 0)::float8 AS not_accepted,
    coalesce(sum(w) FILTER (WHERE settled AND NOT refused), 0)::float8 AS kept,
    coalesce(sum(w) FILTER (WHERE settled AND refused), 0)::float8 AS not_kept,
    coalesce(sum(w) FILTER (WHERE looked AND coalesce(short, 0) = 0), 0)::float8 AS found,
    coalesce(sum(w) FILTER (WHERE looked AND short > 0), 0)::float8 AS not_found,
    coalesce(sum(w) FILTER (WHERE judged AND done_at <= due_at), 0)::float8 AS in_time,
    coalesce(sum(w) FILTER (WHERE judged AND (done_at IS NULL OR done_at > due_at)), 0)::float8 AS not_in_time,
    coalesce(sum(w * accept_hours), 0)::float8 AS accept_hours,
    coalesce(sum(w) FILTER (WHERE accept_hours IS NOT NULL), 0)::float8 AS accepted_seen,
    coalesce(sum(w * ship_hours), 0)::float8 AS ship_hours,
    coalesce(sum(w * promised_hours) FILTER (WHERE ship_hours IS NOT NULL), 0)::float8 AS promised_hours,
    coalesce(sum(w) FILTER (WHERE ship_hours IS NOT NULL), 0)::float8 AS shipped_seen,
    coalesce(sum(units), 0)::int AS units, coalesce(sum(short), 0)::int AS short_units
FROM told t JOIN inventory_node n ON n.id = t.node_id
GROUP BY t.node_id, n.kind
ORDER BY t.node_id
"""
_STAGES = ("accepted", "kept", "found", "in_time")


def work_done() -> list[NodeWorkDone]:
    """What every node made of the work that it was given in the last `WINDOW_DAYS`, halved each `HALF_LIFE_DAYS`."""
    moment = now()
    rows = fetch_dicts(_WORK, {
        "moment": moment, "since": moment - timedelta(days=WINDOW_DAYS), "half_life": HALF_LIFE_DAYS,
        "refused": _REFUSED,
    })  # fmt: skip
    return [_done(row) for row in rows]


def _done(row: dict[str, Any]) -> NodeWorkDone:
    stages = {name: Share(row.pop(name), row.pop(f"not_{name}")) for name in _STAGES}
    return NodeWorkDone(stages=stages, **row)


# A parcel that is under way beyond its day is late; one that is within it says nothing yet. What comes back counts as
# not on time. Charges that the carrier told count before those that the rate card expects.
_CARRIED = """
WITH parcel AS MATERIALIZED (
    SELECT a.code AS carrier, n.code AS node_code, o.ship_country, o.ship_postcode,
        CASE WHEN s.state = 'delivered' THEN 'delivered' WHEN s.state IN ('lost', 'damaged') THEN 'lost'
             WHEN s.state IN ('rto_initiated', 'rto_in_transit', 'rto_received') THEN 'rto' ELSE 'open' END AS fate,
        CASE WHEN s.state = 'delivered' THEN
            greatest(0, (s.delivered_at AT TIME ZONE n.time_zone)::date
                - (s.handed_over_at AT TIME ZONE n.time_zone)::date)
        END AS days,
        coalesce(s.expected_delivery, (o.promised_by AT TIME ZONE n.time_zone)::date) AS due_on,
        coalesce((s.delivered_at AT TIME ZONE n.time_zone)::date, %(moment)s::date) AS seen_on,
        EXISTS (SELECT FROM carriers_trackingevent t
                WHERE t.booking_id = s.booking_id AND t.milestone = 'attempt_failed') AS failed_once,
        power(0.5, greatest(0, extract(epoch FROM %(moment)s::timestamptz - s.handed_over_at))
            / 86400 / %(half_life)s::float8) AS w,
        coalesce(b.charge_minor, b.expected_charge_minor) AS cost, b.charge_minor IS NOT NULL AS charged
    FROM fulfillment_shipment s
    JOIN orders_order o ON o.id = s.order_id
    JOIN inventory_node n ON n.id = s.node_id
    JOIN fulfillment_fulfillmentorder f ON f.id = s.fulfillment_order_id AND f.kind <> 'transfer'
    JOIN carriers_carrieraccount a ON a.id = s.carrier_account_id
    LEFT JOIN carriers_booking b ON b.id = s.booking_id
    WHERE s.handed_over_at >= %(since)s::timestamptz AND s.handed_over_at <= %(moment)s::timestamptz
      AND s.state <> 'cancelled' AND o.ship_postcode <> ''
)
SELECT carrier, node_code, ship_country, ship_postcode, fate, days,
    CASE WHEN due_on IS NULL THEN NULL WHEN fate IN ('lost', 'rto') THEN false
         WHEN fate = 'open' AND seen_on <= due_on THEN NULL ELSE seen_on <= due_on END AS on_time,
    CASE WHEN fate = 'delivered' OR failed_once THEN NOT failed_once END AS first_attempt,
    count(*), sum(w)::float8, coalesce(sum(w * cost), 0)::float8,
    coalesce(sum(w) FILTER (WHERE cost IS NOT NULL), 0)::float8, coalesce(sum(w) FILTER (WHERE charged), 0)::float8
FROM parcel
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""


def carried() -> Iterator[Carried]:
    """What carriers made of the parcels of the last `lanes.WINDOW_DAYS`, halved each `lanes.HALF_LIFE_DAYS`.

    Read as it is asked for, because parcels to some hundred thousand postcodes are nearly as many rows.
    """
    moment = now()
    params = {
        "moment": moment, "since": moment - timedelta(days=lanes.WINDOW_DAYS), "half_life": lanes.HALF_LIFE_DAYS,
    }  # fmt: skip
    for row in stream(_CARRIED, params):
        yield Carried(*row)
