"""Orders that are collected in a store which lacks their goods, brought as far as a test needs them."""

from __future__ import annotations

from carriers.models import TrackingEvent
from fulfillment.models import FulfillmentOrder, FulfillmentOrderKind, FulfillmentOrderState, Shipment
from fulfillment.services import (
    accept,
    apply_tracking,
    book_shipment,
    hand_over,
    open_fulfillment_orders,
    pack,
    pick,
    pick_all,
)
from inventory.models import Bucket
from inventory.services import Posting, post
from oms.core.clock import now
from orders.canonical import CanonicalLine
from routing.engine import TransferTerms
from routing.policy.document import Document, Fallback, Rule
from routing.services import create_draft, forget_policy, publish, route_orders
from tests.factories import World, capture, make_line, make_order
from tests.fulfillment.floor import labelled, make_carrier
from tests.fulfillment.tracked import make_serial_sku, put_serials


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


def on_the_road_with(order_id: int, *serials: str) -> FulfillmentOrder:
    """As `on_the_road`, with these serial numbers in the parcel."""
    hand_over(shipment_ids=[packed_with(order_id, *serials).pk], actor="Ravi")
    return work_of(order_id, FulfillmentOrderKind.PICKUP)


def packed_with(order_id: int, *serials: str) -> Shipment:
    """A labelled parcel to the store with these serial numbers, and all else that is to be in it."""
    work = work_of(order_id)
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    for number in serials:
        pick(fulfillment_order_id=work.pk, code=number, actor="Asha")
    work.refresh_from_db()
    if work.state != FulfillmentOrderState.PICKED:
        pick_all(fulfillment_order_id=work.pk, actor="Asha")
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")
    book_shipment(parcel.pk)
    parcel.refresh_from_db()
    return parcel


def with_a_serial_elsewhere(world: World, *lines: CanonicalLine) -> tuple[int, FulfillmentOrder]:
    """A parcel that the carrier scanned though the books had lost its phone: the order, and the store's work."""
    phone = make_serial_sku()
    [serial] = put_serials(phone, world.blr, "IMEI-1")
    order_id = order_to_collect(world, "W1", make_line(phone), *lines)
    parcel = packed_with(order_id, "IMEI-1")
    post([
        Posting(op_key="lost", sku_id=phone.pk, node_id=world.blr.pk, from_bucket=Bucket.PACKED,
                to_bucket=Bucket.ADJUSTMENT, quantity=1, serial_id=serial.pk, reason="lost")
    ])  # fmt: skip
    scanned(parcel, "picked_up")
    return order_id, work_of(order_id, FulfillmentOrderKind.PICKUP)


def scanned(parcel: Shipment, *milestones: str) -> None:
    """The carrier's scans of a parcel, one after the other."""
    assert parcel.booking_id is not None
    for number, milestone in enumerate(milestones):
        TrackingEvent.objects.create(
            booking_id=parcel.booking_id, milestone=milestone, occurred_at=now(), carrier_status=milestone,
            scan_key=f"{number}",
        )  # fmt: skip
    apply_tracking([parcel.booking_id])


def ready_parcel(order_id: int) -> Shipment:
    """What lies ready to collect."""
    return Shipment.objects.get(order=order_id, state="created", fulfillment_order__kind=FulfillmentOrderKind.PICKUP)


__all__ = [
    "allow_transfers",
    "make_carrier",
    "on_the_road",
    "on_the_road_with",
    "order_to_collect",
    "packed_with",
    "ready_parcel",
    "scanned",
    "with_a_serial_elsewhere",
    "work_of",
]
