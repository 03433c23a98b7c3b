"""A checkout became an order: what its hold kept is reserved for the order's lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from inventory.events import StockArrived
from inventory.models import Bucket, StockMovementReason
from inventory.services.hold_refusals import own_hold, refusal_of
from inventory.services.holds_sql import HARDEN, TAKE
from inventory.services.posting import Posting, post
from oms.core.db import bigints, fetch_all, run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.ids import uuid7
from oms.core.json_text import to_json
from oms.core.outbox import publish


@dataclass(frozen=True, slots=True)
class WantedUnits:
    """Units of an order line that want a node: its public id, its SKU, how many, and the kit it is a component of."""

    line_uid: UUID
    sku_id: int
    quantity: int
    kit_sku_id: int | None = None


class Adopted(NamedTuple):
    """Units of an order line that a hold gave it, reserved at a node."""

    line_uid: UUID
    sku_id: int
    node_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class ForOrder:
    """The order that a hold becomes, with the number by which people know it."""

    order_id: int
    reference: str
    lines: Sequence[WantedUnits]
    actor: str


def confirm_hold(*, uid: UUID, owner: str, order: ForOrder, channel_code: str = "") -> list[Adopted]:
    """Turn a hold into reservations of an order's lines, SKU by SKU; what each line got, and where.

    A hold is confirmed once, before its end by the database's clock. Units that the order does not want go back to ATP;
    what the hold does not cover is left to the caller. Raises HoldUnknown, HoldExpired, HoldReleased, HoldUsed, and
    DomainError where the hold keeps nothing that the order wants. Must run in the transaction that writes the order.
    """

    def work() -> list[Adopted]:
        params = {"uid": uid, "owner": owner, "order": order.order_id, "channel": channel_code}
        kept = [_Kept(*row) for row in fetch_all(TAKE, params)]
        if not kept:
            raise refusal_of(own_hold(uid, owner, channel_code)) or Conflict("Somebody else changes this hold.")
        pieces = _share(kept, order.lines)
        if not pieces:
            raise DomainError("The hold keeps nothing that this order wants.", field="hold")
        _harden(kept, pieces, order)
        _post_what_left(kept, pieces, order)
        by_id = {row.id: row for row in kept}
        return [
            Adopted(piece.line_uid, by_id[piece.id].sku_id, by_id[piece.id].node_id, piece.quantity) for piece in pieces
        ]

    return run_atomic(work)


class _Kept(NamedTuple):
    """A soft reservation of a hold."""

    id: int
    uid: UUID
    sku_id: int
    node_id: int
    quantity: int
    kit_sku_id: int | None


class _Piece(NamedTuple):
    """Units of a reservation that a line gets. The first of a reservation stays in its row and has no `uid`."""

    id: int
    uid: UUID | None
    line_uid: UUID
    quantity: int


def _share(kept: Sequence[_Kept], lines: Sequence[WantedUnits]) -> list[_Piece]:
    """Give the reservations to the lines.

    What was kept for a kit goes to lines of that kit first, node by node, so that components of one unit stay together;
    then what is left to whoever wants the SKU, oldest first, what was kept for no kit before the rest.
    """
    left = {row.id: row.quantity for row in kept}
    need = {line.line_uid: line.quantity for line in lines}
    pieces: list[_Piece] = []

    def give(line: WantedUnits, rows: Iterable[_Kept]) -> None:
        for row in rows:
            share = min(need[line.line_uid], left[row.id]) if row.sku_id == line.sku_id else 0
            if share:
                is_first = left[row.id] == row.quantity
                pieces.append(_Piece(row.id, None if is_first else uuid7(), line.line_uid, share))
                left[row.id] -= share
                need[line.line_uid] -= share

    by_node = sorted(kept, key=lambda row: (row.node_id, row.id))
    for line in lines:
        if line.kit_sku_id is not None:
            give(line, [row for row in by_node if row.kit_sku_id == line.kit_sku_id])
    rest = sorted(kept, key=lambda row: (row.kit_sku_id is not None, row.id))
    for line in lines:
        give(line, rest)
    return pieces


def _harden(kept: Sequence[_Kept], pieces: Sequence[_Piece], order: ForOrder) -> None:
    used = {piece.id for piece in pieces}
    unused = [row.id for row in kept if row.id not in used]
    params = {
        "pieces": to_json([piece._asdict() for piece in pieces]), "order": order.order_id,
        "reference": order.reference[:80], "left": bigints(unused),
    }  # fmt: skip
    [counts] = fetch_all(HARDEN, params)
    if counts != (len(used), len(unused)):
        raise Conflict("The hold was changed by someone else a moment ago.")


def _post_what_left(kept: Sequence[_Kept], pieces: Sequence[_Piece], order: ForOrder) -> None:
    """What left the rows of the hold went to rows of other lines, or back to ATP."""
    postings: list[Posting] = []
    grown: dict[int, set[int]] = defaultdict(set)
    for row in kept:
        mine = [piece for piece in pieces if piece.id == row.id]
        gone = row.quantity - sum(piece.quantity for piece in mine if piece.uid is None)
        if gone:
            postings.append(_released(row, gone, order))
        if row.quantity > sum(piece.quantity for piece in mine):
            grown[row.node_id].add(row.sku_id)
        postings += [_reserved(row, piece, order) for piece in mine if piece.uid is not None]
    post(postings)
    publish([StockArrived(sku_ids=sorted(skus), node_id=node_id) for node_id, skus in sorted(grown.items())])


def _released(row: _Kept, quantity: int, order: ForOrder) -> Posting:
    return Posting(
        op_key=f"release/{row.uid}/{quantity}", sku_id=row.sku_id, node_id=row.node_id, from_bucket=Bucket.RESERVED,
        to_bucket=Bucket.DEMAND, quantity=quantity, reason=StockMovementReason.RELEASE, reference=order.reference[:80],
        note="Left over when the hold became an order", actor=order.actor[:120],
    )  # fmt: skip


def _reserved(row: _Kept, piece: _Piece, order: ForOrder) -> Posting:
    return Posting(
        op_key=f"reserve/{piece.uid}", sku_id=row.sku_id, node_id=row.node_id, from_bucket=Bucket.DEMAND,
        to_bucket=Bucket.RESERVED, quantity=piece.quantity, reason=StockMovementReason.RESERVE,
        reference=order.reference[:80], actor=order.actor[:120],
    )  # fmt: skip
