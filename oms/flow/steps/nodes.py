"""Nodes that go off, or may do less: their work goes elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from channels.services import refresh_node
from fulfillment.events import NodeOverfull, NodeWorkLeft
from fulfillment.services import shed_excess, withdraw_from_node
from inventory.events import NodeCapacityChanged, NodeSwitched
from inventory.models import Node
from oms.core.db import run_atomic
from oms.core.events import Event, Recorded
from oms.core.outbox import publish
from oms.flow.waiting import try_waiting


def node_switched(events: Sequence[Event]) -> None:
    """A node went off: its open work is taken back. It came on: waiting orders are tried again."""
    for event in events:
        if not isinstance(event, NodeSwitched):
            continue
        refresh_node(event.node_id)
        if event.active:
            try_waiting(trigger="node on")
        else:
            _take_work_back(event.node_id)


def withdraw_rest(events: Sequence[Event]) -> None:
    """More work of a node that went off than is taken back at once: the next of it."""
    for event in events:
        if isinstance(event, NodeWorkLeft):
            _take_work_back(event.node_id)


def _take_work_back(node_id: int) -> None:
    """The next part of a node's work, unless the node came on again: then it keeps what it still has."""
    if not Node.objects.filter(pk=node_id, is_active=True).exists():
        withdraw_from_node(node_id=node_id, reason="The node was switched off")


def capacity_changed(found: Sequence[Recorded]) -> None:
    """A node takes fewer orders: those above go elsewhere. It takes more: waiting orders are tried again."""
    for recorded in found:
        event = recorded.event
        if isinstance(event, NodeCapacityChanged) and event.after > event.before:
            run_atomic(lambda: try_waiting(trigger="node takes more orders"))
        elif isinstance(event, NodeCapacityChanged):
            _shed(event.node_id, recorded.at)
        elif isinstance(event, NodeOverfull):
            _shed(event.node_id, datetime.fromisoformat(event.since))


def _shed(node_id: int, since: datetime) -> None:
    """The next part of what is above the node's limit."""
    if shed_excess(node_id=node_id, since=since):
        with transaction.atomic():
            publish([NodeOverfull(node_id=node_id, since=since.isoformat())])
