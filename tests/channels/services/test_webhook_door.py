"""The door for webhooks: verified, stored, answered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from channels.models import ChannelAccount, InboundMessage
from channels.services import process_inbox
from orders.models import Order, SalesChannel
from tests.channels.services.doors import woo

pytestmark = pytest.mark.urls("channels.webhooks")

SECRET = "whsec"


@pytest.fixture
def account(account: ChannelAccount) -> ChannelAccount:
    """The account with a webhook secret."""
    account.secrets = {"webhook_secret": SECRET}
    account.save()
    return account


def deliver(payload: Any, *, secret: str = SECRET, code: str = "web", topic: str = "order.updated") -> Any:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Resource": topic.split(".")[0],
               "X-WC-Webhook-Signature": signature}  # fmt: skip
    client = Client(enforce_csrf_checks=True)
    response: Any = client.post(f"/hooks/channels/{code}/", data=body, content_type="application/json", headers=headers)
    return response


def test_a_signed_delivery_is_stored_and_becomes_an_order(account: ChannelAccount) -> None:
    assert deliver(woo().payload).status_code == 200
    message = InboundMessage.objects.get()
    assert (message.source, message.event_id) == ("webhook", woo().event_id)
    process_inbox()
    assert Order.objects.count() == 1


def test_a_delivery_that_comes_twice_is_stored_once(account: ChannelAccount) -> None:
    assert [deliver(woo().payload).status_code for _ in range(3)] == [200, 200, 200]
    assert InboundMessage.objects.count() == 1


def test_a_wrong_signature_is_refused(account: ChannelAccount) -> None:
    assert deliver(woo().payload, secret="guess").status_code == 401
    assert not InboundMessage.objects.exists()


def test_an_account_without_a_secret_takes_nothing(account: ChannelAccount) -> None:
    ChannelAccount.objects.update(secrets={})
    assert deliver(woo().payload, secret="").status_code == 401


def test_a_body_beyond_two_megabytes_is_refused_unread(account: ChannelAccount) -> None:
    assert deliver(b"x" * (2 * 1024 * 1024 + 1)).status_code == 413


def test_a_signed_body_that_is_no_order_is_refused(account: ChannelAccount) -> None:
    assert deliver(b"not json").status_code == 400
    assert not InboundMessage.objects.exists()


def test_a_topic_that_is_not_ours_is_taken_and_forgotten(account: ChannelAccount) -> None:
    assert deliver({"id": 5}, topic="product.updated").status_code == 200
    assert not InboundMessage.objects.exists()


def test_what_is_in_an_order_does_not_matter_at_the_door(account: ChannelAccount) -> None:
    assert deliver({"id": 7, "status": "processing", "date_modified_gmt": "nonsense"}).status_code == 200
    process_inbox()
    assert InboundMessage.objects.get().state == "quarantined"


@pytest.mark.parametrize("code", ["nobody", "off", "calls"])
def test_a_door_that_is_not_there_is_not_found(account: ChannelAccount, code: str) -> None:
    off = SalesChannel.objects.create(code="off", name="Off", kind="website", is_active=False)
    ChannelAccount.objects.create(channel=off, connector="woocommerce", secrets={"webhook_secret": SECRET})
    calls = SalesChannel.objects.create(code="calls", name="Call centre", kind="social")
    ChannelAccount.objects.create(channel=calls, connector="api", secrets={"webhook_secret": SECRET})
    assert deliver(woo().payload, code=code).status_code == 404
    assert not InboundMessage.objects.exists()


def test_only_post_is_answered(account: ChannelAccount) -> None:
    assert Client().get("/hooks/channels/web/").status_code == 405


def test_a_delivery_is_answered_after_three_statements(
    account: ChannelAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):  # the account, the message, the event: nothing is understood while it waits
        assert deliver(woo().payload).status_code == 200
