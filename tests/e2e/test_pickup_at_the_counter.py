"""A customer at the counter: five wrong codes lock the order, a manager unlocks it, the right code hands it over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F
from playwright.sync_api import expect

from fulfillment.models import CurbsideVisit, FulfillmentOrder, Shipment
from fulfillment.selectors.pickups import pickup_code
from fulfillment.services.pickups import stage_parcel
from inventory.models import Node
from oms.accounts.models import Role, User
from oms.notifications.links import tracking_token
from oms.notifications.models import Message
from orders.canonical import CanonicalPayment
from orders.models import Order, OrderEvent
from tests.e2e.axe import axe_violations, overflow_px
from tests.e2e.conftest import Visitor
from tests.e2e.scanner import scan
from tests.factories import World, capture, make_line, make_order, stock
from tests.flow.driver import drain
from tests.fulfillment.floor import packed, stock_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def order(world: World, person: Callable[..., User]) -> Order:
    """One kurta, to be paid at the counter, packed in a store that puts parcels on shelves."""
    world.channel.notifies_customer = True
    world.channel.save()
    Node.objects.filter(pk=world.store.pk).update(stages_pickups=True, pickup_days=3, auto_accept=True)
    stock(world.kurta, world.store, 3)
    person("asha@example.com", name="Asha Gowda", role=Role.STORE_ASSOCIATE, node_codes=["blr-s1"])
    person("manju@example.com", name="Manju", role=Role.STORE_MANAGER, node_codes=["blr-s1"])
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=99_900)
    capture(world, make_order("1", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1",
                              payment=payment))  # fmt: skip
    drain()
    packed(FulfillmentOrder.objects.get())
    drain()
    return Order.objects.get()


def test_five_wrong_codes_lock_and_the_right_one_hands_over_once(visitor: Visitor, world: World, order: Order) -> None:
    assert not Message.objects.filter(template="ready_for_pickup").exists()
    phone = visitor(width=360, height=740)
    page = phone.sign_in("asha@example.com")
    page.get_by_role("link", name="Put 1 parcel on a shelf").click()
    page.get_by_role("link", name=order.number).click()
    phone.look()
    scan(page, "LOCKER-7")
    expect(page.get_by_text(f"{order.number} lies on LOCKER-7.")).to_be_visible()
    phone.look()
    drain()
    letter = Message.objects.get(template="ready_for_pickup")
    assert pickup_code(order) in letter.text

    customer = visitor(width=360, height=740)
    tracking = customer.open(f"/t/{tracking_token(order)}/")
    expect(tracking.get_by_text(pickup_code(order), exact=True)).to_be_visible()
    assert customer.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0

    page.get_by_role("link", name=order.number).click()
    phone.look()
    bad = f"{(int(pickup_code(order)) + 1) % 1_000_000:06}"
    for left in (4, 3, 2, 1):
        page.get_by_label("Pickup code").fill(bad)
        page.get_by_label("I took").check()
        page.get_by_role("button", name="Hand over").click()
        expect(page.get_by_text("1 try is left" if left == 1 else f"{left} tries are left")).to_be_visible()
    phone.look()
    page.get_by_label("Pickup code").fill(bad)
    page.get_by_label("I took").check()
    page.get_by_role("button", name="Hand over").click()
    expect(page.get_by_text("5 wrong codes were given")).to_be_visible()
    expect(page.get_by_role("button", name="Hand over")).to_have_count(0)
    phone.look()
    phone.problems.clear()
    assert stock_of(world.kurta, world.store) == {"on_hand": 2, "packed": 1}

    desk = visitor(width=360, height=740)
    manager = desk.sign_in("manju@example.com")
    desk.open("/s/handover/")
    manager.get_by_role("link", name=order.number).click()
    desk.look()
    manager.get_by_role("button", name="Unlock: five more tries").click()
    expect(manager.get_by_text("is unlocked")).to_be_visible()

    phone.open("/s/handover/")
    page.get_by_role("link", name=order.number).click()
    page.get_by_role("radio", name="Somebody else").check()
    page.get_by_label("Name of somebody else").fill("Ravi")
    page.get_by_label("What they are to the customer").fill("brother")
    page.get_by_label("Pickup code").fill(pickup_code(order))
    page.get_by_label("I took").check()
    phone.look()
    page.get_by_role("button", name="Hand over").dblclick()
    expect(page.get_by_text("was handed over")).to_be_visible()
    order.refresh_from_db()
    assert (order.stage, stock_of(world.kurta, world.store)) == ("delivered", {"on_hand": 2})
    told = list(OrderEvent.objects.filter(kind="pickup").order_by("seq").values_list("message", flat=True))
    assert told[0] == "Pickup at blr-s1: lies on LOCKER-7."
    assert told[1:6] == [f"Pickup at blr-s1: wrong code, {n} of 5." for n in range(1, 6)]
    assert told[-1] == "Pickup at blr-s1: handed out to Ravi (brother), who knew the code."
    assert len(told) == 8


def test_a_customer_in_the_car_is_seen_heard_and_met(visitor: Visitor, world: World, order: Order) -> None:
    Node.objects.filter(pk=world.store.pk).update(curbside_bays=4)
    stage_parcel(shipment_id=Shipment.objects.get().pk, shelf="A-1", actor="Asha")
    phone, car = visitor(width=360, height=740), visitor(width=360, height=740, scripts=False)
    tasks = phone.sign_in("asha@example.com")
    expect(tasks.get_by_role("heading", name="To do now")).to_be_visible()
    page = car.open(f"/t/{tracking_token(order)}/")
    page.get_by_role("button", name="I'm on my way").click()
    expect(page.get_by_text("The store knows that you are on the way")).to_be_visible()
    page.get_by_label("Bay").select_option("2")
    page.get_by_label("Your car").fill("white Swift, 4521")
    other = visitor(width=360, height=740)
    assert (axe_violations(other.open(f"/t/{tracking_token(order)}/")), overflow_px(other.page)) == ([], 0)
    page.get_by_role("button", name="I'm here").click()
    expect(page.get_by_text("in bay 2")).to_be_visible()

    # The list of tasks asks by itself.
    expect(tasks.get_by_role("heading", name="Bay 2")).to_be_visible(timeout=15_000)
    expect(tasks.locator(".curb-late")).to_have_count(0)
    phone.look()
    CurbsideVisit.objects.update(here_at=F("here_at") - timedelta(minutes=3))
    tasks.reload()
    expect(tasks.locator(".curb-late [data-since]")).to_contain_text("3:")
    phone.look()

    tasks.get_by_role("button", name="On my way").click()
    expect(tasks.get_by_label("Pickup code")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Somebody is on the way to you.")).to_be_visible()
    tasks.get_by_label("Pickup code").fill(pickup_code(order))
    tasks.get_by_label("I took").check()
    tasks.get_by_role("button", name="Hand over").click()
    expect(tasks.get_by_text("was handed over")).to_be_visible()
    phone.open("/s/")
    expect(tasks.locator(".curb")).to_have_count(0)
