"""A channel hears each thing of an order once, also of orders that leave in several parcels."""

from __future__ import annotations

import pytest

from channels import registry
from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.base import AccountConfig, OrderUpdate
from channels.models import OutboundUpdate
from channels.services import push_order_updates
from fulfillment.events import FulfillmentReleased, ShipmentDelivered, ShipmentHandedOver
from fulfillment.models import FulfillmentOrder
from fulfillment.services import ParcelPlan, book_shipment, hand_over, open_fulfillment_orders, pack
from oms.core.models import OutboxEvent
from oms.flow.deliveries import fan_out, run_batch
from oms.flow.steps.channels import tell_channel
from oms.flow.table import EVENT_STEPS, STEPS
from orders.models import OrderLine
from routing.services import route_orders
from tests.channels.services.doors import make_account
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import labelled, make_carrier, picked

pytestmark = pytest.mark.django_db(transaction=True)

TELLING = {
    "fulfillment.FulfillmentReleased": FulfillmentReleased,
    "fulfillment.ShipmentHandedOver": ShipmentHandedOver,
    "fulfillment.ShipmentDelivered": ShipmentDelivered,
}


class Listener(WooCommerceAdapter):
    """A channel that only hears."""

    def __init__(self) -> None:
        self.heard: list[OrderUpdate] = []

    def push_order_update(self, account: AccountConfig, update: OrderUpdate) -> None:
        """Keep the update."""
        self.heard.append(update)

    def news(self) -> list[tuple[str, str, dict[str, int]]]:
        """What was heard since it was last asked: kind, AWB, units by line."""
        said: list[tuple[str, str, dict[str, int]]] = [
            (update.kind, update.awb, dict(update.lines)) for update in self.heard
        ]
        self.heard.clear()
        return said


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    found = Listener()
    monkeypatch.setitem(registry.ADAPTERS, "woocommerce", found)
    return found


@pytest.fixture
def world(listener: Listener) -> World:
    """Kurtas in Bengaluru, sarees in Delhi, and a web shop that is told."""
    made = make_world()
    stock(made.kurta, made.delhi, 0)
    stock(made.saree, made.blr, 0)
    make_account(made)
    make_carrier()
    return made


def opened(world: World) -> list[FulfillmentOrder]:
    """The work of an order of two kurtas and a saree, by node."""
    order_id = capture(world, make_order("1", make_line(world.kurta, 2), make_line(world.saree)))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    return list(FulfillmentOrder.objects.order_by("node_id"))


def tell() -> None:
    """What the pipeline does for the channel with everything that happened."""
    for step in ("tell_channel", "push_updates"):
        fan_out(EVENT_STEPS)
        run_batch(STEPS[step])


def tell_all_of_it_again() -> None:
    """The same events once more, as after a worker that died, and a push of whatever waits."""
    rows = OutboxEvent.objects.filter(kind__in=TELLING).order_by("pk")
    tell_channel([TELLING[row.kind](**row.payload) for row in rows])
    push_order_updates()


def test_each_parcel_is_told_once_with_its_own_units_and_the_beginning_once_for_the_order(
    world: World, listener: Listener
) -> None:
    kurtas, saree = opened(world)
    tell()
    assert listener.news() == [("processing", "", {})]

    first, second = labelled(kurtas), labelled(saree)
    hand_over(shipment_ids=[first.pk], actor="dock")
    tell()
    assert listener.news() == [("shipped", first.awb, {"KURTA-M-line": 2})]

    hand_over(shipment_ids=[second.pk], actor="dock")
    tell()
    assert listener.news() == [("shipped", second.awb, {"SAREE-1-line": 1})]

    tell_all_of_it_again()
    assert listener.news() == []
    assert OutboundUpdate.objects.filter(state="sent").count() == OutboundUpdate.objects.count() == 3


def test_two_parcels_of_one_node_that_leave_together_are_told_one_by_one(world: World, listener: Listener) -> None:
    kurtas, _ = opened(world)
    [line] = picked(kurtas).lines.all()
    plans = [ParcelPlan(items={line.pk: 1}), ParcelPlan(items={line.pk: 1})]
    parcels = pack(fulfillment_order_id=kurtas.pk, actor="Asha", parcels=plans)
    awbs = {book_shipment(parcel.pk).awb for parcel in parcels}
    tell()
    listener.news()

    hand_over(shipment_ids=[parcel.pk for parcel in parcels], actor="dock")
    tell()
    tell_all_of_it_again()

    news = listener.news()
    assert [(kind, lines) for kind, _, lines in news] == [("shipped", {"KURTA-M-line": 1})] * 2
    assert {awb for _, awb, _ in news} == awbs
    assert len(awbs) == 2
    assert sum(OrderLine.objects.filter(sku_id=world.kurta.pk).values_list("shipped", flat=True)) == 2
