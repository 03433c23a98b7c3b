"""What can be done with an order now, and why the rest cannot: by the person's rights and the order's state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.models import FulfillmentOrder, Shipment
from oms.accounts.access import Principal
from orders.models import Hold, Order
from orders.selectors import TO_SHIP
from orders.services import HOLDABLE

#: As in orders.services: stages in which a hold still stops something, and in which no label is bought yet.
_ADDRESS_EDITABLE = frozenset({"captured", "backordered", "routed", "released", "picked"})
_BEFORE_PICKING = frozenset({"scheduled", "open", "accepted"})
_UNROUTED = frozenset({"captured", "backordered", "routed"})


@dataclass(frozen=True, slots=True)
class Offer:
    """One action: allowed when `refusal` is empty, shown with the reason otherwise."""

    verb: str
    refusal: str = ""

    @property
    def allowed(self) -> bool:
        """It can be done now."""
        return not self.refusal


@dataclass(frozen=True, slots=True)
class NextStep:
    """The one thing to do now, in a sentence; `action` is empty when the order flows by itself."""

    sentence: str
    action: str = ""
    label: str = ""
    tone: str = "neutral"


def offers_for(
    order: Order, principal: Principal, *, holds: Sequence[Hold], work: Sequence[FulfillmentOrder]
) -> dict[str, Offer]:
    """Every action of the order page by name."""
    stage = order.get_stage_display().lower()
    idle = any(item.state in _BEFORE_PICKING for item in work)
    refusals = {
        "hold": "" if order.stage in HOLDABLE else f"The order is {stage} and can no longer be held.",
        "release": "" if holds else "The order is not on hold.",
        "cancel": _cancel_refusal(order, stage),
        "reroute": "" if idle or order.stage in _UNROUTED else f"The order is {stage}: its work has begun.",
        "edit": "" if order.stage in _ADDRESS_EDITABLE else f"The order is {stage}: its address can no longer change.",
        "note": "",
        "tag": "",
        "resend": "",
        "tell": "",
        "hasten": "",
        "substitute": "",
    }
    verbs = {"tag": "edit", "resend": "note", "tell": "note", "hasten": "reroute", "substitute": "edit"}
    found = {}
    for name, refusal in refusals.items():
        verb = f"orders.{verbs.get(name, name)}"
        missing = "" if principal.may(verb) else "Your role may not do this. An admin can grant it."
        found[name] = Offer(verb, missing or refusal)
    return found


def _cancel_refusal(order: Order, stage: str) -> str:
    if order.stage in TO_SHIP:
        return ""
    if order.stage == "cancelled":
        return "The order is cancelled already."
    return f"The order is {stage}: the goods must come back first."


def next_step(
    order: Order, *, holds: Sequence[Hold], work: Sequence[FulfillmentOrder], shipments: Sequence[Shipment]
) -> NextStep:
    """What an experienced colleague would say on seeing this order."""
    if order.stage == "cancelled":
        return NextStep("Cancelled. Nothing is left to do.")
    if holds and order.stage in TO_SHIP:
        return _hold_step(holds)
    # What a parcel between nodes becomes, the work of its store says: the customer waits for that.
    sent = {item.pk for item in work if item.kind == "transfer"}
    for shipment in shipments:
        if shipment.fulfillment_order_id in sent and shipment.state != "created":
            continue
        step = _shipment_step(shipment)
        if step is not None:
            return step
    if order.stage == "captured":
        return NextStep("No node has the order yet. Routing takes it within seconds.", "reroute", "Route now", "warn")
    if order.stage == "backordered":
        return NextStep("Units wait for stock and are routed when it comes.", "reroute", "Try to route", "warn")
    if order.stage in ("delivered", "returned"):
        return NextStep(f"{order.get_stage_display()}. Nothing is left to do.", tone="good")
    live = [item for item in work if item.is_live]
    if live:
        words = ", ".join(f"{item.node.code}: {item.get_state_display().lower()}" for item in live)
        return NextStep(f"It flows by itself. {words}.")
    return NextStep("It is on its way to the customer." if order.stage == "shipped" else "It flows by itself.")


def _hold_step(holds: Sequence[Hold]) -> NextStep:
    reasons = {hold.reason for hold in holds}
    if reasons == {"cod_unconfirmed"}:
        return NextStep("Call the customer. When they want the order, confirm it.", "release", "Confirm COD", "warn")
    if "bad_address" in reasons or "unknown_postcode" in reasons:
        return NextStep("The address is not complete. Correct it, then release.", "edit", "Edit the address", "warn")
    if "unmapped_sku" in reasons:
        return NextStep("A SKU of the channel is not in the catalogue. Map it, then release.", "release", "Release",
                        "warn")  # fmt: skip
    words = ", ".join(sorted({hold.get_reason_display().lower() for hold in holds}))
    return NextStep(f"On hold: {words}. Release it when that is settled.", "release", "Release", "warn")


def _shipment_step(shipment: Shipment) -> NextStep | None:
    if shipment.state == "created" and shipment.problem:
        return NextStep(f"A parcel has no label: {shipment.problem}", tone="bad")
    if shipment.state == "ndr_open":
        return NextStep("Delivery failed. Agree on a new attempt with the customer and the carrier.", tone="bad")
    if shipment.state in ("lost", "damaged"):
        return NextStep(f"The parcel is {shipment.get_state_display().lower()}. Claim it and send again.", tone="bad")
    if shipment.state.startswith("rto"):
        return NextStep("The parcel comes back. The node receives and checks it.", tone="warn")
    return None
