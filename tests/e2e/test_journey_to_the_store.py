"""Goods for an order to collect: the office sees what it waits for, the store scans the parcel in and hands it out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from fulfillment.models import FulfillmentOrder
from fulfillment.selectors.pickups import pickup_code
from fulfillment.services import hand_over
from oms.accounts.models import Role, User
from orders.models import Order
from tests.e2e.conftest import Visitor
from tests.e2e.scanner import scan
from tests.factories import World, capture, make_line, make_order
from tests.flow.driver import drain
from tests.fulfillment.floor import packed, stock_of, units_of
from tests.fulfillment.to_store import allow_transfers, on_the_road_with, order_to_collect, work_of
from tests.fulfillment.tracked import lots_at, make_lot_sku, make_serial_sku, places, put_lot, put_serials

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def order(world: World) -> Order:
    """Two kurtas of Bengaluru's warehouse, on their way to the store; everything between by the flow."""
    allow_transfers()
    order_id = capture(
        world, make_order("1", make_line(world.kurta, 2), service_level="pickup", pickup_node_code=world.store.code)
    )
    drain()
    parcel = packed(work_of(order_id))
    drain()
    hand_over(shipment_ids=[parcel.pk], actor="Ravi")
    drain()
    return Order.objects.get(pk=order_id)


def test_the_office_sees_what_an_order_waits_for(
    visitor: Visitor, person: Callable[..., User], order: Order
) -> None:  # fmt: skip
    person("meera@example.com", name="Meera Ops", role=Role.OPS_MANAGER, all_nodes=True)
    visit = visitor()
    page = visit.sign_in("meera@example.com")

    visit.open(f"/orders/{order.number}/")
    expect(page.get_by_text("Waiting for a transfer from blr-01")).to_be_visible()
    page.get_by_text("It does not come").click()
    visit.look()


def test_a_parcel_is_scanned_in_and_handed_out(visitor: Visitor, person: Callable[..., User], order: Order) -> None:
    person("asha@example.com", name="Asha Gowda", role=Role.STORE_ASSOCIATE, node_codes=["blr-s1"])
    awaited = FulfillmentOrder.objects.get(order=order, state="waiting_transfer")
    assert awaited.arrives_in is not None
    visit = visitor(width=360, height=740)
    page = visit.sign_in("asha@example.com")

    page.get_by_role("link", name="1 parcel comes for pickup").click()
    expect(page.get_by_role("heading", name="Arriving for pickup")).to_be_visible()
    visit.look()
    scan(page, awaited.arrives_in.awb)
    expect(page.get_by_role("heading", name=order.number)).to_be_visible()
    visit.look()
    page.get_by_role("button", name="Receive").click()
    expect(page.get_by_text("lies ready")).to_be_visible()
    visit.look()

    visit.open("/s/handover/")
    page.get_by_role("link", name=order.number).click()
    page.get_by_label("Pickup code").fill(pickup_code(order))
    page.get_by_role("button", name="Hand over").click()
    expect(page.get_by_text("was handed over")).to_be_visible()

    assert units_of(order) == {"shipped": 2, "delivered": 2}


def test_lots_and_serial_numbers_are_told_one_by_one(
    visitor: Visitor, person: Callable[..., User], world: World
) -> None:  # fmt: skip
    allow_transfers()
    phone_sku, serum = make_serial_sku(), make_lot_sku()
    put_serials(phone_sku, world.blr, "IMEI-1", "IMEI-2")
    put_lot(serum, world.blr, "L1", 1)
    put_lot(serum, world.blr, "L2", 2)
    order_id = order_to_collect(world, "1", make_line(phone_sku, 2), make_line(serum, 3))
    awaited = on_the_road_with(order_id, "IMEI-1", "IMEI-2")
    person("asha@example.com", name="Asha Gowda", role=Role.STORE_ASSOCIATE, node_codes=["blr-s1"])
    visit = visitor(width=360, height=740)
    page = visit.sign_in("asha@example.com")

    visit.open(f"/s/arrivals/{awaited.pk}/")
    page.get_by_label("IMEI-2").select_option("Damaged")
    page.get_by_label("Good L1").fill("0")
    visit.look()
    page.get_by_role("button", name="Receive").click()
    expect(page.get_by_text("lies ready")).to_be_visible()

    assert places(phone_sku) == {"IMEI-1": "packed", "IMEI-2": "damaged"}
    assert lots_at(serum, world.store) == {"L2": {"packed": 2}}


def test_a_parcel_that_is_back_is_known_at_the_returns_desk(
    visitor: Visitor, person: Callable[..., User], world: World, order: Order
) -> None:  # fmt: skip
    awaited = FulfillmentOrder.objects.get(order=order, state="waiting_transfer")
    assert awaited.arrives_in is not None
    person("meera@example.com", name="Meera Ops", role=Role.OPS_MANAGER, all_nodes=True)
    visit = visitor()
    page = visit.sign_in("meera@example.com")

    visit.open(f"/returns/desk/?code={awaited.arrives_in.awb}")
    expect(page.get_by_text("This parcel is no return of a customer")).to_be_visible()
    visit.look()
    page.get_by_role("button", name=f"Back at {world.blr.name}").click()
    expect(page.get_by_text("is back in stock")).to_be_visible()

    assert stock_of(world.kurta, world.blr)["on_hand"] == 10
