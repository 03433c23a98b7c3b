"""Writing messages down, each once, in the transaction of what happened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.db.models import Q

from fulfillment.models import Shipment
from oms.core.db import run_atomic
from oms.core.outbox import publish
from oms.notifications.events import MessageQueued
from oms.notifications.letters import AtStore, at_stores, letter_orders, letter_parcels
from oms.notifications.models import Message, MessageState
from oms.notifications.planning import Wanted, first_that_can, parcel_of, plan, read_setup
from orders.models import Order, SalesChannel


def queue_messages(wanted: Iterable[tuple[str, int, str]]) -> int:
    """Write messages as (event, order id, part): `part` tells several of one kind apart. How many are new and go out.

    A number is the parcel that the message is about; other parts only make it another message.

    Channels that write to their customers themselves, orders without an address and orders that came in as history
    get none. The same message is never written twice by one medium.
    """
    every = list(wanted)
    heard = _who_is_written_to({order_id for _, order_id, _ in every})
    asked = [each for each in every if each[1] in heard]
    if not asked:
        return 0

    def work() -> int:
        orders = letter_orders().in_bulk({order_id for _, order_id, _ in asked})
        told_of_others = _told_of_substitutes(asked)
        due = [
            (event, orders[order_id], part) for event, order_id, part in asked
            if order_id in orders and _should_write(event, orders[order_id], told_of_others)
        ]  # fmt: skip
        if not due:
            return 0
        told = _wanted(due)
        setup = read_setup([order for _, order, _ in due], {event for event, _, _ in due})
        return keep(plan(told, setup))

    return run_atomic(work)


def keep(rows: Sequence[Message]) -> int:
    """Save messages that are not there yet and announce those that go out; how many. Inside a transaction."""
    if not rows:
        return 0
    keys = [row.dedupe_key for row in rows]
    known = set(Message.objects.filter(dedupe_key__in=keys).values_list("dedupe_key", flat=True))
    Message.objects.bulk_create(rows, ignore_conflicts=True)
    fresh = Message.objects.filter(dedupe_key__in=set(keys) - known, state=MessageState.PENDING)
    ids = list(fresh.order_by("pk").values_list("pk", flat=True))
    publish([MessageQueued(message_id=pk) for pk in ids])
    return len(ids)


def fall_back(message: Message) -> int:
    """Write the message that stands in for one that cannot go; how many go out. Inside a transaction.

    It is news for no longer than the first one was.
    """
    if not message.falls_back_to or message.order_id is None:
        return 0
    order = letter_orders().get(pk=message.order_id)
    [told] = _wanted([(message.template, order, message.part)])
    rows = first_that_can(told, message.falls_back_to, read_setup([order], {message.template}))
    for row in rows:
        row.expires_at = message.expires_at or row.expires_at
    return keep(rows)


def _wanted(due: Sequence[tuple[str, Order, str]]) -> list[Wanted]:
    """Events of orders with what their messages say. Statements do not grow with them."""
    parcels = _parcels(part for _, _, part in due)
    stores = at_stores([(order, parcels.get(part)) for _, order, part in due])
    found = []
    for event, order, part in due:
        parcel = parcels.get(part)
        store = stores.get((order.pk, parcel.pk if parcel else None), AtStore())
        found.append(Wanted(event, order, part, parcel, store))
    return found


def _parcels(parts: Iterable[str]) -> dict[str, Shipment]:
    """The parcels that parts name."""
    named = {part: pk for part in parts if (pk := parcel_of(part)) is not None}
    found = letter_parcels().in_bulk(set(named.values())) if named else {}
    return {part: found[pk] for part, pk in named.items() if pk in found}


def anybody_is_written_to() -> bool:
    """True where any channel leaves it to us to write to its customers."""
    return SalesChannel.objects.filter(notifies_customer=True).exists()


def _who_is_written_to(order_ids: Collection[int]) -> set[int]:
    """Of these orders those that can be reached and whose channel leaves writing to us: one narrow read."""
    found = Order.objects.filter(pk__in=order_ids, channel__notifies_customer=True)
    return set(found.exclude(Q(customer_email="") & Q(customer_phone="")).values_list("pk", flat=True))


def _told_of_substitutes(asked: Iterable[tuple[str, int, str]]) -> set[int]:
    """Of the orders of which a substitute was taken back, those whose customer was told of it."""
    ids = [order_id for event, order_id, _ in asked if event == "substitute_taken_back"]
    rows = Message.objects.filter(order__in=ids, template="substituted")
    return set(rows.values_list("order_id", flat=True)) if ids else set()


def _should_write(event: str, order: Order, told_of_substitutes: Collection[int]) -> bool:
    """Whether an order of `_who_is_written_to` gets this message."""
    if event in ("shipped", "out_for_delivery", "delivered") and order.service_level == Order.ServiceLevel.PICKUP:
        # Handed over at the counter: the customer has it in the hand.
        return False
    if event == "substituted":
        # What was taken back before its letter was written is no news.
        return any(line.substitute_for_id and line.cancelled < line.quantity for line in order.lines.all())
    if event == "substitute_taken_back":
        return order.pk in told_of_substitutes
    return not (event == "confirmation" and order.stage in ("shipped", "delivered", "cancelled"))
