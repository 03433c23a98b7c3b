"""SMS and WhatsApp: which medium, when, and what becomes of a message whose reply or whose recipient was lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
from django.test import Client
from time_machine import travel

from fulfillment.models import Shipment
from oms.core.clock import now
from oms.core.errors import Conflict
from oms.notifications.hours import next_allowed, zones_of
from oms.notifications.models import (
    ChannelMessaging,
    Message,
    MessageAccount,
    MessageChoice,
    OptOut,
    Receipt,
)
from oms.notifications.planning import international
from oms.notifications.providers.whatsapp import signature
from oms.notifications.receipts import opt_out
from oms.notifications.services import queue_messages, resend, resend_many, send_messages, send_waiting
from oms.notifications.simulators.server import MessageServer
from oms.notifications.sms import sms_length
from oms.notifications.texts import TextInvalid, as_registered, check_body, save_text
from orders.models import Order
from tests.factories import World, capture, make_line, make_order, make_world
from tests.fulfillment.floor import labelled, make_carrier, make_work

pytestmark = pytest.mark.django_db(transaction=True)
#: Eleven in the morning in India.
MORNING = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
HOOK = "/hooks/messages/wa/"


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture(autouse=True)
def morning() -> Iterator[None]:
    with travel(MORNING, tick=True):
        yield


@pytest.fixture
def simulator() -> Iterator[MessageServer]:
    with MessageServer() as server:
        yield server


@pytest.fixture
def order(world: World, simulator: MessageServer) -> Order:
    MessageAccount.objects.create(
        code="wa", name="WhatsApp", provider="whatsapp_cloud", base_url=simulator.base_url,
        settings={"phone_number_id": "1"}, secrets={"access_token": "t", "app_secret": "s", "verify_token": "v"},
    )  # fmt: skip
    MessageAccount.objects.create(
        code="tw", name="Twilio", provider="twilio", base_url=simulator.base_url, secrets={"auth_token": "t"},
        settings={"account_sid": "AC1", "from": "+15005550006"},
    )  # fmt: skip
    for event in ("confirmation", "out_for_delivery", "shipped"):
        for medium in ("sms", "whatsapp"):
            MessageChoice.objects.create(channel=world.channel, event=event, medium=medium, is_on=True)
    return Order.objects.get(pk=capture(world, make_order("W-1", make_line(world.kurta))))


def falls_back(order: Order) -> None:
    ChannelMessaging.objects.create(channel=order.channel, falls_back=True)


def written(order: Order, event: str = "confirmation", part: str = "") -> dict[str, Message]:
    queue_messages([(event, order.pk, part)])
    return {row.medium: row for row in Message.objects.filter(template=event).select_related("account")}


def states() -> dict[str, str]:
    return dict(Message.objects.values_list("medium", "state"))


def receipt(message: Message, *statuses: str, provider_id: str = "") -> int:
    rows = ",".join(
        f'{{"id":"{provider_id or message.provider_id}","status":"{status}","timestamp":"1764000000",'
        f'"biz_opaque_callback_data":"{message.reference}"}}' for status in statuses
    )  # fmt: skip
    body = f'{{"entry":[{{"changes":[{{"value":{{"statuses":[{rows}]}}}}]}}]}}'.encode()
    headers = {"x-hub-signature-256": signature("s", body)}
    return Client().post(HOOK, body, content_type="application/json", headers=headers).status_code


# -- which medium ------------------------------------------------------------------------------------------------------


def test_every_medium_that_is_switched_on_gets_its_message_once(order: Order, simulator: MessageServer) -> None:
    rows = written(order)
    assert set(rows) == {"email", "sms", "whatsapp"}
    assert written(order) == rows

    assert send_messages([row.pk for row in rows.values()]) == 3

    assert states() == {"email": "sent", "sms": "sent", "whatsapp": "sent"}
    by_contract = {taken.contract: taken.text for taken in simulator.taken}
    assert by_contract["twilio"].startswith("Web shop: we have your order W-1. Details: http")
    assert by_contract["meta"].startswith("oms_confirmation: Asha, Web shop, W-1, http")


def test_where_one_medium_is_enough_the_next_takes_over_from_one_that_fails(
    order: Order, simulator: MessageServer
) -> None:
    falls_back(order)
    rows = written(order)
    assert set(rows) == {"whatsapp"}
    simulator.fault("refused")

    send_messages([rows["whatsapp"].pk])

    assert states() == {"whatsapp": "failed", "sms": "pending"}
    send_messages(list(Message.objects.values_list("pk", flat=True)))
    assert states() == {"whatsapp": "failed", "sms": "sent"}


def test_a_receipt_that_it_did_not_arrive_lets_the_next_medium_take_over_once(order: Order) -> None:
    falls_back(order)
    row = written(order)["whatsapp"]
    send_messages([row.pk])
    row.refresh_from_db()

    assert [receipt(row, "failed"), receipt(row, "failed", "sent")] == [200, 200]

    assert states() == {"whatsapp": "failed", "sms": "pending"}


def test_an_opt_out_after_the_writing_lets_the_next_medium_take_over(order: Order) -> None:
    falls_back(order)
    row = written(order)["whatsapp"]
    opt_out(medium="whatsapp", recipients=[row.recipient], source="person")

    assert [send_messages([row.pk]), send_messages([row.pk])] == [0, 0]

    assert states() == {"whatsapp": "skipped", "sms": "pending"}


def test_what_stands_in_is_news_for_no_longer_than_the_first(world: World, order: Order) -> None:
    falls_back(order)
    MessageAccount.objects.filter(code="tw").delete()
    MessageChoice.objects.create(channel=world.channel, event="out_for_delivery", medium="email", is_on=True)
    make_carrier()
    parcel = labelled(make_work(world, "W-2", make_line(world.kurta)))
    first = written(parcel.order, "out_for_delivery", str(parcel.pk))["whatsapp"]
    send_messages([first.pk])
    first.refresh_from_db()
    receipt(first, "failed")
    letter = Message.objects.get(medium="email", template="out_for_delivery")
    assert letter.expires_at == first.expires_at
    Shipment.objects.update(state="delivered")

    assert send_messages([letter.pk]) == 0

    letter.refresh_from_db()
    assert (letter.state, letter.error) == ("skipped", "It would come too late: the parcel is delivered by now.")


def test_without_a_number_the_e_mail_goes_out_and_the_others_say_why(order: Order) -> None:
    Order.objects.update(customer_phone="", ship_to={})
    rows = written(order)
    assert {medium: row.state for medium, row in rows.items()} == {
        "email": "pending", "sms": "skipped", "whatsapp": "skipped",
    }  # fmt: skip
    assert rows["sms"].error == "The order has no phone number."


@pytest.mark.parametrize(("given", "country", "known"), [
    ("98450 12345", "IN", "+919845012345"), ("09845012345", "IN", "+919845012345"),
    ("919845012345", "IN", "+919845012345"), ("+44 20 7946 0000", "GB", "+442079460000"), ("12345", "IN", ""),
    ("555 0100", "US", ""), ("+91 98450 123456", "IN", ""), ("0091 98450 12345", "GB", "+919845012345"),
    ("98450 12345 67", "IN", "")])  # fmt: skip
def test_numbers_are_sent_in_international_form(given: str, country: str, known: str) -> None:
    assert international(given, country) == known


def test_who_answers_stop_gets_no_more_and_the_log_says_so(order: Order) -> None:
    body = (b'{"entry":[{"changes":[{"value":{"messages":[{"from":"919845012345","id":"1","type":"text",'
            b'"text":{"body":" Stop. "}}]}}]}]}')  # fmt: skip
    waiting = written(order)["whatsapp"]
    headers = {"x-hub-signature-256": signature("s", body)}
    for _ in range(2):
        assert Client().post(HOOK, body, content_type="application/json", headers=headers).status_code == 200
    assert OptOut.objects.values_list("medium", "recipient").get() == ("whatsapp", "+919845012345")

    send_messages([waiting.pk])
    shipped = written(order, "shipped")

    waiting.refresh_from_db()
    assert (waiting.state, shipped["whatsapp"].state, shipped["sms"].state) == ("skipped", "skipped", "pending")
    assert waiting.error == "They want no messages by WhatsApp (their reply)."


def reply(kind: str, text: str, at: datetime) -> int:
    said = {"type": kind, kind: {"body" if kind == "text" else "text": text}}
    item = {"from": "919845012345", "id": "1", "timestamp": str(int(at.timestamp()))} | said
    body = json.dumps({"entry": [{"changes": [{"value": {"messages": [item]}}]}]}).encode()
    headers = {"x-hub-signature-256": signature("s", body)}
    return Client().post(HOOK, body, content_type="application/json", headers=headers).status_code


def test_a_start_that_is_told_again_does_not_take_back_a_later_stop(order: Order) -> None:
    MessageAccount.objects.update(is_active=False)
    assert reply("button", "Stop", MORNING) == 200
    assert OptOut.objects.get().created_at == MORNING

    reply("text", "START", MORNING - timedelta(minutes=1))
    assert OptOut.objects.count() == 1
    reply("text", "START", MORNING + timedelta(minutes=1))
    assert OptOut.objects.count() == 0


def test_what_cannot_be_read_is_not_written_to_the_log(order: Order, caplog: pytest.LogCaptureFixture) -> None:
    body = b"Body=my address is 12 MG Road\xff"
    answer = Client().post("/hooks/messages/tw/", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert "cannot be read: UnicodeDecodeError" in caplog.text
    assert "MG Road" not in caplog.text


def test_who_told_the_provider_to_stop_is_put_down_and_the_next_medium_takes_over(
    order: Order, simulator: MessageServer
) -> None:
    falls_back(order)
    MessageAccount.objects.filter(code="wa").update(is_active=False)
    row = written(order)["sms"]
    MessageChoice.objects.filter(medium="whatsapp").delete()
    simulator.fault("stopped")

    assert send_messages([row.pk]) == 0

    assert OptOut.objects.values_list("medium", "recipient", "source").get() == ("sms", "+919845012345", "provider")
    assert states() == {"sms": "failed", "email": "pending"}


def test_the_handshake_of_meta_answers_the_right_word_only(order: Order) -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": "v", "hub.challenge": "1158201444"}
    assert Client().get(HOOK, asked).content == b"1158201444"
    assert Client().get(HOOK, asked | {"hub.verify_token": "w"}).status_code == 401
    assert Client().post(HOOK, b"{}", content_type="application/json").status_code == 401
    assert Client().get("/hooks/messages/nobody/").status_code == 404


# -- what became of it -------------------------------------------------------------------------------------------------


def test_a_lost_reply_is_not_repeated_and_a_receipt_settles_it(order: Order, simulator: MessageServer) -> None:
    row = written(order)["whatsapp"]
    simulator.fault("lost")
    assert send_messages([row.pk]) == 0
    row.refresh_from_db()
    assert row.state == "unknown"
    with travel(now() + timedelta(hours=1)):
        send_waiting()
    assert [taken.contract for taken in simulator.taken].count("meta") == 1

    assert receipt(row, "delivered", provider_id=simulator.taken[0].provider_id) == 200

    row.refresh_from_db()
    assert (row.state, row.receipt, row.provider_id) == ("sent", "delivered", simulator.taken[0].provider_id)


def test_receipts_twice_and_in_the_wrong_order_say_the_same(order: Order) -> None:
    row = written(order)["whatsapp"]
    send_messages([row.pk])
    row.refresh_from_db()

    for _ in range(2):
        receipt(row, "read", "delivered", "sent", "failed")

    row.refresh_from_db()
    assert (row.state, row.receipt) == ("sent", "read")
    assert Receipt.objects.count() == 4


def test_a_late_receipt_of_the_first_sending_does_not_speak_for_the_second(order: Order) -> None:
    row = written(order)["whatsapp"]
    send_messages([row.pk])
    row.refresh_from_db()
    first = row.provider_id
    resend(message_id=row.pk)
    assert resend_many([row.pk]) == 0
    send_messages([row.pk])

    receipt(row, "failed", provider_id=first)

    row.refresh_from_db()
    assert (row.state, row.sends, row.receipt) == ("sent", 2, "")


def test_a_receipt_told_again_does_not_speak_for_what_waits_to_be_sent_again(order: Order) -> None:
    row = written(order)["whatsapp"]
    send_messages([row.pk])
    row.refresh_from_db()
    first = row.provider_id
    receipt(row, "failed")
    resend(message_id=row.pk)

    receipt(row, "failed", provider_id=first)

    row.refresh_from_db()
    assert (row.state, row.receipt) == ("pending", "")


def test_a_provider_that_limits_us_is_left_alone_as_long_as_it_asks(order: Order, simulator: MessageServer) -> None:
    first, second = written(order)["sms"], written(order, "shipped")["sms"]
    simulator.fault("429")
    assert send_messages([first.pk]) == 0
    assert send_messages([second.pk]) == 0
    assert simulator.taken == []
    with travel(now() + timedelta(seconds=31)):
        assert send_waiting() == "2 sent, 0 not known"


def test_no_more_are_handed_over_in_a_minute_than_the_account_says(order: Order, simulator: MessageServer) -> None:
    MessageAccount.objects.update(per_minute=1)
    ids = [written(order)["sms"].pk, written(order, "shipped")["sms"].pk]
    assert [send_messages(ids), send_messages(ids)] == [1, 0]
    with travel(now() + timedelta(seconds=61)):
        assert send_messages(ids) == 1


# -- when --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "country", "state", "allowed"), [
    ("2026-11-23T15:29:00+00:00", "IN", "Karnataka", "2026-11-23T15:29:00+00:00"),
    ("2026-11-23T15:30:00+00:00", "IN", "Karnataka", "2026-11-24T03:30:00+00:00"),
    ("2026-11-23T20:00:00+00:00", "IN", "Karnataka", "2026-11-24T03:30:00+00:00"),
    ("2026-11-23T14:30:00+00:00", "US", "CA", "2026-11-23T17:00:00+00:00"),
    ("2026-11-23T14:30:00+00:00", "US", "NY", "2026-11-23T14:30:00+00:00"),
    # By any of the clocks of the States, Hawaii's being the last to show nine.
    ("2026-11-23T14:30:00+00:00", "US", "", "2026-11-23T19:00:00+00:00"),
])  # fmt: skip
def test_quiet_hours_go_over_midnight_and_by_the_recipients_clock(
    at: str, country: str, state: str, allowed: str
) -> None:
    moment = datetime.fromisoformat(at)
    zones = zones_of(country, state)
    assert next_allowed(moment, zones, time(21), time(9)) == datetime.fromisoformat(allowed)


def test_at_night_a_text_waits_for_the_morning_and_an_urgent_one_and_a_letter_do_not(order: Order) -> None:
    night = datetime(2026, 11, 23, 18, tzinfo=UTC)
    with travel(night, tick=True):
        rows = written(order) | {"urgent": written(order, "out_for_delivery")["sms"]}
        assert send_messages([row.pk for row in rows.values()]) == 2
    assert sorted(Message.objects.filter(state="sent").values_list("template", "medium")) == [
        ("confirmation", "email"), ("out_for_delivery", "sms"),
    ]  # fmt: skip
    waits = Message.objects.get(pk=rows["sms"].pk)
    assert (waits.state, waits.not_before) == ("pending", datetime(2026, 11, 24, 3, 30, tzinfo=UTC))
    with travel(waits.not_before, tick=True):
        assert send_waiting() == "3 sent, 0 not known"


def test_in_the_morning_what_the_night_made_untrue_is_not_sent(order: Order) -> None:
    MessageChoice.objects.create(channel=order.channel, event="new_date", medium="sms", is_on=True)
    with travel(datetime(2026, 11, 23, 18, tzinfo=UTC), tick=True):
        confirmed = written(order)["sms"]
        for part in ("2026-11-26", "2026-11-27"):
            queue_messages([("new_date", order.pk, part)])
        older, newer = Message.objects.filter(template="new_date", medium="sms").order_by("pk")
        send_messages([confirmed.pk, older.pk, newer.pk])
    with travel(datetime(2026, 11, 24, 3, 30, tzinfo=UTC), tick=True):
        assert send_messages([older.pk, newer.pk]) == 1
        Order.objects.update(stage="cancelled")
        assert send_messages([confirmed.pk]) == 0
    reasons = dict(Message.objects.filter(state="skipped").values_list("pk", "error"))
    assert reasons == {
        confirmed.pk: "It is no news any more: the order was cancelled.",
        older.pk: "It is no news any more: a newer date was told.",
    }


def test_news_that_comes_too_late_is_not_sent(world: World, order: Order) -> None:
    make_carrier()
    parcel = labelled(make_work(world, "W-2", make_line(world.kurta)))
    late = written(parcel.order, "out_for_delivery", str(parcel.pk))["sms"]
    old = written(order)["sms"]
    Shipment.objects.update(state="delivered")

    with travel(now() + timedelta(days=4)):
        assert send_messages([late.pk, old.pk]) == 0

    reasons = dict(Message.objects.filter(state="skipped").values_list("template", "error"))
    assert reasons["confirmation"] == "It is no news any more: it could not go out in time."
    Message.objects.filter(pk=late.pk).update(state="pending", expires_at=None)
    send_messages([late.pk])
    late.refresh_from_db()
    assert (late.state, late.error) == ("skipped", "It would come too late: the parcel is delivered by now.")


# -- texts -------------------------------------------------------------------------------------------------------------


def test_a_text_names_what_it_may_not_say(order: Order) -> None:
    assert check_body("shipped", "{brand}: {number} {{x}}") == ["brand", "number"]
    for body, words in (("{brnad} {code}", r"\{brnad\}, \{code\} is not known"), ("{name.x}", "no placeholder"),
                        ("{name:>9}", "no placeholder"), ("{name", "braces do not match"), (" ", "empty")):  # fmt: skip
        with pytest.raises(TextInvalid, match=words):
            check_body("shipped", body)


def test_a_new_version_holds_for_new_messages_and_the_old_one_stays_in_sent_ones(order: Order) -> None:
    old = written(order)["sms"]

    def save(body: str) -> None:
        save_text(event="confirmation", medium="sms", language="en", body=body, provider_template="", urgent=False,
                  actor="Meera", seen_version=1)  # fmt: skip

    save("We have {number}.")
    with pytest.raises(Conflict):
        save("Somebody else was first")
    Message.objects.filter(pk=old.pk).update(dedupe_key="earlier")
    queue_messages([("confirmation", order.pk, "")])

    assert list(Message.objects.filter(medium="sms").order_by("pk").values_list("text", flat=True)) == [
        old.text, "We have W-1.",
    ]  # fmt: skip


def test_the_language_is_the_orders_else_the_channels(order: Order) -> None:
    ChannelMessaging.objects.create(channel=order.channel, language="hi")
    assert "मिल गया" in written(order)["sms"].text
    Order.objects.update(extra={"customer_locale": "en-IN"})
    assert "is on its way" in written(order, "shipped")["sms"].text


@pytest.mark.parametrize(("text", "alphabet", "parts"), [
    ("a" * 160, "GSM-7", 1), ("a" * 161, "GSM-7", 2), ("€" * 80, "GSM-7", 1), ("€" * 81, "GSM-7", 2),
    ("न" * 70, "UCS-2", 1), ("न" * 71, "UCS-2", 2), ("a₹", "UCS-2", 1), ("", "GSM-7", 0)])  # fmt: skip
def test_parts_of_an_sms(text: str, alphabet: str, parts: int) -> None:
    counted = sms_length(text)
    assert (counted.alphabet, counted.parts) == (alphabet, parts)


def test_a_text_for_meta_has_numbers_for_names() -> None:
    assert as_registered("{name}: {number}, {name}") == "{{1}}: {{2}}, {{1}}"
