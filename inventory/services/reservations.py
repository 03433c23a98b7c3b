"""Reservations: claimed, released and consumed, each with its posting, many at once."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from inventory.errors import NotEnoughStock
from inventory.locks import lock_levels, lock_open_reservations
from inventory.models import Bucket, Reservation, ReservationState, StockMovementReason
from inventory.services.claims_sql import FREE_DUE_HOLDS, POST_FREED_AND_GRANTED, POST_GRANTED, fit
from inventory.services.posting import Posting, post
from inventory.services.units import Units, Wanted, split_units
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
    """The reserved units went into a parcel. `op_key` names the packing.

    `units` are its lots and serial numbers, parcel by parcel, for a SKU that is kept by them; together `quantity`.
    """

    line_uid: UUID
    node_id: int
    quantity: int
    op_key: str
    units: tuple[Wanted, ...] = ()


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


def consume_reservations(
    *, requests: Sequence[Consume], actor: str, spoken_for: Callable[[], Mapping[tuple[int, int], int]] = dict
) -> list[list[list[Units]]]:
    """Reserved units go into parcels: on hand to packed, and the claim on them ends.

    The lots and serial numbers that went, for each of the `units` of each request; lots that were not named are those
    that expire first, without the units by (node id, lot id) that `spoken_for` says are in other hands, which is asked
    once the levels are locked. Raises NotEnoughStock when a line
    no longer has so many units reserved there, and what `split_units` raises. SKUs that are kept by quantity cost no
    statement for it.
    """
    keys = {(r.line_uid, r.node_id): r.op_key for r in requests}

    def work() -> list[list[list[Units]]]:
        taken = _take(((r.line_uid, r.node_id, r.quantity) for r in requests), ReservationState.CONSUMED, strict=True)
        chosen = _chosen(requests, taken, spoken_for)
        left = {key: deque(parts) for key, parts in _by_key(requests, chosen).items()}
        postings: list[Posting] = []
        for row, quantity in taken:
            key = row.line_uid, row.node_id
            parts = _next_units(left[key], quantity) if key in left else [Units(quantity)]
            moves = [(Bucket.RESERVED, Bucket.DEMAND, Units(quantity))]
            moves += [(Bucket.ON_HAND, Bucket.PACKED, part) for part in parts]
            for leg, (source, target, part) in enumerate(moves, start=1):
                postings.append(
                    Posting(
                        op_key=f"{keys[key]}/{row.pk}",
                        leg=leg,
                        sku_id=row.sku_id,
                        node_id=row.node_id,
                        from_bucket=source,
                        to_bucket=target,
                        quantity=part.quantity,
                        lot_id=part.lot_id,
                        serial_id=part.serial_id,
                        reason=StockMovementReason.PACK,
                        reference=row.reference,
                        actor=actor,
                    )  # fmt: skip
                )
        post(postings)
        return chosen

    return run_atomic(work)


def _chosen(
    requests: Sequence[Consume], taken: Sequence[tuple[Reservation, int]],
    spoken_for: Callable[[], Mapping[tuple[int, int], int]],
) -> list[list[list[Units]]]:  # fmt: skip
    """The units of each request, so that nobody else takes the same ones meanwhile.

    All levels of what is taken are locked first, in key order: the postings that follow lock those of the others too.
    """
    chosen: list[list[list[Units]]] = [[[] for _ in request.units] for request in requests]
    named = [
        (request.node_id, row, column, wanted)
        for row, request in enumerate(requests) for column, wanted in enumerate(request.units)
    ]  # fmt: skip
    if not named:
        return chosen
    lock_levels({(row.sku_id, row.node_id) for row, _ in taken})
    others = spoken_for()
    for node_id in sorted({item[0] for item in named}):
        here = [item for item in named if item[0] == node_id]
        split = split_units(
            [wanted for *_, wanted in here], node_id=node_id, bucket=Bucket.ON_HAND,
            spoken_for={lot_id: units for (place, lot_id), units in others.items() if place == node_id},
        )  # fmt: skip
        for (_, row, column, _), parts in zip(here, split, strict=True):
            chosen[row][column] = parts
    return chosen


def _by_key(requests: Sequence[Consume], chosen: list[list[list[Units]]]) -> dict[tuple[UUID, int], list[Units]]:
    """The units of each line at a node, parcels together: each lot once."""
    found: dict[tuple[UUID, int], Counter[tuple[int | None, int | None]]] = {}
    for request, parcels in zip(requests, chosen, strict=True):
        if request.units:
            units = found.setdefault((request.line_uid, request.node_id), Counter())
            for part in (part for parts in parcels for part in parts):
                units[part.lot_id, part.serial_id] += part.quantity
    return {
        key: [Units(quantity, lot_id, serial_id) for (lot_id, serial_id), quantity in units.items()]
        for key, units in found.items()
    }


def _next_units(left: deque[Units], quantity: int) -> list[Units]:
    """The next `quantity` units of what is left; fewer where fewer were named."""
    parts: list[Units] = []
    while quantity and left:
        part = left.popleft()
        if part.quantity > quantity:
            left.appendleft(Units(part.quantity - quantity, part.lot_id, part.serial_id))
            part = Units(quantity, part.lot_id, part.serial_id)
        parts.append(part)
        quantity -= part.quantity
    return parts


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
