"""Posting to the ledger: the only way to change a balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from inventory.errors import BadQuantity, KitHasNoStock, NotEnoughStock, SerialElsewhere, TrackingNeeded
from inventory.models import Bucket, StockMovementReason
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import DomainError
from oms.core.values import MAX_QUANTITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """`quantity` units of a SKU at a node leave one bucket and enter another.

    `op_key` names the operation for ever and `leg` its part: posting the same (op_key, leg) again changes nothing.
    `lot_id` or `serial_id` must be there where the SKU is tracked so and units change hands (a serial number's quantity
    is 1). `unit_cost_minor` is what one unit cost, in the currency of the business, where it is known. An `occurred_at`
    in the future counts as now.
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
    lot_id: int | None = None
    serial_id: int | None = None
    unit_cost_minor: int | None = None


# The levels are locked before the rows get their ids: at one level, the order of ids is the order in which they count.
_POST = """
WITH posting AS MATERIALIZED (
    SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::int[],
        %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[])
        WITH ORDINALITY AS p(op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference, note,
            actor, occurred_at, lot_id, serial_id, unit_cost_minor, ord)
    WHERE NOT EXISTS (SELECT FROM inventory_postedoperation done WHERE done.op_key = p.op_key AND done.leg = p.leg)
),
locked AS MATERIALIZED (
    SELECT FROM inventory_stocklevel WHERE (sku_id, node_id) IN (SELECT sku_id, node_id FROM posting)
    ORDER BY sku_id, node_id FOR NO KEY UPDATE
)
INSERT INTO inventory_stockmovement
    (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference, note, actor, occurred_at,
    lot_id, serial_id, unit_cost_minor)
SELECT op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference, note, actor,
    least(coalesce(occurred_at, statement_timestamp()), statement_timestamp()), lot_id, serial_id, unit_cost_minor
FROM posting, (SELECT count(*) FROM locked) AS levels
ORDER BY sku_id, node_id, ord
RETURNING op_key, leg
"""


def post(postings: Sequence[Posting]) -> set[tuple[str, int]]:
    """Write the postings and, by the ledger's trigger, move the balances; the (op_key, leg) that were new.

    Raises, with nothing written: NotEnoughStock when a balance would fall below zero or below what is reserved,
    SerialElsewhere for a serial number that is not where the posting takes it from, TrackingNeeded where a lot or
    serial number is missing, KitHasNoStock for units of a kit, and BadQuantity for a posting that can never be right.
    """
    if not postings:
        return set()
    for posting in postings:
        _refuse_impossible(posting)
    columns = tuple(
        [getattr(posting, name) for posting in postings]
        for name in ("op_key", "leg", "sku_id", "node_id", "from_bucket", "to_bucket", "quantity", "reason",
                     "reference", "note", "actor", "occurred_at", "lot_id", "serial_id", "unit_cost_minor")
    )  # fmt: skip

    def insert() -> set[tuple[str, int]]:
        # A savepoint of its own: what the ledger refuses leaves the caller's transaction whole.
        with transaction.atomic():
            return {(row[0], row[1]) for row in fetch_all(_POST, columns)}

    def work() -> set[tuple[str, int]]:
        try:
            return insert()
        except IntegrityError as error:
            if "inventory_postedoperation" not in str(error):
                raise
            # Somebody posted one of these keys between our look and our write: now it can be seen.
            return insert()

    try:
        return run_atomic(work)
    except IntegrityError as error:
        raise _in_words(error) from error


#: What the ledger says when it refuses, and what that means. Anything else is a mistake in a program.
_REFUSALS: tuple[tuple[str, type[DomainError], str], ...] = (
    ("stock_level_serial", SerialElsewhere, "A serial number is not where it would be taken from."),
    ("stock_level_tracking", TrackingNeeded,
     "This SKU is kept by lot or serial number: each unit that changes hands must name its own."),
    ("stock_level_kit", KitHasNoStock, "This SKU is a kit, which has no stock of its own: name its components."),
    ("lot_level", NotEnoughStock, "There are fewer units of this lot than this would take away."),
    ("stock_level", NotEnoughStock,
     "There is less stock than this would take away. Look at what is reserved and at the ledger."),
)  # fmt: skip


def _in_words(error: IntegrityError) -> Exception:
    for sign, kind, text in _REFUSALS:
        if sign in str(error):
            return kind(text)
    return error


def _refuse_impossible(posting: Posting) -> None:
    if not 1 <= posting.quantity <= MAX_QUANTITY:
        raise BadQuantity(f"{posting.quantity} is not a quantity that can be posted.", field="quantity")
    if posting.from_bucket not in Bucket.values or posting.to_bucket not in Bucket.values:
        raise BadQuantity(f"{posting.from_bucket} to {posting.to_bucket}: not a bucket of the ledger.", field="bucket")
    if posting.reason not in StockMovementReason.values:
        raise BadQuantity(f"{posting.reason!r} is not a reason of the ledger.", field="reason")
