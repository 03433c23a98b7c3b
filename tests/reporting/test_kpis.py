"""The measures: exact numbers, and the search line of each finds exactly the orders behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.services import open_fulfillment_orders
from oms.accounts.access import Principal, principal_of_user
from oms.accounts.models import User
from oms.core.clock import now
from oms.reporting.kpis import Kpi, in_tile_order, tower_kpis
from oms.reporting.scope import Scope
from orders.models import Order
from orders.selectors import OrderQuestion, orders_matching
from orders.services import place_hold
from returns.models import Return
from routing.models import RoutingDecision
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock

pytestmark = pytest.mark.django_db


def principal(**fields: Any) -> Principal:
    return principal_of_user(User(email="ops@example.com", **({"role": "ops_manager", "all_nodes": True} | fields)))


def kpis(scope: Scope | None = None) -> dict[str, Kpi]:
    return in_tile_order(tower_kpis(scope or Scope()))


def found(kpi: Kpi) -> set[str]:
    question = OrderQuestion.read({"q": kpi.query})
    assert question.filters.problems == ()
    return set(orders_matching(question, principal()).values_list("external_id", flat=True))


@pytest.fixture
def world() -> World:
    """Ten orders of today: one cancelled, two short of stock at first, one from two nodes, one held for fraud."""
    world = make_world()
    stock(world.saree, world.blr, 3)
    stock(world.saree, world.delhi, 3)
    lines: dict[str, Callable[[], Any]] = {
        "SPLIT": lambda: make_line(world.saree, 5), "SHORT-1": lambda: make_line(world.shoe, 40),
        "SHORT-2": lambda: make_line(world.shoe, 50),
    }  # fmt: skip
    moment = timezone.now()
    for name in ("SPLIT", "SHORT-1", "SHORT-2", "HELD", "GONE", *(f"PLAIN-{number}" for number in range(5))):
        line = lines[name]() if name in lines else make_line(world.kurta)
        order_id = capture(world, make_order(name, line, placed_at=moment, promised_by=moment + timedelta(days=2)))
        route_orders([order_id], trigger="captured")
        open_fulfillment_orders([order_id])
        if name == "HELD":
            place_hold(order_id=order_id, reason="fraud_risk", source="rule", handle="h", actor="rule")
    Order.objects.filter(external_id="GONE").update(stage="cancelled")
    return world


def test_shares_are_counted_over_the_orders_placed(world: World) -> None:
    measures = kpis()

    assert (measures["cancelled"].value, measures["cancelled"].n) == (0.1, 10)
    assert measures["filled"].value == 0.8
    assert measures["touchless"].value == 0.9
    assert measures["split"].n >= 8


def test_each_search_line_finds_exactly_the_orders_that_its_measure_blames(world: World) -> None:
    measures = kpis()

    assert found(measures["cancelled"]) == {"GONE"}
    assert found(measures["filled"]) == {"SHORT-1", "SHORT-2"}
    assert found(measures["split"]) >= {"SPLIT"}
    assert found(measures["touchless"]) == {"HELD"}
    assert len(found(measures["cost"])) == measures["cost"].n
    split = measures["split"]
    assert len(found(split)) == round((split.value or 0) * split.n)


def test_on_time_counts_undelivered_orders_as_late_and_never_mixes_marketplaces(world: World) -> None:
    due = now() - timedelta(hours=1)
    Order.objects.update(first_promised_by=due)
    Order.objects.filter(external_id__in=["PLAIN-0", "PLAIN-1"]).update(delivered_at=due - timedelta(hours=1))
    Order.objects.filter(external_id="PLAIN-2").update(delivered_at=due + timedelta(minutes=1))

    measures = kpis()

    own = measures["on_time_own"]
    assert own.value == pytest.approx(2 / 9)
    assert own.n == 9
    assert measures["on_time_marketplace"].value is None
    late = found(own)
    assert "PLAIN-2" in late
    assert not late & {"PLAIN-0", "PLAIN-1", "GONE"}
    assert len(late) == 7


def test_cost_is_the_mean_of_what_was_decided_against_the_weeks_before(world: World) -> None:
    total = sum(RoutingDecision.objects.exclude(outcome="unroutable").values_list("cost_minor", flat=True))
    orders = RoutingDecision.objects.exclude(outcome="unroutable").values("order").distinct().count()

    cost = kpis()["cost"]

    assert cost.value == pytest.approx(total / orders)
    assert (cost.target, cost.tone) == (None, "")


def test_return_time_runs_from_the_word_of_the_carrier_until_the_goods_are_put_away(world: World) -> None:
    order, moment = Order.objects.get(external_id="PLAIN-0"), now()
    for days, state in ((2, "disposed"), (4, "disposed"), (30, "in_transit")):
        made = Return.objects.create(
            number=f"R-{days}", order=order, node=world.blr, kind="rto", state=state,
            received_at=moment if state == "disposed" else None,
        )  # fmt: skip
        Return.objects.filter(pk=made.pk).update(created_at=moment - timedelta(days=days))

    measure = kpis()["returns"]

    assert (measure.value, measure.n) == (3.0, 2)
    assert measure.url == "/returns/?show=done"


def test_the_week_before_is_the_trend_and_fourteen_days_are_the_line(world: World) -> None:
    Order.objects.filter(external_id__startswith="PLAIN").update(placed_at=now() - timedelta(days=8))

    cancelled = kpis()["cancelled"]

    assert (cancelled.value, cancelled.before) == (0.2, 0.0)
    assert cancelled.change == pytest.approx(0.2)
    assert len(cancelled.points) == 14
    assert cancelled.points[-1] == 0.2
    assert cancelled.points[0] is None


def test_people_of_another_channel_see_nothing_of_it(world: World) -> None:
    measures = kpis(Scope(channels=("amazon",)))

    assert all(kpi.value is None and kpi.n == 0 for kpi in measures.values())


def test_people_of_one_node_see_the_orders_given_to_it(world: World) -> None:
    mine = set(Order.objects.filter(fulfillment_orders__node=world.delhi).values_list("pk", flat=True))

    assert kpis(Scope(nodes=("del-01",)))["cancelled"].n == len(mine)


@pytest.mark.parametrize(
    ("value", "n", "tone"), [(0.99, 100, "good"), (0.965, 100, "warn"), (0.9, 100, "bad"), (0.9, 10, "")]
)
def test_a_measure_is_judged_only_with_enough_cases(value: float, n: int, tone: str) -> None:
    kpi = Kpi(key="x", name="X", unit="share", value=value, before=None, target=0.97, higher_is_better=True, n=n,
              points=())  # fmt: skip

    assert kpi.tone == tone
