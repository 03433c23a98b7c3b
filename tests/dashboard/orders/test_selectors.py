"""Views, filters and pages over real rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.models import Shipment
from fulfillment.services import open_fulfillment_orders, pack, pick
from oms.accounts.access import Principal, principal_of_user
from oms.accounts.models import User
from orders.canonical import CanonicalPayment
from orders.models import Order
from orders.selectors import VIEWS, OrderQuestion, count_up_to, orders_matching, page_of, view_counts
from orders.services import place_hold
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db
Known = tuple[World, dict[str, int]]


def principal(**fields: Any) -> Principal:
    values: dict[str, Any] = {"role": "ops_agent", "all_nodes": True} | fields
    return principal_of_user(User(email="ops@example.com", **values))


def found(text: str = "", view: str = "all", who: Principal | None = None) -> set[str]:
    question = OrderQuestion.read({"view": view, "q": text})
    return set(orders_matching(question, who or principal()).values_list("external_id", flat=True))


@pytest.fixture
def orders() -> Known:
    """A: routed to Bengaluru. B: on hold. C: waits for stock. D: cash on delivery, unrouted, late."""
    world = make_world()
    soon = timezone.now() + timedelta(hours=10)
    a = capture(world, make_order("A", make_line(world.kurta, 1), tags=("vip",), placed_at=timezone.now()))
    b = capture(world, make_order("B", make_line(world.saree, 2), placed_at=timezone.now() - timedelta(minutes=1)))
    c = capture(world, make_order("C", make_line(world.shoe, 50), placed_at=timezone.now() - timedelta(minutes=2)))
    d = capture(
        world,
        make_order(
            "D",
            make_line(world.kurta, 1),
            placed_at=timezone.now() - timedelta(days=3),
            payment=CanonicalPayment(method="cod", state="pending", amount_minor=99_900),
        ),
    )
    Order.objects.exclude(pk=d).update(ship_by=soon)
    route_orders([a, b, c], trigger="captured")
    open_fulfillment_orders([a, b])
    place_hold(order_id=b, reason="fraud_risk", source="Asha", handle="manual:fraud_risk", actor="Asha")
    return world, {"A": a, "B": b, "C": c, "D": d}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"A", "B", "C", "D"}),
        ("status:held", {"B"}),
        ("-status:held", {"A", "C", "D"}),
        ("status:late", {"D"}),
        ("status:backordered,released", {"A", "B", "C"}),
        ("channel:web", {"A", "B", "C", "D"}),
        ("channel:WEB sku:kurta-m", {"A", "D"}),
        ("channel:amazon", set()),
        ("node:BLR-01", {"A", "B"}),
        ("node:del-01", set()),
        ("cod:yes", {"D"}),
        ("cod:no paid:yes", {"A", "B", "C"}),
        ("paid:no", {"D"}),
        ("total:>5000", {"C"}),
        ("total:4000..5000", {"B"}),
        ("sla:late", {"D"}),
        ("sla:<12h", {"A", "B", "C", "D"}),
        ("sla:>2h", {"A", "B", "C"}),
        ("tag:VIP", {"A"}),
        ("hold:fraud_risk", {"B"}),
        ("pin:560001 city:bengaluru", {"A", "B", "C", "D"}),
        ("placed:<2026-01-01", set()),
        ("service:express", set()),
        ("gift:no", {"A", "B", "C", "D"}),
        ("asha saree", {"B"}),
        ("+91 98450", {"A", "B", "C", "D"}),
        ("+91-98450-12345", {"A", "B", "C", "D"}),
        ("100%", set()),
    ],
)
def test_each_filter_finds_its_orders(orders: Known, text: str, expected: set[str]) -> None:
    assert found(text) == expected


def test_views_hold_the_orders_they_name(orders: Known) -> None:
    got = {key: found(view=key) for key in VIEWS}

    assert got == {
        "action": {"B", "C", "D"}, "due": got["due"], "risk": {"D"}, "held": {"B"}, "unrouted": {"C", "D"},
        "ship": {"A"}, "cod": set(), "backorder": {"C"}, "rto": set(), "all": {"A", "B", "C", "D"},
    }  # fmt: skip
    assert "D" in got["due"]


def test_a_parcel_in_trouble_needs_action_and_a_returning_one_is_rto(orders: Known) -> None:
    world, ids = orders
    work = Order.objects.get(pk=ids["A"]).fulfillment_orders.get()
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=1, actor="Ravi")
    pack(fulfillment_order_id=work.pk, actor="Ravi")
    assert "A" not in found(view="action")

    Shipment.objects.update(problem="The postcode is not served.")
    assert "A" in found(view="action")

    Shipment.objects.update(problem="", state="rto_in_transit")
    assert found(view="rto") == {"A"}


def test_counts_of_the_tabs_come_in_one_statement(orders: Known, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        counts = view_counts(principal())

    assert counts | {"due": 0} == {
        "action": 3, "due": 0, "risk": 1, "held": 1, "unrouted": 2, "ship": 1, "cod": 0, "backorder": 1, "rto": 0,
    }  # fmt: skip


def test_people_of_one_node_see_its_orders_once(orders: Known) -> None:
    assert found(who=principal(all_nodes=False, node_codes=["blr-01"])) == {"A", "B"}
    assert found(who=principal(all_nodes=False, node_codes=["del-01"])) == set()
    assert found(who=principal(all_nodes=False, node_codes=[])) == set()
    assert view_counts(principal(all_nodes=False, node_codes=[]))["action"] == 0
    assert found(who=principal(all_channels=False, channel_codes=["amazon"])) == set()


@pytest.mark.parametrize("order_by", ["-placed", "placed", "number", "-total", "promise", "-promise", "customer"])
def test_pages_go_on_where_they_ended_in_both_directions(orders: Known, order_by: str) -> None:
    Order.objects.filter(external_id="C").update(ship_by=None)
    everything = orders_matching(OrderQuestion(), principal())
    whole = [order.pk for order in page_of(everything, order_by=order_by, size=50).orders]

    first = page_of(everything, order_by=order_by, size=2)
    second = page_of(everything, order_by=order_by, size=2, after=first.after)
    back = page_of(everything, order_by=order_by, size=2, before=second.before)

    assert [order.pk for order in first.orders + second.orders] == whole
    assert (first.before, second.after) == ("", "")
    assert [order.pk for order in back.orders] == whole[:2]
    assert back.before == ""


def test_a_mark_that_cannot_be_read_means_the_first_page(orders: Known) -> None:
    everything = orders_matching(OrderQuestion(), principal())

    for mark in ("x", "%%%", "bnVsbA", "WzEsMl0"):
        assert len(page_of(everything, order_by="-placed", size=50, after=mark).orders) == 4


def test_counting_stops_above_the_limit(orders: Known) -> None:
    assert count_up_to(orders_matching(OrderQuestion(), principal()), 3) == 4
    assert count_up_to(orders_matching(OrderQuestion(), principal()), 9) == 4
