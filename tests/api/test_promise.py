"""Promises as a checkout meets them: options, live stock, holds, listing pages, refusals, and how many statements."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import Node, NodeHoliday, StockHold
from oms.core.errors import DomainError
from routing.models import (
    DeliveryHoliday,
    DeliveryService,
    LearnedDays,
    NodePace,
    PromiseCalibration,
    RoutingDecision,
)
from routing.services import Question, forget_policy, forget_promises, promise, route_orders
from tests.api.test_api import bearer, call
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import card_to, make_carrier
from tests.fulfillment.to_store import allow_transfers, order_to_collect, work_of
from tests.kits import make_kit

pytestmark = pytest.mark.django_db(transaction=True)
#: A Friday, noon in India.
NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        forget_promises()
        yield
    forget_promises()


@pytest.fixture
def world() -> World:
    made = make_world()
    Node.objects.update(opens_at=time(9), closes_at=time(20), cutoff_at=time(16), working_days=[1, 2, 3, 4, 5, 6])
    return made


@pytest.fixture
def shop() -> dict[str, str]:
    return bearer("promise.view", "stock.hold")


def cart(*lines: tuple[str, int], **more: Any) -> dict[str, Any]:
    body = {"channel": "web", "postcode": "560001", "lines": [{"sku": sku, "quantity": units} for sku, units in lines]}
    return body | more


def options(client: Client, shop: dict[str, str], body: dict[str, Any]) -> list[dict[str, Any]]:
    status, reply = call(client, "POST", "/promise", body, **shop)
    assert status == 200, reply
    return list(reply["options"])


def test_a_cart_gets_dates_with_their_probability(client: Client, shop: dict[str, str], world: World) -> None:
    status, reply = call(client, "POST", "/promise", cart(("KURTA-M", 1), ("SHOE-42", 1), postcode="781001"), **shop)
    assert status == 200
    assert reply["place"].endswith("Assam")
    assert reply["serviceable"] is True
    assert [option["service"] for option in reply["options"]] == ["express", "standard"]
    standard = reply["options"][1]
    assert [node["node"] for node in standard["nodes"]] == ["del-01"]
    assert standard["probability"] >= 0.9
    assert standard["minutes_to_cutoff"] == 240
    assert standard["order_by"] == "2026-11-20T10:30:00+00:00"
    assert [part["part"] for part in standard["parts"]][:2] == ["pack", "pickup"]
    assert reply["options"][0]["promised_by"] <= standard["promised_by"]
    assert reply["options"][0]["cost_minor"] == standard["cost_minor"] * 180 // 100


def test_the_promise_names_the_nodes_that_routing_then_chooses(
    client: Client, shop: dict[str, str], world: World
) -> None:
    stock(world.shoe, world.blr, 0)
    promised = options(client, shop, cart(("KURTA-M", 1), ("SHOE-42", 1)))[-1]
    order_id = capture(world, make_order("A-1", make_line(world.kurta), make_line(world.shoe)))
    route_orders([order_id], trigger="captured")
    decided = RoutingDecision.objects.get(order=order_id)
    codes = dict(Node.objects.values_list("pk", "code"))
    assert {node["node"] for node in promised["nodes"]} == {codes[part[2]] for part in decided.assignments}


def test_stock_is_live_and_nothing_is_written(client: Client, shop: dict[str, str], world: World) -> None:
    body = cart(("KURTA-M", 20))
    assert len(options(client, shop, body)) == 2
    stock(world.kurta, world.delhi, 0)
    status, reply = call(client, "POST", "/promise", body, **shop)
    assert (status, reply["options"], reply["missing"]) == (200, [], [{"sku": "KURTA-M", "quantity": 10}])
    assert reply["serviceable"] is False
    assert reply["reason"]
    assert RoutingDecision.objects.count() == 0


def test_a_cart_can_be_kept_meanwhile(client: Client, shop: dict[str, str], world: World) -> None:
    status, reply = call(client, "POST", "/promise", cart(("KURTA-M", 3), hold_seconds=300), **shop)
    assert status == 201
    [line] = reply["hold"]["lines"]
    assert (line["sku"], line["quantity"]) == ("KURTA-M", 3)
    assert line["node"] == reply["options"][0]["nodes"][0]["node"]
    assert StockHold.objects.count() == 1


def test_keeping_needs_the_verb_of_holds(client: Client, world: World) -> None:
    status, _ = call(client, "POST", "/promise", cart(("KURTA-M", 3), hold_seconds=300), **bearer("promise.view"))
    assert status == 403
    assert StockHold.objects.count() == 0


def test_asking_needs_a_verb_and_the_channel(client: Client, world: World) -> None:
    assert call(client, "POST", "/promise", cart(("KURTA-M", 1)), **bearer("orders.view"))[0] == 403
    assert call(client, "POST", "/promise", cart(("KURTA-M", 1)))[0] == 401
    other = bearer("promise.view", channel_codes=["elsewhere"])
    assert call(client, "POST", "/promise", cart(("KURTA-M", 1)), **other)[0] == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (cart(("NOTHING", 1)), 422, "lines.0.sku"),
        (cart(("KURTA-M", 1), channel="none"), 404, "channel"),
        (cart(("KURTA-M", 1), postcode=""), 422, "postcode"),
        (cart(("KURTA-M", 1), pickup_node="none"), 404, "pickup_node"),
        (cart(("KURTA-M", 1), moment="2026-11-20T12:00:00"), 422, "moment"),
        (cart(("KURTA-M", 1), moment="2027-11-20T12:00:00+05:30"), 422, "moment"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_field(
    client: Client, shop: dict[str, str], world: World, body: dict[str, Any], status: int, field: str
) -> None:
    given, reply = call(client, "POST", "/promise", body, **shop)
    assert (given, reply["field"]) == (status, field)


def test_an_unknown_postcode_gets_a_reason_and_stores(client: Client, shop: dict[str, str], world: World) -> None:
    stock(world.kurta, world.store, 5)
    status, reply = call(client, "POST", "/promise", cart(("KURTA-M", 1), postcode="999999"), **shop)
    assert status == 200
    assert reply["serviceable"] is False
    assert [option["kind"] for option in reply["options"]] == ["pickup"]
    assert reply["options"][0]["nodes"][0]["node"] == "blr-s1"
    assert reply["reason"]


def test_a_way_abroad_is_promised_where_a_carrier_goes(client: Client, shop: dict[str, str], world: World) -> None:
    asked = cart(("KURTA-M", 1), postcode="560058", country="SG")
    status, reply = call(client, "POST", "/promise", asked, **shop)
    assert (status, reply["serviceable"], reply["place"]) == (200, False, "Singapore")
    assert "unable to reach 560058 SG" in reply["reason"]
    make_carrier("abroad", rate_card=card_to("*"))
    forget_policy()
    forget_promises()

    def standard(body: dict[str, Any]) -> dict[str, Any]:
        return next(option for option in options(client, shop, body) if option["service"] == "standard")

    near, far = standard(cart(("KURTA-M", 1))), standard(asked)
    assert far["date"] > near["date"]
    assert (far["kind"], far["nodes"][0]["zone"]) == ("delivery", "abroad")
    # What parcels take within India is not what they take to Singapore.
    LearnedDays.objects.create(
        kind="transit", service="standard", level=0, lane="all", learned_at=NOON, parcels=1000,
        risk=[1000.0] * 10 + [0.0] * 51, events=[0.0] * 9 + [1000.0] + [0.0] * 51,
    )  # fmt: skip
    forget_promises()
    assert standard(asked)["date"] == far["date"]
    assert standard(cart(("KURTA-M", 1)))["date"] > near["date"]


def test_collection_at_a_store(client: Client, shop: dict[str, str], world: World) -> None:
    stock(world.kurta, world.store, 5)
    [option] = options(client, shop, cart(("KURTA-M", 1), pickup_node="blr-s1", postcode=""))
    assert (option["kind"], option["cost_minor"]) == ("pickup", 0)
    assert option["promised_by"] == "2026-11-20T08:30:00+00:00"


def test_collection_of_what_is_sent_to_the_store_where_a_rule_allows_it(
    client: Client, shop: dict[str, str], world: World
) -> None:
    asked = cart(("KURTA-M", 1), pickup_node="blr-s1", postcode="")
    assert options(client, shop, asked) == []

    allow_transfers()
    [option] = options(client, shop, asked)

    assert (option["kind"], option["name"]) == ("pickup", f"Collect at {world.store.name}")
    assert [(row["node"], row["units"]) for row in option["nodes"]] == [("blr-s1", 0), ("blr-01", 1)]
    assert "2026-11-21" <= option["date"] <= "2026-11-25"
    order_id = order_to_collect(world, "W1", make_line(world.kurta))
    assert work_of(order_id).node_id == world.blr.pk


def test_a_kit_is_promised_by_its_components(client: Client, shop: dict[str, str], world: World) -> None:
    make_kit("SET", (world.kurta, 2), (world.shoe, 1))
    assert options(client, shop, cart(("SET", 5)))
    status, reply = call(client, "POST", "/promise", cart(("SET", 11)), **shop)
    assert status == 200
    assert reply["missing"] == [{"sku": "SET", "quantity": 1}]


def test_the_same_cart_tomorrow_evening_leaves_on_monday(client: Client, shop: dict[str, str], world: World) -> None:
    today = options(client, shop, cart(("KURTA-M", 1)))[-1]
    later = options(client, shop, cart(("KURTA-M", 1), moment="2026-11-21T18:00:00+05:30"))[-1]
    assert later["nodes"][0]["leaves_at"] == "2026-11-23T14:30:00+00:00"
    assert today["nodes"][0]["leaves_at"] == "2026-11-20T14:30:00+00:00"
    assert later["date"] > today["date"]


def test_holidays_queues_and_rest_days_move_the_date(client: Client, shop: dict[str, str], world: World) -> None:
    plain = options(client, shop, cart(("KURTA-M", 1)))[-1]
    NodePace.objects.create(node=world.blr, orders_ahead=300, orders_per_hour=50)
    NodeHoliday.objects.create(node=world.blr, day=date(2026, 11, 21))
    DeliveryHoliday.objects.create(day=date(2026, 11, 24), name="Strike")
    forget_promises()
    moved = options(client, shop, cart(("KURTA-M", 1)))[-1]
    assert moved["nodes"][0]["leaves_at"] == "2026-11-20T14:30:00+00:00"
    assert [part["part"] for part in moved["parts"]][0] == "queue"
    assert moved["date"] > plain["date"]


def test_what_was_learned_replaces_the_rate_card(world: World) -> None:
    question = Question((("KURTA-M", 1),), "560001")
    before = promise(question, channel_code="web").answer.options[-1]
    slow = [0.0] * 9 + [1.0] + [0.0] * 51
    for service in ("standard", "express"):
        LearnedDays.objects.create(
            kind="transit", service=service, level=0, lane="all", learned_at=NOON, parcels=1000,
            risk=[1000.0] * 10 + [0.0] * 51, events=[1000 * share for share in slow],
        )  # fmt: skip
    forget_promises()
    after = promise(question, channel_code="web").answer.options[-1]
    assert (after.day - before.day).days >= 6


def test_a_correction_of_the_level_moves_the_date_and_what_is_said(world: World) -> None:
    question = Question((("KURTA-M", 1),), "560001")
    before = promise(question, channel_code="web").answer.options[-1]
    PromiseCalibration.objects.create(service="standard", correction=2.0)
    forget_promises()
    after = promise(question, channel_code="web").answer.options[-1]
    assert after.day > before.day
    assert after.level > before.level
    assert after.probability < after.level


def test_slots_of_a_service_are_offered_near_its_nodes(client: Client, shop: dict[str, str], world: World) -> None:
    service = DeliveryService.objects.create(
        code="same_day", name="Tonight", slots=[["18:00", "21:00"]], radius_km=30, price_percent=150
    )
    service.nodes.add(world.blr)
    forget_promises()
    [slot] = options(client, shop, cart(("KURTA-M", 1)))
    assert (slot["kind"], slot["starts_at"]) == ("slot", "2026-11-20T12:30:00+00:00")
    assert options(client, shop, cart(("KURTA-M", 1), postcode="110001")) == []


def test_a_listing_page_asks_for_many_at_once(client: Client, shop: dict[str, str], world: World) -> None:
    stock(world.saree, world.blr, 0)
    stock(world.saree, world.delhi, 0)
    status, reply = call(
        client, "POST", "/promise/page",
        {"channel": "web", "skus": ["KURTA-M", "SAREE-1"], "postcodes": ["560001", "110001"]}, **shop,
    )  # fmt: skip
    assert status == 200
    rows = reply["promises"]
    assert [(row["sku"], row["postcode"], row["serviceable"]) for row in rows] == [
        ("KURTA-M", "560001", True), ("KURTA-M", "110001", True), ("SAREE-1", "560001", False),
        ("SAREE-1", "110001", False),
    ]  # fmt: skip
    too_many = {"channel": "web", "skus": ["KURTA-M"] * 26, "postcodes": ["560001"] * 20}
    assert call(client, "POST", "/promise/page", too_many, **shop)[0] == 422


def test_a_warm_question_is_one_statement(world: World) -> None:
    question = Question((("KURTA-M", 1), ("SHOE-42", 2)), "560001")
    promise(question, channel_code="web")
    with CaptureQueriesContext(
        connection,
    ) as few:
        promise(question, channel_code="web")
    assert len(few) == 1


def test_a_moment_long_past_is_refused(world: World) -> None:
    with pytest.raises(DomainError, match="within the next 60 days"):
        promise(Question((("KURTA-M", 1),), "560001"), channel_code="web", moment=datetime(2020, 1, 1, tzinfo=UTC))
