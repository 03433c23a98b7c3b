"""Providers against their contracts, over real HTTP, and signatures both ways. The sources stand in their modules."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from oms.core.errors import PermanentError, TransientError
from oms.notifications.base import (
    BadSignature,
    Hook,
    HookRequest,
    MessageConfig,
    OutgoingMessage,
    ReceivesReceipts,
    UnknownOutcome,
)
from oms.notifications.providers.twilio import signature as twilio_signature
from oms.notifications.providers.whatsapp import signature as meta_signature
from oms.notifications.registry import provider_for
from oms.notifications.simulators.server import MessageServer

MESSAGE = OutgoingMessage(
    reference="m7.1", event="shipped", to="+919845012345", language="en", text="Kaveri: W-1 is on its way",
    template="oms_shipped", parameters=("Kaveri", "W-1\n\t  x"),
)  # fmt: skip
CONFIGS = {
    "whatsapp_cloud": MessageConfig(
        code="wa", settings={"phone_number_id": "106540352242922", "languages": {"en": "en_US"}},
        secrets={"access_token": "t", "app_secret": "s", "verify_token": "v"},
    ),
    "twilio": MessageConfig(
        code="tw", hook_url="https://oms.example/hooks/messages/tw/", secrets={"auth_token": "12345"},
        settings={"account_sid": "AC1", "from": "+15005550006"},
    ),
    "exotel": MessageConfig(
        code="ex", hook_url="https://oms.example/hooks/messages/ex/", secrets={"api_key": "k", "api_token": "t"},
        settings={"account_sid": "kaveri", "from": "KAVERI", "dlt_entity_id": "1101",
                  "dlt_templates": {"shipped/en": "1107160000000012345"}},
    ),
}  # fmt: skip


@pytest.fixture
def simulator() -> Iterator[MessageServer]:
    with MessageServer() as server:
        yield server


def at(simulator: MessageServer, code: str) -> MessageConfig:
    config = CONFIGS[code]
    return MessageConfig(
        code=config.code, base_url=simulator.base_url, hook_url=config.hook_url, secrets=config.secrets,
        settings=config.settings,
    )  # fmt: skip


def send(simulator: MessageServer, code: str) -> str:
    return provider_for(code).send(at(simulator, code), MESSAGE).provider_id


def read(code: str, url: str, headers: dict[str, str], body: bytes, query: dict[str, str] | None = None) -> Hook:
    provider = provider_for(code)
    assert isinstance(provider, ReceivesReceipts)
    return provider.read_hook(CONFIGS[code], HookRequest(url=url, headers=headers, query=query or {}, body=body))


def test_whatsapp_sends_the_approved_template_with_its_parameters_in_order(simulator: MessageServer) -> None:
    assert send(simulator, "whatsapp_cloud") == simulator.taken[0].provider_id
    assert simulator.taken[0].body == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "919845012345", "type": "template",
        "biz_opaque_callback_data": "m7.1",
        "template": {
            "name": "oms_shipped", "language": {"code": "en_US"},
            "components": [{"type": "body", "parameters": [
                {"type": "text", "text": "Kaveri"}, {"type": "text", "text": "W-1 x"}]}],
        },
    }  # fmt: skip


def test_twilio_gets_a_form_and_the_address_for_receipts(simulator: MessageServer) -> None:
    assert send(simulator, "twilio").startswith("SM")
    assert simulator.taken[0].body == {
        "To": "+919845012345", "From": "+15005550006", "Body": MESSAGE.text,
        "StatusCallback": "https://oms.example/hooks/messages/tw/?reference=m7.1",
    }  # fmt: skip


def test_exotel_gets_the_dlt_ids_without_which_operators_drop_a_text(simulator: MessageServer) -> None:
    send(simulator, "exotel")
    body = simulator.taken[0].body
    assert {name: body[name] for name in ("From", "To", "Body", "EncodingType", "DltEntityId", "DltTemplateId")} == {
        "From": "KAVERI", "To": "+919845012345", "Body": MESSAGE.text, "EncodingType": "plain", "DltEntityId": "1101",
        "DltTemplateId": "1107160000000012345",
    }  # fmt: skip
    config = at(simulator, "exotel")
    bare = MessageConfig(secrets=config.secrets, settings=dict(config.settings) | {"dlt_templates": {}})
    with pytest.raises(PermanentError, match="no DLT template id for shipped/en"):
        provider_for("exotel").send(bare, MESSAGE)


@pytest.mark.parametrize("code", sorted(CONFIGS))
def test_what_each_failure_means(simulator: MessageServer, code: str) -> None:
    simulator.fault("429")
    with pytest.raises(TransientError) as limited:
        send(simulator, code)
    assert limited.value.retry_after_seconds == 30
    for fault, error in (("refused", PermanentError), ("500", UnknownOutcome), ("lost", UnknownOutcome)):
        simulator.fault(fault)
        with pytest.raises(error):
            send(simulator, code)
    simulator.stop()
    with pytest.raises(TransientError):
        send(simulator, code)


def test_whatsapp_receipts_are_signed_by_the_secret_of_the_app() -> None:
    failed = {"id": "wamid.1", "status": "failed", "timestamp": "1750857384", "biz_opaque_callback_data": "m7.1",
              "errors": [{"code": 131026, "title": "Message undeliverable"}]}  # fmt: skip
    answer = {"from": "919845012345", "id": "wamid.2", "type": "text", "text": {"body": "STOP"}}
    value = {"statuses": [failed, {"id": "x", "status": "warning", "timestamp": "1"}], "messages": [answer]}
    body = json.dumps({"entry": [{"changes": [{"value": value}]}]}).encode()

    hook = read("whatsapp_cloud", "", {"x-hub-signature-256": meta_signature("s", body)}, body)

    [news], [reply] = hook.receipts, hook.replies
    assert (news.status, news.reference, news.detail) == ("failed", "m7.1", "131026 Message undeliverable")
    assert (reply.sender, reply.text) == ("+919845012345", "STOP")
    for wrong in ({}, {"x-hub-signature-256": meta_signature("other", body)}):
        with pytest.raises(BadSignature):
            read("whatsapp_cloud", "", wrong, body)


def test_the_example_of_twilios_own_documents_is_signed_as_there() -> None:
    form = {"CallSid": "CA1234567890ABCDE", "Caller": "+12349013030", "Digits": "1234", "From": "+12349013030",
            "To": "+18005551212"}  # fmt: skip
    assert twilio_signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form) == (
        "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    )


def test_a_twilio_receipt_says_whose_it_is() -> None:
    url, body = (
        f"{CONFIGS['twilio'].hook_url}?reference=m7.1",
        b"MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003",
    )
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"}
    signed = {"x-twilio-signature": twilio_signature("12345", url, form)}

    [news] = read("twilio", url, signed, body, {"reference": "m7.1"}).receipts

    assert (news.provider_id, news.status, news.reference) == ("SM1", "failed", "m7.1")
    with pytest.raises(BadSignature):
        read("twilio", url, signed, body.replace(b"SM1", b"SM2"))


def test_an_exotel_receipt_comes_to_an_address_that_nobody_else_knows(simulator: MessageServer) -> None:
    send(simulator, "exotel")
    query = dict(part.split("=") for part in simulator.taken[0].body["StatusCallback"].partition("?")[2].split("&"))
    body = b"SmsSid=1&Status=sent&DetailedStatus=DELIVERED_TO_HANDSET"

    [news] = read("exotel", "", {}, body, query).receipts

    assert (news.status, news.reference) == ("delivered", "m7.1")
    with pytest.raises(BadSignature):
        read("exotel", "", {}, body, query | {"reference": "m8.1"})
