"""Substitutes over the API: which SKU may stand in for which, and what is sold instead of what waits of an order."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import StringConstraints

from fulfillment.services.substituting import take_back_substitute
from inventory.models import Sku
from inventory.selectors.substitutes import both_ways
from inventory.services import set_substitutes
from oms.accounts.access import Principal, in_order_scope
from oms.api.gate import idempotent, need
from oms.api.inventory import REFUSALS
from oms.core.errors import DomainError, NotFound
from orders.models import Order
from orders.services import allow_substitutions
from routing.services import substitute_line

skus = Router(tags=["inventory"])
orders = Router(tags=["orders"])
# The SKU goes by its code in the query: it may hold any sign, a slash too.
_PATH = "/skus/substitutes"

Code = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class SubstitutesIn(Schema):
    """The whole list, best first; none takes all off. `seen` is the list that the caller saw: another by now is 409."""

    substitutes: list[Code]
    seen: list[Code] | None = None


class SubstituteIn(Schema):
    """So many waiting units of an order line are sold as this SKU."""

    line: int
    sku: Code
    units: int


class TakeBackIn(Schema):
    """The line that was added in place of another."""

    line: int


class ConsentIn(Schema):
    """Whether the customer takes substitutes."""

    allowed: bool


def _ids(codes: list[str], field: str) -> list[int]:
    known = dict(Sku.objects.filter(code__in=codes).values_list("code", "pk"))
    for code in codes:
        if code not in known:
            raise DomainError(f"There is no SKU {code}.", field=field)
    return [known[code] for code in codes]


def _out(sku: Sku) -> dict[str, Any]:
    substitutes, instead_of = both_ways(sku.pk)
    return {
        "sku": sku.code,
        "substitutes": [row.substitute.code for row in substitutes],
        "stands_in_for": [row.sku.code for row in instead_of],
    }


def _sku(code: str) -> Sku:
    sku = Sku.objects.filter(code=code).first()
    if sku is None:
        raise NotFound(f"There is no SKU {code}.", field="sku")
    return sku


@skus.get(_PATH, summary="What may stand in for a SKU", response={200: dict[str, Any], **REFUSALS})
def substitutes(request: HttpRequest, sku: str) -> Any:
    """The substitutes of a SKU, best first, and the SKUs that it may stand in for."""
    need(request, "inventory.view")
    return _out(_sku(sku))


@skus.put(_PATH, summary="Replace what may stand in for a SKU", response={200: dict[str, Any], **REFUSALS})
@idempotent
def replace_substitutes(request: HttpRequest, sku: str, body: SubstitutesIn) -> tuple[int, Any]:
    """One way and one for one; neither a kit nor the SKU itself."""
    principal = need(request, "inventory.rules")
    principal.require_everywhere()
    found = _sku(sku)
    set_substitutes(
        sku_id=found.pk, substitute_ids=_ids(body.substitutes, "substitutes"), actor=principal.name,
        seen=None if body.seen is None else _ids(body.seen, "seen"),
    )  # fmt: skip
    return 200, _out(found)


def _order(principal: Principal, number: str) -> Order:
    order = in_order_scope(Order.objects.filter(number=number), principal).first()
    if order is None:
        raise NotFound(f"There is no order {number}.")
    return order


@orders.post("/{number}/substitutions", summary="Say whether substitutes are taken",
             response={200: dict[str, Any], **REFUSALS})  # fmt: skip
@idempotent
def consent(request: HttpRequest, number: str, body: ConsentIn) -> tuple[int, Any]:
    """Note what the customer said."""
    principal = need(request, "orders.edit")
    order = _order(principal, number)
    allow_substitutions(order_id=order.pk, allowed=body.allowed, actor=principal.name)
    order.refresh_from_db()
    return 200, {"number": order.number, "substitutions": order.substitutions}


@orders.post(
    "/{number}/substitute", summary="Sell another SKU for what waits", response={200: dict[str, Any], **REFUSALS}
)
@idempotent
def substitute(request: HttpRequest, number: str, body: SubstituteIn) -> tuple[int, Any]:
    """Reserved in the same transaction, or refused and nothing changed. The customer never pays more."""
    principal = need(request, "orders.edit")
    order = _order(principal, number)
    [sku_id] = _ids([body.sku], "sku")
    added = substitute_line(
        order_id=order.pk, line_id=body.line, sku_id=sku_id, units=body.units, actor=principal.name
    )  # fmt: skip
    return 200, {
        "number": order.number, "line": added.pk, "substitute_for": added.substitute_for_id, "sku": added.sku_code,
        "quantity": added.quantity, "total_minor": added.total_minor,
    }  # fmt: skip


@orders.post("/{number}/substitute/take-back", summary="Take a substitute back",
             response={200: dict[str, Any], **REFUSALS})  # fmt: skip
@idempotent
def take_back(request: HttpRequest, number: str, body: TakeBackIn) -> tuple[int, Any]:
    """Until it is picked. Its units wait on the line that was ordered again; a second time changes nothing."""
    principal = need(request, "orders.edit")
    order = _order(principal, number)
    units = take_back_substitute(order_id=order.pk, line_id=body.line, actor=principal.name)
    return 200, {"number": order.number, "units": units}
