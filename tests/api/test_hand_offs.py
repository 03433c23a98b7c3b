"""Hand-offs over the API: who may say what of which work, and each thing once."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from fulfillment.models import FulfillmentOrder, HandOffEvent
from fulfillment.services.hand_off_work import Part
from fulfillment.services.work import hold_back, release_fulfillment_orders
from oms.accounts.services import create_token
from oms.integrations.services.hand_off_files import make_file
from orders.models import HoldReason
from orders.services import place_hold, release_orders
from tests.factories import World, make_world
from tests.fulfillment.floor import units_of
from tests.fulfillment.linked import given, hand_off_of, link, says, told

pytestmark = pytest.mark.django_db
VERBS = ["fulfillment.view", "fulfillment.work"]


@pytest.fixture
def world() -> World:
    return make_world()


def headers(verbs: list[str] = VERBS, nodes: tuple[str, ...] = ("blr-01",), key: str = "") -> dict[str, str]:
    _, token = create_token(name=f"WMS {verbs} {nodes}", verbs=verbs, node_codes=nodes)
    return {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})


def post(path: str, body: dict[str, Any], sent: dict[str, str]) -> Any:
    return Client().post(f"/api/v1{path}", body, content_type="application/json", headers=sent)


def test_what_a_wms_says_is_done_once_by_key_and_by_its_own_id(world: World) -> None:
    link(world.blr)
    work = given(world)
    sent = headers(key="k1")
    body = {"version": 1, "event_id": "e1", "units": [{"sku": "KURTA-M", "quantity": 1}]}

    first = post(f"/hand-offs/{work.number}/picks", body, sent)
    again = post(f"/hand-offs/{work.number}/picks", body, sent)
    other_key = post(f"/hand-offs/{work.number}/picks", body, sent | {"Idempotency-Key": "k2"})

    assert [reply.status_code for reply in (first, again, other_key)] == [200, 200, 200]
    assert (again.headers["Idempotent-Replayed"], other_key.json()["status"]) == ("true", "repeated")
    assert first.json()["hand_off"]["state"] == "accepted"
    assert work.lines.get().picked == 1


def test_the_version_that_is_read_counts_also_after_a_hold(world: World) -> None:
    link(world.blr)
    work = given(world)
    says(work, "pick", parts=(Part(sku="KURTA-M", quantity=1),))
    place_hold(order_id=work.order_id, reason=HoldReason.OTHER, source="test", handle="h", actor="Ravi")
    hold_back([work.order_id])
    release_orders(order_ids=[work.order_id], actor="Ravi")
    release_fulfillment_orders([work.order_id])
    assert [row[:2] for row in told(work)] == [(1, "pick"), (2, "hold"), (3, "resume")]
    sent = headers()

    version = Client().get(f"/api/v1/hand-offs/{work.number}", headers=sent).json()["instruction"]["version"]

    assert (
        post(f"/hand-offs/{work.number}/pack", {"version": version, "boxes": [{"box": "B1"}]}, sent).status_code == 200
    )


def test_a_refusal_is_answered_as_one_and_kept(world: World) -> None:
    link(world.blr)
    work = given(world)

    reply = post(f"/hand-offs/{work.number}/ship", {"version": 1, "event_id": "s1"}, headers(key="k"))

    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    event = HandOffEvent.objects.get()
    assert (event.event_id, event.outcome, event.payload["version"]) == ("s1", "refused", 1)


def test_of_many_events_each_is_done_or_refused_for_itself(world: World) -> None:
    link(world.blr)
    work = given(world)
    number = work.number
    events = [
        {"event_id": "1", "work": number, "kind": "accept", "version": 1},
        {"event_id": "2", "work": number, "kind": "pack", "version": 9, "boxes": [{"box": "B1"}]},
        {"event_id": "3", "work": "OM-0-1", "kind": "accept", "version": 1},
        {"event_id": "4", "work": number, "kind": "pack", "version": 1, "boxes": [{"box": "B1"}]},
    ]

    reply = post("/hand-off-events", {"events": events}, headers(key="k"))

    assert reply.status_code == 207
    found = [(row["event_id"], row["status"], row.get("code", "")) for row in reply.json()["events"]]
    assert found == [("1", "applied", ""), ("2", "refused", "old_version"), ("3", "refused", "not_found"),
                     ("4", "applied", "")]  # fmt: skip
    assert units_of(work.order) == {"packed": 2}


@pytest.mark.parametrize(
    ("verbs", "nodes", "status"),
    [(VERBS, ("del-01",), 404), (["fulfillment.view"], ("blr-01",), 403), (["orders.view"], ("blr-01",), 403)],
)
def test_a_wms_speaks_of_its_own_node_only(world: World, verbs: list[str], nodes: tuple[str, ...], status: int) -> None:
    link(world.blr)
    work = given(world)
    sent = headers(verbs, nodes)

    assert post(f"/hand-offs/{work.number}/accept", {"version": 1}, sent).status_code == status
    listed = post("/hand-off-events", {"events": [
        {"event_id": "1", "work": work.number, "kind": "accept", "version": 1}]}, sent)  # fmt: skip
    assert listed.status_code == 403 or listed.json()["events"][0]["code"] == "not_found"
    work.refresh_from_db()
    assert (work.state, hand_off_of(work).state) == ("open", "unsubmitted")


def test_the_floor_of_the_api_does_not_do_the_work_of_a_wms(world: World) -> None:
    link(world.blr)
    work = given(world)

    reply = post(f"/fulfillment-orders/{work.pk}/picks", {"code": "KURTA-M"}, headers())

    assert (reply.status_code, reply.json()["code"]) == (409, "with_wms")
    post(f"/fulfillment-orders/{work.pk}/accept", {}, headers())
    assert FulfillmentOrder.objects.get().state == "open"


def test_a_wms_reads_its_work_and_its_files(world: World) -> None:
    wms = link(world.blr)
    work = given(world)
    made = make_file(wms.pk)
    assert made is not None
    sent = headers()

    one = Client().get(f"/api/v1/hand-offs/{work.number}", headers=sent).json()
    listed = Client().get("/api/v1/hand-off-files?node=blr-01", headers=sent).json()
    file = Client().get("/api/v1/hand-off-files/blr-01/1", headers=sent)

    assert (one["state"], one["instruction"]["ship_to"]["name"]) == ("submitted", "Asha Rao")
    assert one["instruction"]["lines"][0]["quantity"] == 2
    assert [(row["sequence"], row["name"]) for row in listed["files"]] == [(1, "blr-01-000001.csv")]
    assert (file.content.decode(), file.headers["X-Checksum-SHA256"]) == (made.content, made.sha256)
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    other = headers(nodes=("del-01",))
    assert Client().get("/api/v1/hand-off-files/blr-01/1", headers=other).status_code == 404
    assert Client().get(f"/api/v1/hand-offs/{work.number}", headers=other).status_code == 404


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"{", "body"), (b"[" * 100_000, "body"), (b'{"version": ' + b"9" * 5000 + b"}", "body"),
        ('{"version": 1, "reason": "é"}'.encode("latin-1"), "body"), (b'{"version": NaN}', "body"),
        (b" " * 6_000_000, "body"), (b'{"version": 1, "event_id": "a\\u0000"}', "event_id"),
        (b'{"version": 1, "units": [{"quantity": 1, "sku": "\\ud800"}]}', "units.0.sku"),
        (b'{"version": 1, "units": [{"quantity": 1, "lots": {"\\u0000": 1}}]}', "units.0.lots"),
        (b'{"version": 1, "units": [{"quantity": true}]}', "units.0.quantity"),
        (b'{"version": 1, "boxes": [{"box": "B1", "unit": []}]}', "boxes.0.unit"),
        (b'{"version": 1, "units": [{"quantity": 1, "sku": "' + b"K" * 121 + b'"}]}', "units.0.sku"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["", "k"])
def test_what_cannot_be_read_is_refused_by_its_place(world: World, raw: bytes, field: str, key: str) -> None:
    link(world.blr)
    work = given(world)

    reply = Client().post(f"/api/v1/hand-offs/{work.number}/pack", raw, "application/json", headers=headers(key=key))

    assert (reply.status_code, reply.json()["code"], reply.json()["field"]) == (422, "malformed", field)
    work.refresh_from_db()
    assert (work.state, HandOffEvent.objects.exists()) == ("open", False)


def test_a_refusal_says_what_came(world: World) -> None:
    link(world.blr)
    body = {"version": 1, "units": [{"sku": "KURTA-M", "quantity": "two"}]}

    said = post(f"/hand-offs/{given(world).number}/picks", body, headers()).json()["message"]

    assert said.startswith("units.0.quantity: Input should be a valid integer")
    assert said.endswith('; "two" came.')


def test_who_sends_no_live_token_and_who_asks_for_what_no_text_has_is_told_so(world: World) -> None:
    browser = Client(enforce_csrf_checks=True)
    path = "/api/v1/hand-offs/OM-1-1/accept"
    for sent in ({}, {"Authorization": "Bearer oms_revoked"}):
        reply = browser.post(path, {"version": 1}, "application/json", headers=sent)
        assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")
    odd = browser.get("/api/v1/hand-offs?node=%00", headers=headers())
    assert (odd.status_code, odd.json()["code"]) == (422, "malformed")


def test_long_keys_of_one_beginning_are_two_events(world: World) -> None:
    link(world.blr)
    path = f"/hand-offs/{given(world).number}/picks"
    body = {"version": 1, "units": [{"sku": "KURTA-M", "quantity": 1}]}

    said = [post(path, body, headers(key="k" * 130 + end)).json()["status"] for end in "12"]

    assert said == ["applied", "applied"]
    assert post(path, body, headers(key="k" * 201)).json()["field"] == "Idempotency-Key"


def test_a_box_of_no_size_is_refused_and_the_rest_of_its_batch_is_done(world: World) -> None:
    link(world.blr)
    one, two, three = (given(world, name, 1) for name in ("1", "2", "3"))
    boxes = [{"box": "B1", "weight_grams": 10**12}], [{"box": "B1", "length_mm": -1}], [{"box": "B1"}]
    events = [
        {"event_id": f"p{work.pk}", "kind": "pack", "work": work.number, "version": 1, "boxes": some}
        for work, some in zip((one, two, three), boxes, strict=True)
    ]

    reply = post("/hand-off-events", {"events": events}, headers(key="k"))

    said = [(row["status"], row.get("field", "")) for row in reply.json()["events"]]
    assert said == [("refused", "weight_grams"), ("refused", "length_mm"), ("applied", "")]
