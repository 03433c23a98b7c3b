"""Buffer rules, what channels may sell and their listings, as a machine meets them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from channels.models import ChannelAccount, Listing
from channels.services import refresh_sellable
from inventory.models import BufferRule, StockLevel
from oms.core.models import Job
from tests.api.test_api import bearer, call
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db(transaction=True)
RULES = ("inventory.view", "inventory.rules")
STEER = ("channels.view", "channels.edit", "channels.sync")


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def listing(world: World) -> Listing:
    account = ChannelAccount.objects.create(channel=world.channel, connector="woocommerce")
    found = Listing.objects.create(account=account, external_sku="KURTA-M", sku=world.kurta)
    refresh_sellable([world.kurta.pk])
    found.refresh_from_db()
    return found


def kept(world: World) -> set[int]:
    return set(StockLevel.objects.filter(sku=world.kurta).values_list("safety_stock", flat=True))


def test_a_rule_is_made_once_changed_moved_and_removed(client: Client, world: World) -> None:
    headers = bearer(*RULES)
    body = {"name": "Warehouses", "amount": 3, "node_kind": "warehouse"}
    key = {"Idempotency-Key": "k1"}

    status, made = call(client, "POST", "/buffers", body, **headers, **key)
    again = call(client, "POST", "/buffers", body, **headers, **key)
    assert (status, again) == (201, (201, made))
    assert (made["name"], made["keeps"], made["applied"]) == (
        "Warehouses", {"levels": 6, "units": 18, "hidden": 18}, {"changed": 6, "job": None},
    )  # fmt: skip
    assert kept(world) == {3}

    path = f"/buffers/{made['id']}"
    status, changed = call(client, "PUT", path, body | {"amount": 5, "seen_at": made["changed_at"]}, **headers)
    assert (status, changed["amount"], kept(world)) == (200, 5, {5})
    stale = call(client, "PUT", path, body | {"amount": 7, "seen_at": made["changed_at"]}, **headers)
    assert (stale[0], stale[1]["code"], kept(world)) == (409, "conflict", {5})

    call(client, "POST", "/buffers", {"name": "All", "amount": 1}, **headers)
    second = BufferRule.objects.get(name="All").pk
    assert call(client, "POST", f"/buffers/{second}/move?way=up", **headers)[0] == 200
    assert kept(world) == {1}
    listed = call(client, "GET", "/buffers", **headers)[1]["buffers"]
    assert [(rule["name"], rule["keeps"]["levels"]) for rule in listed] == [("Warehouses", 0), ("All", 6)]
    assert call(client, "DELETE", f"/buffers/{second}", **headers)[0] == 200
    assert kept(world) == {5}
    assert call(client, "GET", f"/buffers/{second}", **headers)[0] == 404
    assert not Job.objects.exists()


def test_a_preview_says_what_a_rule_would_do_and_writes_nothing(client: Client, world: World) -> None:
    status, found = call(client, "POST", "/buffers/preview", {"name": "x", "amount": 10, "sku": "KURTA-M"},
                         **bearer(*RULES))  # fmt: skip
    assert (status, found["hides"], found["emptied"], found["levels"]) == (200, 20, 1, 2)
    assert found["skus"][0]["code"] == "KURTA-M"
    assert not BufferRule.objects.exists()


@pytest.mark.parametrize(
    ("bad", "status", "field"),
    [
        ({"measure": "boxes"}, 422, "measure"), ({"amount": -1}, 422, "amount"), ({"sku": "NOTHING"}, 404, "sku"),
        ({"node": "nowhere"}, 404, "node"), ({"group": "nowhere"}, 404, "group"), ({"channel": "none"}, 404, "channel"),
    ],
)  # fmt: skip
def test_a_rule_that_means_nothing_is_refused_by_field(
    client: Client, world: World, bad: dict[str, Any], status: int, field: str
) -> None:
    answer = call(client, "POST", "/buffers", {"name": "x", "amount": 1, **bad}, **bearer(*RULES))
    assert (answer[0], answer[1]["field"]) == (status, field)
    assert not BufferRule.objects.exists()


def test_a_token_of_one_node_makes_rules_for_it_only(client: Client, world: World) -> None:
    other = BufferRule.objects.create(name="there", amount=1, node=world.delhi)
    headers = bearer(*RULES, node_codes=["blr-01"])
    assert call(client, "POST", "/buffers", {"name": "x", "amount": 1}, **headers)[0] == 422
    assert call(client, "POST", "/buffers", {"name": "x", "amount": 1, "node": "del-01"}, **headers)[0] == 404
    assert call(client, "POST", "/buffers", {"name": "x", "amount": 1, "node": "blr-01"}, **headers)[0] == 201
    assert call(client, "DELETE", f"/buffers/{other.pk}", **headers)[0] == 404
    assert [rule["name"] for rule in call(client, "GET", "/buffers", **headers)[1]["buffers"]] == ["x"]
    assert call(client, "POST", "/buffers", {"name": "x", "amount": 1}, **bearer("inventory.view"))[0] == 403


def test_availability_is_explained_number_by_number(client: Client, world: World, listing: Listing) -> None:
    Listing.objects.update(threshold=2, cap=12)
    capture(world, make_order("1", make_line(world.kurta, 3)))
    status, found = call(client, "GET", "/availability?sku=KURTA-M&channel=web", **bearer("inventory.view"))
    [row] = found["channels"]
    assert (status, row["sellable"], row["waiting"], row["threshold"], row["cap"]) == (200, 12, 3, 2, 12)
    assert row["sentence"] == "12 = 10 blr-01 + 10 del-01 − 3 waiting − 2 threshold, cap 12"
    assert [(node["node"], node["units"]) for node in row["nodes"]] == [("blr-01", 10), ("del-01", 10)]

    scoped = bearer("inventory.view", node_codes=["del-01"])
    [row] = call(client, "GET", "/availability?sku=KURTA-M", **scoped)[1]["channels"]
    assert ([node["node"] for node in row["nodes"]], row["other_nodes"]) == (["del-01"], 10)
    assert call(client, "GET", "/availability?sku=NOTHING", **scoped)[0] == 404


def test_listings_are_listed_paused_stopped_resumed_and_pushed(client: Client, world: World, listing: Listing) -> None:
    headers = bearer(*STEER)
    [row] = call(client, "GET", "/listings?channel=web", **headers)[1]["listings"]
    assert (row["id"], row["sku"], row["atp"], row["wanted_quantity"], row["problem"]) == (
        listing.pk, "KURTA-M", 20, 20, "behind",
    )  # fmt: skip
    ids = {"ids": [listing.pk]}
    assert call(client, "POST", "/listings/pause", ids, **headers)[0] == 422
    paused = call(client, "POST", "/listings/pause", ids | {"reason": "Photos"}, **headers)[1]["listings"]
    told = [paused[0][name] for name in ("publication", "paused_reason", "paused_by")]
    assert told == ["paused", "Photos", "API wms"]
    assert call(client, "POST", "/listings/push", ids, **headers)[0] == 409
    stopped = call(client, "POST", "/listings/pause", ids | {"halt": "stopped", "reason": "Recall"}, **headers)
    assert stopped[1]["listings"][0]["wanted_quantity"] == 0
    resumed = call(client, "POST", "/listings/resume", ids, **headers)[1]["listings"][0]
    assert (resumed["publication"], resumed["wanted_quantity"]) == ("on", 20)
    assert call(client, "POST", "/listings/push", ids, **headers)[1]["pushed"] == [listing.pk]
    assert call(client, "GET", "/listings?problem=odd", **headers)[0] == 422


def test_listings_of_other_channels_do_not_exist(client: Client, world: World, listing: Listing) -> None:
    headers = bearer(*STEER, channel_codes=["elsewhere"])
    assert call(client, "GET", "/listings", **headers)[1]["listings"] == []
    answer = call(client, "POST", "/listings/resume", {"ids": [listing.pk]}, **headers)
    assert (answer[0], answer[1]["message"]) == (404, f"There is no listing {listing.pk}.")
