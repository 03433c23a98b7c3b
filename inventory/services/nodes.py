"""Switching nodes on and off, and how many orders a day they take."""

from __future__ import annotations

from inventory.events import NodeCapacityChanged, NodeSwitched
from inventory.locks import lock_node
from inventory.models import Node
from oms.core.db import run_atomic
from oms.core.errors import DomainError
from oms.core.outbox import publish
from oms.core.values import MAX_QUANTITY


def switch_node(*, node_id: int, active: bool, reason: str = "") -> bool:
    """Switch a node on or off; False where it already was so. Publishes NodeSwitched: its open work is rerouted."""

    def work() -> bool:
        node = lock_node(node_id)
        if node.is_active == active:
            return False
        Node.objects.filter(pk=node_id).update(is_active=active, offline_reason="" if active else reason[:200])
        publish([NodeSwitched(node_id=node_id, active=active)])
        return True

    return run_atomic(work)


def set_node_capacity(*, node_id: int, orders: int) -> bool:
    """Set how many orders a day a node takes; False where it already was so many. Raises DomainError for a strange one.

    Publishes NodeCapacityChanged: of orders beyond a lower limit those that nobody began are moved, and where it is
    raised, orders that wait are tried again.
    """
    if not 0 <= orders <= MAX_QUANTITY:
        raise DomainError(f"{orders} is not a number of orders a day.", field="orders")

    def work() -> bool:
        node = lock_node(node_id)
        if node.daily_capacity == orders:
            return False
        Node.objects.filter(pk=node_id).update(daily_capacity=orders)
        publish([NodeCapacityChanged(node_id=node_id, before=node.daily_capacity, after=orders)])
        return True

    return run_atomic(work)
