"""Connectors of channels that we do not call: their orders are sent to us, by API or as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from channels.base import AccountConfig, Page, RawMessage
from oms.core.errors import PermanentError
from orders.canonical import CanonicalOrder


@dataclass(slots=True)
class InboundOnlyAdapter:
    """A connector without a far end: it understands what it is sent and has nothing to ask."""

    code: str
    name: str
    mapping: Callable[[Mapping[str, Any]], CanonicalOrder]

    def fetch_orders(self, account: AccountConfig, cursor: dict[str, Any]) -> Iterator[Page]:
        """Nothing: orders are sent to us."""
        return iter(())

    def fetch_order(self, account: AccountConfig, external_id: str) -> RawMessage:
        """Raises PermanentError: there is nobody to ask."""
        raise PermanentError(f"Orders of {account.code} are sent to us; {external_id!r} cannot be read again.")

    def to_canonical(self, account: AccountConfig, message: RawMessage) -> CanonicalOrder:
        """Pure. Raises MappingError with every issue found."""
        return self.mapping(message.payload)

    def check(self, account: AccountConfig) -> str:
        """There is nothing to connect to."""
        return f"{self.name}: orders are sent to us, there is no connection to test."
