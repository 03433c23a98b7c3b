"""What customers answer to failed attempts from their page: once, without scripts, in their language."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from fulfillment.models import DeliveryAnswer, FailedDelivery, RoadTrouble, Shipment
from fulfillment.services.answers import CUSTOMER_ANSWERS_A_DAY
from oms.notifications.links import tracking_token
from oms.portal.days import day_text
from oms.portal.story import tell
from orders.models import Order
from tests.factories import World, make_world
from tests.fulfillment.failing import by_shiprocket, failed, on_the_road, scan
from tests.fulfillment.floor import make_carrier

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


@pytest.fixture
def failure(world: World) -> FailedDelivery:
    """Promised for today; nobody was there."""
    row = failed(world, "1")
    by_shiprocket(row.shipment)
    Order.objects.update(promised_by=timezone.now(), first_promised_by=timezone.now())
    return row


def page(shipment: Shipment, part: str = "") -> str:
    address = f"/t/{tracking_token(shipment.order)}/"
    return f"{address}{part}/{shipment.pk}/" if part else address


def offered(text: str) -> list[str]:
    return re.findall(r'<option value="(2[^"]+)"', text)


def test_a_day_is_chosen_once_and_the_date_says_so(client: Client, failure: FailedDelivery) -> None:
    shipment = failure.shipment
    text = client.get(page(shipment)).content.decode()
    assert "The courier found nobody there." in text
    assert "Tell us below what they should do." in text
    day = offered(text)[2]

    for _ in range(2):
        assert client.post(page(shipment, "deliver"), {"day": day}).status_code == 302

    answer = DeliveryAnswer.objects.get()
    assert (answer.answered_by, answer.actor, str(answer.deliver_on)) == ("customer", "customer", day)
    text = client.get(page(shipment)).content.decode()
    assert answer.deliver_on is not None
    assert f"<h1>Arriving {day_text(answer.deliver_on)}</h1>" in text
    assert "You asked the courier to come on this day." in text
    assert "Deliver again</button>" not in text
    late = client.post(page(shipment, "send-back"))
    assert (late.status_code, DeliveryAnswer.objects.count()) == (409, 1)


def test_what_cannot_be_is_said_in_the_customers_language_and_stores_nothing(
    client: Client, failure: FailedDelivery
) -> None:
    shipment = failure.shipment
    deliver = page(shipment, "deliver")
    for form, words in (
        ({"day": "2020-01-01"}, "उस दिन नहीं आ सकता"), ({"kind": "correct"}, "मकान, सड़क"),
        ({"kind": "correct", "phone": "9"}, "फ़ोन नंबर नहीं है"),
        ({"kind": "correct", "line1": "4 MG Road, Pune 411001"}, "मकान, सड़क"),
    ):  # fmt: skip
        refused = client.post(f"{deliver}?lang=hi", form)
        assert refused.status_code == 422
        assert words in refused.content.decode()
    other = f"{page(shipment)}deliver/{shipment.pk + 999}/"
    assert client.post(other, {}).status_code == 404
    assert client.get(deliver).status_code == 405
    assert not DeliveryAnswer.objects.exists()
    client.post(
        deliver, {"kind": "correct", "line1": "14 MG Road", "line2": "Behind the temple", "phone": "9845099999"}
    )
    answer = DeliveryAnswer.objects.get()
    assert (answer.kind, answer.line1, answer.phone) == ("correct", "14 MG Road", "9845099999")
    text = client.get(page(shipment)).content.decode()
    assert "14 MG Road" not in text
    assert "9845099999" not in text


def test_a_sign_that_the_database_does_not_take_is_left_out(client: Client, failure: FailedDelivery) -> None:
    form = {"kind": "correct", "line1": "12\x00MG Road"}
    assert client.post(page(failure.shipment, "deliver"), form).status_code == 302
    assert DeliveryAnswer.objects.get().line1 == "12 MG Road"


def test_what_is_not_wanted_goes_back_after_a_question(client: Client, failure: FailedDelivery) -> None:
    shipment = failure.shipment
    assert b"Yes, send it back" in client.get(page(shipment, "send-back")).content
    assert not DeliveryAnswer.objects.exists()
    client.post(page(shipment, "send-back"), headers={"Origin": "null"})
    assert DeliveryAnswer.objects.get().kind == "return"
    assert "It goes back to us." in client.get(page(shipment)).content.decode()


def test_after_the_last_attempt_it_is_not_asked_for_again(client: Client, failure: FailedDelivery) -> None:
    FailedDelivery.objects.update(number=3)
    text = client.get(page(failure.shipment)).content.decode()
    assert "does not come again by itself" in text
    assert offered(text) == []
    assert client.post(page(failure.shipment, "deliver"), {}).status_code == 422


def test_a_machine_that_answers_all_day_is_stopped(client: Client, failure: FailedDelivery) -> None:
    for _ in range(CUSTOMER_ANSWERS_A_DAY + 2):
        client.post(page(failure.shipment, "deliver"), {})
        DeliveryAnswer.objects.update(state="refused")
    assert DeliveryAnswer.objects.count() == CUSTOMER_ANSWERS_A_DAY


def test_a_page_that_is_looked_at_hears_of_the_answer(client: Client, failure: FailedDelivery) -> None:
    address = page(failure.shipment)
    version = client.get(address).content.decode().partition('data-version="')[2].partition('"')[0]
    assert client.get(address, headers={"X-Fragment-Version": version}).status_code == 204
    client.post(page(failure.shipment, "deliver"), {})
    assert client.get(address, headers={"X-Fragment-Version": version}).status_code == 200


def test_what_did_not_come_is_said_within_days(client: Client, world: World) -> None:
    shipment = on_the_road(world, "1")
    scan(shipment, "delivered", 3, sub_status="to_security", location="Bengaluru")
    text = client.get(page(shipment)).content.decode()
    assert "I did not get it" in text
    assert "Left with security or at the reception – Bengaluru" in text
    assert b"ask at home, the neighbours" in client.get(page(shipment, "not-here")).content
    for _ in range(2):
        assert client.post(page(shipment, "not-here"), {"note": "Nobody rang"}).status_code == 302
    assert RoadTrouble.objects.get().note == "Nobody rang"
    assert "You told us that this did not come." in client.get(page(shipment)).content.decode()

    RoadTrouble.objects.all().delete()
    Shipment.objects.update(delivered_at=timezone.now() - timedelta(days=8))
    assert "I did not get it" not in client.get(page(shipment)).content.decode()
    assert client.post(page(shipment, "not-here")).status_code == 409
    assert tell(Order.objects.get()).parcels[0].doubt is not None
