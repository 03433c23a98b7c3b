"""What happened becomes one message per endpoint that wants it, once, with nothing about who the customer is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from fulfillment.services import cancel_order, hand_over
from inventory.events import NodeSwitched, StockArrived, StockChanged
from inventory.models import Sku
from inventory.services import switch_node
from oms.core.events import Recorded
from oms.core.models import OutboxEvent
from oms.flow.table import PIPELINE, tell_systems
from oms.integrations.models import WebhookDelivery, WebhookEndpoint
from oms.integrations.services import pause_endpoint, queue_webhooks
from oms.integrations.topics import BY_NAME, TOPICS
from orders.events import OrderCaptured
from orders.models import Order
from returns.services import expect_rto, receive
from routing.events import OrderRouted
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_sku, stock
from tests.fulfillment.floor import labelled, make_carrier, make_work
from tests.integrations.conftest import MakeEndpoint, record
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def queued(topic: str = "") -> list[WebhookDelivery]:
    rows = WebhookDelivery.objects.order_by("pk")
    return list(rows.filter(topic=topic) if topic else rows)


def payload_of(topic: str) -> dict[str, Any]:
    """The only message of a topic."""
    [row] = queued(topic)
    assert row.payload is not None
    assert row.payload["type"] == topic
    return dict(row.payload["data"])


def replay_outbox() -> None:
    """Everything that happened so far, as the steps would be handed it."""
    from_outbox = []
    for kind in PIPELINE:
        rows = OutboxEvent.objects.filter(kind=kind.kind).order_by("pk")
        from_outbox += [(row.pk, row.recorded_at, kind.from_payload(row.payload)) for row in rows]
    queue_webhooks([Recorded(*item) for item in sorted(from_outbox, key=lambda item: item[0])])


def test_every_topic_follows_an_event_that_is_told(world: World) -> None:
    assert [topic.name for topic in TOPICS if tell_systems not in PIPELINE[topic.event]] == []
    told = {event for event, steps in PIPELINE.items() if tell_systems in steps}
    assert told == {topic.event for topic in TOPICS}
    assert list(BY_NAME) == [
        "stock.level_changed", "stock.arrived", "node.switched", "order.captured", "order.routed", "order.unroutable",
        "order.cancelled", "order.substituted", "order.substitute_taken_back", "shipment.handed_over",
        "shipment.delivered", "return.received",
    ]  # fmt: skip
    for topic in TOPICS:
        json.dumps(topic.example)


def test_without_endpoints_nothing_is_asked_or_written(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    found = record(StockChanged(sku_ids=[world.kurta.pk], reason="count"))
    with django_assert_num_queries(3):  # the transaction, and who wants to know
        assert queue_webhooks(found) == 0


def test_the_same_event_twice_is_one_message(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint()
    make_endpoint(name="The warehouse")
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    found = record(
        OrderCaptured(order_id=order_id, number="x", channel_code="web"),
        StockArrived(sku_ids=[world.kurta.pk], node_id=world.blr.pk),
        StockChanged(sku_ids=[world.kurta.pk, world.saree.pk], reason="count"),
    )
    assert queue_webhooks(found) == 8
    assert queue_webhooks(found) == 0
    assert queue_webhooks(found[::-1]) == 0
    assert WebhookDelivery.objects.count() == 8
    assert OutboxEvent.objects.filter(kind="integrations.WebhooksDue").count() == 2


def test_eight_workers_with_the_same_events_queue_each_once(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint()
    found = record(*[NodeSwitched(node_id=world.blr.pk, active=bool(n % 2)) for n in range(20)],
                   StockChanged(sku_ids=[world.kurta.pk, world.saree.pk], reason="count"))  # fmt: skip
    new = at_once([lambda: queue_webhooks(found)] * 8)
    assert sum(new) == WebhookDelivery.objects.count() == 22


def test_changes_of_one_sku_are_folded_while_they_wait(world: World, make_endpoint: MakeEndpoint) -> None:
    endpoint = make_endpoint("stock.level_changed")
    other = make_endpoint("stock.level_changed", name="The shop")
    for _ in range(5):
        queue_webhooks(record(*[StockChanged(sku_ids=[world.kurta.pk, world.saree.pk], reason="count")] * 3))
    assert sorted((row.endpoint_id, row.subject, row.payload) for row in queued()) == sorted(
        (pk, sku, None) for pk in (endpoint.pk, other.pk) for sku in ("KURTA-M", "SAREE-1")
    )


def test_one_that_is_on_its_way_takes_no_more_news(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint("stock.level_changed")
    queue_webhooks(record(StockChanged(sku_ids=[world.kurta.pk], reason="count")))
    for state in ("sending", "failed", "sent", "dead"):
        WebhookDelivery.objects.filter(state="pending").update(state=state)
        assert queue_webhooks(record(StockChanged(sku_ids=[world.kurta.pk], reason="count"))) == 1
    assert [row.state for row in queued()] == ["sending", "failed", "sent", "dead", "pending"]


def test_only_what_was_asked_for_is_queued(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint("node.switched")
    paused = make_endpoint(name="Paused")
    pause_endpoint(paused.pk)
    assert queue_webhooks(record(
        NodeSwitched(node_id=world.blr.pk, active=False), StockChanged(sku_ids=[world.kurta.pk], reason="count")
    )) == 1  # fmt: skip
    assert [row.topic for row in queued()] == ["node.switched"]


def test_an_endpoint_of_some_nodes_hears_what_concerns_them(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint(node_codes=["blr-01"])
    order_id = capture(world, make_order("1", make_line(world.kurta)))
    assert queue_webhooks(record(
        OrderCaptured(order_id=order_id, number="x", channel_code="web"),
        OrderRouted(order_id=order_id, number="x", node_ids=[world.delhi.pk], complete=True),
        OrderRouted(order_id=order_id, number="x", node_ids=[world.blr.pk, world.delhi.pk], complete=True),
        StockArrived(sku_ids=[world.kurta.pk], node_id=world.delhi.pk),
        StockArrived(sku_ids=[world.saree.pk], node_id=world.blr.pk),
        NodeSwitched(node_id=world.store.pk, active=False),
        StockChanged(sku_ids=[world.kurta.pk], reason="count"),
    )) == 3  # fmt: skip
    assert [row.topic for row in queued()] == ["stock.level_changed", "stock.arrived", "order.routed"]
    assert payload_of("stock.arrived") == {"node": "blr-01", "skus": ["SAREE-1"]}


def test_an_endpoint_of_some_skus_hears_what_concerns_them(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint(sku_codes=["SHOE-42"])
    kurta, shoe = (capture(world, make_order(sku.code, make_line(sku))) for sku in (world.kurta, world.shoe))
    queue_webhooks(record(
        StockChanged(sku_ids=[world.kurta.pk, world.shoe.pk], reason="count"),
        OrderCaptured(order_id=kurta, number="x", channel_code="web"),
        OrderCaptured(order_id=shoe, number="x", channel_code="web"),
        NodeSwitched(node_id=world.blr.pk, active=False),
    ))  # fmt: skip
    assert [(row.topic, row.subject) for row in queued()] == [
        ("stock.level_changed", "SHOE-42"), ("node.switched", "blr-01"),
        ("order.captured", Order.objects.get(pk=shoe).number),
    ]  # fmt: skip


# -- payloads ---------------------------------------------------------------------------------------------------------


def test_an_order_is_told_from_capture_to_delivery(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint()
    make_carrier()
    work = make_work(world, "W-1", make_line(world.kurta, 2))
    parcel = labelled(work)
    hand_over(shipment_ids=[parcel.pk], actor="dock")
    replay_outbox()

    order = Order.objects.get()
    name = {"number": order.number, "channel": "web", "external_id": "W-1", "external_number": "W-1"}
    captured = payload_of("order.captured")
    line = order.lines.get()
    assert captured == name | {
        "placed_at": "2026-11-20T06:30:00+00:00", "on_hold": False, "currency": "INR", "total_minor": 199_800,
        "promised_by": order.promised_by.isoformat() if order.promised_by else None,
        "payment_method": "prepaid", "service_level": "standard",
        "ship_to": {"city": "Bengaluru", "region": "Karnataka", "postcode": "560001", "country": "IN"},
        "lines": [{"id": line.pk, "external_id": "KURTA-M-line", "sku": "KURTA-M", "quantity": 2,
                   "unit_price_minor": 99_900}],
    }  # fmt: skip
    assert payload_of("order.routed") == name | {"nodes": ["blr-01"], "complete": True}
    parcel.refresh_from_db()
    assert parcel.handed_over_at is not None
    assert payload_of("shipment.handed_over") == {
        "id": parcel.pk, "order": name, "node": "blr-01", "awb": parcel.awb, "courier": parcel.courier_name,
        "weight_grams": parcel.weight_grams, "handed_over_at": parcel.handed_over_at.isoformat(),
        "delivered_at": None, "lines": [{"external_id": "KURTA-M-line", "sku": "KURTA-M", "quantity": 2}],
    }  # fmt: skip
    assert {row.subject for row in queued("stock.level_changed")} == {"KURTA-M", "SAREE-1", "SHOE-42"}


def test_nothing_says_who_the_customer_is(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint()
    make_carrier()
    hand_over(shipment_ids=[labelled(make_work(world, "W-1", make_line(world.kurta))).pk], actor="dock")
    replay_outbox()
    told = json.dumps([row.payload for row in queued()])
    for secret in ("Asha", "Rao", "MG Road", "9845012345", "asha@example.com"):
        assert secret not in told


def test_a_cancellation_says_how_much_and_of_what(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint("order.cancelled")
    work = make_work(world, "W-1", make_line(world.kurta, 3))
    line = work.order.lines.get()
    cancel_order(order_id=work.order_id, reason="customer", lines={line.pk: 1}, actor="test")
    replay_outbox()
    data = payload_of("order.cancelled")
    assert (data["units"], data["whole"]) == (1, False)
    assert data["lines"] == [{"external_id": "KURTA-M-line", "sku": "KURTA-M", "cancelled": 1}]


def test_an_order_that_no_node_can_take_says_why(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint("order.unroutable")
    route_orders([capture(world, make_order("1", make_line(make_sku("NOWHERE"))))], trigger="captured")
    replay_outbox()
    data = payload_of("order.unroutable")
    assert data["external_id"] == "1"
    assert "NOWHERE" in data["reason"]


def test_a_node_that_goes_off_says_why(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint("node.switched")
    switch_node(node_id=world.blr.pk, active=False, reason="Power cut")
    replay_outbox()
    assert payload_of("node.switched") == {
        "node": "blr-01", "name": "Bengaluru warehouse", "active": False, "reason": "Power cut",
    }  # fmt: skip


def test_a_return_says_what_became_of_the_goods(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint("return.received")
    make_carrier()
    parcel = labelled(make_work(world, "W-1", make_line(world.kurta, 2)))
    hand_over(shipment_ids=[parcel.pk], actor="dock")
    back = expect_rto(shipment_id=parcel.pk)
    line = back.lines.get()
    receive(return_id=back.pk, dispositions={line.pk: "damaged"}, actor="dock")
    replay_outbox()
    data = payload_of("return.received")
    assert (data["number"], data["kind"], data["node"]) == (back.number, "rto", "blr-01")
    assert data["lines"] == [{"external_id": "KURTA-M-line", "sku": "KURTA-M", "quantity": 2, "disposition": "damaged"}]


def test_many_events_take_as_many_questions_as_few(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint()
    make_carrier()
    skus = [make_sku(f"S-{n}") for n in range(6)]
    for sku in skus:
        stock(sku, world.blr, 50)
    parcels = []
    for n, sku in enumerate(skus):
        parcels.append(labelled(make_work(world, f"W-{n}", make_line(sku, 2))))
    counts = []
    for some in (parcels[:2], parcels[2:]):
        OutboxEvent.objects.all().delete()
        hand_over(shipment_ids=[parcel.pk for parcel in some], actor="dock")
        ids = [parcel.order_id for parcel in some]
        arrived = StockArrived(sku_ids=[sku.pk for sku in Sku.objects.all()], node_id=world.blr.pk)
        found = record(*[OrderCaptured(order_id=pk, number="x", channel_code="web") for pk in ids],
                       *[OrderRouted(order_id=pk, number="x", node_ids=[world.blr.pk], complete=True) for pk in ids],
                       *[arrived] * len(ids))  # fmt: skip
        with CaptureQueriesContext(connection) as asked:
            assert queue_webhooks(found) == 3 * len(ids)
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert WebhookEndpoint.objects.count() == 1
