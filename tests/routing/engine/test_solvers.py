"""The ways to solve agree with each other on orders too large to try everything."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.engine.by_mask import cheapest_single, solve_by_mask
from routing.engine.by_search import solve_by_search
from routing.engine.by_units import scale_of, solve_by_units
from routing.engine.problem import Parcel, Problem, Solution
from routing.engine.solve import covers, solve
from routing.engine.types import SlabRate

FARES = (SlabRate(500, 2950, 500, 2360), SlabRate(500, 3300, 500, 2830), SlabRate(1000, 2900, 500, 1400))


def whole_problem(random: Random, wants: int, nodes: int) -> Problem:
    """A problem in which every want can go whole from somewhere."""
    quantities = [random.randint(1, 3) for _ in range(wants)]
    rows: list[dict[int, int]] = [{index: random.randint(1, 4) for index in range(nodes)} for _ in quantities]
    for quantity, row in zip(quantities, rows, strict=True):
        for index in list(row):
            if random.random() < 0.4:
                del row[index]
        row[random.randrange(nodes)] = quantity
    return Problem(
        quantities,
        [random.choice((0, 200, 450, 900)) for _ in quantities],
        rows,
        {index: random.choice((3000, 4000, 5000, 7000)) for index in range(nodes)},
        [random.choice(FARES) for _ in range(nodes)],
        random.choice((0, 500, 4000)),
        random.choice((1, 2, 3, 8)),
    )


def key(problem: Problem, solution: Solution) -> tuple[int, int, int]:
    """What solutions are compared by."""
    return (-sum(sum(parcel.units) for parcel in solution.parcels), solution.cost, len(solution.parcels))


def cost(problem: Problem, solution: Solution) -> int:
    """The cost of a solution, added up again."""
    total = max(0, len(solution.parcels) - 1) * problem.split
    for index, units in solution.parcels:
        grams = sum(count * unit for count, unit in zip(units, problem.grams, strict=True))
        total += problem.opening[index] + problem.further_minor(index, grams)
    return total


@settings(max_examples=300)
@given(st.integers(0, 2**64), st.booleans())
def test_sets_of_lines_and_counts_of_units_find_the_same_cost(seed: int, complete: bool) -> None:
    random = Random(seed)
    problem = whole_problem(random, random.randint(1, 5), random.randint(1, 6))
    assert all(map(problem.one_parcel_is_cheaper, problem.opening))
    cover = covers(problem)
    single = cheapest_single(problem, cover, (1 << len(problem.quantities)) - 1)
    by_mask = solve_by_mask(problem, cover, single, complete)
    whole = [True] * len(problem.quantities)
    by_units = solve_by_units(problem, scale_of(problem, whole), complete)
    assert key(problem, by_mask) == key(problem, by_units)
    assert cost(problem, by_mask) == by_mask.cost
    assert cost(problem, by_units) == by_units.cost


@settings(max_examples=200)
@given(st.integers(0, 2**64))
def test_the_bound_of_a_search_is_honest_and_its_plan_is_possible(seed: int) -> None:
    # Given a problem small enough to solve exactly
    random = Random(seed)
    problem = whole_problem(random, random.randint(2, 8), random.randint(1, 8))
    exact = solve(problem, complete=True)
    # When it is searched instead
    found = solve_by_search(problem, [True] * len(problem.quantities), complete=True)
    # Then the best lies between the bound and what was found
    if found.parcels:
        assert found.lower_bound <= exact.cost <= found.cost
        assert cost(problem, found) == found.cost
        assert not found.optimal or found.cost == exact.cost
        for want, quantity in enumerate(problem.quantities):
            assert sum(parcel.units[want] for parcel in found.parcels) == quantity
        for index, units in found.parcels:
            assert all(row.get(index, 0) >= count for row, count in zip(problem.rows, units, strict=True))


def test_thirty_lines_at_one_node_are_proven_best_without_a_search() -> None:
    problem = Problem([1] * 30, [100] * 30, [{0: 1, 1: 1}] * 30, {0: 3000, 1: 9000}, [FARES[0]] * 2, 4000, 3)
    # 3 kg are the first slab and five more at 2,360.
    assert solve(problem, complete=True) == Solution((Parcel(0, (1,) * 30),), 14_800, 14_800, True)


def test_thirty_lines_over_two_nodes_are_filled_with_a_bound() -> None:
    rows = [{0: 1}] * 15 + [{1: 1}] * 15
    problem = Problem([1] * 30, [100] * 30, rows, {0: 3000, 1: 5000}, [FARES[0]] * 2, 4000, 3)
    found = solve(problem, complete=True)
    # Each ships 1.5 kg: two slabs beyond the first. The bound knows that there are two parcels and four slabs.
    assert found.parcels == (Parcel(0, (1,) * 15 + (0,) * 15), Parcel(1, (0,) * 15 + (1,) * 15))
    assert (found.cost, found.lower_bound, found.optimal) == (21_440, 21_440, True)


def test_a_large_quantity_is_gathered_from_many_nodes_with_a_bound() -> None:
    problem = Problem(
        [900], [50], [{0: 400, 1: 300, 2: 300, 3: 10}], dict.fromkeys(range(4), 3000), [FARES[0]] * 4, 1, 3
    )
    found = solve(problem, complete=True)
    assert sum(parcel.units[0] for parcel in found.parcels) == 900
    assert len(found.parcels) == 3
    assert found.lower_bound <= found.cost
