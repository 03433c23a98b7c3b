"""Switching nodes on and off."""

from __future__ import annotations

from inventory.events import NodeSwitched
from inventory.locks import lock_node
from inventory.models import Node
from oms.core.db import run_atomic
from oms.core.outbox import publish


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
