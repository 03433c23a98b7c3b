"""When an order lies ready at a store that is sent some of its goods, and when no such collection is offered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from routing.engine import INDIA_RATES, Lane, NodeInput, OrderInput, Plan, Policy, TransferTerms, plan_order
from routing.promise.calibration import Calibrator
from routing.promise.options import Option, World, options_for
from routing.promise.transit import Days, exactly
from tests.routing.promise.test_options import CART, DARK, DELHI, INDIA, LANES, NOON, PUNE, STORE, only
from tests.routing.promise.test_options import world as plain_world

Stock = dict[tuple[int, int], int]
TO_STORE = replace(CART, pickup_node_id=STORE.node_id)
SENT = Policy(transfer=TransferTerms(max_days=4))


def world(stock: Stock, *, policy: Policy = SENT, slip: Days | None = None, transit: int = 2) -> World:
    """As in the tests of options, with two days from Pune to the store and a policy that lets it send there."""

    def lane(order: OrderInput, node: NodeInput) -> Lane:
        return LANES[node.node_id]

    def plan(order: OrderInput) -> Plan:
        return plan_order(order, (PUNE, DELHI, STORE, DARK), stock, lane, INDIA_RATES, policy)

    return replace(
        plain_world(stock, slip=slip), plan=plan, lane=lane, sends_to_stores=policy.transfer is not None,
        transit=lambda service, terms, order, way: exactly(transit),
        calibrators={"standard": Calibrator(0.9), "same_day": Calibrator(0.9), "pickup": Calibrator(0.9)},
    )  # fmt: skip


def offered(stock: Stock, moment: datetime = NOON, **fields: object) -> list[Option]:
    return only(options_for(TO_STORE, moment, world(stock, **fields)).options, "pickup")  # type: ignore[arg-type]


def test_what_another_node_sends_is_ready_when_it_came_and_the_store_closes() -> None:
    """Leaves Pune on Friday evening, two working days of the carrier later it is Monday at the store."""
    [option] = offered({(10, 3): 1, (20, 1): 1})

    closes = datetime.combine(date(2026, 11, 23), plain_world({}).nodes[3].calendar.closes_at, INDIA)
    assert (option.day, option.promised_by) == (date(2026, 11, 23), closes.astimezone(UTC))
    assert [(source.code, dict(source.units)) for source in option.sources] == [("STO", {1: 1}), ("PUN", {2: 1})]
    assert (option.kind, option.cost_minor, option.group) == ("pickup", 0, "pickup transfer")
    assert option.probability > 0.9
    assert option.parts[-1].ends_at == option.promised_by


def test_the_date_is_that_of_the_slowest_part_and_of_the_stores_own_slips() -> None:
    at_once = offered({(10, 3): 1, (20, 1): 1})[0]
    slow = offered({(10, 3): 1, (20, 1): 1}, transit=4)[0]
    slips = offered({(10, 3): 1, (20, 1): 1}, slip=exactly(1))[0]

    assert at_once.day < slow.day
    assert at_once.day < slips.day


def test_the_parts_of_the_bar_follow_each_other_without_a_gap() -> None:
    [option] = offered({(20, 1): 1, (10, 1): 1}, moment=NOON + timedelta(hours=9))

    for before, after in zip(option.parts, option.parts[1:], strict=False):
        assert before.ends_at == after.starts_at
    assert option.sources[0].units == {}


def test_without_a_rule_or_with_too_many_days_the_store_is_not_offered() -> None:
    stock: Stock = {(10, 3): 1, (20, 1): 1}

    refused = options_for(TO_STORE, NOON, world(stock, policy=Policy()))
    late = options_for(TO_STORE, NOON, world(stock, policy=Policy(transfer=TransferTerms(max_days=1))))

    assert (refused.options, late.options) == ((), ())
    assert refused.refusal == late.refusal == "STO does not have all of it."


def test_a_store_that_has_all_of_it_sends_for_nothing() -> None:
    [option] = offered({(10, 3): 1, (20, 3): 1, (10, 1): 9, (20, 1): 9})

    assert [source.code for source in option.sources] == ["STO"]
    assert option.group == "pickup"


def test_a_question_without_a_store_offers_the_near_one_too() -> None:
    found = options_for(CART, NOON, world({(10, 1): 1, (20, 1): 1}))

    assert [option.name for option in only(found.options, "pickup")] == ["Collect at Corner store"]
