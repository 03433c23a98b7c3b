"""What a cart can be offered: from where, by when, how surely, for how much, and what where nothing is delivered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from routing.engine import INDIA_RATES, Lane, LineInput, NodeInput, OrderInput, Plan, Policy, Stock, plan_order
from routing.promise.calendar import NodeCalendar, WorkingDays
from routing.promise.calibration import Calibrator
from routing.promise.options import NodeTerms, Option, Service, World, all_by, options_for
from routing.promise.transit import Days, around, exactly

INDIA = ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 11, 20, 12, tzinfo=INDIA)  # a Friday
STANDARD = Service("standard", "Standard")
SAME_DAY = Service("same_day", "Same day", slots=((time(15), time(18)), (time(18), time(21))), radius_km=10.0)
PUNE = NodeInput(1, "PUN", "Pune")
DELHI = NodeInput(2, "DEL", "Delhi")
STORE = NodeInput(3, "STO", "Corner store", kind="store", ships=False)
DARK = NodeInput(4, "DRK", "Dark store", kind="dark_store")
LANES = {1: Lane(True, "b", 100.0, 2), 2: Lane(True, "d", 1200.0, 4), 3: Lane(True, "a", 5.0, 1),
         4: Lane(True, "a", 6.0, 1)}  # fmt: skip
CART = OrderInput(0, (LineInput(1, 10, 1, 400), LineInput(2, 20, 1, 400)), postcode="411001")


def world(stock: Stock, *, serviceable: bool = True, slip: Days | None = None, level: float = 0.9) -> World:
    nodes = (PUNE, DELHI, STORE, DARK)

    def lane(order: OrderInput, node: NodeInput) -> Lane:
        return (
            LANES[node.node_id] if serviceable else Lane(False, reason="Nobody goes there.", km=LANES[node.node_id].km)
        )

    def plan(order: OrderInput) -> Plan:
        return plan_order(order, nodes, stock, lane, INDIA_RATES, Policy())

    terms = {
        node.node_id: NodeTerms(node, NodeCalendar(), slip or exactly(0), node is STORE, node is DARK) for node in nodes
    }
    return World(
        nodes=terms, stock=stock, plan=plan, lane=lane,
        transit=lambda service, terms, order, way: around(way.transit_days),
        rates=INDIA_RATES, services=(STANDARD,),
        calibrators={"standard": Calibrator(level), "same_day": Calibrator(0.9), "pickup": Calibrator(0.9)},
        carrier=WorkingDays(holidays=frozenset({date(2026, 11, 24)})),
    )  # fmt: skip


def only(options: tuple[Option, ...], kind: str) -> list[Option]:
    return [option for option in options if option.kind == kind]


def test_one_node_has_all_of_it() -> None:
    """Leaves Friday 20:00; the card says two days; 85 % by Monday, as Sunday is off; the 24th is a holiday."""
    answer = options_for(CART, NOON, world({(10, 1): 5, (20, 1): 5}))
    [option] = answer.options
    assert [source.code for source in option.sources] == ["PUN"]
    assert option.sources[0].units == {1: 1, 2: 1}
    assert option.day == date(2026, 11, 25)  # 85 % by the 23rd, 95 % a working day later
    assert option.probability == pytest.approx(0.95)
    assert option.promised_by == datetime(2026, 11, 25, 23, 59, tzinfo=INDIA)
    assert option.cost_minor == 3300 + 2830  # 800 g are two slabs of 500
    assert option.minutes_to_cutoff == 240
    assert option.order_by == datetime(2026, 11, 20, 16, tzinfo=INDIA)
    assert [part.key for part in option.parts] == ["pack", "pickup", "transit", "off", "margin"]
    assert option.parts[0].starts_at == NOON
    assert option.parts[-1].ends_at == option.promised_by


def test_a_lower_promise_is_an_earlier_date() -> None:
    answer = options_for(CART, NOON, world({(10, 1): 5, (20, 1): 5}, level=0.8))
    assert answer.options[0].day == date(2026, 11, 23)


def test_two_nodes_are_as_late_as_both_and_as_sure_as_both() -> None:
    answer = options_for(CART, NOON, world({(10, 1): 5, (20, 2): 5}))
    [option] = answer.options
    assert sorted(source.code for source in option.sources) == ["DEL", "PUN"]
    assert option.group == "standard d"
    assert option.cost_minor == 3300 + 4540
    assert option.day == date(2026, 11, 27)
    alone = options_for(replace(CART, lines=CART.lines[1:]), NOON, world({(20, 2): 5})).options[0]
    assert option.probability < alone.probability


def test_the_chance_of_all_is_the_product_of_each() -> None:
    monday, tuesday = date(2026, 11, 23), date(2026, 11, 24)
    assert all_by([{monday: 0.9, tuesday: 0.1}, {monday: 0.5, tuesday: 0.5}], 0.9) == (tuesday, 1.0)
    assert all_by([{monday: 0.9, tuesday: 0.1}, {monday: 0.5, tuesday: 0.5}], 0.45) == (monday, 0.45)


def test_goods_that_often_leave_late_are_promised_later() -> None:
    slow = world({(10, 1): 5, (20, 1): 5}, slip=Days((0.1, 1.0)))
    assert options_for(CART, NOON, slow).options[0].day == date(2026, 11, 26)


def test_after_the_cut_off_the_count_runs_to_the_next_one() -> None:
    evening = NOON.replace(hour=17)
    option = options_for(CART, evening, world({(10, 1): 5, (20, 1): 5})).options[0]
    assert option.parts[0].key == "cutoff"
    assert option.minutes_to_cutoff == 23 * 60


def test_what_no_node_has_is_named() -> None:
    answer = options_for(CART, NOON, world({(10, 1): 5}))
    assert answer.options == ()
    assert answer.missing == ((2, 1),)
    assert answer.refusal


def test_where_nobody_delivers_stores_are_offered() -> None:
    answer = options_for(CART, NOON, world({(10, 1): 5, (20, 1): 5, (10, 3): 1, (20, 3): 1}, serviceable=False))
    assert [option.kind for option in answer.options] == ["pickup"]
    assert answer.refusal
    assert answer.options[0].sources[0].code == "STO"
    assert answer.options[0].promised_by == datetime(2026, 11, 20, 14, tzinfo=INDIA)
    assert answer.options[0].cost_minor == 0


def test_a_store_that_lacks_a_unit_is_not_offered() -> None:
    answer = options_for(CART, NOON, world({(10, 1): 5, (20, 1): 5, (10, 3): 1}))
    assert only(answer.options, "pickup") == []
    asked = options_for(replace(CART, pickup_node_id=3), NOON, world({(10, 3): 1}))
    assert asked.refusal == "STO does not have all of it."
    assert options_for(replace(CART, pickup_node_id=1), NOON, world({})).refusal.startswith("This store does not")


def test_slots_of_today_that_can_still_be_reached() -> None:
    """Packed at 14, half an hour's ride: the slot at 15 is reached at noon, not at one."""
    stock = {(10, 1): 5, (20, 1): 5, (10, 4): 1, (20, 4): 1}
    near = replace(world(stock), services=(STANDARD, SAME_DAY))
    first, second = only(options_for(CART, NOON, near).options, "slot")
    assert first.starts_at == datetime(2026, 11, 20, 15, tzinfo=INDIA)
    assert first.promised_by == datetime(2026, 11, 20, 18, tzinfo=INDIA)
    assert first.minutes_to_cutoff == 30
    assert second.starts_at == datetime(2026, 11, 20, 18, tzinfo=INDIA)
    [late] = only(options_for(CART, NOON.replace(hour=13), near).options, "slot")
    assert late.starts_at == second.starts_at
    assert only(options_for(CART, NOON.replace(hour=17), near).options, "slot") == []


def test_slots_are_for_those_who_live_near() -> None:
    far = replace(world({(10, 4): 1, (20, 4): 1}), services=(replace(SAME_DAY, radius_km=5.0),))
    assert only(options_for(CART, NOON, far).options, "slot") == []
