"""The promise tester, many postcodes at once, and whether promises are kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from oms.accounts.models import User
from routing.models import OrderPromise, RoutingDecision
from routing.services import forget_promises
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import card_to, make_carrier

pytestmark = pytest.mark.django_db
ASKED = {"postcode": "560001", "lines": "KURTA-M 2\nSHOE-42", "channel": "web"}


@pytest.fixture
def world() -> World:
    forget_promises()
    return make_world()


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    wide = {"all_nodes": True, "all_channels": True}
    user = User.objects.create(email=f"{role}@example.com", role=role, **(wide | fields))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(client: Client, address: str, values: dict[str, str] | None = None, status: int = 200) -> str:
    response = client.get(address, values or {})
    assert response.status_code == status, response.content.decode()[:2000]
    return response.content.decode()


def test_the_tester_shows_dates_parts_nodes_tomorrow_and_the_call(world: World) -> None:
    text = page(signed_in(), "/promise/", ASKED)
    for told in ("Standard delivery", "kept 9", "order by", "On the way", "Pick and pack", "The same a day later",
                 "Chosen", "curl -X POST", "probability", "blr-01"):  # fmt: skip
        assert told in text, told
    assert RoutingDecision.objects.count() == 0


def test_a_way_abroad_is_asked_by_country(world: World) -> None:
    make_carrier("abroad", rate_card=card_to("AE"))
    text = page(signed_in(), "/promise/", ASKED | {"postcode": "", "country": "ae"})
    for told in ("United Arab Emirates.", "Standard delivery", "zone abroad", "&quot;country&quot;: &quot;AE&quot;"):
        assert told in text, told
    assert "5,000 km" not in text


def test_an_empty_page_asks_for_a_cart(world: World) -> None:
    assert "Ask for a date" in page(signed_in(), "/promise/")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lines": ""}, "Items"),
        ({"lines": "a b c d"}, "Line 1 is not a SKU"),
        ({"lines": "NOTHING"}, "There is no SKU NOTHING."),
        ({"postcode": ""}, "Type a PIN code, or choose a store."),
        ({"country": "USA"}, "Two letters, as IN."),
        ({"moment": "2031-01-01T10:00"}, "within the next 60 days"),
    ],
)
def test_what_cannot_be_asked_is_told_beside_its_field(world: World, change: dict[str, str], told: str) -> None:
    text = page(signed_in(), "/promise/", ASKED | change, 422)
    assert "There is a problem" in text
    assert told in text


def test_where_nothing_is_delivered_the_nearest_store_is_shown(world: World) -> None:
    stock(world.kurta, world.store, 9)
    stock(world.shoe, world.store, 9)
    text = page(signed_in(), "/promise/", ASKED | {"postcode": "999999"})
    assert "Collect at" in text
    assert "not a known postcode" in text


def test_nodes_out_of_scope_have_no_name(world: World) -> None:
    text = page(signed_in(all_nodes=False, node_codes=["del-01"]), "/promise/", ASKED)
    assert "blr-01" not in text
    assert "Another node" in text


def test_many_postcodes_from_a_file_on_the_page_and_as_csv(world: World) -> None:
    client = signed_in()
    given = {"lines": "KURTA-M", "channel": "web", "pins": "560001 560001"}
    file = SimpleUploadedFile("pins.csv", b"pin\n110001\n999999\n")
    response = client.post("/promise/bulk/", given | {"file": file})
    text = response.content.decode()
    assert response.status_code == 200
    assert "2 of 3 PIN codes are served." in text
    sheet = client.post("/promise/bulk/", given | {"csv": "1"})
    head, row = sheet.content.decode().strip().splitlines()
    assert head.startswith("postcode,place,service,date,probability")
    assert row.startswith("560001,")


def test_a_file_without_postcodes_is_told(world: World) -> None:
    client = signed_in()
    response = client.post("/promise/bulk/", {"lines": "KURTA-M", "channel": "web", "pins": "none"})
    assert response.status_code == 422
    assert "There is no PIN code of six digits." in response.content.decode()


def promised(world: World, number: int, *, kept: bool, node: str = "blr-01") -> None:
    order_id = capture(world, make_order(f"A-{number}", make_line(world.kurta)))
    due = timezone.now() - timedelta(days=3)
    OrderPromise.objects.create(
        order_id=order_id, made_at=due - timedelta(days=4), promised_by=due, said=0.9, level=0.9, service="standard",
        group="standard A", lane=f"{node} > karnataka", nodes=[node], state="kept" if kept else "broken",
        judged_at=timezone.now(),
    )  # fmt: skip


def test_reliability_shows_promised_and_kept_by_group(world: World) -> None:
    for number in range(36):
        promised(world, number, kept=number % 2 == 0)
    client = signed_in()
    empty_free = page(client, "/promise/reliability/", {"by": "node"})
    assert "Of 36 first promises" in empty_free
    assert "50.0%" in empty_free
    assert "Kept less" in empty_free
    for by in ("week", "lane", "carrier", "service"):
        assert "36" in page(client, "/promise/reliability/", {"by": by})


def test_reliability_of_other_nodes_stays_hidden(world: World) -> None:
    promised(world, 1, kept=True)
    text = page(signed_in(all_nodes=False, node_codes=["del-01"]), "/promise/reliability/", {"by": "node"})
    assert "blr-01" not in text
    assert "No promise has fallen due yet" in text


def test_the_screens_are_for_those_who_may_see_promises(world: World) -> None:
    assert signed_in("packer").get("/promise/").status_code in (302, 403)
