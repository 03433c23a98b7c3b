"""Holds as a shop meets them: hold, order with the hold, extend, release, and every way in which it is too late."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from channels.models import ChannelAccount, Listing
from channels.services import held
from channels.services.submit import submit_orders
from fulfillment.models import FulfillmentOrder
from inventory.models import Reservation, StockHold, StockLevel
from inventory.services import audit_stock
from oms.core.models import OutboxEvent
from orders.models import Order, OrderEvent, OrderLine, SalesChannel, SalesChannelKind
from routing.models import NodeLoad, RoutingDecision
from tests.api.test_api import bearer, call, order_body
from tests.factories import World, make_node, make_world, stock
from tests.flow.driver import drain
from tests.inventory.holding import end_now
from tests.kits import make_kit

pytestmark = pytest.mark.django_db(transaction=True)
VERBS = ("stock.hold", "orders.ingest", "orders.view")


@pytest.fixture
def world() -> World:
    made = make_world()
    ChannelAccount.objects.create(channel=made.channel, connector="api")
    return made


@pytest.fixture
def shop() -> dict[str, str]:
    return bearer(*VERBS)


def cart(*lines: tuple[str, int], **more: Any) -> dict[str, Any]:
    return {"channel": "web", "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines], **more}


def hold(client: Client, shop: dict[str, str], *lines: tuple[str, int], **more: Any) -> str:
    status, reply = call(client, "POST", "/holds", cart(*lines, **more), **shop)
    assert status == 201, reply
    return str(reply["uid"])


def order(client: Client, shop: dict[str, str], uid: str, body: dict[str, Any], **headers: str) -> tuple[int, Any]:
    return call(client, "POST", "/orders?channel=web", {"orders": [body], "hold": uid}, **shop, **headers)


def row_of(uid: str) -> StockHold:
    return StockHold.objects.get(uid=uid)


def test_a_hold_says_where_its_units_are_and_how_long(client: Client, world: World, shop: dict[str, str]) -> None:
    status, made = call(client, "POST", "/holds", cart(("KURTA-M", 12), ("SAREE-1", 1), reference="CART-1"), **shop)

    assert status == 201
    assert made["lines"] == [
        {"sku": "KURTA-M", "node": "blr-01", "quantity": 10, "kit": ""},
        {"sku": "SAREE-1", "node": "blr-01", "quantity": 1, "kit": ""},
        {"sku": "KURTA-M", "node": "del-01", "quantity": 2, "kit": ""},
    ]
    assert made["kits"] == []
    assert (made["state"], made["channel"], made["reference"]) == ("held", "web", "CART-1")
    assert 895 <= made["seconds_left"] <= 900
    assert call(client, "GET", f"/holds/{made['uid']}", **shop)[1]["lines"] == made["lines"]


def test_sold_out_says_of_each_sku_what_is_possible(client: Client, world: World, shop: dict[str, str]) -> None:
    status, refused = call(client, "POST", "/holds", cart(("KURTA-M", 21), ("SAREE-1", 20), ("SHOE-42", 99)), **shop)

    assert (status, refused["code"], refused["field"]) == (409, "not_enough_stock", "lines")
    assert refused["data"]["lines"] == [
        {"sku": "KURTA-M", "node": "", "wanted": 21, "possible": 20, "lines": [0]},
        {"sku": "SHOE-42", "node": "", "wanted": 99, "possible": 20, "lines": [2]},
    ]
    assert not StockHold.objects.exists()


def test_an_order_with_its_hold_is_routed_where_the_hold_was(
    client: Client, world: World, shop: dict[str, str]
) -> None:
    Listing.objects.create(account=ChannelAccount.objects.get(), external_sku="KURTA-M", sku=world.kurta)
    stock(world.kurta, world.delhi, 12)
    uid = hold(client, shop, ("KURTA-M", 2))

    status, reply = order(client, shop, uid, order_body("A-1"))

    assert status == 201
    assert reply["orders"][0]["state"] == "captured"
    placed = Order.objects.get()
    assert (placed.stage, placed.number) == ("routed", reply["orders"][0]["number"])
    line = OrderLine.objects.get()
    assert (line.unallocated, line.allocated) == (0, 2)
    kept = Reservation.objects.get()
    assert (kept.purpose, kept.state, kept.order_id, kept.line_uid) == ("order", "hard", placed.pk, line.uid)
    assert (kept.node, kept.reference, kept.open_quantity) == (world.delhi, placed.number, 2)
    assert (row_of(uid).state, row_of(uid).order_id) == ("confirmed", placed.pk)
    decision = RoutingDecision.objects.get()
    assert (decision.trigger, decision.outcome, decision.attempt) == ("checkout", "routed", 1)
    assert decision.sentence == "The checkout held the stock: 2 at del-01."
    assert decision.assignments == [[line.pk, world.kurta.pk, world.delhi.pk, 2]]
    assert NodeLoad.objects.get().node == world.delhi
    assert list(OrderEvent.objects.order_by("seq").values_list("kind", flat=True)) == ["captured", "routed"]
    [routed] = OutboxEvent.objects.filter(kind="routing.OrderRouted").values_list("payload", flat=True)
    assert routed["complete"] is True
    # Counted as reserved, not as sold and reserved.
    assert Listing.objects.get().wanted_quantity == 20

    drain()

    work = FulfillmentOrder.objects.get()
    assert (work.node, work.order_id, work.lines.get().quantity) == (world.delhi, placed.pk, 2)
    assert RoutingDecision.objects.count() == 1
    assert StockLevel.objects.get(sku=world.kurta, node=world.delhi).reserved == 2
    assert audit_stock().differences == 0


def test_what_the_hold_does_not_cover_is_routed_as_usual(client: Client, world: World, shop: dict[str, str]) -> None:
    uid = hold(client, shop, ("KURTA-M", 1))
    body = order_body("A-1", quantity=3)
    body["lines"].append({"sku_code": "SAREE-1", "quantity": 1, "unit_price_minor": 100})

    assert order(client, shop, uid, body)[0] == 201
    assert Order.objects.get().stage == "captured"
    drain()

    assert Order.objects.get().stage == "released"
    decisions = list(RoutingDecision.objects.values_list("attempt", "trigger", "outcome"))
    assert decisions == [(1, "checkout", "partial"), (2, "captured", "routed")]
    assert sorted(OrderLine.objects.values_list("sku_code", "released")) == [("KURTA-M", 3), ("SAREE-1", 1)]
    assert audit_stock().differences == 0


def test_a_hold_that_is_over_leaves_no_order(client: Client, world: World, shop: dict[str, str]) -> None:
    uid = hold(client, shop, ("KURTA-M", 2))
    end_now(row_of(uid))

    status, refused = order(client, shop, uid, order_body("A-1"))

    assert (status, refused["code"], refused["field"]) == (409, "hold_expired", "hold")
    assert not Order.objects.exists()
    assert call(client, "GET", f"/holds/{uid}", **shop)[1]["state"] == "expired"


def test_a_hold_that_ends_while_its_order_is_captured_leaves_no_order(
    client: Client, world: World, shop: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = hold(client, shop, ("KURTA-M", 2))

    def slowly(*args: Any) -> Any:
        done = submit_orders(*args)
        end_now(row_of(uid))
        return done

    monkeypatch.setattr(held, "submit_orders", slowly)
    status, reply = order(client, shop, uid, order_body("A-1"))

    assert (status, reply.get("code")) == (409, "hold_expired")
    assert not Order.objects.exists()
    assert not OutboxEvent.objects.filter(kind="orders.OrderCaptured").exists()
    assert audit_stock().differences == 0


def test_a_hold_is_used_once(client: Client, world: World, shop: dict[str, str]) -> None:
    uid = hold(client, shop, ("KURTA-M", 2))
    assert order(client, shop, uid, order_body("A-1"))[0] == 201

    for external_id in ("A-1", "A-2"):
        status, refused = order(client, shop, uid, order_body(external_id))
        assert (status, refused["code"]) == (409, "hold_used")
    assert call(client, "DELETE", f"/holds/{uid}", **shop)[1]["code"] == "hold_used"
    assert Order.objects.count() == 1


def test_a_hold_of_a_stranger_is_unknown(client: Client, world: World, shop: dict[str, str]) -> None:
    uid = hold(client, shop, ("KURTA-M", 2))
    stranger = bearer(*VERBS)

    status, refused = order(client, stranger, uid, order_body("A-1"))

    assert (status, refused["code"]) == (409, "hold_unknown")
    assert not Order.objects.exists()
    for method, path, body in (("GET", "", None), ("DELETE", "", None), ("POST", "/extend", {"seconds": 60})):
        assert call(client, method, f"/holds/{uid}{path}", body, **stranger)[0] == 404
    assert row_of(uid).state == "held"


def test_a_hold_of_another_channel_is_unknown(client: Client, world: World, shop: dict[str, str]) -> None:
    other = SalesChannel.objects.create(code="b2b", name="B2B", kind=SalesChannelKind.B2B)
    ChannelAccount.objects.create(channel=other, connector="api")
    uid = hold(client, shop, ("KURTA-M", 2))

    status, refused = call(
        client, "POST", "/orders?channel=b2b", {"orders": [order_body("A-1")], "hold": uid}, **shop
    )  # fmt: skip

    assert (status, refused["code"]) == (409, "hold_unknown")


def test_the_same_key_gives_the_same_reply_for_holds_and_orders(
    client: Client, world: World, shop: dict[str, str]
) -> None:
    key = {"Idempotency-Key": "cart-1"}
    first, second = (call(client, "POST", "/holds", cart(("KURTA-M", 20)), **shop, **key) for _ in range(2))
    assert first == second
    uid = first[1]["uid"]

    replies = [order(client, shop, uid, order_body("A-1"), **{"Idempotency-Key": "order-1"}) for _ in range(2)]

    assert replies[0] == replies[1]
    assert replies[0][0] == 201
    assert (StockHold.objects.count(), Order.objects.count()) == (1, 1)


def test_an_order_that_cannot_be_understood_leaves_the_hold(client: Client, world: World, shop: dict[str, str]) -> None:
    uid = hold(client, shop, ("KURTA-M", 2))

    status, reply = order(client, shop, uid, order_body("A-1", sku="KURTA-X"))

    assert (status, reply["orders"][0]["state"]) == (201, "quarantined")
    assert row_of(uid).state == "held"


def test_an_order_that_was_captured_before_does_not_use_the_hold(
    client: Client, world: World, shop: dict[str, str]
) -> None:
    assert call(client, "POST", "/orders?channel=web", {"orders": [order_body("A-1")]}, **shop)[0] == 201
    uid = hold(client, shop, ("KURTA-M", 2))

    status, refused = order(client, shop, uid, order_body("A-1"))

    assert (status, refused["field"]) == (409, "external_id")
    assert row_of(uid).state == "held"


def test_a_hold_is_extended_and_given_back(client: Client, world: World, shop: dict[str, str]) -> None:
    uid = hold(client, shop, ("KURTA-M", 2), seconds=60)

    status, longer = call(client, "POST", f"/holds/{uid}/extend", {"seconds": 1800}, **shop)
    assert status == 200
    assert 1795 <= longer["seconds_left"] <= 1800
    assert call(client, "POST", f"/holds/{uid}/extend", {"seconds": 3601}, **shop)[0] == 422

    for _ in range(2):
        status, given = call(client, "DELETE", f"/holds/{uid}", **shop)
        assert (status, given["state"], given["seconds_left"]) == (200, "released", 0)
    assert call(client, "POST", f"/holds/{uid}/extend", {"seconds": 60}, **shop)[1]["code"] == "hold_released"
    assert order(client, shop, uid, order_body("A-1"))[1]["code"] == "hold_released"
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).reserved == 0


def test_holds_stay_in_the_scope_of_the_caller(client: Client, world: World) -> None:
    limited = bearer(*VERBS, node_codes=["del-01"])
    status, made = call(client, "POST", "/holds", cart(("KURTA-M", 1)), **limited)
    assert [line["node"] for line in made["lines"]] == ["del-01"]
    body = cart(("KURTA-M", 1)) | {"lines": [{"sku": "KURTA-M", "quantity": 1, "node": "blr-01"}]}
    assert call(client, "POST", "/holds", body, **limited)[0] == 404

    elsewhere = bearer(*VERBS, channel_codes=["b2b"])
    status, refused = call(client, "POST", "/holds", cart(("KURTA-M", 1)), **elsewhere)
    assert (status, refused["field"]) == (404, "channel")
    assert call(client, "POST", "/holds", cart(("KURTA-M", 1)), **bearer("orders.ingest"))[0] == 403


def test_only_nodes_of_the_channel_are_chosen_and_one_for_pickup_may_be_named(
    client: Client, world: World, shop: dict[str, str]
) -> None:
    far = make_node("far-01", city="Pune", postcode="411001")
    stock(world.kurta, far, 50)
    stock(world.kurta, world.store, 3)
    type(world.store).objects.filter(pk=world.store.pk).update(ships=False)

    body = {"channel": "web", "lines": [{"sku": "KURTA-M", "quantity": 1, "node": "blr-s1"},
                                        {"sku": "KURTA-M", "quantity": 20}]}  # fmt: skip
    status, made = call(client, "POST", "/holds", body, **shop)

    assert status == 201
    assert [(line["node"], line["quantity"]) for line in made["lines"]] == [
        ("blr-s1", 1), ("blr-01", 10), ("del-01", 10),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"lines": []}, 422), ({"seconds": 0}, 422), ({"seconds": 3601}, 422), ({"reference": "x" * 81}, 422),
        ({"lines": [{"sku": "NOPE", "quantity": 1}]}, 422), ({"lines": [{"sku": "KURTA-M", "quantity": -1}]}, 422),
        ({"channel": "nope"}, 404),
    ],
)  # fmt: skip
def test_impossible_holds_are_refused(
    client: Client, world: World, shop: dict[str, str], change: dict[str, Any], status: int
) -> None:
    assert call(client, "POST", "/holds", cart(("KURTA-M", 1)) | change, **shop)[0] == status
    assert not StockHold.objects.exists()


@pytest.mark.parametrize(("uid", "count"), [("nonsense", 1), ("00000000-0000-0000-0000-000000000000", 2)])
def test_a_hold_is_for_one_order_and_has_a_uid(
    client: Client, world: World, shop: dict[str, str], uid: str, count: int
) -> None:
    body = {"orders": [order_body(f"A-{n}") for n in range(count)], "hold": uid}

    assert call(client, "POST", "/orders?channel=web", body, **shop)[0] == 422
    assert not Order.objects.exists()


def test_a_hold_costs_a_fixed_number_of_statements(client: Client, world: World, shop: dict[str, str]) -> None:
    hold(client, shop, ("KURTA-M", 1))  # the first call with a token notes when it was used
    counts = []
    for lines in ([("KURTA-M", 1)], [("KURTA-M", 1), ("SAREE-1", 1), ("SHOE-42", 1)]):
        with CaptureQueriesContext(connection) as queries:
            hold(client, shop, *lines)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_a_kit_is_held_as_its_components_at_one_node_and_becomes_an_order(
    client: Client, world: World, shop: dict[str, str]
) -> None:
    make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))
    stock(world.kurta, world.blr, 4)
    stock(world.shoe, world.delhi, 1)

    uid = hold(client, shop, ("GIFT-SET", 2), ("KURTA-M", 3))

    _, reply = call(client, "GET", f"/holds/{uid}", **shop)
    assert reply["kits"] == [{"sku": "GIFT-SET", "quantity": 2}]
    lines = sorted((row["sku"], row["node"], row["quantity"], row["kit"]) for row in reply["lines"])
    assert lines == [
        ("KURTA-M", "blr-01", 4, "GIFT-SET"), ("KURTA-M", "del-01", 3, ""), ("SHOE-42", "blr-01", 2, "GIFT-SET"),
    ]  # fmt: skip

    body = order_body("W-1") | {"lines": [
        {"external_id": "1", "sku_code": "KURTA-M", "quantity": 3, "unit_price_minor": 99_900},
        {"external_id": "2", "sku_code": "GIFT-SET", "quantity": 2, "unit_price_minor": 150_000},
    ]}  # fmt: skip
    status, done = order(client, shop, uid, body)
    assert (status, done["orders"][0]["state"]) == (201, "captured")
    taken = Reservation.objects.filter(state="hard").order_by("node__code", "sku__code")
    by_line = {line.uid: line.external_id for line in OrderLine.objects.all()}
    assert [(by_line[row.line_uid], row.node.code, row.quantity) for row in taken] == [
        ("2#1", "blr-01", 4), ("2#2", "blr-01", 2), ("1", "del-01", 3),
    ]  # fmt: skip
    assert Order.objects.get().stage == "routed"
    assert not audit_stock().differences


def test_a_kit_that_no_node_can_assemble_is_refused_by_its_own_name(
    client: Client, world: World, shop: dict[str, str]
) -> None:
    make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))
    make_kit("EMPTY-SET")
    stock(world.kurta, world.blr, 0)
    stock(world.shoe, world.delhi, 3)

    status, reply = call(client, "POST", "/holds", cart(("GIFT-SET", 4)), **shop)
    assert (status, reply["code"]) == (409, "not_enough_stock")
    assert reply["data"]["lines"] == [{"sku": "GIFT-SET", "node": "", "wanted": 4, "possible": 3, "lines": [0]}]
    line = {"sku": "GIFT-SET", "quantity": 1, "node": "blr-01"}
    status, reply = call(client, "POST", "/holds", {"channel": "web", "lines": [line]}, **shop)
    assert reply["data"]["lines"] == [{"sku": "GIFT-SET", "node": "blr-01", "wanted": 1, "possible": 0, "lines": [0]}]
    status, reply = call(client, "POST", "/holds", cart(("EMPTY-SET", 1)), **shop)
    assert (status, reply["field"]) == (422, "lines.0.sku")
    assert not Reservation.objects.exists()
