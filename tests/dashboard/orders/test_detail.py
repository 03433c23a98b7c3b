"""The order page: what it shows, to whom, at which price in queries."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from carriers.models import Booking, CarrierAccount, Label, TrackingEvent
from fulfillment.models import Shipment
from fulfillment.services import pack, pick, reject
from oms.notifications.links import tracking_url
from oms.notifications.models import Message
from orders.canonical import CanonicalPayment
from orders.models import Order
from orders.services import place_hold
from routing.services import route_orders
from tests.dashboard.orders.conftest import SignIn, routed
from tests.factories import World, capture, make_line, make_order

pytestmark = pytest.mark.django_db


def shipped(order: Order) -> Shipment:
    """The order packed, booked and scanned twice."""
    work = order.fulfillment_orders.get()
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Ravi")
    [shipment] = pack(fulfillment_order_id=work.pk, actor="Ravi")
    account = CarrierAccount.objects.create(code="delhivery", name="Delhivery", adapter="manual")
    booking = Booking.objects.create(
        account=account, client_reference="r", parcel_uid=shipment.uid, order_number=order.number, state="booked",
        awb="1490001", courier_name="Delhivery Surface",
    )  # fmt: skip
    Label.objects.create(booking=booking, pdf=b"%PDF-1.4 the label")
    for milestone, words in (("picked_up", "Picked up"), ("in_transit", "Left the hub")):
        TrackingEvent.objects.create(booking=booking, scan_key=milestone, milestone=milestone, description=words,
                                     location="Bengaluru", occurred_at=timezone.now())  # fmt: skip
    Shipment.objects.filter(pk=shipment.pk).update(
        booking=booking, awb=booking.awb, courier_name=booking.courier_name, carrier_account=account, state="labelled"
    )
    return Shipment.objects.get(pk=shipment.pk)


def test_the_page_answers_where_why_and_what(ops: Client, order: Order) -> None:
    html = ops.get(f"/orders/{order.number}/").content.decode()

    for words in (
        order.number, "Web shop 1", "Asha Rao", "Bengaluru 560001", "Released", "12 MG Road", "+919845012345",
        "2 at the node", "blr-01", "To pick", "Nothing is packed yet.",
        "It flows by itself. blr-01: to pick.", "₹1,998.00", "Captured from Web shop as 1.",
    ):  # fmt: skip
        assert words in html, words


def test_why_this_node_shows_every_candidate_with_its_factors_in_money(ops: Client, order: Order) -> None:
    html = ops.get(f"/orders/{order.number}/").content.decode()
    decision = order.routing_decisions.get()

    assert decision.sentence in html
    assert "Attempt 1 · policy version 1 · because: captured · by routing" in html
    assert "rule “Every order”" in html
    assert "Reroute here" in html
    assert f"/orders/{order.number}/reroute/?node=del-01" in html
    assert "1 node was refused" in html
    assert "The node has none of the items to sell." in html
    for heading in ("Shipping", "Distance", "ATP then"):
        assert heading in html


def test_a_rejected_attempt_is_kept_with_its_reason(ops: Client, order: Order) -> None:
    reject(fulfillment_order_id=order.fulfillment_orders.get().pk, reason="not in stock", actor="Ravi")
    route_orders([order.pk], trigger="rejected")

    html = ops.get(f"/orders/{order.number}/").content.decode()

    assert "1 earlier node gave it back" in html
    assert "not in stock" in html
    assert "Attempt 1: Routed" in html
    assert "The node rejected this order before." in html


def test_an_unroutable_order_says_so(ops: Client, world: World) -> None:
    order = routed(world, "1", quantity=500)

    html = ops.get(f"/orders/{order.number}/").content.decode()

    assert "Backordered" in html
    assert "480 backordered" in html.replace("<b>480</b>", "480")
    assert "Units wait for stock and are routed when it comes." in html


def test_parcels_show_their_scans_and_their_label(ops: Client, order: Order) -> None:
    shipment = shipped(order)

    html = ops.get(f"/orders/{order.number}/").content.decode()
    label = ops.get(f"/orders/{order.number}/labels/{shipment.pk}/")

    for words in ("1490001", "Delhivery Surface", "Left the hub", "2 scans", "Labelled"):
        assert words in html
    assert label.content == b"%PDF-1.4 the label"
    assert label["Content-Type"] == "application/pdf"
    assert label["Content-Disposition"] == 'inline; filename="label-1490001.pdf"'
    assert ops.get(f"/orders/{order.number}/labels/999/").status_code == 404


def test_a_parcel_that_no_carrier_has_yet_is_shown(ops: Client, order: Order) -> None:
    work = order.fulfillment_orders.get()
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Ravi")
    pack(fulfillment_order_id=work.pk, actor="Ravi")

    html = ops.get(f"/orders/{order.number}/").content.decode()

    assert "No AWB yet" in html
    assert "880 g" in html


def test_a_parcel_without_label_is_the_next_step(ops: Client, order: Order) -> None:
    shipment = shipped(order)
    Shipment.objects.filter(pk=shipment.pk).update(state="created", problem="No carrier serves 560001.")

    assert "A parcel has no label: No carrier serves 560001." in ops.get(f"/orders/{order.number}/").content.decode()


def test_the_money_adds_up(ops: Client, world: World) -> None:
    fields = {"shipping_minor": 5_000, "cod_fee_minor": 2_500, "order_discount_minor": 10_000,
              "payment": CanonicalPayment(method="cod", state="pending", amount_minor=97_400)}  # fmt: skip
    order_id = capture(world, make_order("1", make_line(world.kurta, 1), **fields))
    order = Order.objects.get(pk=order_id)

    html = ops.get(f"/orders/{order.number}/").content.decode()

    for words in ("₹999.00", "-₹100.00", "₹50.00", "₹25.00", "₹974.00", "Cash on delivery"):
        assert words in html, words


def test_without_the_right_to_personal_data_it_is_masked_everywhere(sign_in: SignIn, order: Order) -> None:
    Message.objects.create(order=order, template="confirmation", dedupe_key="x", recipient="asha@example.com",
                           subject="We have your order", text="", state="sent")  # fmt: skip

    html = sign_in("read_only").get(f"/orders/{order.number}/").content.decode()

    for secret in ("Asha", "12 MG Road", "9845012345", "asha@example.com"):
        assert secret not in html
    assert "Bengaluru 560001" in html
    assert "a•••@example.com" in html


@pytest.mark.parametrize(("role", "has_it"), [("customer_service", True), ("finance", False), ("read_only", False)])
def test_who_may_cancel_for_the_customer_finds_the_customers_page(
    sign_in: SignIn, order: Order, role: str, has_it: bool
) -> None:
    assert (tracking_url(order) in sign_in(role).get(f"/orders/{order.number}/").content.decode()) is has_it


def test_outside_the_scope_every_address_of_the_order_is_404(sign_in: SignIn, order: Order) -> None:
    shipment = shipped(order)
    hold_id = 1
    client = sign_in("ops_agent", node_codes=["del-01"])
    base = f"/orders/{order.number}/"
    for path in (
        "",
        "peek/",
        "timeline/",
        f"labels/{shipment.pk}/",
        "holds/",
        "cancel/",
        "reroute/",
        "address/",
        "tags/",
    ):
        assert client.get(base + path).status_code == 404, path
    for path in ("holds/", f"holds/{hold_id}/release/", "release/", "notes/", "tags/", "cancel/", "reroute/",
                 "address/", "messages/1/resend/"):  # fmt: skip
        assert client.post(base + path).status_code == 404, path
    assert Order.objects.get().version == Order.objects.get(pk=order.pk).version


def test_an_unknown_order_is_404(ops: Client) -> None:
    assert ops.get("/orders/OM-1/").status_code == 404


@pytest.mark.parametrize(("role", "status"), [("store_associate", 403), ("packer", 200), ("read_only", 200)])
def test_who_may_open_an_order(sign_in: SignIn, order: Order, role: str, status: int) -> None:
    assert sign_in(role).get(f"/orders/{order.number}/").status_code == status


def test_actions_that_cannot_be_done_stay_visible_with_the_reason(sign_in: SignIn, order: Order) -> None:
    shipped(order)

    html = sign_in("ops_agent").get(f"/orders/{order.number}/").content.decode()
    reader = sign_in("read_only").get(f"/orders/{order.number}/").content.decode()

    assert "The order is packed and can no longer be held." in html
    assert "The order is packed: its work has begun." in html
    assert "The order is packed: its address can no longer change." in html
    assert "The order is not on hold." in html
    assert "Your role may not do this. An admin can grant it." in reader


def test_a_bigger_order_takes_the_same_queries(ops: Client, world: World) -> None:
    small = routed(world, "small")
    lines = [make_line(sku, 1, f"{sku.code}-{index}") for index in range(4) for sku in (world.kurta, world.saree)]
    order_id = capture(world, make_order("big", *lines))
    route_orders([order_id], trigger="captured")
    big = Order.objects.get(pk=order_id)
    place_hold(order_id=big.pk, reason="fraud_risk", source="x", handle="x", actor="x")
    ops.get(f"/orders/{small.number}/")

    with CaptureQueriesContext(connection) as few:
        ops.get(f"/orders/{small.number}/")
    with CaptureQueriesContext(connection) as many:
        ops.get(f"/orders/{big.number}/")

    assert len(many) <= len(few)
    assert len(few) <= 25


def test_the_page_is_refreshed_only_when_something_changed(ops: Client, order: Order) -> None:
    html = ops.get(f"/orders/{order.number}/").content.decode()
    version = html.split('data-version="')[1].split('"')[0]
    known = {"HX-Request": "true", "X-Fragment-Version": version}
    assert ops.get(f"/orders/{order.number}/", headers=known).status_code == 204

    place_hold(order_id=order.pk, reason="fraud_risk", source="x", handle="x", actor="x")
    response = ops.get(f"/orders/{order.number}/", headers=known)

    assert response.status_code == 200
    assert b"Fraud check" in response.content
    assert b"<html" not in response.content


def test_the_timeline_can_be_filtered(ops: Client, order: Order) -> None:
    place_hold(order_id=order.pk, reason="fraud_risk", source="Asha", handle="x", actor="Asha Rao")
    url = f"/orders/{order.number}/timeline/"

    assert "Captured from" in ops.get(url).content.decode()
    holds = ops.get(f"{url}?kind=holds").content.decode()
    assert "On hold: Fraud check." in holds
    assert "Captured from" not in holds
    people = ops.get(f"{url}?kind=people").content.decode()
    assert "On hold: Fraud check." in people
    assert order.routing_decisions.get().sentence not in people
    assert "Nothing of this kind happened yet." in ops.get(f"{url}?kind=notes").content.decode()


def test_the_peek_is_a_fragment_and_a_page(ops: Client, order: Order) -> None:
    fragment = ops.get(f"/orders/{order.number}/peek/", headers={"HX-Request": "true"}).content.decode()
    page = ops.get(f"/orders/{order.number}/peek/").content.decode()

    assert "<html" not in fragment
    assert "<html" in page
    for html in (fragment, page):
        for words in ("KURTA-M", "blr-01", "It flows by itself.", "₹1,998.00", "Hold", "Reroute"):
            assert words in html
