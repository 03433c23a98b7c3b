"""What phones did without a connection: applied once, by whom it was done, and what was overtaken is said."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import accept, cancel_order, pick_all
from inventory.models import Node
from oms.accounts.models import Role, User
from oms.core.clock import now
from oms.store.actions import apply_action
from oms.store.models import StoreEvent
from oms.store.outbox import ActionIn
from orders.models import OrderEvent
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_carrier, make_work, stock_of, units_of
from tests.store.phones import action, outcomes, send, stamp_on
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
BACKEND = "django.contrib.auth.backends.ModelBackend"


def make_person(name: str, **fields: Any) -> User:
    defaults: dict[str, Any] = {"role": Role.STORE_ASSOCIATE, "node_codes": ["blr-01"], "name": name}
    return User.objects.create_user(f"{name.lower()}@example.com", "a long pass phrase", **(defaults | fields))


@pytest.fixture
def world(client: Client) -> World:
    made = make_world()
    make_carrier()
    Node.objects.filter(pk=made.blr.pk).update(auto_accept=False)
    client.force_login(make_person("Asha"), backend=BACKEND)
    return made


@pytest.fixture
def work(world: World) -> FulfillmentOrder:
    return make_work(world, "1", make_line(world.kurta, 3), make_line(world.saree, 2))


@pytest.fixture
def stamp(client: Client, world: World) -> str:
    return stamp_on(client.get("/s/"))


def test_picks_shorts_and_a_parcel_that_waited_are_done_once(
    client: Client, world: World, work: FulfillmentOrder, stamp: str
) -> None:
    made = [
        action(stamp, "pick", work, code="KURTA-M"),
        action(stamp, "pick", work, sku="KURTA-M", quantity=2),
        action(stamp, "pick", work, code=world.saree.barcodes.get().code),
        action(stamp, "short", work, sku="SAREE-1", quantity=1, reason="not_found"),
        action(stamp, "pack", work, box="small", weight=900, contents={"KURTA-M": 3, "SAREE-1": 1}),
    ]

    first = send(client, *made).json()["answers"]
    again = send(client, *made[::-1]).json()["answers"]

    assert [answer["outcome"] for answer in first] == ["ok"] * 5
    assert again == first[::-1]
    assert units_of(work.order_id) == {"unallocated": 1, "packed": 4}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 7, "packed": 3}
    assert stock_of(world.saree, world.blr) == {"on_hand": 8, "packed": 1}
    assert Shipment.objects.count() == 1
    assert StoreEvent.objects.count() == 5
    assert OrderEvent.objects.get(kind="short_pick").actor == "Asha"


def test_two_sendings_at_the_same_moment_pick_once(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    device = client.cookies["oms_device"].value
    one = ActionIn.model_validate(action(stamp, "pick", work, code="KURTA-M"))

    answers = at_once([lambda: apply_action(one, device=device, ahead=timedelta())] * 4)

    assert {answer.outcome for answer in answers} == {"ok"}
    assert units_of(work.order_id) == {"released": 4, "picked": 1}


def test_two_phones_that_picked_the_last_units_leave_none_twice(
    client: Client, world: World, work: FulfillmentOrder, stamp: str
) -> None:
    other = Client()
    other.force_login(make_person("Ravi"), backend=BACKEND)
    stamps = {client: stamp, other: stamp_on(other.get("/s/"))}
    bags = [
        (one.cookies["oms_device"].value,
         ActionIn.model_validate(action(mine, "pick", work, sku="KURTA-M", quantity=2)))
        for one, mine in stamps.items()
    ]  # fmt: skip

    answers = at_once([partial(apply_action, made, device=device, ahead=timedelta()) for device, made in bags])

    assert sorted(answer.outcome for answer in answers) == ["conflict", "ok"]
    assert units_of(work.order_id) == {"released": 2, "picked": 3}
    assert StoreEvent.objects.get(outcome="conflict").units_back == 1


def test_an_order_cancelled_meanwhile_is_one_card_of_all_that_goes_back(
    client: Client, world: World, work: FulfillmentOrder, stamp: str
) -> None:
    made = [action(stamp, "pick", work, code="KURTA-M") for _ in range(2)]
    cancel_order(order_id=work.order_id, reason="Changed their mind", actor="care")

    answer = send(client, *made, walk=str(work.pk)).json()

    assert [each["outcome"] for each in answer["answers"]] == ["conflict", "conflict"]
    assert "was cancelled" in answer["answers"][0]["text"]
    for text in (answer["cards"], client.get("/s/").content.decode(), client.get("/s/outbox/").content.decode()):
        assert text.count("Put back 2 items") == 1
        assert "Changed their mind" in text
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}

    [uid] = [str(StoreEvent.objects.order_by("pk")[0].uid)]
    for _ in range(2):
        assert client.post("/s/events/settle/", {"event": uid}).status_code == 302
    assert "Put back 2 items" not in client.get("/s/").content.decode()
    assert set(StoreEvent.objects.values_list("settled_by", flat=True)) == {"Asha"}


def test_units_that_a_colleague_picked_already_go_back(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    made = action(stamp, "pick", work, sku="KURTA-M", quantity=3)
    pick_all(fulfillment_order_id=work.pk, actor="Ravi")

    [answer] = send(client, made).json()["answers"]

    assert (answer["outcome"], answer["text"]) == ("conflict", "All of KURTA-M is picked already. Put back 3 items.")
    assert units_of(work.order_id) == {"picked": 5}


def test_what_was_wrong_at_once_makes_no_card(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    made = action(stamp, "pick", work, code="SHOE-42", late=False)

    [answer] = send(client, made).json()["answers"]

    assert (answer["outcome"], answer["result"]) == ("rejected", "wrong")
    assert answer["text"] == "This is The SHOE-42. You need The KURTA-M."
    assert "This was not done" not in client.get("/s/").content.decode()
    assert outcomes(client, action(stamp, "pick", work, code="SHOE-42")) == ["rejected"]
    assert "This was not done" in client.get("/s/").content.decode()


@pytest.mark.parametrize(
    ("said", "outcome"),
    [({"contents": {"KURTA-M": 3}}, "conflict"),
     ({"contents": {"KURTA-M": 3, "SAREE-1": 2}, "box": "crate"}, "rejected"),
     ({"contents": {"KURTA-M": 3, "SAREE-1": 2}}, "ok")],
)  # fmt: skip
def test_a_parcel_is_closed_only_with_what_the_phone_put_into_it(
    client: Client, work: FulfillmentOrder, stamp: str, said: dict[str, Any], outcome: str
) -> None:
    pick_all(fulfillment_order_id=work.pk, actor="Asha")

    assert outcomes(client, action(stamp, "pack", work, **({"box": "small", "weight": 900} | said))) == [outcome]

    assert Shipment.objects.count() == (outcome == "ok")


@pytest.mark.parametrize(
    ("stages", "words"), [(False, "is packed, and waits for its customer."), (True, "is packed. Put it on a shelf")]
)
def test_an_order_to_collect_is_said_to_be_ready_and_not_to_get_a_label(
    client: Client, world: World, stamp: str, stages: bool, words: str
) -> None:
    Node.objects.filter(pk=world.blr.pk).update(stages_pickups=stages)
    made = make_work(world, "9", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-01")
    pick_all(fulfillment_order_id=made.pk, actor="Asha")
    assert "&quot;labelled&quot;: false" in client.get(f"/s/pick/?work={made.pk}").content.decode()

    packing = action(stamp, "pack", made, contents={"KURTA-M": 1}, box="small", weight=400)

    assert words in send(client, packing).json()["answers"][0]["text"]


def test_actions_are_sent_under_the_person_who_made_them(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    made = action(stamp, "pick", work, code="KURTA-M")
    client.post("/accounts/logout/")
    assert send(client, made).status_code == 302

    client.force_login(make_person("Ravi"), backend=BACKEND)

    assert outcomes(client, made) == ["ok"]
    assert StoreEvent.objects.get().person.name == "Asha"
    assert FulfillmentOrder.objects.get().assigned_to == "Asha"
    assert "Asha" not in client.get("/s/outbox/").content.decode()


def test_an_action_of_nobody_at_this_phone_is_refused(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    elsewhere = Client()
    elsewhere.force_login(make_person("Ravi"), backend=BACKEND)
    elsewhere.get("/s/")

    stolen = send(elsewhere, action(stamp, "pick", work, code="KURTA-M")).json()["answers"]
    forged = send(client, action(stamp[:-2] + "xx", "pick", work, code="KURTA-M")).json()["answers"]

    assert [(each["outcome"], each["kept"]) for each in stolen + forged] == [("rejected", False)] * 2
    assert units_of(work.order_id) == {"released": 5}
    assert not StoreEvent.objects.exists()


def test_the_rights_of_now_count(client: Client, world: World, work: FulfillmentOrder, stamp: str) -> None:
    made = action(stamp, "pick", work, code="KURTA-M")
    User.objects.filter(name="Asha").update(node_codes=["del-01"])
    client.force_login(make_person("Ravi"), backend=BACKEND)

    assert outcomes(client, made) == ["rejected"]
    User.objects.filter(name="Asha").update(node_codes=["blr-01"], is_active=False)
    assert outcomes(client, made) == ["rejected"]

    assert units_of(work.order_id) == {"released": 5}


def test_work_of_another_store_does_not_exist(client: Client, world: World, work: FulfillmentOrder) -> None:
    client.force_login(make_person("Ravi", node_codes=["del-01"]), backend=BACKEND)
    stamp = stamp_on(client.get("/s/"))

    assert outcomes(client, action(stamp, "pick", work, code="KURTA-M")) == ["rejected"]

    assert units_of(work.order_id) == {"released": 5}


def test_a_clock_that_is_wrong_is_put_right(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    ahead = timedelta(hours=5)
    made = action(stamp, "pick", work, code="KURTA-M", at=(now() + ahead - timedelta(seconds=30)).isoformat())

    assert [each["outcome"] for each in send(client, made, clock_ahead=ahead).json()["answers"]] == ["ok"]

    assert timedelta(seconds=25) < now() - StoreEvent.objects.get().happened_at < timedelta(seconds=90)


@pytest.mark.parametrize("moved", [timedelta(days=-1), timedelta(hours=1)])
def test_an_action_from_outside_of_its_persons_time_is_refused(
    client: Client, work: FulfillmentOrder, stamp: str, moved: timedelta
) -> None:
    assert outcomes(client, action(stamp, "pick", work, code="KURTA-M", at=(now() + moved).isoformat())) == ["rejected"]
    assert units_of(work.order_id) == {"released": 5}


def test_one_action_that_cannot_be_read_keeps_no_other_back(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    strange = action(stamp, "pick", work, code="KURTA-M") | {"quantity": "many"}
    good = action(stamp, "pick", work, code="KURTA-M")

    answers = send(client, strange, {"kind": "dance"}, good).json()["answers"]

    assert [(each["outcome"], each["kept"]) for each in answers] == [
        ("rejected", False), ("rejected", False), ("ok", True)
    ]  # fmt: skip
    assert answers[0]["uid"] == strange["uid"]


@pytest.mark.parametrize("body", ["", "[]", "{}", json.dumps({"now": "today", "events": []}), "x" * 600_000])
def test_a_body_that_is_no_bag_is_refused_in_a_sentence(client: Client, world: World, body: str) -> None:
    answer = client.post("/s/events/", body, content_type="application/json")

    assert answer.status_code == 422
    assert answer.json()["message"]


def test_more_than_two_hundred_at_once_are_refused(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    made = [action(stamp, "pick", work, code="KURTA-M") for _ in range(201)]

    assert send(client, *made).status_code == 422
    assert units_of(work.order_id) == {"released": 5}


def test_the_same_name_never_stands_for_two_actions(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    made = action(stamp, "pick", work, code="KURTA-M")
    send(client, made)

    [answer] = send(client, made | {"code": "SAREE-1"}).json()["answers"]

    assert (answer["outcome"], answer["kept"]) == ("rejected", False)
    assert units_of(work.order_id) == {"released": 4, "picked": 1}


def test_what_is_discarded_is_not_done_and_what_was_done_stays(
    client: Client, work: FulfillmentOrder, stamp: str
) -> None:
    dropped, done = (action(stamp, "pick", work, code="KURTA-M") for _ in range(2))
    send(client, done)

    answers = send(client, *(each | {"discarded": "Wrong tote"} for each in (dropped, done))).json()["answers"]

    assert [answer["outcome"] for answer in answers] == ["rejected", "ok"]
    assert "Wrong tote" in answers[0]["text"]
    assert units_of(work.order_id) == {"released": 4, "picked": 1}
    assert "This was not done" not in client.get("/s/").content.decode()


def test_what_somebody_else_discarded_is_told_to_whose_work_it_was(
    client: Client, work: FulfillmentOrder, stamp: str
) -> None:
    asha = User.objects.get(name="Asha")
    client.force_login(make_person("Manju"), backend=BACKEND)
    other = stamp_on(client.get("/s/"))

    send(client, action(stamp, "pick", work, code="KURTA-M") | {"discarded": "Not mine", "discarder": other})

    event = StoreEvent.objects.get()
    assert (event.person, event.settled_at, event.settled_by) == (asha, None, "")
    assert "Not mine" not in client.get("/s/").content.decode()
    client.force_login(asha, backend=BACKEND)
    assert "Manju discarded: Not mine" in client.get("/s/").content.decode()


def test_what_is_sent_a_second_time_becomes_a_card_as_its_answer_may_be_lost(
    client: Client, work: FulfillmentOrder, stamp: str
) -> None:
    cancel_order(order_id=work.order_id, reason="Changed their mind", actor="care")
    made = action(stamp, "pick", work, code="KURTA-M") | {"late": False}
    assert "Put back" not in send(client, made).json()["cards"]

    assert "Put back 1 item" in send(client, made).json()["cards"]


def test_a_card_is_of_its_person_only(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    cancel_order(order_id=work.order_id, reason="Changed their mind", actor="care")
    send(client, action(stamp, "pick", work, code="KURTA-M"))
    uid = StoreEvent.objects.get().uid

    client.force_login(make_person("Ravi"), backend=BACKEND)

    assert "Put back" not in client.get("/s/").content.decode()
    assert client.post("/s/events/settle/", {"event": uid}).status_code == 404
    assert client.post("/s/events/settle/", {"event": uuid4()}).status_code == 404
    assert StoreEvent.objects.get().settled_at is None


# -- what the phone keeps ----------------------------------------------------------------------------------------------


def test_pages_that_may_be_kept_name_whose_they_are(client: Client, world: World, work: FulfillmentOrder) -> None:
    mine = {client.get(path)["X-Store-Scope"] for path in ("/s/", f"/s/pick/?work={work.pk}", "/s/outbox/")}
    client.force_login(make_person("Ravi"), backend=BACKEND)

    assert len(mine) == 1
    assert mine.isdisjoint({client.get("/s/")["X-Store-Scope"]})
    for path in ("/s/more/", "/s/handover/", f"/s/work/{work.pk}/reject/"):
        assert "X-Store-Scope" not in client.get(path)


def test_the_list_of_tasks_names_the_walk_as_it_is(client: Client, work: FulfillmentOrder, stamp: str) -> None:
    def version() -> str:
        kept = client.get(f"/s/pick/?work={work.pk}")["X-Walk-Version"]
        assert f'data-walk-version="{kept}"' in client.get("/s/").content.decode()
        return str(kept)

    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    before = version()
    assert version() == before
    send(client, action(stamp, "pick", work, code="KURTA-M"))
    assert version() != before


def test_the_worker_changes_its_name_with_what_it_keeps(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    script = client.get("/s/worker.js")
    page = client.get("/s/offline/").content.decode()
    manifest = client.get("/s/app.webmanifest").json()

    facts = json.loads(script.content.decode().partition("const OMS = ")[2].partition(";\n")[0])
    assert script["Content-Type"] == "text/javascript"
    assert len(facts["version"]) == 16
    assert "/static/js/pick.js" in facts["shell"]
    assert "No connection" in page
    assert "data-stamp" not in page
    assert (manifest["start_url"], manifest["display"]) == ("/s/", "standalone")
    assert {icon["sizes"] for icon in manifest["icons"]} == {"any", "192x192", "512x512"}
