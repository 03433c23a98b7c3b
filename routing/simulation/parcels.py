"""The parcels of a plan with their cost, factor by factor, out of the plan as it would be stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from routing.engine import FACTORS, RateTable

# Where things stand in a row of a stored plan; see `routing.engine.table`.
_CHOSEN, _COVERS, _FIRST_FACTOR = 2, 3, 5
_KM = _FIRST_FACTOR + len(FACTORS)
_FIRST_STOCK = _KM + 3


class PlayedParcel(NamedTuple):
    """What one node ships of an order. `factors` are in the order of `routing.engine.FACTORS`, in minor units.

    `freight_minor` is the courier's price by the rate card, which no weight of a rule changes: what versions with
    different weights are compared by.
    """

    node_id: int
    units: int
    km: float
    days: int
    zone: str
    factors: tuple[int, ...]
    freight_minor: int = 0

    @property
    def cost_minor(self) -> int:
        """All of it, without the penalty for splitting."""
        return sum(self.factors)


def parcels_of(stored: Mapping[str, Any], rates: RateTable, *, cod: bool) -> tuple[PlayedParcel, ...]:
    """The parcels of a plan (`Plan.compact()`), in the order of its nodes' ranks. `cod`: each collects cash.

    A row tells what its node would cost if it sent all that it could; what depends on the goods (slabs of weight,
    scarce stock) is worked out again for what it does send. With the split penalty for each parcel after the first,
    the sum of all factors is the cost of the plan.
    """
    if not stored["take"]:
        return ()
    taken: dict[int, dict[int, int]] = {}
    for _, sku, node_id, quantity in stored["take"]:
        units = taken.setdefault(node_id, {})
        units[sku] = units.get(sku, 0) + quantity
    place = {sku: index for index, sku in enumerate(stored["skus"])}
    return tuple(
        _parcel(row, {place[sku]: units for sku, units in taken[row[0]].items()}, stored, rates, cod)
        for row in stored["rows"]
        if row[_CHOSEN] and row[0] in taken
    )


def _parcel(
    row: Sequence[Any], units: Mapping[int, int], stored: Mapping[str, Any], rates: RateTable, cod: bool
) -> PlayedParcel:
    factors = dict(zip(FACTORS, row[_FIRST_FACTOR:_KM], strict=True))
    km, days, zone = row[_KM:_FIRST_STOCK]
    have, grams = row[_FIRST_STOCK:], stored["grams"]
    alone = [min(wanted, stock) for wanted, stock in zip(stored["wanted"], have, strict=True)]
    weight = sum(count * grams[index] for index, count in units.items())
    if any(units.get(index, 0) != count for index, count in enumerate(alone)):
        fare = stored["fares"][zone]
        factors["shipping"] -= _further(fare, sum(count * each for count, each in zip(alone, grams, strict=True)))
        factors["shipping"] += _further(fare, weight)
        factors["stock"] = sum(
            count * round(stored["per_stock"] / have[index]) for index, count in units.items() if have[index]
        )
    return PlayedParcel(
        row[0], sum(units.values()), km, days, zone, tuple(factors[name] for name in FACTORS),
        _freight(rates, zone, weight, cod),
    )  # fmt: skip


def _freight(rates: RateTable, zone: str, grams: int, cod: bool) -> int:
    """What the courier asks; nothing for what the customer collects."""
    rate = rates.zones.get(zone)
    return 0 if rate is None else rate.first_minor + _further(rate, grams) + (rates.cod_minor if cod else 0)


def _further(fare: Sequence[int], grams: int) -> int:
    """The slabs after the first one."""
    first_grams, _, slab_grams, slab_minor = fare
    return 0 if grams <= first_grams else -((first_grams - grams) // slab_grams) * slab_minor
