"""Reading a message: raw payload in, canonical order or issues out. Touches no row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.adapters.api.mapping import to_canonical as api_to_canonical
from channels.base import AccountConfig, MappingError, MappingIssue, RawMessage
from channels.canonical_json import canonical_from_json
from channels.models import ChannelAccount, InboundMessage, InboundMessageSource
from channels.registry import adapter_for
from channels.services.accounts import account_config
from orders.canonical import CanonicalOrder

ORDER = "order"
#: The channel says that an order is gone, without saying what was in it.
ORDER_DELETED = "order.deleted"

_INDEX = re.compile(r"\[\d+\]")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says: an order, or that one is gone (`deleted`), or why it cannot be understood."""

    order: CanonicalOrder | None = None
    deleted: bool = False
    issues: list[dict[str, Any]] = field(default_factory=list)
    cause: str = ""


def read_message(account: ChannelAccount, message: InboundMessage, payload: dict[str, Any] | None = None) -> Reading:
    """Read one message of this account: `payload` where given, else its correction, else what came.

    Rows of files and calls of our API are in our own form whatever connector the account has.
    """
    content = payload if payload is not None else message.corrected_payload or message.payload
    if message.kind == ORDER_DELETED:
        return Reading(deleted=True)
    if message.kind != ORDER:
        issue = MappingIssue(field="kind", got=message.kind, expected="an order")
        return Reading(issues=as_json([issue]), cause=cause_of([issue]))
    raw = RawMessage(
        event_id=message.event_id,
        kind=message.kind,
        external_id=message.external_id,
        payload=content,
        occurred_at=message.occurred_at,
    )
    try:
        return Reading(order=_map(account_config(account), account.connector, message.source, raw))
    except MappingError as error:
        return Reading(issues=as_json(error.issues), cause=cause_of(error.issues))
    except Exception as error:
        # A fault of a connector must cost one order, not the whole inbox.
        return failure("The connector failed", error)


def _map(config: AccountConfig, connector: str, source: str, message: RawMessage) -> CanonicalOrder:
    if source == InboundMessageSource.FILE:
        return canonical_from_json(message.payload)
    if source == InboundMessageSource.API:
        return api_to_canonical(message.payload)
    return adapter_for(connector).to_canonical(config, message)


def failure(what: str, error: BaseException) -> Reading:
    """A reading that says which unexpected error stood in the way."""
    issue = {"field": "", "got": f"{type(error).__name__}: {error}"[:500], "expected": "no error"}
    return Reading(issues=[issue], cause=f"{what}: {type(error).__name__}")


def as_json(issues: Sequence[MappingIssue]) -> list[dict[str, Any]]:
    """Issues as they are stored with a message."""
    return [{"field": issue.field, "got": issue.got, "expected": issue.expected} for issue in issues]


def cause_of(issues: Sequence[MappingIssue]) -> str:
    """The first issue in words that do not depend on the values: the same fault gives the same cause."""
    if not issues:
        return "Not understood"
    name = _INDEX.sub("[]", issues[0].field)
    more = f" and {len(issues) - 1} more" if len(issues) > 1 else ""
    return f"{name}: expected {_NUMBER.sub('n', issues[0].expected)}{more}"[:200]
