"""A wave of orders decided together: scarce goods and capacity go where they save most.

Orders are first planned one after the other. Where one found something gone that it would rather have used, it changes
places with one that took it: both are planned anew, the later one first. The change stays when neither of the two ships
fewer units than before, each is still decided by its rule, and both together ship more, or as much for less, counted
with the same weights in the same currency. So a wave never ships less nor costs more than its orders one by one, and no
order loses units to another. Costs are those at the moment of each plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from routing.engine.desk import Asked, Decided, Desk
from routing.engine.types import OrderInput

#: Orders that one may change places with, and plans that are tried in one wave.
MOST_FOR_ONE = 6
MOST_IN_ALL = 400


def one_by_one(desk: Desk, asked: Sequence[Asked]) -> list[Decided]:
    """Plans in this sequence; each sees what those before it left."""
    found = []
    for order, attempts in asked:
        decided = desk.decide(order, attempts)
        desk.use_up(decided)
        found.append(decided)
    return found


def decide_together(desk: Desk, asked: Sequence[Asked]) -> list[Decided]:
    """As `one_by_one`, and then better where orders stand in each other's way."""
    found = one_by_one(desk, asked)
    if len(found) < 2:
        return found
    gone = _gone(desk)
    crowded = [place for place, (order, _) in enumerate(asked) if _meets(order, gone)]
    if not crowded:
        return found
    first = desk.as_at_first()
    wished = {place: first.decide(*asked[place]) for place in crowded}
    sorry = [place for place in crowded if _worth(wished[place]) < _worth(found[place])]
    # Who lost most chooses first.
    sorry.sort(key=lambda place: (_lost(found[place], wished[place]), place), reverse=True)
    tries = 0
    for place in sorry:
        for other in _in_the_way(desk, wished[place], found, place):
            if _yardstick(asked[place], found[place]) != _yardstick(asked[other], found[other]):
                continue
            if tries == MOST_IN_ALL:
                return found
            tries += 1
            if _exchange(desk, asked, found, other, place):
                break
    return found


def _gone(desk: Desk) -> dict[int, int] | None:
    """By SKU, the least that is left of it at a node where there was more at first. None: a node is full now, which
    may be in anybody's way."""
    if desk.full - desk.first.full:
        return None
    return {
        sku: min(row.get(index, 0) for index, had in desk.first_rows[sku].items() if row.get(index, 0) < had)
        for sku, row in desk.rows.items()
        if row is not desk.first_rows[sku] and row != desk.first_rows[sku]
    }


def _meets(order: OrderInput, gone: Mapping[int, int] | None) -> bool:
    """Whether an order may have found too little of something."""
    if gone is None:
        return True
    skus = [(sku, line.quantity * units) for line in order.lines for sku, units in line.parts or ((line.sku_id, 1),)]
    return any(sku in gone and gone[sku] < wanted for sku, wanted in skus)


def _worth(decided: Decided) -> tuple[int, int]:
    """Units, the more the less, and cost: less is better."""
    return -sum([sum(parcel.units) for parcel in decided.solution.parcels]), decided.solution.cost


def _lost(found: Decided, wish: Decided) -> tuple[int, int]:
    """Units and cost that an order would have had better."""
    (units, cost), (most, least) = _worth(found), _worth(wish)
    return units - most, cost - least


def _in_the_way(desk: Desk, wish: Decided, found: Sequence[Decided], place: int) -> Iterator[int]:
    """Orders that took what a wish would need: units that are too few now, or the last capacity of a node."""
    lacking = {
        (sku, index) for sku, index, units in wish.taken() if desk.rows[sku].get(index, 0) < units
    } - {(sku, index) for sku, index, _ in found[place].taken()}  # fmt: skip
    full = {index for index, _ in wish.solution.parcels if not desk.room[index]}
    seen = 0
    for other, decided in enumerate(found):
        if other == place:
            continue
        if any((sku, index) in lacking for sku, index, _ in decided.taken()) or any(
            index in full for index, _ in decided.solution.parcels
        ):
            yield other
            seen += 1
            if seen == MOST_FOR_ONE:
                return


def _exchange(desk: Desk, asked: Sequence[Asked], found: list[Decided], other: int, place: int) -> bool:
    """Plan two orders anew, the second one first, and keep it where it is better."""
    before = found[other], found[place]
    for decided in before:
        desk.give_back(decided)
    mine = desk.decide(*asked[place])
    desk.use_up(mine)
    theirs = desk.decide(*asked[other])
    desk.use_up(theirs)
    old, new = [_worth(each) for each in before], [_worth(theirs), _worth(mine)]
    fewer = any(after[0] > units[0] for units, after in zip(old, new, strict=True))
    other_rule = any(_rule(one) != _rule(after) for one, after in zip(before, (theirs, mine), strict=True))
    if fewer or other_rule or _summed(new) >= _summed(old):
        desk.give_back(theirs)
        desk.give_back(mine)
        for decided in before:
            desk.use_up(decided)
        return False
    found[other], found[place] = theirs, mine
    return True


def _rule(decided: Decided) -> tuple[int, str]:
    return decided.plan.version, decided.plan.rule


def _yardstick(asked: Asked, decided: Decided) -> tuple[object, ...]:
    """What the costs of two orders must share to be added: currency, and the weights of the rule that decided."""
    order, attempts = asked
    weights = next(
        each.policy.weights for each in attempts if (each.policy.version, each.policy.rule) == _rule(decided)
    )
    return order.currency, weights


def _summed(worths: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum([units for units, _ in worths]), sum([cost for _, cost in worths])
