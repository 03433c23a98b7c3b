"""Counts over the API: plan, count with many devices, review, accept or reject. A single count of one SKU is
`POST /inventory/counts`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import AwareDatetime, Field

from inventory.models import CountItem, CountSession, Sku, StockCount, StockCountKind
from inventory.selectors.count_plans import MOST_SKUS, CountFilter, skus_to_count
from inventory.selectors.count_tally import count_tally
from inventory.selectors.counts import count_named, count_sessions, progress_of, unmatched_codes
from inventory.services.counting import (
    Counter,
    Scan,
    discard_session,
    plan_count,
    record_scans,
    release_session,
    start_session,
    submit_session,
)
from oms.accounts.access import Principal, in_node_scope
from oms.api.gate import ErrorOut, idempotent, need, node_named
from oms.core.clock import now
from oms.core.errors import DomainError, NotFound
from oms.core.ids import uuid7
from oms.flow.counting import short_picked_skus

router = Router(tags=["counts"])
REFUSALS = {404: ErrorOut, 409: ErrorOut, 422: ErrorOut}


class CountPlanIn(Schema):
    """A count to begin. SKUs by code, or filters, or both; `uid` may be made by the caller and names it for ever."""

    node: str
    kind: str = "directed"
    uid: UUID | None = None
    name: str = ""
    skus: list[str] | None = None
    category: str = ""
    bin_prefix: str = ""
    atp_below: int | None = None
    not_counted_days: int | None = None
    after_short_picks: bool = False
    is_blind: bool = True
    accept_units: int = 0
    accept_value_minor: int = 0
    due_on: date | None = None


class SessionIn(Schema):
    """An area to hold with this device. `again` counts more where somebody submitted before."""

    area: str = ""
    device: Annotated[str, Field(min_length=1, max_length=60)]
    again: bool = False


class ScanIn(Schema):
    """One scan. `uid` is made by the device. `is_total`: all there is in the area. `undone`: taken back."""

    uid: UUID
    code: Annotated[str, Field(max_length=200)]
    at: AwareDatetime
    quantity: int = 1
    is_total: bool = False
    lot: Annotated[str, Field(max_length=60)] = ""
    serial: Annotated[str, Field(max_length=60)] = ""
    undone: bool = False


class ScansIn(Schema):
    """Scans with the token of their session. `now` is the device's clock, by which theirs are set right."""

    token: UUID
    scans: list[ScanIn]
    now: AwareDatetime | None = None


class TokenIn(Schema):
    """The token of a session."""

    token: UUID


def count_of(principal: Principal, uid: UUID) -> StockCount:
    """A count in scope. Raises NotFound."""
    return count_named(uid, in_node_scope(StockCount.objects.all(), principal))


def _session(principal: Principal, uid: UUID, session: UUID) -> CountSession:
    found = CountSession.objects.filter(uid=session, count=count_of(principal, uid)).first()
    if found is None:
        raise NotFound(f"There is no session {session}.")
    return found


def _counter(principal: Principal) -> Counter:
    return Counter(principal.key, principal.name, principal.may("inventory.approve"))


def sku_ids(codes: list[str]) -> dict[str, int]:
    """Ids of SKUs by code. Raises DomainError for one that does not exist."""
    found = dict(Sku.objects.filter(code__in=codes).values_list("code", "pk"))
    missing = sorted(set(codes) - set(found))
    if missing:
        raise DomainError(f"There is no SKU {', '.join(missing[:10])}.", field="skus")
    return found


def count_out(count: StockCount) -> dict[str, Any]:
    """A count with its progress."""
    progress = progress_of([count])[count.pk]
    return {
        "uid": count.uid, "number": count.number, "name": count.name, "node": count.node.code, "kind": count.kind,
        "state": count.state, "is_blind": count.is_blind, "accept_units": count.accept_units,
        "accept_value_minor": count.accept_value_minor, "due_on": count.due_on, "created_at": count.created_at,
        "closed_at": count.closed_at, "skus": progress.items, "counted": progress.counted,
        "to_review": progress.to_review, "open_sessions": progress.open_sessions, "unmatched": progress.unmatched,
    }  # fmt: skip


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Texts for ids, days and moments: what an idempotent write answers is kept as JSON."""
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else str(value) if isinstance(value, UUID)
        else value
        for name, value in row.items()
    }  # fmt: skip


@router.get("/counts", summary="Counts", response={200: dict[str, Any]})
def counts(request: HttpRequest, state: str = "", node: str = "", after: int = 0, limit: int = 50) -> Any:
    """Counts in scope; `state` open, review, closed, cancelled; `after` pages by the `next` of the page before."""
    principal = need(request, "inventory.view")
    found = in_node_scope(StockCount.objects.select_related("node").filter(pk__gt=after), principal)
    if state:
        found = found.filter(state__in=state.split(","))
    if node:
        found = found.filter(node__code=node)
    size = max(1, min(limit, 200))
    rows = list(found.order_by("pk")[:size])
    progress = progress_of(rows)
    return {
        "counts": [
            {"uid": row.uid, "number": row.number, "name": row.name, "node": row.node.code, "kind": row.kind,
             "state": row.state, "due_on": row.due_on, "skus": progress[row.pk].items,
             "counted": progress[row.pk].counted, "to_review": progress[row.pk].to_review}
            for row in rows
        ],
        "next": rows[-1].pk if len(rows) == size else None,
    }  # fmt: skip


@router.post("/counts", summary="Begin a count", response={201: dict[str, Any], **REFUSALS})
@idempotent
def begin(request: HttpRequest, body: CountPlanIn) -> tuple[int, Any]:
    """Begin a directed or a free count at a node."""
    principal = need(request, "inventory.count")
    node = node_named(principal, body.node)
    chosen = _chosen(body, node.pk) if body.kind == StockCountKind.DIRECTED else []
    made = plan_count(
        uid=body.uid or uuid7(), node_id=node.pk, kind=body.kind, sku_ids=chosen, name=body.name,
        is_blind=body.is_blind, accept_units=body.accept_units, accept_value_minor=body.accept_value_minor,
        due_on=body.due_on, actor=principal.name,
    )  # fmt: skip
    # A uid that somebody else used for a count elsewhere is not shown.
    return 201, plain(count_out(count_of(principal, made.uid)))


def _chosen(body: CountPlanIn, node_id: int) -> list[int]:
    named = list(sku_ids(body.skus).values()) if body.skus else None
    has_filter = body.category or body.bin_prefix or body.after_short_picks
    if not has_filter and body.atp_below is None and body.not_counted_days is None and named:
        return named
    only = set(named) if named is not None else None
    if body.after_short_picks:
        short = set(short_picked_skus(node_id))
        only = short if only is None else only & short
    found = skus_to_count(node_id, CountFilter(
        category=body.category, bin_prefix=body.bin_prefix, atp_below=body.atp_below,
        not_counted_days=body.not_counted_days, sku_ids=frozenset(only) if only is not None else None,
    ))  # fmt: skip
    if len(found) > MOST_SKUS:
        raise DomainError(f"More than {MOST_SKUS} SKUs fit. Narrow the filters.", field="skus")
    return found


@router.get("/counts/{uuid:uid}", summary="One count", response={200: dict[str, Any], **REFUSALS})
def one(request: HttpRequest, uid: UUID) -> Any:
    """A count with its sessions and unknown codes; with its lines for those who may adjust stock."""
    principal = need(request, "inventory.view")
    found = count_of(principal, uid)
    answer = count_out(found)
    answer["sessions"] = [
        {"uid": row.session.uid, "area": row.session.area, "state": row.session.state, "person": row.session.person,
         "started_at": row.session.started_at, "last_scan_at": row.session.last_scan_at, "scans": row.scans,
         "units": row.units}
        for row in count_sessions(found.pk)
    ]  # fmt: skip
    answer["unmatched_codes"] = [
        {"code": row.code, "units": row.units, "areas": row.areas} for row in unmatched_codes(found.pk)
    ]
    if principal.may("inventory.adjust"):
        answer["lines"] = _lines(found)
    return answer


def _lines(found: StockCount) -> list[dict[str, Any]]:
    tally = count_tally(found.pk, open_too=True) if found.state == StockCount.State.OPEN else {}
    return [
        {"sku": item.sku.code, "is_directed": item.is_directed, "state": item.state,
         "counted": tally[item.sku_id].quantity if item.sku_id in tally else item.counted_quantity,
         "expected": item.expected_quantity, "in_totes": item.carried_quantity, "variance": item.variance,
         "value_minor": (item.variance or 0) * item.sku.cost_minor, "posted": item.posted_quantity,
         "counted_at": item.counted_at, "decided_by": item.decided_by, "note": item.note}
        for item in CountItem.objects.filter(count=found).select_related("sku").order_by("sku__code")
    ]  # fmt: skip


# -- sessions ----------------------------------------------------------------------------------------------------------


@router.post("/counts/{uuid:uid}/sessions", summary="Hold an area", response={201: dict[str, Any], **REFUSALS})
@idempotent
def start(request: HttpRequest, uid: UUID, body: SessionIn) -> tuple[int, Any]:
    """Hold an area of an open count with this device; the `token` goes with everything that follows."""
    principal = need(request, "inventory.count")
    count_of(principal, uid)
    made = start_session(count_uid=uid, area=body.area, counter=_counter(principal), device=body.device,
                         again=body.again)  # fmt: skip
    return 201, {"uid": str(made.uid), "token": str(made.lock_token), "area": made.area, "state": made.state}


@router.post("/counts/{uuid:uid}/sessions/{uuid:session}/scans", summary="Hand scans in",
             response={200: dict[str, Any], **REFUSALS})  # fmt: skip
@idempotent
def scans(request: HttpRequest, uid: UUID, session: UUID, body: ScansIn) -> tuple[int, Any]:
    """Up to 500 scans, an answer for each: what is `kept` need not be sent again, and may be."""
    principal = need(request, "inventory.count")
    _session(principal, uid, session)
    made = [
        Scan(uid=row.uid, code=row.code, scanned_at=row.at, quantity=row.quantity, is_total=row.is_total, lot=row.lot,
             serial=row.serial, is_undone=row.undone)
        for row in body.scans
    ]  # fmt: skip
    moment = now()
    answers = record_scans(session_uid=session, lock_token=body.token, scans=made,
                           clock_ahead=(body.now or moment) - moment)  # fmt: skip
    return 200, {
        "answers": [
            {"uid": str(row.uid), "outcome": row.outcome, "kept": row.is_kept, "message": row.text,
             "sku": row.sku_code, "total": row.total}
            for row in answers
        ]
    }  # fmt: skip


@router.post("/counts/{uuid:uid}/sessions/{uuid:session}/submit", summary="Submit an area",
             response={200: dict[str, Any], **REFUSALS})  # fmt: skip
@idempotent
def submit(request: HttpRequest, uid: UUID, session: UUID, body: TokenIn) -> tuple[int, Any]:
    """The area is counted."""
    principal = need(request, "inventory.count")
    _session(principal, uid, session)
    return 200, {"state": submit_session(session_uid=session, lock_token=body.token, actor=principal.name).state}


@router.post("/counts/{uuid:uid}/sessions/{uuid:session}/release", summary="Free an area",
             response={200: dict[str, Any], **REFUSALS})  # fmt: skip
@idempotent
def release(request: HttpRequest, uid: UUID, session: UUID) -> tuple[int, Any]:
    """Free the own area, or anybody's with `inventory.approve`; its scans stay."""
    principal = need(request, "inventory.count")
    _session(principal, uid, session)
    return 200, {"state": release_session(session_uid=session, counter=_counter(principal)).state}


@router.post("/counts/{uuid:uid}/sessions/{uuid:session}/discard", summary="Throw an area's scans away",
             response={200: dict[str, Any], **REFUSALS})  # fmt: skip
@idempotent
def discard(request: HttpRequest, uid: UUID, session: UUID) -> tuple[int, Any]:
    """What was scanned there counts no more."""
    principal = need(request, "inventory.count")
    _session(principal, uid, session)
    return 200, {"state": discard_session(session_uid=session, counter=_counter(principal)).state}
