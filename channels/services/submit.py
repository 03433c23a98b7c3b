"""Orders handed in by a caller who waits for the answer: our own API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from channels.base import RawMessage
from channels.models import ChannelAccount, InboundMessage, InboundMessageSource
from channels.services.inbox import receive_messages
from channels.services.process import process_messages


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of one order that was handed in: a state of an inbound message, its order or its issues."""

    external_id: str
    message_id: int
    state: str
    order_id: int | None
    number: str
    issues: list[dict[str, Any]]


def submit_orders(account: ChannelAccount, payloads: Sequence[dict[str, Any]]) -> list[Submitted]:
    """Store and process the orders at once; results in the order of the input.

    The payload is that of `channels.adapters.api`. The same payload again is the same message: it gives the same
    answer and changes nothing. An order at fault is kept in quarantine and answered with its issues.
    """
    messages = [_message(payload) for payload in payloads]
    receive_messages(account, messages, InboundMessageSource.API)
    event_ids = [message.event_id for message in messages]
    rows = InboundMessage.objects.filter(account=account, event_id__in=event_ids)
    process_messages(list(rows.order_by("pk").values_list("pk", flat=True)))
    stored = {row.event_id: row for row in rows.select_related("order")}
    return [_submitted(stored[event_id]) for event_id in event_ids]


def _message(payload: dict[str, Any]) -> RawMessage:
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"), default=str)
    digest = hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()[:32]
    external_id = str(payload.get("external_id") or "")
    return RawMessage(event_id=f"api:{digest}", kind="order", external_id=external_id, payload=payload)


def _submitted(message: InboundMessage) -> Submitted:
    return Submitted(
        external_id=message.external_id,
        message_id=message.pk,
        state=message.state,
        order_id=message.order_id,
        number=message.order.number if message.order else "",
        issues=list(message.issues),
    )
