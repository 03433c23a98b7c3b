"""What screens ask about the channels. Nothing here writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from channels.models import ChannelAccount, InboundMessage, InboundMessageState
from channels.registry import INBOUND_ONLY
from channels.services.apply import is_stale, plan_for
from channels.services.listings import resolve_skus
from channels.services.reading import Reading, read_message
from channels.states import INBOUND_MESSAGE
from oms.core.db import fetch_dicts
from oms.core.errors import NotFound
from oms.core.models import Transition
from orders.canonical import CanonicalOrder
from orders.models import Order


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
    SELECT account_id, count(*) FILTER (WHERE wanted_version > sent_version AND sku_id IS NOT NULL) AS dirty,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineGroup:
    """Messages of one channel that wait for the same fix."""

    account_id: int
    code: str
    name: str
    cause: str
    messages: int
    orders: int
    oldest_at: datetime
    newest_at: datetime
    sample_id: int


_GROUPS = """
SELECT message.account_id, channel.code, channel.name, message.cause, count(*) AS messages,
    count(DISTINCT message.external_id) AS orders, min(message.received_at) AS oldest_at,
    max(message.received_at) AS newest_at, max(message.id) AS sample_id
FROM channels_inboundmessage message
JOIN channels_channelaccount account ON account.id = message.account_id
JOIN orders_saleschannel channel ON channel.id = account.channel_id
WHERE message.state = 'quarantined' AND (%(codes)s::text[] IS NULL OR channel.code = ANY(%(codes)s))
GROUP BY message.account_id, channel.code, channel.name, message.cause
ORDER BY messages DESC, oldest_at
"""


def quarantine_groups(codes: Sequence[str] | None = None) -> list[QuarantineGroup]:
    """The quarantine by cause, the largest group first."""
    rows = fetch_dicts(_GROUPS, {"codes": list(codes) if codes is not None else None})
    return [QuarantineGroup(**row) for row in rows]


def query_messages(
    *,
    account_id: int | None = None,
    state: str = "",
    cause: str = "",
    source: str = "",
    text: str = "",
    job_id: int | None = None,
) -> QuerySet[InboundMessage]:
    """Messages, newest first, without their payloads. `text` is the beginning of the channel's order id."""
    rows = InboundMessage.objects.select_related("account__channel", "order").defer("payload", "corrected_payload")
    wanted = {"account_id": account_id, "state": state, "cause": cause, "source": source, "job_id": job_id}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if text:
        rows = rows.filter(external_id__startswith=text)
    return rows.order_by("-received_at", "-pk")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDetail:
    """One message with what people need to judge it: its issues, its history, other versions of the same order."""

    message: InboundMessage
    issues: list[dict[str, Any]]
    history: list[Transition]
    siblings: list[InboundMessage]


def message_detail(message_id: int) -> MessageDetail:
    """One message. Raises NotFound."""
    message = InboundMessage.objects.select_related("account__channel", "order").filter(pk=message_id).first()
    if message is None:
        raise NotFound(f"There is no message {message_id}.")
    siblings = InboundMessage.objects.filter(account_id=message.account_id, external_id=message.external_id)
    return MessageDetail(
        message=message,
        issues=list(message.issues),
        history=list(Transition.objects.filter(model=INBOUND_MESSAGE.name, object_id=message.pk).order_by("pk")),
        siblings=list(siblings.exclude(pk=message.pk).defer("payload", "corrected_payload").order_by("-pk")[:20]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would become of a message now. `steps` are sentences; nothing was written."""

    outcome: str
    steps: list[str] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    order: CanonicalOrder | None = None


def preview_message(message_id: int, corrected_payload: dict[str, Any] | None = None) -> Preview:
    """Try a message, with a correction or as it is, without writing anything. Raises NotFound."""
    message = message_detail(message_id).message
    account = message.account
    reading = read_message(account, message, corrected_payload)
    if reading.issues:
        return Preview(outcome=InboundMessageState.QUARANTINED, issues=reading.issues)
    external_id = reading.order.external_id if reading.order else message.external_id
    order = Order.objects.filter(channel=account.channel, external_id=external_id).first()
    if order is not None:
        return _preview_change(account, order, message, reading)
    if reading.order is None:
        return Preview(outcome=InboundMessageState.PENDING, steps=["Wait for the order to come."])
    resolved = resolve_skus(account, [reading.order], remember=False)[0]
    if resolved.issues:
        return Preview(outcome=InboundMessageState.QUARANTINED, issues=resolved.issues, order=reading.order)
    units = sum(line.quantity for line in resolved.order.lines)
    number = resolved.order.external_number or external_id
    step = f"Capture order {number}: {units} units on {len(resolved.order.lines)} lines."
    return Preview(outcome=InboundMessageState.CAPTURED, steps=[step], order=resolved.order)


def _preview_change(account: ChannelAccount, order: Order, message: InboundMessage, reading: Reading) -> Preview:
    if reading.order is not None and is_stale(order, reading.order):
        step = f"Nothing: {order.number} is known in a newer version."
        return Preview(outcome=InboundMessageState.UNCHANGED, steps=[step], order=reading.order)
    changes, _ = plan_for(account, order, reading, message)
    outcome = InboundMessageState.APPLIED if changes else InboundMessageState.UNCHANGED
    steps = [f"{order.number}: {change}" for change in changes] or [f"Nothing new about {order.number}."]
    return Preview(outcome=outcome, steps=steps, order=reading.order)
