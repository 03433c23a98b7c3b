"""Messages to customers: written once, sent once, retried when the mail server is away, failed where it refuses."""

from __future__ import annotations

import smtplib
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from time_machine import travel

from fulfillment.models import Shipment
from oms.core.clock import now
from oms.core.models import OutboxEvent
from oms.notifications.claiming import claim
from oms.notifications.letters import SUBJECTS, write_letter
from oms.notifications.links import order_of_token, tracking_token, tracking_url
from oms.notifications.models import Message
from oms.notifications.services import GIVE_UP_ATTEMPTS, queue_messages, resend, send_messages, send_waiting
from orders.canonical import CanonicalPayment
from orders.models import Order, SalesChannel
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def order(world: World) -> Order:
    order_id = capture(
        world, make_order("W-1", make_line(world.saree, 2), make_line(world.kurta), shipping_minor=9_900)
    )
    promised = datetime(2026, 11, 24, 18, tzinfo=ZoneInfo("Asia/Kolkata"))
    Order.objects.filter(pk=order_id).update(promised_by=promised, first_promised_by=promised)
    return Order.objects.select_related("channel", "payment").get(pk=order_id)


def test_a_confirmation_lists_items_totals_and_the_link(order: Order) -> None:
    letter = write_letter("confirmation", order)

    assert letter.subject == "We have your order W-1"
    for text in (letter.text, letter.html):
        assert "Tuesday, 24 November" in text
        assert "The SAREE-1" in text
        assert "₹5,000.00" in text
        assert tracking_url(order) in text
    assert "2 x The SAREE-1: ₹5,000.00" in letter.text
    assert "<script" not in letter.html
    assert "{{" not in letter.html + letter.text


def test_large_sums_are_grouped_the_indian_way(world: World) -> None:
    order_id = capture(world, make_order("W-2", make_line(world.saree, 60)))

    letter = write_letter("confirmation", Order.objects.select_related("channel", "payment").get(pk=order_id))

    assert "Total: ₹1,50,000.00" in letter.text


def test_names_are_escaped_in_html_and_plain_in_text(world: World) -> None:
    order_id = capture(world, make_order("W-3", make_line(world.kurta), customer_name="<b>Asha</b> & co"))
    letter = write_letter("confirmation", Order.objects.select_related("channel", "payment").get(pk=order_id))

    assert "<b>Asha</b>" not in letter.html
    assert "&lt;b&gt;Asha&lt;/b&gt;" in letter.html
    assert "Thank you, <b>Asha</b>." in letter.text


@pytest.mark.parametrize("template", ["shipped", "delivered", "delivery_failed"])
def test_a_message_about_a_parcel_names_its_contents_and_courier(world: World, template: str) -> None:
    make_carrier(name="City riders")
    shipment = labelled(make_work(world, "W-4", make_line(world.kurta, 2)))

    letter = write_letter(template, shipment.order, shipment)

    assert "2 x The KURTA-M" in letter.text
    assert tracking_url(shipment.order) in letter.text
    assert tracking_url(shipment.order) in letter.html
    if template == "shipped":
        assert shipment.awb in letter.text


def test_a_parcel_on_cash_says_how_much_to_keep_ready(world: World) -> None:
    make_carrier()
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=99_900)
    shipment = labelled(make_work(world, "W-5", make_line(world.kurta), payment=payment))

    assert "keep ₹999.00 ready" in write_letter("shipped", shipment.order, shipment).text


def test_ready_for_pickup_names_the_store_and_its_hours(world: World) -> None:
    stock(world.kurta, world.store, 5)
    work = make_work(world, "W-6", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1")
    shipment = packed(work)

    letter = write_letter("ready_for_pickup", Order.objects.get(), shipment)

    assert "Bengaluru store" in letter.text
    assert "Open 00:00 to 23:59" in letter.html


@pytest.mark.parametrize("template", sorted(SUBJECTS))
def test_every_template_renders_without_a_parcel_or_a_promise(order: Order, template: str) -> None:
    Order.objects.filter(pk=order.pk).update(promised_by=None, first_promised_by=None, customer_name="", ship_to={})
    bare = Order.objects.select_related("channel", "payment").get(pk=order.pk)

    letter = write_letter(template, bare)

    assert letter.text.strip()
    assert "None" not in letter.text + letter.html


# -- queueing ----------------------------------------------------------------------------------------------------------


def test_the_same_message_is_written_and_announced_once(order: Order) -> None:
    assert queue_messages([("confirmation", order.pk, "")]) == 1
    assert queue_messages([("confirmation", order.pk, "")]) == 0

    assert Message.objects.count() == 1
    assert OutboxEvent.objects.filter(kind="notifications.MessageQueued").count() == 1


@pytest.mark.parametrize("why", ["marketplace", "no address", "history", "unknown order"])
def test_who_gets_no_message(order: Order, why: str) -> None:
    order_id = order.pk
    if why == "marketplace":
        SalesChannel.objects.update(notifies_customer=False)
    if why == "no address":
        Order.objects.update(customer_email="")
    if why == "history":
        Order.objects.update(stage="delivered")
    if why == "unknown order":
        order_id = 404

    assert queue_messages([("confirmation", order_id, "")]) == 0
    assert Message.objects.count() == 0


def test_a_pickup_is_not_announced_as_on_its_way(world: World) -> None:
    stock(world.kurta, world.store, 5)
    work = make_work(world, "W-6", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1")
    part = str(packed(work).pk)

    queue_messages([("shipped", work.order_id, part), ("delivered", work.order_id, part),
                    ("ready_for_pickup", work.order_id, part)])  # fmt: skip

    assert list(Message.objects.values_list("template", flat=True)) == ["ready_for_pickup"]


# -- sending -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def message(order: Order) -> Message:
    queue_messages([("confirmation", order.pk, "")])
    return Message.objects.get()


def test_a_message_goes_out_once_in_both_forms(message: Message) -> None:
    assert send_messages([message.pk, message.pk]) == 1
    assert send_messages([message.pk]) == 0

    [sent] = mail.outbox
    assert (sent.to, sent.subject) == (["asha@example.com"], message.subject)
    assert isinstance(sent, EmailMultiAlternatives)
    assert sent.alternatives[0][1] == "text/html"
    message.refresh_from_db()
    assert (message.state, message.attempts, message.error) == ("sent", 1, "")
    assert message.sent_at is not None


def break_mail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> int:
        raise error

    monkeypatch.setattr(EmailMultiAlternatives, "send", refuse)


def test_a_mail_server_that_is_away_is_tried_again_by_the_clock(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        break_mail(patch, ConnectionRefusedError("port 25"))
        assert send_messages([message.pk]) == 0
    message.refresh_from_db()
    assert (message.state, message.attempts, message.error) == ("pending", 1, "ConnectionRefusedError: port 25")
    assert message.not_before is not None
    assert send_messages([message.pk]) == 0

    with travel(message.not_before, tick=False):
        assert send_waiting() == "1 sent, 0 not known"

    message.refresh_from_db()
    assert (message.state, message.error) == ("sent", "")


def test_after_the_last_try_a_message_has_failed_and_waits_for_a_person(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    Message.objects.update(attempts=GIVE_UP_ATTEMPTS - 1)
    with monkeypatch.context() as patch:
        break_mail(patch, ConnectionRefusedError("port 25"))
        assert send_messages([message.pk]) == 0
    message.refresh_from_db()
    assert (message.state, message.error) == ("failed", "ConnectionRefusedError: port 25")
    assert send_messages([message.pk]) == 0

    resend(message_id=message.pk)

    assert send_messages([message.pk]) == 1
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("sent", 1)


def test_a_letter_whose_answer_was_lost_is_sent_again_by_a_person_only(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        break_mail(patch, TimeoutError("too slow"))
        assert send_messages([message.pk]) == 0
    message.refresh_from_db()
    assert message.state == "unknown"
    assert message.error == "TimeoutError: too slow It may have arrived: send it again only on purpose."
    with travel(now() + timedelta(days=1)):
        assert send_waiting() == "0 sent, 0 not known"

    resend(message_id=message.pk)

    assert send_messages([message.pk]) == 1


def test_a_letter_that_leaves_twice_bears_one_name_and_one_sent_again_another(message: Message) -> None:
    send_messages([message.pk])
    # The process died after the mail server's answer: what it wrote about it is not there.
    Message.objects.filter(pk=message.pk).update(state="pending", sent_at=None)
    send_messages([message.pk])
    resend(message_id=message.pk)
    send_messages([message.pk])

    first, repeated, again = (letter.message()["Message-ID"] for letter in mail.outbox)
    assert first == repeated
    assert first != again
    assert first.startswith(f"<{message.pk}.")
    assert first.endswith("@example.com>")


def test_two_workers_at_once_send_a_message_once(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    calling, answered = Event(), Event()
    real = EmailMultiAlternatives.send

    def slow(mail_out: EmailMultiAlternatives) -> int:
        calling.set()
        assert answered.wait(timeout=10)
        return real(mail_out)

    monkeypatch.setattr(EmailMultiAlternatives, "send", slow)
    sent: list[int] = []

    def work() -> None:
        sent.append(send_messages([message.pk]))
        connection.close()

    first = Thread(target=work)
    first.start()
    assert calling.wait(timeout=10)
    assert Message.objects.get().state == "sending"

    assert send_messages([message.pk]) == 0

    answered.set()
    first.join()
    assert sent == [1]
    assert len(mail.outbox) == 1


def test_what_a_dead_worker_was_sending_is_not_known_and_not_sent_a_second_time(message: Message) -> None:
    [claimed] = claim([message.pk])
    assert claimed.lease_until is not None

    with travel(claimed.lease_until + timedelta(seconds=1)):
        assert send_waiting() == "0 sent, 1 not known"
        assert send_waiting() == "0 sent, 0 not known"

    message.refresh_from_db()
    assert message.state == "unknown"
    assert "nobody knows whether it arrived" in message.error
    assert mail.outbox == []


def test_an_address_that_the_server_refuses_fails_at_once(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    break_mail(monkeypatch, smtplib.SMTPRecipientsRefused({"asha@example.com": (550, b"No such user")}))

    assert send_messages([message.pk]) == 0

    message.refresh_from_db()
    assert message.state == "failed"
    assert "No such user" in message.error


# -- links -------------------------------------------------------------------------------------------------------------


def test_a_token_opens_its_order_and_no_other(order: Order) -> None:
    token = tracking_token(order)

    assert order_of_token(token) == order
    assert len(token.partition("-")[2]) == 22
    for wrong in (
        "",
        "-",
        "1",
        token[:-1],
        f"{token}x",
        f"0{token}x",
        token.replace("-", "--"),
        "999-" + token[2:],
        "१-x",
    ):
        assert order_of_token(wrong) is None


def test_messages_of_parcels_keep_their_order(world: World) -> None:
    make_carrier()
    first = labelled(make_work(world, "W-8", make_line(world.kurta)))
    assert Shipment.objects.count() == 1

    assert (
        queue_messages([("shipped", first.order_id, str(first.pk)), ("delivered", first.order_id, str(first.pk))]) == 2
    )
    assert first.created_at - timedelta(seconds=1) < Message.objects.earliest("pk").created_at
