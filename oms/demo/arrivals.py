"""The first chapter of every order: it comes in, is routed, and its work is opened; holds come and go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from channels.base import RawMessage
from channels.canonical_json import canonical_to_json
from channels.models import ChannelAccount, InboundMessage, InboundMessageSource
from channels.services import process_messages, receive_messages
from fulfillment.services import cancel_order, hold_back, open_fulfillment_orders, release_fulfillment_orders
from oms.demo import brand, past
from oms.demo.buyers import INDIA, Drawn
from oms.demo.tickets import Stage, Ticket
from orders.models import Hold, HoldReason, Order
from orders.services import capture_orders, edit_address, place_hold, release_orders
from routing.services import route_orders, write_promises

#: Days from placing to the date the customer is told.
_PROMISE_DAYS = {brand.WEB: 6, brand.MARKETPLACE: 7, brand.PANEL: 7, brand.QUICK: 1, brand.B2B: 9}
#: Orders that are promised in one call.
_AT_ONCE = 500
_CARE, _OPS = "Sana Sheikh", "Ravi Menon"
_KEPT_SHARE = 0.12
_GIVE_UP_AFTER = timedelta(days=4)
_CHANGED_MINDS = ("Customer changed their mind", "Ordered by mistake", "Found it cheaper", "Delivery takes too long")


def receive_day(stage: Stage, day: Sequence[Drawn]) -> list[Ticket]:
    """Capture, route and open everything that was ordered on one day; the new tickets."""
    tickets = _capture(stage, day)
    stage.past.stamp({t.order_id: t.at for t in tickets}, past.ORDER, past.TIMELINE, past.HOLD, past.PAYMENT,
                     past.MESSAGE)  # fmt: skip
    _hold_some(stage, tickets)
    ids = [ticket.order_id for ticket in tickets]
    route_again(stage, tickets, "captured")
    past.set_promises(ids, [_promise(ticket) for ticket in tickets])
    _promise_ourselves(stage, tickets)
    node_ids = [node.pk for node in stage.standing.nodes.values()]
    past.shift_loads(node_ids, day[0].order.placed_at.astimezone(INDIA).date())
    return tickets


def route_again(stage: Stage, tickets: Sequence[Ticket], trigger: str) -> None:
    """Route the orders and open their work, a second after their last step."""
    times = stage.due(tickets, lambda ticket: ticket.at + timedelta(seconds=ticket.luck.uniform(0.3, 1.5)))
    ids = sorted(times, key=lambda order_id: times[order_id])
    route_orders(ids, trigger=trigger)
    open_fulfillment_orders(ids)
    stage.past.stamp(times, past.ORDER, past.TIMELINE, past.DECISION, past.RESERVATION, past.WORK)


def _capture(stage: Stage, day: Sequence[Drawn]) -> list[Ticket]:
    by_channel: dict[str, list[Drawn]] = defaultdict(list)
    for drawn in day:
        by_channel[drawn.channel].append(drawn)
    tickets = []
    for code, some in sorted(by_channel.items()):
        ids = _take_in(stage, code, some)
        for drawn in some:
            seconds = drawn.luck.uniform(3, 40) if code in (brand.WEB, brand.QUICK) else drawn.luck.uniform(60, 900)
            moment = min(drawn.order.placed_at + timedelta(seconds=seconds), stage.began)
            ticket = Ticket(ids[drawn.order.external_id], drawn, moment)
            stage.tickets[ticket.order_id] = ticket
            tickets.append(ticket)
    return sorted(tickets, key=lambda ticket: ticket.at)


def _take_in(stage: Stage, code: str, some: Sequence[Drawn]) -> dict[str, int]:
    """Order ids by the channel's ids. Orders of the own shop are captured as such, the rest come through the inbox."""
    channel = stage.standing.channels[code]
    if code == brand.WEB:
        captured = capture_orders(channel=channel, orders=[drawn.order for drawn in some], actor=channel.name)
        return {item.external_id: item.order_id for item in captured}
    account = ChannelAccount.objects.select_related("channel").get(channel=channel)
    messages = [
        RawMessage(event_id=f"{drawn.order.external_id}@1", kind="order", external_id=drawn.order.external_id,
                   payload=canonical_to_json(drawn.order), occurred_at=drawn.order.placed_at)
        for drawn in some
    ]  # fmt: skip
    inbound_only_api = account.connector == "api"
    source = InboundMessageSource.API if inbound_only_api else InboundMessageSource.FILE
    receive_messages(account, messages, source)
    names = [message.external_id for message in messages]
    rows = InboundMessage.objects.filter(account=account, external_id__in=names)
    process_messages(list(rows.order_by("pk").values_list("pk", flat=True)))
    return dict(Order.objects.filter(channel=channel, external_id__in=names).values_list("external_id", "pk"))


def _promise_ourselves(stage: Stage, tickets: Sequence[Ticket]) -> None:
    """What the product would have promised, beside what the shop did."""
    times = {ticket.order_id: ticket.at for ticket in tickets}
    ids, since = list(times), min(times.values())
    for start in range(0, len(ids), _AT_ONCE):
        write_promises(ids[start : start + _AT_ONCE], since=since)
    stage.past.stamp(times, past.PROMISE)


def _promise(ticket: Ticket) -> datetime:
    order = ticket.drawn.order
    days = 2 if order.service_level == "pickup" else _PROMISE_DAYS[ticket.drawn.channel]
    days -= 2 if order.service_level == "express" else 0
    local = order.placed_at.astimezone(INDIA) + timedelta(days=days)
    return local.replace(hour=21, minute=0, second=0, microsecond=0)


# -- holds -------------------------------------------------------------------------------------------------------------


def _hold_some(stage: Stage, tickets: Sequence[Ticket]) -> None:
    held = [ticket for ticket in tickets if ticket.drawn.holds]
    for ticket in held:
        for hold in ticket.drawn.holds:
            place_hold(order_id=ticket.order_id, reason=hold.reason, source="rule", handle=hold.handle,
                       note=hold.note, actor="rule")  # fmt: skip
    stage.past.stamp({t.order_id: t.at for t in held}, past.ORDER, past.TIMELINE, past.HOLD)


def settle_holds(stage: Stage, tickets: Sequence[Ticket]) -> None:
    """Most holds are cleared by a person within hours; what is never cleared is cancelled after some days."""
    open_holds: dict[int, set[str]] = defaultdict(set)
    ids = [ticket.order_id for ticket in tickets]
    for order_id, reason in Hold.objects.filter(order__in=ids, released_at__isnull=True).values_list("order", "reason"):
        open_holds[order_id].add(reason)
    held = [ticket for ticket in tickets if ticket.order_id in open_holds]
    cleared = [ticket for ticket in held if ticket.luck.random() > _KEPT_SHARE]
    _correct_addresses(stage, [t for t in cleared if open_holds[t.order_id] & {"bad_address", "unknown_postcode"}])
    times = stage.due(cleared, lambda ticket: ticket.later(15, 900))
    release_orders(order_ids=list(times), actor=_CARE, note="Called the customer.")
    release_fulfillment_orders(list(times), actor=_CARE)
    stage.past.stamp(times, past.ORDER, past.TIMELINE, past.HOLD, past.WORK)
    route_again(stage, [stage.tickets[order_id] for order_id in times], "released")
    forgotten = [ticket for ticket in held if ticket not in cleared]
    _cancel(stage, stage.due(forgotten, lambda ticket: ticket.at + _GIVE_UP_AFTER), "No answer from the customer")


def _correct_addresses(stage: Stage, tickets: Sequence[Ticket]) -> None:
    times = stage.due(tickets, lambda ticket: ticket.later(30, 1200))
    for order_id in times:
        edit_address(order_id=order_id, address=stage.tickets[order_id].drawn.address, actor=_CARE)
    stage.past.stamp(times, past.ORDER, past.TIMELINE)


# -- cancellations -----------------------------------------------------------------------------------------------------


def cancel_early(stage: Stage, tickets: Sequence[Ticket], share: float = 0.03) -> None:
    """Some buyers change their minds before anybody has begun to pick."""
    wanted = [ticket for ticket in tickets if ticket.luck.random() < share]
    times = stage.due(wanted, lambda ticket: ticket.later(2, 18))
    by_reason: dict[str, dict[int, datetime]] = defaultdict(dict)
    for order_id, moment in times.items():
        by_reason[stage.tickets[order_id].luck.choice(_CHANGED_MINDS)][order_id] = moment
    for reason, some in sorted(by_reason.items()):
        _cancel(stage, some, reason)


def cancel_hopeless(stage: Stage, tickets: Sequence[Ticket]) -> None:
    """Orders that have waited five days for goods are cancelled by a person, most of them."""
    ids = [ticket.order_id for ticket in tickets]
    waiting = set(Order.objects.filter(pk__in=ids, stage="backordered").values_list("pk", flat=True))
    hopeless = [t for t in tickets if t.order_id in waiting and t.luck.random() < 0.7]
    _cancel(stage, stage.due(hopeless, lambda ticket: ticket.at + timedelta(days=5)), "Out of stock", actor=_OPS)


def _cancel(stage: Stage, times: dict[int, datetime], reason: str, actor: str = _CARE) -> None:
    gone = set(Order.objects.filter(pk__in=times, stage="cancelled").values_list("pk", flat=True))
    for order_id in times:
        if order_id not in gone:
            cancel_order(order_id=order_id, reason=reason, actor=actor)
    stage.past.stamp(times, past.ORDER, past.TIMELINE, past.RESERVATION, past.WORK, past.PAYMENT)


def hold_reasons_seen() -> set[str]:
    """Reasons of the holds that are open now: the last chapter fills in what chance left out."""
    return set(Hold.objects.filter(released_at__isnull=True).values_list("reason", flat=True))


def hold_the_rest(stage: Stage, tickets: Sequence[Ticket]) -> None:
    """See that every reason for a hold can be looked at, on recent orders that nobody has begun."""
    free = list(
        Order.objects.filter(pk__in=[t.order_id for t in tickets], stage__in=["routed", "released"], open_holds=0)
        .order_by("-placed_at").values_list("pk", flat=True)
    )  # fmt: skip
    missing = [reason for reason in HoldReason.values if reason not in hold_reasons_seen()]
    times = {}
    for order_id, reason in zip(free, missing, strict=False):
        place_hold(order_id=order_id, reason=reason, source=_OPS, handle=f"manual:{reason}", actor=_OPS,
                   note="Looked at by a person.")  # fmt: skip
        times[order_id] = min(stage.tickets[order_id].later(1, 9), stage.began)
    # No relay runs while the past is told: what follows a hold is done here, or the crew would pick these orders.
    hold_back(list(times), actor=_OPS)
    stage.past.stamp(times, past.ORDER, past.TIMELINE, past.HOLD)
