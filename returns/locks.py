"""The only place where returns are locked; the order comes first."""

from __future__ import annotations

from oms.core.errors import NotFound
from orders.locks import lock_order
from returns.models import Return


def lock_return(return_id: int) -> Return:
    """One return with its order locked first. Raises NotFound."""
    found = Return.objects.filter(pk=return_id).first()
    if found is None:
        raise NotFound(f"There is no return {return_id}.")
    lock_order(found.order_id)
    return Return.objects.select_for_update(of=("self",)).select_related("order", "node", "shipment").get(pk=return_id)
