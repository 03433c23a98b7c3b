"""Deciding about counts over the API: unknown codes, variances, the end of a count."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema

from inventory.models import CountItem, StockCount
from inventory.services.counting import (
    Reviewer,
    accept_items,
    cancel_count,
    close_counting,
    count_as_none,
    finish_count,
    match_code,
    recount_items,
    reject_items,
    set_code_aside,
)
from oms.accounts.access import Principal
from oms.api.counts import REFUSALS, count_of, count_out, plain, sku_ids
from oms.api.gate import idempotent, need
from oms.core.ids import uuid7
from oms.flow.counting import carried_by_pickers

router = Router(tags=["counts"])


class CodeIn(Schema):
    """An unknown code: the SKU that it is, or the reason why it counts for nothing."""

    code: str
    sku: str = ""
    keep_barcode: bool = False
    reason: str = ""


class DecisionIn(Schema):
    """Lines by SKU code; all that wait where none are named."""

    skus: list[str] | None = None
    note: str = ""


def _reviewed(request: HttpRequest, uid: UUID) -> tuple[Principal, StockCount]:
    principal = need(request, "inventory.adjust")
    return principal, count_of(principal, uid)


def _items(found: StockCount, skus: list[str] | None) -> list[int] | None:
    if skus is None:
        return None
    items = CountItem.objects.filter(count=found, sku__in=sku_ids(skus).values())
    return list(items.order_by("pk").values_list("pk", flat=True))


@router.post("/counts/{uuid:uid}/review", summary="Close counting", response={200: dict[str, Any], **REFUSALS})
@idempotent
def review(request: HttpRequest, uid: UUID) -> tuple[int, Any]:
    """Compare what was found with what should have lain there; what is within the threshold is accepted at once."""
    principal, found = _reviewed(request, uid)
    close_counting(count_uid=found.uid, actor=principal.name, carried_since=carried_by_pickers)
    return 200, plain(count_out(count_of(principal, uid)))


@router.post("/counts/{uuid:uid}/codes", summary="Settle an unknown code", response={200: dict[str, Any], **REFUSALS})
@idempotent
def code(request: HttpRequest, uid: UUID, body: CodeIn) -> tuple[int, Any]:
    """Match an unknown code to a `sku`, or set it aside with a `reason`; how many scans that were."""
    principal, found = _reviewed(request, uid)
    if not body.sku:
        n = set_code_aside(count_uid=found.uid, code=body.code, reason=body.reason, actor=principal.name)
        return 200, {"scans": n}
    n = match_code(count_uid=found.uid, code=body.code, sku_id=sku_ids([body.sku])[body.sku], actor=principal.name,
                   keep_barcode=body.keep_barcode, carried_since=carried_by_pickers)  # fmt: skip
    return 200, {"scans": n}


@router.post("/counts/{uuid:uid}/accept", summary="Accept variances", response={200: dict[str, Any], **REFUSALS})
@idempotent
def accept(request: HttpRequest, uid: UUID, body: DecisionIn) -> tuple[int, Any]:
    """Post the variances of these lines; those that cannot be are told with their reason."""
    principal, found = _reviewed(request, uid)
    reviewer = Reviewer(principal.key, principal.name, principal.may("inventory.approve"))
    decision = accept_items(count_uid=found.uid, reviewer=reviewer, carried_since=carried_by_pickers,
                            item_ids=_items(found, body.skus), note=body.note)  # fmt: skip
    return 200, {
        "accepted": [{"sku": item.sku.code, "posted": item.posted_quantity} for item in decision.accepted],
        "refused": [
            {"sku": row.sku_code, "code": row.code, "message": row.text, "orders": list(row.orders)}
            for row in decision.refused
        ],
    }  # fmt: skip


@router.post("/counts/{uuid:uid}/reject", summary="Reject variances", response={200: dict[str, Any], **REFUSALS})
@idempotent
def reject(request: HttpRequest, uid: UUID, body: DecisionIn) -> tuple[int, Any]:
    """Post nothing for these lines."""
    principal, found = _reviewed(request, uid)
    n = reject_items(count_uid=found.uid, item_ids=_items(found, body.skus), actor=principal.name, note=body.note)
    return 200, {"rejected": n}


@router.post("/counts/{uuid:uid}/none", summary="Count as none", response={200: dict[str, Any], **REFUSALS})
@idempotent
def none(request: HttpRequest, uid: UUID, body: DecisionIn) -> tuple[int, Any]:
    """These lines, which nobody found, count as none; they still wait to be accepted."""
    principal, found = _reviewed(request, uid)
    done = count_as_none(count_uid=found.uid, item_ids=_items(found, body.skus or []) or [], actor=principal.name,
                         carried_since=carried_by_pickers)  # fmt: skip
    return 200, {"counted": len(done)}


@router.post("/counts/{uuid:uid}/recount", summary="Count again", response={201: dict[str, Any], **REFUSALS})
@idempotent
def recount(request: HttpRequest, uid: UUID, body: DecisionIn) -> tuple[int, Any]:
    """Reject these lines and begin a count of their SKUs."""
    principal, found = _reviewed(request, uid)
    made = recount_items(count_uid=found.uid, item_ids=_items(found, body.skus), uid=uuid7(), actor=principal.name,
                         note=body.note)  # fmt: skip
    return 201, plain(count_out(count_of(principal, made.uid)))


@router.post("/counts/{uuid:uid}/close", summary="Close a count", response={200: dict[str, Any], **REFUSALS})
@idempotent
def finish(request: HttpRequest, uid: UUID) -> tuple[int, Any]:
    """Every variance is decided: the count is done."""
    principal, found = _reviewed(request, uid)
    finish_count(count_uid=found.uid, actor=principal.name)
    return 200, plain(count_out(count_of(principal, uid)))


@router.post("/counts/{uuid:uid}/cancel", summary="Cancel a count", response={200: dict[str, Any], **REFUSALS})
@idempotent
def cancel(request: HttpRequest, uid: UUID) -> tuple[int, Any]:
    """Give a count up: nothing of it is posted."""
    principal, found = _reviewed(request, uid)
    cancel_count(count_uid=found.uid, actor=principal.name)
    return 200, plain(count_out(count_of(principal, uid)))
