"""Waves of the demo at the warehouse with the most to pick: single items of one picker, a cluster for every phone."""

from __future__ import annotations

from datetime import datetime

from fulfillment.models import WaveKind
from fulfillment.selectors.waves import ReadyOrder, ready_pool
from fulfillment.services.wave_plan import suggest
from fulfillment.services.waves import make_wave
from inventory.models import Node
from oms.demo import past
from oms.demo.nodes import DCS
from oms.demo.world import Standing

_PLANNER, _PICKER = "Harpreet Gill", "Babu Lal"
#: Of so many ready orders one stays in the pool, so that something is left to plan.
_STAYS_READY = 3
#: Tables whose rows are written here, with their columns of time.
_TABLES = (("fulfillment_wave", ("created_at",)),)


def add(standing: Standing, moment: datetime) -> None:
    """Write them through the services, as of `moment`."""
    nodes = [standing.nodes[node.code] for node in DCS]
    pools = {node.pk: ready_pool(node.pk) for node in nodes}
    node = max(nodes, key=lambda row: len(pools[row.pk]))
    with past.rewriting_history():
        newest = past.newest_ids([table for table, _ in _TABLES])
        _write(node, [row for nth, row in enumerate(pools[node.pk]) if nth % _STAYS_READY])
        past.set_back_to(moment, newest, _TABLES)


def _write(node: Node, pool: list[ReadyOrder]) -> None:
    found = suggest(pool, totes=4, singles=12)
    for kind, picker in ((WaveKind.SINGLES, _PICKER), (WaveKind.CLUSTER, "")):
        item = next((item for item in found if item.kind == kind), None)
        if item is not None:
            ids = [row.work_id for row in item.orders]
            make_wave(node_id=node.pk, work_ids=ids, kind=kind, actor=_PLANNER, picker=picker)
