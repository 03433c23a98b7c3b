"""What a sales-channel connector is: a small Protocol and the values that cross it.

An adapter speaks HTTP and nothing else; its `mapping.py` is pure. Adapters never touch the database: they are given
an `AccountConfig` and return values. Everything an adapter fetched is stored raw in the inbox before it is understood.
Errors: `TransientError` (try again later, with `retry_after_seconds` where the channel said so) or `PermanentError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from orders.canonical import CanonicalOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """One seller account on one channel, as an adapter sees it. `secrets` are decrypted, never logged."""

    account_id: int
    code: str
    base_url: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str = "Asia/Kolkata"
    currency: str = "INR"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMessage:
    """One thing the channel said, exactly as it came.

    `event_id` is unique within the account for one version of one thing (an order as of one modification), so that
    a poll and a webhook of the same change fall into one inbox row. `kind` is "order" or another topic.
    """

    event_id: str
    kind: str
    external_id: str
    payload: dict[str, Any]
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a poll: its messages and the cursor to store once they are all in the inbox."""

    messages: tuple[RawMessage, ...]
    cursor: dict[str, Any]
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingIssue:
    """Why a payload could not be understood: the field, what came, what was expected."""

    field: str
    got: str
    expected: str


class MappingError(Exception):
    """A payload is not an order we can capture. Carries every issue found, not just the first."""

    def __init__(self, issues: Sequence[MappingIssue]) -> None:
        self.issues = tuple(issues)
        super().__init__("; ".join(f"{i.field}: got {i.got}, expected {i.expected}" for i in self.issues))


@dataclass(frozen=True, slots=True, kw_only=True)
class StockUpdate:
    """Tell the channel how many it may sell. `external_ids` holds the channel's own keys of the listing."""

    sku_code: str
    external_ids: Mapping[str, str]
    quantity: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockResult:
    """What the channel answered to one stock update."""

    sku_code: str
    accepted: bool
    reported_quantity: int | None = None
    message: str = ""


OrderUpdateKind = Literal["processing", "on_hold", "shipped", "delivered", "cancelled"]
#: A kind as it stands in a row of the database -> the kind.
ORDER_UPDATE_KINDS: Mapping[str, OrderUpdateKind] = {kind: kind for kind in get_args(OrderUpdateKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUpdate:
    """Tell the channel what became of an order. `awb`, `carrier_name`, `tracking_url` go with "shipped".

    `lines` are units by the channel's own line id; none at all means the whole order. A line with 0 units is a kit of
    which only a part is in the parcel: no whole unit of it has been shipped yet.
    """

    external_id: str
    kind: OrderUpdateKind
    update_id: str
    awb: str = ""
    carrier_name: str = ""
    tracking_url: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A product as the channel lists it."""

    external_ids: Mapping[str, str]
    sku_code: str
    name: str = ""
    quantity: int | None = None
    barcode: str = ""


class ChannelAdapter(Protocol):
    """What every connector can do."""

    code: str
    name: str

    def fetch_orders(self, account: AccountConfig, cursor: dict[str, Any]) -> Iterator[Page]:
        """Pages of orders changed since `cursor`, oldest change first, overlapping rather than missing one."""
        ...

    def fetch_order(self, account: AccountConfig, external_id: str) -> RawMessage:
        """One order as it is now."""
        ...

    def to_canonical(self, account: AccountConfig, message: RawMessage) -> CanonicalOrder:
        """Pure. Raises MappingError with every issue found."""
        ...

    def check(self, account: AccountConfig) -> str:
        """A cheap authenticated call; returns a sentence for people, raises on failure."""
        ...


@runtime_checkable
class ReceivesWebhooks(Protocol):
    """The channel pushes changes to us."""

    def read_webhook(self, account: AccountConfig, headers: Mapping[str, str], body: bytes) -> RawMessage | None:
        """Verify the signature over the raw body and return the message; None for pings and topics we ignore.

        Raises `channels.errors.BadSignature` when the signature does not match.
        """
        ...


@runtime_checkable
class PushesStock(Protocol):
    """We can tell the channel its sellable quantities."""

    def push_stock(self, account: AccountConfig, updates: Sequence[StockUpdate]) -> list[StockResult]:
        """One result for each update, in order."""
        ...


@runtime_checkable
class PushesOrderUpdates(Protocol):
    """We can tell the channel what became of its orders."""

    def push_order_update(self, account: AccountConfig, update: OrderUpdate) -> None:
        """Idempotent: telling the same twice changes nothing at the channel."""
        ...


@runtime_checkable
class ListsProducts(Protocol):
    """We can read the channel's listings."""

    def fetch_listings(self, account: AccountConfig) -> Iterator[Listing]:
        """Every listing that can be sold."""
        ...
