"""What lies in quarantine because its lot may not be sold, read posting by posting out of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from inventory.models import Bucket, LedgerArchive, LedgerClosing, Lot, StockMovementReason
from inventory.services.archive import read_archived_lot
from oms.core.db import execute, fetch_all
from oms.core.errors import Conflict

#: Reasons for which units are put aside without anybody asking, and come back when none of them holds any more.
PUT_ASIDE = (StockMovementReason.EXPIRED.value, StockMovementReason.BLOCK.value)
#: Whatever else lies in quarantine: goods to be checked, goods that came back, what a person put there by hand.
_BY_HAND = "by hand"
#: References of adjustments that people ask for.
_ADJUSTMENT = "ADJ-"

Piles = dict[int, Counter[str]]


class _Row(NamedTuple):
    """A posting that took units of the lot into quarantine or out of it."""

    node_id: int
    from_bucket: str
    to_bucket: str
    quantity: int
    reason: str
    reference: str


_LIVE = """
SELECT node_id, from_bucket, to_bucket, quantity, reason, reference FROM inventory_stockmovement
WHERE sku_id = %(sku)s AND lot_id = %(lot)s AND node_id = ANY(%(nodes)s::bigint[])
  AND 'quarantine' IN (from_bucket, to_bucket)
ORDER BY id
"""


def archived_piles(lot: Lot, node_ids: Collection[int]) -> Piles:
    """What lay in quarantine of a lot at these nodes where its ledger in the database begins, by node id and why.

    Only where archived postings left units there are their files read, the newest first, back to where nothing lay
    there: name no node where nothing lies today, so that no file is asked for in vain. No month leaves the ledger until
    the transaction ends. Raises Conflict where a file is not at hand.
    """
    execute("LOCK TABLE inventory_stockmovement IN ACCESS SHARE MODE")
    closings = LedgerClosing.objects.filter(lot=lot, node__in=node_ids, quarantine__gt=0)
    left = dict(closings.values_list("node_id", "quarantine"))
    months: list[list[_Row]] = []
    for archive in LedgerArchive.objects.order_by("-month"):
        if not any(left.values()):
            break
        rows = [row for row in _archived_rows(archive, lot) if row.node_id in left]
        for row in rows:
            left[row.node_id] -= row.quantity if row.to_bucket == Bucket.QUARANTINE else -row.quantity
        months.append(rows)
    piles: Piles = {node_id: Counter({_BY_HAND: units}) for node_id, units in left.items() if units}
    _replay(piles, (row for rows in reversed(months) for row in rows))
    return piles


def _archived_rows(archive: LedgerArchive, lot: Lot) -> list[_Row]:
    try:
        return [
            _Row(int(row["node_id"]), row["from_bucket"], row["to_bucket"], int(row["quantity"]), row["reason"],
                 row["reference"])
            for row in read_archived_lot(archive, lot_id=lot.pk)
            if Bucket.QUARANTINE in (row["from_bucket"], row["to_bucket"])
        ]  # fmt: skip
    except FileNotFoundError as error:
        raise Conflict(
            f"The postings of {archive.month:%Y-%m} say which units of lot {lot.code} were put aside, and their file "
            f"{archive.file.name} is not at hand. Put it back, then try again."
        ) from error


def put_aside(lot: Lot, node_ids: Collection[int], archived: Mapping[int, Counter[str]]) -> dict[int, dict[str, int]]:
    """Units of a lot that lie in quarantine because it may not be sold, by node id and reason. Lock the levels first.

    `archived` is what `archived_piles` found. What was taken out by hand was first of what lay there for another reason
    (it was checked, say), and only then of what was put aside.
    """
    piles: Piles = {node_id: Counter(pile) for node_id, pile in archived.items() if node_id in node_ids}
    values = {"sku": lot.sku_id, "lot": lot.pk, "nodes": list(node_ids)}
    _replay(piles, (_Row(*row) for row in fetch_all(_LIVE, values)))
    return {
        node_id: {reason: pile[reason] for reason in PUT_ASIDE if pile[reason] > 0} for node_id, pile in piles.items()
    }


def _replay(piles: Piles, rows: Iterable[_Row]) -> None:
    """Carry the piles through postings, the oldest first."""
    for row in rows:
        pile = piles.setdefault(row.node_id, Counter())
        is_rule = row.reason in PUT_ASIDE and not row.reference.startswith(_ADJUSTMENT)
        kind = row.reason if is_rule else _BY_HAND
        if row.to_bucket == Bucket.QUARANTINE:
            pile[kind] += row.quantity
            continue
        left = row.quantity
        for name in dict.fromkeys((kind, _BY_HAND, *PUT_ASIDE)):
            part = min(left, pile[name])
            pile[name] -= part
            left -= part
