"""A wave on the phone: the item, then its tote; what is not there; who has it; and what waits for nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentOrder, Wave
from fulfillment.services.waves import assign_wave, make_wave
from inventory.models import StockLevel
from oms.accounts.models import Role, User
from orders.services import place_hold
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import make_work, stock_of, units_of

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"HX-Request": "true"}


@pytest.fixture
def world(client: Client) -> World:
    made = make_world()
    StockLevel.objects.filter(sku=made.kurta).update(bin_code="B-02")
    StockLevel.objects.filter(sku=made.saree).update(bin_code="A-01")
    user = User.objects.create_user("asha@example.com", "a long pass phrase", name="Asha Gowda",
                                    role=Role.STORE_ASSOCIATE, node_codes=["blr-01"])  # fmt: skip
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return made


@pytest.fixture
def works(world: World) -> list[FulfillmentOrder]:
    return [
        make_work(world, "1", make_line(world.kurta, 2)),
        make_work(world, "2", make_line(world.kurta), make_line(world.saree)),
    ]


@pytest.fixture
def wave(world: World, works: list[FulfillmentOrder]) -> Wave:
    return make_wave(node_id=world.blr.pk, work_ids=[w.pk for w in works], kind="cluster", actor="Meera").wave


def show(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response.content[:300]
    return response.content.decode()


def scan(client: Client, wave: Wave, code: str, **fields: str) -> dict[str, str]:
    response: Any = client.post(f"/s/waves/{wave.pk}/scan/", {"code": code} | fields, headers=HX)
    assert response.status_code == 200
    return dict(json.loads(response["HX-Trigger"])["scan"])


def test_the_walk_begins_at_the_first_bin_and_takes_item_then_tote(
    client: Client, wave: Wave, works: list[FulfillmentOrder]
) -> None:
    text = show(client, f"/s/waves/{wave.pk}/")
    assert "0 of 4 items" in text
    assert text.index("SAREE-1") < text.index("KURTA-M")

    assert scan(client, wave, f"{wave.number}-2") == {"result": "wrong", "text": "Scan the item first, then its tote."}
    assert scan(client, wave, "KURTA-M")["text"].endswith("scan tote 1.")
    assert "In your hand: scan tote 1" in show(client, f"/s/waves/{wave.pk}/")
    assert units_of(works[0].order_id) == {"released": 2}

    answer = scan(client, wave, f"{wave.number}-1")
    assert (answer["result"], "1 of 2 in tote" in answer["text"]) == ("ok", True)
    assert units_of(works[0].order_id) == {"released": 1, "picked": 1}
    assert "In your hand" not in show(client, f"/s/waves/{wave.pk}/")


def test_a_wrong_tote_and_a_wrong_item_are_told_and_change_nothing(
    client: Client, wave: Wave, works: list[FulfillmentOrder]
) -> None:
    scan(client, wave, "SAREE-1")
    answer = scan(client, wave, f"{wave.number}-1")
    assert answer["result"] == "wrong"
    assert f"It goes into {wave.number}-2" in answer["text"]
    assert scan(client, wave, "SHOE-42")["result"] == "wrong"
    # The item is still in the hand, and its tote takes it.
    assert scan(client, wave, f"{wave.number}-2")["result"] == "ok"
    assert scan(client, wave, "SAREE-1")["text"].startswith("You have all 1")
    assert units_of(works[0].order_id) == {"released": 2}


def test_a_scan_that_is_sent_twice_puts_one_unit(client: Client, wave: Wave, works: list[FulfillmentOrder]) -> None:
    scan(client, wave, "KURTA-M")
    first, second = (scan(client, wave, f"{wave.number}-1", idempotency_key="k9") for _ in range(2))
    assert first == second
    assert units_of(works[0].order_id) == {"released": 1, "picked": 1}


def test_by_hand_without_scripts_the_whole_wave_is_picked(
    client: Client, wave: Wave, works: list[FulfillmentOrder]
) -> None:
    for sku, tote, units in (("SAREE-1", 2, "1"), ("KURTA-M", 1, "2"), ("KURTA-M", 2, "1")):
        answer = client.post(f"/s/waves/{wave.pk}/put/",
                             {"sku": sku, "tote": f"{wave.number}-{tote}", "quantity": units})  # fmt: skip
        assert answer.status_code == 302
    text = show(client, f"/s/waves/{wave.pk}/")
    assert "The wave is picked" in text
    assert "Pack 2 orders" in text
    assert "Type a code" not in text
    assert Wave.objects.get().picker == "Asha Gowda"
    assert units_of(works[0].order_id) == {"picked": 2}


def test_single_items_are_taken_by_one_scan_each(client: Client, world: World) -> None:
    ones = [make_work(world, f"s{nth}", make_line(world.saree)) for nth in range(2)]
    wave = make_wave(node_id=world.blr.pk, work_ids=[w.pk for w in ones], kind="singles", actor="Meera").wave
    assert scan(client, wave, "SAREE-1")["text"].endswith("is in the tote")
    assert "The wave is picked." in scan(client, wave, "SAREE-1")["text"]


def test_a_short_is_reported_in_three_taps(
    client: Client, world: World, wave: Wave, works: list[FulfillmentOrder]
) -> None:
    assert f'href="/s/waves/{wave.pk}/short/?sku=SAREE-1"' in show(client, f"/s/waves/{wave.pk}/")
    assert "Lowers stock here by 1" in show(client, f"/s/waves/{wave.pk}/short/?sku=SAREE-1")
    form = {"sku": "SAREE-1", "quantity": "1", "idempotency_key": "s1"}
    assert "Choose a reason." in client.post(f"/s/waves/{wave.pk}/short/report/", form).content.decode()

    for _ in range(2):
        answer = client.post(f"/s/waves/{wave.pk}/short/report/", form | {"reason": "not_found"}, follow=True)
        assert "1 × SAREE-1 reported" in answer.content.decode()
    assert units_of(works[1].order_id) == {"released": 1, "unallocated": 1}
    assert stock_of(world.saree, world.blr) == {"on_hand": 9}
    assert client.get(f"/s/waves/{wave.pk}/short/?sku=SAREE-1").status_code == 404


def test_somebody_elses_wave_is_taken_over_first(client: Client, wave: Wave, works: list[FulfillmentOrder]) -> None:
    assign_wave(wave_id=wave.pk, picker="Ravi", actor="Meera")
    text = show(client, f"/s/waves/{wave.pk}/")
    assert "Ravi picks this wave." in text
    assert "data-scan-url" not in text
    scan(client, wave, "KURTA-M")
    assert "Take it over first" in scan(client, wave, f"{wave.number}-1")["text"]

    client.post(f"/s/waves/{wave.pk}/take-over/")
    assert scan(client, wave, f"{wave.number}-1")["result"] == "ok"


def test_a_walk_that_ends_early_gives_the_rest_back(client: Client, wave: Wave) -> None:
    text = client.post(f"/s/waves/{wave.pk}/end/", follow=True).content.decode()
    assert "What was not picked is ready again." in text
    assert Wave.objects.get().state == "done"
    assert "is picked" in client.post(f"/s/waves/{wave.pk}/end/", follow=True).content.decode()


def test_a_wave_stands_among_the_tasks_and_its_orders_are_offered_to_nobody_else(
    client: Client, world: World, wave: Wave
) -> None:
    text = show(client, "/s/")
    assert f"Pick wave {wave.number}: 2 orders" in text
    assert f'href="/s/waves/{wave.pk}/"' in text
    assert "4 items left" in text
    assert "/s/pick/?work=" not in text
    assert "work=" not in client.get("/s/pick/", follow=True).request["QUERY_STRING"]
    assert wave.number in show(client, "/s/waves/")

    loose = make_work(world, "3", make_line(world.saree))
    assert f"work={loose.pk}" in show(client, "/s/")


def test_what_is_blocked_is_not_on_the_walk(client: Client, wave: Wave, works: list[FulfillmentOrder]) -> None:
    place_hold(order_id=works[1].order_id, reason="fraud_risk", source="A", handle="h", actor="A")
    text = show(client, f"/s/waves/{wave.pk}/")
    assert "SAREE-1" not in text
    assert "0 of 2 items" in text


def test_the_walk_asks_as_often_for_many_as_for_few(client: Client, world: World, wave: Wave) -> None:
    stock(world.shoe, world.blr, 50)

    def queries(pk: int) -> int:
        with CaptureQueriesContext(connection) as seen:
            show(client, f"/s/waves/{pk}/")
        return len(seen)

    queries(wave.pk)
    more = [make_work(world, f"m{nth}", make_line(world.shoe, 2), make_line(world.saree)) for nth in range(5)]
    large = make_wave(node_id=world.blr.pk, work_ids=[w.pk for w in more], kind="cluster", actor="Meera").wave
    assert queries(large.pk) == queries(wave.pk) <= 25
