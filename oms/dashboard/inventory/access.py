"""Objects of the stock screens, in the scope of who asks: what lies outside looks as if it did not exist."""

from __future__ import annotations

from django.http import HttpRequest

from inventory.models import Node, Sku
from oms.accounts.access import in_node_scope, principal_of
from oms.core.errors import NotFound


def node_for(request: HttpRequest, code: str) -> Node:
    """A node by code. Raises NotFound."""
    node = in_node_scope(Node.objects.all(), principal_of(request), "code").filter(code=code).first()
    if node is None:
        raise NotFound(f"There is no node {code} in your scope.")
    return node


def sku_for(sku_id: int) -> Sku:
    """A SKU by id. Raises NotFound."""
    sku = Sku.objects.filter(pk=sku_id).first()
    if sku is None:
        raise NotFound(f"There is no SKU {sku_id}.")
    return sku
