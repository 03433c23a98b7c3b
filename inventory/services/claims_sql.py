"""Fragments of statements that claim units, and that end the holds of checkouts. They are put together by their users.

Locks are taken in one order everywhere: holds by id, their reservations by id, stock levels by SKU and node.
"""

#: Holds that one statement ends at most; what is left ends with the next claim, or with the sweep.
MOST_HOLDS = 1000

#: Stands after `closing` (id, reference, state, reason: holds that are locked and open). They get the state, their
#: reservations end, and `freed` (uid, sku_id, node_id, quantity, reference, reason) is what is to be posted.
CLOSE_HOLDS = """
freed AS MATERIALIZED (
    SELECT r.id, r.uid, r.sku_id, r.node_id, r.open_quantity AS quantity, r.reference, c.state, c.reason
    FROM inventory_reservation r JOIN closing c ON c.id = r.hold_id
    WHERE r.state = 'soft' ORDER BY r.id FOR NO KEY UPDATE OF r
),
closed AS (
    UPDATE inventory_stockhold h SET state = c.state, closed_at = statement_timestamp()
    FROM closing c WHERE h.id = c.id
),
ended AS (
    UPDATE inventory_reservation r SET state = f.state, open_quantity = 0,
        released_quantity = r.released_quantity + f.quantity, closed_at = statement_timestamp()
    FROM freed f WHERE r.id = f.id
),
freed_level AS (SELECT sku_id, node_id, sum(quantity)::int AS units FROM freed GROUP BY sku_id, node_id),
told AS (
    INSERT INTO core_outboxevent (kind, aggregate, payload)
    SELECT 'inventory.StockChanged', 'sku:' || min(sku_id) || '+' || count(DISTINCT sku_id) - 1,
        jsonb_build_object('sku_ids', jsonb_agg(DISTINCT sku_id), 'reason', 'hold ' || min(state))
    FROM freed HAVING count(*) > 0
    UNION ALL
    SELECT 'inventory.StockArrived', 'node:' || node_id,
        jsonb_build_object('sku_ids', jsonb_agg(DISTINCT sku_id), 'node_id', node_id)
    FROM freed GROUP BY node_id
)
"""

#: The postings of `freed`, to select from.
FREED_POSTINGS = """
    SELECT 'release/' || uid || '/' || quantity AS op_key, sku_id, node_id, 'reserved' AS source, 'demand' AS target,
        quantity, reason, reference
    FROM freed
"""

#: Stands after `claim`: ends the holds that are over and keep units of what is claimed.
FREE_DUE_HOLDS = f"""
closing AS MATERIALIZED (
    SELECT h.id, h.reference, 'expired' AS state, 'expire' AS reason FROM inventory_stockhold h
    WHERE h.state = 'held' AND h.expires_at <= statement_timestamp() AND h.id IN (
        SELECT r.hold_id FROM claim JOIN inventory_reservation r USING (sku_id, node_id)
        WHERE r.state = 'soft' AND r.expires_at <= statement_timestamp()
    )
    ORDER BY h.id LIMIT {MOST_HOLDS} FOR NO KEY UPDATE OF h
),
{CLOSE_HOLDS},
"""  # noqa: S608 - only constants of this module are put in

_FIT = """
locked_level AS MATERIALIZED (
    SELECT sku_id, node_id, on_hand - reserved - safety_stock AS atp FROM inventory_stocklevel
    WHERE (sku_id, node_id) IN (SELECT sku_id, node_id FROM claim{or_freed})
    ORDER BY sku_id, node_id FOR NO KEY UPDATE
),
running AS (
    SELECT claim.order_id, {atp} AS atp,
        sum(claim.quantity) OVER (PARTITION BY claim.sku_id, claim.node_id ORDER BY claim.ord) AS total
    FROM claim LEFT JOIN locked_level USING (sku_id, node_id){with_freed}
),
refused AS MATERIALIZED (SELECT DISTINCT order_id FROM running WHERE atp IS NULL OR total > atp),
granted AS MATERIALIZED (SELECT * FROM claim WHERE order_id NOT IN (SELECT order_id FROM refused))
"""

#: Stands after `claim` (uid, line_uid, order_id, reference, sku_id, node_id, quantity, ord): locks the levels, adds up
#: the claims per level in the order they came, and gives `refused` (order_id: orders that do not fit) and `granted`
#: (the claims of the others). With `freeing`, after FREE_DUE_HOLDS: what it freed counts for the claims.
FIT = _FIT.format(or_freed="", atp="locked_level.atp", with_freed="")
FIT_FREEING = _FIT.format(
    or_freed=" UNION SELECT sku_id, node_id FROM freed",
    atp="locked_level.atp + coalesce(freed_level.units, 0)",
    with_freed=" LEFT JOIN freed_level USING (sku_id, node_id)",
)

_POST = """
INSERT INTO inventory_stockmovement
        (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference, actor)
    SELECT op_key, 1, sku_id, node_id, source, target, quantity, reason, reference, %(actor)s::text
    FROM ({postings}) AS one ORDER BY target, sku_id, node_id
"""
_GRANTED_POSTINGS = """
    SELECT 'reserve/' || uid AS op_key, sku_id, node_id, 'demand' AS source, 'reserved' AS target, quantity,
        'reserve' AS reason, reference
    FROM granted
"""

#: The insert that posts `granted`, and the one that posts `freed` before it; both take the parameter `actor`.
POST_GRANTED = _POST.format(postings=_GRANTED_POSTINGS)
POST_FREED_AND_GRANTED = _POST.format(postings=f"{FREED_POSTINGS} UNION ALL {_GRANTED_POSTINGS}")
POST_FREED = _POST.format(postings=FREED_POSTINGS)
