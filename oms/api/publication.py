"""What channels may sell, why, and what they were told: over the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import StringConstraints

from channels import services
from channels.models import Listing
from channels.selectors import PROBLEMS, ListingRow, SellableExplanation, explain_sellable, listing_page, listing_rows
from channels.services.publication import Halt
from inventory.models import Sku
from oms.accounts.access import Principal, in_channel_scope
from oms.api.gate import ErrorOut, idempotent, need
from oms.core.errors import Conflict, DomainError, NotFound
from orders.models import SalesChannel

router = Router(tags=["publication"])
REFUSALS = {404: ErrorOut, 409: ErrorOut, 422: ErrorOut}
#: Fields of a listing that the API shows as they are.
_PLAIN = (
    "id", "external_sku", "publication", "paused_by", "paused_reason", "atp", "buffer", "threshold", "cap",
    "sells_inbound", "wanted_quantity", "wanted_version", "sent_quantity", "sent_version", "reported_quantity", "error",
    "exposed_units", "problem", "drift", "paused_at", "wanted_at", "sent_at", "acknowledged_at", "exposed_since",
)  # fmt: skip


class IdsIn(Schema):
    """Listings by id."""

    ids: list[int]


class HaltIn(Schema):
    """Listings, and why. `halt` is paused (the channel keeps what it was told) or stopped (it is told 0)."""

    ids: list[int]
    halt: str = "paused"
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)]


def explanation_out(found: SellableExplanation, seen: Sequence[str] | None) -> dict[str, Any]:
    """The sum behind a number. Nodes that the caller does not see are one number."""
    shown = [node for node in found.nodes if seen is None or node.node_code in seen]
    return {
        "channel": found.channel_code, "sellable": found.quantity, "sentence": found.sentence(seen),
        "nodes": [{"node": node.node_code, "atp": node.atp, "buffer": node.buffer, "units": node.units,
                   "inbound": node.inbound} for node in shown],
        "other_nodes": found.ready - sum(node.units for node in shown), "inbound": found.inbound,
        "waiting": found.waiting, "threshold": found.threshold, "cap": found.cap, "stopped": found.stopped,
        "listing": found.listing_id,
    }  # fmt: skip


def listing_out(row: ListingRow) -> dict[str, Any]:
    """A listing as the API shows it. `acknowledged_quantity` is what the channel may sell until it takes another."""
    values = {name: getattr(row, name) for name in _PLAIN}
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
    return plain | {
        "channel": row.channel_code, "sku": row.sku_code, "acknowledged_quantity": row.told_quantity,
        "exposure_unit_seconds": round(row.seconds, 3),
    }  # fmt: skip


@router.get("/availability", summary="What channels may sell", response={200: dict[str, Any], **REFUSALS})
def availability(request: HttpRequest, sku: str, channel: str = "") -> Any:
    """What one channel, or each in scope, may sell of a SKU at this moment, with every number of the sum."""
    principal = need(request, "inventory.view")
    found = Sku.objects.filter(code=sku).first()
    if found is None:
        raise NotFound(f"There is no SKU {sku}.", field="sku")
    channels = in_channel_scope(SalesChannel.objects.filter(is_active=True), principal, "code")
    if channel:
        channels = channels.filter(code=channel)
        if not channels.exists():
            raise NotFound(f"There is no channel {channel}.", field="channel")
    seen = None if principal.all_nodes else sorted(principal.node_codes)
    rows = explain_sellable(sku_id=found.pk, channel_ids=list(channels.values_list("pk", flat=True)))
    return {"sku": found.code, "channels": [explanation_out(row, seen) for row in rows]}


@router.get("/listings", summary="Listings", response={200: dict[str, Any], **REFUSALS})
def listings(
    request: HttpRequest, channel: str = "", problem: str = "", q: str = "", after: str = "", limit: int = 100
) -> Any:
    """Mapped listings in scope, problems first; `problem` is refused, drift, exposed, behind or paused."""
    principal = need(request, "channels.view")
    if problem and problem not in PROBLEMS:
        raise DomainError(f"{problem!r} is not a problem: {', '.join(PROBLEMS)}.", field="problem")
    rows, mark = listing_page(
        codes=None if principal.all_channels else sorted(principal.channel_codes), channel=channel, problem=problem,
        text=q, after=after, size=max(1, min(limit, 500)),
    )  # fmt: skip
    return {"listings": [listing_out(row) for row in rows], "next": mark or None}


def _in_scope(principal: Principal, ids: Sequence[int]) -> list[int]:
    """The listings, all of which must be in scope. Raises NotFound naming the first that is not."""
    scope = in_channel_scope(Listing.objects.filter(pk__in=ids, sku__isnull=False), principal, "account__channel__code")
    found = set(scope.values_list("pk", flat=True))
    missing = next((pk for pk in ids if pk not in found), None)
    if missing is not None:
        raise NotFound(f"There is no listing {missing}.", field="ids")
    return sorted(found)


def _rows(ids: Sequence[int]) -> dict[str, Any]:
    return {"listings": [listing_out(row) for row in listing_rows(ids)]}


@router.post("/listings/push", summary="Push listings now", response={200: dict[str, Any], **REFUSALS})
@idempotent
def push(request: HttpRequest, body: IdsIn) -> tuple[int, Any]:
    """Have the channels told the present quantities, also where they know them. Of one that cannot be, says why."""
    ids = _in_scope(need(request, "channels.sync"), body.ids)
    pushed = services.push_listings(listing_ids=ids)
    if not pushed.done:
        raise Conflict(" ".join(list(pushed.refused.values())[:3]))
    return 200, {"pushed": pushed.done, "refused": {str(pk): why for pk, why in pushed.refused.items()}}


@router.post("/listings/pause", summary="Pause or stop listings", response={200: dict[str, Any], **REFUSALS})
@idempotent
def pause(request: HttpRequest, body: HaltIn) -> tuple[int, Any]:
    """Pause keeps what the channel was told; stopped tells it 0."""
    principal = need(request, "channels.edit")
    halts: dict[str, Halt] = {"paused": "paused", "stopped": "stopped"}
    if body.halt not in halts:
        raise DomainError(f"{body.halt!r} is not a halt: paused or stopped.", field="halt")
    ids = _in_scope(principal, body.ids)
    services.halt_listings(listing_ids=ids, halt=halts[body.halt], reason=body.reason, actor=principal.name)
    return 200, _rows(ids)


@router.post("/listings/resume", summary="Resume listings", response={200: dict[str, Any], **REFUSALS})
@idempotent
def resume(request: HttpRequest, body: IdsIn) -> tuple[int, Any]:
    """Tell the channels again what may be sold."""
    principal = need(request, "channels.edit")
    ids = _in_scope(principal, body.ids)
    services.resume_listings(listing_ids=ids, actor=principal.name)
    return 200, _rows(ids)
