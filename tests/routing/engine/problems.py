"""Random and adversarial problems for the judges: what a solver may stumble over, by kind."""

from __future__ import annotations

from random import Random

from routing.engine.problem import Problem
from routing.engine.types import SlabRate

#: Sane cards, slabs of other sizes, a first slab cheaper than the slabs after it, and free slabs.
FARES = (
    SlabRate(500, 2950, 500, 2360),
    SlabRate(500, 5660, 500, 5550),
    SlabRate(1000, 2900, 500, 1400),
    SlabRate(250, 100, 400, 50),
    SlabRate(500, 0, 500, 0),
)
#: The largest quantity of a want, and the share of nodes that have any of it.
_SHAPES = {
    "usual": (3, 0.4),
    "scarce": (5, 0.25),
    "ties": (3, 0.3),
    "balanced": (4, 0.5),
    "heavy": (8, 0.6),
    "cheap": (3, 0.4),
}
KINDS = tuple(_SHAPES)
#: Kinds that no courier's card makes, with which a search may be cut short.
ODD = ("heavy", "cheap")


def problem_of(kind: str, random: Random, wants: int, nodes: int) -> Problem:
    """A problem with so many wants and nodes.

    usual: a rate card as couriers have it. scarce: most nodes have one unit of what is wanted. ties: every price is the
    same. balanced: units cost by the share of stock that they are. heavy: odd weights, many units and odd cards, so
    that slabs decide. cheap: another parcel may cost less than another slab of the parcel before.
    """
    most, share = _SHAPES[kind]
    quantities = [random.choice((1, 1, 2, random.randint(1, most))) for _ in range(wants)]
    piles = (1, 1, 2) if kind == "scarce" else (1, 2, 3, 9)
    rows = [{node: random.choice(piles) for node in range(nodes) if random.random() < share} for _ in range(wants)]
    usable = [node for node in range(nodes) if random.random() < 0.9]
    weights = {"heavy": (0, 700, random.randint(1, 2500)), "ties": (100,)}.get(kind, (180, 350, 700))
    fares = FARES if kind == "heavy" else FARES[:2]
    least = 0 if kind in ODD else 2950
    return Problem(
        quantities,
        [random.choice(weights) for _ in range(wants)],
        rows,
        {node: 3000 if kind == "ties" else random.choice((3000, 5000, random.randint(least, 9000))) for node in usable},
        [random.choice(fares) for _ in range(nodes)],
        random.choice((0, 500, 4000)),
        random.choice((1, 2, 3, 3, 5)),
        [{n: random.choice((0, round(900 / have))) for n, have in row.items()} for row in rows]
        if kind == "balanced"
        else None,
    )
