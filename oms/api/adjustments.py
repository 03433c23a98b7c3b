"""Adjustments over the API: asked for, listed, approved, rejected; and counts of single SKUs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from fulfillment.selectors.units import units_in_totes
from inventory import services
from inventory.models import Node, StockAdjustment, StockAdjustmentState
from inventory.services import Asked
from oms.accounts.access import Principal, in_node_scope
from oms.api.gate import idempotent, need, node_named
from oms.api.inventory import REFUSALS, Reference, skus_named
from oms.core.errors import DomainError, NotFound

router = Router(tags=["inventory"])


class AdjustmentIn(Schema):
    """A change with a reason (see docs/api.md). `reference` identifies it: the same one again changes nothing."""

    node: str
    sku: str
    reason: str
    quantity: int
    reference: Reference
    note: str = ""
    lot: str = ""
    serials: list[str] = []


class CountIn(Schema):
    """What was counted on the shelf; of a SKU that is kept by lot, of which lot."""

    node: str
    sku: str
    counted: int
    reference: Reference
    note: str = ""
    lot: str = ""


class DecisionIn(Schema):
    """Why."""

    note: str = ""


def adjustment_out(row: StockAdjustment) -> dict[str, Any]:
    """An adjustment as the API shows it. `value_minor` is by cost, in the currency of the business."""
    return {
        "id": row.pk, "state": row.state, "node": row.node.code, "sku": row.sku.code, "reason": row.reason,
        "quantity": row.quantity, "value_minor": row.value_minor, "lot": row.lot.code if row.lot else "",
        "serials": row.serials, "note": row.note, "asked_by": row.asked_by, "asked_at": row.asked_at.isoformat(),
        "decided_by": row.decided_by, "decided_at": row.decided_at.isoformat() if row.decided_at else None,
        "decision_note": row.decision_note,
    }  # fmt: skip


def _ask(
    principal: Principal, node: Node, *, sku: str, reason: str, quantity: int, op_key: str, note: str, lot: str,
    serials: list[str],
) -> Asked:  # fmt: skip
    return services.ask_adjustment(
        node_id=node.pk, sku_id=skus_named([sku])[sku], reason=reason, quantity=quantity, op_key=op_key,
        actor=principal.name, actor_key=principal.key, note=note, lot_code=lot, serials=serials,
        spoken_for=units_in_totes,
    )  # fmt: skip


@router.post("/inventory/adjustments", summary="Adjust stock", response={200: dict[str, Any], **REFUSALS})
@idempotent
def adjust(request: HttpRequest, body: AdjustmentIn) -> tuple[int, Any]:
    """Move units as the reason says. Above the limit of the node it waits: `state` is "waiting", nothing changed."""
    principal = need(request, "inventory.adjust")
    if body.reason == services.COUNTED:
        raise DomainError("Report a count to /inventory/counts.", field="reason")
    node = node_named(principal, body.node)
    asked = _ask(
        principal, node, sku=body.sku, reason=body.reason, quantity=body.quantity, note=body.note, lot=body.lot,
        serials=body.serials, op_key=f"adjust/{node.pk}/{body.reference}",
    )  # fmt: skip
    return 200, {"changed": asked.changed, "state": asked.adjustment.state, "id": asked.adjustment.pk}


@router.post("/inventory/counts", summary="Report a count", response={200: dict[str, Any], **REFUSALS})
@idempotent
def count(request: HttpRequest, body: CountIn) -> tuple[int, Any]:
    """Set on hand to what was counted. Above the limit of the node it waits: `state` is "waiting", nothing changed."""
    principal = need(request, "inventory.adjust")
    node = node_named(principal, body.node)
    asked = _ask(
        principal, node, sku=body.sku, reason=services.COUNTED, quantity=body.counted, note=body.note, lot=body.lot,
        serials=[], op_key=f"count/{node.pk}/{body.reference}",
    )  # fmt: skip
    return 200, {"change": asked.change, "state": asked.adjustment.state, "id": asked.adjustment.pk}


@router.get("/inventory/adjustments", summary="Adjustments", response={200: dict[str, Any]})
def adjustments(
    request: HttpRequest, state: str = "", node: str = "", sku: str = "", before: int = 0, limit: int = 100
) -> Any:
    """Adjustments in scope, newest first; `before` pages by the `next` of the page before."""
    principal = need(request, "inventory.view")
    if state and state not in StockAdjustmentState.values:
        raise DomainError(f"{state!r} is not a state of an adjustment.", field="state")
    found = in_node_scope(StockAdjustment.objects.select_related("sku", "node", "lot"), principal)
    wanted = {"state": state, "node__code": node, "sku__code": sku, "pk__lt": before}
    size = max(1, min(limit, 500))
    rows = list(found.filter(**{name: value for name, value in wanted.items() if value}).order_by("-pk")[:size])
    return {"adjustments": [adjustment_out(row) for row in rows], "next": rows[-1].pk if len(rows) == size else None}


def _named(principal: Principal, pk: int) -> int:
    """The adjustment of this id, in scope. Raises NotFound."""
    if not in_node_scope(StockAdjustment.objects.filter(pk=pk), principal).exists():
        raise NotFound(f"There is no adjustment {pk}.")
    return pk


@router.post(
    "/inventory/adjustments/{pk}/approve", summary="Approve an adjustment", response={200: dict[str, Any], **REFUSALS}
)
@idempotent
def approve(request: HttpRequest, pk: int, body: DecisionIn) -> tuple[int, Any]:
    """Accept and post what waits. Whoever asked for it is refused (403)."""
    principal = need(request, "inventory.approve")
    row = services.approve_adjustment(
        adjustment_id=_named(principal, pk), actor=principal.name, actor_key=principal.key, note=body.note,
        spoken_for=units_in_totes,
    )  # fmt: skip
    return 200, adjustment_out(row)


@router.post(
    "/inventory/adjustments/{pk}/reject", summary="Reject an adjustment", response={200: dict[str, Any], **REFUSALS}
)
@idempotent
def reject(request: HttpRequest, pk: int, body: DecisionIn) -> tuple[int, Any]:
    """Say no, with a note; nothing is posted."""
    principal = need(request, "inventory.approve")
    row = services.reject_adjustment(
        adjustment_id=_named(principal, pk), actor=principal.name, actor_key=principal.key, note=body.note
    )
    return 200, adjustment_out(row)
