"""Which nodes keep the units of a checkout, kits among them."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from inventory.services.hold_plan import Bound, HoldLine, Shortage, bind

TEA, CUP, POT, SET, BOX = 1, 2, 3, 90, 91
PARTS = ((TEA, 2), (CUP, 1))


def test_each_unit_of_a_kit_is_kept_at_one_node() -> None:
    stock = {(TEA, 1): 5, (CUP, 1): 1, (TEA, 2): 2, (CUP, 2): 9}
    found, short = bind([HoldLine(SET, 2, None, PARTS)], stock, [1, 2])
    assert short == ()
    assert sorted(found) == [
        Bound(TEA, 1, 2, 0), Bound(TEA, 2, 2, 0), Bound(CUP, 1, 1, 0), Bound(CUP, 2, 1, 0),
    ]  # fmt: skip


def test_components_at_different_nodes_make_no_kit() -> None:
    found, [short] = bind([HoldLine(SET, 1, None, PARTS)], {(TEA, 1): 9, (CUP, 2): 9}, [1, 2])
    assert (found, short) == ((), (SET, None, 1, 0, (0,)))


def test_a_kit_leaves_to_single_units_what_it_does_not_need_and_the_other_way_round() -> None:
    stock = {(TEA, 1): 3, (CUP, 1): 1, (TEA, 2): 2, (CUP, 2): 1}
    found, short = bind([HoldLine(TEA, 3), HoldLine(SET, 1, None, PARTS)], stock, [1, 2])
    assert short == ()
    units = Counter({(part.sku_id, part.kit): 0 for part in found})
    for part in found:
        units[part.sku_id, part.kit] += part.quantity
    assert units == {(TEA, 1): 2, (CUP, 1): 1, (TEA, None): 3}


def test_two_kits_that_share_a_component_are_granted_in_either_order() -> None:
    stock = {(TEA, 1): 1, (TEA, 2): 1, (CUP, 1): 1, (CUP, 2): 1, (POT, 1): 1}
    one, other = HoldLine(SET, 1, None, ((TEA, 1), (CUP, 1))), HoldLine(BOX, 1, None, ((TEA, 1), (POT, 1)))
    for lines in ([one, other], [other, one]):
        found, short = bind(lines, stock, [1, 2])
        assert short == ()
        assert {(part.sku_id, part.node_id) for part in found} == {(TEA, 2), (CUP, 2), (TEA, 1), (POT, 1)}


def test_what_is_refused_names_the_lines_that_lack_in_either_order() -> None:
    stock = {(TEA, 1): 2, (CUP, 1): 3, (POT, 1): 2}
    one, other = HoldLine(SET, 2, None, ((TEA, 1), (CUP, 1))), HoldLine(BOX, 1, None, ((TEA, 1), (POT, 1)))
    assert bind([one, HoldLine(CUP, 1), other], stock, [1]) == ((), (Shortage(BOX, None, 1, 0, (2,)),))
    assert bind([other, one], stock, [1]) == ((), (Shortage(BOX, None, 1, 0, (0,)),))
    assert bind([HoldLine(TEA, 2), one, HoldLine(TEA, 1)], stock, [1])[1] == (Shortage(TEA, None, 3, 2, (0, 2)),)


amounts = st.integers(0, 6)
kit_lines = st.lists(
    st.tuples(
        st.integers(1, 2),
        st.dictionaries(st.sampled_from([TEA, CUP, POT]), st.integers(1, 2), min_size=1, max_size=3),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


def possible(kits: list[tuple[int, dict[int, int]]], tea: int, left: dict[tuple[int, int], int]) -> bool:
    """Whether any share of the kits over two nodes leaves enough tea, by trying all."""
    if not kits:
        return left.get((TEA, 1), 0) + left.get((TEA, 2), 0) >= tea
    (quantity, needs), *rest = kits
    for first in range(quantity + 1):
        after = dict(left)
        for sku, each in needs.items():
            for node, share in ((1, first), (2, quantity - first)):
                after[sku, node] = after.get((sku, node), 0) - each * share
        if all(units >= 0 for units in after.values()) and possible(rest, tea, after):
            return True
    return False


@given(
    stock=st.dictionaries(st.tuples(st.sampled_from([TEA, CUP, POT]), st.integers(1, 2)), st.integers(0, 5)),
    kits=kit_lines, tea=st.integers(0, 3), order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_a_small_cart_is_held_whenever_it_can_be_in_whatever_order_its_lines_come(
    stock: dict[tuple[int, int], int], kits: list[tuple[int, dict[int, int]]], tea: int, order: Random
) -> None:
    lines = [HoldLine(SET + at, units, None, tuple(needs.items())) for at, (units, needs) in enumerate(kits)]
    lines += [HoldLine(TEA, tea)] if tea else []
    _, short = bind(lines, stock, [1, 2])
    assert (not short) == possible(kits, tea, stock)
    mixed = list(lines)
    order.shuffle(mixed)
    _, again = bind(mixed, stock, [2, 1])
    assert [item._replace(lines=()) for item in again] == [item._replace(lines=()) for item in short]
    assert [lines[item.lines[0]] for item in short] == [mixed[item.lines[0]] for item in again]


@given(
    stock=st.dictionaries(st.tuples(st.sampled_from([TEA, CUP]), st.integers(1, 3)), amounts),
    kits=st.integers(1, 4), tea=st.integers(0, 4), named=st.none() | st.integers(1, 3),
)  # fmt: skip
def test_what_is_bound_is_there_and_makes_whole_kits(
    stock: dict[tuple[int, int], int], kits: int, tea: int, named: int | None
) -> None:
    lines = [HoldLine(SET, kits, named, PARTS)] + ([HoldLine(TEA, tea)] if tea else [])
    found, short = bind(lines, stock, [1, 2, 3])
    assert bool(found) != bool(short)
    taken: Counter[tuple[int, int]] = Counter()
    of_kit: Counter[tuple[int, int]] = Counter()
    for part in found:
        taken[part.sku_id, part.node_id] += part.quantity
        if part.kit is not None:
            of_kit[part.node_id, part.sku_id] += part.quantity
            assert named in (None, part.node_id)
    assert all(units <= stock.get(key, 0) for key, units in taken.items())
    if found:
        assert sum(of_kit[node, CUP] for node in (1, 2, 3)) == kits
        assert all(of_kit[node, TEA] == 2 * of_kit[node, CUP] for node in (1, 2, 3))
        assert sum(taken.values()) == 3 * kits + tea
