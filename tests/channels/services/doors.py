"""A WooCommerce account of the known world, and messages as they come through its doors."""

from __future__ import annotations

from typing import Any

from channels.adapters.woocommerce.versions import order_message
from channels.base import RawMessage
from channels.canonical_json import canonical_to_json
from channels.models import ChannelAccount, InboundMessage
from channels.services import receive_messages
from channels.services.process import ProcessResult, process_inbox
from channels.simulators.woocommerce.server import SimulatedStore
from oms.core.models import OutboxEvent
from orders.canonical import CanonicalOrder
from tests.channels.woocommerce.orders import line_payload, order_payload
from tests.factories import World

ZONE = "Asia/Kolkata"


def make_account(world: World, connector: str = "woocommerce", **fields: Any) -> ChannelAccount:
    """The account of the web shop."""
    return ChannelAccount.objects.create(channel=world.channel, connector=connector, **fields)


def connect(account: ChannelAccount, store: SimulatedStore) -> None:
    """Point the account at a simulated store."""
    account.base_url = store.base_url
    account.secrets = {
        "consumer_key": "ck_simulated", "consumer_secret": "cs_simulated", "webhook_secret": "whsec_simulated",
    }  # fmt: skip
    account.save()


def woo(number: int = 501, minute: int = 0, sku: str = "KURTA-M", quantity: int = 2, **changes: Any) -> RawMessage:
    """A version of a WooCommerce order: two units of the kurta, changed at 19:<minute>."""
    line = line_payload(id=71, sku=sku, quantity=quantity)
    payload = order_payload(
        id=number, number=str(number), date_modified_gmt=f"2026-11-21T19:{minute:02d}:00", line_items=[line]
    )
    return order_message(payload | changes, ZONE)


def file_row(order: CanonicalOrder) -> RawMessage:
    """A row of a file."""
    return RawMessage(
        event_id=f"file:{order.external_id}", kind="order", external_id=order.external_id,
        payload=canonical_to_json(order),
    )  # fmt: skip


def take(account: ChannelAccount, *messages: RawMessage, source: str = "webhook") -> ProcessResult:
    """Receive the messages and process the inbox."""
    receive_messages(account, list(messages), source)
    return process_inbox(account.pk)


def states(account: ChannelAccount) -> list[str]:
    """The states of the inbox, oldest message first."""
    rows = InboundMessage.objects.filter(account=account).order_by("pk")
    return list(rows.values_list("state", flat=True))


def published(kind: str) -> list[dict[str, Any]]:
    """The payloads of the events of one kind, oldest first."""
    return list(OutboxEvent.objects.filter(kind=kind).order_by("pk").values_list("payload", flat=True))
