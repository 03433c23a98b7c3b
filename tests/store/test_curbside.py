"""A customer in the car: says so without scripts, is seen at the top of the tasks, and met by one person."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client

from fulfillment.models import CurbsideVisit, Shipment
from fulfillment.selectors.pickups import pickup_code, visits_at
from fulfillment.services.curbside import go_out, say_here, say_on_way
from fulfillment.services.pickups import Proof, hand_out
from inventory.models import Node
from oms.accounts.models import Role, User
from oms.core.clock import now
from oms.core.errors import Conflict, NotFound
from oms.notifications.links import tracking_token
from orders.models import OrderEvent
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import make_carrier, make_work, packed
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(client: Client) -> World:
    made = make_world()
    make_carrier()
    stock(made.kurta, made.store, 5)
    Node.objects.filter(pk=made.store.pk).update(curbside_bays=4)
    user = User.objects.create_user("asha@example.com", name="Asha Gowda", role=Role.STORE_ASSOCIATE,
                                    node_codes=["blr-s1"])  # fmt: skip
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return made


@pytest.fixture
def pickup(world: World) -> Shipment:
    return packed(make_work(world, "1", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1"))


def page_of(pickup: Shipment) -> str:
    return f"/t/{tracking_token(pickup.order)}/"


def text_of(response: Any) -> str:
    return str(response.content.decode())


def told(pickup: Shipment) -> list[str]:
    rows = OrderEvent.objects.filter(order=pickup.order_id, kind="curbside").order_by("seq")
    return list(rows.values_list("message", flat=True))


def test_who_comes_again_says_so_again(client: Client, world: World, pickup: Shipment) -> None:
    with time_machine.travel(now() - timedelta(days=1), tick=False):
        visit = say_here(order_id=pickup.order_id, bay=1)
        go_out(visit_id=visit.pk, node_id=world.store.pk, actor="Asha")

    assert visits_at(world.store.pk) == []
    assert "on my way" in text_of(Client().get(page_of(pickup)))
    again = say_here(order_id=pickup.order_id, bay=3)

    [item] = visits_at(world.store.pk)
    assert (item.visit, item.visit.bay, item.visit.met_by, item.is_late) == (again, 3, "", False)


def test_somebody_else_goes_out_when_the_first_one_does_not_come(world: World, pickup: Shipment) -> None:
    with time_machine.travel(now() - timedelta(minutes=4), tick=False):
        visit = say_here(order_id=pickup.order_id, bay=1)
        go_out(visit_id=visit.pk, node_id=world.store.pk, actor="Asha")

    assert go_out(visit_id=visit.pk, node_id=world.store.pk, actor="Manju").met_by == "Manju"
    with pytest.raises(Conflict, match="Manju is on the way"):
        go_out(visit_id=visit.pk, node_id=world.store.pk, actor="Asha")


def test_from_the_way_to_the_car(client: Client, world: World, pickup: Shipment) -> None:
    customer, url = Client(), page_of(pickup)
    assert "on my way" in text_of(customer.get(url))
    for _ in range(2):
        assert customer.post(f"{url}on-my-way/").status_code == 302
    assert "The store knows that you are on the way" in text_of(customer.get(url))
    assert "On the way to us" in text_of(client.get("/s/"))

    for _ in range(2):
        customer.post(f"{url}here/", {"bay": "2", "car": "white  Swift"})
    assert "in bay 2" in text_of(customer.get(url))
    page = text_of(client.get("/s/"))
    assert "Bay 2" in page
    assert "white Swift" in page

    answer = client.post("/s/curbside/go/", {"visit": CurbsideVisit.objects.get().pk})
    assert answer["Location"] == f"/s/collect/{pickup.pk}/"
    assert "Somebody is on the way to you" in text_of(customer.get(url))
    assert "Asha Gowda is on the way" in text_of(client.get("/s/"))
    assert "Asha" not in text_of(customer.get(url)).replace("Asha R", "")

    hand_out(shipment_id=pickup.pk, actor="Asha Gowda", proof=Proof(code=pickup_code(pickup.order)))
    assert visits_at(world.store.pk) == []
    assert "Stay in the car" not in text_of(customer.get(url))
    assert told(pickup) == [
        "The customer is on the way to the store.", "The customer waits in bay 2, white Swift.",
        "On the way to the car in bay 2.",
    ]  # fmt: skip


@pytest.mark.parametrize("bay", ["0", "5", "", "two", "-1", "२"])
def test_a_bay_that_is_not_there_is_refused(pickup: Shipment, bay: str) -> None:
    assert Client().post(f"{page_of(pickup)}here/", {"bay": bay}).status_code == 422
    assert not CurbsideVisit.objects.exists()


def test_a_store_without_bays_offers_none(world: World, pickup: Shipment) -> None:
    Node.objects.filter(pk=world.store.pk).update(curbside_bays=0)

    assert "Stay in the car" not in text_of(Client().get(page_of(pickup)))
    assert Client().post(f"{page_of(pickup)}here/", {"bay": "1"}).status_code == 409
    assert Client().post(f"{page_of(pickup)}on-my-way/").status_code == 409


def test_who_is_not_ready_to_be_brought_out_is_told_so(world: World) -> None:
    work = make_work(world, "2", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1")
    with pytest.raises(Conflict):
        say_on_way(order_id=work.order_id)


def test_the_clock_goes_on_from_the_first_bay_and_turns_red(client: Client, world: World, pickup: Shipment) -> None:
    start = now()
    with time_machine.travel(start, tick=False):
        say_here(order_id=pickup.order_id, bay=1)
    with time_machine.travel(start + timedelta(seconds=170), tick=False):
        say_here(order_id=pickup.order_id, bay=3)
        assert [item.is_late for item in visits_at(world.store.pk)] == [False]
        assert "curb-late" not in text_of(client.get("/s/"))
    with time_machine.travel(start + timedelta(seconds=181), tick=False):
        assert "curb-late" in text_of(client.get("/s/"))
    visit = CurbsideVisit.objects.get()
    assert (visit.here_at, visit.bay) == (start, 3)


def test_one_of_two_goes_out(world: World, pickup: Shipment) -> None:
    visit = say_here(order_id=pickup.order_id, bay=1)

    def go(name: str) -> str:
        try:
            return go_out(visit_id=visit.pk, node_id=world.store.pk, actor=name).met_by
        except Conflict as error:
            return error.message

    answers = at_once([partial(go, "Asha"), partial(go, "Ravi")])

    met = CurbsideVisit.objects.get().met_by
    assert sorted(answers) == sorted([met, f"{met} is on the way to {pickup.order.number} already."])
    assert len(told(pickup)) == 2


def test_a_visit_before_another_store_does_not_exist(client: Client, world: World, pickup: Shipment) -> None:
    visit = say_here(order_id=pickup.order_id, bay=1)
    with pytest.raises(NotFound):
        go_out(visit_id=visit.pk, node_id=world.blr.pk, actor="Ravi")
    User.objects.update(node_codes=["blr-01"])

    assert client.post("/s/curbside/go/", {"visit": visit.pk}).status_code == 404
    assert "Bay 1" not in text_of(client.get("/s/"))


def test_the_database_knows_no_here_without_a_bay(pickup: Shipment) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        CurbsideVisit.objects.create(order=pickup.order, here_at=now())
