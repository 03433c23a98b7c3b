"""Kits over the API: what a SKU is assembled from, and how many can be where."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import StringConstraints

from channels.services import define_kit
from inventory.models import KitComponent, Sku
from inventory.selectors import kits_at_nodes, read_recipes
from inventory.services import recipe_from_codes, recipe_version
from oms.accounts.access import Principal
from oms.api.gate import idempotent, need
from oms.api.inventory import REFUSALS
from oms.core.errors import NotFound

router = Router(tags=["inventory"])
# The SKU goes by its code in the query: it may hold any sign, a slash too.
_PATH = "/skus/components"


class ComponentIn(Schema):
    """So many units of a SKU go into one of the kit."""

    sku: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    quantity: int = 1


class ComponentsIn(Schema):
    """The whole recipe; none makes it a SKU with stock of its own again.

    `version` is that of the recipe that the caller saw: another one by now is 409. `ships_together` false lets routing
    send the components of one unit from several nodes.
    """

    components: list[ComponentIn]
    ships_together: bool | None = None
    version: str | None = None


def kit_out(sku: Sku, principal: Principal) -> dict[str, Any]:
    """A recipe as the API shows it, with what can be assembled at the nodes in scope."""
    recipe = read_recipes([sku.pk]).get(sku.pk)
    places = [place for place in kits_at_nodes([sku.pk]) if principal.sees_node(place.node_code)] if recipe else []
    around = KitComponent.objects.filter(component=sku).select_related("kit").order_by("kit__code")
    return {
        "sku": sku.code, "is_kit": recipe is not None, "ships_together": sku.ships_together,
        "version": recipe_version(recipe),
        "components": [
            {"sku": one.code, "name": one.name, "quantity": one.quantity}
            for one in (recipe.components if recipe else ())
        ],
        "atp": sum(place.atp for place in places),
        "nodes": [{"node": place.node_code, "atp": place.atp, "sentence": place.sentence()} for place in places],
        "component_of": [{"sku": part.kit.code, "quantity": part.quantity} for part in around],
    }  # fmt: skip


def _sku(code: str) -> Sku:
    sku = Sku.objects.filter(code=code).first()
    if sku is None:
        raise NotFound(f"There is no SKU {code}.", field="sku")
    return sku


@router.get(_PATH, summary="What a SKU is assembled from", response={200: dict[str, Any], **REFUSALS})
def components(request: HttpRequest, sku: str) -> Any:
    """The recipe of a kit, its ATP at each node in scope, and the kits that the SKU is a component of."""
    principal = need(request, "inventory.view")
    return kit_out(_sku(sku), principal)


@router.put(_PATH, summary="Replace what a SKU is assembled from", response={200: dict[str, Any], **REFUSALS})
@idempotent
def replace_components(request: HttpRequest, sku: str, body: ComponentsIn) -> tuple[int, Any]:
    """Orders captured before keep their recipe; messages that waited for components are taken in."""
    principal = need(request, "inventory.rules")
    principal.require_everywhere()
    define_kit(
        kit_id=_sku(sku).pk, components=recipe_from_codes((one.sku, one.quantity) for one in body.components),
        actor=principal.name, ships_together=body.ships_together, seen=body.version,
    )  # fmt: skip
    return 200, kit_out(_sku(sku), principal)
