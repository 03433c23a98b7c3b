"""A world, a receiver, and endpoints that lead to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from oms.core.events import Event, Recorded
from oms.core.models import OutboxEvent
from oms.integrations.models import WebhookDelivery, WebhookEndpoint
from oms.integrations.services import EndpointWish, create_endpoint, send_webhooks
from oms.integrations.topics import BY_NAME
from tests.factories import World, make_world
from tests.integrations.receiver import Receiver, receiver

MakeEndpoint = Callable[..., WebhookEndpoint]


@pytest.fixture
def world(db: None) -> World:
    return make_world()


@pytest.fixture
def other() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def make_endpoint(settings: Settings, other: Receiver) -> MakeEndpoint:
    """Endpoints at the receiver; this machine counts as allowed."""
    settings.WEBHOOKS_ALLOW_PRIVATE = True

    def make(*topics: str, **wish: Any) -> WebhookEndpoint:
        wanted = {"name": "The ERP", "url": other.url, "topics": topics or tuple(BY_NAME)} | wish
        return create_endpoint(EndpointWish(**wanted), actor="test")[0]

    return make


def record(*events: Event) -> list[Recorded]:
    """The events as the outbox would hand them to a step; each call names them anew."""
    found = []
    for event in events:
        row = OutboxEvent.objects.create(kind=event.kind, aggregate=event.aggregate, payload=event.payload())
        row.refresh_from_db()
        found.append(Recorded(row.pk, row.recorded_at, event))
    return found


def send_all() -> int:
    """Send every endpoint what is due now; how many tries."""
    return sum(send_webhooks(pk) for pk in WebhookEndpoint.objects.order_by("pk").values_list("pk", flat=True))


def let_pass(moment: datetime) -> None:
    """Everything that is to wait until then is due: the clock of the database cannot be turned."""
    WebhookDelivery.objects.filter(state="failed").update(next_try_at=moment)
    WebhookEndpoint.objects.update(quiet_until=None)
