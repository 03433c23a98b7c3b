"""The work of the nodes in the past: accepting, rejecting, picking, short picks, packing, handing over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from fulfillment.models import FulfillmentOrder, FulfillmentOrderKind, FulfillmentOrderState, Shipment
from fulfillment.services import (
    Driver,
    accept,
    close_manifest,
    collect,
    hand_over,
    open_manifest,
    pack_many,
    pick_many,
    reject,
    report_short,
)
from fulfillment.states import SHIPMENT
from oms.core.states import advance_many
from oms.demo import past
from oms.demo.arrivals import route_again
from oms.demo.hours import at_work, next_pickup
from oms.demo.nodes import NODES, DemoNode
from oms.demo.parcels import Trip, book_all, depart, mark_labelled
from oms.demo.tickets import Stage, Ticket

State = FulfillmentOrderState

_NODE: dict[str, DemoNode] = {node.code: node for node in NODES}
_REJECT_SHARE = 0.09
_SHORT_SHARE = 0.014
_LATE_SHARE = 0.05
_REJECTIONS = ("Not in stock", "Store is closing early", "Display piece only", "Too busy today")
_SHORTS = ("not_found", "not_found", "not_found", "damaged", "display_worn", "wrong_item")
_PICKERS = ("Babu Lal", "Harpreet Gill", "Lata Devi", "Mohan Das", "Salma Bano")
#: Parcels of older days are handed over without a manifest row, to keep loading quick.
_MANIFEST_DAYS = 2
#: A store keeps what lies ready about so long: within it the newest parcel waits for its customer.
_KEPT = timedelta(days=7)

Work = dict[int, list[FulfillmentOrder]]


def work_round(stage: Stage, tickets: Sequence[Ticket], trips: list[Trip]) -> int:
    """Do all the work that is open at the nodes, as far as the past goes; the number of orders it was done for."""
    work = _open_work(tickets)
    mine = [ticket for ticket in tickets if ticket.order_id in work]
    _reject_some(stage, mine, work)
    mine = [ticket for ticket in mine if work.get(ticket.order_id)]
    begun = stage.due(mine, lambda ticket: _pick_time(ticket, work))
    _accept(stage, begun, work)
    _report_shorts(stage, begun, work)
    for picker, items in _by_picker([item for order_id in begun for item in work[order_id]]).items():
        pick_many(fulfillment_order_ids=[item.pk for item in items], actor=picker)
    stage.past.stamp(begun, past.ORDER, past.TIMELINE, past.WORK)
    _pack(stage, begun, work, trips)
    return len(begun)


def _open_work(tickets: Sequence[Ticket]) -> Work:
    found: Work = defaultdict(list)
    rows = FulfillmentOrder.objects.select_related("node").filter(
        order__in=[ticket.order_id for ticket in tickets], state__in=[State.OPEN, State.ACCEPTED, State.PICKING]
    )
    for item in rows.order_by("pk"):
        found[item.order_id].append(item)
    return found


def _picker(item: FulfillmentOrder) -> str:
    return _PICKERS[item.pk % len(_PICKERS)]


def _by_picker(items: Iterable[FulfillmentOrder]) -> dict[str, list[FulfillmentOrder]]:
    found: dict[str, list[FulfillmentOrder]] = defaultdict(list)
    for item in items:
        found[_picker(item)].append(item)
    return found


def _pick_time(ticket: Ticket, work: Work) -> datetime:
    """When somebody takes the order's goods from the shelf: in working hours, a few orders a day much too late."""
    node = _NODE[work[ticket.order_id][0].node.code]
    moment = ticket.later(20, 150)
    if ticket.luck.random() < _LATE_SHARE:
        moment += timedelta(hours=ticket.luck.uniform(24, 80))
    return at_work(node, moment, timedelta(minutes=ticket.luck.uniform(5, 120)))


def _reject_some(stage: Stage, tickets: Sequence[Ticket], work: Work) -> None:
    """Stores turn some work down; it is routed elsewhere, and done in the next round."""
    chosen = [
        ticket for ticket in tickets
        if any(item.state == State.OPEN for item in work[ticket.order_id]) and ticket.luck.random() < _REJECT_SHARE
    ]  # fmt: skip
    times = stage.due(chosen, lambda ticket: ticket.later(5, 45))
    for order_id in times:
        for item in [item for item in work[order_id] if item.state == State.OPEN]:
            reason = stage.tickets[order_id].luck.choice(_REJECTIONS)
            reject(fulfillment_order_id=item.pk, reason=reason, actor=f"{item.node.city} store")
        del work[order_id]
    stage.past.stamp(times, past.ORDER, past.TIMELINE, past.WORK, past.RESERVATION, past.EXCLUSION)
    route_again(stage, [stage.tickets[order_id] for order_id in times], "work withdrawn")


def _accept(stage: Stage, begun: dict[int, datetime], work: Work) -> None:
    times = {}
    for order_id, moment in begun.items():
        waiting = [item for item in work[order_id] if item.state == State.OPEN]
        for item in waiting:
            accept(fulfillment_order_ids=[item.pk], actor=f"{item.node.city} store")
        if waiting:
            times[order_id] = moment - timedelta(minutes=stage.tickets[order_id].luck.uniform(3, 15))
    stage.past.stamp(times, past.WORK)


def _report_shorts(stage: Stage, begun: dict[int, datetime], work: Work) -> None:
    """A unit is not where it should be: reported, stock corrected, the order routed again for what is missing."""
    times = {}
    for order_id, moment in begun.items():
        luck = stage.tickets[order_id].luck
        item = work[order_id][0]
        if luck.random() >= _SHORT_SHARE:
            continue
        line = item.lines.order_by("pk").first()
        if line is None or not line.to_pick:
            continue
        report_short(fulfillment_order_id=item.pk, line_id=line.pk, quantity=1, reason=luck.choice(_SHORTS),
                     actor=_picker(item))  # fmt: skip
        times[order_id] = moment
        item.refresh_from_db(fields=["state"])
        if item.state not in (State.ACCEPTED, State.PICKING):
            work[order_id].remove(item)
    stage.past.stamp(times, past.ORDER, past.TIMELINE, past.WORK, past.RESERVATION, past.EXCLUSION)
    route_orders_of = [stage.tickets[order_id] for order_id in times]
    route_again(stage, route_orders_of, "short pick")


def _pack(stage: Stage, picked: dict[int, datetime], work: Work, trips: list[Trip]) -> None:
    done = [stage.tickets[order_id] for order_id in picked if work[order_id]]
    times = stage.due(done, lambda ticket: ticket.later(3, 25))
    to_book: list[Shipment] = []
    to_collect: dict[int, Shipment] = {}
    items = {item.pk: item for order_id in times for item in work[order_id]}
    for picker, some in _by_picker(items.values()).items():
        for shipment in pack_many(fulfillment_order_ids=[item.pk for item in some], actor=picker):
            if items[shipment.fulfillment_order_id].kind == FulfillmentOrderKind.PICKUP:
                to_collect[shipment.order_id] = shipment
            else:
                to_book.append(shipment)
    stage.past.stamp(times, past.ORDER, past.TIMELINE, past.WORK, past.SHIPMENT, past.RESERVATION)
    _collect(stage, to_collect)
    _book(stage, to_book, trips)


def _collect(stage: Stage, parcels: dict[int, Shipment]) -> None:
    """Customers come to the counter within three days; a few have not come yet, the last of each store among them."""
    packed = sorted((stage.tickets[key] for key in parcels), key=lambda ticket: ticket.at)
    last = {parcels[ticket.order_id].node_id: ticket for ticket in packed if stage.began - ticket.at < _KEPT}
    coming = [ticket for ticket in packed if ticket is not last.get(parcels[ticket.order_id].node_id)]
    times = stage.due(coming, lambda ticket: ticket.later(120, 4000))
    for order_id in times:
        collect(shipment_id=parcels[order_id].pk, actor="counter",
                collected_by=stage.tickets[order_id].drawn.order.customer_name)  # fmt: skip
    stage.past.stamp(times, past.ORDER, past.TIMELINE, past.WORK, past.SHIPMENT, past.PAYMENT, past.DELIVERED)


def _book(stage: Stage, shipments: Sequence[Shipment], trips: list[Trip]) -> None:
    """Labels follow packing within a minute. What was packed in the last minutes waits for the living system."""
    tickets = [stage.tickets[order_id] for order_id in dict.fromkeys(s.order_id for s in shipments)]
    times = stage.due(tickets, lambda ticket: ticket.later(0.2, 2))
    ids = [shipment.pk for shipment in shipments if shipment.order_id in times]
    fresh = list(Shipment.objects.select_related("order", "node", "fulfillment_order").filter(pk__in=ids))
    booked = book_all(fresh, stage.standing.aggregator, stage.standing.riders, stage.luck)
    mark_labelled(fresh, stage.began + timedelta(seconds=1))
    past.stamp_bookings([(trip.booking.pk, times[trip.shipment.order_id]) for trip in booked])
    stage.past.stamp(times, past.SHIPMENT)
    _hand_over(stage, booked)
    trips.extend(booked)


def _hand_over(stage: Stage, trips: Sequence[Trip]) -> None:
    """Drivers come at fixed hours and take what has a label."""
    by_order: dict[int, list[Trip]] = defaultdict(list)
    for trip in trips:
        by_order[trip.shipment.order_id].append(trip)
    tickets = [stage.tickets[order_id] for order_id in by_order]

    def comes(ticket: Ticket) -> datetime:
        node = _NODE[by_order[ticket.order_id][0].shipment.node.code]
        return next_pickup(node, ticket.at) + timedelta(minutes=ticket.luck.uniform(0, 2))

    times = stage.due(tickets, comes)
    leaving = [trip for order_id in times for trip in by_order[order_id]]
    recent = stage.began - timedelta(days=_MANIFEST_DAYS)
    listed = [t for t in leaving if times[t.shipment.order_id] > recent and t.shipment.node.code.endswith("DC1")]
    hand_over(shipment_ids=[t.shipment.pk for t in leaving if t not in listed], actor="dock", reason="driver came")
    _with_manifests(stage, listed, times)
    stage.past.stamp(times, past.ORDER, past.TIMELINE, past.WORK, past.SHIPMENT)
    for trip in leaving:
        depart(trip, times[trip.shipment.order_id], stage.began, stage.luck)


def _with_manifests(stage: Stage, trips: Sequence[Trip], times: dict[int, datetime]) -> None:
    groups: dict[tuple[int, int, datetime], list[Trip]] = defaultdict(list)
    for trip in trips:
        hour = times[trip.shipment.order_id].replace(minute=0, second=0, microsecond=0)
        groups[trip.shipment.node_id, trip.booking.account_id, hour].append(trip)
    for (node_id, account_id, _), some in sorted(groups.items()):
        manifest = open_manifest(node_id=node_id, carrier_account_id=account_id, actor="dock")
        advance_many(Shipment, [t.shipment.pk for t in some], "manifested", using=SHIPMENT, actor="dock",
                     manifest=manifest)  # fmt: skip
        name = stage.luck.choice(_DRIVERS)
        driver = Driver(name=name, vehicle=f"HR 55 {stage.luck.randint(1000, 9999)}")
        close_manifest(manifest_id=manifest.pk, actor="dock", driver=driver)
        past.stamp_manifest(manifest.pk, max(times[t.shipment.order_id] for t in some))


_DRIVERS = ("Suresh Yadav", "Iqbal Ansari", "Ramesh Pawar", "Joseph Mathew")
