"""The inbox keeps everything once, whatever is in it."""

from dataclasses import replace

import pytest
from pytest_django import DjangoAssertNumQueries

from channels.base import RawMessage
from channels.models import ChannelAccount, InboundMessage
from channels.services import ignore_messages, receive_messages, replay
from oms.core.errors import Conflict, DomainError
from oms.core.models import Transition
from tests.channels.services.doors import published, states, take, woo


def many(count: int) -> list[RawMessage]:
    return [RawMessage(event_id=f"e{n}", kind="order", external_id=str(n), payload={"id": n}) for n in range(count)]


def test_a_message_received_twice_is_one_row(account: ChannelAccount) -> None:
    assert receive_messages(account, [woo(), woo()], "webhook") == 1
    assert receive_messages(account, [woo()], "poll") == 0

    message = InboundMessage.objects.get()
    assert (message.source, message.external_id, message.state) == ("webhook", "501", "pending")
    assert message.payload == woo().payload
    assert published("channels.MessagesReceived") == [{"account_id": account.pk}]


def test_thousands_of_messages_take_two_statements(
    account: ChannelAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        assert receive_messages(account, many(5000), "file") == 5000
    assert len(published("channels.MessagesReceived")) == 1


def test_messages_keep_the_order_and_the_rows_they_came_in(account: ChannelAccount) -> None:
    receive_messages(account, many(5), "file", row_numbers=[2, 3, 4, 5, 6])

    rows = InboundMessage.objects.order_by("pk").values_list("external_id", "row_number")
    assert list(rows) == [("0", 2), ("1", 3), ("2", 4), ("3", 5), ("4", 6)]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a\x00b", "a\ufffdb"),
        ("\ud800", "?"),
        ("\U0001f600 नमस्ते", "\U0001f600 नमस्ते"),
        ("C:\\u0000", "C:\\u0000"),
        (float("nan"), None),
        (float("inf"), None),
        ({"a\x00": ["\x00"]}, {"a\ufffd": ["\ufffd"]}),
    ],
)
def test_what_the_database_cannot_keep_is_replaced(account: ChannelAccount, value: object, kept: object) -> None:
    message = replace(woo(), event_id="odd\x00id", payload={"note": value})

    assert receive_messages(account, [message], "webhook") == 1

    stored = InboundMessage.objects.get()
    assert stored.payload == {"note": kept}
    assert stored.event_id == "odd\ufffdid"


def test_a_replayed_message_is_pending_again_with_its_correction_beside_the_raw_payload(
    account: ChannelAccount,
) -> None:
    take(account, woo(currency="RUPEES"))
    message = InboundMessage.objects.get()
    assert message.state == "quarantined"

    assert replay([message.pk], {"id": 501, "note": "a\x00b"}, actor="Meera") == [message.pk]

    message.refresh_from_db()
    assert (message.state, message.cause, message.issues) == ("pending", "", [])
    assert message.payload["currency"] == "RUPEES"
    assert message.corrected_payload == {"id": 501, "note": "a\ufffdb"}
    transitions = Transition.objects.filter(model="channels.inbound_message", object_id=message.pk).order_by("pk")
    assert [(row.to_state, row.actor) for row in transitions] == [("quarantined", "Web shop"), ("pending", "Meera")]


def test_a_correction_is_for_one_message_that_waits_for_it(account: ChannelAccount) -> None:
    take(account, woo(501), woo(502))
    first, second = InboundMessage.objects.order_by("pk")

    with pytest.raises(DomainError):
        replay([first.pk, second.pk], {}, actor="Meera")
    with pytest.raises(Conflict):
        replay([first.pk], {}, actor="Meera")

    first.refresh_from_db()
    assert first.corrected_payload is None


def test_a_captured_message_is_not_replayed_and_not_ignored(account: ChannelAccount) -> None:
    take(account, woo())
    message = InboundMessage.objects.get()

    assert replay([message.pk], actor="Meera") == []
    assert ignore_messages([message.pk], "Meera") == []
    assert states(account) == ["captured"]


def test_an_ignored_message_can_be_taken_up_again(account: ChannelAccount) -> None:
    take(account, woo(currency="RUPEES"))
    message = InboundMessage.objects.get()

    assert ignore_messages([message.pk], "Meera", "A test order") == [message.pk]
    assert states(account) == ["ignored"]
    assert replay([message.pk], actor="Meera") == [message.pk]
    assert states(account) == ["pending"]
