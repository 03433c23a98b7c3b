"""Beginning, ending and repeating counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from inventory.locks import lock_count, lock_count_items, lock_count_session
from inventory.models import (
    CountItem,
    CountItemState,
    CountSession,
    CountSessionState,
    Sku,
    StockCount,
    StockCountKind,
    StockCountState,
)
from inventory.selectors.count_history import ACCEPTED
from inventory.selectors.count_plans import MOST_SKUS
from inventory.selectors.counts import unmatched_codes
from inventory.services.counting.deciding import refuse_unless_in_review
from inventory.states import COUNT_ITEM, COUNT_SESSION, STOCK_COUNT
from oms.core.clock import now
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.states import advance, advance_many
from oms.core.values import MAX_MINOR, MAX_QUANTITY


def plan_count(
    *, uid: UUID, node_id: int, kind: str, sku_ids: Sequence[int] = (), name: str = "", is_blind: bool = True,
    accept_units: int = 0, accept_value_minor: int = 0, due_on: date | None = None, reason: str = "", actor: str,
    recount_of_id: int | None = None,
) -> StockCount:  # fmt: skip
    """Begin a count at a node: directed to the SKUs, or free. `uid` names it: planning the same again gives it back.

    Variances within `accept_units` and `accept_value_minor` (at cost) are accepted by themselves at the review. Raises
    DomainError for a directed count without SKUs, or with more than MOST_SKUS.
    """
    chosen = list(dict.fromkeys(sku_ids)) if kind == StockCountKind.DIRECTED else []
    _refuse_bad_plan(kind, chosen, accept_units, accept_value_minor)

    def work() -> StockCount:
        found = StockCount.objects.filter(uid=uid).first()
        if found is not None:
            return found
        pk = fetch_all("SELECT nextval(pg_get_serial_sequence('inventory_stockcount', 'id'))")[0][0]
        skus = list(Sku.objects.filter(pk__in=chosen, is_kit=False).values_list("pk", flat=True))
        if kind == StockCountKind.DIRECTED and not skus:
            raise DomainError("Kits have no stock of their own: count their components.", field="skus")
        made = StockCount.objects.create(
            pk=pk, uid=uid, number=f"CNT-{pk:06d}", name=name[:120], node_id=node_id, kind=kind, is_blind=is_blind,
            accept_units=accept_units, accept_value_minor=accept_value_minor, due_on=due_on, reason=reason[:200],
            created_by=actor[:120], recount_of_id=recount_of_id,
        )  # fmt: skip
        known = set(skus)
        CountItem.objects.bulk_create(CountItem(count=made, sku_id=sku_id) for sku_id in chosen if sku_id in known)
        return made

    return run_atomic(work)


def _refuse_bad_plan(kind: str, sku_ids: Sequence[int], units: int, value_minor: int) -> None:
    if kind not in StockCountKind.values:
        raise DomainError(f"{kind!r} is no kind of a count: directed or free.", field="kind")
    if kind == StockCountKind.DIRECTED and not sku_ids:
        raise DomainError("No SKU was chosen: a directed count needs at least one.", field="skus")
    if len(sku_ids) > MOST_SKUS:
        raise DomainError(f"One count takes at most {MOST_SKUS} SKUs, not {len(sku_ids)}. Narrow it.", field="skus")
    if not 0 <= units <= MAX_QUANTITY:
        raise DomainError(f"{units} is not a number of units.", field="accept_units")
    if not 0 <= value_minor <= MAX_MINOR:
        raise DomainError(f"{value_minor} is not an amount.", field="accept_value_minor")


def recount_items(
    *, count_uid: UUID, item_ids: Sequence[int] | None = None, uid: UUID, actor: str, note: str = ""
) -> StockCount:
    """Reject items of a count in review, counted or not, and begin a directed count of their SKUs.

    All that are still to be decided or were not counted where no ids are given. Nothing is posted for them. `uid` names
    the new count: asking twice begins one.
    """

    def work() -> StockCount:
        count = lock_count(count_uid)
        done = StockCount.objects.filter(uid=uid).first()
        if done is not None:
            return done
        refuse_unless_in_review(count)
        items = [item for item in lock_count_items(count.pk, item_ids) if COUNT_ITEM.allows(item.state, "rejected")]
        if not items:
            raise Conflict(f"Nothing of {count.number} is left to be counted again.")
        reject(items, actor=actor, note=note or "To be counted again")
        return plan_count(
            uid=uid, node_id=count.node_id, kind=StockCountKind.DIRECTED, sku_ids=[item.sku_id for item in items],
            name=f"Again: {count.name or count.number}", is_blind=count.is_blind, accept_units=count.accept_units,
            accept_value_minor=count.accept_value_minor, reason=f"Recount of {count.number}", actor=actor,
            recount_of_id=count.pk,
        )  # fmt: skip

    return run_atomic(work)


def reject_items(*, count_uid: UUID, item_ids: Sequence[int] | None = None, actor: str, note: str = "") -> int:
    """Post nothing for these items of a count in review (all that were counted, without ids); how many were rejected.

    Rejecting again changes nothing. What was accepted stays accepted.
    """

    def work() -> int:
        count = lock_count(count_uid)
        refuse_unless_in_review(count)
        wanted = lock_count_items(count.pk, item_ids)
        items = [
            item for item in wanted
            if item.state == CountItemState.COUNTED or item_ids is not None and item.state == CountItemState.TO_COUNT
        ]  # fmt: skip
        reject(items, actor=actor, note=note)
        return len(items)

    return run_atomic(work)


def reject(items: Sequence[CountItem], *, actor: str, note: str) -> None:
    """Items that are locked become rejected."""
    advance_many(
        CountItem, [item.pk for item in items], CountItemState.REJECTED, using=COUNT_ITEM, actor=actor, reason=note,
        decided_by=actor[:120], decided_at=now(), note=note[:200],
    )  # fmt: skip


def finish_count(*, count_uid: UUID, actor: str) -> StockCount:
    """Close a count whose variances are decided. SKUs that nobody counted stay so: their stock is left as it is.

    Closing again changes nothing. Raises Conflict where a variance or an unknown code is still open.
    """

    def work() -> StockCount:
        count = lock_count(count_uid)
        if count.state == StockCountState.CLOSED:
            return count
        refuse_unless_in_review(count)
        open_items = CountItem.objects.filter(count=count, state=CountItemState.COUNTED).count()
        if open_items:
            raise Conflict(f"{count.number}: {open_items} variances are to be accepted or rejected first.")
        codes = [row.code for row in unmatched_codes(count.pk)]
        if codes:
            shown = ", ".join(codes[:5])
            raise Conflict(f"{count.number}: match or set aside the unknown codes first: {shown}.")
        advance(count, StockCountState.CLOSED, using=STOCK_COUNT, actor=actor, closed_at=now(), closed_by=actor[:120])
        return count

    return run_atomic(work)


def cancel_count(*, count_uid: UUID, actor: str, reason: str = "") -> StockCount:
    """Give a count up: its sessions end, nothing is posted. Raises Conflict once a variance was accepted."""

    def work() -> StockCount:
        count = lock_count(count_uid)
        if count.state == StockCountState.CANCELLED:
            return count
        if CountItem.objects.filter(count=count, state__in=ACCEPTED).exclude(posted_quantity=0).exists():
            raise Conflict(f"Variances of {count.number} were posted already: reject the others and close it.")
        for uid in CountSession.objects.filter(count=count).order_by("pk").values_list("uid", flat=True):
            session = lock_count_session(uid)
            if session.state != CountSessionState.DISCARDED:
                advance(session, CountSessionState.DISCARDED, using=COUNT_SESSION, actor=actor, ended_at=now())
        advance(count, StockCountState.CANCELLED, using=STOCK_COUNT, actor=actor, reason=reason[:200],
                closed_at=now(), closed_by=actor[:120])  # fmt: skip
        return count

    return run_atomic(work)
