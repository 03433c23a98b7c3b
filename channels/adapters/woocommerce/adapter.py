"""The WooCommerce connector: what `channels.base` asks for, spoken in REST v3 and webhooks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from channels.adapters.woocommerce.auth import is_signed_by_any, live_webhook_secrets
from channels.adapters.woocommerce.client import WooCommerceClient
from channels.adapters.woocommerce.mapping import DRAFT_STATUSES, to_canonical
from channels.adapters.woocommerce.polling import DEFAULT_OVERLAP_SECONDS, changed_orders
from channels.adapters.woocommerce.reading import text
from channels.adapters.woocommerce.stock import fetch_listings, push_stock
from channels.adapters.woocommerce.updates import push_order_update
from channels.adapters.woocommerce.versions import ORDER, order_message
from channels.base import (
    AccountConfig,
    Listing,
    MappingError,
    MappingIssue,
    OrderUpdate,
    Page,
    RawMessage,
    StockResult,
    StockUpdate,
)
from channels.errors import BadSignature
from oms.core.errors import PermanentError
from orders.canonical import CanonicalOrder

#: The kind of a message that says only that an order was deleted: read the order again, or cancel it if it is gone.
ORDER_DELETED = "order.deleted"


class WooCommerceAdapter:
    """One instance serves every account.

    Secrets: `consumer_key`, `consumer_secret`, `webhook_secret`, and `webhook_secret_previous` while the secret is
    being changed. Settings, all optional: `auth` ("basic", "query" or "oauth1"), `timeout_seconds`, `overlap_seconds`,
    `start_from` (ISO time, UTC) for the first poll, `pickup_locations` (location's name to node code).
    """

    code = "woocommerce"
    name = "WooCommerce"

    def fetch_orders(self, account: AccountConfig, cursor: dict[str, Any]) -> Iterator[Page]:
        """Pages of changed orders, see `polling`."""
        settings = account.settings
        yield from changed_orders(
            WooCommerceClient(account),
            cursor,
            time_zone=account.time_zone,
            overlap_seconds=int(settings.get("overlap_seconds", DEFAULT_OVERLAP_SECONDS)),
            initial=str(settings.get("start_from", "")),
        )

    def fetch_order(self, account: AccountConfig, external_id: str) -> RawMessage:
        """One order as it is now, trashed ones included. Raises PermanentError when it is gone for good."""
        if not external_id.isdigit():
            raise PermanentError(f"{external_id!r} is not the number of a WooCommerce order.")
        row = WooCommerceClient(account).get(f"/orders/{external_id}").row()
        return order_message(row, account.time_zone)

    def to_canonical(self, account: AccountConfig, message: RawMessage) -> CanonicalOrder:
        """Pure. Raises MappingError with every issue found."""
        if message.kind != ORDER:
            issue = MappingIssue(field="kind", got=message.kind, expected="an order, not a notice about one")
            raise MappingError([issue])
        return to_canonical(
            message.payload,
            currency=account.currency,
            time_zone=account.time_zone,
            pickup_nodes=account.settings.get("pickup_locations"),
        )

    def check(self, account: AccountConfig) -> str:
        """Count the orders with the account's key."""
        reply = WooCommerceClient(account).get("/orders", {"per_page": 1})
        reply.rows()
        return f"Connected to {account.base_url}: the store has {reply.total} orders."

    def read_webhook(self, account: AccountConfig, headers: Mapping[str, str], body: bytes) -> RawMessage | None:
        """Verify and read a delivery; None for pings and other topics.

        `X-WC-Webhook-Delivery-ID` is not a key: a store gives all deliveries of one second the same one.
        """
        found = {key.lower(): value for key, value in headers.items()}
        if "x-wc-webhook-topic" not in found and body.startswith(b"webhook_id="):
            # The ping sent when a webhook is made carries no signature and no content.
            return None
        signature = found.get("x-wc-webhook-signature", "")
        if not is_signed_by_any(body, signature, live_webhook_secrets(account.secrets)):
            raise BadSignature("The signature of this WooCommerce delivery does not match its body.")
        if found.get("x-wc-webhook-resource", found.get("x-wc-webhook-topic", "").partition(".")[0]) != "order":
            return None
        payload = _read_object(body)
        if found.get("x-wc-webhook-topic") == ORDER_DELETED:
            number, delivery = text(payload, "id"), found.get("x-wc-webhook-delivery-id", "")
            event_id = f"{number}@deleted#{delivery}"
            return RawMessage(event_id=event_id, kind=ORDER_DELETED, external_id=number, payload=payload)
        if text(payload, "status") in DRAFT_STATUSES:
            return None
        return order_message(payload, account.time_zone)

    def push_stock(self, account: AccountConfig, updates: Sequence[StockUpdate]) -> list[StockResult]:
        """Absolute quantities in batches of 100, see `stock`."""
        return push_stock(WooCommerceClient(account), updates) if updates else []

    def push_order_update(self, account: AccountConfig, update: OrderUpdate) -> None:
        """Idempotent by `update_id`, see `updates`."""
        if not update.external_id.isdigit():
            raise PermanentError(f"{update.external_id!r} is not the number of a WooCommerce order.")
        push_order_update(WooCommerceClient(account), update)

    def fetch_listings(self, account: AccountConfig) -> Iterator[Listing]:
        """Every simple product and variation."""
        yield from fetch_listings(WooCommerceClient(account))


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except ValueError as error:
        raise PermanentError("A signed WooCommerce delivery is not JSON.") from error
    if not isinstance(payload, dict) or not text(payload, "id").isdigit():
        raise PermanentError("A signed WooCommerce delivery names no order.")
    return payload
