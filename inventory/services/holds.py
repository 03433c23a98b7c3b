"""Units that a checkout keeps for a while: held, extended, confirmed into an order, given back, or over.

A hold ends at its `expires_at` by the database's clock, whether or not anybody runs. Each change of a hold is one
conditional update of its row, so that of confirming, releasing and expiring exactly one happens; whoever wants units
of a hold that is over ends it in passing (`claims_sql.FREE_DUE_HOLDS`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from inventory.errors import BadQuantity, HoldUsed, NotEnoughStock
from inventory.events import StockChanged
from inventory.models import Node, Sku, StockHold, StockHoldState
from inventory.services.hold_plan import Bound, HoldLine, Shortage, bind
from inventory.services.hold_refusals import own_hold, refusal_of, used_text
from inventory.services.holds_sql import EXPIRE, EXTEND, PLACE, PLACE_FREEING, READ, RELEASE
from inventory.services.reservations import Claim, claims_json
from oms.core.clock import now
from oms.core.db import bigints, fetch_all, run_statement
from oms.core.errors import DomainError, StillBusy
from oms.core.ids import uuid7
from oms.core.json_text import to_json
from oms.core.values import MAX_QUANTITY

MAX_LINES = 200
#: Rounds of reading and claiming for a hold that lost a race for stock.
MAX_ROUNDS = 6
#: Holds that the sweep ends in one statement.
SWEEP = 500


# -- make and extend ---------------------------------------------------------------------------------------------------


def hold_stock(
    *,
    uid: UUID,
    owner: str,
    lines: Sequence[HoldLine],
    seconds: int,
    actor: str,
    reference: str = "",
    channel_code: str = "",
    node_ids: Collection[int] | None = None,
) -> StockHold:
    """Keep the units for so many seconds by the database's clock, all lines or none.

    `uid` names the hold for ever: the same again gives the hold that there is. `owner` alone may use it later. Units
    are bound to as few active nodes as can be, those with the highest ATP first: out of `node_ids`, otherwise out of
    all that ship; a line that names its node is bound to that. All parts of one unit of a kit are kept at one node.
    Holds that are over give up their units here. Raises NotEnoughStock with `lines` (sku, node, wanted, possible, and
    the places of the lines, from 0), BadQuantity, DomainError for a time or a number of lines out of bounds,
    HoldUnknown for a `uid` of somebody else.
    """
    _refuse_impossible(lines, seconds)
    skus = _skus(lines)
    changed = StockChanged(sku_ids=skus, reason="held")
    params: dict[str, Any] = {
        "uid": uid, "owner": owner[:120], "reference": reference[:80], "channel": channel_code, "seconds": seconds,
        "actor": actor[:120], "stock_kind": changed.kind, "stock_aggregate": changed.aggregate,
        "stock_event": to_json(changed.payload()),
    }  # fmt: skip
    for _ in range(MAX_ROUNDS):
        around = _read(uid, lines, node_ids)
        if around.known:
            return own_hold(uid, owner)
        bound, short = bind(lines, around.stock, around.open_nodes)
        if short:
            raise _not_enough(short, len(lines))
        freeing = any((part.sku_id, part.node_id) in around.due for part in bound)
        uids = {index: uuid7() for index, line in enumerate(lines) if line.parts}
        kits = {str(uid): {"sku_id": lines[index].sku_id, "quantity": lines[index].quantity}
                for index, uid in uids.items()}  # fmt: skip
        claims = claims_json(_claims(bound, uids, reference or "checkout"))
        placed = _place(PLACE_FREEING if freeing else PLACE, params | {"claims": claims, "kits": to_json(kits)})
        if placed is not None:
            hold_id, expires_at, created_at = placed
            return StockHold(
                id=hold_id, uid=uid, owner=owner[:120], reference=reference[:80], channel_code=channel_code,
                state=StockHoldState.HELD, expires_at=expires_at, created_at=created_at, kits=kits,
            )  # fmt: skip
    raise StillBusy("Too many are buying the same at this moment, so nothing was held. Try again in a second.")


@dataclass(frozen=True, slots=True)
class _Around:
    """What a hold is bound from: ATP, keys at which holds are over, nodes that may be chosen, whether it is there."""

    stock: dict[tuple[int, int], int]
    due: frozenset[tuple[int, int]]
    open_nodes: tuple[int, ...]
    known: bool


def _read(uid: UUID, lines: Sequence[HoldLine], node_ids: Collection[int] | None) -> _Around:
    params = {
        "uid": uid, "skus": bigints(_skus(lines)),
        "nodes": None if node_ids is None else bigints(sorted(node_ids)),
        "named": bigints(sorted({line.node_id for line in lines if line.node_id is not None})),
    }  # fmt: skip
    rows = run_statement(lambda: fetch_all(READ, params))
    levels = [row for row in rows if row[0] is not None]
    return _Around(
        stock={(sku, node): atp for sku, node, atp, _, _ in levels},
        due=frozenset((sku, node) for sku, node, _, is_due, _ in levels if is_due),
        open_nodes=tuple(sorted({node for _, node, _, _, is_open in levels if is_open})),
        known=len(levels) < len(rows),
    )


def _skus(lines: Sequence[HoldLine]) -> list[int]:
    """The SKUs that have to be kept: of a kit its parts."""
    return sorted({sku_id for line in lines for sku_id, _ in line.needs})


def _claims(bound: Iterable[Bound], kit_uids: Mapping[int, UUID], reference: str) -> list[Claim]:
    # One number for all claims: they are granted together or not at all. Parts of a kit share a line.
    return [
        Claim(uuid7(), uuid7() if part.kit is None else kit_uids[part.kit], 0, reference, part.sku_id, part.node_id,
              part.quantity)
        for part in bound
    ]  # fmt: skip


def _place(statement: str, params: dict[str, Any]) -> tuple[int, datetime, datetime] | None:
    [(hold_id, expires_at, created_at, _)] = run_statement(lambda: fetch_all(statement, params))
    return None if hold_id is None else (hold_id, expires_at, created_at)


def _refuse_impossible(lines: Sequence[HoldLine], seconds: int) -> None:
    if not 1 <= len(lines) <= MAX_LINES:
        raise DomainError(f"A hold has 1 to {MAX_LINES} lines; {len(lines)} came.", field="lines")
    for line in lines:
        if not 1 <= line.quantity <= MAX_QUANTITY:
            raise BadQuantity(f"{line.quantity} is not a quantity; expected a whole number from 1.", field="quantity")
    _refuse_time(seconds)


def _refuse_time(seconds: int) -> None:
    most = settings.HOLD_MAX_SECONDS
    if not 1 <= seconds <= most:
        raise DomainError(f"{seconds} seconds is not a time to hold; expected 1 to {most}.", field="seconds")


def _not_enough(short: Sequence[Shortage], lines: int) -> NotEnoughStock:
    codes = dict(Sku.objects.filter(pk__in=[item.sku_id for item in short]).values_list("pk", "code"))
    nodes = dict(Node.objects.filter(pk__in=[item.node_id for item in short]).values_list("pk", "code"))
    rows = [
        {"sku": codes.get(item.sku_id, ""), "node": nodes.get(item.node_id or 0, ""), "wanted": item.wanted,
         "possible": item.possible, "lines": list(item.lines)}
        for item in short
    ]  # fmt: skip
    text = "; ".join(
        f"{item.possible} of {item.wanted} {row['sku']}"
        + (f" at {row['node']}" if row["node"] else "")
        + (f" ({_lines_text(item.lines)})" if lines > 1 else "")
        for item, row in list(zip(short, rows, strict=True))[:5]
    )
    return NotEnoughStock(f"Only these can be held, so nothing was: {text}.", field="lines", lines=rows)


def _lines_text(places: Sequence[int]) -> str:
    """The places of lines as people count them."""
    return f"{'line' if len(places) == 1 else 'lines'} {', '.join(str(place + 1) for place in places)}"


def extend_hold(*, uid: UUID, owner: str, seconds: int) -> datetime:
    """Let a hold last so many seconds from now, never shorter than it would; when it ends now.

    Raises HoldUnknown, HoldExpired, HoldReleased or HoldUsed where it is not held any more, and DomainError where it
    would last longer than OMS_HOLD_MAX_SECONDS since it was made.
    """
    _refuse_time(seconds)
    params = {"uid": uid, "owner": owner, "seconds": seconds, "most": settings.HOLD_MAX_SECONDS}
    rows = run_statement(lambda: fetch_all(EXTEND, params))
    if rows:
        ends: datetime = rows[0][0]
        return ends
    hold = own_hold(uid, owner)
    refusal = refusal_of(hold)
    if refusal is not None:
        raise refusal
    age = int((now() - hold.created_at).total_seconds())
    possible = max(0, settings.HOLD_MAX_SECONDS - age)
    raise DomainError(
        f"A hold lasts {settings.HOLD_MAX_SECONDS} seconds in all; this one can go on for {possible} more.",
        field="seconds", possible=possible,
    )  # fmt: skip


# -- end ---------------------------------------------------------------------------------------------------------------


def release_hold(*, uid: UUID, owner: str, actor: str) -> StockHold:
    """Give the units of a hold back to ATP. One that was given back, or is over, is left as it is.

    Raises HoldUnknown for one that the owner never made, HoldUsed for one that became an order.
    """
    run_statement(lambda: fetch_all(RELEASE, {"uid": uid, "owner": owner, "actor": actor[:120]}))
    hold = own_hold(uid, owner)
    if hold.state == StockHoldState.CONFIRMED:
        raise HoldUsed(used_text(hold), field="hold")
    return hold


def expire_due_holds(*, limit: int = 20 * SWEEP, actor: str = "schedule") -> int:
    """End at most `limit` holds that are over, a part at a time; how many. Several may do this at once."""
    ended = 0
    while ended < limit:
        most = min(SWEEP, limit - ended)
        count = len(run_statement(lambda: fetch_all(EXPIRE, {"limit": most, "actor": actor})))  # noqa: B023
        ended += count
        if count < most:
            break
    return ended
