"""Carriers are asked to come for what waits at a node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from carriers.models import CarrierAccount
from carriers.services import schedule_pickups
from fulfillment.models import Shipment, ShipmentState
from inventory.models import Node
from oms.core.clock import now
from oms.core.errors import Conflict, NotFound

#: Days that are looked at for one on which the node works.
_MOST_DAYS = 14


@dataclass(frozen=True, slots=True)
class AskedPickup:
    """What a carrier was asked: its own reference, empty where it comes unasked, and the day."""

    carrier: str
    reference: str
    on: date
    parcels: int


def ask_for_pickup(*, node_id: int, account_id: int, actor: str) -> AskedPickup:
    """Ask the carrier to come for its parcels at a node: today before the cut-off, else on the next day of work.

    Parcels it was asked for before are left out until that day is over. Never inside a transaction. Raises NotFound for
    a node or carrier, Conflict where no parcel of it waits or it is asked in its panel, and what the carrier answers as
    TransientError or PermanentError.
    """
    node = Node.objects.filter(pk=node_id).first()
    account = CarrierAccount.objects.filter(pk=account_id).first()
    if node is None or account is None:
        raise NotFound("There is no such carrier or node.")
    waiting = Shipment.objects.filter(
        node=node, carrier_account=account, state__in=(ShipmentState.LABELLED, ShipmentState.MANIFESTED)
    )
    bookings = list(waiting.exclude(booking=None).order_by("pk").values_list("booking_id", flat=True))
    if not bookings:
        raise Conflict(f"No parcel of {account.name} waits at {node.name}.")
    day = pickup_day(node, now())
    asked = schedule_pickups(account_id=account_id, booking_ids=bookings, on=day, today=node.today())
    return AskedPickup(account.name, asked.reference, asked.on, len(bookings))


def pickup_day(node: Node, moment: datetime) -> date:
    """The day on which a driver can come: today until the node's cut-off, then its next day of work."""
    local = moment.astimezone(ZoneInfo(node.time_zone))
    day = local.date() if local.time() < node.cutoff_at else local.date() + timedelta(days=1)
    closed = set(node.holidays.filter(day__gte=day).values_list("day", flat=True))
    for _turn in range(_MOST_DAYS):
        if day.isoweekday() in node.working_days and day not in closed:
            return day
        day += timedelta(days=1)
    return day
