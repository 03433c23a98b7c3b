"""Counting with a phone: areas, scans by form and from the outbox, undo, pause, submit."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import CountScan, CountSession, StockCount
from inventory.selectors.count_tally import count_tally
from oms.accounts.models import Role, User
from oms.core.clock import now
from tests.factories import World, make_sku, make_world, stock
from tests.inventory.counting import begun, scan, scanned

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


def phone(
    email: str = "asha@example.com", role: str = Role.STORE_ASSOCIATE, nodes: tuple[str, ...] = ("blr-01",)
) -> Client:
    user, _ = User.objects.get_or_create(email=email, name=email.split("@")[0].title(), role=role,
                                         node_codes=list(nodes))  # fmt: skip
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/s/node/", {"node": nodes[0]})
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())


def start(client: Client, count: StockCount, area: str = "Aisle 1", **fields: str) -> Any:
    return client.post(f"/s/counts/{count.uid}/start/", {"typed": area, **fields})


def session_of(area: str = "Aisle 1") -> CountSession:
    return CountSession.objects.get(area=area, state="open")


def send(client: Client, session: CountSession, *scans: dict[str, Any], **parcel: Any) -> Any:
    body = {"token": str(session.lock_token), "now": now().isoformat(), "scans": scans, **parcel}
    return client.post(f"/s/counting/{session.uid}/scans/", json.dumps(body), content_type="application/json")


def event(code: str, **fields: Any) -> dict[str, Any]:
    return {"uid": str(uuid4()), "code": code, "at": now().isoformat(), **fields}


def units(count: StockCount) -> dict[int, int]:
    return {pk: row.quantity for pk, row in count_tally(count.pk, open_too=True).items()}


def test_from_the_tasks_to_a_submitted_area_without_scripts(world: World) -> None:
    count = begun(world.blr, world.kurta, world.saree, name="Ethnic wall")
    client = phone()

    assert "Count Ethnic wall" in text_of(client.get("/s/"))
    assert "Which area?" in text_of(client.get(f"/s/counts/{count.uid}/"))
    page = start(client, count)["Location"]
    session = session_of()
    assert page == f"/s/counting/{session.uid}/"
    form = {"token": session.lock_token, "code": "KURTA-M", "quantity": "3", "idempotency_key": uuid4()}
    for _ in range(2):
        client.post(f"{page}scans/", form)
    client.post(
        f"{page}scans/", {**form, "idempotency_key": uuid4(), "code": "SAREE-1", "quantity": "0", "is_total": "1"}
    )
    client.post(f"{page}scans/", {**form, "idempotency_key": uuid4(), "code": "ODD"})
    shown = text_of(client.get(page))
    assert "2 of 2 SKUs" in shown
    assert "Unknown, kept apart:" in shown
    assert "expected" not in shown
    client.post(f"{page}undo/", {"token": session.lock_token, "scan": CountScan.objects.get(code="ODD").uid})
    client.post(f"{page}pause/", {"token": session.lock_token})
    assert "Go on" in text_of(client.get(f"/s/counts/{count.uid}/"))
    client.post(f"{page}submit/", {"token": session.lock_token})

    session.refresh_from_db()
    assert (session.state, session.person) == ("submitted", "Asha")
    assert units(count) == {world.kurta.pk: 3, world.saree.pk: 0}
    assert client.get(page)["Location"] == f"/s/counts/{count.uid}/"


def test_scans_of_the_outbox_are_answered_one_by_one_and_count_once(world: World) -> None:
    count = begun(world.blr, world.kurta)
    client = phone()
    start(client, count)
    batch = [event("KURTA-M", quantity=2), event("SAREE-1"), event("ODD"), event("KURTA-M", quantity=-1)]

    first, second = send(client, session_of(), *batch), send(client, session_of(), *batch)

    for reply in (first, second):
        answers = reply.json()["answers"]
        assert [(row["outcome"], row["kept"]) for row in answers] == [
            ("counted", True), ("undirected", True), ("unmatched", True), ("refused", False)
        ]  # fmt: skip
    assert first.json()["answers"][0]["text"] == "The KURTA-M: 2"
    assert "1 of 1 SKUs" in first.json()["html"]
    assert units(count) == {world.kurta.pk: 2, world.saree.pk: 1}


def test_a_scan_is_taken_back_from_the_outbox(world: World) -> None:
    count = begun(world.blr, world.kurta)
    client = phone()
    start(client, count)
    wrong = event("KURTA-M", quantity=5)
    send(client, session_of(), wrong, event("KURTA-M"))

    [answer] = send(client, session_of(), {**wrong, "undone": True}).json()["answers"]

    assert (answer["outcome"], units(count)) == ("undone", {world.kurta.pk: 1})


def test_the_clock_of_the_device_is_set_right(world: World) -> None:
    client = phone()
    start(client, begun(world.blr, world.kurta))
    wrong = now() - timedelta(hours=5)

    send(client, session_of(), event("KURTA-M", at=wrong.isoformat()), now=wrong.isoformat())

    assert abs(CountScan.objects.get().scanned_at - now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("parcel", "message"),
    [
        ({"token": "x"}, "token: Input should be a valid UUID"),
        ({"scans": [{"uid": "1", "code": "A", "at": "2026-01-01T00:00:00Z"}]}, "scans.0.uid: Input should be"),
        ({"scans": [{"uid": str(uuid4()), "code": "A", "at": "2026-01-01T00:00:00"}]}, "scans.0.at: Input should"),
    ],
)
def test_a_parcel_that_cannot_be_read_is_refused_and_nothing_kept(
    world: World, parcel: dict[str, Any], message: str
) -> None:
    client = phone()
    start(client, begun(world.blr, world.kurta))

    reply = send(client, session_of(), event("KURTA-M"), **parcel)

    assert reply.status_code == 422
    assert reply.json()["message"].startswith(message)
    assert not CountScan.objects.exists()


def test_an_area_belongs_to_one_person_with_one_device(world: World) -> None:
    count = begun(world.blr, world.kurta)
    asha, ravi, asha_again = phone(), phone("ravi@example.com"), phone()
    start(asha, count)
    session = session_of()

    refused = start(ravi, count, "aisle 1")
    other_phone = start(asha_again, count, "Aisle 1")
    assert (refused.status_code, other_phone.status_code) == (409, 409)
    assert "Asha counts Aisle 1 since" in text_of(refused)
    assert "Asha counts Aisle 1 on another device" in text_of(other_phone)
    assert "Release it there" in text_of(asha_again.get(f"/s/counts/{count.uid}/"))
    assert ravi.get(f"/s/counting/{session.uid}/")["Location"] == f"/s/counts/{count.uid}/"
    ravi.post(f"/s/counting/{session.uid}/release/")
    assert CountSession.objects.get().device

    asha_again.post(f"/s/counting/{session.uid}/release/")
    taken = start(asha_again, count, "Aisle 1")
    [late] = send(asha, session, event("KURTA-M")).json()["answers"]
    assert taken["Location"] == f"/s/counting/{session.uid}/"
    assert (late["outcome"], late["kept"]) == ("refused", False)


def test_who_approves_releases_the_area_of_somebody_else(world: World) -> None:
    count = begun(world.blr, world.kurta)
    asha, lead = phone(), phone("lead@example.com", Role.WAREHOUSE_LEAD)
    start(asha, count)

    assert "Release" in text_of(lead.get(f"/s/counts/{count.uid}/"))
    lead.post(f"/s/counting/{session_of().uid}/release/")
    start(lead, count)

    assert session_of().person == "Lead"


def test_counting_a_submitted_area_again_is_asked_for(world: World) -> None:
    count = begun(world.blr, world.kurta)
    client = phone()
    start(client, count)
    session = session_of()
    send(client, session, event("KURTA-M", quantity=4))
    client.post(f"/s/counting/{session.uid}/submit/", {"token": session.lock_token})

    asked = start(client, count)
    again = start(client, count, again="1")

    assert (asked.status_code, "Count more there" in text_of(asked)) == (409, True)
    assert again.status_code == 302
    assert CountSession.objects.count() == 2


def test_a_free_count_is_begun_on_the_spot(world: World) -> None:
    client = phone()
    key = uuid4()

    places = [client.post("/s/counts/free/", {"idempotency_key": key})["Location"] for _ in range(2)]

    count = StockCount.objects.get()
    assert (count.kind, count.node, places) == ("free", world.blr, 2 * [f"/s/counts/{count.uid}/"])
    start(client, count, "")
    assert "0 units" in text_of(client.get(f"/s/counting/{session_of('').uid}/"))
    assert "All that is there" in text_of(client.get("/s/counts/"))


def test_who_counts_openly_sees_what_is_expected(world: World) -> None:
    count = begun(world.blr, world.kurta, is_blind=False)
    client = phone()
    start(client, count)

    assert "10 expected" in text_of(client.get(f"/s/counting/{session_of().uid}/"))


def test_counts_of_another_store_do_not_exist(world: World) -> None:
    far = begun(world.delhi, world.kurta)
    other = phone("far@example.com", nodes=("del-01",))
    start(other, far)
    session = session_of()
    client = phone()

    assert "Nothing is being counted" in text_of(client.get("/s/counts/"))
    for tail in (f"counts/{far.uid}/", f"counting/{session.uid}/"):
        assert client.get(f"/s/{tail}").status_code == 404
    for tail in (
        f"counts/{far.uid}/start/",
        *(f"counting/{session.uid}/{do}/" for do in ("scans", "undo", "pause", "submit", "discard", "release")),
    ):
        assert client.post(f"/s/{tail}", {"token": session.lock_token, "code": "KURTA-M"}).status_code == 404
    assert not CountScan.objects.exists()


def test_the_screen_takes_the_same_number_of_queries_for_twice_as_many_skus(world: World) -> None:
    client = phone()

    def asked(number: int) -> int:
        skus = [make_sku(f"N{number}-{n}") for n in range(number)]
        for sku in skus:
            stock(sku, world.blr, 3)
        count = begun(world.blr, *skus)
        start(client, count, f"Area {number}")
        session = session_of(f"Area {number}")
        scanned(session, *(scan(sku.code) for sku in skus))
        with CaptureQueriesContext(connection) as found:
            assert client.get(f"/s/counting/{session.uid}/").status_code == 200
        return len(found)

    assert asked(3) == asked(6)
