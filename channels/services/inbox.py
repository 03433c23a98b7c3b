"""The inbox: everything a channel said, kept raw and once, before anybody tries to understand it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from channels.base import RawMessage
from channels.events import MessagesReceived
from channels.locks import lock_messages
from channels.models import ChannelAccount, InboundMessage, InboundMessageState
from channels.states import INBOUND_MESSAGE
from oms.core.db import execute, fetch_all, run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.outbox import publish
from oms.core.states import advance, advance_many

_INSERT = """
INSERT INTO channels_inboundmessage
    (account_id, event_id, kind, external_id, source, payload, occurred_at, job_id, row_number, state, issues, cause,
     attempts)
SELECT %s, event_id, kind, external_id, %s, payload::jsonb, occurred_at, %s, row_number, 'pending', '[]'::jsonb, '', 0
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::int[])
    WITH ORDINALITY AS message(event_id, kind, external_id, payload, occurred_at, row_number, position)
ORDER BY position
ON CONFLICT (account_id, event_id) DO NOTHING
RETURNING id
"""

#: What stands for a character that the database cannot keep.
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def receive_messages(
    account: ChannelAccount,
    messages: Sequence[RawMessage],
    source: str,
    *,
    job_id: int | None = None,
    row_numbers: Sequence[int] | None = None,
) -> int:
    """Store the messages that are new for this account, in one statement; the number of them.

    A message is new when its `event_id` is: the same change by webhook, poll and file is one row. `job_id` and
    `row_numbers` say from which rows of which import they came. Publishes MessagesReceived once when any was new.
    """
    if not messages:
        return 0
    rows: list[int | None] = list(row_numbers) if row_numbers is not None else [None] * len(messages)
    params = [
        account.pk,
        source,
        job_id,
        [clean_text(message.event_id, 200) for message in messages],
        [clean_text(message.kind, 40) for message in messages],
        [clean_text(message.external_id, 120) for message in messages],
        [dump_payload(message.payload) for message in messages],
        [message.occurred_at for message in messages],
        rows,
    ]

    def work() -> int:
        new = len(fetch_all(_INSERT, params))
        if new:
            publish([MessagesReceived(account_id=account.pk)])
        return new

    return run_atomic(work)


def clean_text(text: str, most: int) -> str:
    """Text that a column takes: without NUL and lone surrogates, at most `most` characters."""
    return _clean_text(text)[:most]


def dump_payload(payload: dict[str, Any]) -> str:
    """The payload as JSON that PostgreSQL can keep.

    jsonb refuses NUL characters, lone surrogates, NaN and Infinity. One such character in one order must not keep a
    whole page out of the inbox, so they are replaced.
    """
    text = json.dumps(payload, separators=(",", ":"), default=str)
    if "\\u0000" in text or "\\ud" in text or "NaN" in text or "Infinity" in text:
        text = json.dumps(_clean(payload), separators=(",", ":"), default=str)
    return text


def _clean_text(text: str) -> str:
    return text.replace("\x00", _REPLACEMENT).encode("utf-8", "replace").decode("utf-8", "replace")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def replay(
    message_ids: Sequence[int], corrected_payload: dict[str, Any] | None = None, *, actor: str, reason: str = ""
) -> list[int]:
    """Put quarantined or ignored messages back to be processed; the ids of those that were.

    `corrected_payload` (for one message) is kept beside the raw payload and read instead of it. Publishes
    MessagesReceived once per account. Raises DomainError for a correction of more than one message, Conflict when a
    message to correct is no longer waiting for anybody.
    """
    if corrected_payload is not None and len(message_ids) != 1:
        raise DomainError("A correction is for one message.", field="corrected_payload")

    def work() -> list[int]:
        rows = lock_messages(message_ids)
        waiting = {InboundMessageState.QUARANTINED, InboundMessageState.IGNORED}
        if corrected_payload is not None:
            if not rows or rows[0].state not in waiting:
                raise Conflict("This message has been dealt with. Reload to see what became of it.")
            # The text went through the same cleaning as what comes from a channel.
            correction = json.loads(dump_payload(corrected_payload))
            InboundMessage.objects.filter(pk=rows[0].pk).update(corrected_payload=correction)
        moved = advance_many(
            InboundMessage, message_ids, InboundMessageState.PENDING,
            using=INBOUND_MESSAGE, actor=actor, reason=reason or "Replayed", processed_at=None, issues=[], cause="",
        )  # fmt: skip
        accounts = sorted({row.account_id for row in rows if row.pk in set(moved)})
        publish([MessagesReceived(account_id=account_id) for account_id in accounts])
        return moved

    return run_atomic(work)


def replay_cause(*, account_id: int, cause: str, actor: str) -> list[int]:
    """Replay every quarantined message of an account that has this cause; their ids."""
    ids = InboundMessage.objects.filter(account_id=account_id, cause=cause, state=InboundMessageState.QUARANTINED)
    return replay(list(ids.order_by("pk").values_list("pk", flat=True)), actor=actor, reason=f"Fixed: {cause}"[:200])


def ignore_messages(ids: Sequence[int], actor: str, reason: str = "") -> list[int]:
    """Set quarantined messages aside for good; the ids of those that were. They stay readable and can be replayed."""

    def work() -> list[int]:
        moved: list[int] = []
        for message in lock_messages(ids):
            if message.state == InboundMessageState.QUARANTINED:
                advance(message, InboundMessageState.IGNORED, using=INBOUND_MESSAGE, actor=actor, reason=reason[:200])
                moved.append(message.pk)
        return moved

    return run_atomic(work)


_SETTLE = """
UPDATE channels_inboundmessage message
SET order_id = coalesce(outcome.order_id, message.order_id), issues = outcome.issues::jsonb, cause = outcome.cause,
    attempts = message.attempts + 1
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) AS outcome(id, order_id, issues, cause)
WHERE message.id = outcome.id
"""


def store_findings(
    ids: Sequence[int], order_ids: Sequence[int | None], issues: Sequence[list[dict[str, Any]]], causes: Sequence[str]
) -> None:
    """Write what reading each message brought to light; its state is moved apart from this."""
    texts = [json.dumps(_clean(found), separators=(",", ":"), default=str) for found in issues]
    execute(_SETTLE, [list(ids), list(order_ids), texts, [clean_text(cause, 200) for cause in causes]])
