"""One SKU at one node: the sentence, the ledger, and changing stock by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels.models import ChannelAccount, Listing
from inventory.models import StockLevel, StockMovement
from inventory.selectors import LedgerFilter, explain_level, find_sku_by_code_or_barcode, iter_ledger, ledger_page
from inventory.services import adjust, set_safety_stock
from oms.accounts.models import User
from oms.core.clock import now
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    user = User.objects.create(email=f"{role}@example.com", role=role, **({"all_nodes": True} | fields))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def level(world: World) -> StockLevel:
    return StockLevel.objects.get(sku=world.kurta, node=world.blr)


def page(world: World, tail: str = "") -> str:
    return f"/inventory/{world.kurta.pk}/blr-01/{tail}"


def busy(world: World) -> None:
    """Four reserved, one damaged, two kept back, of ten."""
    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="damaged", quantity=1, op_key="d", actor="Ravi")
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=2)
    route_orders([capture(world, make_order("A", make_line(world.kurta, 4)))], trigger="captured")


def test_the_sentence_adds_up_to_atp(world: World) -> None:
    assert explain_level(world.kurta.pk, world.blr.pk).sentence == "10 = 10 on hand − 0 reserved"
    busy(world)

    found = explain_level(world.kurta.pk, world.blr.pk)

    assert found.sentence == "3 = 10 in the building − 1 damaged − 4 reserved − 2 safety stock"
    assert sum(part.quantity for part in found.parts) == found.level.atp == 3
    assert found.proof.agrees
    assert found.proof.audited_at is None
    assert [row.open_quantity for row in found.reservations] == [4]


def test_every_number_of_the_drawer_leads_to_its_rows(world: World) -> None:
    busy(world)

    body = signed_in().get(page(world), HTTP_HX_REQUEST="true").content.decode()

    assert "3 = 10 in the building − 1 damaged − 4 reserved − 2 safety stock" in body
    for link in (page(world, "ledger/"), page(world, "ledger/?bucket=damaged"), page(world) + "#reservations",
                 page(world) + "#safety"):  # fmt: skip
        assert f'href="{link}"' in body, link
    assert "Ledger sum = balance" in body
    assert "<html" not in body


def test_a_sku_that_was_never_there_is_explained_too(world: World) -> None:
    body = signed_in().get(f"/inventory/{world.kurta.pk}/blr-s1/").content.decode()

    assert "0 = 0 on hand − 0 reserved" in body
    assert "never had this SKU" in body


def test_a_node_out_of_scope_looks_as_if_it_did_not_exist(world: World) -> None:
    client = signed_in("store_manager", all_nodes=False, node_codes=["blr-s1"])

    for url in (page(world), page(world, "ledger/"), page(world, "adjust/"), "/inventory/nodes/blr-01/",
                "/inventory/nodes/blr-01/switch/", "/inventory/nodes/blr-01/receive/"):  # fmt: skip
        assert client.get(url).status_code == 404, url


def test_the_ledger_runs_its_balance_and_filters_keep_it_true(world: World) -> None:
    busy(world)

    rows = ledger_page(world.kurta.pk, world.blr.pk).rows

    assert [(row.reason, row.change, row.on_hand, row.reserved) for row in rows] == [
        ("reserve", 0, 9, 4), ("damage", -1, 9, 0), ("opening", 10, 10, 0),
    ]  # fmt: skip
    only = ledger_page(world.kurta.pk, world.blr.pk, only=LedgerFilter(bucket="damaged")).rows
    assert [(row.reason, row.on_hand) for row in only] == [("damage", 9)]
    by_order = ledger_page(world.kurta.pk, world.blr.pk, only=LedgerFilter(reference="om-")).rows
    assert [row.reason for row in by_order] == ["reserve"]


def test_the_ledger_pages_by_key_and_is_read_whole_for_export(world: World) -> None:
    for number in range(7):
        adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="found", quantity=1, op_key=f"f{number}", actor="x")

    first = ledger_page(world.kurta.pk, world.blr.pk, size=5)
    second = ledger_page(world.kurta.pk, world.blr.pk, size=5, before=first.before)

    assert ([row.on_hand for row in first.rows], [row.on_hand for row in second.rows]) == (
        [17, 16, 15, 14, 13], [12, 11, 10],
    )  # fmt: skip
    assert second.before == ""
    assert len(list(iter_ledger(world.kurta.pk, world.blr.pk))) == 8


def test_the_ledger_page_and_its_csv(world: World) -> None:
    busy(world)
    client = signed_in()

    assert client.get(page(world, "ledger/?reason=damage&from=2020-01-01&to=nonsense")).status_code == 200
    answer: Any = client.get(page(world, "ledger.csv?reason=damage"))
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert ",Damaged,on_hand,damaged,1,9,0,,Ravi," in lines[1]
    assert signed_in("ops_agent").get(page(world, "ledger.csv")).status_code == 403


def form(**fields: str) -> dict[str, str]:
    return {"op_key": str(uuid4()), "reason": "lost", "quantity": "2", "note": "shelf empty"} | fields


def test_an_adjustment_is_shown_before_it_is_done(world: World) -> None:
    busy(world)
    rows = StockMovement.objects.count()

    body = signed_in().post(page(world, "adjust/"), form()).content.decode()

    assert "Post it" in body
    assert StockMovement.objects.count() == rows


def test_an_adjustment_confirmed_twice_is_posted_once(world: World) -> None:
    client = signed_in()
    data = form(confirmed="1")

    for _ in range(2):
        assert client.post(page(world, "adjust/"), data).status_code == 302

    assert level(world).on_hand == 8
    row = StockMovement.objects.get(reason="lost")
    assert (row.quantity, row.note, row.actor) == (2, "shelf empty", "ops_manager@example.com")


def test_a_count_sets_what_is_on_hand(world: World) -> None:
    signed_in().post(page(world, "adjust/"), form(reason="count", quantity="0", confirmed="1"))

    assert level(world).on_hand == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"quantity": "0"}, "Enter a whole number from 1."),
        ({"quantity": "-3"}, "greater than or equal to 0"),
        ({"reason": "stolen"}, "Select a valid choice"),
        ({"quantity": "8", "confirmed": "1"}, "There is less stock than this would take away"),
        ({"reason": "count", "quantity": "3", "confirmed": "1"}, "There is less stock than this would take away"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_an_adjustment_that_cannot_be_is_refused_and_changes_nothing(
    world: World, fields: dict[str, str], words: str
) -> None:
    route_orders([capture(world, make_order("A", make_line(world.kurta, 4)))], trigger="captured")

    answer = signed_in().post(page(world, "adjust/"), form(**fields))

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert (level(world).on_hand, level(world).reserved) == (10, 4)


def test_the_preview_warns_of_units_that_orders_hold(world: World) -> None:
    route_orders([capture(world, make_order("A", make_line(world.kurta, 9)))], trigger="captured")

    body = signed_in().post(page(world, "adjust/"), form(quantity="5")).content.decode()

    assert "9 units are reserved for orders, 4 too many" in body


def test_roles_without_the_verb_cannot_adjust_receive_or_move(world: World) -> None:
    viewer = signed_in("read_only")
    for url in (page(world, "adjust/"), "/inventory/nodes/blr-01/receive/", "/inventory/nodes/blr-01/move/",
                "/inventory/nodes/blr-01/switch/"):  # fmt: skip
        assert viewer.post(url, form(confirmed="1")).status_code == 403, url
    assert viewer.post(page(world, "safety/"), {"quantity": "5"}).status_code == 403
    assert level(world).on_hand == 10
    body = viewer.get(page(world)).content.decode()
    assert "adjust/" not in body


def test_safety_stock_is_set_from_the_page(world: World) -> None:
    client = signed_in()

    assert client.post(page(world, "safety/"), {"quantity": "3"}).status_code == 302
    assert level(world).atp == 7
    assert client.post(page(world, "safety/"), {"quantity": "-3"}).status_code == 422
    assert client.post(f"/inventory/{world.kurta.pk}/blr-s1/safety/", {"quantity": "1"}).status_code == 422


def test_goods_are_received_by_code_and_barcode_and_repeats_add_up(world: World) -> None:
    client = signed_in()
    lines = f"kurta-m 3\n890{world.shoe.pk:010d}\nKURTA-M, 2\n"
    data = {"op_key": str(uuid4()), "reference": "PO-7", "lines": lines}

    assert "Show what it does" not in client.post("/inventory/nodes/blr-01/receive/", data).content.decode()
    for _ in range(2):
        assert client.post("/inventory/nodes/blr-01/receive/", data | {"confirmed": "1"}).status_code == 302

    assert level(world).on_hand == 15
    assert StockLevel.objects.get(sku=world.shoe, node=world.blr).on_hand == 11


@pytest.mark.parametrize(
    ("lines", "words"),
    [("", "This field is required"), ("NOPE 3", "Not in the catalogue: NOPE."), ("KURTA-M 0", "whole number from 1")],
)
def test_a_receipt_that_cannot_be_read_is_refused(world: World, lines: str, words: str) -> None:
    data = {"op_key": str(uuid4()), "reference": "PO-7", "lines": lines, "confirmed": "1"}

    answer = signed_in().post("/inventory/nodes/blr-01/receive/", data)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert level(world).on_hand == 10


@pytest.mark.django_db(transaction=True)
def test_goods_are_moved_once_and_never_reserved_ones(world: World) -> None:
    client = signed_in()
    data = {"op_key": str(uuid4()), "to_node": "del-01", "lines": "KURTA-M 4", "confirmed": "1"}

    for _ in range(2):
        client.post("/inventory/nodes/blr-01/move/", data)
    refused = client.post("/inventory/nodes/blr-01/move/", data | {"op_key": str(uuid4()), "lines": "KURTA-M 7"})

    assert level(world).on_hand == 6
    assert refused.status_code == 422


def test_moving_out_of_scope_is_not_offered(world: World) -> None:
    client = signed_in("warehouse_lead", all_nodes=False, node_codes=["blr-01"])
    data = {"op_key": str(uuid4()), "to_node": "del-01", "lines": "KURTA-M 4", "confirmed": "1"}

    assert client.post("/inventory/nodes/blr-01/move/", data).status_code == 422
    assert level(world).on_hand == 10


def test_the_sku_page_shows_every_node_and_what_channels_were_told(world: World) -> None:
    account = ChannelAccount.objects.create(channel=world.channel, connector="files")
    Listing.objects.create(account=account, external_sku="K-1", sku=world.kurta, wanted_quantity=20, wanted_version=2,
                           sent_quantity=19, sent_version=1, reported_quantity=18)  # fmt: skip
    client = signed_in()

    body = client.get(f"/inventory/{world.kurta.pk}/").content.decode()
    with CaptureQueriesContext(connection) as queries:
        client.get(f"/inventory/{world.kurta.pk}/")

    for text in ("blr-01", "blr-s1", "del-01", "Web shop", "K-1", "To send", "18"):
        assert text in body
    assert len(queries) <= 12
    assert "K-1" not in signed_in("warehouse_lead").get(f"/inventory/{world.kurta.pk}/").content.decode()


def test_a_scanned_text_means_a_barcode_before_a_code(world: World) -> None:
    assert find_sku_by_code_or_barcode(f" 890{world.saree.pk:010d} ") == world.saree
    assert find_sku_by_code_or_barcode("saree-1") == world.saree
    assert find_sku_by_code_or_barcode("") is None
    assert find_sku_by_code_or_barcode("nothing") is None


def test_the_ledger_of_all_nodes_and_its_csv(world: World) -> None:
    client = signed_in("ops_manager")

    answer = client.get(f"/inventory/{world.kurta.pk}/ledger/")
    whole: Any = client.get(f"/inventory/{world.kurta.pk}/ledger.csv")

    assert "blr-01" in answer.text
    assert "del-01" in answer.text
    rows = b"".join(whole.streaming_content).decode("utf-8-sig").splitlines()
    assert rows[0].startswith("Node,Happened,Recorded,Reason")
    assert len(rows) == 1 + StockMovement.objects.filter(sku=world.kurta).count()


def test_balances_as_of_a_moment_before_the_last_postings(world: World) -> None:
    client = signed_in("ops_manager")
    moment = now() - timedelta(hours=1)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO inventory_stockmovement
            (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, occurred_at, recorded_at)
            VALUES ('early', 1, %s, %s, 'supplier', 'on_hand', 4, 'receipt', %s, %s)""",
            [world.kurta.pk, world.store.pk, moment - timedelta(hours=1), moment - timedelta(hours=1)],
        )
    adjust(node_id=world.store.pk, sku_id=world.kurta.pk, reason="lost", quantity=3, op_key="late", actor="test")
    url = f"/inventory/{world.kurta.pk}/{world.store.code}/ledger/"

    then = client.get(url, {"at": timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M")})
    wrong = client.get(url, {"at": "yesterday"})
    future = client.get(url, {"at": "2999-01-01T10:00"})

    assert then.context["as_of"][0] == ("On hand", 4)
    assert "Enter a date and time" in wrong.text
    assert "has not come yet" in future.text
