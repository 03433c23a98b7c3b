"""Routes orders one after the other against one picture of stock and capacity, which each plan uses up in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from routing.engine.cost import Terms
from routing.engine.desk import Asked, Desk, TermsOf
from routing.engine.types import Attempt, LaneOf, NodeInput, OrderInput, Plan, Policy, RateTable, Stock
from routing.engine.wave import decide_together, one_by_one

_NONE: Mapping[int, int] = {}


def plan_order(
    order: OrderInput, nodes: Iterable[NodeInput], stock: Stock, lane: LaneOf, rates: RateTable, policy: Policy
) -> Plan:
    """The cheapest way to fulfill one order. See `plan_orders`."""
    return plan_orders((order,), nodes, stock, lane, rates, policy)[0]


def plan_orders(
    orders: Sequence[OrderInput],
    nodes: Iterable[NodeInput],
    stock: Stock,
    lane: LaneOf,
    rates: RateTable,
    policy: Policy,
    used: Mapping[int, int] = _NONE,
) -> list[Plan]:
    """Plans in the sequence of the orders; each sees the stock, capacity and load that those before it left.

    `used` is how many orders each node (by id) was given that its `capacity_left` and `load` do not count yet. Nothing
    given is changed. The order of `nodes` does not matter. Together the plans never take more than `stock`
    holds nor more orders than a node has capacity for.
    """
    return plan_with(Terms(nodes, lane, rates, policy.weights), orders, stock, policy, used)


def plan_with(
    terms: Terms, orders: Sequence[OrderInput], stock: Stock, policy: Policy, used: Mapping[int, int] = _NONE
) -> list[Plan]:
    """As `plan_orders`, with terms that were made before, from nodes, rates and the weights of the same policy."""
    attempts = (Attempt(policy),)
    return plan_by_rules(lambda _: terms, [(order, attempts) for order in orders], stock, used)


def plan_by_rules(
    terms_of: TermsOf,
    asked: Sequence[Asked],
    stock: Stock,
    used: Mapping[int, int] = _NONE,
    *,
    together: bool = False,
) -> list[Plan]:
    """As `plan_orders`, each order by the rules that it comes with, in their order.

    The first rule that ships all of the order decides. Where none does, the first that ships some of it; else the last
    one that was tried says why not. What follows a rule that cannot ship all is `Attempt.then`. Raises ValueError for
    an order without an attempt.

    With `together` scarce stock and capacity go where they save most (`wave.py`): no order ships fewer units than it
    does otherwise, and all of them cost no more.
    """
    desk = Desk(terms_of, asked, stock, used)
    decided = decide_together(desk, asked) if together else one_by_one(desk, asked)
    return [each.plan for each in decided]
