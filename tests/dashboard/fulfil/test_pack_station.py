"""The pack station: what a scan does when nothing, a part, or all lies in the box, and what each command does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import (
    FulfillmentOrder,
    PackCheck,
    Packing,
    PackProof,
    Printer,
    PrintJob,
    Shipment,
)
from fulfillment.services import book_shipment, cancel_order, end_print, take_labels
from oms.accounts.models import Role
from tests.carriers.labels.test_codes_are_read import text_of
from tests.dashboard.fulfil.conftest import Show, SignIn
from tests.factories import World, make_line, make_sku, register_for_tax, stock
from tests.fulfillment.floor import make_carrier, make_work, packed, picked

pytestmark = pytest.mark.django_db(transaction=True)
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def work(world: World, client: Client) -> FulfillmentOrder:
    """Two kurtas and a saree in a tote at Bengaluru, where the bench stands."""
    made = picked(make_work(world, "1", make_line(world.kurta, 2), make_line(world.saree)))
    client.post("/fulfil/pack/node/", {"node": made.node.code})
    return made


def scan(client: Client, code: str, key: str = "") -> tuple[str, str]:
    """What the station says to a code: result and sentence."""
    fields = {"code": code} | ({"idempotency_key": key} if key else {})
    response = client.post("/fulfil/pack/scan/", fields, headers=FRAGMENT)
    assert response.status_code == 200
    said = json.loads(response["HX-Trigger"])["scan"]
    return said["result"], said["text"]


def test_an_order_is_put_on_the_bench_filled_and_packed_by_scans_alone(
    client: Client, world: World, work: FulfillmentOrder, show: Show
) -> None:
    assert "Scan an item, an order or a label" in show("/fulfil/pack/")
    assert scan(client, work.order.number) == ("ok", f"{work.order.number} is on the bench.")

    assert scan(client, "KURTA-M", "a")[0] == "ok"
    assert scan(client, "KURTA-M", "a")[0] == "ok"
    assert Packing.objects.get().scans.count() == 1
    assert scan(client, "SHOE-42")[0] == "wrong"
    assert scan(client, "no such code")[0] == "unknown"
    page = show("/fulfil/pack/")
    assert "1/2" in page
    assert "Medium box" in page
    scan(client, "OMS-BOX-4")
    scan(client, "KURTA-M", "b")
    assert scan(client, "SAREE-1", "c") == ("ok", f"{work.order.number} is packed: 3 items.")
    assert scan(client, "SAREE-1", "c")[0] == "ok"

    parcel = Shipment.objects.get()
    assert (parcel.length_mm, parcel.weight_grams) == (450, sum_of(work) + 320)
    assert "The label is being bought" in show("/fulfil/pack/")
    make_carrier()
    book_shipment(parcel.pk)
    panel = show(f"/fulfil/pack/label/{parcel.pk}/")
    assert f'data-pack-print="{parcel.pk}"' in panel
    parcel.refresh_from_db()
    assert scan(client, parcel.awb) == ("ok", f"The label of {work.order.number}.")


def sum_of(work: FulfillmentOrder) -> int:
    return sum(line.picked * line.sku.weight_grams for line in work.lines.select_related("sku"))


def test_an_item_alone_opens_and_closes_its_order_in_one_scan(
    client: Client, world: World, work: FulfillmentOrder
) -> None:
    single = picked(make_work(world, "2", make_line(world.saree)))

    assert scan(client, "SAREE-1") == ("ok", f"{single.order.number} is packed: 1 item.")
    assert Shipment.objects.get().fulfillment_order_id == single.pk
    assert "Nothing waits" not in client.get("/fulfil/pack/counts/").content.decode()
    assert scan(client, "SAREE-1") == ("wrong", "No order to pack is one SAREE-1 alone. Scan the order of a tote.")


def test_an_item_asks_for_no_order_and_an_order_is_asked_for_as_its_index_has_it(
    client: Client, world: World, work: FulfillmentOrder
) -> None:
    with CaptureQueriesContext(connection) as caught:
        assert scan(client, "SHOE-42")[0] == "wrong"
        assert scan(client, work.order.number.lower())[0] == "ok"
    by_item, by_order = (
        [row["sql"] for row in caught if f"= '{code}'" in row["sql"]] for code in ("SHOE-42", work.order.number)
    )
    assert len(by_item) == 1
    assert not [sql for sql in by_item if "orders_order" in sql or "fulfillment_" in sql]
    assert any('U0."number" = ' in sql for sql in by_order)
    assert not [row["sql"] for row in caught if re.search(r'UPPER\("(orders|fulfillment)_', row["sql"])]


def test_a_scan_costs_so_many_statements(client: Client, world: World, work: FulfillmentOrder) -> None:
    picked(make_work(world, "2", make_line(world.saree)))
    costs = []
    for key, code in enumerate((work.order.number, "KURTA-M", "KURTA-M", "SAREE-1", "SAREE-1")):
        with CaptureQueriesContext(connection) as caught:
            assert scan(client, code, f"key {key}")[0] == "ok"
        costs.append(len(caught))
    # An order, a unit, another one, the last one of three, and an item that is an order alone.
    assert costs == [31, 28, 28, 53, 47]


def test_a_wrong_scan_in_a_large_order_names_five_lines(client: Client, world: World) -> None:
    skus = [make_sku(f"SKU-{number:02}") for number in range(1, 9)]
    for sku in skus:
        stock(sku, world.blr, 1)
    work = picked(make_work(world, "1", *(make_line(sku) for sku in skus)))
    client.post("/fulfil/pack/node/", {"node": work.node.code})
    scan(client, work.order.number)
    needs = "1 x SKU-01, 1 x SKU-02, 1 x SKU-03, 1 x SKU-04, 1 x SKU-05 and 3 more"
    assert scan(client, "SHOE-42") == ("wrong", f"This is The SHOE-42 (SHOE-42). This box needs {needs}.")


def test_commands_undo_put_aside_and_say_what_they_cannot(client: Client, work: FulfillmentOrder) -> None:
    assert scan(client, "OMS-UNDO") == ("wrong", "Nothing is on the bench.")
    assert scan(client, "OMS-REPRINT") == ("wrong", "No parcel was closed here yet.")
    scan(client, work.order.number)
    scan(client, "KURTA-M")
    assert scan(client, "OMS-UNDO") == ("ok", "KURTA-M is out of the box again.")
    assert scan(client, "OMS-CLOSE") == ("wrong", "This box needs 2 x KURTA-M and 1 x SAREE-1.")
    assert scan(client, "OMS-BOX-9") == ("unknown", "There is no box 9.")
    assert scan(client, "OMS-DANCE") == ("unknown", "OMS-DANCE is not in the catalogue. Set it aside.")
    scan(client, "KURTA-M")
    assert scan(client, "OMS-LEAVE")[0] == "ok"

    scan(client, work.order.number)
    assert Packing.objects.get().scans.count() == 1
    assert client.get("/fulfil/pack/commands.pdf")["Content-Type"] == "application/pdf"


def test_an_order_that_is_cancelled_meanwhile_leaves_the_bench(
    client: Client, work: FulfillmentOrder, show: Show
) -> None:
    scan(client, work.order.number)
    cancel_order(order_id=work.order_id, reason="changed_mind", actor="Meera")

    assert "Scan an item, an order or a label" in show("/fulfil/pack/")
    assert scan(client, work.order.number) == ("wrong", f"{work.order.number} was cancelled: put its goods back.")


def test_without_scripts_a_form_does_the_same(client: Client, work: FulfillmentOrder) -> None:
    page = client.post("/fulfil/pack/scan/", {"code": work.order.number}, follow=True).content.decode()

    assert f"{work.order.number} is on the bench." in page
    assert client.post("/fulfil/pack/do/", {"command": "OMS-LEAVE"}).status_code == 302


def test_who_packs_elsewhere_finds_nothing_of_this_node(
    client: Client, sign_in: SignIn, world: World, work: FulfillmentOrder
) -> None:
    sign_in(Role.PACKER, world.delhi.code)

    assert scan(client, work.order.number)[0] == "unknown"
    assert client.post("/fulfil/pack/node/", {"node": work.node.code}).status_code == 404


def told(client: Client, address: str, **fields: object) -> tuple[str, str]:
    """What the station says to one of its forms."""
    response = client.post(f"/fulfil/pack/{address}/", fields, headers=FRAGMENT)
    assert response.status_code == 200
    said = json.loads(response["HX-Trigger"])["scan"]
    return said["result"], said["text"]


def test_what_is_missing_is_asked_for_reported_and_the_rest_closes_by_itself(
    client: Client, world: World, work: FulfillmentOrder, show: Show
) -> None:
    scan(client, work.order.number)
    scan(client, "KURTA-M")
    answer = client.post("/fulfil/pack/do/", {"command": "OMS-ASK-SHORT"}, headers=FRAGMENT).content.decode()
    assert "What is missing, and why?" in answer
    assert "Lowers stock here by this number" in answer
    result, text = scan(client, "OMS-SHORT-1")
    assert (result, text) == ("wrong", "Several items are missing: choose the one below.")

    saree = work.lines.get(sku=world.saree)
    assert told(client, "short", line=saree.pk, quantity="1", reason="not_found")[0] == "ok"
    assert scan(client, "OMS-SHORT-99") == ("unknown", "There is no reason 99.")
    result, text = scan(client, "OMS-SHORT-2")
    assert (result, text) == ("ok", f"{work.order.number} is packed: 1 item.")
    parcel = Shipment.objects.get()
    assert [item.quantity for item in parcel.items.all()] == [1]


def test_nothing_left_to_pack_clears_the_bench(client: Client, world: World, show: Show) -> None:
    work = picked(make_work(world, "1", make_line(world.kurta)))
    client.post("/fulfil/pack/node/", {"node": work.node.code})
    scan(client, work.order.number)
    assert scan(client, "OMS-SHORT-1")[1] == f"Nothing of {work.order.number} is left to pack: it gets another node."
    assert "Scan an item, an order or a label" in show("/fulfil/pack/")
    assert told(client, "short", line="1", quantity="1", reason="not_found") == ("wrong", "Nothing is on the bench.")


def test_an_order_is_held_at_the_bench_with_a_note_and_not_opened_again(
    client: Client, world: World, work: FulfillmentOrder, show: Show
) -> None:
    scan(client, work.order.number)
    answer = client.post("/fulfil/pack/do/", {"command": "OMS-ASK-HOLD"}, headers=FRAGMENT).content.decode()
    assert "Why must somebody look?" in answer
    result, text = told(client, "hold", note="", words="  Box   torn ")
    assert (result, text) == ("ok", f"{work.order.number} is on hold. Put it on the shelf for questions.")
    assert work.order.holds.get().note == "Box torn"
    assert scan(client, work.order.number) == ("wrong", f"{work.order.number} is on hold: Other. Put it aside.")
    assert "Scan an item, an order or a label" in show("/fulfil/pack/")


@pytest.mark.parametrize(
    ("typed", "grams"),
    [("1310", 1310), ("1.31", 1310), ("1,31 kg", 1310), ("1310 g", 1310), ("1.3105", 1310)],
)
def test_a_weight_is_read_as_the_scale_shows_it(
    client: Client, world: World, work: FulfillmentOrder, typed: str, grams: int
) -> None:
    scan(client, work.order.number)
    scan(client, "KURTA-M")
    scan(client, "KURTA-M")
    told(client, "weigh", weight=typed)
    assert Packing.objects.get().boxes.get().weighed_grams == grams


def test_an_odd_weight_is_confirmed_by_a_command_and_no_weight_is_refused(
    client: Client, world: World, work: FulfillmentOrder, show: Show
) -> None:
    PackCheck.objects.create(name="Scale", kind="weigh", words="Weigh it")
    scan(client, work.order.number)
    assert told(client, "weigh", weight="heavy")[0] == "wrong"
    assert scan(client, "OMS-CONFIRM") == ("wrong", "There is nothing to confirm.")
    for code in ("KURTA-M", "KURTA-M"):
        scan(client, code)
    assert scan(client, "SAREE-1") == ("ok", "First: Weigh it.")
    assert told(client, "weigh", weight="9000")[0] == "wrong"
    assert "The weight is odd" in show("/fulfil/pack/")
    assert scan(client, "OMS-CONFIRM") == ("ok", f"{work.order.number} is packed: 3 items.")
    assert Shipment.objects.get().weight_grams == 9000


def test_checks_stand_on_the_screen_and_the_last_one_closes_the_box(
    client: Client, world: World, work: FulfillmentOrder, show: Show, settings: LazySettings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    look = PackCheck.objects.create(name="Seal", kind="confirm", words="Is the seal whole")
    photo = PackCheck.objects.create(name="Photo", kind="photo", words="Photo of the open box")
    PackCheck.objects.create(name="Scale", kind="weigh", words="Weigh it")
    scan(client, work.order.number)
    page = show("/fulfil/pack/")
    assert "Is the seal whole" in page
    assert "Photo of the open box" in page
    assert "Weigh the box: type what the scale says." in page
    for code in ("KURTA-M", "KURTA-M"):
        scan(client, code)
    assert scan(client, "SAREE-1") == ("ok", "First: Is the seal whole.")
    assert scan(client, "SHOE-42") == ("wrong", "First: Is the seal whole.")
    assert scan(client, "OMS-CONFIRM")[1].startswith("Checked: Is the seal whole First: Photo of the open box")
    picture = SimpleUploadedFile("box.png", b"\x89PNG\r\n\x1a\n" + b"0" * 9, "image/png")
    assert told(client, "check", check=photo.pk, photo=picture)[1].startswith("Checked.")
    assert told(client, "check", check=look.pk)[0] == "ok"
    assert told(client, "weigh", weight="1300") == ("ok", f"{work.order.number} is packed: 3 items.")
    assert PackProof.objects.count() == 2
    proof = PackProof.objects.get(check_done=photo)
    parcel = show(f"/fulfil/parcels/{Shipment.objects.get().pk}/")
    assert f'href="/fulfil/checks/{proof.pk}/photo/"' in parcel
    assert "Is the seal whole" in parcel
    shot = client.get(f"/fulfil/checks/{proof.pk}/photo/")
    assert (shot["Content-Type"], b"".join(shot.streaming_content)[:4]) == ("image/png", b"\x89PNG")  # type: ignore[attr-defined]


def test_an_order_in_two_boxes_shows_two_labels(
    client: Client, world: World, work: FulfillmentOrder, show: Show
) -> None:
    make_carrier()
    scan(client, work.order.number)
    scan(client, "KURTA-M")
    assert scan(client, "OMS-NEXT") == ("ok", "Box 2: go on with it.")
    scan(client, "KURTA-M")
    result, text = scan(client, "SAREE-1")
    assert (result, text) == ("ok", f"{work.order.number} is packed: 3 items. 2 boxes: each has its label.")
    for parcel in Shipment.objects.all():
        book_shipment(parcel.pk)
    page = show("/fulfil/pack/")
    assert page.count("data-pack-print=") == 2


def test_each_label_is_scanned_on_its_box_where_the_station_wants_it(
    client: Client, world: World, work: FulfillmentOrder, show: Show
) -> None:
    make_carrier()
    other = picked(make_work(world, "2", make_line(world.shoe)))
    client.post("/fulfil/pack/prove/", {"on": "1"})
    scan(client, work.order.number)
    for code in ("KURTA-M", "KURTA-M", "SAREE-1"):
        scan(client, code)
    # The carrier has not answered yet: nobody waits for that.
    assert scan(client, other.order.number)[0] == "ok"
    scan(client, "OMS-LEAVE")
    parcel = Shipment.objects.get()
    book_shipment(parcel.pk)
    parcel.refresh_from_db()
    assert "Scan the label on the box of" in show("/fulfil/pack/")
    wrong = f"Scan the label on the box of {work.order.number} first: it says {parcel.awb}."
    assert scan(client, other.order.number) == ("wrong", wrong)
    assert scan(client, parcel.awb) == ("ok", f"The label of {work.order.number} is on its box.")
    assert scan(client, other.order.number)[0] == "ok"
    client.post("/fulfil/pack/prove/", {"on": "0"})


def test_a_sku_whose_code_looks_like_a_command_is_packed(client: Client, world: World) -> None:
    sku = make_sku("OMS-MUG")
    stock(sku, world.blr, 2)
    work = picked(make_work(world, "1", make_line(sku)))
    client.post("/fulfil/pack/node/", {"node": work.node.code})
    assert scan(client, "OMS-MUG") == ("ok", f"{work.order.number} is packed: 1 item.")


def test_the_papers_of_a_box_are_one_document_and_a_gift_names_no_price(client: Client, world: World) -> None:
    register_for_tax(world.blr)
    plain = packed(make_work(world, "1", make_line(world.kurta)))
    gift = packed(make_work(world, "2", make_line(world.kurta), is_gift=True, gift_message="For Didi"))
    text = text_of(client.get(f"/fulfil/parcels/{plain.pk}/papers.pdf").content)
    assert "Packing slip" in text
    assert "Tax invoice" in text
    text = text_of(client.get(f"/fulfil/parcels/{gift.pk}/papers.pdf").content)
    assert "For Didi" in text
    assert "999" not in text


def test_what_does_not_print_is_said_and_papers_print_of_every_parcel(client: Client, world: World, show: Show) -> None:
    make_carrier()
    stock(world.kurta, world.store, 1)
    sent = packed(make_work(world, "1", make_line(world.kurta)))
    collected = packed(make_work(world, "2", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1"))
    for parcel, why in (
        (sent, f"The label of {sent.order.number} is not there yet: it prints by itself."),
        (collected, f"{collected.order.number} is collected: it has no label. F7 prints its papers."),
    ):
        client.post("/fulfil/pack/node/", {"node": parcel.node.code})
        session = client.session
        session["pack_last"] = [parcel.pk]
        session.save()
        assert scan(client, "OMS-REPRINT") == ("wrong", why)
        assert f'data-pack-print="{parcel.pk}"' not in show("/fulfil/pack/")
        answer = client.post("/fulfil/pack/do/", {"command": "OMS-PAPERS"}, headers=FRAGMENT)
        assert "The papers print." in answer["HX-Trigger"]
        assert f'data-pack-label="/fulfil/parcels/{parcel.pk}/papers.pdf"' in answer.content.decode()
    client.post("/fulfil/pack/node/", {"node": sent.node.code})
    session = client.session
    session["pack_last"] = [sent.pk]
    session.save()
    book_shipment(sent.pk)
    assert scan(client, "OMS-REPRINT") == ("ok", "Printed again.")


def test_a_station_prints_on_the_printer_it_chose_and_says_what_became_of_it(
    client: Client, world: World, work: FulfillmentOrder, show: Show
) -> None:
    make_carrier()
    zebra = Printer.objects.create(node=world.blr, name="ZEBRA-1")
    Printer.objects.create(node=world.delhi, name="DELHI")
    page = show("/fulfil/pack/")
    assert "ZEBRA-1" in page
    assert "DELHI" not in page
    client.post("/fulfil/pack/printer/", {"printer": zebra.pk})
    scan(client, work.order.number)
    for code in ("KURTA-M", "KURTA-M", "SAREE-1"):
        scan(client, code)
    parcel = Shipment.objects.get()
    book_shipment(parcel.pk)
    page = show("/fulfil/pack/")
    assert "Nobody prints for ZEBRA-1" in page
    assert "data-pack-print=" not in page
    [label] = take_labels(node_codes=None, printers=["ZEBRA-1"], most=5)
    assert "ZEBRA-1: With the agent" in " ".join(show(f"/fulfil/pack/label/{parcel.pk}/").split())
    end_print(job_id=label.job_id, node_codes=None, problem="Out of paper")
    assert "Out of paper" in show("/fulfil/pack/")
    scan(client, "OMS-REPRINT")
    assert PrintJob.objects.filter(state="waiting").count() == 1
    client.post("/fulfil/pack/printer/", {"printer": ""})
    Printer.objects.filter(pk=zebra.pk).update(is_active=False)
    assert "ZEBRA-1</option>" not in show("/fulfil/pack/")
