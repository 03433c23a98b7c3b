"""The only place where order rows are locked, always in key order."""

from __future__ import annotations

from collections.abc import Iterable

from oms.core.errors import NotFound
from orders.models import Order, OrderLine, Payment


def lock_orders(order_ids: Iterable[int], *fields: str) -> dict[int, Order]:
    """The orders, locked until the transaction ends, by id; only with `fields` where some are named.

    Missing ids are left out.
    """
    rows = Order.objects.select_for_update(no_key=True).filter(pk__in=list(order_ids)).order_by("pk")
    if fields:
        rows = rows.only(*fields)
    return {order.pk: order for order in rows}


def lock_order(order_id: int) -> Order:
    """One order, locked. Raises NotFound."""
    order = lock_orders([order_id]).get(order_id)
    if order is None:
        raise NotFound(f"There is no order {order_id}.")
    return order


def lock_order_if_free(order_id: int) -> bool:
    """Lock one order; False where somebody else holds it at this moment, or it is not there."""
    rows = Order.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=order_id)
    return rows.values_list("pk", flat=True).first() is not None


def lock_lines(order_ids: Iterable[int]) -> list[OrderLine]:
    """The lines of the orders, locked, by order and position. Lock the orders first."""
    return list(
        OrderLine.objects.select_for_update(no_key=True, of=("self",))
        .filter(order_id__in=list(order_ids))
        .order_by("order_id", "id")
    )


def lock_payment(order: Order) -> Payment:
    """The payment of a locked order, locked."""
    return Payment.objects.select_for_update(no_key=True).get(order=order)
