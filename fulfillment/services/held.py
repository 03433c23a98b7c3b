"""What may not leave is refused at the door: when a parcel goes onto a manifest, and when it is handed over."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.errors import MayNotLeave
from fulfillment.selectors.held import Held

#: Parcels that a refusal names at most.
_SAID = 5


def refuse_held(held: Sequence[Held], *, field: str = "shipment_ids") -> None:
    """Raises MayNotLeave, which names the parcel, why it stays and what to do; nothing where none is held.

    `data["parcels"]` has the ids of the parcels; `field` is the input that named them.
    """
    if not held:
        return
    parcels = list(dict.fromkeys(item.shipment.pk for item in held))
    told = "; ".join(item.sentence for item in held[:_SAID])
    more = f"; and {len(held) - _SAID} more" if len(held) > _SAID else ""
    what = "The parcel stays here: take it apart" if len(parcels) == 1 else "These parcels stay here: take them apart"
    raise MayNotLeave(f"{told}{more}. {what}, and the order gets other units.", field=field, parcels=parcels)
