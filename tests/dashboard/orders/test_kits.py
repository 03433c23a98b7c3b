"""Kits on the order page: components below their kit, cancelled in whole kits; and at the shelf."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from fulfillment.models import FulfillmentOrder
from fulfillment.selectors import with_lines
from fulfillment.selectors.picking import pick_rows
from fulfillment.services import open_fulfillment_orders
from oms.accounts.models import Role, User
from oms.notifications.letters import write_letter
from oms.portal.story import tell
from orders.models import Order, OrderKit
from orders.services import UnitMove, move_units
from routing.services import route_orders
from tests.channels.services.doors import make_account, take, woo
from tests.channels.woocommerce.orders import line_payload
from tests.factories import World, make_world, stock
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


def leave(order: Order, code: str, units: int) -> None:
    """Units leave, as far as the order's lines know."""
    move_units([UnitMove(order.lines.get(sku_code=code).pk, "unallocated", "shipped", units)])


def cancelled(order: Order) -> dict[str, int]:
    return dict(order.lines.values_list("sku_code", "cancelled"))


def test_the_rest_of_a_kit_that_left_in_part_is_offered_and_cancelled(client: Client, order: Order) -> None:
    leave(order, "SHOE-42", 3)
    leave(order, "KURTA-M", 5)
    url = reverse("dashboard:order_cancel", args=[order.number])
    field = f"kit_{OrderKit.objects.get().pk}"
    asked = client.get(url)
    [(line, open_units, chosen)] = asked.context["lines"]
    assert (line.field, line.untouched, line.torn, open_units, chosen) == (field, 0, 1, 1, 1)
    text = " ".join(asked.content.decode().split())
    assert "0 have not left and the rest of 1 that has left in part" in text
    assert "Cancelling the whole order" in text
    assert "readonly" not in text.split(f'id="id_{field}"')[1].split(">")[0]

    wrong = client.post(url, {field: "2", "reason": "Short", "preview": "1"})
    assert "2 of GIFT-SET cannot be cancelled: 1 have not left in full yet" in wrong.content.decode()
    done = client.post(url, {field: "1", "reason": "Short", "seen_units": asked.context["seen_units"]})

    assert done.status_code == 302
    assert cancelled(order) == {"KURTA-M": 1, "SHOE-42": 0}


def test_the_rest_of_a_kit_stays_where_only_another_line_is_cancelled(client: Client, world: World) -> None:
    make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))
    both = [line_payload(id=71, sku="GIFT-SET", quantity=1), line_payload(id=72, sku="SAREE-1", quantity=2)]
    take(make_account(world), woo(line_items=both))
    order = Order.objects.get()
    leave(order, "SHOE-42", 1)
    url = reverse("dashboard:order_cancel", args=[order.number])
    kit = f"kit_{OrderKit.objects.get().pk}"
    fields = {kit: "0", f"line_{order.lines.get(sku_code='SAREE-1').pk}": "2", "reason": "Changed mind"}

    preview = client.post(url, fields | {"preview": "1"})
    assert "Cancelling 2 units" in preview.content.decode()
    client.post(url, fields | {"seen_units": preview.context["seen_units"]})
    assert cancelled(order) == {"KURTA-M": 0, "SHOE-42": 0, "SAREE-1": 2}

    rest = {kit: "1", "reason": "Changed mind"}
    preview = client.post(url, rest | {"preview": "1"})
    client.post(url, rest | {"seen_units": preview.context["seen_units"]})
    assert cancelled(order) == {"KURTA-M": 2, "SHOE-42": 0, "SAREE-1": 2}


def test_whole_kits_are_chosen_before_the_rest_of_those_that_left_in_part(client: Client, order: Order) -> None:
    leave(order, "SHOE-42", 1)
    url = reverse("dashboard:order_cancel", args=[order.number])
    field = f"kit_{OrderKit.objects.get().pk}"
    preview = client.post(url, {field: "2", "reason": "Changed mind", "preview": "1"})
    client.post(url, {field: "2", "reason": "Changed mind", "seen_units": preview.context["seen_units"]})
    assert cancelled(order) == {"KURTA-M": 4, "SHOE-42": 2}


def test_a_new_plan_says_how_many_units_of_kits_would_wait(client: Client, world: World, order: Order) -> None:
    stock(world.kurta, world.blr, 2)
    stock(world.kurta, world.delhi, 0)
    route_orders([order.pk], trigger="captured")

    text = client.get(reverse("dashboard:order_reroute", args=[order.number])).content.decode()

    # Two of the three gift sets, of two kurtas and a pair of shoes each.
    assert "6 units would wait for stock." in text


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
