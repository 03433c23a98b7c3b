"""Waves on the screen: what is ready, what is suggested, one click to a wave, and what may be done with it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentOrder, Wave, WaveOrder
from fulfillment.selectors.waves import ready_pool
from fulfillment.services.wave_picking import pick_in_wave
from fulfillment.services.waves import cancel_wave, make_wave
from inventory.models import Node, StockLevel
from oms.accounts.models import Role, User
from oms.core.clock import now
from orders.services import place_hold
from tests.carriers.labels.test_codes_are_read import text_of
from tests.dashboard.fulfil.conftest import Show, SignIn
from tests.factories import World, make_line, stock
from tests.fulfillment.floor import make_work

pytestmark = pytest.mark.django_db(transaction=True)

POOL = "/fulfil/waves/?node=blr-01"


def works(world: World, count: int, units: int = 1) -> list[FulfillmentOrder]:
    stock(world.kurta, world.blr, 200)
    made = [make_work(world, f"{units}-{nth}", make_line(world.kurta, units)) for nth in range(count)]
    FulfillmentOrder.objects.filter(pk__in=[work.pk for work in made]).update(due_at=now() + timedelta(hours=2))
    return made


def wave_of(world: World, *some: FulfillmentOrder, kind: str = "cluster", picker: str = "") -> Wave:
    return make_wave(
        node_id=world.blr.pk, work_ids=[work.pk for work in some], kind=kind, actor="Asha", picker=picker
    ).wave


def make(client: Client, *some: FulfillmentOrder, **fields: str) -> str:
    data = {"node": "blr-01", "kind": "orders", "ids": [work.pk for work in some]} | fields
    return client.post("/fulfil/waves/make/", data, follow=True).content.decode()


def test_what_is_ready_stands_there_with_counts_and_filters_narrow_it(world: World, show: Show) -> None:
    StockLevel.objects.filter(sku=world.kurta).update(bin_code="A-1")
    StockLevel.objects.filter(sku=world.saree).update(bin_code="C-7")
    one = make_work(world, "1", make_line(world.kurta))
    two = make_work(world, "2", make_line(world.saree, 2), make_line(world.kurta))
    held = make_work(world, "3", make_line(world.kurta))
    place_hold(order_id=held.order_id, reason="fraud_risk", source="A", handle="h", actor="A")
    FulfillmentOrder.objects.filter(pk=one.pk).update(due_at=now() + timedelta(hours=2))
    FulfillmentOrder.objects.filter(pk=two.pk).update(due_at=now() - timedelta(minutes=5))

    text = show(POOL)
    assert "2 orders are ready at blr-01, 4 items" in text
    assert held.order.number not in text

    def shown(query: str) -> list[bool]:
        rows = show(f"{POOL}&{query}")
        return [f'aria-label="Select {work.order.number}"' in rows for work in (one, two)]

    assert shown("zone=A") == [True, True]
    assert shown("zone=C") == [False, True]
    assert shown("single=1") == [True, False]
    assert shown("sku=SAREE-1") == [False, True]
    assert shown("cutoff=late") == [False, True]
    assert shown("service=standard") == [True, True]
    assert shown("service=nonsense&single=x&size=-1&pickers=many") == [True, True]
    assert "No ready order matches" in show(f"{POOL}&service=express")
    assert re.search(r"A\s*<b>1</b>", show(f"{POOL}&single=0"))


def test_a_suggestion_becomes_a_wave_by_one_click(world: World, client: Client, show: Show) -> None:
    some = works(world, 3)
    text = show(POOL)
    assert "3 single-item orders of 1 SKU" in text
    ids = text.partition('name="ids"')[2].partition('value="')[2].partition('"')[0]
    assert ids.split(",") == [str(work.pk) for work in some]

    answer = make(client, kind="singles", ids=ids)
    wave = Wave.objects.get()
    assert f"3 orders are in wave {wave.number}." in answer
    assert "Everything ready is in a wave" in show(POOL)
    assert wave.number in show(POOL)


def test_a_form_that_is_sent_twice_makes_one_wave(world: World, client: Client) -> None:
    some = works(world, 2)
    for _ in range(2):
        make(client, *some, idempotency_key="k1")
    assert Wave.objects.count() == 1


def test_what_may_not_get_in_is_told_and_orders_join_a_live_wave(world: World, client: Client) -> None:
    one, two, three = works(world, 3)
    wave = wave_of(world, one)
    answer = make(client, one, two)
    assert f"Left out: {one.order.number} is in wave {wave.number}" in answer
    assert "No wave was made" in make(client, one)
    assert "no order was chosen" in make(client)

    make(client, three, wave=str(wave.pk))
    assert wave.orders.count() == 2
    assert "does not pick at blr-01" in make(client, three, picker="Nobody Known")


def test_the_load_until_each_cut_off_is_said_in_words(world: World, show: Show) -> None:
    wave_of(world, works(world, 1, units=60)[0])
    works(world, 2, units=40)
    text = show(f"{POOL}&pickers=2&rate=30")
    assert "140 items until" in text
    assert "at 30 an hour: 20 m late with 2 pickers" in text or "at 30 an hour: 21 m late with 2 pickers" in text
    assert "late with" not in show(f"{POOL}&pickers=4&rate=60")


def test_a_wave_is_given_taken_left_and_cancelled(world: World, client: Client, show: Show) -> None:
    User.objects.create_user("ravi@example.com", "a long pass phrase", role=Role.PACKER, name="Ravi Iyer",
                             node_codes=["blr-01"])  # fmt: skip
    ravi = User.objects.get(email="ravi@example.com").get_full_name()
    one, two, three = works(world, 3, units=2)
    wave = wave_of(world, one, two, three)
    url = f"/fulfil/waves/{wave.pk}/"

    client.post(f"{url}assign/", {"picker": ravi})
    wave.refresh_from_db()
    assert wave.picker == ravi
    client.post(f"{url}assign/", {"picker": ""})
    client.post(f"{url}take-out/", {"work": three.pk})
    text = show(url)
    assert "Left the wave" in text
    assert "taken out by" in text

    pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote=f"{wave.number}-1", quantity=2, actor="Ravi")
    text = show(url)
    assert "2 / 4" in text
    assert "2 picked items stay in their totes" in text
    client.post(f"{url}cancel/", {})
    assert "Cancelled" in show(url)
    assert client.post(f"{url}cancel/", {}).status_code == 409
    assert {order.work_id for order in ready_pool(world.blr.pk)} == {two.pk, three.pk}


def test_chosen_waves_are_given_printed_and_cancelled_together(world: World, client: Client) -> None:
    ravi = User.objects.create_user("ravi@example.com", "a long pass phrase", role=Role.PACKER, name="Ravi Iyer",
                                    node_codes=["blr-01"]).get_full_name()  # fmt: skip
    one, two, three = (wave_of(world, work) for work in works(world, 3))
    cancel_wave(wave_id=three.pk, actor="Asha")

    def bulk(**fields: object) -> str:
        sent = {"ids": [one.pk, two.pk, three.pk], "back": POOL} | fields
        return unescape(client.post("/fulfil/waves/bulk/", sent, follow=True).content.decode())

    assert f"{ravi} picks 2 waves." in bulk(act="give", picker=ravi)
    assert set(Wave.objects.values_list("picker", flat=True)) == {ravi, ""}
    assert "Nobody Known does not pick at blr-01" in bulk(act="give", picker="Nobody Known")
    paper = client.post("/fulfil/waves/pick-lists.pdf", {"ids": [one.pk, two.pk, three.pk]}).content
    assert [f"Pick list {wave.number}" in text_of(paper) for wave in (one, two, three)] == [True, True, False]

    assert "No live wave was chosen." in bulk(ids=[three.pk, "x"], act="cancel")
    assert "2 waves are cancelled." in bulk(act="cancel")
    assert client.post("/fulfil/waves/pick-lists.pdf", {"ids": [one.pk]}).status_code == 409
    assert set(Wave.objects.values_list("state", flat=True)) == {"cancelled"}


def test_waves_of_other_nodes_cannot_be_chosen(world: World, client: Client, sign_in: SignIn) -> None:
    wave = wave_of(world, *works(world, 1))
    sign_in(Role.WAREHOUSE_LEAD, "blr-s1")
    client.post("/fulfil/waves/bulk/", {"ids": [wave.pk], "act": "cancel"})
    assert client.post("/fulfil/waves/pick-lists.pdf", {"ids": [wave.pk]}).status_code == 409
    assert Wave.objects.get().state == "open"


@pytest.mark.parametrize(("rest", "ready"), [("pool", True), ("not_found", False)])
def test_a_walk_is_ended_with_the_rest_ready_again_or_short(
    world: World, client: Client, show: Show, rest: str, ready: bool
) -> None:
    [one] = works(world, 1, units=2)
    wave = wave_of(world, one)
    client.post(f"/fulfil/waves/{wave.pk}/finish/", {"rest": rest})
    assert Wave.objects.get().state == "done"
    assert (one.order.number in show(POOL)) is ready
    assert client.post(f"/fulfil/waves/{wave.pk}/finish/", {"rest": "tired"}).status_code in (409, 400, 422)


def test_the_pick_list_goes_by_bin_and_names_totes_and_the_totes_have_codes(world: World, client: Client) -> None:
    StockLevel.objects.filter(sku=world.kurta).update(bin_code="B-02")
    StockLevel.objects.filter(sku=world.saree).update(bin_code="A-01")
    one = make_work(world, "1", make_line(world.kurta, 2))
    two = make_work(world, "2", make_line(world.kurta), make_line(world.saree))
    wave = wave_of(world, one, two)

    def paper(name: str) -> str:
        return text_of(client.get(f"/fulfil/waves/{wave.pk}/{name}.pdf").content)

    text = paper("pick-list")
    assert f"Pick list {wave.number}" in text
    assert text.index("A-01") < text.index("B-02")
    assert "Tote 1 ×2, 2" in text
    assert f"{wave.number}-2" in paper("totes")

    for work in (one, two):
        client.post(f"/fulfil/waves/{wave.pk}/take-out/", {"work": work.pk})
    assert client.get(f"/fulfil/waves/{wave.pk}/pick-list.pdf").status_code == 409
    assert client.get(f"/fulfil/waves/{wave.pk}/totes.pdf").status_code == 409


def test_the_page_asks_as_often_for_many_as_for_few(world: World, show: Show) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            show(POOL)
        return len(seen)

    wave_of(world, *works(world, 1))
    make_work(world, "a", make_line(world.saree))
    queries()
    few = queries()
    for nth in range(3):
        wave_of(world, *works(world, 1, units=nth + 2))
        make_work(world, f"b{nth}", make_line(world.saree), make_line(world.shoe))

    assert queries() == few <= 30


def test_progress_of_live_waves_is_asked_for_again_while_the_page_is_open(world: World, show: Show) -> None:
    [work] = works(world, 1)
    wave = wave_of(world, work)
    [url] = re.findall(r'hx-get="(/fulfil/waves/live/[^"]*node=blr-01[^"]*)"', show(POOL))
    live = show(unescape(url))
    assert wave.number in live
    assert "<html" not in live

    cancel_wave(wave_id=wave.pk, actor="Asha")
    assert wave.number not in show(unescape(url))


def test_people_of_another_node_or_of_some_channels_see_no_waves(
    world: World, client: Client, sign_in: SignIn, show: Show
) -> None:
    wave = wave_of(world, *works(world, 1))
    sign_in(Role.PACKER, "del-01")
    assert "blr-01" not in show("/fulfil/waves/")
    assert "There is no such node" in show(POOL)
    assert wave.number not in show("/fulfil/waves/live/?node=blr-01")
    assert client.get(f"/fulfil/waves/{wave.pk}/").status_code == 404
    assert client.post(f"/fulfil/waves/{wave.pk}/cancel/").status_code == 404
    assert client.post("/fulfil/waves/make/", {"node": "blr-01", "ids": "1", "kind": "orders"}).status_code == 404

    User.objects.filter(role=Role.PACKER).update(all_nodes=True, all_channels=False, channel_codes=["web"])
    assert "You see some channels only" in show("/fulfil/waves/")
    assert client.get(f"/fulfil/waves/{wave.pk}/").status_code == 404


def test_who_may_only_look_has_no_buttons(world: World, client: Client, sign_in: SignIn, show: Show) -> None:
    work, other = works(world, 2)
    wave = wave_of(world, work)
    sign_in(Role.READ_ONLY)
    assert "/fulfil/waves/make/" not in show(POOL)
    assert "cancel/" not in show(f"/fulfil/waves/{wave.pk}/")
    assert client.post(f"/fulfil/waves/{wave.pk}/cancel/").status_code == 403
    assert other.order.number in show(POOL)


def test_an_empty_pool_says_so(world: World, show: Show) -> None:
    assert "All caught up" in show(POOL)
    Node.objects.update(is_active=False)
    assert "There is no such node" in show(POOL)
    assert WaveOrder.objects.count() == 0


def test_the_pack_station_opens_the_order_of_a_tote_and_the_next_one_of_a_wave(world: World, client: Client) -> None:
    one, two = works(world, 2, units=2)
    wave = wave_of(world, one, two)
    for place in (1, 2):
        pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote=f"{wave.number}-{place}", quantity=2, actor="Ravi")
    client.post("/fulfil/pack/node/", {"node": "blr-01"})

    def scan(code: str) -> str:
        response = client.post("/fulfil/pack/scan/", {"code": code}, headers={"HX-Request": "true"})
        return str(json.loads(response["HX-Trigger"])["scan"]["text"])

    assert scan(f"{wave.number}-2") == f"{two.order.number} is on the bench."
    for _ in range(2):
        scan("KURTA-M")
    assert FulfillmentOrder.objects.get(pk=two.pk).state == "packed"
    assert scan(wave.number.lower()) == f"{one.order.number} is on the bench."


def test_the_pick_list_of_the_node_leaves_out_what_waves_have(world: World, client: Client) -> None:
    one, two = works(world, 2)
    wave_of(world, one)
    paper = text_of(client.get("/fulfil/pick-list.pdf?node=blr-01").content)
    assert two.order.number in paper
    assert one.order.number not in paper

    wave_of(world, two)
    nothing = client.get("/fulfil/pick-list.pdf?node=blr-01")
    assert (nothing.status_code, "Nothing waits to be picked at blr-01." in nothing.content.decode()) == (409, True)
    assert client.get("/fulfil/pick-list.pdf?node=elsewhere").status_code == 404
