"""The transfer screens: from draft to received, with a scanner and without scripts."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import NodeKind, StockLevel, Transfer, TransferLine
from inventory.services import (
    Received,
    StockLine,
    confirm_transfer,
    draft_transfer,
    receive_transfer,
    ship_transfer,
)
from oms.accounts.models import Role, User
from oms.core.ids import uuid7
from tests.factories import World, make_node, make_sku, make_world, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def browser() -> Client:
    return sign_in("manager@example.com", Role.OPS_MANAGER)


def sign_in(email: str, role: str, *nodes: str) -> Client:
    user = User.objects.create_user(email, name="Asha Rao", role=role, all_nodes=not nodes, node_codes=list(nodes))
    client = Client()
    client.force_login(user)
    return client


def made(world: World, state: str, quantity: int = 4) -> Transfer:
    row = draft_transfer(
        from_node_id=world.blr.pk, to_node_id=world.delhi.pk, actor="Ravi",
        lines=[StockLine(world.kurta.pk, quantity), StockLine(world.saree.pk, 2)],
    )  # fmt: skip
    if state != "draft":
        confirm_transfer(transfer_id=row.pk, actor="Ravi")
    if state == "shipped":
        ship_transfer(transfer_id=row.pk, actor="Ravi")
    row.refresh_from_db()
    return row


def sent(**fields: object) -> dict[str, object]:
    return {"idempotency_key": str(uuid7()), **fields}


def test_a_transfer_goes_all_the_way_without_scripts(world: World, browser: Client) -> None:
    page = browser.get("/inventory/transfers/new/").content.decode()
    form = sent(op_key=uuid7(), from_node="blr-01", to_node="del-01", lines="KURTA-M 5\nSAREE-1, 2", note="Diwali")
    answer = browser.post("/inventory/transfers/new/", form)
    again = browser.post("/inventory/transfers/new/", form)
    row = Transfer.objects.get()
    url = f"/inventory/transfers/{row.number}/"
    kurta, saree = row.lines.order_by("pk")

    assert "nothing is reserved before you confirm it" in page
    assert (answer["Location"], again["Location"]) == (url, url)
    assert "ATP there" in browser.get(url).content.decode()
    browser.post(f"{url}confirm/", sent(version=1))
    assert "To pick" in browser.get(url).content.decode()
    browser.post(f"{url}pick/", sent(version=2, finish=1, **{f"picked-{kurta.pk}": 4, f"picked-{saree.pk}": 2}))
    browser.post(f"{url}ship/", sent(version=3, carrier_name="Own van", awb="KA-01", expected_on="2026-12-01"))
    row.refresh_from_db()
    assert (row.state, row.carrier_name, row.expected_on) == ("shipped", "Own van", date(2026, 12, 1))
    browser.post(f"{url}receive/", sent(
        version=4, finish=1, **{f"good-{kurta.pk}": 2, f"damaged-{kurta.pk}": 1, f"good-{saree.pk}": 2}
    ))  # fmt: skip
    assert "1 unit did not come" in browser.get(url).content.decode()
    resolve = f"{url}lines/{kurta.pk}/"
    assert "Written off: the units leave the books" in browser.get(resolve).content.decode()
    browser.post(resolve, sent(version=5, how="lost", quantity=1, note="Seal broken"))

    row.refresh_from_db()
    kurta.refresh_from_db()
    assert (row.state, row.version) == ("closed", 6)
    assert (kurta.received_quantity, kurta.damaged_quantity, kurta.missing_quantity) == (2, 1, 1)
    html = browser.get(url).content.decode()
    assert "Seal broken" in html
    assert StockLevel.objects.get(node=world.blr, sku=world.kurta).on_hand == 6


def test_what_does_not_fit_is_told_on_the_page(world: World, browser: Client) -> None:
    row = made(world, "draft", 40)

    answer = browser.post(f"/inventory/transfers/{row.number}/confirm/", sent(version=1))

    assert answer.status_code == 409
    assert "KURTA-M: 40 wanted, ATP 10" in answer.content.decode()
    row.refresh_from_db()
    assert row.state == "draft"


def test_a_page_that_is_out_of_date_changes_nothing(world: World, browser: Client) -> None:
    row = made(world, "reserved")
    url = f"/inventory/transfers/{row.number}/"

    for step, fields in (("pick", {"finish": 1}), ("ship", {}), ("cancel", {"confirmed": 1})):
        answer = browser.post(f"{url}{step}/", sent(version=1, **fields))
        assert answer.status_code == 409, step
        assert "was changed by someone else" in answer.content.decode(), step

    row.refresh_from_db()
    assert (row.state, row.version) == ("reserved", 2)


def test_scans_pick_and_receive_one_by_one(world: World, browser: Client) -> None:
    row = made(world, "reserved", 2)
    url, barcode = f"/inventory/transfers/{row.number}/", f"890{world.kurta.pk:010d}"
    script = {"HX-Request": "true"}

    def scan(step: str, code: str) -> tuple[str, str]:
        answer = browser.post(f"{url}{step}/scan/", sent(code=code), headers=script)
        outcome = json.loads(answer["HX-Trigger"])["scan"]
        return outcome["result"], outcome["text"]

    assert scan("pick", barcode) == ("ok", "The KURTA-M: 1 of 2")
    assert scan("pick", "saree-1") == ("ok", "The SAREE-1: 1 of 2")
    assert scan("pick", "KURTA-M") == ("ok", "The KURTA-M: 2 of 2")
    assert scan("pick", "KURTA-M")[0] == "wrong"
    assert scan("pick", "SHOE-42") == ("wrong", f"This is The SHOE-42. {row.number} has none of it.")
    assert scan("pick", "nonsense")[0] == "unknown"
    ship_transfer(transfer_id=row.pk, actor="Ravi")
    assert scan("receive", barcode) == ("ok", "The KURTA-M: 1 of 2 came")
    assert scan("receive", "SAREE-1")[0] == "ok"
    assert scan("receive", "SAREE-1")[0] == "wrong"

    kurta = TransferLine.objects.get(transfer=row, sku=world.kurta)
    assert (kurta.picked_quantity, kurta.received_quantity, kurta.in_transit_quantity) == (2, 1, 1)


def test_the_same_scan_sent_twice_counts_once(world: World, browser: Client) -> None:
    row = made(world, "shipped")
    fields = sent(code="KURTA-M")

    for _ in range(2):
        browser.post(f"/inventory/transfers/{row.number}/receive/scan/", fields)

    assert TransferLine.objects.get(transfer=row, sku=world.kurta).received_quantity == 1


def test_bad_numbers_are_told_and_change_nothing(world: World, browser: Client) -> None:
    row = made(world, "shipped")
    kurta = row.lines.get(sku=world.kurta)
    url = f"/inventory/transfers/{row.number}/receive/"

    cases = {"-1": "enter a whole number", "two": "enter a whole number", "9": "only 4 of 4 are in transit"}
    for text, told in cases.items():
        answer = browser.post(url, sent(version=row.version, **{f"good-{kurta.pk}": text}))
        assert answer.status_code in (409, 422)
        assert told in answer.content.decode()

    kurta.refresh_from_db()
    assert kurta.received_quantity == 0


def test_the_list_shows_what_did_not_come(world: World, browser: Client) -> None:
    short, late, fine = made(world, "shipped", 2), made(world, "shipped", 2), made(world, "shipped", 2)
    line = short.lines.get(sku=world.kurta)
    receive_transfer(transfer_id=short.pk, lines=[Received(line_id=line.pk, good=1)], op_key="a", actor="Ravi",
                     finish=True)  # fmt: skip
    Transfer.objects.filter(pk=late.pk).update(expected_on=date.today() - timedelta(days=3))

    html = browser.get("/inventory/transfers/?show=differences").content.decode()
    named = browser.get("/inventory/transfers/?show=all&q=kurta-m&node=del-01").content.decode()
    csv = b"".join(browser.get("/inventory/transfers/export.csv?show=all")).decode()

    assert short.number in html
    assert late.number in html
    assert fine.number not in html
    assert all(row.number in named for row in (short, late, fine))
    assert csv.count("KURTA-M") == 3


def test_chosen_drafts_are_confirmed_each_for_itself(world: World, browser: Client) -> None:
    good, bad = made(world, "draft", 3), made(world, "draft", 30)

    answer = browser.post("/inventory/transfers/bulk/confirm/", {"ids": [good.pk, bad.pk, "x"]}, follow=True)

    html = answer.content.decode()
    assert "1 transfer confirmed." in html
    assert "KURTA-M: 30 wanted, ATP 7" in html
    assert Transfer.objects.get(pk=good.pk).state == "reserved"


def test_each_end_does_its_own_steps(world: World) -> None:
    row = made(world, "reserved")
    other = make_node("pun-s1", city="Pune", postcode="411001", kind=NodeKind.STORE)
    receiver = sign_in("delhi@example.com", Role.STORE_MANAGER, "del-01")
    stranger = sign_in("pune@example.com", Role.STORE_MANAGER, other.code)
    url = f"/inventory/transfers/{row.number}/"

    assert receiver.get(url).status_code == 200
    assert receiver.get(f"{url}pick/").status_code == 403
    assert stranger.get(url).status_code == 404
    assert row.number not in stranger.get("/inventory/transfers/?show=all").content.decode()
    answer = stranger.post("/inventory/transfers/new/", sent(
        op_key=uuid7(), from_node="blr-01", to_node="del-01", lines="KURTA-M 1"
    ))  # fmt: skip
    assert "One of the two nodes must be yours" in answer.content.decode()
    asked = stranger.post("/inventory/transfers/new/", sent(
        op_key=uuid7(), from_node="blr-01", to_node="pun-s1", lines="KURTA-M 1"
    ))  # fmt: skip
    mine = Transfer.objects.get(to_node=other)
    assert asked.status_code == 302
    assert "ATP there" not in stranger.get(f"/inventory/transfers/{mine.number}/").content.decode()


def test_lots_and_serial_numbers_have_fields_of_their_own(world: World, browser: Client) -> None:
    cream, phone = make_sku("CREAM", tracking="lot"), make_sku("PHONE", tracking="serial")
    row = draft_transfer(from_node_id=world.blr.pk, to_node_id=world.delhi.pk, actor="Ravi",
                         lines=[StockLine(cream.pk, 1), StockLine(phone.pk, 1)])  # fmt: skip
    Transfer.objects.filter(pk=row.pk).update(state="reserved")

    html = browser.get(f"/inventory/transfers/{row.number}/pick/").content.decode()

    one, two = row.lines.order_by("pk")
    assert f'name="lots-{one.pk}"' in html
    assert f'name="serials-{two.pk}"' in html


def test_the_paper_is_a_pdf(world: World, browser: Client) -> None:
    row = made(world, "shipped")

    answer = browser.get(f"/inventory/transfers/{row.number}/note.pdf")

    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")


def test_pages_take_the_same_statements_for_twice_the_rows(world: World, browser: Client) -> None:
    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(path).status_code == 200
        return len(queries)

    for _ in range(3):
        made(world, "draft", 1)
    few = statements("/inventory/transfers/?show=all")
    for _ in range(3):
        made(world, "draft", 1)
    assert statements("/inventory/transfers/?show=all") == few

    counts = []
    for size in (3, 6):
        skus = [make_sku(f"P{size}-{number}") for number in range(size)]
        for sku in skus:
            stock(sku, world.blr, 5)
        row = draft_transfer(from_node_id=world.blr.pk, to_node_id=world.delhi.pk, actor="Ravi",
                             lines=[StockLine(sku.pk, 1) for sku in skus])  # fmt: skip
        confirm_transfer(transfer_id=row.pk, actor="Ravi")
        ship_transfer(transfer_id=row.pk, actor="Ravi")
        url = f"/inventory/transfers/{row.number}/"
        counts.append((statements(url), statements(f"{url}receive/")))
    assert counts[0] == counts[1]


def test_the_tower_shows_what_did_not_come_to_who_works_there(world: World, browser: Client) -> None:
    row = made(world, "shipped", 2)
    other = make_node("pun-s1", city="Pune", postcode="411001", kind=NodeKind.STORE)
    stranger = sign_in("pune@example.com", Role.STORE_MANAGER, other.code)
    before = browser.get("/").content.decode()
    receive_transfer(transfer_id=row.pk, lines=[], op_key="none", actor="Ravi", finish=True)

    told = "4 units of transfers did not come, or are late"
    assert told not in before
    assert told in browser.get("/").content.decode()
    assert "units of transfers" not in stranger.get("/").content.decode()


def test_a_reservation_and_a_posting_lead_to_their_transfer(world: World, browser: Client) -> None:
    row = made(world, "reserved")

    html = browser.get(f"/inventory/{world.kurta.pk}/blr-01/").content.decode()

    assert html.count(f'href="/inventory/transfers/{row.number}/"') == 2
    assert f"/inventory/transfers/new/?from=blr-01&amp;lines={world.kurta.code}%201" in html
