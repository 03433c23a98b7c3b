"""Tells the weeks before the present: chapter by chapter, each in one transaction."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from channels.models import ChannelAccount
from channels.services import refresh_account
from fulfillment.events import ParcelPacked
from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentState
from inventory.models import StockLevel
from inventory.services import StockLine, receive
from oms.core.db import run_atomic
from oms.core.outbox import publish
from oms.demo import (
    arrivals,
    care,
    floor,
    kits,
    messages,
    money,
    named_units,
    past,
    purchases,
    replenishment,
    road,
    shelf_counts,
    stock_room,
    third_party,
    troubles,
    waves,
)
from oms.demo.buyers import Buyers, Drawn
from oms.demo.catalogue import skus
from oms.demo.models import DemoWorld
from oms.demo.nodes import DCS
from oms.demo.parcels import Trip
from oms.demo.tickets import Stage, Ticket
from oms.demo.world import LOADER, Standing, build
from oms.flow.performance import measure_performance
from oms.flow.promises import judge_due_promises, learn_promises
from routing.services import waiting_order_ids

#: Orders told in one transaction: enough to share statements, few enough to keep locks short.
CHAPTER_ORDERS = 350
ROUNDS = 3

Say = Callable[[str], object]


def load(world: DemoWorld, moment: datetime, say: Say) -> None:
    """Write the whole world as of `moment`. Raises DomainError, with nothing written, where names are taken."""
    catalogue = skus()

    def stand() -> Standing:
        with past.rewriting_history():
            standing = build(world, catalogue, moment)
            past.set_back_opening(moment - timedelta(days=world.days + 1), LOADER)
        return standing

    standing = run_atomic(stand)
    say(f"{len(standing.nodes)} nodes, {len(catalogue)} SKUs, {len(standing.channels)} channels")
    buyers = Buyers(catalogue, standing.sku_ids, world.seed)
    days = buyers.draw_days(world.orders, world.days, moment)
    _tell(world, standing, days, moment, say)
    stock_room.add(world, standing, moment)
    shelf_counts.add(world, standing, moment)
    purchases.add(world, standing, moment)
    replenishment.add(standing)
    kits.add(world, standing, moment)
    named_units.add(world, standing, moment)
    waves.add(standing, moment)
    with past.rewriting_history():
        past.date_invoices(moment)
    third_party.add(standing)
    care.add(standing, moment)
    messages.add(world, standing, moment)
    money.add(moment)
    judge_due_promises()
    measure_performance()
    _hand_to_the_present(standing)
    DemoWorld.objects.filter(pk=world.pk).update(finished_at=moment)


def _tell(world: DemoWorld, standing: Standing, days: Sequence[list[Drawn]], moment: datetime, say: Say) -> None:
    chapters = _chapters(days)
    told: dict[int, Ticket] = {}
    for number, chapter in enumerate(chapters):
        last = number == len(chapters) - 1
        with past.rewriting_history():
            stage = Stage(standing, moment, past.Past(moment), random.Random(world.seed + number), told)
            _restock(stage, world, number, chapter[0][0].order.placed_at)
            tickets = [ticket for day in chapter for ticket in arrivals.receive_day(stage, day)]
            _live(stage, tickets, last=last)
            if last:
                troubles.add(stage, tickets)
            past.put_in_order(list(told))
            # As the clock would have done in those nights.
            learn_promises()
        say(f"{len(told)} of {world.orders} orders, up to {tickets[-1].drawn.order.placed_at:%d %b}")


def _chapters(days: Sequence[list[Drawn]]) -> list[list[list[Drawn]]]:
    """Days that follow each other, together until they hold enough orders."""
    chapters: list[list[list[Drawn]]] = []
    size = CHAPTER_ORDERS
    for day in days:
        if size >= CHAPTER_ORDERS:
            chapters.append([])
            size = 0
        chapters[-1].append(day)
        size += len(day)
    return chapters


def _live(stage: Stage, tickets: Sequence[Ticket], *, last: bool) -> None:
    arrivals.settle_holds(stage, tickets)
    arrivals.cancel_early(stage, tickets)
    arrivals.cancel_hopeless(stage, tickets)
    if last:
        # Before the floor begins: in the morning of a quiet day it has finished everything.
        arrivals.hold_the_rest(stage, tickets)
    trips: list[Trip] = []
    for _ in range(ROUNDS):
        if not floor.work_round(stage, tickets, trips):
            break
    road.travel(stage, trips)


def _restock(stage: Stage, world: DemoWorld, number: int, moment: datetime) -> None:
    """Suppliers deliver what runs low, and orders that waited for it go on."""
    if number == 0 or number % 2:
        return
    for given in DCS:
        node = stage.standing.nodes[given.code]
        low = StockLevel.objects.filter(node=node, on_hand__lt=4).order_by("on_hand", "sku_id")[:12]
        lines = [StockLine(level.sku_id, stage.luck.randint(6, 20)) for level in low]
        if lines:
            op_key = f"demo/{world.uid}/po/{number}/{node.pk}"
            receive(node_id=node.pk, lines=lines, op_key=op_key, reference=f"PO-{4000 + number * 10 + node.pk % 10}",
                    actor="Harpreet Gill")  # fmt: skip
            past.set_back_receipt(op_key, moment)
    stage.past.stamp({})
    _continue_waiting(stage, moment)


def _continue_waiting(stage: Stage, moment: datetime) -> None:
    """Orders of earlier chapters whose goods came."""
    ids = [order_id for order_id in waiting_order_ids(limit=300) if order_id in stage.tickets]
    tickets = [stage.tickets[order_id] for order_id in ids]
    for ticket in tickets:
        ticket.at = max(ticket.at, moment)
    arrivals.route_again(stage, tickets, "stock arrived")
    _live(stage, tickets, last=False)


def _hand_to_the_present(standing: Standing) -> None:
    """What the living system has to do next: tell channels their stock, buy labels for what was just packed."""
    waiting = Shipment.objects.filter(
        state=ShipmentState.CREATED, node__in=standing.nodes.values(), problem="",
        fulfillment_order__kind=FulfillmentOrderKind.SHIP,
    )  # fmt: skip

    def work() -> None:
        for account in ChannelAccount.objects.filter(channel__in=standing.channels.values()):
            refresh_account(account.pk)
        publish([ParcelPacked(shipment_id=row.pk, order_id=row.order_id, pickup=False) for row in waiting])

    run_atomic(work)
