"""Which orders are best picked together. Pure: the pool in, suggestions out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from fulfillment.models import WaveKind
from fulfillment.selectors.waves import ReadyOrder

#: Totes on a cart.
TOTES = 8
#: Single items that one person takes in one walk.
SINGLES = 50
#: Fewer single items than this are no wave of their own.
FEWEST_SINGLES = 2
#: Orders that a cluster is sought among: the first due. Keeps the work bounded, whatever waits.
LOOKED_AT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Orders to pick together."""

    kind: WaveKind
    orders: tuple[ReadyOrder, ...]

    @property
    def due_at(self) -> datetime | None:
        """When the first of them is due."""
        return min((order.due_at for order in self.orders if order.due_at is not None), default=None)

    @property
    def units(self) -> int:
        """Units to take from the shelves."""
        return sum(order.units for order in self.orders)

    @property
    def skus(self) -> int:
        """Different SKUs among them."""
        return len(frozenset[int]().union(*(order.sku_ids for order in self.orders)))

    @property
    def zones(self) -> list[str]:
        """The parts of the building that the walk goes through."""
        return sorted(frozenset[str]().union(*(order.zones for order in self.orders)) - {""})

    @property
    def ids(self) -> str:
        """Its work, as it stands in forms."""
        return ",".join(str(order.work_id) for order in self.orders)


def suggest(
    pool: Sequence[ReadyOrder], *, totes: int = TOTES, singles: int = SINGLES, most: int = 12
) -> list[Suggestion]:
    """Waves for a pool that is sorted by due moment; at most `most`, the first due first. No order is in two.

    Single items that are due at the same moment are taken together, `singles` at most, those of the most wanted SKUs
    first, so that a walk stops at few shelves. The rest goes into clusters of `totes` orders by greedy similarity: the
    first due order begins, then the order joins that shares the most SKUs with what is there, of those the one that
    adds the fewest new zones, of those the first due. Only orders of the same cut-off join, and only the first
    `LOOKED_AT` are looked at. It is not the shortest walk there is; it is explained in a sentence and found in
    milliseconds.
    """
    alone = [order for order in pool if order.is_single]
    made = list(_singles(alone, max(1, singles)))
    taken = {order.work_id for item in made for order in item.orders}
    rest = [order for order in pool if order.work_id not in taken][:LOOKED_AT]
    made += _clusters(rest, max(1, totes), most)
    return sorted(made, key=lambda item: (item.due_at is None, item.due_at or 0, -len(item.orders)))[:most]


def _by(pool: Iterable[ReadyOrder], key: Callable[[ReadyOrder], Hashable]) -> dict[Hashable, list[ReadyOrder]]:
    groups: dict[Hashable, list[ReadyOrder]] = defaultdict(list)
    for order in pool:
        groups[key(order)].append(order)
    return groups


def _singles(pool: Sequence[ReadyOrder], size: int) -> Iterable[Suggestion]:
    for group in _by(pool, lambda order: order.due_at).values():
        wanted = Counter(next(iter(order.sku_ids)) for order in group)
        places = {sku_id: place for place, (sku_id, _) in enumerate(wanted.most_common())}
        group.sort(key=lambda order: places[next(iter(order.sku_ids))])
        for start in range(0, len(group), size):
            chunk = tuple(group[start : start + size])
            if len(chunk) >= FEWEST_SINGLES:
                yield Suggestion(kind=WaveKind.SINGLES, orders=chunk)


def _clusters(pool: Sequence[ReadyOrder], size: int, most: int) -> list[Suggestion]:
    waiting = list(pool)
    made: list[Suggestion] = []
    while waiting and len(made) < most:
        cluster = [waiting.pop(0)]
        skus, zones = set(cluster[0].sku_ids), set(cluster[0].zones)
        while len(cluster) < size:
            near = [order for order in waiting if order.due_at == cluster[0].due_at]
            if not near:
                break
            best = max(near, key=lambda order: (len(skus & order.sku_ids), -len(order.zones - zones)))
            waiting.remove(best)
            cluster.append(best)
            skus |= best.sku_ids
            zones |= best.zones
        made.append(Suggestion(kind=WaveKind.CLUSTER, orders=tuple(cluster)))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be picked until one moment, everything before included, against what the pickers can do until then."""

    due_at: datetime
    units: int
    minutes_needed: int
    minutes_there: int

    @property
    def late(self) -> int:
        """Minutes after the moment at which the last of it is picked; 0 in time."""
        return max(0, self.minutes_needed - self.minutes_there)


def workload(due: Iterable[tuple[datetime | None, int]], *, moment: datetime, pickers: int, an_hour: int) -> list[Load]:
    """For each cut-off of the next day the load until then: `pickers` take `an_hour` units each. Late is due now."""
    units: Counter[datetime] = Counter()
    for due_at, count in due:
        if due_at is not None and due_at <= moment + timedelta(days=1):
            units[due_at] += count
    loads, sum_of_units = [], 0
    for due_at in sorted(units):
        sum_of_units += units[due_at]
        loads.append(
            Load(due_at=due_at, units=sum_of_units,
                 minutes_needed=ceil(sum_of_units * 60 / max(1, pickers * an_hour)),
                 minutes_there=max(0, int((due_at - moment).total_seconds() // 60)))
        )  # fmt: skip
    return loads
