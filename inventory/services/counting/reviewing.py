"""From counting to review: expected against counted, what needs no person, and codes that nobody knew."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from inventory.locks import lock_count, lock_count_items
from inventory.models import (
    Barcode,
    CountItem,
    CountItemState,
    CountScan,
    CountSession,
    CountSessionState,
    Sku,
    StockCount,
    StockCountKind,
    StockCountState,
    Tracking,
)
from inventory.selectors.count_history import limit_at
from inventory.selectors.count_tally import count_tally, counted_units
from inventory.selectors.counts import unmatched_scans
from inventory.selectors.shelf import CarriedSince
from inventory.services.counting.deciding import Decision, accept_measured, refuse_unless_in_review
from inventory.services.counting.measuring import measure
from inventory.services.counting.tracked import Units, changes_of
from inventory.states import COUNT_ITEM, STOCK_COUNT
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.states import advance, advance_many

#: Who accepted what was within the thresholds of its count.
BY_ITSELF = "Within the threshold"


def close_counting(*, count_uid: UUID, actor: str, carried_since: CarriedSince) -> StockCount:
    """End the counting: every SKU that was found is compared with what should have lain there when it was counted.

    What is within the thresholds of the count, and within the limit of the node, is accepted at once; the rest waits
    for a person. Variances of SKUs that a directed count did not ask for always wait: nobody looked for all of them.
    Doing it again changes nothing. Raises Conflict while somebody still counts, or where nothing was counted.
    """

    def work() -> StockCount:
        count = lock_count(count_uid)
        if count.state == StockCountState.REVIEW:
            return count
        _refuse_unfinished(count)
        items = _with_undirected(count)
        measured = [row.item for row in measure(count, items, carried_since)]
        advance(count, StockCountState.REVIEW, using=STOCK_COUNT, actor=actor)
        to_count = [item.pk for item in measured if item.state == CountItemState.TO_COUNT]
        advance_many(CountItem, to_count, CountItemState.COUNTED, using=COUNT_ITEM, actor=actor)
        units = counted_units(count.pk, [item.sku_id for item in measured if item.sku.tracking != Tracking.NONE])
        small = [item for item in measured if _is_small(count, item, units.get(item.sku_id, {}))]
        accept_measured(count, _within_limit(count, small), Decision(), to=CountItemState.AUTO_ACCEPTED,
                        actor=BY_ITSELF)  # fmt: skip
        return count

    return run_atomic(work)


def _refuse_unfinished(count: StockCount) -> None:
    if count.state != StockCountState.OPEN:
        raise Conflict(f"{count.number} is {count.get_state_display().lower()}: there is nothing to review.")
    going = list(CountSession.objects.filter(count=count, state=CountSessionState.OPEN).order_by("pk"))
    if going:
        names = ", ".join(f"{row.person} in {row.area or 'the whole place'}" for row in going[:5])
        raise Conflict(f"{count.number} is still being counted: {names}. Submit or discard that first.")
    if not CountSession.objects.filter(count=count, state=CountSessionState.SUBMITTED).exists():
        raise Conflict(f"Nothing of {count.number} was counted yet.")


def _with_undirected(count: StockCount) -> list[CountItem]:
    """The items of the count, with one more for each SKU that was found and not asked for."""
    known = set(CountItem.objects.filter(count=count).values_list("sku_id", flat=True))
    others = [sku_id for sku_id in sorted(count_tally(count.pk)) if sku_id not in known]
    CountItem.objects.bulk_create(CountItem(count=count, sku_id=sku_id, is_directed=False) for sku_id in others)
    return lock_count_items(count.pk)


def _is_small(count: StockCount, item: CountItem, units: Units) -> bool:
    variance = abs(item.variance or 0)
    if item.sku.tracking != Tracking.NONE:
        # One lot too many and another too few is a variance of both.
        try:
            variance = max(variance, sum(abs(change.units) for change in changes_of(count, item, units)))
        except Conflict:
            return False
    if variance and count.kind == StockCountKind.DIRECTED and not item.is_directed:
        return False
    return variance <= count.accept_units and variance * item.sku.cost_minor <= count.accept_value_minor


def _within_limit(count: StockCount, items: Sequence[CountItem]) -> list[CountItem]:
    limit = limit_at(count.node)
    return [
        item for item in items
        if not limit.is_exceeded(item.variance or 0, (item.variance or 0) * item.sku.cost_minor)
    ]  # fmt: skip


def count_as_none(
    *, count_uid: UUID, item_ids: Sequence[int], actor: str, carried_since: CarriedSince
) -> list[CountItem]:
    """SKUs that were asked for and nobody found count as none there, as of now; they then wait to be accepted."""

    def work() -> list[CountItem]:
        count = lock_count(count_uid)
        refuse_unless_in_review(count)
        items = [row for row in lock_count_items(count.pk, item_ids) if row.state == CountItemState.TO_COUNT]
        for item in items:
            item.counted_quantity, item.counted_at, item.expected_quantity = 0, now(), None
        done = [row.item for row in measure(count, items, carried_since)]
        advance_many(CountItem, [item.pk for item in done], CountItemState.COUNTED, using=COUNT_ITEM, actor=actor,
                     reason="Counted as none")  # fmt: skip
        return done

    return run_atomic(work)


def match_code(
    *, count_uid: UUID, code: str, sku_id: int, keep_barcode: bool, actor: str, carried_since: CarriedSince
) -> int:
    """Say what SKU an unknown code of a count is; its scans then count. The number of scans that were matched.

    With `keep_barcode` the code is a barcode of the SKU from now on, everywhere. Raises DomainError for a kit and for
    SKUs kept by lot or serial number, whose units must name theirs, and Conflict where the SKU is decided already.
    """

    def work() -> int:
        count = lock_count(count_uid)
        _refuse_ended(count)
        sku = Sku.objects.filter(pk=sku_id).first()
        if sku is None or sku.is_kit:
            raise DomainError("Choose a SKU that has stock of its own.", field="sku")
        if sku.tracking != Tracking.NONE:
            raise DomainError(
                f"{sku.code} is kept by {sku.get_tracking_display().lower().removeprefix('by ')}: set the code aside "
                "and count these units again with theirs.", field="sku",
            )  # fmt: skip
        if keep_barcode:
            _keep_barcode(sku, code)
        matched = unmatched_scans([count.pk]).filter(code=code)
        ids = list(matched.values_list("pk", flat=True))
        CountScan.objects.filter(pk__in=ids).update(sku=sku)
        if ids and count.state == StockCountState.REVIEW:
            _review_again(count, sku, actor, carried_since)
        return len(ids)

    return run_atomic(work)


def _refuse_ended(count: StockCount) -> None:
    if count.state not in (StockCountState.OPEN, StockCountState.REVIEW):
        raise Conflict(f"{count.number} is {count.get_state_display().lower()}: nothing in it can be changed.")


def _keep_barcode(sku: Sku, code: str) -> None:
    row, _ = Barcode.objects.get_or_create(code=code, defaults={"sku": sku})
    if row.sku_id != sku.pk:
        raise Conflict(f"{code} is a barcode of {row.sku.code} already.", field="code")


def _review_again(count: StockCount, sku: Sku, actor: str, carried_since: CarriedSince) -> None:
    """A SKU got more units after the counting had ended."""
    item, _ = CountItem.objects.get_or_create(count=count, sku=sku, defaults={"is_directed": False})
    [item] = lock_count_items(count.pk, [item.pk])
    if item.state not in (CountItemState.TO_COUNT, CountItemState.COUNTED):
        raise Conflict(f"{sku.code} was {item.get_state_display().lower()} in this count: count it again instead.")
    measure(count, [item], carried_since)
    if item.state == CountItemState.TO_COUNT:
        advance_many(CountItem, [item.pk], CountItemState.COUNTED, using=COUNT_ITEM, actor=actor)


def set_code_aside(*, count_uid: UUID, code: str, reason: str, actor: str) -> int:
    """Units with this unknown code count for nothing, and the reason why is kept; how many scans that were."""
    why = " ".join(reason.split())
    if not why:
        raise DomainError("Say why the code is set aside.", field="reason")

    def work() -> int:
        count = lock_count(count_uid)
        _refuse_ended(count)
        ids = list(unmatched_scans([count.pk]).filter(code=code).values_list("pk", flat=True))
        return CountScan.objects.filter(pk__in=ids).update(set_aside=f"{why} ({actor})"[:200])

    return run_atomic(work)
