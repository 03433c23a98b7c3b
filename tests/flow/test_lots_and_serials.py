"""The way of an order of a SKU kept by lot and of one kept by serial number, through the steps of the flow."""

from __future__ import annotations

import pytest

from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import LineUnits, ParcelPlan, hand_over, pack, pick, pick_all
from inventory.models import StockLevel
from inventory.services import audit_stock
from oms.reporting.stock_audit import ORDER_CHECKS
from orders.models import Order
from returns.services import expect_rto, receive
from tests.factories import capture, make_line, make_order, make_world
from tests.flow.driver import drain
from tests.fulfillment.floor import make_carrier
from tests.fulfillment.tracked import (
    in_parcel,
    lots_at,
    make_lot_sku,
    make_serial_sku,
    places,
    postings,
    put_lot,
    put_serials,
)

pytestmark = pytest.mark.django_db(transaction=True)


def clean() -> bool:
    return audit_stock(more=ORDER_CHECKS).differences == 0


def test_an_order_of_lots_from_capture_to_its_return() -> None:
    # given two lots, of which one expires first
    world = make_world()
    make_carrier()
    serum = make_lot_sku()
    put_lot(serum, world.blr, "LATE", 5, days=200)
    put_lot(serum, world.blr, "SOON", 2, days=60)

    # when it is captured, routed and opened by the flow, and picked, packed and handed over by people
    order_id = capture(world, make_order("1", make_line(serum, 3)))
    drain()
    work = FulfillmentOrder.objects.get(order=order_id)
    assert StockLevel.objects.get(sku=serum, node=world.blr).reserved == 3
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")
    drain()
    assert clean()
    hand_over(shipment_ids=[parcel.pk], actor="dock")
    drain()

    # then the customer has the lot that expires first, and what comes back is the same
    assert in_parcel(parcel.pk) == {"SOON": 2, "LATE": 1}
    assert (Order.objects.get(pk=order_id).stage, lots_at(serum, world.blr)) == ("shipped", {"LATE": {"on_hand": 4}})
    assert clean()
    back = expect_rto(shipment_id=parcel.pk)
    receive(return_id=back.pk, dispositions={back.lines.get().pk: "restock"}, actor="desk")
    drain()
    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 5}, "SOON": {"on_hand": 2}}
    assert [row[:2] for row in postings(serum, "reserve", "pack", "ship", "return")] == [
        ("demand", "reserved"), ("reserved", "demand"), ("on_hand", "packed"), ("on_hand", "packed"),
        ("packed", "customer"), ("packed", "customer"), ("customer", "on_hand"), ("customer", "on_hand"),
    ]  # fmt: skip
    assert clean()


def test_an_order_of_serial_numbers_from_capture_to_its_return() -> None:
    # given three phones
    world = make_world()
    make_carrier()
    phone = make_serial_sku()
    put_serials(phone, world.blr, "IMEI-1", "IMEI-2", "IMEI-3")

    # when one number is scanned at the shelf and the other at the packing desk
    order_id = capture(world, make_order("1", make_line(phone, 2)))
    drain()
    work = FulfillmentOrder.objects.get(order=order_id)
    pick(fulfillment_order_id=work.pk, code="IMEI-2", actor="Asha")
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    plan = ParcelPlan(units={work.lines.get().pk: LineUnits(serials=("IMEI-3",))})
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[plan])
    drain()
    hand_over(shipment_ids=[parcel.pk], actor="dock")
    drain()

    # then each is where it should be, on the way out and back
    assert Shipment.objects.get(pk=parcel.pk).state == "handed_over"
    assert places(phone) == {"IMEI-1": "on_hand", "IMEI-2": "customer", "IMEI-3": "customer"}
    assert clean()
    back = expect_rto(shipment_id=parcel.pk)
    receive(return_id=back.pk, dispositions={back.lines.get().pk: "quarantine"}, actor="desk")
    assert places(phone) == {"IMEI-1": "on_hand", "IMEI-2": "quarantine", "IMEI-3": "quarantine"}
    assert clean()
