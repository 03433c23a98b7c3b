"""Work that nobody began moves to another node by itself: a limit that was cut, a way no carrier serves, a promise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine

from carriers.models import CarrierAccount
from fulfillment.models import FulfillmentOrder, RerouteAttempt, Shipment
from fulfillment.services import (
    accept,
    move_promises_at_risk,
    moving,
    open_fulfillment_orders,
    orders_above,
    reroute_refused_parcel,
    shed_excess,
    work_at_risk,
)
from inventory.models import Node, NodeHoliday, Reservation, Sku
from inventory.selectors import Compared, iter_differences
from inventory.services import set_node_capacity
from oms.core.errors import DomainError
from oms.core.models import Delivery, OutboxEvent
from oms.flow.deliveries import fan_out, run_batch
from oms.flow.table import EVENT_STEPS, STEPS
from oms.reporting.stock_audit import ORDER_CHECKS
from routing.engine import Policy, Weights
from routing.models import NodeLoad, RoutingDecision, RoutingExclusion
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.flow.driver import drain
from tests.fulfillment.floor import make_carrier, make_work, packed, stock_of, units_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    made = make_world()
    drain()
    return made


def works(world: World, count: int, **fields: object) -> list[FulfillmentOrder]:
    """So many orders of one kurta at work in Bengaluru, the first the most urgent."""
    made = [make_work(world, f"W{number}", make_line(world.kurta), **fields) for number in range(count)]
    for number, work in enumerate(made):
        FulfillmentOrder.objects.filter(pk=work.pk).update(due_at=NOON + timedelta(days=2, hours=number))
    drain()
    return made


def nodes_of(work: FulfillmentOrder) -> list[tuple[str, str]]:
    """Live work of the order: node and state."""
    live = FulfillmentOrder.objects.filter(order=work.order_id, state__in=FulfillmentOrder.LIVE).order_by("pk")
    return list(live.values_list("node__code", "state"))


def last_decision(work: FulfillmentOrder) -> RoutingDecision:
    return RoutingDecision.objects.filter(order=work.order_id).latest("attempt")


def attempts() -> list[tuple[str, str]]:
    return list(RerouteAttempt.objects.order_by("pk").values_list("cause", "outcome"))


def require_sound(*skus: Sku) -> None:
    """Books, reservations and lines agree, and no unit is in two works."""
    assert [str(found) for found in iter_differences(Compared(), more=ORDER_CHECKS)] == []
    for sku in skus:
        reserved = sum(row.open_quantity for row in Reservation.objects.filter(sku=sku, open_quantity__gt=0))
        live = FulfillmentOrder.objects.filter(state__in=FulfillmentOrder.LIVE, lines__sku=sku)
        assert reserved == live.count()


# -- a limit that was cut ---------------------------------------------------------------------------------------------


def test_orders_above_a_lower_limit_go_elsewhere_the_least_urgent_first(world: World) -> None:
    made = works(world, 4)

    assert set_node_capacity(node_id=world.blr.pk, orders=2)
    drain()

    assert [nodes_of(work)[0][0] for work in made] == ["blr-01", "blr-01", "del-01", "del-01"]
    decision = last_decision(made[3])
    assert decision.trigger == "node takes fewer orders"
    assert decision.sentence.startswith("blr-01 takes only 2 orders a day now. ")
    assert orders_above(Node.objects.get(pk=world.blr.pk)) == 0
    assert attempts() == [("capacity_cut", "moved"), ("capacity_cut", "moved")]
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 2}
    require_sound(world.kurta)


def test_a_limit_that_still_fits_moves_nothing_and_the_same_limit_is_no_news(world: World) -> None:
    [work] = works(world, 1)

    assert set_node_capacity(node_id=world.blr.pk, orders=1)
    assert not set_node_capacity(node_id=world.blr.pk, orders=1)
    drain()

    assert nodes_of(work) == [("blr-01", "accepted")]
    assert OutboxEvent.objects.filter(kind="inventory.NodeCapacityChanged").count() == 1
    with pytest.raises(DomainError):
        set_node_capacity(node_id=world.blr.pk, orders=-1)


def test_work_that_a_person_took_up_stays(world: World) -> None:
    first, second = works(world, 2)
    FulfillmentOrder.objects.filter(pk=second.pk).update(assigned_to="Asha")

    set_node_capacity(node_id=world.blr.pk, orders=0)
    drain()

    assert nodes_of(first)[0][0] == "del-01"
    assert nodes_of(second)[0][0] == "blr-01"


def test_what_no_other_node_can_take_stays_and_is_listed(world: World) -> None:
    stock(world.kurta, world.delhi, 1)
    drain()
    made = works(world, 3)

    set_node_capacity(node_id=world.blr.pk, orders=0)
    drain()

    assert [nodes_of(work)[0][0] for work in made] == ["blr-01", "blr-01", "del-01"]
    assert sorted(attempts()) == [("capacity_cut", "moved"), ("capacity_cut", "stayed"), ("capacity_cut", "stayed")]
    stayed = RerouteAttempt.objects.get(fulfillment_order=made[0])
    assert stayed.sentence == "blr-01 takes only 0 orders a day now. No other node can take all of it."
    assert units_of(made[0].order_id) == {"released": 1}
    require_sound(world.kurta)


def test_a_limit_that_is_cut_twice_at_once_moves_each_order_once(world: World) -> None:
    made = works(world, 4)
    set_node_capacity(node_id=world.blr.pk, orders=1)
    recorded = OutboxEvent.objects.get(kind="inventory.NodeCapacityChanged").recorded_at

    def shed() -> bool:
        return shed_excess(node_id=world.blr.pk, since=recorded)

    at_once([shed, shed])
    drain()

    assert [len(nodes_of(work)) for work in made] == [1, 1, 1, 1]
    assert [nodes_of(work)[0][0] for work in made] == ["blr-01", *["del-01"] * 3]
    require_sound(world.kurta)


def test_a_worker_that_dies_half_way_leaves_the_rest_to_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = works(world, 3)
    set_node_capacity(node_id=world.blr.pk, orders=0)
    calls = []

    def die_at_the_second(order_ids: list[int], *, actor: str = "flow") -> list[int]:
        calls.append(order_ids)
        if len(calls) == 2:
            raise OSError("The power is gone")
        return open_fulfillment_orders(order_ids, actor=actor)

    with monkeypatch.context() as broken:
        broken.setattr(moving, "open_fulfillment_orders", die_at_the_second)
        fan_out(EVENT_STEPS)
        run_batch(STEPS["capacity_changed"])
    assert [nodes_of(work)[0][0] for work in made] == ["blr-01", "blr-01", "del-01"]

    Delivery.objects.update(next_try_at=made[0].created_at, last_error="")
    drain()

    assert [nodes_of(work)[0][0] for work in made] == ["del-01"] * 3
    assert NodeLoad.objects.get(node=world.blr).orders == 0
    require_sound(world.kurta)


def test_a_higher_limit_lets_waiting_orders_go(world: World) -> None:
    for node in (world.blr, world.delhi):
        set_node_capacity(node_id=node.pk, orders=0)
    drain()
    from_channel = make_waiting(world)

    set_node_capacity(node_id=world.blr.pk, orders=5)
    drain()

    decision = RoutingDecision.objects.filter(order=from_channel).latest("attempt")
    assert (decision.trigger, decision.outcome) == ("node takes more orders", "routed")


def make_waiting(world: World) -> int:
    order_id = capture(world, make_order("waits", make_line(world.kurta)))
    drain()
    assert units_of(order_id) == {"backordered": 1}
    return order_id


# -- a way that no carrier serves -------------------------------------------------------------------------------------

_HEAD = "zone,first_grams,first_minor,additional_grams,additional_minor,cod_fixed_minor,cod_bp,fuel_bp,rto_first_minor,"
_HEAD += "rto_additional_minor,transit_days"


def carrier_of_zones(*zones: str) -> CarrierAccount:
    """A courier whose card has these zones only. Within Bengaluru is A, from Delhi to Bengaluru C."""
    rows = "\n".join(f"{zone},500,4700,500,4200,3500,150,1000,4300,3900,3" for zone in zones)
    return make_carrier(settings={"rate_card": f"{_HEAD}\n{rows}\n"})


def refused_parcel(world: World) -> Shipment:
    """A packed parcel in Bengaluru for Bengaluru that was refused."""
    shipment = packed(make_work(world, "P1", make_line(world.kurta)))
    drain_all_but("reroute_refused")
    found = Shipment.objects.get(pk=shipment.pk)
    assert (found.state, found.node.code) == ("created", "blr-01")
    return found


def drain_all_but(name: str) -> None:
    """Everything that follows, up to one step."""
    for _ in range(20):
        fan_out(EVENT_STEPS)
        for step in STEPS.values():
            if step.name != name:
                run_batch(step)


def test_a_parcel_that_no_carrier_takes_from_its_node_is_sent_from_another(world: World) -> None:
    carrier_of_zones("C")
    shipment = refused_parcel(world)
    assert shipment.problem.startswith("No carrier takes this parcel to 560001.")

    drain()

    order_id = shipment.order_id
    assert Shipment.objects.get(pk=shipment.pk).state == "cancelled"
    assert nodes_of(shipment.fulfillment_order) == [("del-01", "accepted")]
    decision = last_decision(shipment.fulfillment_order)
    assert decision.trigger == "no carrier goes there"
    assert "No carrier takes this parcel to 560001. Riders: Offers no service to 560001." in decision.sentence
    assert RoutingExclusion.objects.get(order=order_id).node_id == world.blr.pk
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}
    assert stock_of(world.kurta, world.delhi) == {"on_hand": 10, "reserved": 1}
    assert units_of(order_id) == {"released": 1}
    assert attempts() == [("not_serviceable", "moved")]
    require_sound(world.kurta)


def test_a_parcel_that_nobody_takes_from_anywhere_stays_packed_for_a_person(world: World) -> None:
    carrier_of_zones("F")
    shipment = refused_parcel(world)

    drain()

    assert Shipment.objects.get(pk=shipment.pk).state == "created"
    assert stock_of(world.kurta, world.blr) == {"on_hand": 9, "packed": 1}
    stayed = RerouteAttempt.objects.get()
    assert (stayed.cause, stayed.outcome) == ("not_serviceable", "stayed")
    assert stayed.sentence.endswith("Nor from del-01.")
    assert not RoutingExclusion.objects.exists()


def test_a_parcel_whose_goods_no_other_node_has_stays_packed(world: World) -> None:
    carrier_of_zones("C")
    stock(world.kurta, world.delhi, 0)
    shipment = refused_parcel(world)

    drain()

    assert Shipment.objects.get(pk=shipment.pk).state == "created"
    assert RerouteAttempt.objects.get().sentence.endswith("No other node can take all of it.")


def test_a_refused_parcel_is_opened_once_however_often_and_by_however_many(world: World) -> None:
    carrier_of_zones("C")
    shipment = refused_parcel(world)

    def move() -> bool:
        return reroute_refused_parcel(shipment_id=shipment.pk, reason="Not served.")

    moved = at_once([move, move])
    drain()

    assert sorted(moved) == [False, True]
    assert not move()
    assert nodes_of(shipment.fulfillment_order) == [("del-01", "accepted")]
    require_sound(world.kurta)


def test_a_crash_while_a_refused_parcel_is_moved_leaves_it_packed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier_of_zones("C")
    shipment = refused_parcel(world)

    def die(*_: object, **__: object) -> list[int]:
        raise OSError("The power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(moving, "open_fulfillment_orders", die)
        with pytest.raises(OSError, match="The power is gone"):
            reroute_refused_parcel(shipment_id=shipment.pk, reason="Not served.")
    assert Shipment.objects.get(pk=shipment.pk).state == "created"
    assert stock_of(world.kurta, world.blr) == {"on_hand": 9, "packed": 1}
    assert not RoutingExclusion.objects.exists()

    drain()

    assert nodes_of(shipment.fulfillment_order) == [("del-01", "accepted")]


# -- a promise that is at risk ----------------------------------------------------------------------------------------


@pytest.fixture
def at_noon(world: World) -> Iterator[World]:
    """Friday noon in India, all nodes open."""
    with time_machine.travel(NOON, tick=False):
        yield world


def due(work: FulfillmentOrder, hours: float) -> FulfillmentOrder:
    """Released an hour ago, to be handed over in so many hours."""
    moments = {"released_at": NOON - timedelta(hours=1), "due_at": NOON + timedelta(hours=hours)}
    FulfillmentOrder.objects.filter(pk=work.pk).update(**moments)
    return work


def close(node: Node) -> None:
    """Closed today and for the three days that follow."""
    NodeHoliday.objects.bulk_create(
        NodeHoliday(node=node, day=NOON.date() + timedelta(days=number), name="Flood") for number in range(4)
    )


def test_work_of_a_node_that_closed_goes_to_one_that_keeps_the_promise(at_noon: World) -> None:
    world = at_noon
    work = due(make_work(world, "1", make_line(world.kurta)), 6)
    drain()
    assert move_promises_at_risk() == 0

    close(world.blr)

    assert move_promises_at_risk() == 1
    drain()
    assert nodes_of(work) == [("del-01", "accepted")]
    decision = last_decision(work)
    assert decision.trigger == "promise at risk"
    assert decision.sentence.startswith(
        "blr-01 can hand it over on 24 Nov 02:00 at the earliest; it is due on 20 Nov 18:00. "
    )
    assert attempts() == [("at_risk", "moved")]
    require_sound(world.kurta)


def test_an_order_is_tried_once_for_this_cause(at_noon: World) -> None:
    world = at_noon
    work = due(make_work(world, "1", make_line(world.kurta)), 6)
    close(world.blr)
    close(world.delhi)

    assert move_promises_at_risk() == 0
    NodeHoliday.objects.filter(node=world.delhi).delete()

    assert work_at_risk() == []
    assert move_promises_at_risk() == 0
    assert nodes_of(work) == [("blr-01", "accepted")]
    assert RerouteAttempt.objects.get().sentence.endswith("del-01 would be late, too.")


def test_work_that_would_cost_more_than_its_lateness_stays(at_noon: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = at_noon
    policy = Policy(weights=Weights(late_minor_per_day=1))
    monkeypatch.setattr("fulfillment.services.at_risk.active_policy", lambda: policy)
    due(make_work(world, "1", make_line(world.kurta)), 6)
    close(world.blr)

    assert move_promises_at_risk() == 0

    sentence = RerouteAttempt.objects.get().sentence
    assert "From elsewhere it would cost" in sentence
    assert sentence.endswith("4 late days are worth ₹0.04.")


@pytest.mark.parametrize(
    ("minutes_past_cutoff", "hours", "at_risk"),
    [(30, 6, True), (30, 30, False), (-30, 6, False)],
)
def test_work_that_missed_the_cut_off_leaves_the_next_day(
    at_noon: World, minutes_past_cutoff: int, hours: float, at_risk: bool
) -> None:
    world = at_noon
    # It was released at eleven.
    cutoff = time(10, 30) if minutes_past_cutoff > 0 else time(11, 30)
    Node.objects.filter(pk=world.blr.pk).update(cutoff_at=cutoff)
    work = due(make_work(world, "1", make_line(world.kurta)), hours)

    assert [risk.work_id for risk in work_at_risk()] == ([work.pk] if at_risk else [])


def test_a_backlog_of_a_day_is_a_day_later(at_noon: World) -> None:
    world = at_noon
    made = [due(make_work(world, str(number), make_line(world.kurta)), 6 + number) for number in range(3)]
    Node.objects.filter(pk=world.blr.pk).update(daily_capacity=2)

    assert [risk.work_id for risk in work_at_risk()] == [made[2].pk]


def test_what_a_person_took_up_and_what_is_late_already_is_left_alone(at_noon: World) -> None:
    world = at_noon
    begun = due(make_work(world, "1", make_line(world.kurta)), 6)
    accept(fulfillment_order_ids=[begun.pk], actor="Asha")
    FulfillmentOrder.objects.filter(pk=begun.pk).update(assigned_to="Asha")
    due(make_work(world, "2", make_line(world.kurta)), -1)
    close(world.blr)

    assert work_at_risk() == []


def test_promises_at_risk_are_moved_in_bounded_parts_and_once_by_two_at_once(at_noon: World) -> None:
    world = at_noon
    made = [due(make_work(world, str(number), make_line(world.kurta)), 6 + number) for number in range(3)]
    drain()
    close(world.blr)

    assert move_promises_at_risk(limit=1) == 1
    moved = at_once([move_promises_at_risk, move_promises_at_risk])
    drain()

    assert sum(moved) == 2
    assert [nodes_of(work) for work in made] == [[("del-01", "accepted")]] * 3
    require_sound(world.kurta)


def test_a_crash_in_the_middle_loses_no_order(at_noon: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = at_noon
    work = due(make_work(world, "1", make_line(world.kurta)), 6)
    close(world.blr)

    def die(*_: object, **__: object) -> list[int]:
        raise OSError("The power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(moving, "open_fulfillment_orders", die)
        with pytest.raises(OSError, match="The power is gone"):
            move_promises_at_risk()
    assert nodes_of(work) == [("blr-01", "accepted")]
    assert attempts() == []

    assert move_promises_at_risk() == 1
    require_sound(world.kurta)
