"""The way of an order, end to end: a real store, a real carrier, the real relay and worker, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from pytest_django.live_server_helper import LiveServer

from carriers.models import Booking, CarrierAccount
from carriers.simulators.shiprocket.server import SimulatorServer
from channels.models import ChannelAccount, Listing
from channels.simulators.woocommerce.buyers import Habits
from channels.simulators.woocommerce.server import SimulatedStore, StoreOptions
from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import cancel_order, hand_over, pack, pick
from inventory.models import StockLevel
from inventory.services import audit_stock
from oms.core.models import Delivery
from oms.notifications.models import Message
from orders.models import Order
from tests.factories import World, make_world
from tests.flow.processes import Pipeline, pipeline, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def carrier(world: World, live_server: LiveServer) -> Iterator[SimulatorServer]:
    """A carrier whose parcels move when the test says so, and that pushes every scan."""
    account = CarrierAccount.objects.create(code="swift", name="Swift", adapter="shiprocket")
    hook = f"{live_server.url}/hooks/carriers/{account.pk}/"
    with SimulatorServer(speed=0.0, share_failed=0.0, share_rto=0.0, webhook_url=hook, webhook_token="t0ken") as server:
        account.base_url = server.base_url
        account.secrets = {"email": "a@example.com", "password": "x", "webhook_token": "t0ken"}
        account.save()
        yield server


@pytest.fixture
def store(world: World, live_server: LiveServer) -> Iterator[SimulatedStore]:
    """A store that sells the three SKUs and pushes every order."""
    hook = f"{live_server.url}/hooks/channels/{world.channel.code}/"
    calm = Habits(pending=0.0, cancel=0.0, address_edit=0.0, partial_refund=0.0)
    server = SimulatedStore(StoreOptions(webhook_url=hook, seed=1, habits=calm))
    server.start()
    products = [
        {"sku": sku.code, "name": sku.name, "price": 999, "stock": 20} for sku in (world.kurta, world.saree, world.shoe)
    ]
    control(server.base_url, "products", products)
    secrets = {"consumer_key": "ck_simulated", "consumer_secret": "cs_simulated", "webhook_secret": "whsec_simulated"}
    ChannelAccount.objects.create(
        channel=world.channel, connector="woocommerce", base_url=server.base_url, secrets=secrets
    )
    yield server
    server.stop()


@pytest.fixture
def running() -> Iterator[Pipeline]:
    with pipeline() as processes:
        yield processes


def control(base_url: str, path: str, body: object) -> dict[str, object]:
    """The hand behind a simulator."""
    response = requests.post(f"{base_url}/_sim/{path}", json=body, timeout=10)
    response.raise_for_status()
    return dict(response.json())


def level(world: World) -> tuple[int, int, int]:
    row = StockLevel.objects.get(sku=world.kurta, node=world.blr)
    return row.on_hand, row.reserved, row.packed


def test_an_order_travels_from_the_store_to_the_customer(
    world: World, store: SimulatedStore, carrier: SimulatorServer, running: Pipeline
) -> None:
    running.tick("poll channels")

    # bought -> captured -> routed -> reserved -> work opened
    buyer = {"count": 1, "sku": "KURTA-M", "quantity": 1, "cod": False, "postcode": "560001"}
    control(store.base_url, "orders", buyer)
    order = until(lambda: Order.objects.filter(stage="released").first(), what="the order is released to a node")
    work = FulfillmentOrder.objects.select_related("node").get(order=order)
    assert work.state == "accepted"
    reserved_at = StockLevel.objects.get(sku=world.kurta, node=work.node)
    assert (reserved_at.on_hand, reserved_at.reserved) == (10, 1)

    # picked -> packed -> label bought
    pick(fulfillment_order_id=work.pk, code="KURTA-M", actor="Ravi")
    [shipment] = pack(fulfillment_order_id=work.pk, actor="Ravi")
    booked = until(
        lambda: Shipment.objects.filter(pk=shipment.pk, state="labelled").first(), what="the label is bought"
    )
    assert booked.awb
    assert Booking.objects.get().state == "booked"
    assert FulfillmentOrder.objects.get().state == "ready"

    # handed over -> on its way -> delivered
    hand_over(shipment_ids=[shipment.pk], actor="Ravi")
    for milestone in ("picked_up", "in_transit", "out_for_delivery", "delivered"):
        control(carrier.base_url, "advance", {"awb": booked.awb, "to": milestone})
    until(lambda: Order.objects.filter(pk=order.pk, stage="delivered").exists(), what="the order is delivered")
    reserved_at.refresh_from_db()
    assert (reserved_at.on_hand, reserved_at.reserved, reserved_at.packed) == (9, 0, 0)

    # told: the customer, the store, the store's stock
    until(lambda: Message.objects.filter(state="sent").count() == 3, what="three messages are sent")
    assert set(Message.objects.values_list("template", flat=True)) == {"confirmation", "shipped", "delivered"}
    until(lambda: store.orders.get(int(order.external_id))["status"] == "completed", what="the store knows it shipped")
    until(lambda: Listing.objects.get(external_sku="KURTA-M").sent_quantity == 19, what="the store may sell 19")
    assert audit_stock().differences == 0
    assert not Delivery.objects.filter(state="dead").exists()
    seqs = list(order.timeline.values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_cancellation_after_the_label_gives_back_stock_and_label(
    world: World, store: SimulatedStore, carrier: SimulatorServer, running: Pipeline
) -> None:
    running.tick("poll channels")
    control(store.base_url, "orders", {"count": 1, "sku": "KURTA-M", "quantity": 1, "cod": True})
    order = until(lambda: Order.objects.filter(stage="released").first(), what="the order is released")
    work = FulfillmentOrder.objects.get()
    pick(fulfillment_order_id=work.pk, code="KURTA-M", actor="Ravi")
    pack(fulfillment_order_id=work.pk, actor="Ravi")
    until(lambda: Booking.objects.filter(state="booked").exists(), what="the label is bought")
    until(lambda: Shipment.objects.filter(state="labelled").exists(), what="the parcel is labelled")

    cancel_order(order_id=order.pk, reason="Changed my mind", actor="Asha")

    until(lambda: Booking.objects.filter(state="cancelled").exists(), what="the label is void")
    assert Order.objects.get().stage == "cancelled"
    assert all(row.reserved == row.packed == 0 and row.on_hand == 10
               for row in StockLevel.objects.filter(sku=world.kurta))  # fmt: skip
    until(lambda: store.orders.get(int(order.external_id))["status"] == "cancelled", what="the store knows")
    assert audit_stock().differences == 0
