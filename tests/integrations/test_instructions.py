"""Instructions to a WMS: posted with pauses under one id, or laid into a directory once."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from fulfillment.models import HandOffFile, HandOffInstruction, WmsLink
from fulfillment.services import cancel_order
from fulfillment.services.hand_offs import resend_instructions, take_over
from oms.core.clock import now
from oms.integrations.addresses import BadUrl
from oms.integrations.confirmation_files import read_confirmations
from oms.integrations.services import send_instructions, write_hand_off_files
from oms.integrations.services.hand_off_files import put_into_directory
from oms.integrations.services.instructions import MAX_ATTEMPTS, wake_instructions
from oms.integrations.services.wms_links import LinkWish, save_link
from tests.factories import World, make_line
from tests.fulfillment.floor import make_work
from tests.fulfillment.linked import given, hand_off_of, link, told
from tests.integrations.receiver import Receiver


@pytest.fixture
def by_webhook(world: World, other: Receiver, settings: Settings) -> WmsLink:
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    return save_link(world.blr.pk, LinkWish(mode="webhook", url=other.url))[0]


def given_to_nobody(world: World) -> bool:
    """Whether work that opens now stays with the floor."""
    return not make_work(world, "new", make_line(world.kurta)).with_wms


def let_pass() -> None:
    HandOffInstruction.objects.filter(state="failed").update(next_try_at=now())
    WmsLink.objects.update(quiet_until=None)


def test_an_instruction_keeps_its_id_and_its_words_until_it_is_taken(
    world: World, by_webhook: WmsLink, other: Receiver
) -> None:
    work = given(world)
    other.behave = lambda handler: handler.answer(500, b"no")
    send_instructions(by_webhook.pk)
    assert (told(work), hand_off_of(work).state) == ([(1, "pick", "failed")], "unsubmitted")

    let_pass()
    other.behave = lambda handler: handler.answer(200, b"ok")
    send_instructions(by_webhook.pk)

    first, second = other.heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert first.data["lines"][0]["sku"] == "KURTA-M"
    assert (told(work), hand_off_of(work).state) == ([(1, "pick", "sent")], "submitted")


@pytest.mark.parametrize(("wish", "then"), [(LinkWish(mode="none", url="http://127.0.0.1:1/"), "failed"),
                                            (LinkWish(mode="none"), "pending")])  # fmt: skip
def test_a_wms_whose_link_ended_is_told_of_what_it_has_while_it_has_an_address(
    world: World, by_webhook: WmsLink, wish: LinkWish, then: str
) -> None:
    has, never_told = given(world), given(world, "2")
    HandOffInstruction.objects.filter(hand_off=hand_off_of(never_told)).update(next_try_at=now() + timedelta(days=1))
    send_instructions(by_webhook.pk)
    save_link(world.blr.pk, wish)
    cancel_order(order_id=has.order_id, reason="Changed my mind", actor="Ravi")
    HandOffInstruction.objects.update(next_try_at=now())

    assert wake_instructions() == (1 if then == "failed" else 0)
    send_instructions(by_webhook.pk)

    assert told(has) == [(1, "pick", "sent"), (2, "cancel", then)]
    assert told(never_told) == [(1, "pick", "pending")]
    assert given_to_nobody(world)


def test_a_link_ends_also_where_its_address_is_not_allowed_any_more(
    world: World, by_webhook: WmsLink, other: Receiver, settings: Settings
) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    assert save_link(world.blr.pk, LinkWish(mode="none", url=other.url))[0].ended_mode == "webhook"
    with pytest.raises(BadUrl):
        save_link(world.blr.pk, LinkWish(mode="none", url="https://10.0.0.1/"))


def test_files_go_on_for_the_work_that_a_wms_has_after_its_link_ended(world: World) -> None:
    wms = link(world.blr)
    work = given(world)
    write_hand_off_files()
    given(world, "2")
    save_link(world.blr.pk, LinkWish(mode="none"))
    take_over(hand_off_id=hand_off_of(work).pk, reason="The contract ended", actor="Ravi")

    assert write_hand_off_files() == ["blr-01-000002.csv"]
    assert write_hand_off_files() == []
    assert told(work) == [(1, "pick", "sent"), (2, "stop", "sent")]
    assert HandOffFile.objects.get(link=wms, sequence=2).instructions_in == 1


def test_what_is_never_taken_is_given_up_and_sent_again_by_hand(
    world: World, by_webhook: WmsLink, other: Receiver
) -> None:
    work = given(world)
    other.behave = lambda handler: handler.answer(500, b"no")
    HandOffInstruction.objects.update(attempts=MAX_ATTEMPTS - 1)
    send_instructions(by_webhook.pk)
    assert told(work) == [(1, "pick", "dead")]

    other.behave = lambda handler: handler.answer(200, b"ok")
    assert resend_instructions([HandOffInstruction.objects.get().pk]) == 1
    send_instructions(by_webhook.pk)

    assert told(work) == [(1, "pick", "sent")]


def test_a_file_is_written_once_whole_with_its_checksum(world: World, settings: Settings, tmp_path: Path) -> None:
    settings.HAND_OFF_DIR = str(tmp_path)
    link(world.blr)
    given(world)

    assert write_hand_off_files() == ["blr-01-000001.csv"]
    assert write_hand_off_files() == []

    file = HandOffFile.objects.get()
    path = tmp_path / "blr-01" / file.name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    assert (path.parent / f"{file.name}.sha256").read_text() == f"{file.sha256}  {file.name}\n"
    assert sorted(each.name for each in path.parent.iterdir()) == [file.name, f"{file.name}.sha256"]
    # A file of that name with other contents stays as it is.
    path.write_text("other")
    HandOffFile.objects.update(written_at=None)
    assert not put_into_directory(HandOffFile.objects.select_related("link__node").get(), tmp_path)
    assert (path.read_text(), HandOffFile.objects.get().problem) == ("other", f"Another file lies at {path}.")


def test_numbers_of_files_have_no_gaps(world: World) -> None:
    link(world.blr, file_format="json")
    names = []
    for number in ("1", "2"):
        given(world, number)
        names += write_hand_off_files()

    assert names == ["blr-01-000001.json", "blr-01-000002.json"]


def test_a_file_of_confirmations_names_what_is_wrong_by_row(world: World) -> None:
    text = (
        "event,kind,work,version,sku,quantity,box,reason\n"
        "E1,pack,OM-1-1,1,KURTA-M,two,B1,\n"
        "E2,shorts,OM-1-1,1,KURTA-M,1,,\n"
        "E3,short,OM-1-1,1,KURTA-M,1,,gone\n"
        "E1,pack,OM-2-1,1,SAREE-1,1,B1,\n"
    )

    found = read_confirmations(text.encode())

    assert found.said == []
    assert [(error.row, error.field, error.came) for error in found.errors] == [
        (2, "quantity", "two"), (3, "kind", "shorts"), (4, "reason", "gone"), (5, "work", "OM-2-1"),
    ]  # fmt: skip


def test_rows_of_one_event_are_one_confirmation(world: World) -> None:
    text = (
        "event,kind,work,version,sku,quantity,box,weight_grams,lot\n"
        "E1,pack,OM-1-1,1,KURTA-M,2,B1,900,\nE1,pack,OM-1-1,1,SERUM,1,B1,,LOT-7\nE1,pack,OM-1-1,1,SAREE-1,1,B2,,\n"
    )

    [(row, said)] = read_confirmations(text.encode()).said

    assert (row, said.event_id, [box.ref for box in said.boxes]) == (2, "E1", ["B1", "B2"])
    assert (said.boxes[0].weight_grams, said.boxes[0].parts[1].lots) == (900, (("LOT-7", 1),))


def test_a_cell_too_many_and_a_column_twice_are_said(world: World) -> None:
    head = "event,kind,work,version,reason,sku"
    shifted = f"{head}\r\nE1,reject,OM-1-1,1,Too small, too far,\r\nE2,accept,OM-2-1,1,,,\r\n"
    moved = read_confirmations(shifted.replace("too far,", "too far,KURTA-M").encode("utf-8-sig"))
    twice = read_confirmations(f"{head},sku\nE1,accept,OM-1-1,1,,,\n".encode())

    assert [(error.row, error.field, error.came) for error in moved.errors] == [(2, "file", "7 cells")]
    assert [(error.row, error.field, error.came) for error in twice.errors] == [(1, "sku", "twice")]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"event,kind,work,version\nE1,reject,OM-1-1,1\nE\xe9,accept,OM-1-1,1\n", (3, "file", "the byte 0xe9")),
        ("event,kind\n".encode("utf-16"), (1, "file", "UTF-16")),
        (b"event;kind;work;version\nE1;accept;OM-1-1;1\n", (1, "file", "columns apart by ';'")),
        (b'event,kind,work,version\nE1,accept,OM-1-1,1\nE2,"accept,OM-1-1,1\n', (3, "file", "unexpected end of data")),
        (b"event,kind,work,version\nE1,accept,OM\x00-1-1,1\n", (2, "work", "a NUL (U+0000)")),
        (b"event,kind,work,version\nE1,accept," + b"O" * 501 + b",1\n", (2, "work", "501 characters")),
    ],
)
def test_what_is_no_such_csv_names_the_row(raw: bytes, said: tuple[int, str, str]) -> None:
    found = read_confirmations(raw)
    assert [(error.row, error.field, error.came) for error in found.errors] == [said]


def test_what_a_webhook_was_being_sent_comes_in_a_file(world: World, by_webhook: WmsLink) -> None:
    work = given(world)
    rows = HandOffInstruction.objects.all()
    rows.update(state="sending", lease_until=now() + timedelta(minutes=1))
    WmsLink.objects.update(mode="file")

    assert write_hand_off_files() == []
    rows.update(lease_until=now() - timedelta(minutes=1))
    assert write_hand_off_files() == ["blr-01-000001.csv"]
    assert (told(work), hand_off_of(work).state) == ([(1, "pick", "sent")], "submitted")
