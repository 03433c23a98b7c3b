"""From the inbox to orders: pending messages become captured orders, applied changes, or quarantine with a reason.

Messages are taken in batches with SKIP LOCKED and settled in the transaction of their effect, so that a crash leaves
either both or neither. New orders of a batch are captured in one call. A message about an order that we hold already
is carried out alone, in a transaction of its own, because it locks lines and stock.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction

from channels.locks import claim_messages
from channels.models import ChannelAccount, InboundMessage, InboundMessageState
from channels.services.apply import apply_message
from channels.services.listings import resolve_skus
from channels.services.reading import Reading, failure, read_message
from channels.services.rereading import read_order_again
from channels.services.sellable import refresh_sellable
from channels.services.settle import TRY_AGAIN_AFTER, Outcome, quarantine, settle, wait_for_order
from channels.services.telling_again import tell_again
from oms.core.clock import now
from oms.core.db import is_retryable, run_atomic
from oms.core.errors import DomainError
from orders.canonical import CanonicalOrder
from orders.models import Order
from orders.services import capture_orders

State = InboundMessageState

BATCH_SIZE = 100
#: The moment of an account's last order is no finer than this.
ORDER_NOTED_EVERY = timedelta(seconds=10)


@dataclass(slots=True)
class ProcessResult:
    """How many messages ended in each state, and the orders that came into being."""

    counts: Counter[str] = field(default_factory=Counter)
    order_ids: list[int] = field(default_factory=list)

    @property
    def settled(self) -> int:
        """Messages that need no further look."""
        return sum(count for state, count in self.counts.items() if state != State.PENDING)


@dataclass(slots=True)
class _Batch:
    messages: list[InboundMessage]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    #: Messages about orders we hold, to be carried out one by one.
    changes: list[int] = field(default_factory=list)
    #: SKUs of the lines captured: not reserved at any node yet.
    sold: set[int] = field(default_factory=set)
    #: What was sold as each account lists it: a kit there is its components above.
    listed: dict[ChannelAccount, set[int]] = field(default_factory=lambda: defaultdict(set))


@dataclass(slots=True)
class _New:
    """A message whose order we do not hold yet."""

    message: InboundMessage
    order: CanonicalOrder
    #: SKUs as the channel lists them; set with the SKUs of the lines.
    listed: frozenset[int] = frozenset()


def process_inbox(account_id: int | None = None, limit: int = 200) -> ProcessResult:
    """Process at most `limit` pending messages of one account, or of all.

    Any number of workers may do this at once. Raises errors of the database that may pass; whatever else goes wrong
    with a message quarantines that message.
    """
    return _process(account_id, None, limit)


def process_messages(ids: Sequence[int]) -> ProcessResult:
    """Process these messages, those of them that are pending."""
    return _process(None, list(ids), len(ids))


def _process(account_id: int | None, ids: list[int] | None, limit: int) -> ProcessResult:
    result = ProcessResult()
    started = now()
    done = 0
    while done < limit:
        most = min(BATCH_SIZE, limit - done)
        tried_before = started - TRY_AGAIN_AFTER if ids is None else started
        batch = run_atomic(lambda: _process_batch(account_id, ids, tried_before, most))  # noqa: B023 - runs at once
        if not batch.messages:
            break
        done += len(batch.messages)
        _count(result, batch)
        _carry_out(batch.changes, result)
    return result


def _count(result: ProcessResult, batch: _Batch) -> None:
    for outcome in batch.outcomes.values():
        result.counts[outcome.state] += 1
        if outcome.state == State.CAPTURED and outcome.order_id is not None:
            result.order_ids.append(outcome.order_id)


def _carry_out(message_ids: Iterable[int], result: ProcessResult) -> None:
    for message_id in message_ids:
        applied = apply_message(message_id)
        if applied.read_again:
            # The network is asked outside every transaction; the answer comes back as a message of its own.
            fresh = read_order_again(message_id)
            if fresh is not None:
                result.counts[State.UNCHANGED] += 1
                applied = apply_message(fresh)
        if applied.outcome is not None:
            result.counts[applied.outcome.state] += 1


def _process_batch(account_id: int | None, ids: list[int] | None, tried_before: datetime, most: int) -> _Batch:
    batch = _Batch(claim_messages(account_id=account_id, ids=ids, tried_before=tried_before, most=most))
    by_account = sorted(batch.messages, key=lambda message: (message.account_id, message.pk))
    for key, group in groupby(by_account, key=lambda message: message.account_id):
        account = ChannelAccount.objects.select_related("channel").get(pk=key)
        messages = list(group)
        _process_account(account, messages, batch)
        settle(messages, batch.outcomes, actor=account.channel.name)
    # Last, so that listings stay locked for as short as can be.
    refresh_sellable(batch.sold)
    for account, sku_ids in batch.listed.items():
        tell_again(account, sku_ids)
    return batch


def _process_account(account: ChannelAccount, messages: Sequence[InboundMessage], batch: _Batch) -> None:
    readings = {message.pk: read_message(account, message) for message in messages}
    held = _held_orders(account, messages, readings.values())
    fresh: dict[str, list[_New]] = defaultdict(list)
    for message in messages:
        reading = readings[message.pk]
        if reading.issues:
            batch.outcomes[message.pk] = quarantine(reading)
            continue
        external_id = reading.order.external_id if reading.order else message.external_id
        if external_id in held:
            _about_held(held[external_id], message, reading, batch)
        elif reading.order is None:
            batch.outcomes[message.pk] = wait_for_order(message)
        else:
            fresh[external_id].append(_New(message, reading.order))
    _capture(account, fresh, batch)


def _held_orders(
    account: ChannelAccount, messages: Sequence[InboundMessage], readings: Iterable[Reading]
) -> dict[str, Order]:
    ids = {message.external_id for message in messages}
    ids |= {reading.order.external_id for reading in readings if reading.order}
    rows = Order.objects.filter(channel=account.channel, external_id__in=ids).only("external_id", "external_updated_at")
    return {order.external_id: order for order in rows}


def _about_held(order: Order, message: InboundMessage, reading: Reading, batch: _Batch) -> None:
    said = reading.order.external_updated_at if reading.order else None
    if said is not None and order.external_updated_at is not None and said < order.external_updated_at:
        # The version of an order only grows, so what is stale without a lock is stale with one.
        batch.outcomes[message.pk] = Outcome(State.UNCHANGED, order.pk)
    else:
        batch.changes.append(message.pk)


# -- new orders -------------------------------------------------------------------------------------------------------


def _capture(account: ChannelAccount, fresh: dict[str, list[_New]], batch: _Batch) -> None:
    """Capture the newest version of each new order; older versions of it in the same batch say nothing new.

    Where the newest is refused the older ones stay pending: the next batch sees them without it.
    """
    versions = [new for group in fresh.values() for new in sorted(group, key=_age)]
    ready: dict[str, list[_New]] = defaultdict(list)
    for new, resolved in zip(versions, resolve_skus(account, [new.order for new in versions]), strict=True):
        if resolved.issues:
            batch.outcomes[new.message.pk] = quarantine(Reading(issues=resolved.issues, cause=resolved.cause))
        else:
            ready[new.order.external_id].append(_New(new.message, resolved.order, resolved.listed))
    created = _capture_or_split(account, [group[-1] for group in ready.values()], batch)
    for group in ready.values():
        outcome = batch.outcomes.get(group[-1].message.pk)
        if outcome is not None and outcome.state == State.CAPTURED:
            for older in group[:-1]:
                batch.outcomes[older.message.pk] = Outcome(State.UNCHANGED, outcome.order_id)
    if created:
        _note_order(account)


def _note_order(account: ChannelAccount) -> None:
    """When orders came last, to some seconds: whoever writes it keeps the others who read this account's messages
    waiting until its transaction ends."""
    moment = now()
    if account.last_order_at is None or account.last_order_at < moment - ORDER_NOTED_EVERY:
        ChannelAccount.objects.filter(pk=account.pk).update(last_order_at=moment)


def _age(new: _New) -> tuple[bool, object, int]:
    """Order of versions: those without a time first, then by time, then by arrival."""
    said = new.order.external_updated_at
    return (said is not None, said or new.order.placed_at, new.message.pk)


def _capture_or_split(account: ChannelAccount, ready: Sequence[_New], batch: _Batch) -> int:
    """Capture all in one call; where that fails, each half, until what fails stands alone. The number of new orders."""
    if not ready:
        return 0
    try:
        with transaction.atomic():
            captured = capture_orders(
                channel=account.channel, orders=[new.order for new in ready], actor=account.channel.name
            )
    except Exception as error:
        if is_retryable(error):
            raise
        if len(ready) == 1:
            batch.outcomes[ready[0].message.pk] = quarantine(_refusal(error))
            return 0
        middle = len(ready) // 2
        return _capture_or_split(account, ready[:middle], batch) + _capture_or_split(account, ready[middle:], batch)
    created = 0
    for new, row in zip(ready, captured, strict=True):
        if row.created:
            created += 1
            batch.sold.update(line.sku_id for line in new.order.lines if line.sku_id is not None)
            batch.listed[account].update(new.listed)
            batch.outcomes[new.message.pk] = Outcome(State.CAPTURED, row.order_id)
        else:
            # Somebody captured it between our look and our insert: then this is news about an order we hold.
            batch.changes.append(new.message.pk)
    return created


def _refusal(error: Exception) -> Reading:
    if isinstance(error, DomainError):
        issue = {"field": error.field, "got": error.message, "expected": "an order that can be stored"}
        return Reading(issues=[issue], cause=f"Refused at capture: {error.field or error.code}")
    return failure("The order could not be stored", error)
