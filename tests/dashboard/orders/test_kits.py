"""Kits on the order page: components below their kit, cancelled in whole kits; and at the shelf."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from fulfillment.models import FulfillmentOrder
from fulfillment.selectors import pick_rows, with_lines
from fulfillment.services import open_fulfillment_orders
from oms.accounts.models import Role, User
from oms.notifications.letters import write_letter
from oms.portal.story import tell
from orders.models import Order, OrderKit
from routing.services import route_orders
from tests.channels.services.doors import make_account, take, woo
from tests.factories import World, make_world
from tests.fulfillment.floor import labelled, make_carrier
from tests.kits import make_kit

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def order(world: World) -> Order:
    """Three gift sets of two kurtas and a pair of shoes."""
    make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))
    take(make_account(world), woo(sku="GIFT-SET", quantity=3))
    return Order.objects.get()


@pytest.fixture
def client() -> Client:
    user = User.objects.create(email="lead@example.com", role=Role.ADMIN, all_nodes=True, all_channels=True)
    made = Client()
    made.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return made


def test_components_stand_below_their_kit(client: Client, order: Order) -> None:
    text = client.get(reverse("dashboard:order", args=[order.number])).content.decode()
    places = [text.index(words) for words in ('class="kit-row"', "2 in each GIFT-SET", "1 in each GIFT-SET")]
    assert places == sorted(places)
    assert text.count('class="kit-row"') == 1
    assert "not shipped" in text


def test_whole_kits_are_cancelled_after_a_preview(client: Client, order: Order) -> None:
    url = reverse("dashboard:order_cancel", args=[order.number])
    field = f"kit_{OrderKit.objects.get().pk}"
    assert field in client.get(url).content.decode()
    preview = client.post(url, {field: "1", "reason": "Changed mind", "preview": "1"})
    assert "Cancelling 3 units" in preview.content.decode()
    wrong = client.post(url, {field: "4", "reason": "Changed mind", "preview": "1"})
    assert (wrong.status_code, "4 of GIFT-SET cannot be cancelled: 3 have not left yet" in wrong.content.decode()) == (
        422, True,
    )  # fmt: skip

    seen = preview.context["seen_units"]
    done = client.post(url, {field: "1", "reason": "Changed mind", "seen_units": seen})
    assert done.status_code == 302
    assert list(order.lines.order_by("position").values_list("cancelled", flat=True)) == [2, 1]


def test_the_shelf_says_which_kit_units_are_for(world: World, order: Order) -> None:
    route_orders([order.pk], trigger="captured")
    open_fulfillment_orders([order.pk])
    work = list(with_lines(FulfillmentOrder.objects.all()))
    assert {row.sku.code: row.kits for row in pick_rows(world.blr.pk, work)} == {
        "KURTA-M": ["GIFT-SET"], "SHOE-42": ["GIFT-SET"],
    }  # fmt: skip


def test_customers_read_of_the_kit_and_what_a_parcel_has_of_it(world: World, order: Order) -> None:
    letter = write_letter("confirmation", order)
    assert "KURTA-M" not in letter.text
    route_orders([order.pk], trigger="captured")
    make_carrier()
    [work_id] = open_fulfillment_orders([order.pk])
    parcel = labelled(FulfillmentOrder.objects.get(pk=work_id))
    shipped = write_letter("shipped", order, parcel)
    assert f"part of {OrderKit.objects.get().name}" in shipped.text


def test_the_customers_page_says_what_belongs_to_the_kit(client: Client, order: Order) -> None:
    story = tell(order)
    assert [(goods.name, goods.options, goods.quantity) for goods in story.waiting] == [
        ("The KURTA-M", f"part of {OrderKit.objects.get().name}", 6),
        ("The SHOE-42", f"part of {OrderKit.objects.get().name}", 3),
    ]
