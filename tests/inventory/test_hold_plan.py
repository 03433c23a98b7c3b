"""Which nodes keep the units of a checkout, kits among them."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from inventory.services.hold_plan import Bound, HoldLine, bind

TEA, CUP, SET = 1, 2, 90
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
    assert (found, short) == ((), (SET, None, 1, 0))


def test_a_kit_leaves_to_single_units_what_it_does_not_need_and_the_other_way_round() -> None:
    stock = {(TEA, 1): 3, (CUP, 1): 1, (TEA, 2): 2, (CUP, 2): 1}
    found, short = bind([HoldLine(TEA, 3), HoldLine(SET, 1, None, PARTS)], stock, [1, 2])
    assert short == ()
    units = Counter({(part.sku_id, part.kit): 0 for part in found})
    for part in found:
        units[part.sku_id, part.kit] += part.quantity
    assert units == {(TEA, 1): 2, (CUP, 1): 1, (TEA, None): 3}


amounts = st.integers(0, 6)


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
