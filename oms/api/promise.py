"""Promises over the API: what a cart can be offered, for a checkout, and for pages of many SKUs or many postcodes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field, StringConstraints

from inventory.models import Node
from inventory.services import HoldLine, hold_stock
from oms.accounts.access import Principal, in_node_scope
from oms.api.gate import ErrorOut, idempotent, need
from oms.api.holds import hold_out
from oms.core.errors import DomainError, NotFound
from oms.core.ids import uuid7
from oms.reporting.promise_answers import answer_values, reason_for
from routing.selectors import sourcing_nodes
from routing.services import Answered, Question, promise, promises

router = Router(tags=["promise"])
REFUSALS = {404: ErrorOut, 409: ErrorOut, 422: ErrorOut}
#: A listing page asks for at most so many carts.
MOST_AT_ONCE = 500
Code = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Postcode = Annotated[str, StringConstraints(max_length=16)]
Country = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]


class PromiseLineIn(Schema):
    """Units of a SKU or kit."""

    sku: Code
    quantity: int = Field(1, ge=1, le=1_000_000)


class PromiseIn(Schema):
    """A cart and where it goes. `moment` asks for another time than now, `hold_seconds` keeps the stock meanwhile."""

    channel: Code
    lines: Annotated[list[PromiseLineIn], Field(min_length=1, max_length=100)]
    postcode: Postcode = ""
    country: Country = "IN"
    pickup_node: Annotated[str, StringConstraints(max_length=40)] = ""
    cod: bool = False
    moment: datetime | None = None
    hold_seconds: int = Field(0, ge=0)


class PromisePageIn(Schema):
    """Every SKU alone to every postcode: many SKUs to one of them, or one SKU to many."""

    channel: Code
    skus: Annotated[list[Code], Field(min_length=1, max_length=MOST_AT_ONCE)]
    postcodes: Annotated[list[Postcode], Field(min_length=1, max_length=MOST_AT_ONCE)]
    country: Country = "IN"
    cod: bool = False
    moment: datetime | None = None


class SourceOut(Schema):
    """A node that ships or hands over, and the units of it."""

    node: str
    name: str
    units: int
    leaves_at: datetime
    zone: str
    km: float


class PartOut(Schema):
    """A part of the time that it takes: cutoff, queue, pack, pickup, transit, off or margin."""

    part: str
    starts_at: datetime
    ends_at: datetime


class OptionOut(Schema):
    """One thing to offer. `probability` is the share of such promises that is kept; `order_by` ends the countdown."""

    kind: str
    service: str
    name: str
    promised_by: datetime
    starts_at: datetime | None
    date: str
    probability: float
    cost_minor: int
    currency: str
    order_by: datetime
    minutes_to_cutoff: int
    nodes: list[SourceOut]
    parts: list[PartOut]


class MissingOut(Schema):
    """Units that no node can ship."""

    sku: str
    quantity: int


class PromiseOut(Schema):
    """The options, the soonest delivery first; `reason` says why nothing is delivered, where nothing is."""

    postcode: str
    place: str
    moment: datetime
    serviceable: bool
    reason: str
    missing: list[MissingOut]
    options: list[OptionOut]
    hold: dict[str, Any] | None = None


@router.post("/promise", summary="What a cart can be offered", response={200: PromiseOut, 201: PromiseOut, **REFUSALS})
@idempotent
def ask(request: HttpRequest, body: PromiseIn) -> tuple[int, Any]:
    """Dates with their probability, windows and stores, from the stock of this moment and by the rules of routing.

    With `hold_seconds` the units are kept for so long, as POST /holds does, and the reply (201) names the hold.
    """
    principal = need(request, "promise.view")
    _must_see(principal, body.channel)
    if body.pickup_node and not principal.sees_node(body.pickup_node):
        raise NotFound(f"There is no node {body.pickup_node}.", field="pickup_node")
    question = Question(
        tuple((line.sku, line.quantity) for line in body.lines), body.postcode.strip(), body.pickup_node, body.cod,
        body.country,
    )  # fmt: skip
    found = promise(question, channel_code=body.channel, moment=_aware(body.moment))
    reply = answer_values(found, principal)
    if not body.hold_seconds or not found.answer.options:
        return 200, reply
    principal.require("stock.hold")
    return 201, reply | {"hold": _hold(principal, body, found)}


@router.post("/promise/page", summary="Promises for a listing page", response={200: dict[str, Any], **REFUSALS})
def page(request: HttpRequest, body: PromisePageIn) -> Any:
    """The soonest delivery of one unit of each SKU to each postcode: at most 500 pairs, from one look at the stock."""
    principal = need(request, "promise.view")
    _must_see(principal, body.channel)
    if len(body.skus) * len(body.postcodes) > MOST_AT_ONCE:
        raise DomainError(f"At most {MOST_AT_ONCE} pairs of SKU and postcode at once.", field="skus")
    questions = [
        Question(((sku, 1),), postcode.strip(), "", body.cod, body.country)
        for sku in body.skus for postcode in body.postcodes
    ]  # fmt: skip
    found = promises(questions, channel_code=body.channel, moment=_aware(body.moment))
    return {"promises": [_short(answered, principal) for answered in found]}


def _short(answered: Answered, principal: Principal) -> dict[str, Any]:
    best = next((option for option in answered.answer.options if option.kind != "pickup"), None)
    row: dict[str, Any] = {"sku": answered.question.lines[0][0], "postcode": answered.question.postcode}
    if best is None:
        return row | {"serviceable": False, "reason": reason_for(answered, principal)}
    return row | {
        "serviceable": True, "service": best.service, "date": best.day.isoformat(),
        "probability": round(best.probability, 3), "cost_minor": best.cost_minor, "currency": best.currency,
        "order_by": best.order_by.isoformat(),
        "nodes": [source.code if principal.sees_node(source.code) else "" for source in best.sources],
    }  # fmt: skip


def _must_see(principal: Principal, channel: str) -> None:
    if not principal.sees_channel(channel):
        raise NotFound(f"There is no channel {channel}.", field="channel")


def _aware(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise DomainError("The moment needs a time zone, as in 2026-11-22T15:00:00+05:30.", field="moment")
    return moment


def _hold(principal: Principal, body: PromiseIn, found: Answered) -> dict[str, Any]:
    """Keep the units where the first option would take them from."""
    nodes = in_node_scope(sourcing_nodes(found.channel_id), principal, "code")
    seen: dict[int, Node] = {node.pk: node for node in nodes}
    lines = [
        HoldLine(part.sku_id, part.units, part.node_id if part.node_id in seen else None, part.parts)
        for part in found.taken_by(found.answer.options[0])
    ]
    made = hold_stock(
        uid=uuid7(), owner=principal.key, lines=lines, seconds=body.hold_seconds, reference="promise",
        channel_code=body.channel, actor=principal.name, node_ids=[pk for pk, node in seen.items() if node.ships],
    )  # fmt: skip
    return hold_out(made.uid, principal.key)
