"""A failed delivery is answered: by its customer on a phone without scripts, in bulk by an agent at the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from fulfillment.models import DeliveryAnswer, RoadTrouble
from fulfillment.services.road import dispute
from oms.accounts.models import Role, User
from oms.notifications.links import tracking_token
from orders.models import Order
from tests.e2e.axe import axe_violations, overflow_px
from tests.e2e.browsing import PICTURES, Visit
from tests.e2e.conftest import Visitor
from tests.factories import World
from tests.fulfillment.failing import by_shiprocket, failed, on_the_road, scan

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def sound(visit: Visit) -> None:
    """The customer's page has no fault and does not scroll sideways, in light and in dark: it has no theme of ours."""
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=scheme)
        if PICTURES:
            visit.pictures += 1
            visit.page.screenshot(path=Path(PICTURES) / f"customer-{visit.pictures:02}-{scheme}.png", full_page=True)
        assert (axe_violations(visit.page), overflow_px(visit.page)) == ([], 0)
    visit.page.emulate_media(color_scheme="light")


def test_a_customer_answers_from_the_phone_without_scripts(visitor: Visitor, world: World) -> None:
    failure = failed(world, "1", 3, location="Bengaluru")
    by_shiprocket(failure.shipment)
    Order.objects.update(promised_by=timezone.now(), first_promised_by=timezone.now())
    token = tracking_token(failure.shipment.order)
    looking = visitor(width=360, height=740)
    looking.open(f"/t/{token}/")
    expect(looking.page.get_by_text("The courier found nobody there.")).to_be_visible()
    looking.page.get_by_text("Correct the address or phone number").click()
    sound(looking)
    looking.open(f"/t/{token}/?lang=hi")
    sound(looking)

    phone = visitor(width=360, height=740, scripts=False)
    page = phone.open(f"/t/{token}/?lang=hi")
    page.get_by_label("वे दोबारा कब आएँ?").select_option(index=2)
    page.get_by_role("button", name="दोबारा डिलीवर करें").click()
    expect(page.get_by_text("हम इसे कूरियर को बताते हैं।")).to_be_visible()
    answer = DeliveryAnswer.objects.get()
    assert (answer.answered_by, answer.kind) == ("customer", "on_day")

    looking.open(f"/t/{token}/")
    expect(looking.page.get_by_text("You asked the courier to come on this day.")).to_be_visible()
    sound(looking)
    other = on_the_road(world, "2")
    scan(other, "delivered", 2, sub_status="to_security", location="Bengaluru")
    looking.open(f"/t/{tracking_token(other.order)}/")
    looking.page.get_by_role("link", name="I did not get it").click()
    sound(looking)
    looking.page.get_by_role("button", name="It is not there").click()
    expect(looking.page.get_by_text("You told us that this did not come.")).to_be_visible()
    assert RoadTrouble.objects.get().kind == "disputed"


@pytest.mark.parametrize("width", [1440, 360])
def test_an_agent_answers_many_by_keyboard(
    visitor: Visitor, person: Callable[..., User], world: World, width: int
) -> None:
    rows = [failed(world, str(n), 20 - n, location="Bengaluru") for n in range(1, 4)]
    for row in rows[:2]:
        by_shiprocket(row.shipment)
    delivered = on_the_road(world, "9")
    scan(delivered, "delivered", 5)
    dispute(shipment_id=delivered.pk, note="The guard knows of no parcel")
    person("agent@example.com", name="Asha", role=Role.OPS_AGENT, all_nodes=True)
    visit = visitor(width=width, height=740 if width < 500 else 900)
    visit.sign_in("agent@example.com")
    visit.open("/fulfil/ndr/")
    page = visit.page
    expect(page.locator("[data-row]")).to_have_count(3)
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.get_by_role("region", name="Selected rows")).to_contain_text("2 parcels selected")
    visit.look()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Deliver again: 2 parcels")).to_be_visible()
    visit.look()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Answered for 2 parcels")).to_be_visible()
    visit.look()
    assert set(DeliveryAnswer.objects.values_list("failure_id", flat=True)) == {row.pk for row in rows[:2]}

    page.get_by_role("link", name="To the queue").click()
    page.get_by_role("link", name=rows[2].shipment.order.number).click()
    expect(page.get_by_text("takes no answers from here")).to_be_visible()
    expect(page.get_by_label("Corrected phone")).to_be_hidden()
    page.get_by_text("Correct address or phone").click()
    expect(page.get_by_label("Corrected phone")).to_be_visible()
    visit.look()
    page.get_by_text("Deliver again", exact=True).click()
    page.get_by_text("I told the carrier by phone").click()
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_text("Told by phone").first).to_be_visible()
    visit.open("/fulfil/ndr/")
    expect(page.get_by_text("Nothing to answer")).to_be_visible()

    visit.open("/fulfil/road/")
    expect(page.get_by_text("The guard knows of no parcel")).to_be_visible()
    visit.look()
    page.get_by_role("link", name=delivered.order.number).click()
    visit.look()
    page.get_by_label("Reference of the carrier").fill("SR-7")
    page.get_by_role("button", name="Note it").click()
    expect(page.get_by_text("SR-7")).to_be_visible()
