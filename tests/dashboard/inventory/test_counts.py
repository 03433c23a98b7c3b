"""Counts at the desk: planning with a preview, watching, and deciding about what differs."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import ApprovalLimit, CountItem, CountSession, Sku, StockCount
from oms.accounts.models import User
from oms.core.values import MAX_MINOR
from tests.factories import World, make_line, make_sku, make_world, stock
from tests.fulfillment.floor import make_work, packed, stock_of
from tests.inventory.counting import (
    MEERA,
    begun,
    count_postings,
    held,
    ids_of,
    in_review,
    items_of,
    scan,
    scanned,
    submitted,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    user = User.objects.create(email=f"{uuid4()}@example.com", role=role, **({"all_nodes": True} | fields))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def plan(**fields: object) -> dict[str, object]:
    return {"op_key": uuid4(), "node": "blr-01", "kind": "directed", "accept_units": 0, "accept_value": 0,
            "is_blind": "on", **fields}  # fmt: skip


def post(client: Client, count: StockCount, tail: str, **fields: object) -> Any:
    return client.post(f"/inventory/counts/{count.number}/{tail}", {"idempotency_key": uuid4(), **fields})


def test_a_plan_is_previewed_and_then_begun_once(world: World) -> None:
    client = signed_in()
    Sku.objects.filter(pk=world.saree.pk).update(category="Sarees")
    body = plan(category="Sarees", name="Saree wall", accept_units=2, accept_value="150.50", due_on="2026-12-01")

    shown = text_of(client.post("/inventory/counts/new/", body))
    assert "1 SKU at blr-01" in shown
    assert "SAREE-1" in shown
    assert not StockCount.objects.exists()
    places = [client.post("/inventory/counts/new/", {**body, "confirmed": "1"})["Location"] for _ in range(2)]

    count = StockCount.objects.get()
    assert places == 2 * [f"/inventory/counts/{count.number}/"]
    assert (count.accept_units, count.accept_value_minor, count.is_blind, str(count.due_on)) == (
        2, 15050, True, "2026-12-01"
    )  # fmt: skip
    assert list(items_of(count)) == ["SAREE-1"]


def test_a_plan_that_takes_nothing_is_refused_with_its_reason(world: World) -> None:
    client = signed_in()

    nothing = client.post("/inventory/counts/new/", plan(category="Hats"))
    unknown = client.post("/inventory/counts/new/", plan(codes="NO-SUCH"))
    short = client.post("/inventory/counts/new/", plan(after_short="on"))
    free = client.post("/inventory/counts/new/", plan(kind="free"))

    assert [r.status_code for r in (nothing, unknown, short, free)] == [422, 422, 422, 200]
    assert "Nothing at blr-01 fits these filters." in text_of(nothing)
    assert "Not in the catalogue: NO-SUCH." in text_of(unknown)
    assert "A free count at blr-01" in text_of(free)
    assert "KURTA-M" in text_of(client.get(f"/inventory/counts/new/?sku={world.kurta.pk}&node=blr-01"))


def test_what_should_be_counted_next_is_one_click_away(world: World) -> None:
    client = signed_in()
    assert "Never counted" in text_of(client.get("/inventory/counts/suggested/blr-01/"))

    form = {"idempotency_key": uuid4(), "ids": [world.kurta.pk, world.shoe.pk]}
    for _ in range(2):
        client.post("/inventory/counts/suggested/blr-01/", form)

    assert sorted(items_of(StockCount.objects.get())) == ["KURTA-M", "SHOE-42"]
    assert "Nothing is due" in text_of(client.get("/inventory/counts/suggested/blr-s1/"))


def test_the_page_of_a_count_shows_who_counts_where_and_what_was_not_asked_for(world: World) -> None:
    count = begun(world.blr, world.kurta)
    scanned(held(count, "Aisle 1"), scan("KURTA-M", 3), scan("SAREE-1"), scan("ODD-CODE"))

    page = text_of(signed_in().get(f"/inventory/counts/{count.number}/"))
    blind = text_of(signed_in("packer").get(f"/inventory/counts/{count.number}/"))

    for words in ("Aisle 1", "Ravi", "Found, but not asked for", "SAREE-1", "ODD-CODE", "Somebody still counts"):
        assert words in page
    assert "Match" not in blind
    assert '<td class="num">3</td>' not in blind.split("To count")[1].split("Areas")[0]


def test_a_held_area_is_released_and_a_submitted_one_discarded_by_who_approves(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session = held(count)
    done = submitted(held(count, "B", MEERA, "phone-2"), scan("KURTA-M"))
    client = signed_in()

    assert post(signed_in("ops_agent"), count, f"areas/{session.uid}/", do="release").status_code == 403
    post(client, count, f"areas/{session.uid}/", do="release")
    post(client, count, f"areas/{done.uid}/", do="discard")
    again = post(client, count, f"areas/{done.uid}/", do="release")

    assert list(CountSession.objects.order_by("pk").values_list("device", "state")) == [
        ("", "open"), ("phone-2", "discarded")
    ]  # fmt: skip
    assert again.status_code == 409
    assert post(client, count, f"areas/{uuid4()}/", do="release").status_code == 404


def test_unknown_codes_are_matched_or_set_aside(world: World) -> None:
    count = begun(world.blr, world.kurta)
    scanned(held(count), scan("4006381333931"), scan("LABEL"))
    client = signed_in()

    wrong = post(client, count, "codes/", code="4006381333931", sku="NOPE", do="match")
    post(client, count, "codes/", code="4006381333931", sku="kurta-m", keep_barcode="1", do="match")
    post(client, count, "codes/", code="LABEL", reason="A shelf label", do="aside")

    assert (wrong.status_code, "There is no SKU NOPE." in text_of(wrong)) == (422, True)
    assert world.kurta.barcodes.filter(code="4006381333931").exists()
    assert "Unknown codes" not in text_of(client.get(f"/inventory/counts/{count.number}/")).split("stats")[0]


def test_closing_reviewing_and_accepting_posts_the_variances_once(world: World) -> None:
    count = begun(world.blr, world.kurta, world.saree, world.shoe)
    submitted(held(count), scan("KURTA-M", 8), scan("SAREE-1", 10))
    packed(make_work(world, "1", make_line(world.kurta, 2)))
    client = signed_in()

    client.post(f"/inventory/counts/{count.number}/close/", {"idempotency_key": uuid4()})
    page = text_of(client.get(f"/inventory/counts/{count.number}/"))
    assert "8 → 6" in page
    assert "SAREE-1" not in page.split("count-items")[1].split("Areas")[0]
    key = uuid4()
    for _ in range(2):
        client.post(f"/inventory/counts/{count.number}/items/",
                    {"idempotency_key": key, "do": "accept", "select_all": "1"})  # fmt: skip

    assert items_of(count) == {
        "KURTA-M": ("accepted", 8, 10, -2), "SAREE-1": ("auto", 10, 10, 0), "SHOE-42": ("to_count", None, None, 0)
    }  # fmt: skip
    assert count_postings(count.uid) == [("KURTA-M", "on_hand", "adjustment", 2, count.number)]
    assert stock_of(world.kurta, world.blr) == {"on_hand": 6, "packed": 2}
    post(client, count, "items/?show=missed", do="none", select_all="1")
    post(client, count, "items/", do="reject", ids=ids_of(count, world.shoe))
    post(client, count, "finish/")
    assert StockCount.objects.get().state == "closed"
    drawer = text_of(client.get(f"/inventory/{world.kurta.pk}/blr-01/", HTTP_HX_REQUEST="true"))
    assert f'-2 units</span> <a class="code" href="/inventory/counts/{count.number}/">' in drawer
    assert "50.0%" in text_of(client.get("/inventory/counts/?show=all"))


def test_what_is_refused_stays_on_the_page_with_its_orders_and_a_way_out(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta, 4))
    count = in_review(begun(world.blr, world.kurta, world.saree), scan("KURTA-M", 3), scan("SAREE-1", 9))
    client = signed_in()

    refused = post(client, count, "items/", do="accept", ids=ids_of(count, world.kurta, world.saree))
    page = text_of(refused)
    assert refused.status_code == 409
    assert f"4 units are reserved for {work.order.number}. Reroute or cancel those orders first." in page
    assert f"/orders/{work.order.number}/" in page
    assert items_of(count)["SAREE-1"][0] == "accepted"
    [item] = ids_of(count, world.kurta)
    post(client, count, f"items/{item}/make-room/")

    assert stock_of(world.kurta, world.blr) == {"on_hand": 3}
    assert stock_of(world.kurta, world.delhi) == {"on_hand": 10, "reserved": 4}


def test_above_the_limit_somebody_who_approves_accepts(world: World) -> None:
    ApprovalLimit.objects.create(node_kind="", units=2, value_minor=MAX_MINOR)
    count = in_review(begun(world.blr, world.kurta), scan("KURTA-M", 5))

    agent = post(signed_in("ops_agent"), count, "items/", do="accept", ids=ids_of(count, world.kurta))
    assert (agent.status_code, "Somebody who approves has to accept it." in text_of(agent)) == (409, True)
    post(signed_in("warehouse_lead"), count, "items/", do="accept", ids=ids_of(count, world.kurta))

    assert stock_of(world.kurta, world.blr) == {"on_hand": 5}


def test_counting_again_begins_a_count_of_what_was_rejected(world: World) -> None:
    count = in_review(begun(world.blr, world.kurta, world.saree), scan("KURTA-M", 5))

    response = post(signed_in(), count, "items/?show=missed", do="recount", select_all="1")

    again = StockCount.objects.get(recount_of=count)
    assert response["Location"] == f"/inventory/counts/{again.number}/"
    assert (list(items_of(again)), items_of(count)["KURTA-M"][0]) == (["SAREE-1"], "counted")


def test_lines_are_chosen_before_something_is_done_with_them(world: World) -> None:
    count = in_review(begun(world.blr, world.kurta), scan("KURTA-M", 5))
    client = signed_in()

    assert post(client, count, "items/", do="accept").status_code == 422
    assert post(client, count, "items/", do="burn", ids=ids_of(count, world.kurta)).status_code == 404
    assert items_of(count)["KURTA-M"][0] == "counted"


def test_a_cancelled_count_posts_nothing(world: World) -> None:
    count = in_review(begun(world.blr, world.kurta), scan("KURTA-M", 5))

    post(signed_in(), count, "cancel/", reason="Fire drill")

    assert StockCount.objects.get().state == "cancelled"
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}


def test_the_export_has_every_line_and_is_for_those_who_may_see_what_is_expected(world: World) -> None:
    count = in_review(begun(world.blr, world.kurta, world.saree), scan("KURTA-M", 8))
    lead = signed_in("warehouse_lead")

    response = signed_in().get(f"/inventory/counts/{count.number}/export.csv")
    rows = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]

    assert len(rows) == 3
    assert rows[1].startswith(f"{count.number},blr-01,KURTA-M,The KURTA-M,yes,To review,8,10,0,-2,0,0,0,")
    assert lead.get(f"/inventory/counts/{count.number}/export.csv").status_code == 403


def test_a_person_sees_the_counts_of_their_nodes_only(world: World) -> None:
    mine, theirs = begun(world.blr, world.kurta), begun(world.delhi, world.kurta)
    client = signed_in("warehouse_lead", all_nodes=False, node_codes=["blr-01"])

    page = text_of(client.get("/inventory/counts/"))

    assert (mine.number in page, theirs.number in page) == (True, False)
    assert client.get(f"/inventory/counts/{theirs.number}/").status_code == 404
    assert post(client, theirs, "cancel/").status_code == 404
    assert client.get("/inventory/counts/suggested/del-01/").status_code == 404


def test_lists_take_the_same_number_of_queries_for_twice_as_many_rows(world: World) -> None:
    client = signed_in()

    def asked(url: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(url).status_code == 200
        return len(found)

    skus = [make_sku(f"S{n}") for n in range(6)]
    for sku in skus:
        stock(sku, world.blr, 5)
    first = in_review(begun(world.blr, *skus[:3]), *(scan(sku.code) for sku in skus[:3]))
    client.get("/inventory/counts/")
    one = asked("/inventory/counts/"), asked(f"/inventory/counts/{first.number}/")
    second = in_review(begun(world.blr, *skus), *(scan(sku.code) for sku in skus))
    assert CountItem.objects.filter(count=second).count() == 6

    assert (asked("/inventory/counts/"), asked(f"/inventory/counts/{second.number}/")) == one
