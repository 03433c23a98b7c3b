"""The log, the texts, how channels write and who wants nothing: on the screens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from time_machine import travel

from oms.accounts.models import Role, User
from oms.core.clock import now
from oms.notifications.defaults import default_body
from oms.notifications.models import ChannelMessaging, Message, MessageAccount, MessageChoice, MessageText, OptOut
from oms.notifications.services import queue_messages, resend_many, send_messages
from oms.notifications.simulators.server import MessageServer
from orders.models import Order
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db(transaction=True)
LOG = "/settings/messages/"


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def letters(world: World) -> list[Message]:
    ids = [capture(world, make_order(number, make_line(world.kurta))) for number in ("W-1", "W-2")]
    queue_messages([("confirmation", order_id, "") for order_id in ids])
    Message.objects.filter(order=ids[1]).update(
        state="failed", error="No such box", medium="sms", recipient="+919845012345"
    )  # fmt: skip
    return list(Message.objects.order_by("pk"))


def sign_in(role: str, **fields: object) -> Client:
    limits = {"all_nodes": True, "all_channels": True} | fields
    person = User.objects.create(email=f"{role}@example.com", role=role, name="Meera", **limits)
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(client: Client, path: str = LOG, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return bytes(answer.getvalue()).decode()


def test_the_log_is_filtered_searched_and_masked(letters: list[Message]) -> None:
    admin, reader = sign_in(Role.ADMIN), sign_in(Role.READ_ONLY)
    one, two = (f'data-row="{letter.pk}"' for letter in letters)
    number = Order.objects.get(external_number="W-1").number
    for query, shown in (({}, (True, True)), ({"state": "failed"}, (False, True)), ({"medium": "email"}, (True, False)),
                         ({"q": "98450 12345"}, (False, True)), ({"q": "asha@example.com"}, (True, False)),
                         ({"q": number}, (True, False)), ({"since": "2999-01-01"}, (False, False)),
                         ({"since": "2026-99-99", "event": "confirmation"}, (True, True))):  # fmt: skip
        text = page(admin, **query)
        assert (one in text, two in text) == shown, query
    masked = page(reader)
    assert "+91 98xxx xx345" in masked
    assert "+919845012345" not in masked + page(reader, f"{LOG}one/{letters[1].pk}/")
    assert admin.get(LOG, {"q": "\x00"}).status_code == 422
    # Who may not read addresses does not find people by them either.
    assert two not in page(reader, q="+919845012345")


def test_a_refusal_that_names_the_recipient_is_masked_and_what_names_nobody_is_not_sent_again(
    letters: list[Message],
) -> None:
    words = "21211 The 'To' number +919845012345 is not valid (919845012345)"
    Message.objects.filter(pk=letters[1].pk).update(error=words)
    reader, admin = sign_in(Role.READ_ONLY), sign_in(Role.ADMIN)
    number = Order.objects.get(external_number="W-2").number
    for path in (LOG, f"{LOG}one/{letters[1].pk}/", f"/orders/{number}/"):
        assert "9845012345" not in page(reader, path), path
        assert words.partition("(")[0].replace("'", "&#x27;") in page(admin, path), path
    Message.objects.update(recipient="", state="skipped")

    again = f"/orders/{number}/messages/{letters[1].pk}/resend/"
    assert admin.post(again, headers={"HX-Request": "true"}).status_code != 200
    admin.post(f"{LOG}resend/", {"ids": [letters[1].pk], "sure": "1"})

    assert set(Message.objects.values_list("state", flat=True)) == {"skipped"}


def test_orders_out_of_scope_are_not_there(letters: list[Message]) -> None:
    other = sign_in(Role.OPS_AGENT, all_channels=False, channel_codes=["other"])
    assert "data-row" not in page(other)
    assert other.get(f"{LOG}one/{letters[0].pk}/").status_code == 404
    other.post(f"{LOG}resend/", {"ids": [letters[1].pk], "sure": "1"})
    assert Message.objects.get(pk=letters[1].pk).state == "failed"


def test_messages_are_sent_again_after_a_look_and_once(letters: list[Message]) -> None:
    send_messages([letters[0].pk])
    admin, asked = sign_in(Role.ADMIN), {"ids": [letter.pk for letter in letters]}

    assert "1 of them has arrived" in admin.post(f"{LOG}resend/", asked).content.decode()
    assert Message.objects.filter(state="pending").count() == 0
    for _ in range(2):
        admin.post(f"{LOG}resend/", asked | {"sure": "1", "idempotency_key": "k"})

    assert Message.objects.filter(state="pending").count() == 2
    assert sign_in(Role.READ_ONLY).post(f"{LOG}resend/", asked).status_code == 403


def test_the_file_says_what_the_log_says(letters: list[Message]) -> None:
    lines = page(sign_in(Role.OPS_MANAGER), f"{LOG}export.csv", state="failed").splitlines()
    assert len(lines) == 2
    assert "Order confirmed,SMS,'+919845012345,Failed" in lines[1]


def test_a_text_is_looked_at_refused_by_name_and_saved_as_a_version(world: World) -> None:
    admin, path = sign_in(Role.ADMIN), f"{LOG}texts/shipped/sms/en/"
    assert "Version 1" in page(admin, f"{LOG}texts/")
    form = {"body": "{brand}: {number} left", "seen_version": "1"}

    assert "Kaveri: W-1042 left" in admin.post(path, form | {"show": "1"}).content.decode()
    refused = admin.post(path, form | {"body": "{nubmer}"})
    assert refused.status_code == 422
    assert "{nubmer} is not known for this event" in refused.content.decode()
    assert MessageText.objects.count() == 0

    assert admin.post(path, form).status_code == 302
    assert admin.post(path, form).status_code == 409
    assert MessageText.objects.values_list("version", "body", "made_by").get() == (2, "{brand}: {number} left", "Meera")
    assert admin.get(f"{LOG}texts/shipped/email/en/").status_code == 404


def test_an_earlier_version_is_restored_as_the_next_one(world: World) -> None:
    admin, path = sign_in(Role.ADMIN), f"{LOG}texts/shipped/sms/en/"
    admin.post(path, {"body": "{brand}: {number} left", "seen_version": "1"})
    assert "Restore version 1" in page(admin, path)

    assert admin.post(f"{path}restore/", {"version": "1", "seen_version": "2"}).status_code == 302

    assert MessageText.objects.get(version=3).body == default_body("shipped", "sms", "en")
    assert admin.post(f"{path}restore/", {"version": "2", "seen_version": "2"}).status_code == 409
    assert admin.post(f"{path}restore/", {"version": "9", "seen_version": "3"}).status_code == 404
    assert MessageText.objects.count() == 2


def test_a_test_goes_to_ones_own_number_by_the_provider_at_night_and_not_without_end(world: World) -> None:
    admin, path = sign_in(Role.ADMIN), f"{LOG}texts/shipped/sms/en/"
    assert "No account sends SMS yet" in page(admin, path)
    with travel(datetime(2026, 11, 23, 18, tzinfo=UTC), tick=True), MessageServer() as simulator:
        account = MessageAccount.objects.create(
            code="tw", name="Twilio", provider="twilio", base_url=simulator.base_url, secrets={"auth_token": "t"},
            settings={"account_sid": "AC1", "from": "+15005550006"},
        )  # fmt: skip
        form = {"test-recipient": "98450 00001", "test-account": str(account.pk)}
        assert admin.post(f"{path}test/", form | {"test-recipient": "x"}).status_code == 422
        for key in ("1", "1", "2", "3", "4", "5"):
            assert admin.post(f"{path}test/", form | {"idempotency_key": key}).status_code == 302
        with travel(now() + timedelta(minutes=1)):
            assert admin.post(f"{path}test/", form | {"idempotency_key": "6"}).status_code == 429
        assert send_messages([Message.objects.earliest("pk").pk]) == 1

    assert [(taken.to, taken.text[:31]) for taken in simulator.taken] == [
        ("+919845000001", "Kaveri: your order TEST-1042 is"),
    ]  # fmt: skip
    sent = Message.objects.earliest("pk")
    assert (Message.objects.count(), sent.is_test, sent.asked_by, sent.order) == (5, True, "Meera", None)
    assert "Test, Meera" in page(admin)
    assert "asked for by Meera" in page(admin, f"{LOG}one/{sent.pk}/")
    assert "Test: Shipped" in page(admin, f"{LOG}export.csv")
    assert resend_many([sent.pk]) == 0
    assert sign_in(Role.OPS_AGENT).post(f"{path}test/", form).status_code == 403
    limited = sign_in(Role.READ_ONLY, all_channels=False, channel_codes=["web"])
    assert "data-row" not in page(limited)


def test_how_a_channel_writes_is_kept_where_it_is_not_usual(world: World) -> None:
    admin, path = sign_in(Role.ADMIN), f"{LOG}channels/web/"
    assert "WhatsApp has no provider" in page(admin, path)
    form = {"language": "hi", "falls_back": "on", "quiet_from": "22:00", "quiet_until": "08:00", "shipped.sms": "on"}

    assert admin.post(path, form).status_code == 302

    kept = ChannelMessaging.objects.get()
    assert (kept.language, kept.falls_back, f"{kept.quiet_from:%H:%M}") == ("hi", True, "22:00")
    assert MessageChoice.objects.get(is_on=True).event == "shipped"
    assert "W" in page(admin, f"{LOG}channels/")
    assert admin.post(path, form | {"quiet_from": "never"}).status_code == 422


def test_a_colleague_puts_down_who_wants_no_messages_and_takes_it_back(world: World) -> None:
    admin, path = sign_in(Role.ADMIN), f"{LOG}opt-outs/"
    assert admin.post(path, {"medium": "sms", "recipient": "x@example.com"}).status_code == 422
    admin.post(path, {"medium": "sms", "recipient": "98450 12345"})
    row = OptOut.objects.get()
    assert (row.recipient, row.source, row.actor) == ("+919845012345", "person", "Meera")
    assert "+919845012345" in page(admin, path)
    assert "+919845012345" in page(admin, f"{path}?q=98450+12345")
    assert "Nobody with this number" in page(admin, f"{path}?q=98450+12346")

    admin.post(f"{path}{row.pk}/remove/")

    assert OptOut.objects.count() == 0
