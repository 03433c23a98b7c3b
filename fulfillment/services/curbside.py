"""Customers who wait in the car: they say that they come and where they stand, and somebody of the store goes out."""

from __future__ import annotations

from fulfillment.models import CurbsideVisit, Shipment
from fulfillment.selectors.pickups import CURB_LATE, standing_visits, waiting_parcels
from inventory.models import Node
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from orders.locks import lock_order
from orders.models import Order
from orders.services import TimelineEntry, record


def say_on_way(*, order_id: int) -> CurbsideVisit:
    """The customer set out. Again changes nothing. Raises Conflict where nothing waits for them at a curb."""

    def work() -> CurbsideVisit:
        order, _ = _order_and_node(order_id)
        visit = _visit(order)
        if visit.on_way_at is None and visit.here_at is None:
            visit.on_way_at = now()
            visit.save()
            _note(order, "The customer is on the way to the store.", "customer")
        return visit

    return run_atomic(work)


def say_here(*, order_id: int, bay: int, car: str = "") -> CurbsideVisit:
    """The customer stands in a bay. Again moves them to another one; they wait since they said so first.

    Raises DomainError for a bay that the store does not have, Conflict where nothing waits for them at a curb.
    """

    def work() -> CurbsideVisit:
        order, node = _order_and_node(order_id)
        if not 1 <= bay <= node.curbside_bays:
            raise DomainError(f"Choose a bay from 1 to {node.curbside_bays}.", field="bay")
        visit = _visit(order)
        if (visit.bay, visit.car) != (bay, car[:60]) or visit.here_at is None:
            visit.here_at, visit.bay, visit.car = visit.here_at or now(), bay, car[:60]
            visit.save()
            _note(order, f"The customer waits in bay {bay}{f', {visit.car}' if visit.car else ''}.", "customer")
        return visit

    return run_atomic(work)


def go_out(*, visit_id: int, node_id: int, actor: str) -> CurbsideVisit:
    """Somebody of the store is on the way to the car.

    Raises Conflict where somebody else set out within the last three minutes, NotFound elsewhere, or for a visit that
    is over.
    """

    def work() -> CurbsideVisit:
        found = CurbsideVisit.objects.filter(pk=visit_id).values_list("order_id", flat=True).first()
        if found is None or not waiting_parcels(Shipment.objects.filter(order=found, node=node_id)).exists():
            raise NotFound(f"Nobody waits for {visit_id} before this store.")
        order = lock_order(found)
        visit = standing_visits().filter(pk=visit_id).first()
        if visit is None:
            raise NotFound(f"Nobody waits for {visit_id} before this store.")
        if visit.met_at is not None and visit.met_by != actor and now() - visit.met_at <= CURB_LATE:
            raise Conflict(f"{visit.met_by} is on the way to {order.number} already.")
        if visit.met_by != actor:
            visit.met_at, visit.met_by = now(), actor
            visit.save()
            _note(order, f"On the way to the car{f' in bay {visit.bay}' if visit.bay else ''}.", actor)
        return visit

    return run_atomic(work)


def _visit(order: Order) -> CurbsideVisit:
    """The visit that is under way, else a new one; the order is locked."""
    standing = standing_visits().filter(order=order).first()
    if standing is None:
        end_visit(order.pk)
    return standing or CurbsideVisit(order=order)


def end_visit(order_id: int) -> None:
    """Something was given, or the last visit is over: who comes again says so again. Lock the order first."""
    CurbsideVisit.objects.filter(order=order_id).delete()


def _order_and_node(order_id: int) -> tuple[Order, Node]:
    order = lock_order(order_id)
    waiting = waiting_parcels(Shipment.objects.filter(order=order, node__curbside_bays__gt=0)).select_related("node")
    parcel = waiting.order_by("pk").first()
    if parcel is None:
        raise Conflict(f"Nothing of {order.number} waits to be brought to a car.")
    return order, parcel.node


def _note(order: Order, message: str, actor: str) -> None:
    record([TimelineEntry(order_id=order.pk, kind="curbside", actor=actor, message=message)])
