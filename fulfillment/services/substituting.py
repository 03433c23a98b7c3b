"""A substitute is taken back before anybody picks it: its units wait on the line that was ordered again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fulfillment.locks import lock_work_lines, lock_work_of_orders
from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState
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
    """Undo a substitution: what nobody has in hand of the added line goes back to the line that was ordered; the units.

    Reservations and work at nodes are given back with it. A second time changes nothing (0). Routing chooses no
    substitute for that line again by itself. Raises NotFound for a line that stands in for nothing, CannotEdit where
    all of it is being picked or has left.
    """

    def work() -> int:
        order = lock_order(order_id)
        lines = lock_lines([order_id])
        added = next((line for line in lines if line.pk == line_id and line.substitute_for_id is not None), None)
        if added is None:
            raise NotFound(f"{order.number} has no substitute on line {line_id}.")
        work = {item.pk: item for item in lock_work_of_orders([order.pk])}
        units = _free(added, work, lock_work_lines(list(work.values())))
        if not units:
            if live_units(added) or added.shipped:
                raise CannotEdit(f"{added.sku_code} of {order.number} is being picked: it can no longer be taken back.")
            return 0
        with giving_back_load([order_id]):
            asked = cancel_units(order, lines, {added.pk: units}, actor, "Substitute taken back")
            if asked:
                where = asked[0].fulfillment_order.node.code
                raise CannotEdit(f"The WMS of {where} has {added.sku_code} in hand. Take that work over by hand first.")
            give_units_back(order, added, units, actor=actor, reason=reason)
        original = next(line for line in lines if line.pk == added.substitute_for_id)
        announce([pk for pk in (original.sku_id, added.sku_id) if pk is not None], reason="substitute taken back")
        return units

    return run_atomic(work)


def units_to_take_back(order: Order, line: OrderLine) -> int:
    """How many units `take_back_substitute` would take back now."""
    if line.substitute_for_id is None or not live_units(line):
        return 0
    work = {item.pk: item for item in order.fulfillment_orders.filter(state__in=FulfillmentOrder.LIVE)}
    return _free(line, work, FulfillmentLine.objects.filter(fulfillment_order__in=work, order_line=line))


def _free(line: OrderLine, work: Mapping[int, FulfillmentOrder], rows: Iterable[FulfillmentLine]) -> int:
    """Units that have no node, are reserved, or are in work that nobody began."""
    in_hand = sum(
        row.to_pick + row.picked for row in rows
        if row.order_line_id == line.pk and work[row.fulfillment_order_id].state not in _BEFORE_PICKING
    )  # fmt: skip
    return live_units(line) - max(in_hand, line.picked + line.packed)
