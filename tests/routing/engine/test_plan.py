"""Plans that people can check by hand: three nodes, two SKUs, a rate card, exact amounts and exact sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from routing.engine import (
    FACTORS,
    Assignment,
    Lane,
    LineInput,
    NodeInput,
    OrderInput,
    Plan,
    Policy,
    RateTable,
    SlabRate,
    Weights,
    expand_candidates,
    plan_order,
    plan_orders,
    why_not,
)

DEL, BLR, STO = (
    NodeInput(1, "DEL-01", "Delhi", kind="warehouse", groups=frozenset({"dc"})),
    NodeInput(2, "BLR-02", "Bengaluru", kind="warehouse", groups=frozenset({"dc"})),
    NodeInput(3, "STO-03", "MG Road", kind="store", groups=frozenset({"store"})),
)
NODES = (DEL, BLR, STO)
CODES = {node.node_id: node.code for node in NODES}
KURTA_M, KURTA_L = 10, 11
RATES = RateTable({"local": SlabRate(500, 3000, 500, 2000), "far": SlabRate(500, 4500, 500, 4000)}, cod_minor=2500)
WEIGHTS = Weights(distance_minor_per_km=1.0, transit_minor_per_day=500, late_minor_per_day=10_000, split_minor=4000)
POLICY = Policy(7, WEIGHTS, max_shipments=2)


def lane(order: OrderInput, node: NodeInput) -> Lane:
    """To Bengaluru: Delhi is 1,700 km and four days away, the others ten kilometres and a day."""
    if order.postcode != "560001":
        return Lane(False, reason=f"No carrier serves {order.postcode}.")
    return Lane(True, "far", 1700.0, 4) if node.node_id == DEL.node_id else Lane(True, "local", 10.0, 1)


def an_order(*lines: LineInput) -> OrderInput:
    """An order to Bengaluru; by default one kurta M and one kurta L of 400 g each."""
    both = (LineInput(1, KURTA_M, 1, 400, "KRT-M"), LineInput(2, KURTA_L, 1, 400, "KRT-L"))
    return OrderInput(100, lines or both, postcode="560001")


def route(
    order: OrderInput,
    stock: dict[tuple[int, int], int],
    *,
    nodes: tuple[NodeInput, ...] = NODES,
    policy: Policy = POLICY,
) -> Plan:
    return plan_order(order, nodes, stock, lane, RATES, policy)


def refusals(plan: Plan) -> dict[str, str]:
    """Rule by node code."""
    return {row.code: row.rule for row in plan.candidates if row.result == "refused"}


def test_the_cheapest_node_with_everything_ships_it() -> None:
    # Given both items in Delhi and in Bengaluru
    stock = {(KURTA_M, 1): 5, (KURTA_L, 1): 5, (KURTA_M, 2): 1, (KURTA_L, 2): 1}
    # When the order is routed
    plan = route(an_order(), stock)
    # Then Bengaluru sends 800 g: 30.00 + one slab of 20.00, 10 km for 0.10, one day for 5.00
    assert plan.assignments == (Assignment(1, KURTA_M, 2, 1), Assignment(2, KURTA_L, 2, 1))
    assert (plan.outcome, plan.cost_minor, plan.lower_bound_minor, plan.optimal) == ("routed", 5510, 5510, True)
    assert plan.backordered == ()
    assert plan.nodes_examined == 3
    # And Delhi would have cost 45 + 40 + 17 + 20 = 122.00
    assert plan.sentence == "BLR-02 has both items and delivers in 1 day for ₹55.10; next best DEL-01 ₹122."


def test_the_candidates_tell_every_factor_and_every_refusal() -> None:
    stock = {(KURTA_M, 1): 5, (KURTA_L, 1): 5, (KURTA_M, 2): 1, (KURTA_L, 2): 1}
    best, second, refused = route(an_order(), stock).candidates
    assert (best.code, best.rank, best.result, best.reason) == ("BLR-02", 1, "chosen", "Has both items and sends them.")
    assert (second.code, second.rank, second.result) == ("DEL-01", 2, "eligible")
    assert second.reason == "Has both items, for ₹66.90 more."
    nothing = dict.fromkeys(FACTORS, 0)
    assert second.factors == nothing | {"shipping": 8500, "distance": 1700, "transit": 2000}
    assert (second.total_minor, second.km, second.transit_days, second.zone) == (12_200, 1700.0, 4, "far")
    assert (second.atp, second.covers) == ({KURTA_M: 5, KURTA_L: 5}, 2)
    assert (refused.code, refused.result, refused.rule) == ("STO-03", "refused", "no_stock")


def test_lines_are_split_when_no_node_has_them_all() -> None:
    stock = {(KURTA_M, 2): 1, (KURTA_L, 3): 1}
    plan = route(an_order(), stock)
    assert plan.assignments == (Assignment(1, KURTA_M, 2, 1), Assignment(2, KURTA_L, 3, 1))
    # Twice 30.00 + 0.10 + 5.00, and 40.00 for the second shipment.
    assert plan.cost_minor == 11_020
    assert plan.sentence == ("No one node has both items: BLR-02 sends 1 and STO-03 sends 1, 2 shipments for ₹110.20.")


def test_a_split_that_is_cheaper_than_one_far_shipment_is_taken_and_says_so() -> None:
    stock = {(KURTA_M, 1): 1, (KURTA_L, 1): 1, (KURTA_M, 2): 1, (KURTA_L, 3): 1}
    plan = route(an_order(), stock)
    assert plan.node_ids == (2, 3)
    assert plan.sentence == (
        "BLR-02 sends 1 and STO-03 sends 1, 2 shipments for ₹110.20; DEL-01 could send both items alone for ₹122."
    )
    told = why_not(plan.in_full(), 1, CODES)
    assert told.gap_minor == 1180
    assert told.sentence == "DEL-01 would be used if its shipment were more than ₹11.80 cheaper."
    # Two shipments of 35.10 and the penalty of 40, against 122.
    assert [(each.kind, each.sentence) for each in told.changes] == [
        ("cost", "Its shipment more than ₹11.80 cheaper."),
        ("weight", "Shipping counting 0.53 times as much."),
        ("weight", "Distance counting 0.3 times as much."),
        ("weight", "Splitting counting 1.3 times as much."),
        ("capacity", "No capacity left at BLR-02."),
    ]


def test_a_dearer_split_penalty_keeps_the_order_together() -> None:
    stock = {(KURTA_M, 1): 1, (KURTA_L, 1): 1, (KURTA_M, 2): 1, (KURTA_L, 3): 1}
    policy = replace(POLICY, weights=replace(WEIGHTS, split_minor=6000))
    assert route(an_order(), stock, policy=policy).node_ids == (1,)


def test_a_line_is_divided_only_when_no_node_has_all_of_it() -> None:
    line = LineInput(1, KURTA_M, 4, 100, "KRT-M")
    divided = route(an_order(line), {(KURTA_M, 2): 3, (KURTA_M, 3): 2})
    assert sum(assignment.quantity for assignment in divided.assignments) == 4
    assert divided.node_ids == (2, 3)
    whole = route(an_order(line), {(KURTA_M, 2): 3, (KURTA_M, 3): 2, (KURTA_M, 1): 4})
    assert whole.assignments == (Assignment(1, KURTA_M, 1, 4),)


def test_two_lines_of_one_sku_share_its_stock() -> None:
    lines = (LineInput(1, KURTA_M, 2, 100), LineInput(2, KURTA_M, 2, 100))
    plan = route(an_order(*lines), {(KURTA_M, 2): 3})
    assert plan.assignments == (Assignment(1, KURTA_M, 2, 2), Assignment(2, KURTA_M, 2, 1))
    assert plan.backordered == ((2, 1),)


def test_what_is_there_is_shipped_and_the_rest_waits() -> None:
    plan = route(an_order(), {(KURTA_M, 2): 1})
    assert (plan.outcome, plan.cost_minor) == ("partial", 3510)
    assert plan.assignments == (Assignment(1, KURTA_M, 2, 1),)
    assert plan.backordered == ((2, 1),)
    assert plan.sentence == ("BLR-02 sends 1 of 2 items for ₹35.10; 1 KRT-L must wait: no more is sellable at 3 nodes.")


@pytest.mark.parametrize("how", ["the order", "the policy"])
def test_an_order_that_must_ship_complete_waits_whole(how: str) -> None:
    order = replace(an_order(), must_ship_complete=how == "the order")
    plan = route(order, {(KURTA_M, 2): 1}, policy=replace(POLICY, allow_partial=how != "the policy"))
    assert (plan.outcome, plan.assignments, plan.cost_minor) == ("unroutable", (), 0)
    assert plan.backordered == ((1, 1), (2, 1))
    assert plan.sentence == "No node has KRT-L: 1 wanted, 0 sellable at 3 nodes."


def test_an_order_for_which_nothing_is_there_says_what_is_missing() -> None:
    order = an_order(LineInput(1, KURTA_M, 2, 400, "KRT-M"))
    plan = route(order, {(KURTA_M, 1): 0, (KURTA_M, 2): -3})
    assert plan.outcome == "unroutable"
    assert plan.backordered == ((1, 2),)
    assert plan.sentence == "No node has KRT-M: 2 wanted, 0 sellable at 3 nodes."


def test_stock_that_cannot_be_used_is_told() -> None:
    nodes = (replace(DEL, capacity_left=0), replace(BLR, active=False), STO)
    order = an_order(LineInput(1, KURTA_M, 2, 400, "KRT-M"))
    plan = route(order, {(KURTA_M, 1): 9, (KURTA_M, 2): 9}, nodes=nodes)
    assert plan.sentence == (
        "No node has KRT-M: 2 wanted, 0 sellable at 1 node; held where it cannot be used: 1 switched off and 1 full."
    )
    assert {row.code: row.atp[KURTA_M] for row in plan.candidates} == {"DEL-01": 9, "BLR-02": 9, "STO-03": 0}


def test_an_address_that_nobody_serves_is_told() -> None:
    order = replace(an_order(LineInput(1, KURTA_M, 1, 400, "KRT-M")), postcode="744301")
    plan = route(order, {(KURTA_M, 1): 1, (KURTA_M, 2): 1})
    assert refusals(plan) == {"DEL-01": "not_serviceable", "BLR-02": "not_serviceable", "STO-03": "no_stock"}
    assert [row.reason for row in plan.candidates][:2] == ["No carrier serves 744301."] * 2
    assert plan.sentence.endswith("held where it cannot be used: 2 unable to reach 744301.")


def test_a_zone_without_a_price_refuses_the_node() -> None:
    plan = plan_order(an_order(), NODES, {(KURTA_M, 1): 1}, lane, RateTable({"local": RATES.zones["local"]}), POLICY)
    assert (
        next(row.reason for row in plan.candidates if row.code == "DEL-01")
        == "The rate card has no price for zone far."
    )


@pytest.mark.parametrize(
    ("node", "order", "rule"),
    [
        ({"active": False}, {}, "node_off"),
        ({"ships": False}, {}, "does_not_ship"),
        ({"capacity_left": 0}, {}, "over_capacity"),
        ({}, {"excluded_node_ids": frozenset({2})}, "rejected_before"),
        ({}, {"allowed_groups": frozenset({"store"})}, "wrong_group"),
        ({}, {"pickup_node_id": 3}, "not_the_pickup_store"),
    ],
)
def test_each_rule_refuses_the_node_that_would_have_won(node: dict[str, Any], order: dict[str, Any], rule: str) -> None:
    stock = {(KURTA_M, n): 1 for n in (1, 2)} | {(KURTA_L, n): 1 for n in (1, 2)}
    assert route(an_order(), stock).node_ids == (2,)
    plan = route(replace(an_order(), **order), stock, nodes=(DEL, replace(BLR, **node), STO))
    assert refusals(plan)["BLR-02"] == rule
    assert 2 not in plan.node_ids


def test_an_order_to_collect_needs_no_carrier_and_only_its_store() -> None:
    order = replace(an_order(LineInput(1, KURTA_M, 1, 400)), pickup_node_id=3, postcode="744301", cod=True)
    plan = route(order, {(KURTA_M, 2): 1, (KURTA_M, 3): 1}, nodes=(DEL, BLR, replace(STO, ships=False)))
    assert (plan.assignments, plan.cost_minor) == ((Assignment(1, KURTA_M, 3, 1),), 0)
    assert plan.sentence == "STO-03 has the item for the customer to collect."


def test_a_missed_cut_off_costs_a_day_and_is_no_refusal() -> None:
    stock = {(KURTA_M, 2): 1, (KURTA_M, 3): 1}
    order = an_order(LineInput(1, KURTA_M, 1, 400))
    nodes = (DEL, replace(BLR, minutes_to_cutoff=20, processing_minutes=45), STO)
    plan = route(order, stock, nodes=nodes)
    assert plan.node_ids == (3,)
    assert {row.code: (row.transit_days, row.total_minor) for row in plan.candidates if row.rank} == {
        "STO-03": (1, 3510),
        "BLR-02": (2, 4010),
    }


def test_a_missed_promise_is_charged_by_the_day_and_told() -> None:
    # Given only Delhi, four days away, and a promise for two and a half days: two days begun are late
    order = replace(an_order(LineInput(1, KURTA_M, 1, 400)), hours_to_promise=60.0)
    plan = route(order, {(KURTA_M, 1): 1})
    assert plan.candidates[0].factors["late"] == 20_000
    assert plan.cost_minor == 4500 + 1700 + 2000 + 20_000
    assert "delivers in 4 days, after the promised date, for ₹282;" in plan.sentence


def test_cash_on_delivery_is_charged_for_each_shipment() -> None:
    stock = {(KURTA_M, 2): 1, (KURTA_L, 3): 1}
    prepaid, cod = route(an_order(), stock), route(replace(an_order(), cod=True), stock)
    assert cod.cost_minor == prepaid.cost_minor + 2 * 2500


def test_equal_costs_go_to_the_better_priority_then_to_the_lower_id() -> None:
    stock = {(KURTA_M, 2): 1, (KURTA_M, 3): 1}
    order = an_order(LineInput(1, KURTA_M, 1, 400))
    assert route(order, stock).node_ids == (2,)
    free = replace(POLICY, weights=replace(WEIGHTS, priority_minor=0))
    assert route(order, stock, nodes=(DEL, BLR, replace(STO, priority=1)), policy=free).node_ids == (3,)


def test_a_busy_node_gives_way() -> None:
    stock = {(KURTA_M, 2): 1, (KURTA_M, 3): 1}
    plan = route(an_order(LineInput(1, KURTA_M, 1, 400)), stock, nodes=(DEL, replace(BLR, load=0.5), STO))
    assert plan.node_ids == (3,)
    assert plan.candidates[1].factors["load"] == 500


def test_more_shipments_than_allowed_are_not_made() -> None:
    stock = {(KURTA_M, 2): 1, (KURTA_L, 3): 1}
    one = replace(POLICY, max_shipments=1)
    partial = route(an_order(), stock, policy=one)
    assert (partial.outcome, partial.node_ids) == ("partial", (2,))
    assert partial.sentence == (
        "BLR-02 sends 1 of 2 items for ₹35.10; 1 KRT-L must wait: it would take more than 1 shipment."
    )
    waits = route(replace(an_order(), must_ship_complete=True), stock, policy=one)
    assert waits.sentence == "The whole order waits: it would take more than 1 shipment."


def test_a_batch_uses_up_stock_and_capacity_in_its_sequence() -> None:
    # Given two in Bengaluru, which takes one order more, one in the store and many in Delhi
    nodes = (DEL, replace(BLR, capacity_left=1, load=0.0), STO)
    stock = {(KURTA_M, 1): 9, (KURTA_M, 2): 2, (KURTA_M, 3): 1}
    orders = [replace(an_order(LineInput(1, KURTA_M, 1, 400)), key=key) for key in range(4)]
    # When four orders for one come
    plans = plan_orders(orders, nodes, stock, lane, RATES, POLICY)
    # Then each takes the best that is left
    assert [plan.node_ids for plan in plans] == [(2,), (3,), (1,), (1,)]
    assert refusals(plans[2]) == {"BLR-02": "over_capacity", "STO-03": "no_stock"}
    assert stock == {(KURTA_M, 1): 9, (KURTA_M, 2): 2, (KURTA_M, 3): 1}
    # And the first explanation still tells the stock of its own moment
    assert {row.code: row.atp[KURTA_M] for row in plans[0].candidates} == {"BLR-02": 2, "STO-03": 1, "DEL-01": 9}


def test_lanes_are_asked_once_for_a_node_and_destination() -> None:
    asked: list[int] = []

    def counted(order: OrderInput, node: NodeInput) -> Lane:
        asked.append(node.node_id)
        return lane(order, node)

    orders = [replace(an_order(), key=key) for key in range(5)]
    plan_orders(orders, NODES, {(KURTA_M, 1): 9, (KURTA_M, 2): 9}, counted, RATES, POLICY)
    assert asked == [1, 2]


def test_only_so_many_candidates_are_stored_in_full_and_the_chosen_always() -> None:
    nodes = tuple(NodeInput(number, f"N-{number}") for number in range(2, 30))
    stock = {(KURTA_M, node.node_id): 1 for node in nodes}
    plan = route(an_order(LineInput(1, KURTA_M, 1, 400)), stock, nodes=nodes, policy=replace(POLICY, max_candidates=5))
    stored = plan.compact()
    assert (len(stored["rows"]), len(stored["rest"])) == (5, 23)
    table = expand_candidates(stored, {2: "N-2"})
    assert [row.rank for row in table] == list(range(1, 29))
    assert (table[0].code, table[0].result) == ("N-2", "chosen")
    assert (table[27].code, table[27].result, table[27].factors) == ("node 29", "eligible", {})


def test_an_order_with_nothing_to_allocate_is_routed_as_it_is() -> None:
    plan = route(an_order(LineInput(1, KURTA_M, 0, 400)), {})
    assert (plan.outcome, plan.assignments, plan.backordered, plan.cost_minor) == ("routed", (), (), 0)
    assert plan.sentence == "Nothing is left to allocate."


def test_no_nodes_at_all_is_told() -> None:
    plan = route(an_order(), {}, nodes=())
    assert (plan.outcome, plan.nodes_examined) == ("unroutable", 0)
    assert plan.sentence == "There is no node to take this order."
    off = route(an_order(), {}, nodes=(replace(DEL, active=False), replace(STO, ships=False)))
    assert off.sentence == "No node may take this order: 1 switched off and 1 not shipping."


def test_a_node_that_was_not_offered_cannot_be_asked_about() -> None:
    with pytest.raises(LookupError, match="Node 99"):
        why_not(route(an_order(), {}).in_full(), 99, CODES)


def test_impossible_inputs_are_refused_where_they_are_made() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        LineInput(1, KURTA_M, -1)
    with pytest.raises(ValueError, match="slabs must weigh"):
        RateTable({"a": SlabRate(0, 1, 1, 1)})
    with pytest.raises(ValueError, match="cash-on-delivery"):
        RateTable({}, cod_minor=-1)
    with pytest.raises(ValueError, match="split_minor"):
        Weights(split_minor=-1)
