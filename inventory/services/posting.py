"""Posting to the ledger: the only way to change a balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from inventory.errors import BadQuantity, NotEnoughStock
from inventory.models import Bucket, StockMovementReason
from oms.core.db import fetch_all, run_atomic
from oms.core.values import MAX_QUANTITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """`quantity` units of a SKU at a node leave one bucket and enter another.

    `op_key` names the operation for ever and `leg` its part: posting the same (op_key, leg) again changes nothing.
    """

    op_key: str
    sku_id: int
    node_id: int
    from_bucket: str
    to_bucket: str
    quantity: int
    reason: str
    leg: int = 1
    reference: str = ""
    note: str = ""
    actor: str = ""
    occurred_at: datetime | None = None


_POST = """
INSERT INTO inventory_stockmovement
    (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference, note, actor, occurred_at)
SELECT op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference, note, actor,
    coalesce(occurred_at, now())
FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::int[], %s::text[],
    %s::text[], %s::text[], %s::text[], %s::timestamptz[]) WITH ORDINALITY AS p(op_key, leg, sku_id, node_id,
    from_bucket, to_bucket, quantity, reason, reference, note, actor, occurred_at, ord)
ORDER BY sku_id, node_id, ord
ON CONFLICT (op_key, leg) DO NOTHING
RETURNING op_key, leg
"""


def post(postings: Sequence[Posting]) -> set[tuple[str, int]]:
    """Write the postings and, by the ledger's trigger, move the balances; the (op_key, leg) that were new.

    Raises NotEnoughStock, with nothing written, when a balance would fall below zero or below what is reserved, and
    BadQuantity for a posting that can never be right.
    """
    if not postings:
        return set()
    for posting in postings:
        _refuse_impossible(posting)

    def work() -> set[tuple[str, int]]:
        columns = (
            [p.op_key for p in postings], [p.leg for p in postings], [p.sku_id for p in postings],
            [p.node_id for p in postings], [p.from_bucket for p in postings], [p.to_bucket for p in postings],
            [p.quantity for p in postings], [p.reason for p in postings], [p.reference for p in postings],
            [p.note for p in postings], [p.actor for p in postings], [p.occurred_at for p in postings],
        )  # fmt: skip
        # A savepoint of its own: what the balances refuse leaves the caller's transaction whole.
        with transaction.atomic():
            return {(row[0], row[1]) for row in fetch_all(_POST, columns)}

    try:
        return run_atomic(work)
    except IntegrityError as error:
        if "stock_level" not in str(error):
            raise
        raise NotEnoughStock(
            "There is less stock than this would take away. Look at what is reserved and at the ledger."
        ) from error


def _refuse_impossible(posting: Posting) -> None:
    if not 1 <= posting.quantity <= MAX_QUANTITY:
        raise BadQuantity(f"{posting.quantity} is not a quantity that can be posted.", field="quantity")
    if posting.from_bucket not in Bucket.values or posting.to_bucket not in Bucket.values:
        raise BadQuantity(f"{posting.from_bucket} to {posting.to_bucket}: not a bucket of the ledger.", field="bucket")
    if posting.reason not in StockMovementReason.values:
        raise BadQuantity(f"{posting.reason!r} is not a reason of the ledger.", field="reason")
