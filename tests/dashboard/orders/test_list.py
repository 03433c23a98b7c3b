"""The list: what it shows, what it finds, what it keeps."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Shipment
from fulfillment.services import pack, pick
from oms.accounts.models import User
from oms.dashboard.models import SavedView
from orders.models import Order
from orders.services import place_hold
from returns.models import Return
from tests.dashboard.orders.conftest import SignIn, routed
from tests.factories import World, capture, make_line, make_order

pytestmark = pytest.mark.django_db


def numbers(html: str) -> list[str]:
    return re.findall(r"data-open>(OM-\d+)<", html)


def test_the_list_shows_newest_first_with_every_default_column(ops: Client, world: World, order: Order) -> None:
    html = ops.get("/orders/").content.decode()

    assert numbers(html) == [order.number]
    for words in ("Asha Rao", "Bengaluru 560001", "2 items", "KURTA-M", "₹1,998.00", "Released", "blr-01", "Prepaid"):
        assert words in html
    assert "1 orders" in html


@pytest.mark.parametrize(("role", "status"), [
    ("admin", 200), ("ops_agent", 200), ("customer_service", 200), ("finance", 200), ("read_only", 200),
    ("packer", 200), ("integrator", 200), ("store_associate", 403),
])  # fmt: skip
def test_who_may_open_the_list(sign_in: SignIn, order: Order, role: str, status: int) -> None:
    assert sign_in(role).get("/orders/").status_code == status


def test_visitors_are_sent_to_sign_in(client: Client) -> None:
    assert client.get("/orders/").status_code == 302


def test_people_who_may_not_read_personal_data_see_masks(sign_in: SignIn, order: Order) -> None:
    html = sign_in("read_only").get("/orders/?cols=order,customer,phone,email").content.decode()

    assert "A•• R••" in html
    assert "+91 98xxx xx345" in html
    assert "a•••@example.com" in html
    assert "Asha" not in html
    assert "asha@example.com" not in html


def test_people_of_other_nodes_see_nothing(sign_in: SignIn, order: Order) -> None:
    assert numbers(sign_in("packer", node_codes=["del-01"]).get("/orders/").content.decode()) == []
    assert numbers(sign_in("packer", node_codes=["blr-01"]).get("/orders/").content.decode()) == [order.number]


def test_twice_the_rows_take_the_same_queries(ops: Client, world: World) -> None:
    for index in range(3):
        routed(world, f"a{index}", quantity=1)
    ops.get("/orders/")
    with CaptureQueriesContext(
        connection,
    ) as few:
        ops.get("/orders/")
    for index in range(3):
        routed(world, f"b{index}", quantity=1)
    with CaptureQueriesContext(connection) as many:
        assert len(numbers(ops.get("/orders/").content.decode())) == 6

    assert len(many) == len(few)
    assert len(many) <= 20


@pytest.mark.parametrize("kind", ["number", "digits", "external id", "AWB", "work", "return", "email", "phone"])
def test_an_exact_id_goes_straight_to_its_object(ops: Client, world: World, kind: str) -> None:
    routed(world, "other", customer_email="x@example.com", customer_phone="+919811111111")
    order = routed(world, "EXT-77")
    work = order.fulfillment_orders.get()
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Ravi")
    [shipment] = pack(fulfillment_order_id=work.pk, actor="Ravi")
    Shipment.objects.filter(pk=shipment.pk).update(awb="149012345678")
    back = Return.objects.create(number="RTO-5", kind="rto", state="in_transit", order=order, node=world.blr)
    text, anchor = {
        "number": (order.number.lower(), ""), "digits": (order.number.removeprefix("OM-"), ""),
        "external id": ("EXT-77", ""), "AWB": ("149012345678", f"#shipment-{shipment.pk}"),
        "work": (work.number, f"#work-{work.pk}"), "return": ("rto-5", f"#return-{back.pk}"),
        "email": ("ASHA@example.com", ""), "phone": ("+91 98450 12345", ""),
    }[kind]  # fmt: skip

    response = ops.get("/orders/", {"q": text})

    assert response.status_code == 302
    assert response["Location"] == f"/orders/{order.number}/{anchor}"


def test_an_id_of_several_orders_lists_them(ops: Client, world: World) -> None:
    routed(world, "1")
    routed(world, "2")

    response = ops.get("/orders/", {"q": "asha@example.com"})

    assert response.status_code == 200
    assert len(numbers(response.content.decode())) == 2


def test_an_id_outside_the_scope_finds_nothing(sign_in: SignIn, order: Order) -> None:
    response = sign_in("packer", node_codes=["del-01"]).get("/orders/", {"q": order.number})

    assert response.status_code == 200
    assert numbers(response.content.decode()) == []


def test_filters_are_chips_that_can_be_removed(ops: Client, order: Order) -> None:
    html = ops.get("/orders/", {"q": "status:released sku:KURTA-M"}).content.decode()

    assert numbers(html) == [order.number]
    assert 'href="?view=all&amp;q=sku%3AKURTA-M"' in html
    assert 'href="?view=all&amp;q=status%3Areleased"' in html


def test_a_filter_that_cannot_be_read_is_told(ops: Client, order: Order) -> None:
    html = ops.get("/orders/", {"q": "colour:red"}).content.decode()

    assert "was not used as a filter" in html
    assert numbers(html) == [order.number]


def test_the_forms_of_the_menus_fold_into_the_search_line(ops: Client, order: Order) -> None:
    response = ops.get("/orders/", {"q": "asha", "f_channel": "web", "f_status": "", "f_sla": "<2h", "after": "x"})

    assert response["Location"] == "/orders/?q=asha+channel%3Aweb+sla%3A%3C2h"


def test_columns_can_be_chosen(ops: Client, order: Order) -> None:
    response = ops.get("/orders/", {"view": "all", "col": ["order", "phone", "pin"]}, follow=True)
    html = response.content.decode()

    assert response.redirect_chain[0][0] == "/orders/?view=all&q=&cols=order%2Cphone%2Cpin"
    assert "+919845012345" in html
    assert "560001" in html
    assert "KURTA-M" not in html


def test_pages_follow_each_other(ops: Client, world: World) -> None:
    for index in range(51):
        capture(world, make_order(f"o{index}", make_line(world.kurta, 1)))
    first = ops.get("/orders/")
    html = first.content.decode()
    assert len(numbers(html)) == 50
    [following] = re.findall(r'href="(\?[^"]*after=[^"]*)"[^>]*rel="next"', html)

    second = ops.get(f"/orders/{following.replace('&amp;', '&')}").content.decode()

    assert len(numbers(second)) == 1
    assert set(numbers(html)) | set(numbers(second)) == set(Order.objects.values_list("number", flat=True))


def test_each_empty_list_says_why(ops: Client, world: World) -> None:
    assert "No orders yet" in ops.get("/orders/").content.decode()
    order = routed(world, "1")
    assert "All caught up" in ops.get("/orders/?view=rto").content.decode()
    assert "0 in RTO, 1 in All" in ops.get("/orders/?view=rto&q=sku:KURTA-M").content.decode()
    html = ops.get("/orders/?q=sku:KURTA-M+cod:yes").content.decode()
    assert "“cod:yes” removes the most: without it there are 1 orders." in html
    assert order.number not in html


def test_rows_are_refreshed_only_when_something_changed(ops: Client, world: World, order: Order) -> None:
    html = ops.get("/orders/").content.decode()
    url = re.search(r'id="orders-rows"[^>]*hx-get="([^"]+)"', html)
    version = re.search(r'id="orders-rows"[^>]*data-version="([^"]+)"', html)
    assert url is not None
    assert version is not None
    address = url[1].replace("&amp;", "&")
    again = {"HX-Request": "true", "X-Fragment-Version": version[1]}
    assert ops.get(address, headers=again).status_code == 204

    place_hold(order_id=order.pk, reason="fraud_risk", source="x", handle="x", actor="x")
    routed(world, "2")
    response = ops.get(address, headers=again)

    assert response.status_code == 200
    html = response.content.decode()
    assert numbers(html) == [order.number]
    assert "Fraud check" in html
    assert "1 new order, show" in html


def test_the_tabs_are_refreshed_alone(ops: Client, order: Order) -> None:
    html = ops.get("/orders/tabs/?view=ship", headers={"HX-Request": "true"}).content.decode()

    assert "Needs action" in html
    assert "<html" not in html


def test_a_view_is_saved_shared_changed_and_deleted(ops: Client, sign_in: SignIn, order: Order) -> None:
    response = ops.post("/orders/views/", {"name": "Kurtas", "list": "view=ship&q=sku:KURTA-M&cols=order,phone",
                                           "shared": "1"})  # fmt: skip
    view = SavedView.objects.get()
    assert response["Location"] == f"/orders/?{view.query}&saved={view.pk}"
    assert (view.is_shared, view.columns) == (True, ["order", "phone"])
    agent = sign_in("ops_agent")
    html = agent.get(f"/orders/?saved={view.pk}", follow=True).content.decode()
    assert "Kurtas" in html
    assert numbers(html) == [order.number]

    changed = "view=ship&q=sku:KURTA-M+cod:no"
    assert "unsaved changes" in ops.get(f"/orders/?{changed}&saved={view.pk}").content.decode()
    ops.post(f"/orders/views/{view.pk}/", {"list": changed})
    assert SavedView.objects.get().query == "view=ship&q=sku%3AKURTA-M+cod%3Ano"

    assert agent.post(f"/orders/views/{view.pk}/", {"list": ""}).status_code == 404
    agent.post(f"/orders/views/{view.pk}/delete/")
    assert SavedView.objects.count() == 1
    ops.post(f"/orders/views/{view.pk}/share/")
    assert SavedView.objects.get().is_shared is False
    ops.post(f"/orders/views/{view.pk}/delete/")
    ops.post(f"/orders/views/{view.pk}/delete/")
    assert SavedView.objects.count() == 0


def test_a_view_without_a_name_twice_or_shared_without_the_right_is_refused(ops: Client, sign_in: SignIn) -> None:
    assert ops.post("/orders/views/", {"name": " ", "list": ""}).status_code == 422
    ops.post("/orders/views/", {"name": "Mine", "list": ""})
    assert ops.post("/orders/views/", {"name": "Mine", "list": ""}).status_code == 422
    assert sign_in("ops_agent").post("/orders/views/", {"name": "S", "list": "", "shared": "1"}).status_code == 403
    assert SavedView.objects.count() == 1
    assert User.objects.count() == 2
