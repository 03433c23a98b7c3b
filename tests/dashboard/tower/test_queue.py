"""What stands in the queue, in which order, and what its actions do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import open_fulfillment_orders, pack, pick_all, reject
from inventory.services import switch_node
from oms.accounts.access import principal_of_user
from oms.accounts.models import User
from oms.core.clock import now
from oms.core.models import Delivery, OutboxEvent
from oms.dashboard.tower.queue import QueueRow, build_queue
from oms.reporting.node_load import nodes_now
from oms.reporting.scope import Scope
from orders.models import Order
from orders.services import place_hold
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.flow.driver import drain

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def world() -> World:
    return make_world()


def someone(role: str = "ops_manager", **fields: Any) -> User:
    return User.objects.create(email=f"{role}@example.com", role=role, **({"all_nodes": True} | fields))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def queue(user: User) -> dict[str, QueueRow]:
    principal = principal_of_user(user)
    return {row.key: row for row in build_queue(principal, nodes_now(Scope.of(principal))).rows}


def an_order(world: World, name: str, quantity: int = 1, due_minutes: int = 600) -> int:
    """An order that is routed and whose work is open at a node; due in so many minutes."""
    order_id = capture(world, make_order(name, make_line(world.kurta, quantity), placed_at=timezone.now()))
    Order.objects.filter(pk=order_id).update(ship_by=now() + timedelta(minutes=due_minutes))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    return order_id


def confirm(client: Client, url: str, ids: list[int], **fields: str) -> Any:
    data = {"confirmed": "1", "ids": ",".join(map(str, ids)), "idempotency_key": "k1"} | fields
    answer: Any = client.post(url, data)
    return answer


def test_a_calm_day_has_an_empty_queue(world: World) -> None:
    an_order(world, "A")

    assert queue(someone()) == {}


def test_orders_late_at_one_node_are_one_row_with_their_count_and_value(world: World) -> None:
    for name in ("A", "B"):
        an_order(world, name, due_minutes=-10)

    row = queue(someone())["late:blr-01"]

    assert (row.count, row.value_minor, row.sentence) == (2, 199_800, "blr-01 is behind: 2 to pick")
    assert row.due_at is not None
    assert row.due_at < now()


def test_an_order_due_within_two_hours_is_at_risk_and_a_later_one_is_not(world: World) -> None:
    an_order(world, "SOON", due_minutes=60)
    an_order(world, "LATER", due_minutes=180)

    row = queue(someone())["at_risk:blr-01"]

    assert row.count == 1


def test_an_order_without_stock_names_the_sku(world: World) -> None:
    order_id = capture(world, make_order("A", make_line(world.shoe, 99)))
    route_orders([order_id], trigger="captured")

    row = queue(someone())["unroutable:SHOE-42"]

    assert (row.sentence, row.act_label) == ("No node has enough SHOE-42", "Try again")


def test_an_order_that_nobody_decided_needs_somebody_only_after_a_while(world: World) -> None:
    order_id = capture(world, make_order("A", make_line(world.kurta)))
    assert queue(someone()) == {}

    Order.objects.filter(pk=order_id).update(captured_at=now() - timedelta(minutes=6))

    assert queue(User.objects.get())["undecided:"].count == 1


def test_work_given_back_that_nobody_else_can_take_tells_the_reason(world: World) -> None:
    order_id = an_order(world, "A", quantity=10)
    work = FulfillmentOrder.objects.get(order_id=order_id)
    stock(world.kurta, world.delhi, 0)
    reject(fulfillment_order_id=work.pk, reason="Wet boxes", actor="Ravi")
    route_orders([order_id], trigger="work withdrawn")

    row = queue(someone())["rejected:blr-01"]

    assert row.sentence == "blr-01 gave the work back and no other node can take it: Wet boxes"


def test_a_held_order_stands_under_its_hold_and_not_under_late(world: World) -> None:
    order_id = an_order(world, "A", due_minutes=-5)
    place_hold(order_id=order_id, reason="cod_unconfirmed", source="rule", handle="h", actor="rule")

    rows = queue(someone())

    assert set(rows) == {"payment:cod_unconfirmed"}
    assert rows["payment:cod_unconfirmed"].act_label == "Release"


def test_a_parcel_without_a_label_shows_the_carriers_words(world: World) -> None:
    shipment = a_parcel_without_label(world)

    row = queue(someone())["label:Pincode not served"]

    assert (row.count, row.sentence) == (1, "Pincode not served (blr-01)")
    assert Shipment.objects.get().pk == shipment.pk


def a_parcel_without_label(world: World) -> Shipment:
    order_id = an_order(world, "A")
    work = FulfillmentOrder.objects.get(order_id=order_id)
    pick_all(fulfillment_order_id=work.pk, actor="Ravi")
    pack(fulfillment_order_id=work.pk, actor="Ravi")
    shipment = Shipment.objects.get()
    Shipment.objects.filter(pk=shipment.pk).update(problem="Pincode not served")
    return shipment


def test_a_node_that_is_off_with_work_is_a_row_that_can_be_switched_on(world: World) -> None:
    an_order(world, "A")
    switch_node(node_id=world.blr.pk, active=False, reason="Power cut")

    row = queue(someone())["node_off:blr-01"]

    assert row.sentence == "blr-01 is switched off: Power cut; 1 orders are still there"
    assert row.act_url == "/inventory/nodes/blr-01/switch/"


def test_a_full_node_is_told(world: World) -> None:
    type(world.blr).objects.filter(pk=world.blr.pk).update(daily_capacity=1)
    an_order(world, "A")

    assert queue(someone())["node_full:blr-01"].sentence == "blr-01 took 1 of 1 orders today"


def test_broken_promises_come_first_by_value_then_the_next_to_break(world: World) -> None:
    an_order(world, "SOON", due_minutes=90)
    small = an_order(world, "SMALL", due_minutes=-600)
    big = capture(world, make_order("BIG", make_line(world.saree, 3), placed_at=timezone.now()))
    Order.objects.filter(pk=big).update(ship_by=now() - timedelta(minutes=1))
    for order_id, reason in ((small, "bad_address"), (big, "fraud_risk")):
        place_hold(order_id=order_id, reason=reason, source="rule", handle="h", actor="rule")
    principal = principal_of_user(someone())

    built = build_queue(principal, [])

    assert [row.key for row in built.rows] == ["hold:fraud_risk", "address:bad_address", "at_risk:blr-01"]
    assert built.next_breach is not None
    assert built.next_breach.key == "at_risk:blr-01"


def test_many_causes_of_one_kind_are_shown_five_by_five(world: World) -> None:
    for number in range(8):
        order_id = an_order(world, f"A{number}")
        Shipment.objects.create(order_id=order_id, node=world.blr, problem=f"Problem {number}",
                                fulfillment_order=FulfillmentOrder.objects.get(order_id=order_id))  # fmt: skip

    rows = queue(someone())

    assert len([key for key in rows if key.startswith("label:")]) == 6
    assert rows["label:*"].count == 3
    assert rows["label:*"].url == "/tower/kinds/label/"


def test_people_of_one_node_see_that_node_only(world: World) -> None:
    an_order(world, "A", due_minutes=-10)
    switch_node(node_id=world.delhi.pk, active=False, reason="Flood")
    local = someone("store_manager", all_nodes=False, node_codes=["del-01"])

    assert set(queue(local)) == {"node_off:del-01"}
    body = signed_in(local).get("/tower/trouble/late/?cause=blr-01").content.decode()
    assert "Nothing is left here" in body


def test_people_of_one_channel_see_that_channel_only(world: World) -> None:
    an_order(world, "A", due_minutes=-10)

    assert queue(someone(all_channels=False, channel_codes=["amazon"])) == {}


def test_roles_without_the_verb_are_shown_no_action_and_refused_one(world: World) -> None:
    order_id = an_order(world, "A", due_minutes=-10)
    viewer = someone("read_only")

    assert queue(viewer)["late:blr-01"].act_url == ""
    answer = confirm(signed_in(viewer), "/tower/trouble/late/act/?cause=blr-01", [order_id])
    assert answer.status_code == 403


def test_the_preview_says_what_a_reroute_would_do_and_changes_nothing(world: World) -> None:
    an_order(world, "A", due_minutes=-10)
    decisions = FulfillmentOrder.objects.count()

    body = signed_in(someone()).get("/tower/trouble/late/act/?cause=blr-01").content.decode()

    assert "Decide again for 1 order?" in body
    assert "1 order: stay at blr-01" in body
    assert FulfillmentOrder.objects.count() == decisions


def test_trying_again_after_stock_came_routes_the_orders(world: World) -> None:
    order_id = capture(world, make_order("A", make_line(world.shoe, 30)))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    stock(world.shoe, world.blr, 60)
    client = signed_in(someone())

    answer = confirm(client, "/tower/trouble/unroutable/act/?cause=SHOE-42", [order_id])

    assert answer.status_code == 302
    assert Order.objects.get(pk=order_id).stage == "released"
    assert "unroutable:SHOE-42" not in queue(User.objects.get())


def test_an_action_touches_only_what_its_preview_showed(world: World) -> None:
    shown, later = an_order(world, "A"), an_order(world, "B")
    for order_id in (shown, later):
        place_hold(order_id=order_id, reason="cod_unconfirmed", source="rule", handle="h", actor="rule")
    client = signed_in(someone())

    confirm(client, "/tower/trouble/payment/act/?cause=cod_unconfirmed", [shown])

    assert [Order.objects.get(pk=pk).open_holds for pk in (shown, later)] == [0, 1]


def test_the_same_form_sent_twice_acts_once_and_answers_the_same(world: World) -> None:
    order_id = an_order(world, "A")
    place_hold(order_id=order_id, reason="cod_unconfirmed", source="rule", handle="h", actor="rule")
    client = signed_in(someone())
    url = "/tower/trouble/payment/act/?cause=cod_unconfirmed"

    first, second = (confirm(client, url, [order_id]) for _ in range(2))

    assert (first.status_code, second.status_code) == (302, 302)


def test_an_action_that_is_too_late_is_refused_in_words(world: World) -> None:
    order_id = an_order(world, "A")

    answer = confirm(signed_in(someone()), "/tower/trouble/payment/act/?cause=cod_unconfirmed", [order_id])

    assert answer.status_code == 422
    assert "somebody or the system was first" in answer.content.decode()


def test_asking_again_for_a_label_books_in_the_background(world: World) -> None:
    shipment = a_parcel_without_label(world)
    drain()
    Shipment.objects.filter(pk=shipment.pk).update(problem="Pincode not served", state="created")
    OutboxEvent.objects.all().delete()

    answer = confirm(signed_in(someone()), "/tower/trouble/label/act/?cause=Pincode+not+served", [shipment.pk])

    assert answer.status_code == 302
    assert OutboxEvent.objects.filter(kind="fulfillment.ParcelPacked", payload__shipment_id=shipment.pk).exists()


def test_an_unknown_kind_is_not_there(world: World) -> None:
    client = signed_in(someone())

    assert client.get("/tower/trouble/nonsense/").status_code == 404
    assert client.get("/tower/trouble/ndr/act/").status_code == 404
    assert client.get("/tower/kinds/nonsense/").status_code == 404


def test_the_queue_takes_as_many_queries_for_two_orders_as_for_four(world: World) -> None:
    user = someone()
    client = signed_in(user)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/tower/parts/queue/").status_code == 200
        return len(queries)

    for name in ("A", "B"):
        an_order(world, name, due_minutes=-10)
    count()
    first = count()
    for name in ("C", "D"):
        an_order(world, name, due_minutes=-10)

    assert count() == first


def dead_delivery(step: str = "route") -> Delivery:
    event = OutboxEvent.objects.create(kind="orders.OrderCaptured", aggregate="order:1", payload={"order_id": 1})
    return Delivery.objects.create(event=event, step=step, state="dead", attempts=5,
                                   last_error="Traceback\nValueError: order 17 is odd\n")  # fmt: skip


def test_a_dead_delivery_is_a_row_and_can_be_replayed_from_it(world: World) -> None:
    row = dead_delivery()
    user = someone()

    found = next(item for key, item in queue(user).items() if key.startswith("dead:"))
    assert found.sentence == "“route” failed for good: ValueError: order # is odd"
    confirm(signed_in(user), "/tower/trouble/dead/act/?cause=route", [row.pk])

    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == ("pending", 0, "")


def test_dead_deliveries_are_listed_with_error_and_event_and_replayed_one_or_all() -> None:
    one, other, third = dead_delivery(), dead_delivery(), dead_delivery("send_mail")
    client = signed_in(someone())

    body = client.get("/deliveries/?step=route").content.decode()
    assert "ValueError: order 17 is odd" in body
    assert "&quot;order_id&quot;: 1" in body
    assert "send_mail" in body

    client.post("/deliveries/replay/", {"ids": [one.pk]})
    assert set(Delivery.objects.filter(state="dead").values_list("pk", flat=True)) == {other.pk, third.pk}
    client.post("/deliveries/replay/", {"all": "1", "step": "route"})
    assert set(Delivery.objects.filter(state="dead").values_list("pk", flat=True)) == {third.pk}
    assert client.post("/deliveries/replay/", {}).status_code == 422


def test_only_those_who_may_replay_see_dead_deliveries() -> None:
    dead_delivery()
    client = signed_in(someone("warehouse_lead"))

    assert client.get("/deliveries/").status_code == 403
    assert client.post("/deliveries/replay/", {"all": "1"}).status_code == 403
    assert Delivery.objects.filter(state="dead").count() == 1
