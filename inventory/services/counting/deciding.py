"""Accepting variances: each posted once, with the right person's word where it is large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction

from inventory.errors import NotEnoughStock
from inventory.locks import lock_count, lock_count_items
from inventory.models import (
    Bucket,
    CountItem,
    CountItemState,
    CountScan,
    CountSessionState,
    Reservation,
    StockCount,
    StockCountState,
    StockLevel,
)
from inventory.selectors.count_history import Limit, limit_at
from inventory.selectors.count_tally import counted_units
from inventory.selectors.shelf import CarriedSince
from inventory.services.counting.measuring import Measured, measure
from inventory.services.counting.tracked import postings_of
from inventory.services.posting import Posting, post
from inventory.services.stock import announce
from inventory.states import COUNT_ITEM
from oms.core.clock import now
from oms.core.db import execute, run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.states import advance_many

#: Orders that a refusal names.
NAMED_ORDERS = 10


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides. Above the limit it must be somebody who `may_approve` and did not count it."""

    key: str
    name: str
    may_approve: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an item was not accepted. `orders` are those whose units a shortage would take away."""

    item_id: int
    sku_code: str
    text: str
    code: str = "refused"
    orders: tuple[str, ...] = ()


@dataclass(slots=True)
class Decision:
    """What became of the items that were to be accepted."""

    accepted: list[CountItem] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    @property
    def units(self) -> int:
        """Units that were posted, found less lost."""
        return sum(item.posted_quantity for item in self.accepted)


def refuse_unless_in_review(count: StockCount) -> None:
    """Raises Conflict where the variances of a count are not being decided."""
    if count.state != StockCountState.REVIEW:
        raise Conflict(f"{count.number} is {count.get_state_display().lower()}: its variances cannot be decided now.")


def accept_items(
    *, count_uid: UUID, reviewer: Reviewer, carried_since: CarriedSince, item_ids: Sequence[int] | None = None,
    note: str = "",
) -> Decision:  # fmt: skip
    """Accept items of a count in review (all that wait, without ids): the variance of each is posted once.

    Not the count but the variance is posted: what was sold or came since the count stays as it is. An item is refused,
    and the others still accepted, where it needs another person, where on hand would fall below what is reserved, and
    where what should have been there is known better than when it was shown: it then stands there anew.
    """

    def work() -> Decision:
        count = lock_count(count_uid)
        refuse_unless_in_review(count)
        items = [row for row in lock_count_items(count.pk, item_ids) if row.state == CountItemState.COUNTED]
        measured = measure(count, items, carried_since)
        decision = Decision()
        fitting = _fitting(count, measured, reviewer, decision)
        accept_measured(count, fitting, decision, to=CountItemState.ACCEPTED, actor=reviewer.name, note=note)
        return decision

    return run_atomic(work)


def _fitting(
    count: StockCount, measured: Sequence[Measured], reviewer: Reviewer, decision: Decision
) -> list[CountItem]:
    limit = limit_at(count.node)
    counters = _counters(count, [row.item.sku_id for row in measured])
    fitting = []
    for row in measured:
        text = _moved(row) or _above(row.item, limit, reviewer, counters.get(row.item.sku_id, set()))
        if text:
            code = "changed" if row.has_moved else "needs_approval"
            decision.refused.append(Refusal(row.item.pk, row.item.sku.code, text, code))
        else:
            fitting.append(row.item)
    return fitting


def _moved(row: Measured) -> str:
    item = row.item
    if not row.has_moved:
        return ""
    return (
        f"{item.sku.code}: more is known about that moment now. {item.expected_quantity} should have been there, not "
        f"{row.expected_before}. Look at it again."
    )


def _above(item: CountItem, limit: Limit, reviewer: Reviewer, counters: set[str]) -> str:
    variance = item.variance or 0
    if not limit.is_exceeded(variance, variance * item.sku.cost_minor):
        return ""
    what = f"{item.sku.code}: {variance:+d} is above the limit here"
    if not reviewer.may_approve:
        return f"{what}. Somebody who approves has to accept it."
    if reviewer.key in counters:
        return f"{what}, and you counted it. Another person has to accept it."
    return ""


def _counters(count: StockCount, sku_ids: Sequence[int]) -> dict[int, set[str]]:
    """Who scanned each SKU, by key."""
    rows = CountScan.objects.filter(
        session__count=count, session__state=CountSessionState.SUBMITTED, sku__in=sku_ids, is_undone=False
    )
    found: dict[int, set[str]] = {}
    for sku_id, key in rows.values_list("sku_id", "session__person_key").distinct():
        if sku_id is not None:
            found.setdefault(sku_id, set()).add(key)
    return found


def accept_measured(
    count: StockCount, items: Sequence[CountItem], decision: Decision, *, to: CountItemState, actor: str, note: str = ""
) -> None:
    """Post the variances of items that are locked and measured, and settle them; what is refused goes to `decision`."""
    tracked = counted_units(count.pk, [item.sku_id for item in items if item.sku.tracking != "none"])
    drafts: list[tuple[CountItem, list[Posting]]] = []
    for item in items:
        try:
            with transaction.atomic():
                units = tracked.get(item.sku_id, {})
                drafts.append((item, postings_of(count, item, units, actor=actor, note=note)))
        except DomainError as error:
            decision.refused.append(Refusal(item.pk, item.sku.code, error.message, error.code))
    done = _post_what_fits(count, drafts, decision)
    if not done:
        return
    posted = {item.pk: sum(_sign(posting) * posting.quantity for posting in rows) for item, rows in done}
    execute(
        "UPDATE inventory_countitem i SET posted_quantity = p.units FROM unnest(%s::bigint[], %s::int[]) "
        "AS p(id, units) WHERE i.id = p.id",
        [list(posted), list(posted.values())],
    )
    advance_many(CountItem, list(posted), to, using=COUNT_ITEM, actor=actor, reason=note, decided_by=actor[:120],
                 decided_at=now(), note=note[:200])  # fmt: skip
    for item, _ in done:
        item.state, item.posted_quantity = to, posted[item.pk]
        decision.accepted.append(item)
    announce([item.sku_id for item, _ in done if item.posted_quantity > 0], reason="count", grew_at=count.node_id)
    announce([item.sku_id for item, _ in done if item.posted_quantity < 0], reason="count")


def _sign(posting: Posting) -> int:
    return 1 if posting.to_bucket == Bucket.ON_HAND else -1


def _post_what_fits(
    count: StockCount, drafts: Sequence[tuple[CountItem, list[Posting]]], decision: Decision
) -> list[tuple[CountItem, list[Posting]]]:
    """All in one statement; where that is refused, one item after another, so that one does not stop the others."""
    try:
        post([posting for _, postings in drafts for posting in postings])
    except DomainError:
        done = []
        for item, postings in drafts:
            try:
                post(postings)
            except DomainError as error:
                decision.refused.append(_refusal(count, item, error))
            else:
                done.append((item, postings))
        return done
    return list(drafts)


def _refusal(count: StockCount, item: CountItem, error: DomainError) -> Refusal:
    level = StockLevel.objects.filter(sku=item.sku_id, node=count.node_id).first()
    left = (level.on_hand if level else 0) + (item.variance or 0)
    if not isinstance(error, NotEnoughStock) or level is None or left >= level.reserved:
        return Refusal(item.pk, item.sku.code, f"{item.sku.code}: {error.message}", error.code)
    orders = orders_holding(item.sku_id, count.node_id)
    more = " and others" if len(orders) > NAMED_ORDERS else ""
    text = (
        f"{item.sku.code}: on hand would become {left}, but {level.reserved} units are reserved for "
        f"{', '.join(orders[:NAMED_ORDERS])}{more}. Reroute or cancel those orders first."
    )
    return Refusal(item.pk, item.sku.code, text, error.code, tuple(orders[:NAMED_ORDERS]))


def orders_holding(sku_id: int, node_id: int) -> list[str]:
    """References of the open reservations of a SKU at a node, the newest first; one more than a refusal names."""
    rows = Reservation.objects.filter(sku_id=sku_id, node_id=node_id, open_quantity__gt=0).order_by("-pk")
    return list(dict.fromkeys(rows.values_list("reference", flat=True)[: NAMED_ORDERS + 1]))
