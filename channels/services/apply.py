"""A newer version of an order that we hold: carried out under the order's lock, one message in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from django.db import transaction
from django.db.models import QuerySet

from channels.changes import (
    CancelUnits,
    Change,
    ChangeAddress,
    ChangePayment,
    ChangeSubstitutes,
    HeldLine,
    HeldOrder,
    HeldPart,
    Note,
    PlaceHold,
    ReleaseHold,
    plan_changes,
    plan_deletion,
)
from channels.locks import claim_messages
from channels.models import ChannelAccount, InboundMessage, InboundMessageSource, InboundMessageState
from channels.registry import INBOUND_ONLY
from channels.services.outbound import note_cancelled_by_channel
from channels.services.reading import ORDER, Reading, failure, read_message
from channels.services.sellable import refresh_sellable
from channels.services.settle import Outcome, quarantine, settle, wait_for_order
from channels.services.telling_again import tell_again
from fulfillment.services import cancel_order
from oms.core.db import is_retryable, run_atomic
from oms.core.errors import DomainError
from orders.canonical import CanonicalOrder, CanonicalPayment, PaymentMethod, PaymentState
from orders.errors import CannotEdit
from orders.kits import by_kit, kit_units, live_units
from orders.locks import lock_order
from orders.models import Hold, HoldReason, Order, OrderEvent, OrderLine, Payment
from orders.services import (
    TimelineEntry,
    allow_substitutions,
    edit_address,
    mark_seen,
    place_hold,
    record,
    record_payment,
    release_hold,
)
from orders.validation import wanted_holds

State = InboundMessageState

#: Marks the event id of a message that is a fresh reading of an order, see `rereading`.
READ_AGAIN = "#read-"

_ADDRESS_HOLDS = ("bad_address", "unknown_postcode")
_BASE_CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of the message. `read_again` asks for a fresh reading of the order: it stays pending till then."""

    outcome: Outcome | None
    read_again: bool = False


def apply_message(message_id: int) -> Applied:
    """Bring the order that a pending message speaks of to what the message says.

    Does nothing when somebody else holds or settled the message. An unexpected error quarantines the message alone.
    Raises errors of the database that may pass.
    """
    try:
        return run_atomic(lambda: _apply_or_nothing(message_id))
    except Exception as error:
        if is_retryable(error):
            raise
        outcome = quarantine(failure("The change could not be applied", error))
        return run_atomic(lambda: _settle_alone(message_id, outcome))


def _apply_or_nothing(message_id: int) -> Applied:
    # A savepoint, so that a caller's own transaction keeps nothing of a change that failed half-way.
    with transaction.atomic():
        return _apply(message_id)


def _settle_alone(message_id: int, outcome: Outcome) -> Applied:
    messages = claim_messages(account_id=None, ids=[message_id], tried_before=None, most=1)
    settle(messages, {message_id: outcome}, actor="channels")
    return Applied(outcome if messages else None)


def _apply(message_id: int) -> Applied:
    messages = claim_messages(account_id=None, ids=[message_id], tried_before=None, most=1)
    if not messages:
        return Applied(None)
    message = messages[0]
    account = ChannelAccount.objects.select_related("channel").get(pk=message.account_id)
    reading = read_message(account, message)
    applied = _judge(account, message, reading)
    if applied.outcome is not None:
        settle(messages, {message.pk: applied.outcome}, actor=account.channel.name)
    return applied


def _judge(account: ChannelAccount, message: InboundMessage, reading: Reading) -> Applied:
    if reading.issues:
        return Applied(quarantine(reading))
    external_id = reading.order.external_id if reading.order else message.external_id
    found = Order.objects.filter(channel=account.channel, external_id=external_id).only("pk").first()
    if found is None:
        return Applied(wait_for_order(message))
    order = lock_order(found.pk)
    changes, base = plan_for(account, order, reading, message)
    incoming = reading.order
    if incoming is not None and is_stale(order, incoming):
        return Applied(Outcome(State.UNCHANGED, order.pk))
    if incoming is not None and changes and _is_tied(order, incoming):
        verdict = _break_tie(account, order, message)
        if verdict is not None:
            return verdict
    for change in changes:
        carry_out(account, order, change, message, incoming)
    if incoming is not None and incoming.external_updated_at is not None:
        mark_seen(order_id=order.pk, external_updated_at=incoming.external_updated_at)
    news = bool(changes) or _says_something_new(incoming, base)
    if news and incoming is not None and _restocks(incoming):
        # The channel moved the stock of what it lists: of a kit that of the kit, not of its components.
        skus = OrderLine.objects.filter(order=order, sku_id__isnull=False).values_list("sku_id", "kit__sku_id")
        tell_again(account, [kit_sku or sku for sku, kit_sku in skus if sku is not None])
    return Applied(Outcome(State.APPLIED if news else State.UNCHANGED, order.pk))


def is_stale(order: Order, incoming: CanonicalOrder) -> bool:
    """True for a version older than the one we hold. The version of an order only grows, so stale stays stale."""
    seen, said = order.external_updated_at, incoming.external_updated_at
    return seen is not None and said is not None and said < seen


def _is_tied(order: Order, incoming: CanonicalOrder) -> bool:
    return incoming.external_updated_at is not None and incoming.external_updated_at == order.external_updated_at


def _break_tie(account: ChannelAccount, order: Order, message: InboundMessage) -> Applied | None:
    """Two different versions of the same moment (WooCommerce counts in seconds): None where this one is to be applied.

    Which came last cannot be told from them, so the order is read again; a reading made later is right. Where there is
    nobody to ask the event ids decide, so that every order of arrival ends the same.
    """
    last = _accepted(order).first()
    if last is None:
        return None
    if READ_AGAIN in message.event_id:
        older = READ_AGAIN in last.event_id and last.pk > message.pk
        return Applied(Outcome(State.UNCHANGED, order.pk)) if older else None
    ours = message.source in {InboundMessageSource.FILE, InboundMessageSource.API}
    if account.connector in INBOUND_ONLY or ours:
        return Applied(Outcome(State.UNCHANGED, order.pk)) if message.event_id <= last.event_id else None
    return Applied(Outcome(State.PENDING, order.pk), read_again=True)


def _says_something_new(incoming: CanonicalOrder | None, base: CanonicalOrder | None) -> bool:
    """True where the version differs from the accepted one: it must become the base of the next comparison."""
    if incoming is None or incoming.external_updated_at is None or base is None:
        return False
    return replace(incoming, external_updated_at=base.external_updated_at) != base


def _restocks(incoming: CanonicalOrder) -> bool:
    """The channel has put units back onto its own shelf, whether or not we can still follow."""
    return incoming.cancelled or any(line.cancelled_quantity for line in incoming.lines)


# -- what we hold -----------------------------------------------------------------------------------------------------


def plan_for(
    account: ChannelAccount, order: Order, reading: Reading, message: InboundMessage
) -> tuple[tuple[Change, ...], CanonicalOrder | None]:
    """What the message would change about the order, and the version it is compared with. Writes nothing."""
    held = held_order(order)
    if reading.order is None:
        return plan_deletion(held), None
    base = _base(account, order, message)
    return plan_changes(held, reading.order, base), base


def held_order(order: Order) -> HeldOrder:
    """The order as far as a channel can change it."""
    lines = OrderLine.objects.filter(order=order).select_related("kit").order_by("position", "pk")
    payment = Payment.objects.get(order=order)
    return HeldOrder(
        lines=held_lines(list(lines)),
        address=order.shipping_address,
        payment=CanonicalPayment(
            method=cast(PaymentMethod, payment.method),
            state=cast(PaymentState, payment.state),
            gateway=payment.gateway,
            reference=payment.reference,
            amount_minor=payment.amount_minor,
            captured_minor=payment.captured_minor,
            refunded_minor=payment.refunded_minor,
        ),
        holds=frozenset(
            Hold.objects.filter(order=order, released_at__isnull=True).values_list("handle", flat=True)
        ),
    )  # fmt: skip


def held_lines(lines: Sequence[OrderLine]) -> tuple[HeldLine, ...]:
    """The lines of an order as its channel sold them: components of a kit are one line, in whole kits.

    What was sold in place of a line counts as units of that line. The `kit` of each line is loaded.
    """
    kits = by_kit(lines)
    in_place: dict[int, list[OrderLine]] = defaultdict(list)
    for line in lines:
        if line.substitute_for_id is not None:
            in_place[line.substitute_for_id].append(line)
    held: dict[object, HeldLine] = {}
    for line in lines:
        if line.substitute_for_id is not None:
            continue
        if line.kit is None:
            others = in_place[line.pk]
            held[line.pk] = HeldLine(
                line_id=line.pk, external_id=line.external_id, sku_code=line.sku_code, quantity=line.quantity,
                cancelled=line.cancelled - sum(other.quantity - other.cancelled for other in others),
                shipped=line.shipped + sum(other.shipped for other in others),
                substitutes=tuple((other.pk, live_units(other)) for other in others if live_units(other)),
            )  # fmt: skip
        elif line.kit.pk not in held:
            parts = kits[line.kit.pk]
            units = kit_units(parts)
            held[line.kit.pk] = HeldLine(
                line_id=line.pk, external_id=line.kit.external_id, sku_code=line.kit.sku_code, quantity=units.quantity,
                cancelled=units.cancelled, shipped=units.quantity - units.cancelled - units.live,
                parts=tuple(HeldPart(part.pk, part.units_per_kit or 1, live_units(part)) for part in parts),
            )  # fmt: skip
    return tuple(held.values())


def _accepted(order: Order) -> QuerySet[InboundMessage]:
    states = [State.CAPTURED, State.APPLIED]
    return InboundMessage.objects.filter(order=order, state__in=states, kind=ORDER).order_by("-processed_at", "-pk")


def _base(account: ChannelAccount, order: Order, message: InboundMessage) -> CanonicalOrder | None:
    """The version of the order that was accepted last, read again from the inbox."""
    fallback: CanonicalOrder | None = None
    for accepted in _accepted(order).exclude(pk=message.pk)[:_BASE_CANDIDATES]:
        canonical = read_message(account, accepted).order
        if canonical is None:
            continue
        if canonical.external_updated_at == order.external_updated_at:
            return canonical
        fallback = fallback or canonical
    return fallback


# -- carrying it out --------------------------------------------------------------------------------------------------


def carry_out(
    account: ChannelAccount, order: Order, change: Change, message: InboundMessage, incoming: CanonicalOrder | None
) -> None:
    """Do one change. What the order no longer allows becomes a note on its timeline."""
    actor = account.channel.name
    try:
        with transaction.atomic():
            match change:
                case CancelUnits():
                    units = None if change.whole else change.lines
                    cancel_order(order_id=order.pk, lines=units, reason=change.reason, actor=actor)
                    note_cancelled_by_channel(account=account, order=order, lines=change.lines, message_id=message.pk)
                    _offer_again(order, change)
                case ChangeAddress():
                    edit_address(order_id=order.pk, address=change.address, actor=actor)
                    _release_settled(order, incoming, actor)
                case ChangePayment(payment):
                    record_payment(
                        order_id=order.pk, state=payment.state, captured_minor=payment.captured_minor,
                        refunded_minor=payment.refunded_minor, gateway=payment.gateway, reference=payment.reference,
                        actor=actor,
                    )  # fmt: skip
                case ChangeSubstitutes(allowed):
                    allow_substitutions(order_id=order.pk, allowed=allowed, actor=actor)
                case PlaceHold():
                    _hold(order, change.handle, HoldReason.CHANNEL, change.note, actor)
                case ReleaseHold():
                    _release(order, change.handle, actor, change.note)
                case Note():
                    _note_once(order, change.message, actor)
    except DomainError as error:
        _note_refusal(order, change, error, actor)


def _offer_again(order: Order, change: CancelUnits) -> None:
    """Units that no node had reserved were demand; without them more may be sold."""
    skus = OrderLine.objects.filter(order=order, pk__in=list(change.lines)).values_list("sku_id", flat=True)
    refresh_sellable([sku_id for sku_id in skus if sku_id is not None])


def _note_refusal(order: Order, change: Change, error: DomainError, actor: str) -> None:
    message = f"The channel says: {change}. This can no longer be done: {error.message}"
    if isinstance(change, ChangeAddress) and not isinstance(error, CannotEdit):
        # The buyer moved, and the new address is at fault: sending it to the old one would be wrong.
        message = f"The channel changed the address to one that cannot be used: {error.message}"
        try:
            with transaction.atomic():
                _hold(order, "channel-address", HoldReason.BAD_ADDRESS, message[:500], actor)
        except DomainError:
            _note_once(order, message, actor)
        return
    _note_once(order, message, actor)


def _hold(order: Order, handle: str, reason: str, note: str, actor: str) -> None:
    place_hold(order_id=order.pk, reason=reason, source=actor, handle=handle, note=note[:500], actor=actor)


def _release(order: Order, handle: str, actor: str, note: str = "") -> None:
    for hold in Hold.objects.filter(order=order, handle=handle, released_at__isnull=True):
        release_hold(hold_id=hold.pk, actor=actor, note=note)


def _release_settled(order: Order, incoming: CanonicalOrder | None, actor: str) -> None:
    """Holds that asked for a better address, where the new one is good."""
    if incoming is None:
        return
    wanted = {hold.handle for hold in wanted_holds(incoming)}
    for handle in (*_ADDRESS_HOLDS, "channel-address"):
        if handle not in wanted:
            _release(order, handle, actor, "The channel sent another address.")


def _note_once(order: Order, message: str, actor: str) -> None:
    text = message[:500]
    if not OrderEvent.objects.filter(order=order, kind="channel_note", message=text).exists():
        record([TimelineEntry(order_id=order.pk, kind="channel_note", message=text, actor=actor)])
