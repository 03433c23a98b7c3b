"""Messages of the channels: what waits for a person, what one says, and what would become of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from channels.models import ChannelAccount, InboundMessage, InboundMessageState
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
