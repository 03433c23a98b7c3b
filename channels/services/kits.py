"""What a kit is assembled from, and what follows for orders that wait for it and for what channels may sell."""

from __future__ import annotations

from collections.abc import Sequence

from channels.models import InboundMessage, InboundMessageState
from channels.services.inbox import replay
from channels.services.listings import empty_kit_cause
from channels.services.sellable import refresh_sellable
from inventory.selectors import Recipe
from inventory.services import ComponentTerms, refresh_totals, set_components
from oms.core.db import run_atomic


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
        # Of this kit alone: what the database noted of others is for whoever works off the notes.
        refresh_totals([kit_id])
        refresh_sellable([kit_id])
        if recipe is not None:
            cause = empty_kit_cause(recipe.code)
            waiting = InboundMessage.objects.filter(cause=cause, state=InboundMessageState.QUARANTINED)
            replay(list(waiting.order_by("pk").values_list("pk", flat=True)), actor=actor, reason=f"Fixed: {cause}")
        return recipe

    return run_atomic(work)
