"""Failed deliveries on the screen: due first, filtered, answered one by one and in bulk, exported, never twice."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from fulfillment.models import DeliveryAnswer, FailedDelivery, RoadTrouble, Shipment
from fulfillment.services.road import dispute
from oms.accounts.models import Role
from tests.dashboard.fulfil.conftest import Show, SignIn
from tests.factories import World
from tests.fulfillment.failing import by_shiprocket, failed, scan
from tests.fulfillment.floor import make_carrier

pytestmark = pytest.mark.django_db(transaction=True)
NDR = "/fulfil/ndr/"


@pytest.fixture
def cases(world: World) -> list[FailedDelivery]:
    """Three first attempts: the second was refused; the third goes with a carrier that takes answers."""
    make_carrier()
    rows = [failed(world, "1", 20), failed(world, "2", 3, sub_status="refused"), failed(world, "3", 1)]
    by_shiprocket(rows[2].shipment)
    return rows


def number(row: FailedDelivery) -> str:
    return row.shipment.order.number


def test_what_is_due_first_comes_first_and_filters_narrow_it(
    client: Client, cases: list[FailedDelivery], show: Show
) -> None:
    first, refused, last = cases
    text = show(NDR)
    assert text.index(number(first)) < text.index(number(refused)) < text.index(number(last))
    assert "Customer not available" in text
    narrowed = show(f"{NDR}?reason=refused&attempt=1&cod=no&customer=no")
    assert number(refused) in narrowed
    assert number(first) not in narrowed
    assert "No failed delivery matches" in show(f"{NDR}?attempt=3")
    assert "Nothing here" in show(f"{NDR}?show=told")
    lines = b"".join(client.get(f"{NDR}export.csv?reason=refused")).decode().strip().splitlines()
    assert [number(refused) in line for line in lines] == [False, True]
    parcel = f"/fulfil/parcels/{first.shipment_id}/"
    assert "Attempt 1 failed: Customer not available" in show(parcel)
    assert "Attempt 1 failed: Customer not available" in show(f"/orders/{number(first)}/")


def test_a_form_that_comes_twice_answers_once_and_one_that_is_behind_is_refused(
    client: Client, cases: list[FailedDelivery]
) -> None:
    case = cases[2]
    url = f"{NDR}{case.pk}/"
    form = {"kind": "again", "seen": "0", "idempotency_key": "k-1", "note": "Call first"}
    for _ in range(2):
        assert client.post(f"{url}answer/", form).status_code == 302
    behind = client.post(f"{url}answer/", {"kind": "return", "seen": "0", "idempotency_key": "k-2"})
    assert (behind.status_code, DeliveryAnswer.objects.count()) == (409, 1)
    assert "answered for" in behind.content.decode()
    wrong = client.post(f"{url}answer/", {"kind": "correct", "phone": "12"})
    assert wrong.status_code == 422


def test_many_are_answered_with_one_look_and_each_has_its_result(client: Client, cases: list[FailedDelivery]) -> None:
    FailedDelivery.objects.filter(pk=cases[1].pk).update(number=3)
    look = client.post(f"{NDR}answer/", {"kind": "again", "ids": [row.pk for row in cases]}).content.decode()
    assert "Deliver again: 2 parcels" in look
    assert "to be told by phone" in look
    assert "tried 3 times" in look
    ids = re.findall(r'name="ids" value="([^"]+)"', look)
    key = re.findall(r'name="idempotency_key" value="([^"]+)"', look)[0]
    scan(cases[0].shipment, "delivered")
    form = {"kind": "again", "confirmed": "1", "ids": ids, "idempotency_key": key}
    results = [client.post(f"{NDR}answer/", form).content.decode() for _ in range(2)]
    assert all("Answered for 1 parcel" in result and "has moved on: delivered" in result for result in results)
    assert DeliveryAnswer.objects.get().failure_id == cases[2].pk


def test_a_carrier_that_takes_no_answers_is_told_by_phone(
    client: Client, cases: list[FailedDelivery], show: Show
) -> None:
    url = f"{NDR}{cases[0].pk}/"
    assert "takes no answers from here" in show(url)
    client.post(f"{url}answer/", {"kind": "again", "seen": "0"})
    assert "To be told by phone" in show(url)
    answer = DeliveryAnswer.objects.get()
    assert client.post(f"{url}told/", {"answer": "999"}).status_code == 404
    client.post(f"{url}told/", {"answer": answer.pk})
    answer.refresh_from_db()
    assert answer.state == "by_phone"
    assert number(cases[0]) in show(f"{NDR}?show=told")


def test_who_may_not_answer_reads_and_who_works_elsewhere_sees_nothing(
    client: Client, cases: list[FailedDelivery], sign_in: SignIn, show: Show
) -> None:
    sign_in(Role.PACKER)
    text = show(NDR)
    assert number(cases[0]) in text
    assert "9845012345" not in text
    assert client.post(f"{NDR}{cases[0].pk}/answer/", {"kind": "again"}).status_code == 403
    sign_in(Role.WAREHOUSE_LEAD, "del-01")
    assert number(cases[0]) not in show(NDR)
    assert client.get(f"{NDR}{cases[0].pk}/").status_code == 404


def test_the_queue_costs_the_same_for_more_rows(
    world: World, cases: list[FailedDelivery], show: Show, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    show(NDR)
    with CaptureQueriesContext(connection) as few:
        show(NDR)
    for name in ("4", "5", "6"):
        failed(world, name, 2)
    with django_assert_num_queries(len(few)):
        show(NDR)


def test_parcels_on_the_road_are_dealt_with_and_the_tower_leads_there(
    client: Client, cases: list[FailedDelivery], show: Show
) -> None:
    shipment: Shipment = cases[0].shipment
    scan(shipment, "delivered")
    trouble = dispute(shipment_id=shipment.pk, note="No one rang")
    assert "No one rang" in show("/fulfil/road/")
    tower = show("/")
    assert "/fulfil/ndr/?courier=" in tower
    assert "/fulfil/road/?kind=disputed" in tower
    url = f"/fulfil/road/{trouble.pk}/"
    assert "did not get it" in show(url)
    assert client.post(f"{url}act/", {"do": "ask"}).status_code == 422
    client.post(f"{url}act/", {"do": "ask", "ticket": "SR-7"})
    client.post(f"{url}act/", {"do": "snooze", "days": "3"})
    assert "Every parcel moves" in show("/fulfil/road/")
    assert "SR-7" in show("/fulfil/road/?show=off")
    client.post(f"{url}act/", {"do": "close", "reason": "A neighbour has it"})
    assert "A neighbour has it" in show("/fulfil/road/?show=closed")
    assert RoadTrouble.objects.get().closed_at is not None
