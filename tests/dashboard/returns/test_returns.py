"""The list of what comes back and the desk where it is received."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Shipment
from fulfillment.services import hand_over
from oms.accounts.models import Role, User
from oms.dashboard.returns.views import PAGE_ROWS
from returns.models import Return
from returns.services import expect_rto
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import labelled, make_carrier, make_work, stock_of, units_of
from tests.fulfillment.to_store import allow_transfers, on_the_road, order_to_collect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(client: Client) -> World:
    sign_in(client, Role.OPS_AGENT, all_nodes=True)
    made = make_world()
    make_carrier()
    return made


def sign_in(client: Client, role: str, **fields: object) -> None:
    user = User.objects.create_user(f"{role}@example.com", "a long pass phrase", role=role, **fields)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")


@pytest.fixture
def parcel(world: World) -> Shipment:
    shipment = labelled(make_work(world, "1", make_line(world.kurta, 2), make_line(world.saree)))
    hand_over(shipment_ids=[shipment.pk], actor="dock")
    return shipment


@pytest.fixture
def item(parcel: Shipment) -> Return:
    return expect_rto(shipment_id=parcel.pk)


def form(item: Return, *choices: str) -> dict[str, str]:
    lines = item.lines.order_by("pk")
    return {f"line-{line.pk}": choice for line, choice in zip(lines, choices, strict=True)}


def test_a_scanned_parcel_is_shown_with_what_happens_and_received_with_one_button(
    client: Client, world: World, parcel: Shipment, item: Return
) -> None:
    text = client.get("/returns/desk/", {"code": parcel.awb}).content.decode()
    assert item.number in text
    assert "KURTA-M: on hand at blr-01" in text

    address = f"/returns/{item.pk}/"
    preview = client.post(f"{address}preview/", form(item, "damaged", "missing"), headers={"HX-Request": "true"})
    assert "KURTA-M: damaged at blr-01" in preview.content.decode()
    assert "SAREE-1: 1 missing" in preview.content.decode()
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8}

    body = form(item, "damaged", "missing") | {"idempotency_key": str(uuid4())}
    for _ in range(2):
        assert client.post(f"{address}receive/", body)["Location"] == "/returns/desk/"

    assert stock_of(world.kurta, world.blr) == {"on_hand": 8, "damaged": 2}
    assert stock_of(world.saree, world.blr) == {"on_hand": 9}
    assert units_of(parcel.order_id) == {"shipped": 3, "returned": 3}
    assert "Received" in client.get(address).content.decode()


def test_without_scripts_the_preview_is_a_page_that_changes_nothing(client: Client, world: World, item: Return) -> None:
    answer = client.post(f"/returns/{item.pk}/receive/", form(item, "quarantine", "restock") | {"preview": "1"})

    assert answer.status_code == 200
    assert "KURTA-M: quarantine at blr-01" in answer.content.decode()
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8}


def test_a_line_without_a_decision_comes_back(client: Client, world: World, item: Return) -> None:
    answer = client.post(f"/returns/{item.pk}/receive/", form(item, "restock", ""))

    assert answer.status_code == 422
    assert "Say what happens to SAREE-1." in answer.content.decode()
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8}


def test_a_parcel_that_nobody_announced_can_be_received(client: Client, parcel: Shipment) -> None:
    text = client.get("/returns/desk/", {"code": parcel.awb}).content.decode()
    assert "has not announced this parcel" in text

    answers = {client.post("/returns/desk/expect/", {"code": parcel.awb}).status_code for _ in range(2)}

    assert answers == {302, 404}
    assert Return.objects.get().shipment == parcel
    assert "Unknown parcel" in client.get("/returns/desk/", {"code": "nonsense"}).content.decode()


def test_the_list_keeps_what_is_open_apart_from_what_is_put_away(client: Client, item: Return) -> None:
    assert item.number in client.get("/returns/").content.decode()
    assert item.number not in client.get("/returns/?show=done").content.decode()
    assert item.number not in client.get("/returns/?node=del-01").content.decode()

    client.post(f"/returns/{item.pk}/receive/", form(item, "restock", "restock"))

    assert "Nothing is coming back" in client.get("/returns/").content.decode()
    assert item.number in client.get("/returns/?show=done").content.decode()
    assert item.number in client.get("/returns/?show=all").content.decode()


def test_a_return_of_another_node_does_not_exist(client: Client, item: Return, parcel: Shipment) -> None:
    sign_in(client, Role.STORE_MANAGER, node_codes=["blr-s1"])

    assert item.number not in client.get("/returns/").content.decode()
    assert client.get(f"/returns/{item.pk}/").status_code == 404
    for action in ("preview", "receive"):
        assert client.post(f"/returns/{item.pk}/{action}/", form(item, "restock", "restock")).status_code == 404
    assert "Unknown parcel" in client.get("/returns/desk/", {"code": parcel.awb}).content.decode()
    assert client.post("/returns/desk/expect/", {"code": parcel.awb}).status_code == 404


def test_who_only_reads_sees_the_return_but_not_the_button(client: Client, item: Return) -> None:
    sign_in(client, Role.READ_ONLY, all_nodes=True)

    text = client.get(f"/returns/{item.pk}/").content.decode()

    assert item.number in text
    assert 'type="radio"' not in text
    assert client.post(f"/returns/{item.pk}/receive/", form(item, "restock", "restock")).status_code == 403
    assert client.get("/returns/desk/").status_code == 403


@pytest.mark.parametrize("role", [Role.STORE_ASSOCIATE, Role.PACKER, Role.INTEGRATOR])
def test_returns_need_the_verb_to_see_them(client: Client, item: Return, role: str) -> None:
    sign_in(client, role, all_nodes=True)

    assert client.get("/returns/").status_code == 403
    assert client.get(f"/returns/{item.pk}/").status_code == 403


def test_visitors_are_asked_to_sign_in(client: Client) -> None:
    for path in ("", "desk/", "1/"):
        assert client.get(f"/returns/{path}")["Location"].startswith("/accounts/login/")


def test_a_return_is_found_by_return_and_order_number_too(client: Client, item: Return) -> None:
    for code in (item.number, item.order.number, f" {item.number.lower()} "):
        assert f"/returns/{item.pk}/receive/" in client.get("/returns/desk/", {"code": code}).content.decode()


def test_the_desk_without_a_code_says_what_to_scan(client: Client, world: World) -> None:
    assert "Scan the parcel in your hand" in client.get("/returns/desk/").content.decode()


def test_what_is_received_is_not_received_again_with_other_choices(client: Client, world: World, item: Return) -> None:
    client.post(f"/returns/{item.pk}/receive/", form(item, "restock", "restock"))

    again = client.post(f"/returns/{item.pk}/receive/", form(item, "damaged", "missing"))

    assert again.status_code in (302, 409)
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}
    assert stock_of(world.saree, world.blr) == {"on_hand": 10}


@pytest.mark.parametrize("choice", ["sold", "pending", "RESTOCK"])
def test_a_decision_that_does_not_exist_is_refused(client: Client, world: World, item: Return, choice: str) -> None:
    answer = client.post(f"/returns/{item.pk}/receive/", form(item, choice, "restock"))

    assert answer.status_code == 422
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8}
    assert Return.objects.get().state == item.state


def test_filters_that_make_no_sense_show_the_open_ones(client: Client, item: Return) -> None:
    for query in ("show=nonsense", "after=x", f"after={'9' * 30}", "node="):
        assert item.number in client.get(f"/returns/?{query}").content.decode()
    assert "No return matches" in client.get("/returns/?show=done&node=blr-01").content.decode()


def test_the_list_goes_on_where_the_page_ended(client: Client, parcel: Shipment, item: Return) -> None:
    Return.objects.bulk_create(
        Return(number=f"T-{n:03d}", order=item.order, node=item.node, kind="rto", state="in_transit")
        for n in range(PAGE_ROWS + 1)
    )

    first = client.get("/returns/").content.decode()
    address = first.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    second = client.get(f"/returns/{address}").content.decode()

    assert (item.number in first, "T-000" in first, "T-049" in first) == (True, True, False)
    assert (item.number in second, "T-000" in second, "T-049" in second, "T-050" in second) == (
        False,
        False,
        True,
        True,
    )


def test_the_list_asks_as_often_for_many_as_for_few(client: Client, item: Return) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/returns/").status_code == 200
        return len(captured)

    queries()
    few = queries()
    Return.objects.bulk_create(
        Return(number=f"T-{n}", order=item.order, node=item.node, kind="rto", state="in_transit") for n in range(5)
    )

    assert queries() == few <= 15


def test_a_parcel_to_a_store_is_no_return_and_its_goods_go_back_on_hand(client: Client, world: World) -> None:
    allow_transfers()
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    awb = sent_to_store(order_id)

    shown = client.get("/returns/desk/", {"code": awb}).content.decode()
    refused = client.post("/returns/desk/expect/", {"code": awb})
    body = {"code": awb, "idempotency_key": str(uuid4())}
    answers = [client.post("/returns/desk/sent-back/", body) for _ in range(2)]

    assert "This parcel is no return of a customer" in shown
    assert f"Back at {world.blr.name}" in shown
    assert (refused.status_code, Return.objects.count()) == (404, 0)
    assert [answer["Location"] for answer in answers] == ["/returns/desk/", "/returns/desk/"]
    assert (units_of(order_id), stock_of(world.kurta, world.blr)) == ({"unallocated": 2}, {"on_hand": 10})
    assert "Unknown parcel" in client.get("/returns/desk/", {"code": awb}).content.decode()


def test_who_does_not_see_the_sending_node_does_not_take_its_parcel_to_a_store_back(
    client: Client, world: World
) -> None:
    allow_transfers()
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    awb = sent_to_store(order_id)
    sign_in(client, Role.STORE_MANAGER, node_codes=["del-01"])

    assert "Unknown parcel" in client.get("/returns/desk/", {"code": awb}).content.decode()
    assert client.post("/returns/desk/sent-back/", {"code": awb}).status_code == 404
    assert units_of(order_id) == {"packed": 2}


def sent_to_store(order_id: int) -> str:
    """The AWB of the parcel that is on its way to the store now."""
    parcel = on_the_road(order_id).arrives_in
    assert parcel is not None
    return parcel.awb
