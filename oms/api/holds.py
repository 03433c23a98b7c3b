"""Holds over the API: a checkout keeps units for a while, and hands in its order with them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field, StringConstraints

from inventory.models import Node, Sku
from inventory.selectors import find_hold, read_recipes
from inventory.services import HoldLine, extend_hold, hold_stock, release_hold
from oms.accounts.access import in_node_scope
from oms.api.gate import ErrorOut, idempotent, need
from oms.core.errors import DomainError, NotFound
from oms.core.ids import uuid7
from orders.models import SalesChannel
from routing.selectors import sourcing_nodes

router = Router(tags=["holds"])
REFUSALS = {404: ErrorOut, 409: ErrorOut, 422: ErrorOut}
#: How long a checkout holds where it does not say.
DEFAULT_SECONDS = 900


class HoldLineIn(Schema):
    """Units of a SKU, or of a kit; of one node where it is named, for pickup there."""

    sku: str
    quantity: int
    node: str = ""


class HoldIn(Schema):
    """What a checkout wants to keep. `reference` is the caller's own name of the cart, for people."""

    channel: str
    lines: list[HoldLineIn]
    seconds: int = DEFAULT_SECONDS
    reference: Annotated[str, StringConstraints(max_length=80)] = ""


class ExtendIn(Schema):
    """How many seconds from now it shall last."""

    seconds: int = Field(DEFAULT_SECONDS)


class HoldLineOut(Schema):
    """Units that are kept at a node; `kit` names the kit that they are components of, while it is held."""

    sku: str
    node: str
    quantity: int
    kit: str = ""


class HoldKitOut(Schema):
    """Units of a kit that are kept: their components are lines."""

    sku: str
    quantity: int


class HoldOut(Schema):
    """A hold. `state` is held, confirmed, released or expired, as of this moment by the database's clock."""

    uid: UUID
    state: str
    channel: str
    reference: str
    expires_at: datetime
    seconds_left: int
    lines: list[HoldLineOut]
    kits: list[HoldKitOut] = []


def hold_out(uid: UUID, owner: str) -> dict[str, Any]:
    """A hold as the API shows it. Raises NotFound for one of somebody else."""
    found = find_hold(uid, owner)
    if found is None:
        raise NotFound(f"There is no hold {uid}.")
    return HoldOut(
        uid=found.uid, state=found.state, channel=found.channel_code, reference=found.reference,
        expires_at=found.expires_at, seconds_left=found.seconds_left,
        lines=[HoldLineOut(**line._asdict()) for line in found.lines],
        kits=[HoldKitOut(**kit._asdict()) for kit in found.kits],
    ).model_dump(mode="json")  # fmt: skip


@router.post("/holds", summary="Hold stock for a checkout", response={201: HoldOut, **REFUSALS})
@idempotent
def hold(request: HttpRequest, body: HoldIn) -> tuple[int, Any]:
    """Keep units for so many seconds: all lines or none. Of a kit its components are kept, those of one unit together.

    Sold out is 409 `not_enough_stock`, with `data.lines`: SKU, what was wanted, what is possible.
    """
    principal = need(request, "stock.hold")
    channel = SalesChannel.objects.filter(code=body.channel, is_active=True).first()
    if channel is None or not principal.sees_channel(body.channel):
        raise NotFound(f"There is no channel {body.channel}.", field="channel")
    nodes = in_node_scope(sourcing_nodes(channel.pk), principal, "code")
    made = hold_stock(
        uid=uuid7(), owner=principal.key, lines=_lines(body, {node.code: node for node in nodes}),
        seconds=body.seconds, reference=body.reference, channel_code=channel.code, actor=principal.name,
        node_ids=[node.pk for node in nodes if node.ships],
    )  # fmt: skip
    return 201, hold_out(made.uid, principal.key)


def _lines(body: HoldIn, nodes: dict[str, Node]) -> list[HoldLine]:
    named = Sku.objects.filter(code__in=[line.sku for line in body.lines]).values_list("code", "pk", "is_kit")
    skus = {code: (pk, is_kit) for code, pk, is_kit in named}
    kits = [pk for pk, is_kit in skus.values() if is_kit]
    recipes = read_recipes(kits) if kits else {}
    lines: list[HoldLine] = []
    for position, line in enumerate(body.lines):
        if line.sku not in skus:
            raise DomainError(f"There is no SKU {line.sku}.", field=f"lines.{position}.sku")
        if line.node and line.node not in nodes:
            raise NotFound(f"There is no node {line.node}.", field=f"lines.{position}.node")
        pk, is_kit = skus[line.sku]
        parts = tuple((one.sku_id, one.quantity) for one in recipes[pk].components) if is_kit else ()
        if is_kit and not parts:
            raise DomainError(f"{line.sku} is a kit without components.", field=f"lines.{position}.sku")
        lines.append(HoldLine(pk, line.quantity, nodes[line.node].pk if line.node else None, parts))
    return lines


@router.get("/holds/{uid}", summary="One hold", response={200: HoldOut, 404: ErrorOut})
def get_hold(request: HttpRequest, uid: UUID) -> Any:
    """A hold of the caller, as of this moment."""
    return hold_out(uid, need(request, "stock.hold").key)


@router.post("/holds/{uid}/extend", summary="Hold on for longer", response={200: HoldOut, **REFUSALS})
@idempotent
def extend(request: HttpRequest, uid: UUID, body: ExtendIn) -> tuple[int, Any]:
    """Let it last so many seconds from now, while it has not ended."""
    principal = need(request, "stock.hold")
    hold_out(uid, principal.key)
    extend_hold(uid=uid, owner=principal.key, seconds=body.seconds)
    return 200, hold_out(uid, principal.key)


@router.delete("/holds/{uid}", summary="Give a hold back", response={200: HoldOut, **REFUSALS})
@idempotent
def release(request: HttpRequest, uid: UUID) -> tuple[int, Any]:
    """Give the units back. One that was given back, or is over, stays as it is."""
    principal = need(request, "stock.hold")
    hold_out(uid, principal.key)
    release_hold(uid=uid, owner=principal.key, actor=principal.name)
    return 200, hold_out(uid, principal.key)
