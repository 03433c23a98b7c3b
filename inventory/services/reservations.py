"""Reservations: claimed, released and consumed, each with its posting, many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from inventory.errors import NotEnoughStock
from inventory.locks import lock_open_reservations
from inventory.models import Bucket, Reservation, ReservationState, StockMovementReason
from inventory.services.claims_sql import FREE_DUE_HOLDS, POST_FREED_AND_GRANTED, POST_GRANTED, fit
from inventory.services.posting import Posting, post
from oms.core.db import execute, fetch_all, run_atomic
from oms.core.json_text import to_json


class Claim(NamedTuple):
    """`quantity` units of a SKU at a node for one order line. `uid` is the reservation's own id, made beforehand."""

    uid: UUID
    line_uid: UUID
    order_id: int
    reference: str
    sku_id: int
    node_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Release:
    """Give back `quantity` units of the open reservation of a line at a node."""

    line_uid: UUID
    node_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Consume:
    """The reserved units went into a parcel. `op_key` names the packing."""

    line_uid: UUID
    node_id: int
    quantity: int
    op_key: str


_RESERVED = """
reserved AS (
    INSERT INTO inventory_reservation
        (uid, line_uid, order_id, reference, sku_id, node_id, state, quantity, open_quantity)
    SELECT uid, line_uid, order_id, reference, sku_id, node_id, 'hard', quantity, quantity FROM granted
)
"""

#: Common table expressions that reserve. They stand after the caller's `claim` (uid, line_uid, order_id, reference,
#: sku_id, node_id, quantity, ord) and take the parameter `actor`: lock the levels in key order, add up the claims per
#: level in the order they came, refuse whole orders that do not fit (`refused`: order_id), write the rest (`granted`,
#: as `claim`). The ledger's trigger then raises `reserved`, and its CHECK is the backstop.
RESERVE_CLAIMS = f"{fit()}, {_RESERVED}, posted AS ({POST_GRANTED})"

#: The same where holds of checkouts that are over still keep units of what is claimed: they end first.
RESERVE_CLAIMS_FREEING = f"{FREE_DUE_HOLDS} {fit(freeing=True)}, {_RESERVED}, posted AS ({POST_FREED_AND_GRANTED})"

#: The claims of `claims_json`, the parameter `claims`, to select `claim` from.
CLAIM_ROWS = """ROWS FROM (json_to_recordset(%(claims)s::json) AS (uid uuid, line_uid uuid, order_id bigint,
        reference text, sku_id bigint, node_id bigint, quantity int)
    ) WITH ORDINALITY AS c(uid, line_uid, order_id, reference, sku_id, node_id, quantity, ord)"""

_RESERVE = f"""
WITH claim AS MATERIALIZED (SELECT * FROM {CLAIM_ROWS}), {RESERVE_CLAIMS} SELECT order_id FROM refused
"""  # noqa: S608 - only statements of this module are put in


def claims_json(claims: Sequence[Claim]) -> str:
    """The claims as the JSON that `CLAIM_ROWS` reads; they compete in this order."""
    return to_json([
        {"uid": c.uid, "line_uid": c.line_uid, "order_id": c.order_id, "reference": c.reference,
         "sku_id": c.sku_id, "node_id": c.node_id, "quantity": c.quantity}
        for c in claims
    ])  # fmt: skip


def reserve(claims: Sequence[Claim], *, actor: str) -> set[int]:
    """Reserve for whole orders: every claim of an order or none. Returns the ids of the orders that did not fit.

    Claims compete in the order they are given. Must run in the transaction that records why.
    """
    if not claims:
        return set()
    return {row[0] for row in fetch_all(_RESERVE, {"claims": claims_json(claims), "actor": actor})}


_TAKE = """
UPDATE inventory_reservation r SET
    open_quantity = r.open_quantity - t.quantity,
    consumed_quantity = r.consumed_quantity + CASE WHEN %s = 'consumed' THEN t.quantity ELSE 0 END,
    released_quantity = r.released_quantity + CASE WHEN %s = 'consumed' THEN 0 ELSE t.quantity END,
    state = CASE WHEN r.open_quantity > t.quantity THEN r.state ELSE %s END,
    closed_at = CASE WHEN r.open_quantity > t.quantity THEN NULL ELSE now() END
FROM unnest(%s::bigint[], %s::int[]) AS t(id, quantity)
WHERE r.id = t.id AND r.open_quantity >= t.quantity
RETURNING r.id
"""


def release_reservations(*, requests: Sequence[Release], actor: str, reason: str = "") -> int:
    """Give units back to ATP; the number of units released. What is no longer open is left alone."""

    def work() -> int:
        taken = _take(((r.line_uid, r.node_id, r.quantity) for r in requests), ReservationState.RELEASED, strict=False)
        post([
            Posting(
                op_key=f"release/{row.uid}/{row.released_quantity + quantity}", sku_id=row.sku_id, node_id=row.node_id,
                from_bucket=Bucket.RESERVED, to_bucket=Bucket.DEMAND, quantity=quantity,
                reason=StockMovementReason.RELEASE, reference=row.reference, note=reason[:200], actor=actor,
            )
            for row, quantity in taken
        ])  # fmt: skip
        return sum(quantity for _, quantity in taken)

    return run_atomic(work)


def consume_reservations(*, requests: Sequence[Consume], actor: str) -> None:
    """Reserved units go into parcels: on hand to packed, and the claim on them ends.

    Raises NotEnoughStock when a line no longer has so many units reserved there.
    """
    keys = {(r.line_uid, r.node_id): r.op_key for r in requests}

    def work() -> None:
        taken = _take(((r.line_uid, r.node_id, r.quantity) for r in requests), ReservationState.CONSUMED, strict=True)
        postings: list[Posting] = []
        for row, quantity in taken:
            op_key = f"{keys[row.line_uid, row.node_id]}/{row.pk}"
            for leg, (source, target) in enumerate(
                ((Bucket.RESERVED, Bucket.DEMAND), (Bucket.ON_HAND, Bucket.PACKED)), start=1
            ):
                postings.append(
                    Posting(
                        op_key=op_key,
                        leg=leg,
                        sku_id=row.sku_id,
                        node_id=row.node_id,
                        from_bucket=source,
                        to_bucket=target,
                        quantity=quantity,
                        reason=StockMovementReason.PACK,
                        reference=row.reference,
                        actor=actor,
                    )  # fmt: skip
                )
        post(postings)

    run_atomic(work)


def _take(
    wanted: Iterable[tuple[UUID, int, int]], state: ReservationState, *, strict: bool
) -> list[tuple[Reservation, int]]:
    """Take units out of open reservations, oldest first; each reservation as it was before, with the units taken.

    What is wanted of a line at a node several times (by several pieces of work) is added up first.
    """
    requests: Counter[tuple[UUID, int]] = Counter()
    for line_uid, node_id, quantity in wanted:
        if quantity > 0:
            requests[line_uid, node_id] += quantity
    locked = lock_open_reservations(requests)
    taken: list[tuple[Reservation, int]] = []
    for key, quantity in requests.items():
        rows = locked.get(key, [])
        there = sum(row.open_quantity for row in rows)
        if strict and there < quantity:
            raise NotEnoughStock(f"Only {there} of {quantity} units are still reserved for this line.")
        left = quantity
        for row in rows:
            share = min(row.open_quantity, left)
            if share:
                taken.append((row, share))
                left -= share
    if taken:
        execute(_TAKE, [state, state, state, [row.pk for row, _ in taken], [quantity for _, quantity in taken]])
    return taken
