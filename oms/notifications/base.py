"""What a provider of messages is: a small Protocol and the values that cross it.

A provider speaks to the outside and nothing else and never touches the database. Errors are those of carriers:
`TransientError` (surely nothing happened, try again), `PermanentError` (surely refused), `UnknownOutcome` (the message
may have gone out: no provider here takes a key by which it would know a second call for the first one's repetition, so
only a person, or a receipt, decides).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from carriers.base import UnknownOutcome
from oms.core.errors import DomainError, PermanentError
from oms.notifications.models import Medium, ReceiptStatus

__all__ = [
    "Accepted", "BadSignature", "Hook", "HookRequest", "MessageConfig", "MessageProvider", "OptReply",
    "OutgoingMessage", "ReceiptNews", "ReceivesReceipts", "Stopped", "UnknownOutcome",
]  # fmt: skip


class BadSignature(DomainError):
    """A receipt is not signed as the account's provider signs."""

    code = "bad_signature"
    http_status = 401


class Stopped(PermanentError):
    """The provider refuses because the recipient told it, not us, that they want no more messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageConfig:
    """One contract with one provider, as the provider's code sees it. `secrets` are decrypted, never logged.

    `hook_url` is where it is to send receipts.
    """

    code: str = ""
    base_url: str = ""
    hook_url: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message to send. `reference` is ours and comes back in receipts; `to` is an address or a number (+91...)."""

    reference: str
    event: str
    to: str
    language: str
    text: str
    subject: str = ""
    html: str = ""
    message_id: str = ""
    template: str = ""
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message; `provider_id` is its name there."""

    provider_id: str


class MessageProvider(Protocol):
    """What every provider can do."""

    code: str
    name: str
    medium: Medium

    def send(self, config: MessageConfig, message: OutgoingMessage) -> Accepted:
        """Send once. Raises TransientError, PermanentError, or UnknownOutcome when the reply was lost."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptNews:
    """What a provider says of a message; `reference` is empty where it does not hand ours back."""

    provider_id: str
    status: ReceiptStatus
    occurred_at: datetime
    reference: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class OptReply:
    """Somebody answered; `text` is what they wrote, `at` when."""

    sender: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRequest:
    """A request of the provider: `url` is the whole address that was called, header names are lower case."""

    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Hook:
    """What one request of a provider says."""

    receipts: tuple[ReceiptNews, ...] = ()
    replies: tuple[OptReply, ...] = ()


@runtime_checkable
class ReceivesReceipts(Protocol):
    """The provider tells what became of messages."""

    def greet(self, config: MessageConfig, query: Mapping[str, str]) -> str | None:
        """The answer to a handshake (GET); None where there is none. Raises BadSignature."""
        ...

    def read_hook(self, config: MessageConfig, request: HookRequest) -> Hook:
        """Verify and parse. Raises BadSignature; anything else that it raises is a body that cannot be read."""
        ...
