"""What should have lain on the shelf at a moment of the past: on hand by the ledger, without what was picked already.

The ledger keeps units on hand until they are packed or leave, but whoever picked them holds them in a tote: a count of
the shelf does not find them. Between the first and the last scan of a SKU goods may also come and go, and the moment
of a pick is not always known exactly. So the answer is a range, and a count within it is no variance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from inventory.models import StockLevel, TransferLine, TransferState
from inventory.states import TRANSFER
from oms.core.db import fetch_all
from oms.core.models import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Units that left the shelf but not, by the ledger, the building.

    They were taken after `taken_after` and by `taken_by` (None: not known to be taken yet), and were no longer carried
    (packed, shipped, put back) after `ended_after` and by `ended_by` (None: not yet, as far as is known).
    """

    sku_id: int
    quantity: int
    taken_after: datetime
    taken_by: datetime | None = None
    ended_after: datetime | None = None
    ended_by: datetime | None = None

    def is_surely_away(self, at: datetime) -> bool:
        """Not on the shelf at that moment."""
        return self.taken_by is not None and self.taken_by <= at and (self.ended_after is None or at < self.ended_after)

    def may_be_away(self, at: datetime) -> bool:
        """Perhaps not on the shelf at that moment."""
        return self.taken_after <= at and (self.ended_by is None or at < self.ended_by)


#: Asks a room above what its people carry: units of these SKUs at a node that were away at some moment since then.
CarriedSince = Callable[[int, Sequence[int], datetime], list[Carried]]


def nothing_carried(node_id: int, sku_ids: Sequence[int], since: datetime) -> list[Carried]:
    """For nodes where nobody picks for orders."""
    return []


@dataclass(frozen=True, slots=True)
class Moment:
    """A SKU was counted between two moments."""

    sku_id: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Shelf:
    """What may rightly have been found: `low` to `high` units. `carried` units of what was on hand were away."""

    low: int
    high: int
    carried: int

    def expected(self, counted: int) -> int:
        """The number in the range that is nearest to what was counted."""
        return min(max(counted, self.low), self.high)


# A balance of the past is the present one without what came after it: archived months are not needed for it.
_MOVED = """
WITH item AS (
    SELECT * FROM unnest(%(skus)s::bigint[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
        AS i(sku_id, first_at, last_at)
),
moved AS (
    SELECT item.sku_id, CASE WHEN m.occurred_at <= item.last_at THEN m.occurred_at END AS at,
        m.quantity * ((m.to_bucket = 'on_hand')::int - (m.from_bucket = 'on_hand')::int) AS change
    FROM item JOIN inventory_stockmovement m ON m.sku_id = item.sku_id AND m.node_id = %(node)s
    WHERE m.occurred_at > item.first_at AND m.recorded_at > %(since)s AND 'on_hand' IN (m.from_bucket, m.to_bucket)
)
SELECT sku_id, at, sum(change)::int FROM moved GROUP BY sku_id, at
"""


@dataclass(slots=True)
class _History:
    """Changes of on hand after the last scan, added up, and those between the first and the last."""

    after: int = 0
    between: list[tuple[datetime, int]] = field(default_factory=list)


def shelf_at(
    node_id: int, moments: Sequence[Moment], *, on_hand: dict[int, int], carried_since: CarriedSince
) -> dict[int, Shelf]:
    """The shelf of each SKU when it was counted, by all that is known now. `on_hand` is the present balance by SKU.

    Postings count by when they happened, not by when they became known: goods that were received before the count
    and typed in after it are no variance. Three statements, and what `carried_since` asks.
    """
    if not moments:
        return {}
    since = min(moment.first_at for moment in moments)
    skus = [moment.sku_id for moment in moments]
    away: dict[int, list[Carried]] = {}
    for item in (*carried_since(node_id, skus, since), *_carried_for_transfers(node_id, skus, since)):
        away.setdefault(item.sku_id, []).append(item)
    histories = _histories(node_id, moments, since)
    return {
        moment.sku_id: _shelf(
            moment, on_hand.get(moment.sku_id, 0), histories.get(moment.sku_id, _History()),
            away.get(moment.sku_id, []),
        )
        for moment in moments
    }  # fmt: skip


def on_hand_of(node_id: int, sku_ids: Iterable[int]) -> dict[int, int]:
    """On hand now, by SKU."""
    rows = StockLevel.objects.filter(node_id=node_id, sku_id__in=list(sku_ids))
    return dict(rows.values_list("sku_id", "on_hand"))


def _histories(node_id: int, moments: Sequence[Moment], since: datetime) -> dict[int, _History]:
    rows = fetch_all(
        _MOVED,
        {"skus": [m.sku_id for m in moments], "firsts": [m.first_at for m in moments],
         "lasts": [m.last_at for m in moments], "node": node_id, "since": since},
    )  # fmt: skip
    found: dict[int, _History] = {}
    for sku_id, at, change in rows:
        history = found.setdefault(sku_id, _History())
        if at is None:
            history.after += change
        else:
            history.between.append((at, change))
    return found


def _shelf(moment: Moment, on_hand: int, history: _History, away: Sequence[Carried]) -> Shelf:
    at_last = on_hand - history.after
    # Where a tote is emptied into a parcel, the ledger moves in the same moment and the shelf does not: starts suffice.
    starts = [at for item in away for at in (item.taken_after, item.taken_by) if at is not None]
    times = {moment.first_at, moment.last_at, *(at for at, _ in history.between)}
    times |= {at for at in starts if moment.first_at < at < moment.last_at}
    lows, highs = [], []
    for at in times:
        there = at_last - sum(change for when, change in history.between if when > at)
        lows.append(there - sum(item.quantity for item in away if item.may_be_away(at)))
        highs.append(there - sum(item.quantity for item in away if item.is_surely_away(at)))
    carried = sum(item.quantity for item in away if item.may_be_away(moment.last_at))
    return Shelf(low=max(0, min(lows)), high=max(0, *highs), carried=carried)


def _carried_for_transfers(node_id: int, sku_ids: Sequence[int], since: datetime) -> list[Carried]:
    """Units that were picked for a transfer and have not left, or left after `since`."""
    lines = list(
        TransferLine.objects.select_related("transfer").filter(
            Q(transfer__state__in=(TransferState.RESERVED, TransferState.PICKED)) | Q(transfer__shipped_at__gt=since),
            transfer__from_node=node_id, sku__in=sku_ids, picked_quantity__gt=0,
        )
    )  # fmt: skip
    if not lines:
        return []
    steps = Transition.objects.filter(model=TRANSFER.name, object_id__in={line.transfer_id for line in lines})
    times = {(pk, state): at for pk, state, at in steps.values_list("object_id", "to_state", "at")}
    return [
        Carried(
            sku_id=line.sku_id, quantity=line.picked_quantity,
            taken_after=times.get((line.transfer_id, "reserved"), line.transfer.created_at),
            taken_by=times.get((line.transfer_id, "picked")), ended_after=line.transfer.shipped_at,
            ended_by=line.transfer.shipped_at,
        )
        for line in lines
    ]  # fmt: skip
