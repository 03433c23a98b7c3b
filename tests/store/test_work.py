"""The way of an order through a store, without scripts and with them; doing a thing twice does it once."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentOrder, Manifest, Shipment
from fulfillment.selectors.pickups import pickup_code
from fulfillment.services import cancel_order, pick
from inventory.models import Node
from oms.accounts.models import Role, User
from oms.notifications.links import tracking_url
from orders.canonical import CanonicalPayment
from orders.models import Order, OrderEvent
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed, picked, stock_of, units_of

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"HX-Request": "true"}


@pytest.fixture
def world(client: Client) -> World:
    made = make_world()
    make_carrier()
    Node.objects.filter(pk=made.blr.pk).update(auto_accept=False)
    user = User.objects.create_user("asha@example.com", "a long pass phrase", name="Asha Gowda",
                                    role=Role.STORE_ASSOCIATE, node_codes=["blr-01", "blr-s1"])  # fmt: skip
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/s/node/", {"node": "blr-01"})
    return made


@pytest.fixture
def work(world: World) -> FulfillmentOrder:
    return make_work(world, "1", make_line(world.kurta, 2), make_line(world.saree))


def text_of(response: Any) -> str:
    return str(response.content.decode())


def scanned(response: object) -> dict[str, str]:
    return dict(json.loads(response["HX-Trigger"])["scan"])  # type: ignore[index]


def test_an_order_goes_through_the_store_without_scripts(client: Client, world: World, work: FulfillmentOrder) -> None:
    assert "Accept 1 order" in text_of(client.get("/s/"))
    walk = client.post("/s/accept/take/", {"work": work.pk})["Location"]
    assert walk == f"/s/pick/?work={work.pk}"
    page = text_of(client.get(walk))
    assert "0 of 3 items" in page
    assert "KURTA-M" in page

    client.post("/s/pick/scan/", {"work": work.pk, "code": "KURTA-M"})
    client.post("/s/pick/take/", {"work": work.pk, "sku": "KURTA-M", "quantity": "1"})
    page = text_of(client.post("/s/pick/take/", {"work": work.pk, "sku": "SAREE-1", "quantity": "1"}, follow=True))
    assert "3 of 3 items" in page
    assert "Pack 1 order" in page

    page = text_of(client.get(f"/s/work/{work.pk}/pack/"))
    assert 'value="1290"' in page
    answer = client.post(f"/s/work/{work.pk}/pack/close/", {"box": "medium", "weight": "1300"})
    assert answer["Location"] == f"/s/work/{work.pk}/packed/"

    shipment = Shipment.objects.get()
    assert (shipment.weight_grams, shipment.length_mm) == (1300, 350)
    assert units_of(work.order_id) == {"packed": 3}
    assert "The label is being bought" in text_of(client.get(answer["Location"]))


def test_a_scan_has_three_outcomes(client: Client, world: World, work: FulfillmentOrder) -> None:
    def scan(code: str) -> dict[str, str]:
        return scanned(client.post("/s/pick/scan/", {"work": work.pk, "code": code}, headers=HX))

    assert scan("KURTA-M") == {"result": "ok", "text": "The KURTA-M: 1 of 2"}
    assert scan("SHOE-42") == {"result": "wrong", "text": "This is The SHOE-42. You need The KURTA-M."}
    assert scan("4444444444")["result"] == "unknown"
    scan("KURTA-M")
    assert scan("KURTA-M") == {
        "result": "wrong", "text": "You have all 2 of The KURTA-M already. Put this one back."
    }  # fmt: skip
    assert units_of(work.order_id) == {"released": 1, "picked": 2}


def test_the_same_scan_sent_twice_counts_once(client: Client, work: FulfillmentOrder) -> None:
    form = {"work": work.pk, "code": "KURTA-M", "idempotency_key": str(uuid4())}

    answers = [client.post("/s/pick/scan/", form, headers=HX) for _ in range(3)]

    assert {scanned(answer)["text"] for answer in answers} == {"The KURTA-M: 1 of 2"}
    assert units_of(work.order_id) == {"released": 2, "picked": 1}


@pytest.mark.parametrize("quantity", ["0", "-1", "3", "x", "", "1" * 30])
def test_an_impossible_number_picks_nothing(client: Client, work: FulfillmentOrder, quantity: str) -> None:
    form = {"work": work.pk, "sku": "KURTA-M", "quantity": quantity}

    assert scanned(client.post("/s/pick/take/", form, headers=HX))["result"] == "wrong"

    assert units_of(work.order_id) == {"released": 3}


def test_a_walk_over_several_orders_serves_the_first_due_first(client: Client, world: World) -> None:
    first, second = (make_work(world, name, make_line(world.kurta, 2)) for name in ("1", "2"))
    both = f"{first.pk},{second.pk}"
    assert "2 orders" in text_of(client.get(f"/s/pick/?work={both}"))

    client.post("/s/pick/take/", {"work": both, "sku": "KURTA-M", "quantity": "3"})

    assert units_of(first.order_id) == {"picked": 2}
    assert units_of(second.order_id) == {"released": 1, "picked": 1}


def test_a_short_pick_of_a_walk_leaves_the_first_orders_whole(client: Client, world: World) -> None:
    first, second = (make_work(world, name, make_line(world.kurta, 2)) for name in ("1", "2"))
    both = f"{first.pk},{second.pk}"
    page = text_of(client.get(f"/s/pick/short/?work={both}&sku=KURTA-M"))
    assert "Moves this number to damaged stock" in page

    form = {"work": both, "sku": "KURTA-M", "quantity": "1", "reason": "damaged", "idempotency_key": str(uuid4())}
    for _ in range(2):
        assert client.post("/s/pick/short/report/", form).status_code == 302

    assert units_of(first.order_id) == {"released": 2}
    assert units_of(second.order_id) == {"released": 1, "unallocated": 1}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 9, "reserved": 3, "damaged": 1}


@pytest.mark.parametrize("form", [{}, {"reason": "bored"}, {"reason": "not_found", "quantity": "9"}])
def test_an_incomplete_short_pick_comes_back_with_what_is_wrong(
    client: Client, work: FulfillmentOrder, form: dict[str, str]
) -> None:
    answer = client.post("/s/pick/short/report/", {"work": work.pk, "sku": "KURTA-M", "quantity": "1"} | form)

    assert answer.status_code == 422
    assert 'role="alert"' in text_of(answer)
    assert units_of(work.order_id) == {"released": 3}


def test_refusing_sends_the_order_on(client: Client, work: FulfillmentOrder) -> None:
    assert client.post(f"/s/work/{work.pk}/reject/send/", {}).status_code == 422

    form = {"reason": "Too busy today", "idempotency_key": str(uuid4())}
    for _ in range(2):
        assert client.post(f"/s/work/{work.pk}/reject/send/", form).status_code == 302

    work.refresh_from_db()
    assert (work.state, work.end_reason) == ("rejected", "Too busy today")
    assert units_of(work.order_id) == {"unallocated": 3}


def test_an_order_cancelled_meanwhile_says_what_to_put_back(client: Client, work: FulfillmentOrder) -> None:
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Asha")
    cancel_order(order_id=work.order_id, reason="Changed their mind", actor="care")

    page = text_of(client.post("/s/pick/scan/", {"work": work.pk, "code": "SAREE-1"}, headers=HX))
    assert "Put back 2 items" in page
    assert "Changed their mind" in page
    assert "Put back 2 items" in text_of(client.get("/s/"))
    pack_page = client.get(f"/s/work/{work.pk}/pack/")
    assert (pack_page.status_code, "Put back 2 items" in text_of(pack_page)) == (409, True)

    form = {"idempotency_key": str(uuid4())}
    for _ in range(2):
        client.post(f"/s/work/{work.pk}/put-back/", form)

    assert "Put back" not in text_of(client.get("/s/")).replace("put back.", "")
    assert OrderEvent.objects.filter(kind="put_back").count() == 1


@pytest.mark.parametrize("form", [{"box": "medium"}, {"box": "medium", "weight": "0"}, {"weight": "400"},
                                  {"box": "crate", "weight": "400"}, {"box": "small", "weight": "heavy"}])  # fmt: skip
def test_a_parcel_without_box_or_weight_is_not_closed(
    client: Client, work: FulfillmentOrder, form: dict[str, str]
) -> None:
    picked(work)

    answer = client.post(f"/s/work/{work.pk}/pack/close/", form)

    assert answer.status_code == 422
    assert Shipment.objects.count() == 0


def test_closing_the_parcel_twice_makes_one(client: Client, work: FulfillmentOrder) -> None:
    picked(work)
    form = {"box": "small", "weight": "900", "idempotency_key": str(uuid4())}

    for _ in range(2):
        assert client.post(f"/s/work/{work.pk}/pack/close/", form).status_code == 302

    assert Shipment.objects.count() == 1


def test_the_pack_screen_shows_gift_and_cash(client: Client, world: World) -> None:
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=99_900)
    work = make_work(world, "1", make_line(world.kurta), payment=payment, is_gift=True, gift_message="For Meera")
    picked(work)

    page = text_of(client.get(f"/s/work/{work.pk}/pack/"))

    assert "₹999.00" in page
    assert "For Meera" in page


def test_the_label_is_shown_in_the_page_and_served_as_pdf(client: Client, world: World) -> None:
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))

    page = text_of(client.get(f"/s/work/{shipment.fulfillment_order_id}/packed/"))
    label = client.get(f"/s/labels/{shipment.pk}.pdf")

    assert f'src="/s/labels/{shipment.pk}.pdf' in page
    assert 'class="qr"' in page
    assert label.content.startswith(b"%PDF")
    assert label["X-Frame-Options"] == "SAMEORIGIN"


# -- handing over ------------------------------------------------------------------------------------------------------


def test_parcels_are_scanned_onto_a_manifest_and_leave_with_the_driver(client: Client, world: World) -> None:
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))
    other = make_carrier("blue", priority=5)
    foreign = labelled(make_work(world, "2", make_line(world.kurta)))
    assert foreign.carrier_account == other
    address = client.post("/s/handover/open/", {"account": shipment.carrier_account_id})["Location"]

    def scan(code: str) -> dict[str, str]:
        return scanned(client.post(f"{address}scan/", {"code": code}, headers=HX))

    assert scan(shipment.awb)["result"] == "ok"
    assert scan(foreign.awb) == {"result": "wrong", "text": f"{foreign.awb} goes with Blue, not with Riders."}
    assert scan("nonsense")["result"] == "unknown"

    assert client.post(f"{address}close/", {"driver_name": " "}).status_code == 422
    form = {"driver_name": "Suresh", "vehicle": "KA 01", "idempotency_key": str(uuid4())}
    for _ in range(2):
        assert client.post(f"{address}close/", form).status_code == 302

    manifest = Manifest.objects.get()
    assert (manifest.state, manifest.driver_name) == ("closed", "Suresh")
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8, "packed": 1}


def test_a_parcel_that_is_cancelled_after_its_scan_is_named_until_it_is_out_of_the_pile(
    client: Client, world: World
) -> None:  # fmt: skip
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))
    address = client.post("/s/handover/open/", {"account": shipment.carrier_account_id})["Location"]
    client.post(f"{address}scan/", {"code": shipment.awb}, headers=HX)
    cancel_order(order_id=shipment.order_id, reason="Changed their mind", actor="care")

    assert f"Take {shipment.awb} out of the pile" in text_of(client.get(address))
    for sent in (shipment.pk, shipment.pk, "none"):
        assert client.post(f"{address}out/", {"parcel": sent}).status_code == 302

    assert f"Take {shipment.awb} out" not in text_of(client.get(address))
    assert OrderEvent.objects.filter(order=shipment.order_id, kind="taken_out", actor="Asha Gowda").count() == 1


@pytest.fixture
def pickup(client: Client, world: World) -> Shipment:
    stock(world.kurta, world.store, 5)
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=99_900)
    work = make_work(world, "9", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1",
                     payment=payment)  # fmt: skip
    client.post("/s/node/", {"node": "blr-s1"})
    return packed(work)


def test_a_pickup_is_handed_out_after_the_checks_and_once(client: Client, world: World, pickup: Shipment) -> None:
    address = f"/s/collect/{pickup.pk}/"
    assert "₹999.00" in text_of(client.get(address))
    code = pickup_code(pickup.order)
    assert client.post(f"{address}done/", {"who": "customer", "code": code}).status_code == 422
    assert client.post(f"{address}done/", {"who": "other", "paid": "1", "code": code}).status_code == 422
    assert stock_of(world.kurta, world.store) == {"on_hand": 4, "packed": 1}

    form = {"who": "other", "collected_by": "Ravi  Menon", "relation": "brother", "paid": "1", "code": code,
            "idempotency_key": str(uuid4())}  # fmt: skip
    for _ in range(2):
        assert client.post(f"{address}done/", form).status_code == 302

    assert stock_of(world.kurta, world.store) == {"on_hand": 4}
    assert Order.objects.get().stage == "delivered"
    assert "Handed over" in text_of(client.get(address))


@pytest.mark.parametrize("code", ["number", "customer's code"])
def test_a_scan_at_the_counter_opens_the_pickup(client: Client, pickup: Shipment, code: str) -> None:
    text = pickup.order.number if code == "number" else tracking_url(pickup.order)

    answer = client.post("/s/handover/scan/", {"code": text}, headers=HX)

    assert answer["HX-Redirect"].startswith(f"/s/collect/{pickup.pk}/")
    page = text_of(client.get(answer["HX-Redirect"]))
    assert ("showed the code" in page) == (code != "number")


# -- looking around ----------------------------------------------------------------------------------------------------


def test_looking_an_item_up_shows_stock_here_nearby_and_who_needs_it(
    client: Client, world: World, work: FulfillmentOrder
) -> None:
    page = text_of(client.get("/s/look-up/", {"code": world.kurta.barcodes.get().code}))

    assert work.order.number in page
    assert "Delhi, 1736 km" in page
    assert "Nothing here has the code nonsense" in text_of(client.get("/s/look-up/", {"code": "nonsense"}))
    assert client.get("/s/look-up/", {"code": work.order.number})["Location"] == f"/s/work/{work.pk}/"


@pytest.mark.parametrize(
    ("stage", "target"),
    [("open", "/s/accept/#work-{pk}"), ("accepted", "/s/pick/?work={pk}"), ("picked", "/s/work/{pk}/pack/"),
     ("packed", "/s/work/{pk}/packed/")],
)  # fmt: skip
def test_one_address_of_work_leads_to_the_screen_its_state_asks_for(
    client: Client, work: FulfillmentOrder, stage: str, target: str
) -> None:
    if stage == "accepted":
        FulfillmentOrder.objects.update(state="accepted")
    if stage == "picked":
        picked(work)
    if stage == "packed":
        packed(work)

    assert client.get(f"/s/work/{work.pk}/")["Location"] == target.format(pk=work.pk)


def test_the_task_list_answers_204_while_nothing_changed(client: Client, world: World, work: FulfillmentOrder) -> None:
    page = text_of(client.get("/s/"))
    version = page.partition('data-version="')[2].partition('"')[0]

    assert client.get("/s/", headers=HX | {"X-Fragment-Version": version}).status_code == 204
    make_work(world, "2", make_line(world.shoe))
    assert client.get("/s/", headers=HX | {"X-Fragment-Version": version}).status_code == 200


@pytest.mark.parametrize("path", ["/s/", "/s/accept/", "/s/handover/"])
def test_a_page_asks_as_often_for_many_orders_as_for_few(client: Client, world: World, path: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    for name in ("1", "2"):
        make_work(world, name, make_line(world.kurta))
    labelled(make_work(world, "3", make_line(world.shoe)))
    queries()
    few = queries()
    for name in ("4", "5"):
        make_work(world, name, make_line(world.saree))
    labelled(make_work(world, "6", make_line(world.shoe)))

    assert queries() == few
    assert few <= 25
