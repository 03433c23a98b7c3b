"""Lots and serial numbers over the API: found, blocked, recalled, followed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import accept, pack, pick_all
from inventory.models import Lot, Node, SerialNumber, Sku, StockLevel
from oms.core.models import Transition
from tests.api.test_api import bearer, call
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_carrier, make_work
from tests.fulfillment.tracked import lots_at, make_lot_sku, make_serial_sku, put_lot, put_serials, sent_parcel, today

pytestmark = pytest.mark.django_db(transaction=True)
SEES = ("inventory.view", "orders.view")


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


@pytest.fixture
def serum(world: World) -> Sku:
    sku = make_lot_sku()
    put_lot(sku, world.blr, "SOON", 2, days=20)
    put_lot(sku, world.blr, "LATE", 5, days=200)
    put_lot(sku, world.delhi, "LATE", 4, days=200)
    return sku


@pytest.fixture
def parcel(world: World, serum: Sku) -> Shipment:
    return sent_parcel(world, serum)


def pk_of(code: str) -> int:
    return Lot.objects.get(code=code).pk


def test_lots_are_listed_by_what_is_asked_for(client: Client, world: World, serum: Sku) -> None:
    headers = bearer("inventory.view")
    put_lot(make_lot_sku("CREAM-50"), world.blr, "OLD", 1, days=-3)

    def codes(query: str) -> list[str]:
        return [lot["lot"] for lot in call(client, "GET", f"/lots?{query}", **headers)[1]["lots"]]

    assert codes("") == ["SOON", "LATE", "OLD"]
    assert codes("sku=SERUM-30&lot=late") == ["LATE"]
    assert codes("node=del-01") == ["LATE"]
    assert codes(f"expires_before={today() + timedelta(days=30)}") == ["SOON", "OLD"]
    assert codes("blocked=true") == []
    Lot.objects.create(sku=serum, code="EMPTY")
    assert (codes("lot=empty"), codes("lot=empty&in_stock=false")) == ([], ["EMPTY"])
    _status, first = call(client, "GET", "/lots?limit=2", **headers)
    assert codes(f"limit=2&after={first['next']}") == ["OLD"]
    [old] = call(client, "GET", "/lots?sku=CREAM-50", **headers)[1]["lots"]
    assert old["may_not_be_sold"].startswith("expired on")
    assert old["nodes"] == [
        {"node": world.blr.code, "on_hand": 1, "packed": 0, "damaged": 0, "quarantine": 0,
         "may_not_be_sold": old["may_not_be_sold"]}
    ]  # fmt: skip


def test_a_lot_is_sold_at_each_node_by_the_day_that_it_has_there(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve hours in UTC: the last day of the lot is over in Kiritimati, and not yet in Bengaluru."""
    Node.objects.filter(pk=world.delhi.pk).update(time_zone="Pacific/Kiritimati")
    serum = make_lot_sku()
    for node in (world.blr, world.delhi):
        put_lot(serum, node, "LAST", 1)
    Lot.objects.update(expires_on=date(2026, 11, 21))
    monkeypatch.setattr("inventory.models.places.now", lambda: datetime(2026, 11, 21, 12, tzinfo=UTC))

    def told(**query: str) -> dict[str, Any]:
        [found] = call(client, "GET", f"/lots?{urlencode(query)}", **bearer("inventory.view"))[1]["lots"]
        return dict(found)

    everywhere = told()
    assert [(row["node"], row["may_not_be_sold"]) for row in everywhere["nodes"]] == [
        (world.blr.code, ""), (world.delhi.code, "expired on 21 Nov 2026"),
    ]  # fmt: skip
    assert everywhere["may_not_be_sold"] == ""
    assert told(node=world.delhi.code)["may_not_be_sold"] == "expired on 21 Nov 2026"


def test_who_sees_one_node_is_told_of_no_other(client: Client, world: World, serum: Sku, parcel: Shipment) -> None:
    headers = bearer(*SEES, node_codes=[world.delhi.code])

    status, found = call(client, "GET", f"/lots/{pk_of('LATE')}", **headers)
    assert (status, [place["node"] for place in found["nodes"]]) == (200, [world.delhi.code])
    assert {row["node"] for row in found["postings"]} == {world.delhi.code}
    assert call(client, "GET", f"/lots?node={world.blr.code}", **headers)[1]["lots"] == []
    _status, told = call(client, "GET", f"/lots/{pk_of('LATE')}/recall", **headers)
    assert (told["units"], told["parcels"], told["picked"]) == (0, [], [])
    [unit] = call(client, "GET", "/serials?number=IMEI-2", **headers)[1]["serials"]
    assert (unit["bucket"], unit["node"], unit["elsewhere"]) == ("on_hand", None, True)


def test_a_lot_is_blocked_once_and_sold_again(client: Client, world: World, serum: Sku) -> None:
    headers = bearer("inventory.view", "inventory.adjust")
    pk = pk_of("LATE")

    said = {"reason": "Recall 42"}
    first = call(client, "POST", f"/lots/{pk}/block", said, **headers, **{"Idempotency-Key": "b1"})
    again = call(client, "POST", f"/lots/{pk}/block", said, **headers, **{"Idempotency-Key": "b1"})

    assert first == again
    assert (first[0], first[1]["is_blocked"], first[1]["block_reason"]) == (200, True, "Recall 42")
    assert lots_at(serum, world.blr) == {"LATE": {"quarantine": 5}, "SOON": {"on_hand": 2}}
    assert lots_at(serum, world.delhi) == {"LATE": {"quarantine": 4}}
    assert StockLevel.objects.get(sku=serum, node=world.blr).atp == 2
    assert [row["to"] for row in first[1]["postings"][:2]] == ["quarantine", "quarantine"]
    status, refused = call(client, "POST", f"/lots/{pk}/block", said, **headers)
    assert (status, refused["code"]) == (409, "conflict")

    status, freed = call(client, "POST", f"/lots/{pk}/unblock", {"reason": "Checked"}, **headers)
    assert (status, freed["is_blocked"]) == (200, False)
    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 5}, "SOON": {"on_hand": 2}}
    assert call(client, "POST", f"/lots/{pk}/unblock", {}, **headers)[0] == 409
    rows = Transition.objects.filter(model="inventory.Lot", object_id=pk).order_by("pk")
    assert list(rows.values_list("to_state", "actor", "reason")) == [
        ("blocked", "API wms", "Recall 42"), ("free", "API wms", "Checked")
    ]  # fmt: skip


def test_blocking_wants_a_reason_the_verb_and_every_node(client: Client, world: World, serum: Sku) -> None:
    url = f"/lots/{pk_of('LATE')}/block"
    said = {"reason": "Recall 42"}

    status, refused = call(client, "POST", url, {"reason": " "}, **bearer("inventory.adjust"))
    assert (status, refused["field"]) == (422, "reason")
    assert call(client, "POST", url, said, **bearer("inventory.view"))[0] == 403
    limited = bearer("inventory.adjust", node_codes=[world.blr.code])
    assert call(client, "POST", url, said, **limited)[0] == 403
    assert call(client, "POST", "/lots/999999/block", said, **bearer("inventory.adjust"))[0] == 404
    assert not Lot.objects.filter(is_blocked=True).exists()


def test_a_recall_names_every_order_and_parcel(client: Client, world: World, serum: Sku, parcel: Shipment) -> None:
    work = make_work(world, "2", make_line(serum, 1))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    url = f"/lots/{pk_of('LATE')}/recall"

    status, told = call(client, "GET", url, **bearer(*SEES))

    assert (status, told["lot"], told["units"], told["next"]) == (200, "LATE", 1, None)
    [got] = told["parcels"]
    assert (got["order"], got["units"], got["shipment_id"], got["awb"], got["node"], got["state"]) == (
        parcel.order.number, 1, parcel.pk, parcel.awb, world.blr.code, parcel.state,
    )  # fmt: skip
    assert "customer" not in got
    assert told["picked"] == [
        {"order": work.order.number, "units": 1, "fulfillment_order": work.number, "node": world.blr.code}
    ]
    assert (told["picked_units"], told["picked_more"]) == (1, False)
    [named] = call(client, "GET", url, **bearer(*SEES, "pii.view"))[1]["parcels"]
    assert (named["customer"], named["phone"]) == (parcel.order.customer_name, parcel.order.customer_phone)
    assert call(client, "GET", url, **bearer("inventory.view"))[0] == 403
    assert call(client, "GET", f"{url}?before={got['id']}", **bearer(*SEES))[1]["parcels"] == []


def test_a_recall_counts_what_is_picked_also_where_it_does_not_name_all(
    client: Client, world: World, serum: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oms.api.lots.MOST_TOTES", 1)
    work = [make_work(world, key, make_line(serum, units)) for key, units in (("1", 2), ("2", 3), ("3", 2))]
    accept(fulfillment_order_ids=[item.pk for item in work], actor="Asha")
    for item in work:
        pick_all(fulfillment_order_id=item.pk, actor="Asha")

    told = call(client, "GET", f"/lots/{pk_of('LATE')}/recall", **bearer(*SEES))[1]

    assert (told["picked_units"], told["picked_more"]) == (5, True)
    assert [row["order"] for row in told["picked"]] == [work[2].order.number]


def test_a_recall_keeps_to_the_channels_in_scope(client: Client, world: World, serum: Sku, parcel: Shipment) -> None:
    work = make_work(world, "2", make_line(serum, 1))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick_all(fulfillment_order_id=work.pk, actor="Asha")

    told = call(client, "GET", f"/lots/{pk_of('LATE')}/recall", **bearer(*SEES, channel_codes=["other"]))[1]

    assert (told["units"], told["parcels"], told["picked"]) == (0, [], [])
    assert (told["picked_units"], told["picked_more"]) == (0, False)


def test_a_serial_number_names_no_order_and_no_place_out_of_scope(
    client: Client, world: World, parcel: Shipment
) -> None:
    here, sent = (SerialNumber.objects.get(number=number) for number in ("IMEI-2", "IMEI-1"))
    SerialNumber.objects.filter(pk=here.pk).update(reference="GRN-7")

    def told(serial: SerialNumber, *verbs: str, **limits: Any) -> set[str]:
        headers = bearer(*verbs, **limits)
        [found] = call(client, "GET", f"/serials?number={serial.number}", **headers)[1]["serials"]
        return {found["reference"], call(client, "GET", f"/serials/{serial.pk}", **headers)[1]["reference"]}

    assert told(sent, *SEES) == {parcel.order.number}
    assert told(sent, "inventory.view") == {""}
    assert told(sent, *SEES, channel_codes=["other"]) == {""}
    assert told(sent, *SEES, node_codes=[world.delhi.code]) == {""}
    assert told(sent, *SEES, node_codes=[world.blr.code]) == {parcel.order.number}
    assert told(here, "inventory.view") == {"GRN-7"}
    assert told(here, *SEES, node_codes=[world.delhi.code]) == {""}


def test_a_serial_number_tells_where_it_is_and_its_way(client: Client, world: World, parcel: Shipment) -> None:
    headers = bearer(*SEES)

    [found] = call(client, "GET", "/serials?number=imei-1", **headers)[1]["serials"]
    status, told = call(client, "GET", f"/serials/{found['id']}", **headers)

    assert (found["sku"], found["number"], found["bucket"], found["node"], found["elsewhere"]) == (
        "PHONE-1", "IMEI-1", "customer", None, False,
    )  # fmt: skip
    assert (status, told["bucket"]) == (200, "customer")
    assert [(row["from"], row["to"]) for row in told["postings"]] == [
        ("packed", "customer"), ("on_hand", "packed"), ("supplier", "on_hand"),
    ]  # fmt: skip
    assert [(row["order"], row["awb"]) for row in told["parcels"]] == [(parcel.order.number, parcel.awb)]
    assert (told["picked"], told["returns"]) == ([], [])
    assert call(client, "GET", f"/serials/{found['id']}", **bearer("inventory.view"))[1]["parcels"] == []
    assert call(client, "GET", "/serials?number=IMEI-1&sku=OTHER", **headers)[1]["serials"] == []
    assert call(client, "GET", "/serials", **headers)[0] == 422
    assert call(client, "GET", "/serials/999999", **headers)[0] == 404


def test_lists_cost_no_more_statements_for_more_rows(client: Client, world: World, serum: Sku) -> None:
    headers = bearer(*SEES)

    def statements(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert call(client, "GET", url, **headers)[0] == 200
        return len(queries)

    def sell(key: str) -> None:
        work = make_work(world, key, make_line(serum, 1))
        accept(fulfillment_order_ids=[work.pk], actor="Asha")
        pick_all(fulfillment_order_id=work.pk, actor="Asha")
        pack(fulfillment_order_id=FulfillmentOrder.objects.get(pk=work.pk).pk, actor="Asha")

    recall = f"/lots/{pk_of('SOON')}/recall"
    sell("1")
    statements("/lots")  # the first one notes when the token was used
    few = statements("/lots"), statements(recall)
    put_lot(serum, world.blr, "MORE", 3)
    put_lot(serum, world.delhi, "MOST", 3)
    sell("2")

    assert (statements("/lots"), statements(recall)) == few


def test_a_number_of_two_skus_gives_both(client: Client, world: World) -> None:
    for code in ("PHONE-1", "WATCH-1"):
        put_serials(make_serial_sku(code), world.blr, "N-1")

    found = call(client, "GET", "/serials?number=N-1", **bearer("inventory.view"))[1]["serials"]

    assert [row["sku"] for row in found] == ["PHONE-1", "WATCH-1"]
    assert SerialNumber.objects.count() == 2
