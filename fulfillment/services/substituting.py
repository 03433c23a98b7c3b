"""A substitute is taken back before anybody picks it: its units wait on the line that was ordered again."""

from __future__ import annotations

from fulfillment.locks import lock_work_lines, lock_work_of_orders
from fulfillment.models import FulfillmentOrderState
from fulfillment.services.cancelling_units import cancel_units
from inventory.services import announce
from oms.core.db import run_atomic
from oms.core.errors import NotFound
from orders.errors import CannotEdit
from orders.kits import live_units
from orders.locks import lock_lines, lock_order
from orders.models import Order, OrderLine
from orders.services import give_units_back
from routing.services import giving_back_load

_BEFORE_PICKING = (FulfillmentOrderState.SCHEDULED, FulfillmentOrderState.OPEN, FulfillmentOrderState.ACCEPTED)


def take_back_substitute(*, order_id: int, line_id: int, actor: str, reason: str = "") -> int:
    """Undo a substitution: what is left of the added line goes back to the line that was ordered; the units.

    Reservations and work at nodes are given back with it. A second time changes nothing (0). Routing chooses no
    substitute for that line again by itself. Raises NotFound for a line that stands in for nothing, CannotEdit once
    picking began.
    """

    def work() -> int:
        order = lock_order(order_id)
        lines = lock_lines([order_id])
        added = next((line for line in lines if line.pk == line_id and line.substitute_for_id is not None), None)
        if added is None:
            raise NotFound(f"{order.number} has no substitute on line {line_id}.")
        units = live_units(added)
        if added.shipped or _is_in_hand(order, added):
            raise CannotEdit(f"{added.sku_code} of {order.number} is being picked: it can no longer be taken back.")
        if not units:
            return 0
        with giving_back_load([order_id]):
            cancel_units(order, lines, {added.pk: units}, actor, "Substitute taken back")
            give_units_back(order, added, units, actor=actor, reason=reason)
        original = next(line for line in lines if line.pk == added.substitute_for_id)
        announce([pk for pk in (original.sku_id, added.sku_id) if pk is not None], reason="substitute taken back")
        return units

    return run_atomic(work)


def may_be_taken_back(order: Order, line: OrderLine) -> bool:
    """Whether `take_back_substitute` would do it now."""
    if line.substitute_for_id is None or line.picked or line.packed or line.shipped or not live_units(line):
        return False
    work = order.fulfillment_orders.filter(lines__order_line=line).exclude(state__in=("cancelled", "rejected"))
    return not work.exclude(state__in=_BEFORE_PICKING).exists()


def _is_in_hand(order: Order, line: OrderLine) -> bool:
    """Somebody picks it, or picked it."""
    if line.picked or line.packed:
        return True
    work = {item.pk: item for item in lock_work_of_orders([order.pk])}
    rows = lock_work_lines(list(work.values()))
    return any(
        row.order_line_id == line.pk and work[row.fulfillment_order_id].state not in _BEFORE_PICKING for row in rows
    )
