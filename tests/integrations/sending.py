"""Queues news and looks at what became of their messages, for tests."""

from __future__ import annotations

import hmac
import time

from inventory.events import NodeSwitched, StockChanged
from oms.integrations.models import WebhookDelivery, WebhookEndpoint
from oms.integrations.services import queue_webhooks
from oms.integrations.signing import sign
from tests.factories import World
from tests.integrations.conftest import record
from tests.integrations.receiver import Heard


def switch(world: World, times: int = 1) -> None:
    """Queue the news that a node was switched."""
    queue_webhooks(record(*[NodeSwitched(node_id=world.blr.pk, active=True)] * times))


def change(world: World) -> None:
    """Queue the news that the kurta's stock changed."""
    queue_webhooks(record(StockChanged(sku_ids=[world.kurta.pk], reason="count")))


def only() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


def states() -> list[str]:
    return list(WebhookDelivery.objects.order_by("pk").values_list("state", flat=True))


def of(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint.objects.get(pk=endpoint.pk)


def verified(heard: Heard, secret: str) -> bool:
    """As a receiver checks it: by what arrived alone."""
    stamp = int(heard.headers["webhook-timestamp"])
    expected = sign(secret, heard.headers["webhook-id"], stamp, heard.body)
    fresh = abs(time.time() - stamp) < 300
    return fresh and any(
        hmac.compare_digest(expected, found) for found in heard.headers["webhook-signature"].split(" ")
    )
