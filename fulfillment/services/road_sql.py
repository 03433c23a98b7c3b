"""Which parcels do not travel as they should, found in one statement that also opens and closes their rows."""

from __future__ import annotations

# Working days of the node after the day of a moment, up to today.
_WORKING_DAYS = """
(SELECT count(*) FROM generate_series((({moment}) AT TIME ZONE r.time_zone)::date + 1,
    (%(now)s AT TIME ZONE r.time_zone)::date, interval '1 day') AS d(day)
WHERE extract(isodow FROM d.day)::int = ANY(r.working_days)
    AND NOT EXISTS (SELECT 1 FROM inventory_nodeholiday h WHERE h.node_id = r.node_id AND h.day = d.day::date))
"""

# A parcel with a failed attempt that waits is in the queue of failed deliveries, and on its way back elsewhere.
_ROAD = """
terms AS MATERIALIZED (
    SELECT * FROM unnest(%(accounts)s::bigint[], %(services)s::text[], %(silent)s::int[], %(stuck)s::int[],
        %(collect)s::int[], %(tracked)s::boolean[]) AS t(account_id, service, silent, stuck, collect, tracked)
),
road AS MATERIALIZED (
    SELECT s.id, s.state, s.node_id, s.expected_delivery, s.handed_over_at, b.id AS booking_id, b.milestone,
        b.last_scan_at, n.time_zone, n.working_days, t.silent, t.stuck, t.collect, t.tracked
    FROM fulfillment_shipment s JOIN carriers_booking b ON b.id = s.booking_id
    JOIN orders_order o ON o.id = s.order_id JOIN inventory_node n ON n.id = s.node_id
    JOIN terms t ON t.account_id = b.account_id AND t.service = o.service_level
    WHERE s.state IN ('handed_over', 'in_transit', 'out_for_delivery') AND s.handed_over_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM fulfillment_faileddelivery f
                        WHERE f.shipment_id = s.id AND f.closed_at IS NULL)
)
"""

_NEVER_SCANNED = "r.state = 'handed_over' AND r.milestone IN ('', 'booked', 'pickup_scheduled')"

_FACTS = """
facts AS MATERIALIZED (
    SELECT r.id AS shipment_id, 'not_collected' AS kind, r.handed_over_at AS since, c.days::int AS days, '' AS place
    FROM road r CROSS JOIN LATERAL (SELECT {days since r.handed_over_at} AS days) c
    WHERE r.tracked AND {never scanned} AND {so long since r.handed_over_at for r.collect} AND c.days >= r.collect
    UNION ALL
    SELECT r.id, 'silent', r.last_scan_at, c.days::int, coalesce(seen.location, '')
    FROM road r CROSS JOIN LATERAL (SELECT {days since r.last_scan_at} AS days) c
    LEFT JOIN LATERAL (SELECT e.location FROM carriers_trackingevent e WHERE e.booking_id = r.booking_id
        AND e.location <> '' ORDER BY e.occurred_at DESC, e.id DESC LIMIT 1) seen ON true
    WHERE r.tracked AND NOT ({never scanned}) AND {so long since r.last_scan_at for r.silent} AND c.days >= r.silent
    UNION ALL
    SELECT r.id, 'stuck', here.since, c.days::int, here.location
    FROM road r CROSS JOIN LATERAL (
        SELECT last.location, min(e.occurred_at) AS since
        FROM (SELECT location FROM carriers_trackingevent WHERE booking_id = r.booking_id AND location <> ''
              ORDER BY occurred_at DESC, id DESC LIMIT 1) last
        JOIN carriers_trackingevent e ON e.booking_id = r.booking_id AND e.location = last.location
            AND e.occurred_at > coalesce((SELECT max(o.occurred_at) FROM carriers_trackingevent o
                WHERE o.booking_id = r.booking_id AND o.location NOT IN ('', last.location)), '-infinity')
        GROUP BY last.location
    ) here CROSS JOIN LATERAL (SELECT {days since here.since} AS days,
        {days since r.last_scan_at} AS quiet) c
    WHERE r.tracked AND r.state = 'in_transit' AND {so long since r.handed_over_at for r.stuck}
        AND r.last_scan_at > here.since AND c.days >= r.stuck AND c.quiet < r.silent
    UNION ALL
    SELECT r.id, 'overdue', (r.expected_delivery + 1)::timestamp AT TIME ZONE r.time_zone,
        ((%(now)s AT TIME ZONE r.time_zone)::date - r.expected_delivery), ''
    FROM road r WHERE r.expected_delivery < (%(now)s AT TIME ZONE r.time_zone)::date
)
"""

# What a person closed is opened again only by a newer fact; what ended by itself by any.
_WRITE = """
opened AS (
    INSERT INTO fulfillment_roadtrouble AS t
        (shipment_id, kind, since, days, place, note, ticket, asked_by, closed_by, close_reason)
    SELECT shipment_id, kind, since, days, left(place, 120), '', '', '', '', '' FROM facts ORDER BY shipment_id, kind
    ON CONFLICT (shipment_id, kind) DO UPDATE SET since = excluded.since, days = excluded.days, place = excluded.place,
        opened_at = CASE WHEN t.closed_at IS NULL THEN t.opened_at ELSE now() END,
        ticket = CASE WHEN t.closed_at IS NULL THEN t.ticket ELSE '' END,
        note = CASE WHEN t.closed_at IS NULL THEN t.note ELSE '' END,
        asked_at = CASE WHEN t.closed_at IS NULL THEN t.asked_at END,
        asked_by = CASE WHEN t.closed_at IS NULL THEN t.asked_by ELSE '' END,
        snoozed_until = CASE WHEN t.closed_at IS NULL THEN t.snoozed_until END,
        closed_at = NULL, closed_by = '', close_reason = ''
    WHERE t.closed_at IS NULL AND (t.since, t.days, t.place) IS DISTINCT FROM
            (excluded.since, excluded.days, excluded.place)
        OR t.closed_at IS NOT NULL AND (t.closed_by = '' OR excluded.since > t.since)
    RETURNING 1
),
closed AS (
    UPDATE fulfillment_roadtrouble t SET closed_at = %(now)s
    WHERE t.closed_at IS NULL AND t.kind <> 'disputed'
        AND NOT EXISTS (SELECT 1 FROM facts f WHERE f.shipment_id = t.shipment_id AND f.kind = t.kind)
    RETURNING 1
)
SELECT (SELECT count(*) FROM opened), (SELECT count(*) FROM closed)
"""


def look_sql() -> str:
    """The statement: what is wrong is found, opened or renewed, and what is over is closed."""
    facts = _FACTS.replace("{never scanned}", _NEVER_SCANNED)
    pairs = (("r.handed_over_at", "r.collect"), ("r.last_scan_at", "r.silent"), ("r.handed_over_at", "r.stuck"))
    for moment, days in pairs:
        # Working days are never more than days: most parcels are out before their days are counted.
        bound = f"{moment} < %(now)s - make_interval(days => {days} - 1)"
        facts = facts.replace(f"{{so long since {moment} for {days}}}", bound)
    for moment in ("r.handed_over_at", "r.last_scan_at", "here.since"):
        facts = facts.replace(f"{{days since {moment}}}", _WORKING_DAYS.replace("{moment}", moment))
    return ", ".join(("WITH " + _ROAD.strip(), facts.strip(), _WRITE.strip()))
