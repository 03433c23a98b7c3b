"""Cancelling one kit of several: what stays is whole at its node."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment.errors import CannotCancel
from fulfillment.models import FulfillmentOrder
from fulfillment.services import cancel_order, lines_with_kits, open_fulfillment_orders, pick
from fulfillment.services.whole_kits import Lying, Place, take_whole_kits
from inventory.models import Sku, StockLevel
from orders.models import Order, OrderKit
from routing.services import route_orders
from tests.channels.services.doors import make_account, take, woo
from tests.factories import World, make_world, stock
from tests.kits import make_kit

A, B = 1, 2


def lying(line_id: int, per_kit: int, there: dict[Place, int], free: dict[Place, int] | None = None) -> Lying:
    return Lying(line_id, per_kit, Counter(there), Counter(there if free is None else free))


def test_a_kit_that_is_not_picked_goes_before_halves_of_two_that_are() -> None:
    parts = [lying(A, 2, {10: 2, 20: 2}, {10: 0, 20: 2}), lying(B, 1, {10: 1, 20: 1})]
    assert take_whole_kits(parts, {A: 2, B: 1}) == {A: {20: 2}, B: {20: 1}}


def test_kits_without_a_node_go_first_then_those_that_lie_apart_then_whole_ones() -> None:
    parts = [lying(A, 2, {None: 4, 20: 2}), lying(B, 1, {None: 1, 10: 1, 20: 1})]
    assert take_whole_kits(parts, {A: 2, B: 1}) == {A: {None: 2}, B: {None: 1}}
    assert take_whole_kits(parts, {A: 4, B: 2}) == {A: {None: 4}, B: {None: 1, 10: 1}}
    assert take_whole_kits(parts, {A: 6, B: 3}) == {A: {None: 4, 20: 2}, B: {None: 1, 10: 1, 20: 1}}


def test_where_only_halves_could_go_nothing_goes() -> None:
    parts = [lying(A, 1, {10: 1, 20: 1}, {10: 0, 20: 1}), lying(B, 1, {10: 1, 20: 1}, {10: 1, 20: 0})]
    assert take_whole_kits(parts, {A: 1, B: 1}) is None


def test_the_rest_of_a_kit_that_left_in_part_goes_from_where_it_makes_no_whole_one() -> None:
    parts = [lying(A, 1, {20: 1}), lying(B, 1, {10: 1, 20: 1})]
    assert take_whole_kits(parts, {A: 0, B: 1}) == {A: {}, B: {10: 1}}


places = st.dictionaries(st.sampled_from([None, 10, 20, 30]), st.tuples(st.integers(0, 5), st.integers(0, 5)))


@given(st.lists(st.tuples(st.integers(1, 3), places), min_size=1, max_size=4), st.integers(1, 4))
def test_no_kit_that_is_whole_at_a_node_loses_only_some_of_its_components(
    recipe: list[tuple[int, dict[Place, tuple[int, int]]]], kits: int
) -> None:
    parts = [
        lying(number, each, {place: free + held for place, (free, held) in units.items()},
              {place: free for place, (free, _) in units.items()})
        for number, (each, units) in enumerate(recipe)
    ]  # fmt: skip
    taken = take_whole_kits(parts, {part.line_id: kits * part.per_kit for part in parts})
    if taken is None:
        return

    def loose(there: dict[int, Counter[Place]], place: Place) -> list[int]:
        whole = min(there[part.line_id][place] // part.per_kit for part in parts)
        return [there[part.line_id][place] - whole * part.per_kit for part in parts]

    before = {part.line_id: Counter(part.there) for part in parts}
    after = {part.line_id: part.there - taken[part.line_id] for part in parts}
    for part in parts:
        assert taken[part.line_id].total() == kits * part.per_kit
        assert all(units <= part.free[place] for place, units in taken[part.line_id].items())
    for place in (None, 10, 20, 30):
        assert all(now <= then for now, then in zip(loose(after, place), loose(before, place), strict=True))


# -- with the books ----------------------------------------------------------------------------------------------------


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def two_kits_at_two_nodes(world: World, **fields: object) -> Order:
    """Two gift sets of two kurtas and a pair of shoes, one in work in Bengaluru, one in Delhi."""
    kit = make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))
    for node in (world.blr, world.delhi):
        stock(world.kurta, node, 2)
        stock(world.shoe, node, 1)
    Sku.objects.filter(pk=kit.pk).update(**fields)
    take(make_account(world), woo(sku="GIFT-SET", quantity=2))
    order = Order.objects.get()
    route_orders([order.pk], trigger="captured")
    assert len(open_fulfillment_orders([order.pk])) == 2
    return order


def pick_at(node: str, code: str, quantity: int) -> None:
    work = FulfillmentOrder.objects.get(node__code=node)
    pick(fulfillment_order_id=work.pk, code=code, quantity=quantity, actor="Ravi")


def cancel_one(order: Order) -> None:
    wanted = lines_with_kits(order_id=order.pk, kits={OrderKit.objects.get().pk: 1})
    cancel_order(order_id=order.pk, lines=wanted, reason="One is enough", actor="care")


def reserved() -> list[tuple[str, str, int]]:
    rows = StockLevel.objects.filter(reserved__gt=0).order_by("node__code", "sku__code")
    return list(rows.values_list("node__code", "sku__code", "reserved"))


BOTH = [("blr-01", "KURTA-M", 2), ("blr-01", "SHOE-42", 1), ("del-01", "KURTA-M", 2), ("del-01", "SHOE-42", 1)]


@pytest.mark.parametrize(("node", "other"), [("blr-01", "del-01"), ("del-01", "blr-01")])
@pytest.mark.parametrize("code", ["KURTA-M", "SHOE-42"])
def test_the_kit_of_which_something_is_picked_stays_whole(world: World, node: str, other: str, code: str) -> None:
    order = two_kits_at_two_nodes(world)
    pick_at(node, code, 1)

    cancel_one(order)

    assert reserved() == [row for row in BOTH if row[0] == node]
    states = dict(FulfillmentOrder.objects.values_list("node__code", "state"))
    assert (states[node], states[other]) == ("picking", "cancelled")


def test_a_kit_is_not_cancelled_in_halves_at_two_nodes(world: World) -> None:
    order = two_kits_at_two_nodes(world)
    pick_at("blr-01", "KURTA-M", 2)
    pick_at("del-01", "SHOE-42", 1)

    with pytest.raises(CannotCancel, match="Of every GIFT-SET that could go something is picked or packed"):
        cancel_one(order)

    assert reserved() == BOTH
    assert set(order.lines.values_list("cancelled", flat=True)) == {0}


def test_components_that_need_not_leave_together_go_line_by_line(world: World) -> None:
    order = two_kits_at_two_nodes(world, ships_together=False)
    pick_at("blr-01", "KURTA-M", 2)
    pick_at("del-01", "SHOE-42", 1)

    cancel_one(order)

    assert reserved() == [("blr-01", "KURTA-M", 2), ("del-01", "SHOE-42", 1)]
