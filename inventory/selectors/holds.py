"""What can be asked about holds of checkouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from inventory.models import Sku
from oms.core.db import fetch_all
from oms.core.json_text import from_json


class HeldLine(NamedTuple):
    """Units that a hold keeps, or kept, at a node; `kit` is the code of the kit that they are kept for."""

    sku: str
    node: str
    quantity: int
    kit: str


class HeldKit(NamedTuple):
    """Units of a kit that a hold was made for: their components are among its lines."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    """A hold as of this moment: it is "expired" once its time has passed, whatever is written in its row by then."""

    uid: UUID
    state: str
    channel_code: str
    reference: str
    expires_at: datetime
    seconds_left: int
    lines: tuple[HeldLine, ...]
    kits: tuple[HeldKit, ...]


_HOLD = """
SELECT h.uid, CASE WHEN h.state = 'held' AND h.expires_at <= statement_timestamp() THEN 'expired' ELSE h.state END,
    h.channel_code, h.reference, h.expires_at,
    CASE h.state WHEN 'held' THEN greatest(0, extract(epoch FROM h.expires_at - statement_timestamp())::int) ELSE 0 END,
    h.kits, s.code, n.code, r.quantity, coalesce(kit.code, '')
FROM inventory_stockhold h
JOIN inventory_reservation r ON r.hold_id = h.id
JOIN inventory_sku s ON s.id = r.sku_id
JOIN inventory_node n ON n.id = r.node_id
LEFT JOIN inventory_sku kit ON kit.id = (h.kits -> r.line_uid::text ->> 'sku_id')::bigint
WHERE h.uid = %s::uuid AND h.owner = %s
ORDER BY r.id
"""


def find_hold(uid: UUID, owner: str) -> HoldView | None:
    """The hold that this owner made; None where there is none."""
    rows = fetch_all(_HOLD, [uid, owner])
    if not rows:
        return None
    return HoldView(
        uid=rows[0][0], state=rows[0][1], channel_code=rows[0][2], reference=rows[0][3], expires_at=rows[0][4],
        seconds_left=rows[0][5], lines=tuple(HeldLine(*row[7:]) for row in rows), kits=_kits(rows[0][6]),
    )  # fmt: skip


def _kits(stored: str | Mapping[str, Mapping[str, int]]) -> tuple[HeldKit, ...]:
    kits = list((from_json(stored) if isinstance(stored, str) else stored).values())
    codes = dict(Sku.objects.filter(pk__in=[kit["sku_id"] for kit in kits]).values_list("pk", "code")) if kits else {}
    return tuple(HeldKit(codes[kit["sku_id"]], kit["quantity"]) for kit in kits)


class SoftUnits(NamedTuple):
    """Units that checkouts hold at a level: how many, until when the last of them; and those whose hold is over.

    The latter are still counted as reserved, until anybody claims them or the sweep comes by.
    """

    units: int
    until: datetime
    over: int

    @property
    def reserved(self) -> int:
        """All of them, as part of what the level has reserved."""
        return self.units + self.over


_SOFT = """
SELECT coalesce(sum(open_quantity) FILTER (WHERE expires_at > statement_timestamp()), 0)::int, max(expires_at),
    coalesce(sum(open_quantity) FILTER (WHERE expires_at <= statement_timestamp()), 0)::int
FROM inventory_reservation WHERE sku_id = %s AND node_id = %s AND state = 'soft' HAVING count(*) > 0
"""


def soft_units(sku_id: int, node_id: int) -> SoftUnits | None:
    """What checkouts hold of a SKU at a node; None where nothing is."""
    rows = fetch_all(_SOFT, [sku_id, node_id])
    return SoftUnits(*rows[0]) if rows else None
