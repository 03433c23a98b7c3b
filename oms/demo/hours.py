"""When people at a node work, and when a driver comes. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from oms.demo.buyers import INDIA
from oms.demo.nodes import DemoNode

#: Local times at which drivers come for parcels.
PICKUPS_DC = (time(12, 30), time(17, 45))
PICKUPS_STORE = (time(13, 0), time(19, 0))


def at_work(node: DemoNode, moment: datetime, late_by: timedelta = timedelta(0)) -> datetime:
    """The moment itself where people work then, else the next opening plus `late_by`."""
    local = moment.astimezone(INDIA)
    for ahead in range(8):
        day = local.date() + timedelta(days=ahead)
        if day.isoweekday() not in node.working_days:
            continue
        opens = datetime.combine(day, node.opens_at, INDIA)
        closes = datetime.combine(day, node.closes_at, INDIA)
        if local < opens:
            return opens + late_by
        if local < closes:
            return moment
        local = max(local, closes)
    return moment


def next_pickup(node: DemoNode, moment: datetime) -> datetime:
    """When the next driver comes to a node after `moment`."""
    local = moment.astimezone(INDIA)
    for ahead in range(8):
        day = local.date() + timedelta(days=ahead)
        if day.isoweekday() not in node.working_days:
            continue
        for at in PICKUPS_STORE if node.is_store else PICKUPS_DC:
            comes = datetime.combine(day, at, INDIA)
            if comes > local:
                return comes
    return moment + timedelta(days=1)
