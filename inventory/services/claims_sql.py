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

_FREED_POSTINGS = """
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


def fit(*, freeing: bool = False, into: str = "granted") -> str:
    """Stands after `claim` (uid, line_uid, order_id, reference, sku_id, node_id, quantity, ord).

    Locks the levels, adds up the claims per level in the order they came, and gives `refused` (order_id: orders that do
    not fit) and, under the name `into`, the claims of the others. With `freeing`, after FREE_DUE_HOLDS, what was freed
    counts for the claims.
    """
    or_freed = " UNION SELECT sku_id, node_id FROM freed" if freeing else ""
    atp = "locked_level.atp + coalesce(freed_level.units, 0)" if freeing else "locked_level.atp"
    with_freed = " LEFT JOIN freed_level USING (sku_id, node_id)" if freeing else ""
    return f"""
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
{into} AS MATERIALIZED (SELECT * FROM claim WHERE order_id NOT IN (SELECT order_id FROM refused))
"""  # noqa: S608 - only constants of this module are put in


#: Units of holds that are over but not yet ended, by SKU and node: they may be claimed by anybody. `{of}` is what names
#: the SKUs. A SKU without such holds costs a look into an index.
DUE_UNITS = """
due AS MATERIALIZED (
    SELECT wanted.sku_id, over.node_id, over.units FROM (SELECT DISTINCT sku_id FROM {of}) AS wanted
    CROSS JOIN LATERAL (
        SELECT r.node_id, sum(r.open_quantity)::int AS units FROM inventory_reservation r
        WHERE r.sku_id = wanted.sku_id AND r.state = 'soft' AND r.expires_at <= statement_timestamp()
        GROUP BY r.node_id
    ) AS over
)
"""


def _posting(*postings: str) -> str:
    """The insert of these postings, after whatever they were read from was locked. Takes the parameter `actor`."""
    return f"""
    INSERT INTO inventory_stockmovement
        (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference, actor)
    SELECT op_key, 1, sku_id, node_id, source, target, quantity, reason, reference, %(actor)s::text
    FROM ({" UNION ALL ".join(postings)}) AS one, (SELECT count(*) FROM locked_level) AS levels
    ORDER BY target, sku_id, node_id
"""  # noqa: S608 - only constants of this module are put in


_GRANTED_POSTINGS = """
    SELECT 'reserve/' || uid AS op_key, sku_id, node_id, 'demand' AS source, 'reserved' AS target, quantity,
        'reserve' AS reason, reference
    FROM granted
"""

#: The inserts that post `granted`, `freed`, and one after the other in the same statement.
POST_GRANTED = _posting(_GRANTED_POSTINGS)
POST_FREED = _posting(_FREED_POSTINGS)
POST_FREED_AND_GRANTED = _posting(_FREED_POSTINGS, _GRANTED_POSTINGS)
