"""Stock over the API: levels, nodes, SKUs."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import StringConstraints

from inventory.models import Node, Sku, StockLevel
from inventory.selectors import kits_at_nodes
from oms.accounts.access import Principal, in_node_scope
from oms.api.gate import ErrorOut, need
from oms.core.errors import DomainError

router = Router(tags=["inventory"])
REFUSALS = {404: ErrorOut, 409: ErrorOut, 422: ErrorOut}
#: Names an operation for ever, so none is cut: two that begin alike would count as one. The ledger keeps 80 characters.
Reference = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class StockLineIn(Schema):
    """Units of a SKU."""

    sku: str
    quantity: int


def skus_named(codes: list[str]) -> dict[str, int]:
    """Ids of SKUs by code. Raises DomainError for one that is not known."""
    found = dict(Sku.objects.filter(code__in=codes).values_list("code", "pk"))
    missing = sorted(set(codes) - set(found))
    if missing:
        raise DomainError(f"There is no SKU {', '.join(missing[:10])}.", field="sku")
    return found


def level_out(level: StockLevel) -> dict[str, Any]:
    """A stock level as the API shows it."""
    names = ("on_hand", "reserved", "packed", "damaged", "quarantine", "inbound", "safety_stock", "atp")
    return {"sku": level.sku.code, "node": level.node.code, **{name: getattr(level, name) for name in names}}


@router.get("/inventory/levels", summary="Stock levels", response={200: dict[str, Any]})
def levels(request: HttpRequest, sku: str = "", node: str = "", after: int = 0, limit: int = 200) -> Any:
    """Levels in scope, of one SKU or node or of all; `after` pages by the `next` of the page before.

    A kit has none of its own: asked for by its code, it shows as ATP what each node can assemble.
    """
    principal = need(request, "inventory.view")
    kit = Sku.objects.filter(code=sku, is_kit=True).first() if sku else None
    if kit is not None:
        return {"levels": _assembled(kit, principal, node), "next": None}
    found = in_node_scope(StockLevel.objects.select_related("sku", "node").filter(pk__gt=after), principal)
    if sku:
        found = found.filter(sku__code=sku)
    if node:
        found = found.filter(node__code=node)
    size = max(1, min(limit, 1000))
    rows = list(found.order_by("pk")[:size])
    return {"levels": [level_out(row) for row in rows], "next": rows[-1].pk if len(rows) == size else None}


def _assembled(kit: Sku, principal: Principal, node: str) -> list[dict[str, Any]]:
    none = dict.fromkeys(("on_hand", "reserved", "packed", "damaged", "quarantine", "inbound", "safety_stock"), 0)
    return [
        {"sku": kit.code, "node": place.node_code, **none, "atp": place.atp, "sentence": place.sentence()}
        for place in kits_at_nodes([kit.pk])
        if principal.sees_node(place.node_code) and node in ("", place.node_code)
    ]


@router.get("/nodes", summary="Nodes", response={200: dict[str, Any]})
def nodes(request: HttpRequest) -> Any:
    """Nodes in scope."""
    principal = need(request, "inventory.view")
    rows = in_node_scope(Node.objects.order_by("code"), principal, path="code")
    return {
        "nodes": [
            {"code": node.code, "name": node.name, "kind": node.kind, "city": node.city, "postcode": node.postcode,
             "is_active": node.is_active, "ships": node.ships, "offers_pickup": node.offers_pickup}
            for node in rows
        ]
    }  # fmt: skip


@router.get("/skus", summary="SKUs", response={200: dict[str, Any]})
def skus(request: HttpRequest, after: int = 0, limit: int = 200) -> Any:
    """The catalogue; `after` pages by id."""
    need(request, "inventory.view")
    size = max(1, min(limit, 1000))
    rows = list(Sku.objects.filter(pk__gt=after).prefetch_related("barcodes").order_by("pk")[:size])
    return {
        "skus": [
            {"code": sku.code, "name": sku.name, "is_kit": sku.is_kit, "category": sku.category,
             "weight_grams": sku.weight_grams, "hsn": sku.hsn, "tax_rate_bp": sku.tax_rate_bp,
             "price_minor": sku.price_minor, "barcodes": [barcode.code for barcode in sku.barcodes.all()]}
            for sku in rows
        ],
        "next": rows[-1].pk if len(rows) == size else None,
    }  # fmt: skip
