"""What happens on the floor and on the road."""

from __future__ import annotations

from dataclasses import dataclass

from oms.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentReleased(Event):
    """A node may start: the work is open and nothing holds it."""

    fulfillment_order_id: int
    order_id: int
    node_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkWithdrawn(Event):
    """A node does not do this work after all (rejected, switched off); the units need another node.

    `cause` says why in two or three words, the same for all of a kind: decisions are filtered by it.
    """

    order_id: int
    fulfillment_order_id: int
    node_id: int
    reason: str
    cause: str = "work withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelStaged(Event):
    """A parcel that its customer collects lies on a shelf or in a locker."""

    shipment_id: int
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWorkLeft(Event):
    """Some of a node's work was taken back, as much as goes into one transaction; there may be more."""

    node_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOverfull(Event):
    """A node was given more orders of today than it takes now, and more of them may be moved than were at once.

    `since` is when its limit was cut (ISO 8601): what stayed after that is not tried again.
    """

    node_id: int
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelNotServiceable(Event):
    """Every carrier that was asked refused the way of a packed parcel; `reason` is what they said."""

    order_id: int
    shipment_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortPicked(Event):
    """A node did not find, or could not use, units it had promised; they need another node."""

    order_id: int
    fulfillment_order_id: int
    node_id: int
    sku_id: int
    quantity: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PickingStarted(Event):
    """The first unit of a node's work was picked."""

    fulfillment_order_id: int
    order_id: int
    node_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelPacked(Event):
    """A parcel is closed and needs a carrier (or, for pickup, a customer)."""

    shipment_id: int
    order_id: int
    pickup: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentBooked(Event):
    """A carrier took the booking; the label is ready."""

    shipment_id: int
    order_id: int
    awb: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentVoided(Event):
    """A parcel was opened again before hand-over; its booking must be cancelled at the carrier."""

    shipment_id: int
    order_id: int
    booking_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentHandedOver(Event):
    """A parcel left the node."""

    shipment_id: int
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SentToStore(Event):
    """A parcel left its node for the store where the order is collected."""

    shipment_id: int
    order_id: int
    node_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentMoved(Event):
    """A carrier's scan moved a shipment to another state (on its way, out for delivery, delivery failed)."""

    shipment_id: int
    order_id: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentDelivered(Event):
    """A parcel reached the customer."""

    shipment_id: int
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturningToOrigin(Event):
    """The carrier gave up delivering and brings the parcel back."""

    shipment_id: int
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailedAgain(Event):
    """Another attempt to deliver a parcel failed; the first one moved it (`ShipmentMoved`)."""

    shipment_id: int
    order_id: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAnswered(Event):
    """Somebody answered a failed delivery; the carrier is to be told."""

    answer_id: int
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionsDue(Event):
    """Something waits to be told to the WMS of a node."""

    link_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftFromWms(Event):
    """A WMS said that parcels left under AWBs of its own; they are in what it said."""

    hand_off_event_id: int
    order_id: int
