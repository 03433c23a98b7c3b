"""Counts brought as far as a test needs them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from inventory.models import CountItem, CountSession, Node, Sku, StockCount, StockMovement
from inventory.selectors.shelf import nothing_carried
from inventory.services.counting import (
    Counter,
    Reviewer,
    Scan,
    ScanAnswer,
    close_counting,
    plan_count,
    record_scans,
    start_session,
    submit_session,
)
from oms.core.clock import now
from oms.core.ids import uuid7

RAVI = Counter("user:1", "Ravi")
MEERA = Counter("user:2", "Meera")
LEAD = Counter("user:9", "Lead", may_release=True)
MANAGER = Reviewer("user:3", "Manager")
APPROVER = Reviewer("user:9", "Lead", may_approve=True)


def begun(node: Node, *skus: Sku, **fields: object) -> StockCount:
    """A directed count of the SKUs; a free one without any."""
    kind = "directed" if skus else "free"
    plan: dict[str, object] = {"uid": uuid7(), "kind": kind, "sku_ids": [sku.pk for sku in skus], "actor": "Manager"}
    return plan_count(node_id=node.pk, **(plan | fields))  # type: ignore[arg-type]


def held(count: StockCount, area: str = "A", counter: Counter = RAVI, device: str = "phone-1") -> CountSession:
    """An open session."""
    return start_session(count_uid=count.uid, area=area, counter=counter, device=device)


def scan(code: str, quantity: int = 1, at: datetime | None = None, **fields: object) -> Scan:
    """One scan, made now."""
    values: dict[str, object] = {"uid": uuid7(), "scanned_at": at or now()}
    return Scan(code=code, quantity=quantity, **(values | fields))  # type: ignore[arg-type]


def scanned(session: CountSession, *scans: Scan) -> list[ScanAnswer]:
    """Hand scans in from the device that holds the session."""
    return record_scans(session_uid=session.uid, lock_token=session.lock_token, scans=scans)


def submitted(session: CountSession, *scans: Scan) -> CountSession:
    """Hand them in and submit."""
    scanned(session, *scans)
    return submit_session(session_uid=session.uid, lock_token=session.lock_token, actor=session.person)


def in_review(count: StockCount, *scans: Scan) -> StockCount:
    """Counted by one session and closed for counting."""
    submitted(held(count), *scans)
    return reviewed(count)


def reviewed(count: StockCount) -> StockCount:
    """Closed for counting, where nobody picks for orders."""
    return close_counting(count_uid=count.uid, actor="Manager", carried_since=nothing_carried)


def items_of(count: StockCount) -> dict[str, tuple[str, int | None, int | None, int]]:
    """State, counted, expected and posted by SKU."""
    return {
        item.sku.code: (item.state, item.counted_quantity, item.expected_quantity, item.posted_quantity)
        for item in CountItem.objects.filter(count=count).select_related("sku")
    }


def ids_of(count: StockCount, *skus: Sku) -> list[int]:
    """Ids of the items of these SKUs."""
    return list(CountItem.objects.filter(count=count, sku__in=skus).order_by("pk").values_list("pk", flat=True))


def count_postings(uid: UUID) -> Sequence[tuple[str, str, str, int, str]]:
    """What a count posted: SKU, from, to, quantity, reference."""
    rows = StockMovement.objects.filter(op_key__startswith=f"cycle/{uid}/").order_by("sku__code", "leg")
    return list(rows.values_list("sku__code", "from_bucket", "to_bucket", "quantity", "reference"))
