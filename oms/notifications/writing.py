"""Writing messages down, each once, in the transaction of what happened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.db.models import F, Q

from fulfillment.models import Shipment
from oms.core.db import run_atomic
from oms.core.outbox import publish
from oms.notifications.events import MessageQueued
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
        orders = Order.objects.select_related("channel", "payment").in_bulk([order_id for _, order_id, _ in asked])
        parcels = _parcels(part for _, _, part in asked)
        told = [
            Wanted(event, orders[order_id], part, parcels.get(part))
            for event, order_id, part in asked
            if order_id in orders and _should_write(event, orders[order_id])
        ]
        if not told:
            return 0
        setup = read_setup(list(orders.values()), {each.event for each in told})
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
    order = Order.objects.select_related("channel", "payment").get(pk=message.order_id)
    told = Wanted(message.template, order, message.part, _parcels([message.part]).get(message.part))
    rows = first_that_can(told, message.falls_back_to, read_setup([order], {message.template}))
    for row in rows:
        row.expires_at = message.expires_at or row.expires_at
    return keep(rows)


def _parcels(parts: Iterable[str]) -> dict[str, Shipment]:
    """The parcels that parts name."""
    named = {part: pk for part in parts if (pk := parcel_of(part)) is not None}
    found = Shipment.objects.select_related("node").in_bulk(set(named.values())) if named else {}
    return {part: found[pk] for part, pk in named.items() if pk in found}


def anybody_is_written_to() -> bool:
    """True where any channel leaves it to us to write to its customers."""
    return SalesChannel.objects.filter(notifies_customer=True).exists()


def _who_is_written_to(order_ids: Collection[int]) -> set[int]:
    """Of these orders those that can be reached and whose channel leaves writing to us: one narrow read."""
    found = Order.objects.filter(pk__in=order_ids, channel__notifies_customer=True)
    return set(found.exclude(Q(customer_email="") & Q(customer_phone="")).values_list("pk", flat=True))


def _should_write(event: str, order: Order) -> bool:
    """Whether an order of `_who_is_written_to` gets this message."""
    if event in ("shipped", "out_for_delivery", "delivered") and order.service_level == Order.ServiceLevel.PICKUP:
        # Handed over at the counter: the customer has it in the hand.
        return False
    if event == "substituted":
        # What was taken back before its letter was written is no news.
        return order.lines.filter(substitute_for__isnull=False, cancelled__lt=F("quantity")).exists()
    if event == "substitute_taken_back":
        return Message.objects.filter(order=order, template="substituted").exists()
    return not (event == "confirmation" and order.stage in ("shipped", "delivered", "cancelled"))
