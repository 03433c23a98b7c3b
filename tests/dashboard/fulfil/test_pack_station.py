"""The pack station: what a scan does when nothing, a part, or all lies in the box, and what each command does."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from fulfillment.models import FulfillmentOrder, Packing, Shipment
from fulfillment.services import book_shipment, cancel_order
from oms.accounts.models import Role
from tests.dashboard.fulfil.conftest import Show, SignIn
from tests.factories import World, make_line
from tests.fulfillment.floor import make_carrier, make_work, picked

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


def test_commands_undo_put_aside_and_say_what_they_cannot(client: Client, work: FulfillmentOrder) -> None:
    assert scan(client, "OMS-UNDO") == ("wrong", "Nothing is on the bench.")
    assert scan(client, "OMS-REPRINT") == ("wrong", "No parcel was closed here yet.")
    scan(client, work.order.number)
    scan(client, "KURTA-M")
    assert scan(client, "OMS-UNDO") == ("ok", "KURTA-M is out of the box again.")
    assert scan(client, "OMS-CLOSE") == ("wrong", "This box needs 2 x KURTA-M and 1 x SAREE-1.")
    assert scan(client, "OMS-BOX-9") == ("unknown", "There is no box 9.")
    assert scan(client, "OMS-DANCE") == ("unknown", "OMS-DANCE is no command.")
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
