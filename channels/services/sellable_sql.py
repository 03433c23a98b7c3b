"""The arithmetic of what a channel may sell, once: for what is published, and for the explanation of the same number.

Sellable = max(0, sum over the channel's nodes of max(0, ATP - channel buffer) + dated inbound - waiting - threshold),
at most the cap; 0 where selling was stopped.

- ATP is clamped node by node, so that one node's deficit cannot hide behind another's surplus. Units of a hold whose
  time is up are free, whether or not somebody has released them.
- Waiting is the unrouted demand of every channel: a unit that one channel sold and nobody has reserved yet must not be
  sold again by another. Backordered units are part of it, so they use up the inbound that was promised to them.
- Inbound counts for listings that sell it, as far as a purchase order or a transfer gives a date for it.
- Threshold and cap are those of the listing, or else those of the channel.
- A kit has no stock: a node gives as many as its scarcest component allows there, min over components of
  floor(max(0, ATP - channel buffer) / units per kit). Waiting for a kit are the kits that unrouted demand of its
  components may use up: of a sold kit the most that any one component needs, of a single line what it needs itself.
"""

from __future__ import annotations

_TERMS = """coalesce(listing.threshold, sourcing.threshold, 0) AS threshold,
    coalesce(listing.cap, sourcing.cap) AS cap, coalesce(listing.sells_inbound, false) AS sells_inbound,
    coalesce(listing.publication = 'stopped', false) OR coalesce(account.publication = 'stopped', false) AS stopped"""

#: What is asked for: listings by `ids`, ...
LISTINGS = f"""
SELECT listing.id, listing.account_id, listing.sku_id, account.channel_id, channel.code, {_TERMS}
FROM channels_listing listing
JOIN channels_channelaccount account ON account.id = listing.account_id
JOIN orders_saleschannel channel ON channel.id = account.channel_id
LEFT JOIN routing_channelsourcing sourcing ON sourcing.channel_id = account.channel_id
WHERE listing.id = ANY(%(ids)s)
"""  # noqa: S608 - constants of this module

#: ... or one SKU (`sku`) on channels (`channels`), listed there or not. Of several listings there the first counts.
PAIRS = f"""
SELECT coalesce(listing.id, -channel.id) AS id, account.id AS account_id, %(sku)s::bigint AS sku_id,
    channel.id AS channel_id, channel.code, {_TERMS}
FROM orders_saleschannel channel
LEFT JOIN channels_channelaccount account ON account.channel_id = channel.id
LEFT JOIN routing_channelsourcing sourcing ON sourcing.channel_id = channel.id
LEFT JOIN LATERAL (
    SELECT * FROM channels_listing one WHERE one.account_id = account.id AND one.sku_id = %(sku)s::bigint
    ORDER BY one.id LIMIT 1
) listing ON true
WHERE channel.id = ANY(%(channels)s::bigint[])
"""  # noqa: S608


def parts(wanted: str) -> str:
    """The common table expressions: `level` holds what each node gives, `sellable` the numbers and the quantity."""
    return f"""
WITH wanted AS MATERIALIZED ({wanted}),
asked AS MATERIALIZED (SELECT sku_id, bool_or(sells_inbound) AS sells_inbound FROM wanted GROUP BY sku_id),
part AS MATERIALIZED (
    SELECT part.kit_id, part.component_id AS sku_id, part.quantity AS per_kit, asked.sells_inbound,
        count(*) OVER (PARTITION BY part.kit_id) AS parts
    FROM asked JOIN inventory_kitcomponent part ON part.kit_id = asked.sku_id
),
sku AS MATERIALIZED (
    SELECT sku_id, bool_or(sells_inbound) AS sells_inbound
    FROM (SELECT sku_id, sells_inbound FROM asked UNION ALL SELECT sku_id, sells_inbound FROM part) stocked
    GROUP BY sku_id
),
source AS MATERIALIZED (
    SELECT channel.channel_id, channel.code, node.id AS node_id
    FROM (SELECT DISTINCT channel_id, code FROM wanted) channel
    JOIN inventory_node node ON node.is_active AND node.ships
    LEFT JOIN routing_channelsourcing sourcing ON sourcing.channel_id = channel.channel_id
    WHERE NOT EXISTS (SELECT FROM routing_channelsourcing_groups chosen WHERE chosen.channelsourcing_id = sourcing.id)
       OR EXISTS (
            SELECT FROM routing_channelsourcing_groups chosen
            JOIN inventory_node_groups member ON member.nodegroup_id = chosen.nodegroup_id
            WHERE chosen.channelsourcing_id = sourcing.id AND member.node_id = node.id
       )
),
due AS MATERIALIZED (
    SELECT sku_id, node_id, sum(open_quantity) AS units FROM inventory_reservation
    WHERE state = 'soft' AND expires_at <= now() AND sku_id IN (SELECT sku_id FROM sku)
    GROUP BY sku_id, node_id
),
dated AS MATERIALIZED (
    SELECT sku_id, node_id, sum(units) AS units
    FROM (
        SELECT line.sku_id, document.node_id, line.open_quantity AS units
        FROM inventory_purchaseorderline line JOIN inventory_purchaseorder document ON document.id = line.order_id
        WHERE line.sku_id IN (SELECT sku_id FROM sku WHERE sells_inbound) AND document.state IN ('placed', 'partial')
            AND coalesce(line.expected_on, document.expected_on) IS NOT NULL
        UNION ALL
        SELECT line.sku_id, document.to_node_id, line.in_transit_quantity
        FROM inventory_transferline line JOIN inventory_transfer document ON document.id = line.transfer_id
        WHERE line.sku_id IN (SELECT sku_id FROM sku WHERE sells_inbound) AND line.in_transit_quantity > 0
            AND document.expected_on IS NOT NULL
    ) coming
    GROUP BY sku_id, node_id
),
own AS MATERIALIZED (
    SELECT source.channel_id, stock.sku_id, stock.node_id,
        stock.on_hand - stock.reserved - stock.safety_stock + coalesce(due.units, 0) AS atp,
        coalesce(buffer.units, 0) AS buffer, least(stock.inbound, coalesce(dated.units, 0)) AS inbound
    FROM sku JOIN inventory_stocklevel stock USING (sku_id) JOIN source ON source.node_id = stock.node_id
    LEFT JOIN inventory_channelbuffer buffer ON buffer.sku_id = stock.sku_id AND buffer.node_id = stock.node_id
        AND buffer.channel_code = source.code
    LEFT JOIN due ON due.sku_id = stock.sku_id AND due.node_id = stock.node_id
    LEFT JOIN dated ON dated.sku_id = stock.sku_id AND dated.node_id = stock.node_id
),
assembled AS MATERIALIZED (
    SELECT own.channel_id, part.kit_id AS sku_id, own.node_id, min(greatest(0, own.atp) / part.per_kit) AS atp,
        min(greatest(0, own.atp - own.buffer) / part.per_kit) AS ready,
        min((greatest(0, own.atp - own.buffer) + own.inbound) / part.per_kit) AS coming
    FROM part JOIN own USING (sku_id)
    GROUP BY own.channel_id, part.kit_id, own.node_id HAVING count(*) = max(part.parts)
),
level AS MATERIALIZED (
    SELECT own.* FROM own JOIN asked USING (sku_id) WHERE own.sku_id NOT IN (SELECT kit_id FROM part)
    UNION ALL
    SELECT channel_id, sku_id, node_id, atp, atp - ready, coming - ready FROM assembled
),
stock AS MATERIALIZED (
    SELECT channel_id, sku_id, sum(greatest(0, atp - buffer)) AS units, sum(inbound) AS inbound
    FROM level GROUP BY channel_id, sku_id
),
unrouted AS MATERIALIZED (
    SELECT line.sku_id, coalesce(line.kit_id, line.uid) AS sold, sum(line.unallocated + line.backordered) AS units
    FROM sku JOIN orders_orderline line USING (sku_id)
    WHERE line.unallocated > 0 OR line.backordered > 0
    GROUP BY 1, 2
),
waiting AS MATERIALIZED (
    SELECT sku_id, sum(units) AS units
    FROM (
        SELECT sku_id, units FROM unrouted
        UNION ALL
        SELECT kit_id, max((units + per_kit - 1) / per_kit) FROM part JOIN unrouted USING (sku_id) GROUP BY kit_id, sold
    ) wanting
    GROUP BY sku_id
),
sellable AS (
    SELECT wanted.*, coalesce(stock.units, 0)::bigint AS ready, coalesce(waiting.units, 0)::bigint AS waiting,
        CASE WHEN wanted.sells_inbound THEN coalesce(stock.inbound, 0) ELSE 0 END::bigint AS inbound,
        CASE WHEN wanted.stopped THEN 0 ELSE least(
            greatest(0, coalesce(stock.units, 0)
                + CASE WHEN wanted.sells_inbound THEN coalesce(stock.inbound, 0) ELSE 0 END
                - coalesce(waiting.units, 0) - wanted.threshold),
            wanted.cap
        ) END::bigint AS quantity
    FROM wanted
    LEFT JOIN stock USING (channel_id, sku_id)
    LEFT JOIN waiting USING (sku_id)
)
"""  # noqa: S608 - constants of this module


#: What each listing may sell: (id, account_id, quantity).
SELLABLE = f"{parts(LISTINGS)} SELECT id, account_id, quantity FROM sellable"  # noqa: S608 - constants of this module
