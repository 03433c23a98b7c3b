"""Orders are decided by the rules that take them, and the decision says which."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Node, Sku
from orders.canonical import CanonicalOrder
from orders.models import Order
from routing.engine import Eligibility, Weights
from routing.models import RoutingDecision
from routing.policy.conditions import Group, Row
from routing.policy.document import Document, Fallback, Rule, SortKey, Split
from routing.policy.facts import OrderFacts
from routing.services import (
    TrialTerms,
    create_draft,
    forget_policy,
    plan_again,
    publish,
    route_orders,
    start_canary,
)
from routing.services.facts import facts_of
from routing.services.planning import plan_demands
from routing.services.reading import read_surroundings
from tests.factories import World, capture, make_line, make_order, make_sku, make_world, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    forget_policy()
    return make_world()


def go_live(*rules: Rule) -> None:
    draft = create_draft(name="Rules", actor="Asha", document=Document(rules))
    publish(policy_id=draft.pk, edit_version=1, note="So", actor="Asha")
    forget_policy()


def where(*rows: Row) -> Group:
    return Group("all", rows)


def order(world: World, name: str, sku: Sku, quantity: int = 1, **fields: Any) -> int:
    made: CanonicalOrder = make_order(name, make_line(sku, quantity), **fields)
    return capture(world, made)


def decisions() -> dict[str, tuple[int, str, str]]:
    rows = RoutingDecision.objects.values_list("order__external_id", "policy_version", "rule", "outcome")
    return {name: (version, rule, outcome) for name, version, rule, outcome in rows}


GIFTS = Rule("Gifts", when=where(Row("gift", "yes")), split=Split(1))
REST = Rule("Rest")


def test_each_order_is_decided_by_the_first_rule_that_takes_it_and_says_so(world: World) -> None:
    go_live(GIFTS, Rule("Dear", when=where(Row("value", "at_least", 200_000))), REST)
    ids = [
        order(world, "gift", world.saree, is_gift=True), order(world, "dear", world.saree),
        order(world, "plain", world.kurta),
    ]  # fmt: skip

    route_orders(ids, trigger="captured")

    assert decisions() == {
        "gift": (1, "Gifts", "routed"), "dear": (1, "Dear", "routed"), "plain": (1, "Rest", "routed"),
    }  # fmt: skip


def test_where_nothing_was_published_the_standard_rule_decides(world: World) -> None:
    route_orders([order(world, "plain", world.kurta)], trigger="captured")

    assert decisions() == {"plain": (1, "Every order", "routed")}


def test_orders_of_different_rules_share_the_stock_in_the_sequence_of_the_rules(world: World) -> None:
    go_live(GIFTS, REST)
    lamp = make_sku("LAMP")
    stock(lamp, world.blr, 3)
    plain = order(world, "plain", lamp, 2)
    gift = order(world, "gift", lamp, 2, is_gift=True)

    found = route_orders([plain, gift], trigger="captured")

    assert [(each.order_id, each.outcome) for each in found] == [(gift, "routed"), (plain, "partial")]


def test_orders_of_one_rule_compete_by_its_sequence(world: World) -> None:
    go_live(Rule("Rest", sequence=(SortKey("value", descending=True),)))
    lamp = make_sku("LAMP", price_minor=50_000)
    stock(lamp, world.blr, 5)
    small, large = order(world, "small", lamp, 2), order(world, "large", lamp, 4)

    found = route_orders([small, large], trigger="captured")

    assert [(each.order_id, each.outcome) for each in found] == [(large, "routed"), (small, "partial")]


def test_a_rule_that_ships_nothing_in_part_keeps_the_order_whole(world: World) -> None:
    go_live(Rule("Whole", fallback=Fallback(partial=False)))

    route_orders([order(world, "many", world.kurta, 50)], trigger="captured")

    assert decisions() == {"many": (1, "Whole", "unroutable")}


def test_what_a_rule_cannot_fill_whole_goes_to_the_next_one(world: World) -> None:
    lamp = make_sku("LAMP")
    for node in (world.blr, world.delhi):
        stock(lamp, node, 2)
    one_parcel = Rule("One parcel", split=Split(1), fallback=Fallback(partial=False, then="next"))
    go_live(one_parcel, REST)

    ids = [order(world, "whole", lamp, 1), order(world, "split", lamp, 3), order(world, "too many", lamp, 5)]
    route_orders(ids, trigger="captured")

    assert decisions() == {
        "whole": (1, "One parcel", "routed"), "split": (1, "Rest", "routed"), "too many": (1, "Rest", "unroutable"),
    }  # fmt: skip


def test_the_first_rule_that_ships_some_decides_where_none_ships_all(world: World) -> None:
    go_live(Rule("First", fallback=Fallback(partial=True, then="next")), Rule("Second", split=Split(1)))

    route_orders([order(world, "many", world.kurta, 50)], trigger="captured")

    assert decisions() == {"many": (1, "First", "partial")}


def test_a_person_who_names_a_node_is_not_bound_by_the_rule(world: World) -> None:
    go_live(Rule("Stores", nodes=Eligibility(kinds=frozenset({"store", "warehouse"})), weights=Weights()))
    wanted = order(world, "plain", world.kurta)

    route_orders([wanted], trigger="by hand", only_node_id=world.delhi.pk)

    found = RoutingDecision.objects.get()
    assert (found.outcome, found.assignments[0][2], found.rule) == ("routed", world.delhi.pk, "Stores")


def test_a_version_on_trial_decides_its_orders(world: World) -> None:
    go_live(REST)
    draft = create_draft(name="New", actor="Ravi", document=Document((Rule("New"),)))
    start_canary(policy_id=draft.pk, edit_version=1, note="To see", actor="Ravi", terms=TrialTerms(100, ("web",)))
    forget_policy()

    route_orders([order(world, "plain", world.kurta)], trigger="captured")

    assert decisions() == {"plain": (2, "New", "routed")}


def test_facts_are_read_with_the_order(world: World) -> None:
    paint = make_sku("PAINT", category="Home", brand="Aara", needs=["Hazardous"], weight_grams=2_000)
    wanted = order(world, "paint", paint, 2, tags=("VIP",), is_b2b=True, service_level="express")

    demand = read_surroundings([wanted]).demands[wanted]
    moment = Order.objects.get().placed_at

    assert facts_of(demand.lines, moment) == OrderFacts.of(
        channel="web", channel_kind="website", tags=["vip"], value_minor=199_800, promise_hours=None,
        ship_by_hours=24.0, service_level="express", payment="prepaid", is_b2b=True, categories=["home"],
        brands=["aara"], skus=["paint"], needs=["hazardous"], units=2, lines=1, weight_grams=4_000,
        state="Karnataka", postcode="560001", country="IN", placed_minutes=0.0,
    )  # fmt: skip


def test_a_decision_reads_once_and_writes_once_however_many_rules_and_orders(world: World) -> None:
    go_live(GIFTS, Rule("Dear", when=where(Row("value", "at_least", 200_000))), REST)
    route_orders([order(world, "first", world.kurta)], trigger="captured")
    few = [order(world, "A", world.kurta), order(world, "B", world.saree, is_gift=True)]
    many = [order(world, f"C{n}", world.kurta, is_gift=n % 2 == 0) for n in range(6)]

    counts = []
    for ids in (few, many):
        with CaptureQueriesContext(
            connection,
        ) as statements:
            route_orders(ids, trigger="captured")
        counts.append(len([each for each in statements.captured_queries if "SAVEPOINT" not in each["sql"]]))

    assert counts == [2, 2]


def test_a_preview_plans_by_the_same_rules_and_other_rules_may_be_tried(world: World) -> None:
    go_live(Rule("Whole", fallback=Fallback(partial=False)))
    wanted = order(world, "many", world.kurta, 50)

    assert plan_again([wanted], [])[wanted].outcome == "unroutable"


def test_capabilities_and_brands_of_nodes_come_along(world: World) -> None:
    Node.objects.filter(pk=world.blr.pk).update(capabilities=["Hazardous"], brands=["Aara"])
    wanted = order(world, "plain", world.kurta)

    nodes = {node.code: node for node in read_surroundings([wanted]).nodes}

    assert (nodes["blr-01"].capabilities, nodes["blr-01"].brands) == (frozenset({"hazardous"}), frozenset({"aara"}))
    assert nodes["del-01"].capabilities == frozenset()
    assert [each.plan.outcome for each in plan_demands(read_surroundings([wanted]))] == ["routed"]
