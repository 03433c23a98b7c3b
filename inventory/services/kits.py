"""Recipes: what a kit is assembled from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from inventory.locks import lock_new_kit, lock_skus
from inventory.models import (
    KitComponent,
    PurchaseOrderLine,
    Sku,
    StockLevel,
    Substitute,
    Tracking,
    TransferLine,
    TransferState,
)
from inventory.selectors import Recipe, read_recipes
from inventory.services.stock import announce
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.models import Transition
from oms.core.values import MAX_QUANTITY

#: Components of one kit at most: an order of several kits must stay below the lines that an order may have.
MAX_COMPONENTS = 50
#: The name of the SKUs' history among the transitions.
HISTORY = "inventory.Sku"

_MOVING = (TransferState.DRAFT, TransferState.RESERVED, TransferState.PICKED, TransferState.SHIPPED)
_BALANCES = ("on_hand", "reserved", "packed", "damaged", "quarantine", "inbound")


@dataclass(frozen=True, slots=True)
class ComponentTerms:
    """So many units of a SKU go into one of the kit."""

    sku_id: int
    quantity: int


def recipe_version(recipe: Recipe | None) -> str:
    """A short word, another one for another recipe: an editor must not overwrite what it did not see."""
    parts = [f"{one.sku_id}x{one.quantity}" for one in recipe.components] if recipe else []
    together = "" if recipe is None else str(int(recipe.ships_together))
    return hashlib.sha256(f"{together}/{','.join(sorted(parts))}".encode()).hexdigest()[:12]


def set_components(
    *,
    kit_id: int,
    components: Sequence[ComponentTerms],
    actor: str,
    ships_together: bool | None = None,
    seen: str | None = None,
) -> Recipe | None:
    """Say what a SKU is assembled from when it is sold; nothing makes it a SKU with stock of its own again (None).

    Orders that were captured before keep the recipe they were captured with. `ships_together` of None leaves it as it
    is. `seen` is the `recipe_version` that the caller saw: Conflict where somebody changed it since. Raises NotFound,
    and DomainError with the field of the component at fault: the kit itself, another kit, twice, out of bounds; or
    where the SKU has stock, is on its way here, is tracked by lot or serial number, or is a component itself.
    """
    _refuse_terms(components)

    def work() -> Recipe | None:
        skus = lock_skus([kit_id, *(one.sku_id for one in components)])
        kit = skus.get(kit_id)
        if kit is None:
            raise NotFound(f"There is no SKU {kit_id}.")
        before = read_recipes([kit_id]).get(kit_id)
        if seen is not None and seen != recipe_version(before):
            raise Conflict(f"The components of {kit.code} were changed by someone else. Look at them again, then save.")
        for position, one in enumerate(components):
            _refuse_component(kit, skus.get(one.sku_id), f"components.{position}.sku")
        if components:
            if not kit.is_kit:
                lock_new_kit(kit_id)
            _refuse_kit(kit)
        _store(kit, components, ships_together)
        after = read_recipes([kit_id]).get(kit_id)
        if recipe_version(before) != recipe_version(after):
            _note(kit, before, after, actor)
            announce([kit_id], reason="components changed")
        return after

    return run_atomic(work)


def set_recipes(
    *, recipes: Mapping[int, Sequence[ComponentTerms]], actor: str
) -> tuple[dict[int, Recipe], dict[int, DomainError]]:
    """Say of many SKUs at once, by id, what they are assembled from: the recipes now, and what was refused, by SKU.

    One that is refused leaves the others as they are wanted. Every SKU is locked before the first is changed, in key
    order, so that two who do this with the same SKUs take turns.
    """

    def work() -> tuple[dict[int, Recipe], dict[int, DomainError]]:
        lock_skus([*recipes, *(one.sku_id for components in recipes.values() for one in components)])
        made: dict[int, Recipe] = {}
        refused: dict[int, DomainError] = {}
        for kit_id, components in sorted(recipes.items()):
            try:
                with transaction.atomic():  # a savepoint: one that is refused must not cost the others
                    recipe = set_components(kit_id=kit_id, components=components, actor=actor)
            except DomainError as error:
                refused[kit_id] = error
                continue
            if recipe is not None:
                made[kit_id] = recipe
        return made, refused

    return run_atomic(work)


def _refuse_terms(components: Sequence[ComponentTerms]) -> None:
    if len(components) > MAX_COMPONENTS:
        raise DomainError(f"{len(components)} components; a kit has at most {MAX_COMPONENTS}.", field="components")
    named: set[int] = set()
    for position, one in enumerate(components):
        if not 1 <= one.quantity <= MAX_QUANTITY:
            raise DomainError(
                f"{one.quantity} units cannot go into a kit; expected a whole number from 1.",
                field=f"components.{position}.quantity",
            )
        if one.sku_id in named:
            raise DomainError("This SKU is named twice; add its units up.", field=f"components.{position}.sku")
        named.add(one.sku_id)


def _refuse_component(kit: Sku, sku: Sku | None, field: str) -> None:
    if sku is None:
        raise DomainError("There is no such SKU.", field=field)
    if sku.pk == kit.pk:
        raise DomainError(f"{kit.code} cannot be a component of itself.", field=field)
    if sku.is_kit:
        raise DomainError(f"{sku.code} is a kit itself. Name its components instead: kits are not nested.", field=field)


def _refuse_kit(kit: Sku) -> None:
    """A kit has nothing of its own: no stock, nothing on its way, no lots or serial numbers, no kit around it."""
    if kit.tracking != Tracking.NONE:
        raise DomainError(
            f"{kit.code} is kept by {kit.get_tracking_display().lower().removeprefix('by ')}; a kit has no units of "
            "its own to tell apart.", field="kit",
        )  # fmt: skip
    around = KitComponent.objects.filter(component=kit).select_related("kit").order_by("kit__code").first()
    if around is not None:
        raise DomainError(
            f"{kit.code} is a component of {around.kit.code}, so it cannot be a kit: kits are not nested.", field="kit"
        )
    if Substitute.objects.filter(Q(sku=kit) | Q(substitute=kit)).exists():
        raise DomainError(
            f"{kit.code} has a substitute or stands in for another SKU; take it off there first.", field="kit"
        )
    for level in StockLevel.objects.filter(sku=kit).select_related("node").order_by("node__code"):
        if any(getattr(level, name) for name in _BALANCES):
            raise DomainError(
                f"{kit.code} has stock of its own at {level.node.code} ({level.on_hand} on hand, {level.reserved} "
                "reserved). A kit has none: adjust it away or move it to another SKU first.", field="kit",
            )  # fmt: skip
    ordered = PurchaseOrderLine.objects.filter(sku=kit, open_quantity__gt=0).exists()
    if ordered or TransferLine.objects.filter(sku=kit, transfer__state__in=_MOVING).exists():
        raise DomainError(f"{kit.code} is on its way to a node; a kit cannot be received.", field="kit")


def _store(kit: Sku, components: Sequence[ComponentTerms], ships_together: bool | None) -> None:
    wanted = {one.sku_id: one.quantity for one in components}
    KitComponent.objects.filter(kit=kit).exclude(component_id__in=wanted).delete()
    KitComponent.objects.bulk_create(
        [KitComponent(kit=kit, component_id=pk, quantity=units) for pk, units in sorted(wanted.items())],
        update_conflicts=True, update_fields=["quantity"], unique_fields=["kit", "component"],
    )  # fmt: skip
    kit.is_kit = bool(wanted)
    if ships_together is not None:
        kit.ships_together = ships_together
    kit.save(update_fields=["is_kit", "ships_together"])


def _note(kit: Sku, before: Recipe | None, after: Recipe | None, actor: str) -> None:
    Transition.objects.create(
        model=HISTORY, object_id=kit.pk, from_state="kit" if before else "single",
        to_state="kit" if after else "single", actor=actor[:120],
        reason=f"Assembled from {_words(after)}, before {_words(before)}"[:200],
    )  # fmt: skip


def _words(recipe: Recipe | None) -> str:
    parts = [f"{one.quantity} x {one.code}" for one in recipe.components] if recipe else []
    return ", ".join(parts) or "nothing"


def recipe_from_codes(parts: Iterable[tuple[str, int]]) -> list[ComponentTerms]:
    """Components named by code. Raises DomainError with the field of the first unknown one."""
    parts = list(parts)
    known: Mapping[str, int] = dict(Sku.objects.filter(code__in=[code for code, _ in parts]).values_list("code", "pk"))
    terms: list[ComponentTerms] = []
    for position, (code, quantity) in enumerate(parts):
        if code not in known:
            raise DomainError(f"There is no SKU {code}.", field=f"components.{position}.sku")
        terms.append(ComponentTerms(known[code], quantity))
    return terms
