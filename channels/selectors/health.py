"""How the channels do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from channels.registry import INBOUND_ONLY
from oms.core.db import fetch_dicts


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealth:
    """How one channel does.

    Times in seconds. `lag` is from the moment an order was placed until it was captured, for orders placed and captured
    since midnight; `wait` from the moment a message reached us until it was settled. `stock_lag_seconds` is how long
    the channel has not known what it may sell; 0 when it knows everything.
    """

    account_id: int
    code: str
    name: str
    connector: str
    is_active: bool
    last_ok_at: datetime | None
    last_order_at: datetime | None
    last_error_at: datetime | None
    last_error: str
    next_poll_at: datetime | None
    orders_today: int
    lag_p50_seconds: float | None
    lag_p95_seconds: float | None
    wait_p95_seconds: float | None
    backlog: int
    oldest_pending_at: datetime | None
    quarantined: int
    stock_dirty: int
    stock_lag_seconds: float
    stock_refused: int
    unmapped_listings: int
    updates_pending: int
    updates_failed: int


_HEALTH = """
SELECT account.id AS account_id, channel.code, channel.name, account.connector, channel.is_active, account.last_ok_at,
    account.last_order_at, account.last_error_at, account.last_error,
    CASE WHEN account.pulls_orders AND account.connector <> ALL(%(passive)s) THEN account.next_poll_at END
        AS next_poll_at,
    coalesce(captured.orders, 0) AS orders_today, captured.p50 AS lag_p50_seconds, captured.p95 AS lag_p95_seconds,
    settled.p95 AS wait_p95_seconds,
    coalesce(pending.messages, 0) AS backlog, pending.oldest AS oldest_pending_at,
    coalesce(quarantine.messages, 0) AS quarantined,
    coalesce(listing.dirty, 0) AS stock_dirty, coalesce(listing.refused, 0) AS stock_refused,
    coalesce(listing.unmapped, 0) AS unmapped_listings,
    CASE WHEN coalesce(listing.dirty, 0) > 0
        THEN extract(epoch FROM now() - coalesce(account.stock_dirty_since, now()))::float ELSE 0 END
        AS stock_lag_seconds,
    coalesce(updates.pending, 0) AS updates_pending, coalesce(updates.failed, 0) AS updates_failed
FROM channels_channelaccount account JOIN orders_saleschannel channel ON channel.id = account.channel_id
LEFT JOIN LATERAL (
    SELECT count(*) AS orders,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM captured_at - placed_at)::float) AS p50,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM captured_at - placed_at)::float) AS p95
    FROM orders_order WHERE channel_id = channel.id AND placed_at >= %(since)s AND captured_at >= %(since)s
) captured ON true
LEFT JOIN LATERAL (
    SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM processed_at - received_at)::float) AS p95
    FROM channels_inboundmessage WHERE account_id = account.id AND received_at >= %(since)s
      AND state IN ('captured', 'applied', 'unchanged')
) settled ON true
LEFT JOIN (
    SELECT account_id, count(*) AS messages, min(received_at) AS oldest
    FROM channels_inboundmessage WHERE state = 'pending' GROUP BY account_id
) pending ON pending.account_id = account.id
LEFT JOIN (
    SELECT account_id, count(*) AS messages
    FROM channels_inboundmessage WHERE state = 'quarantined' GROUP BY account_id
) quarantine ON quarantine.account_id = account.id
LEFT JOIN (
    SELECT account_id, count(*) FILTER (
            WHERE wanted_version > sent_version AND sku_id IS NOT NULL AND publication <> 'paused') AS dirty,
        count(*) FILTER (WHERE error <> '') AS refused, count(*) FILTER (WHERE sku_id IS NULL) AS unmapped
    FROM channels_listing GROUP BY account_id
) listing ON listing.account_id = account.id
LEFT JOIN (
    SELECT account_id, count(*) FILTER (WHERE state = 'pending') AS pending,
        count(*) FILTER (WHERE state = 'failed') AS failed
    FROM channels_outboundupdate WHERE state IN ('pending', 'failed') GROUP BY account_id
) updates ON updates.account_id = account.id
WHERE (%(codes)s::text[] IS NULL OR channel.code = ANY(%(codes)s))
ORDER BY channel.name, account.id
"""


def channel_health(since: datetime, codes: Sequence[str] | None = None) -> list[ChannelHealth]:
    """Every channel with an account, by name; `since` is the beginning of today for whoever looks.

    `codes` limits the answer to channels in somebody's scope.
    """
    params = {"since": since, "codes": list(codes) if codes is not None else None, "passive": sorted(INBOUND_ONLY)}
    return [ChannelHealth(**row) for row in fetch_dicts(_HEALTH, params)]
