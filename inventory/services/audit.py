"""The auditor: recomputes balances from the ledger and compares. It reports, it never repairs."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

from inventory.models import StockAudit, StockLevel
from oms.core.db import fetch_dicts, run_atomic

logger = logging.getLogger(__name__)

BALANCES_SQL = """
WITH posted AS (
    SELECT sku_id, node_id, from_bucket AS bucket, -quantity AS quantity FROM inventory_stockmovement
    UNION ALL
    SELECT sku_id, node_id, to_bucket, quantity FROM inventory_stockmovement
),
summed AS (
    SELECT sku_id, node_id, bucket, sum(quantity) AS total FROM posted
    WHERE bucket IN ('on_hand', 'reserved', 'packed', 'damaged', 'quarantine', 'inbound')
    GROUP BY 1, 2, 3
),
held AS (
    SELECT l.sku_id, l.node_id, b.bucket, b.balance FROM inventory_stocklevel l
    CROSS JOIN LATERAL (VALUES ('on_hand', l.on_hand), ('reserved', l.reserved), ('packed', l.packed),
        ('damaged', l.damaged), ('quarantine', l.quarantine), ('inbound', l.inbound)) AS b(bucket, balance)
)
SELECT sku_id, node_id, bucket AS what, coalesce(h.balance, 0) AS stored, coalesce(s.total, 0)::int AS computed
FROM held h FULL JOIN summed s USING (sku_id, node_id, bucket)
WHERE coalesce(h.balance, 0) <> coalesce(s.total, 0)
"""

RESERVED_SQL = """
WITH claimed AS (
    SELECT sku_id, node_id, sum(open_quantity) AS total FROM inventory_reservation WHERE open_quantity > 0 GROUP BY 1, 2
)
SELECT sku_id, node_id, 'open reservations' AS what, coalesce(l.reserved, 0) AS stored,
    coalesce(c.total, 0)::int AS computed
FROM inventory_stocklevel l FULL JOIN claimed c USING (sku_id, node_id)
WHERE coalesce(l.reserved, 0) <> coalesce(c.total, 0)
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored number that is not what the rows below it add up to."""

    sku_id: int
    node_id: int
    what: str
    stored: int
    computed: int


#: Differences that are kept with an audit, and audits that are kept.
MOST_KEPT = 500
AUDITS_KEPT = 200


def audit_stock() -> list[Difference]:
    """Every stock level whose balances differ from the ledger, or whose reserved units from open reservations.

    What was found is kept as a StockAudit, so that screens need not add up the ledger themselves.
    """
    found = find_differences()
    for difference in found:
        logger.error("stock differs: %s", difference)
    run_atomic(lambda: _keep(found))
    return found


def find_differences() -> list[Difference]:
    """The same, without keeping anything."""
    return [Difference(**row) for row in (*fetch_dicts(BALANCES_SQL), *fetch_dicts(RESERVED_SQL))]


def _keep(found: list[Difference]) -> None:
    audit = StockAudit.objects.create(
        levels=StockLevel.objects.count(), differences=len(found), found=[asdict(row) for row in found[:MOST_KEPT]]
    )
    StockAudit.objects.filter(pk__lte=audit.pk - AUDITS_KEPT).delete()
