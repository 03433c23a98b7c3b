"""Deliveries of a real store are verified over their raw bytes and read."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.adapters.woocommerce.auth import is_signed_by_any
from channels.adapters.woocommerce.versions import order_message
from channels.base import AccountConfig, ReceivesWebhooks
from channels.errors import BadSignature
from oms.core.errors import PermanentError
from tests.channels.woocommerce.conftest import RECORDED_SECRET, Recording
from tests.channels.woocommerce.orders import order_payload

ADAPTER = WooCommerceAdapter()


def signed(payload: Any, topic: str = "order.updated", secret: str = RECORDED_SECRET) -> tuple[dict[str, str], bytes]:
    """Headers and body of a delivery, signed by the test's own arithmetic."""
    body = json.dumps(payload).encode()
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    headers = {
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": topic.partition(".")[0],
        "X-WC-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-WC-Webhook-Delivery-ID": "a1b2",
    }
    return headers, body


def test_every_recorded_signature_verifies_and_one_flipped_byte_does_not(
    recorded_deliveries: list[dict[str, Any]],
) -> None:
    checked = 0
    for delivery in recorded_deliveries:
        signature = delivery["headers"].get("X-WC-Webhook-Signature")
        if signature is None:
            continue
        body = delivery["body"].encode()
        flipped = body[:40] + bytes([body[40] ^ 1]) + body[41:]
        assert is_signed_by_any(body, signature, [RECORDED_SECRET])
        assert not is_signed_by_any(flipped, signature, [RECORDED_SECRET])
        assert not is_signed_by_any(body, signature, ["another", ""])
        checked += 1
    assert checked == 21


def test_every_recorded_delivery_is_read_refused_or_ignored_as_it_should_be(
    recorded_account: AccountConfig, recorded_deliveries: list[dict[str, Any]]
) -> None:
    seen: list[str] = []
    for delivery in recorded_deliveries:
        headers, body = delivery["headers"], delivery["body"].encode()
        message = ADAPTER.read_webhook(recorded_account, headers, body)
        if headers.get("X-WC-Webhook-Resource") == "order":
            assert message is not None
            assert message.payload == json.loads(body)
            assert ADAPTER.to_canonical(recorded_account, message).external_id == message.external_id
            seen.append(message.external_id)
            with pytest.raises(BadSignature):
                ADAPTER.read_webhook(recorded_account, headers, body.replace(b'"status":"', b'"status":"x', 1))
        else:
            assert message is None
    assert seen == ["22", "22", "23", "23", "24", "24", "22", "22", "23", "24"]


def test_pings_are_ignored(recorded_account: AccountConfig, recorded_deliveries: list[dict[str, Any]]) -> None:
    pings = [item for item in recorded_deliveries if item["body"].startswith("webhook_id=")]

    assert len(pings) == 4
    for ping in pings:
        assert ADAPTER.read_webhook(recorded_account, ping["headers"], ping["body"].encode()) is None


def test_a_delivery_and_a_reply_of_the_same_change_have_one_event_id(
    recorded_account: AccountConfig, recorded: Recording, recorded_deliveries: list[dict[str, Any]]
) -> None:
    """The created and the updated delivery of an order, and the reply of the API, are one version of it."""
    replies = {
        name: order_message(recorded(name), recorded_account.time_zone).event_id
        for name in ("05-", "06-", "09-", "12-", "16-", "17-")
    }
    delivered = {
        message.event_id
        for item in recorded_deliveries
        if (message := ADAPTER.read_webhook(recorded_account, item["headers"], item["body"].encode()))
    }

    # Order 24 was created by a call that was not recorded: its version is the only one without a reply.
    assert set(replies.values()) < delivered
    assert len(delivered) == 7
    # An address change and the completion within the same second are two versions.
    assert replies["09-"].partition("#")[0] == replies["12-"].partition("#")[0] == "22@2026-11-21T19:16:49Z"
    assert replies["09-"] != replies["12-"]


def test_the_previous_secret_counts_while_the_secret_is_being_changed(recorded_account: AccountConfig) -> None:
    headers, body = signed(order_payload())
    both = replace(recorded_account, secrets={"webhook_secret": "new", "webhook_secret_previous": RECORDED_SECRET})
    only_new = replace(recorded_account, secrets={"webhook_secret": "new"})

    assert ADAPTER.read_webhook(both, headers, body) is not None
    with pytest.raises(BadSignature):
        ADAPTER.read_webhook(only_new, headers, body)


@pytest.mark.parametrize("secrets", [{}, {"webhook_secret": ""}])
def test_an_account_without_a_secret_accepts_nothing(recorded_account: AccountConfig, secrets: dict[str, str]) -> None:
    headers, body = signed(order_payload(), secret="")

    with pytest.raises(BadSignature):
        ADAPTER.read_webhook(replace(recorded_account, secrets=secrets), headers, body)


def test_a_delivery_without_a_signature_or_with_a_strange_one_is_refused(recorded_account: AccountConfig) -> None:
    headers, body = signed(order_payload())

    for signature in ("", "née", "AAAA"):
        with pytest.raises(BadSignature):
            ADAPTER.read_webhook(recorded_account, headers | {"X-WC-Webhook-Signature": signature}, body)


def test_header_names_may_come_in_any_case(recorded_account: AccountConfig) -> None:
    headers, body = signed(order_payload())

    message = ADAPTER.read_webhook(recorded_account, {key.lower(): value for key, value in headers.items()}, body)

    assert message is not None


def test_a_deleted_order_is_announced_by_its_number_alone(recorded_account: AccountConfig) -> None:
    headers, body = signed({"id": 22}, topic="order.deleted")

    message = ADAPTER.read_webhook(recorded_account, headers, body)

    assert message is not None
    assert (message.kind, message.external_id, message.event_id) == ("order.deleted", "22", "22@deleted#a1b2")


def test_drafts_and_other_topics_are_ignored(recorded_account: AccountConfig) -> None:
    for payload, topic in ((order_payload(status="checkout-draft"), "order.created"), ({"id": 3}, "product.updated")):
        headers, body = signed(payload, topic=topic)
        assert ADAPTER.read_webhook(recorded_account, headers, body) is None


def test_a_signed_body_that_is_no_order_is_a_permanent_fault(recorded_account: AccountConfig) -> None:
    headers, body = signed(["nothing"])

    with pytest.raises(PermanentError):
        ADAPTER.read_webhook(recorded_account, headers, body)


def test_the_adapter_says_that_it_receives_webhooks() -> None:
    assert isinstance(ADAPTER, ReceivesWebhooks)
