"""What people do in the stock room: a transfer in each state, adjustments that wait for a second person."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Q

from fulfillment.selectors.units import units_in_totes
from inventory.models import ApprovalLimit, Node, StockLevel, Transfer
from inventory.services import (
    Picked,
    Received,
    StockLine,
    ask_adjustment,
    cancel_transfer,
    confirm_transfer,
    draft_transfer,
    finish_picking,
    receive_transfer,
    ship_transfer,
)
from oms.demo import past
from oms.demo.models import DemoWorld
from oms.demo.nodes import DCS, NODES
from oms.demo.world import Standing

#: Kind of node, units, value in minor units: the limits of the demo, by which they are recognised.
LIMITS = (("", 5, 490_000), ("store", 2, 190_000))
_PICKER, _LEAD = "Lata Devi", "Harpreet Gill"
_UNITS = 3


def add(world: DemoWorld, standing: Standing, moment: datetime) -> None:
    """Write them through the services, as of `moment`. Where stock is scarce, there are fewer."""
    with past.rewriting_history():
        newest = past.newest_ids([table for table, _ in _TABLES])
        _write(world, standing, moment.date())
        past.set_back_to(moment, newest, _TABLES)


#: Tables whose rows are written here, with their columns of time.
_TABLES = (
    ("inventory_stockmovement", ("occurred_at", "recorded_at")), ("core_transition", ("at",)),
    ("inventory_reservation", ("created_at", "closed_at")), ("inventory_stockadjustment", ("asked_at",)),
    ("inventory_transfer", ("created_at", "shipped_at", "received_at", "closed_at")),
)  # fmt: skip


def _write(world: DemoWorld, standing: Standing, today: date) -> None:
    for kind, units, value in LIMITS:
        ApprovalLimit.objects.get_or_create(node_kind=kind, defaults={"units": units, "value_minor": value})
    first = standing.nodes[DCS[0].code]
    stores = [standing.nodes[given.code] for given in NODES if given.is_store]
    levels = StockLevel.objects.filter(node=first, on_hand__gte=_UNITS).order_by("-on_hand", "sku_id")
    plenty = [level for level in levels.select_related("sku")[:40] if level.atp >= _UNITS]
    for number, state in enumerate(_STEPS):
        items = plenty[2 * number : 2 * number + 2]
        if items:
            _transfer(first, stores[number % len(stores)], items, state, today)
    # Of what there is the most of, and what the draft alone names.
    reasons = (("theft", "Seal of the cage was cut"), ("expired", "Old season, moth"))
    for (reason, note), level in zip(reasons, plenty, strict=False):
        ask_adjustment(
            node_id=first.pk, sku_id=level.sku_id, reason=reason, quantity=min(level.atp, 12), note=note,
            op_key=f"demo/{world.uid}/{reason}", actor=_PICKER, spoken_for=units_in_totes,
        )  # fmt: skip


def own_limits() -> Q:
    """The limits that the demo set, unless somebody changed them since."""
    return reduce(or_, (Q(node_kind=kind, units=units, value_minor=value) for kind, units, value in LIMITS))


#: How far each transfer went.
_STEPS = ("draft", "reserved", "picked", "shipped", "late", "received", "closed", "cancelled")


def _transfer(here: Node, there: Node, items: list[StockLevel], state: str, today: date) -> None:
    row = draft_transfer(
        from_node_id=here.pk, to_node_id=there.pk, actor=_LEAD, note="Weekly top-up",
        lines=[StockLine(level.sku_id, _UNITS) for level in items],
        expected_on=today + timedelta(days=-2 if state in ("late", "received") else 2),
    )  # fmt: skip
    if state == "draft":
        return
    confirm_transfer(transfer_id=row.pk, actor=_LEAD)
    if state == "cancelled":
        cancel_transfer(transfer_id=row.pk, actor=_LEAD, reason="The store has enough")
    if state in ("reserved", "cancelled"):
        return
    found = [Picked(line_id=line.pk, quantity=line.quantity) for line in row.lines.all()]
    finish_picking(transfer_id=row.pk, lines=found, actor=_PICKER, spoken_for=units_in_totes)
    if state == "picked":
        return
    ship_transfer(transfer_id=row.pk, actor=_PICKER, carrier_name="Own van", awb="MH 12 AB 4410",
                  spoken_for=units_in_totes)  # fmt: skip
    if state in ("received", "closed"):
        _receive(row, missing=state == "received")


def _receive(row: Transfer, *, missing: bool) -> None:
    """One unit is damaged; of the last item one may be missing."""
    lines = list(row.lines.order_by("pk"))
    came = [Received(line_id=line.pk, good=line.quantity) for line in lines]
    came[0] = Received(line_id=lines[0].pk, good=_UNITS - 1, damaged=1)
    if missing:
        came[-1] = Received(line_id=lines[-1].pk, good=_UNITS - 1 - (len(lines) == 1), damaged=int(len(lines) == 1))
    receive_transfer(transfer_id=row.pk, lines=came, op_key="demo", actor="Salma Bano", finish=True)
