"""What the sessions of a count found: scans added up by SKU, lot and serial number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inventory.models import CountSessionState
from oms.core.db import fetch_all, fetch_dicts

# Scans of a SKU (of a lot, where it has lots) in one session, in the order in which they were made. Those before the
# last one that stood for all there is count no more. Scans may arrive in any order, so the device's clock decides.
_TALLY = """
WITH scan AS (
    SELECT s.session_id, s.sku_id, s.lot, s.serial, s.quantity, s.scanned_at, s.is_total,
        row_number() OVER (PARTITION BY s.session_id, s.sku_id, s.lot ORDER BY s.scanned_at, s.id) AS step
    FROM inventory_countscan s JOIN inventory_countsession c ON c.id = s.session_id
    WHERE c.count_id = %(count)s AND c.state = ANY(%(states)s) AND s.sku_id IS NOT NULL AND NOT s.is_undone
        AND (%(session)s::bigint IS NULL OR c.id = %(session)s)
        AND (%(skus)s::bigint[] IS NULL OR s.sku_id = ANY(%(skus)s))
),
valid AS (
    SELECT *, max(step) FILTER (WHERE is_total) OVER (PARTITION BY session_id, sku_id, lot) AS from_step FROM scan
)
"""
_TALLY_BY_SKU = f"""{_TALLY}
SELECT sku_id, sum(quantity)::int AS quantity, min(scanned_at) AS first_at, max(scanned_at) AS last_at
FROM valid WHERE from_step IS NULL OR step >= from_step GROUP BY sku_id
"""  # noqa: S608 - only a statement of this module is put in
_TALLY_BY_UNIT = f"""{_TALLY}
SELECT sku_id, lot, serial, sum(quantity)::int FROM valid WHERE from_step IS NULL OR step >= from_step
GROUP BY sku_id, lot, serial ORDER BY sku_id, lot, serial
"""  # noqa: S608 - only a statement of this module is put in


@dataclass(frozen=True, slots=True)
class Tally:
    """What was found of a SKU, and between which moments."""

    sku_id: int
    quantity: int
    first_at: datetime
    last_at: datetime


def _tally_params(
    count_id: int, sku_ids: Sequence[int] | None, session_id: int | None, open_too: bool
) -> dict[str, Any]:
    states = [CountSessionState.SUBMITTED.value, *([CountSessionState.OPEN.value] if open_too else [])]
    return {"count": count_id, "states": states, "session": session_id,
            "skus": list(sku_ids) if sku_ids is not None else None}  # fmt: skip


def count_tally(
    count_id: int, *, sku_ids: Sequence[int] | None = None, session_id: int | None = None, open_too: bool = False
) -> dict[int, Tally]:
    """What the submitted sessions of a count found, by SKU; with `open_too` those that still go on as well."""
    rows = fetch_dicts(_TALLY_BY_SKU, _tally_params(count_id, sku_ids, session_id, open_too))
    return {row["sku_id"]: Tally(**row) for row in rows}


def counted_units(count_id: int, sku_ids: Sequence[int]) -> dict[int, dict[tuple[str, str], int]]:
    """The same by lot and serial number, as they were scanned: SKU -> (lot, serial) -> units."""
    found: dict[int, dict[tuple[str, str], int]] = {}
    for sku_id, lot, serial, quantity in fetch_all(_TALLY_BY_UNIT, _tally_params(count_id, sku_ids, None, False)):
        found.setdefault(sku_id, {})[lot, serial] = quantity
    return found
