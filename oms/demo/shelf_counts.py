"""Counts of the demo: one that goes on in a store, one whose variances wait for a decision, one that is closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from inventory.models import Node, StockCount, StockCountKind, StockLevel
from inventory.services.counting import (
    Counter,
    Reviewer,
    Scan,
    accept_items,
    close_counting,
    finish_count,
    plan_count,
    record_scans,
    start_session,
    submit_session,
)
from oms.core.clock import now
from oms.core.ids import uuid7
from oms.demo import past
from oms.demo.models import DemoWorld
from oms.demo.nodes import DCS
from oms.demo.world import Standing
from oms.flow.counting import carried_by_pickers

_STORE = "BLR-S01"
_LEAD, _PICKER, _MANAGER = "Harpreet Gill", "Lata Devi", "Meenakshi Nair"
#: What was found more or fewer than the ledger has, SKU by SKU.
_CLOSED, _REVIEW = (0, -1, 0, 0, 1), (0, -3, 2, 0, -1, -4)
_OPEN_SKUS = 6
#: Tables whose rows are written here, with their columns of time.
_TABLES = (
    ("inventory_stockmovement", ("occurred_at", "recorded_at")), ("core_transition", ("at",)),
    ("inventory_stockcount", ("created_at", "closed_at")), ("inventory_countitem", ("counted_at", "decided_at")),
    ("inventory_countsession", ("started_at", "last_scan_at", "ended_at")),
    ("inventory_countscan", ("scanned_at", "recorded_at")),
)  # fmt: skip


def add(world: DemoWorld, standing: Standing, moment: datetime) -> None:
    """Write them through the services, as of `moment`."""
    with past.rewriting_history():
        newest = past.newest_ids([table for table, _ in _TABLES])
        _write(world, standing)
        past.set_back_to(moment, newest, _TABLES)


def _write(world: DemoWorld, standing: Standing) -> None:
    warehouse, store = standing.nodes[DCS[1].code], standing.nodes[_STORE]
    there = _quiet(warehouse, len(_CLOSED) + len(_REVIEW), at_least=4)
    first, rest = there[: len(_CLOSED)], there[len(_CLOSED) :]
    if first:
        count = _begun(world, "closed", warehouse, "Aisle A, weekly", first)
        _counted(count, "A-01", first, _CLOSED)
        close_counting(count_uid=count.uid, actor=_LEAD, carried_since=carried_by_pickers)
        lead = Reviewer(f"demo:{_LEAD}", _LEAD, may_approve=True)
        accept_items(count_uid=count.uid, reviewer=lead, carried_since=carried_by_pickers)
        finish_count(count_uid=count.uid, actor=_LEAD)
    if rest:
        count = _begun(world, "review", warehouse, "After short picks", rest)
        _counted(count, "B-07", rest, _REVIEW)
        close_counting(count_uid=count.uid, actor=_LEAD, carried_since=carried_by_pickers)
    shelf = _quiet(store, _OPEN_SKUS, at_least=1)
    if shelf:
        _begun(world, "open", store, "Front wall", shelf, actor=_MANAGER)


def _quiet(node: Node, number: int, *, at_least: int) -> list[StockLevel]:
    """Levels that no order waits for, so that any count of them can be accepted."""
    rows = StockLevel.objects.filter(node=node, on_hand__gte=at_least, reserved=0).select_related("sku")
    return list(rows.order_by("bin_code", "sku__code")[:number])


def _begun(
    world: DemoWorld, key: str, node: Node, name: str, levels: Sequence[StockLevel], *, actor: str = _LEAD
) -> StockCount:  # fmt: skip
    return plan_count(
        uid=_uid(world, key), node_id=node.pk, kind=StockCountKind.DIRECTED, name=name, actor=actor,
        sku_ids=[level.sku_id for level in levels],
    )  # fmt: skip


def _uid(world: DemoWorld, key: str) -> UUID:
    return uuid5(world.uid, f"count/{key}")


def _counted(count: StockCount, area: str, levels: Sequence[StockLevel], differences: Sequence[int]) -> None:
    counter = Counter(f"demo:{_PICKER}", _PICKER)
    session = start_session(count_uid=count.uid, area=area, counter=counter, device="demo")
    scans = [
        Scan(uid=uuid7(), code=level.sku.code, quantity=max(0, level.on_hand + difference), is_total=True,
             scanned_at=now())
        for level, difference in zip(levels, differences, strict=False)
    ]  # fmt: skip
    record_scans(session_uid=session.uid, lock_token=session.lock_token, scans=scans)
    submit_session(session_uid=session.uid, lock_token=session.lock_token, actor=_PICKER)
