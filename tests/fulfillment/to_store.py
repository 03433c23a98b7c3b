"""Orders that are collected in a store which lacks their goods, brought as far as a test needs them."""

from __future__ import annotations

from fulfillment.models import FulfillmentOrder, FulfillmentOrderKind, FulfillmentOrderState, Shipment
from fulfillment.services import hand_over, open_fulfillment_orders
from orders.canonical import CanonicalLine
from routing.engine import TransferTerms
from routing.policy.document import Document, Fallback, Rule
from routing.services import create_draft, forget_policy, publish, route_orders
from tests.factories import World, capture, make_order
from tests.fulfillment.floor import labelled, make_carrier


def allow_transfers(**fallback: object) -> None:
    """Publish a rule by which other nodes send to the store, at no cost beside the freight."""
    terms: dict[str, object] = {"transfer": TransferTerms(max_days=4, minor=0)}
    rule = Rule("Every order", fallback=Fallback(**(terms | fallback)))  # type: ignore[arg-type]
    draft = create_draft(name="Transfers", actor="Asha", document=Document((rule,)))
    publish(policy_id=draft.pk, edit_version=1, note="Transfers", actor="Asha")
    forget_policy()


def order_to_collect(world: World, external_id: str, *lines: CanonicalLine, **fields: object) -> int:
    """An order for the world's store, captured and routed, with its work opened."""
    order = make_order(
        external_id, *lines, service_level="pickup", pickup_node_code=world.store.code, **fields
    )  # fmt: skip
    order_id = capture(world, order)
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    return order_id


def work_of(order_id: int, kind: str = FulfillmentOrderKind.TRANSFER) -> FulfillmentOrder:
    """The live work of an order of one kind."""
    return FulfillmentOrder.objects.get(order=order_id, kind=kind, state__in=FulfillmentOrder.LIVE)


def on_the_road(order_id: int) -> FulfillmentOrder:
    """The parcel to the store was handed over; the store's work that waits for it."""
    parcel = labelled(work_of(order_id))
    hand_over(shipment_ids=[parcel.pk], actor="Ravi")
    return FulfillmentOrder.objects.get(order=order_id, state=FulfillmentOrderState.WAITING_TRANSFER)


def ready_parcel(order_id: int) -> Shipment:
    """What lies ready to collect."""
    return Shipment.objects.get(order=order_id, state="created", fulfillment_order__kind=FulfillmentOrderKind.PICKUP)


__all__ = ["allow_transfers", "make_carrier", "on_the_road", "order_to_collect", "ready_parcel", "work_of"]
