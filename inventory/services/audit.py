"""The auditor: compares, keeps what it found, and mends only what a person accepts."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import IntegrityError, transaction

from inventory.errors import NotEnoughStock
from inventory.locks import lock_difference
from inventory.models import (
    Bucket,
    LevelCorrection,
    StockAudit,
    StockDifference,
    StockDifferenceState,
    StockMovementReason,
)
from inventory.selectors.audit import Compared, Difference, iter_differences
from inventory.selectors.ledger import BALANCES
from inventory.services.posting import Posting, post
from inventory.services.stock import announce
from oms.core.clock import now
from oms.core.db import execute, run_atomic
from oms.core.errors import Conflict, DomainError

logger = logging.getLogger(__name__)

#: Differences that are kept with an audit, those that are kept for people to decide, and audits that are kept.
MOST_IN_AUDIT = 500
MOST_TO_DECIDE = 5000
AUDITS_KEPT = 200

#: Ways to mend a difference, and what each does.
CHOICES: dict[str, str] = {
    "ledger": "Set the balance to what the ledger adds up to",
    "balance": "Keep the balance and post what the ledger misses",
    "reserved": "Post the difference, so that as much is reserved as the open reservations claim",
}


@dataclass(frozen=True, slots=True)
class AuditRun:
    """What one run found: the number of differences, and the first of them."""

    levels: int
    postings: int
    seconds: float
    differences: int
    found: tuple[Difference, ...]


def audit_stock(*, more: Sequence[str] = ()) -> AuditRun:
    """Compare every stored number with the rows below it, with `more` comparisons than those of the stock room.

    What is found is kept for people to decide; what was found before and is not there any more is marked so. Nothing is
    mended here.
    """
    started = time.monotonic()
    compared, count, found = Compared(), 0, []
    for difference in iter_differences(compared, more=more):
        count += 1
        if count <= MOST_TO_DECIDE:
            found.append(difference)
        if count <= MOST_IN_AUDIT:
            logger.error("stock differs: %s", difference)
    run = AuditRun(compared.levels, compared.postings, time.monotonic() - started, count, tuple(found))
    run_atomic(lambda: _keep(run))
    return run


def _keep(run: AuditRun) -> None:
    audit = StockAudit.objects.create(
        levels=run.levels, postings=run.postings, seconds=run.seconds, differences=run.differences,
        found=[asdict(row) for row in run.found[:MOST_IN_AUDIT]],
    )  # fmt: skip
    StockAudit.objects.filter(pk__lte=audit.pk - AUDITS_KEPT).delete()
    rows = [
        [row.sku_id for row in run.found], [row.node_id for row in run.found], [row.what[:40] for row in run.found],
        [row.subject[:80] for row in run.found], [row.stored for row in run.found],
        [row.computed for row in run.found],
    ]  # fmt: skip
    execute(_GONE, [*rows[:4], run.differences > len(run.found)])
    execute(_SEEN, rows)


#: A difference that is still there keeps its row; one that a person left as it is comes back when its numbers change.
_SEEN = """
INSERT INTO inventory_stockdifference AS known
    (sku_id, node_id, what, subject, stored, computed, proposal, state, decided_by, note)
SELECT found.sku_id, found.node_id, found.what, found.subject, found.stored, found.computed, '{}', 'open', '', ''
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])
    AS found(sku_id, node_id, what, subject, stored, computed)
WHERE NOT EXISTS (
    SELECT FROM inventory_stockdifference old
    WHERE old.state = 'dismissed' AND old.sku_id = found.sku_id AND old.node_id IS NOT DISTINCT FROM found.node_id
      AND old.what = found.what AND old.subject = found.subject AND old.stored = found.stored
      AND old.computed = found.computed
)
ON CONFLICT (sku_id, node_id, what, subject) WHERE state = 'open' DO UPDATE
SET stored = excluded.stored, computed = excluded.computed, last_seen_at = statement_timestamp()
"""

#: Open ones that were not found again. Where too much was found to be kept, nobody can say which are gone.
_GONE = """
UPDATE inventory_stockdifference known SET state = 'gone', decided_at = statement_timestamp()
WHERE known.state = 'open' AND NOT EXISTS (
    SELECT FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) AS found(sku_id, node_id, what, subject)
    WHERE found.sku_id = known.sku_id AND found.node_id IS NOT DISTINCT FROM known.node_id
      AND found.what = known.what AND found.subject = known.subject
) AND NOT %s::boolean
"""


def ways_to_mend(difference: StockDifference) -> list[str]:
    """The keys of CHOICES that mend it, the proposed one first; none where a person has to look into it."""
    if difference.node_id is None:
        return []
    if difference.what in BALANCES:
        return ["ledger", "balance"]
    return ["reserved"] if difference.what == "open reservations" else []


def accept_difference(*, difference_id: int, choice: str, actor: str, note: str = "") -> None:
    """Mend an open difference in one of its ways.

    Raises Conflict where it was decided before or its numbers have changed, DomainError for a way that it has not, and
    NotEnoughStock where the mended balance could not be: fewer on hand than are reserved, say.
    """

    def work() -> None:
        row = lock_difference(difference_id)
        _require_open(row)
        if choice not in ways_to_mend(row):
            raise DomainError(f"{choice!r} does not mend this difference.", field="choice")
        if choice == "reserved":
            _post_reserved(row, actor)
        else:
            _correct(row, actor)
            if choice == "balance":
                _post_missing(row, actor)
        announce([row.sku_id], reason="correction", grew_at=row.node_id)
        _decide(row, StockDifferenceState.ACCEPTED, actor, note, {"choice": choice})

    run_atomic(work)


def dismiss_difference(*, difference_id: int, actor: str, note: str) -> None:
    """Leave a difference as it is; it comes back when its numbers change.

    Raises Conflict where it was decided before, and DomainError without a note.
    """
    if not note.strip():
        raise DomainError("Say why it may stay as it is.", field="note")

    def work() -> None:
        row = lock_difference(difference_id)
        _require_open(row)
        _decide(row, StockDifferenceState.DISMISSED, actor, note, {})

    run_atomic(work)


def _require_open(row: StockDifference) -> None:
    if row.state != StockDifferenceState.OPEN:
        raise Conflict(
            f"This difference is decided: {row.get_state_display().lower()} by {row.decided_by or 'a check'}."
        )


def _decide(row: StockDifference, state: StockDifferenceState, actor: str, note: str, proposal: dict[str, str]) -> None:
    StockDifference.objects.filter(pk=row.pk).update(
        state=state, decided_at=now(), decided_by=actor, note=note[:200], proposal=proposal
    )


def _correct(row: StockDifference, actor: str) -> None:
    """The balance becomes the ledger's sum; the database works it out again."""
    try:
        with transaction.atomic():
            LevelCorrection.objects.create(
                difference=row, sku_id=row.sku_id, node_id=row.node_id or 0, bucket=row.what, before=row.stored,
                after=row.computed, actor=actor,
            )  # fmt: skip
    except IntegrityError as error:
        if "level_correction_outdated" in str(error):
            raise Conflict("The numbers have changed since the check. Check again, then decide.") from error
        if "stock_level" in str(error):
            raise NotEnoughStock(
                f"{row.what} cannot become {row.computed}: more than that is reserved. Release or reroute orders first."
            ) from error
        raise


def _post_missing(row: StockDifference, actor: str) -> None:
    outside = Bucket.DEMAND if row.what == Bucket.RESERVED else Bucket.ADJUSTMENT
    _post(row, row.what, outside, row.stored - row.computed, actor)


def _post_reserved(row: StockDifference, actor: str) -> None:
    _post(row, Bucket.RESERVED, Bucket.DEMAND, row.computed - row.stored, actor)


def _post(row: StockDifference, bucket: str, outside: str, units: int, actor: str) -> None:
    source, target = (outside, bucket) if units > 0 else (bucket, outside)
    post([
        Posting(op_key=f"difference/{row.pk}", sku_id=row.sku_id, node_id=row.node_id or 0, from_bucket=source,
                to_bucket=target, quantity=abs(units), reason=StockMovementReason.CORRECTION, actor=actor,
                reference=f"difference {row.pk}")
    ])  # fmt: skip
