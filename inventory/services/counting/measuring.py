"""What was counted against what should have lain there, for items of a count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inventory.locks import lock_levels
from inventory.models import CountItem, StockCount
from inventory.selectors.count_tally import Tally, count_tally
from inventory.selectors.shelf import CarriedSince, Moment, Shelf, shelf_at
from oms.core.db import execute

_WRITE = """
UPDATE inventory_countitem i
SET counted_quantity = m.counted, expected_quantity = m.expected, carried_quantity = m.carried, counted_at = m.at
FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::timestamptz[]) AS m(id, counted, expected, carried, at)
WHERE i.id = m.id
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """An item as it stands now, with what was expected before."""

    item: CountItem
    expected_before: int | None

    @property
    def has_moved(self) -> bool:
        """What should have been there is known better than when somebody looked at it."""
        return self.expected_before is not None and self.expected_before != self.item.expected_quantity


def measure(count: StockCount, items: Sequence[CountItem], carried_since: CarriedSince) -> list[Measured]:
    """Set counted, expected, carried and the moment of items that were scanned or counted as none; the others are left
    out. Locks the stock levels in key order, so that what is decided next is decided on these numbers.
    """
    tallies = count_tally(count.pk, sku_ids=[item.sku_id for item in items])
    for item in items:
        if item.sku_id not in tallies and item.counted_quantity == 0 and item.counted_at is not None:
            tallies[item.sku_id] = Tally(item.sku_id, 0, item.counted_at, item.counted_at)
    found = [item for item in items if item.sku_id in tallies]
    if not found:
        return []
    levels = lock_levels((item.sku_id, count.node_id) for item in found)
    shelves = shelf_at(
        count.node_id, [_moment(tallies[item.sku_id]) for item in found],
        on_hand={sku_id: level.on_hand for (sku_id, _), level in levels.items()}, carried_since=carried_since,
    )  # fmt: skip
    measured = [_set(item, tallies[item.sku_id], shelves[item.sku_id]) for item in found]
    execute(_WRITE, [
        [item.pk for item in found], [item.counted_quantity for item in found],
        [item.expected_quantity for item in found], [item.carried_quantity for item in found],
        [item.counted_at for item in found],
    ])  # fmt: skip
    return measured


def _moment(tally: Tally) -> Moment:
    return Moment(tally.sku_id, tally.first_at, tally.last_at)


def _set(item: CountItem, tally: Tally, shelf: Shelf) -> Measured:
    before = item.expected_quantity
    item.counted_quantity, item.counted_at = tally.quantity, tally.last_at
    item.expected_quantity, item.carried_quantity = shelf.expected(tally.quantity), shelf.carried
    return Measured(item, before)
