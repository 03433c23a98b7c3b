"""What a kit is assembled from, and what follows for orders that wait for it and for what channels may sell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from channels.models import InboundMessage, InboundMessageState
from channels.services.inbox import replay
from channels.services.listings import empty_kit_cause
from channels.services.sellable import refresh_sellable
from inventory.selectors import Recipe
from inventory.services import ComponentTerms, refresh_totals, set_components, set_recipes
from oms.core.db import run_atomic
from oms.core.errors import DomainError


def define_kit(
    *,
    kit_id: int,
    components: Sequence[ComponentTerms],
    actor: str,
    ships_together: bool | None = None,
    seen: str | None = None,
) -> Recipe | None:
    """Say what a SKU is assembled from (nothing: it is no kit any more), and take in the orders that waited for it.

    What channels may sell of it is worked out anew in the same transaction. Orders that were captured keep their
    recipe. Raises what `inventory.services.set_components` raises.
    """

    def work() -> Recipe | None:
        recipe = set_components(
            kit_id=kit_id, components=components, actor=actor, ships_together=ships_together, seen=seen
        )
        _follow([kit_id], [recipe.code] if recipe is not None else [], actor)
        return recipe

    return run_atomic(work)


def define_kits(*, recipes: Mapping[int, Sequence[ComponentTerms]], actor: str) -> dict[int, DomainError]:
    """The same for many SKUs by id; those that were refused, and why.

    SKUs are locked in one go, and then listings, each in key order.
    """

    def work() -> dict[int, DomainError]:
        made, refused = set_recipes(recipes=recipes, actor=actor)
        _follow(sorted(made), [recipe.code for recipe in made.values()], actor)
        return refused

    return run_atomic(work)


def _follow(kit_ids: Collection[int], codes: Iterable[str], actor: str) -> None:
    """Totals and what may be sold of these kits alone, and the orders that waited for the recipes of these codes.

    What the database noted of other SKUs is for whoever works off the notes.
    """
    refresh_totals(kit_ids)
    refresh_sellable(kit_ids)
    causes = [empty_kit_cause(code) for code in codes]
    waiting: dict[str, list[int]] = defaultdict(list)
    rows = InboundMessage.objects.filter(cause__in=causes, state=InboundMessageState.QUARANTINED).order_by("pk")
    for cause, pk in rows.values_list("cause", "pk"):
        waiting[cause].append(pk)
    for cause, ids in waiting.items():
        replay(ids, actor=actor, reason=f"Fixed: {cause}")
