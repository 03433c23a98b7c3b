"""Collecting at a store: parcels are put on a shelf, and customers prove who they are."""

from __future__ import annotations

from dataclasses import dataclass

from fulfillment.events import ParcelStaged
from fulfillment.locks import lock_shipments
from fulfillment.models import (
    FulfillmentOrderKind,
    Pickup,
    Shipment,
    ShipmentState,
    StagedParcel,
)
from fulfillment.models.pickups import MOST_WRONG_CODES
from fulfillment.selectors.pickups import DIGITS, is_code_of
from fulfillment.services.curbside import end_visit
from fulfillment.services.tracking import collect
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.outbox import publish
from orders.locks import lock_order
from orders.services import TimelineEntry, record

#: What people show to prove who they are.
ID_KINDS = {
    "aadhaar": "Aadhaar card", "pan": "PAN card", "licence": "Driving licence", "passport": "Passport",
    "voter": "Voter card", "other": "Another card with a photo",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How somebody proves that they may collect an order: the code, the QR code of its page, or a card with a photo.

    `id_last` are the last four characters of the card, all that is kept of it. `other` is the name of somebody who
    collects for the customer, with what they are to them: such a person needs the code or the QR code.
    """

    code: str = ""
    has_shown_qr: bool = False
    id_kind: str = ""
    id_last: str = ""
    other: str = ""
    relation: str = ""


@dataclass(frozen=True, slots=True)
class HandedOut:
    """What came of a try: `refused` says why nothing was handed out; empty where it was."""

    shipment: Shipment
    refused: str = ""
    is_locked: bool = False


def hand_out(*, shipment_id: int, actor: str, proof: Proof) -> HandedOut:
    """Check the proof and hand the parcel out, in one transaction under the lock of its order. Again changes nothing.

    A wrong code is no error: it is counted and written down, and the answer says so. So it must be committed, whatever
    the caller does next. From the fifth wrong code on nothing of the order is handed out before `unlock_pickup`.
    Raises DomainError for a proof that is not complete, and what `collect` raises.
    """
    _refuse_incomplete(proof)

    def work() -> HandedOut:
        shipment = next(iter(lock_shipments([shipment_id])), None)
        if shipment is None:
            raise NotFound(f"There is no parcel {shipment_id}.")
        if shipment.state == ShipmentState.DELIVERED:
            return HandedOut(shipment)
        pickup = Pickup.objects.filter(order=shipment.order_id).first() or Pickup(order_id=shipment.order_id)
        if pickup.locked_at is not None:
            _note(shipment, "refused: too many wrong codes were given", actor)
            return HandedOut(shipment, locked_words(), is_locked=True)
        if proof.code and not is_code_of(shipment.order, proof.code):
            return _count_wrong(shipment, pickup, actor)
        collected = collect(shipment_id=shipment_id, actor=actor, collected_by=proof.other)
        end_visit(collected.order_id)
        _note(collected, f"handed out to {_who(collected, proof)}, who {_how(proof)}", actor)
        return HandedOut(collected)

    return run_atomic(work)


def locked_words() -> str:
    """What is said of an order that is locked."""
    return f"{MOST_WRONG_CODES} wrong codes were given. Nothing is handed out until a manager unlocks the order."


def _refuse_incomplete(proof: Proof) -> None:
    if proof.code and not (len(proof.code) == DIGITS and proof.code.isascii() and proof.code.isdecimal()):
        raise DomainError(f"The code has {DIGITS} digits.", field="code")
    if proof.other and not proof.relation:
        raise DomainError("Write what the person who collects is to the customer.", field="relation")
    if proof.code or proof.has_shown_qr:
        return
    if proof.other:
        raise DomainError("Somebody else needs the code of the customer.", field="code")
    if not proof.id_kind:
        raise DomainError("Ask for the code, or look at a card with a photo.", field="code")
    if proof.id_kind not in ID_KINDS:
        raise DomainError(f"{proof.id_kind!r} is no kind of card.", field="id_kind")
    if not (len(proof.id_last) == 4 and proof.id_last.isascii() and proof.id_last.isalnum()):
        raise DomainError("Write the last four characters of the card.", field="id_last")


def _count_wrong(shipment: Shipment, pickup: Pickup, actor: str) -> HandedOut:
    pickup.wrong_codes += 1
    if pickup.wrong_codes >= MOST_WRONG_CODES:
        pickup.locked_at = now()
    pickup.save()
    _note(shipment, f"wrong code, {pickup.wrong_codes} of {MOST_WRONG_CODES}", actor)
    if pickup.locked_at is not None:
        return HandedOut(shipment, locked_words(), is_locked=True)
    left = MOST_WRONG_CODES - pickup.wrong_codes
    tries = "1 try is" if left == 1 else f"{left} tries are"
    return HandedOut(shipment, f"This is not the code of {shipment.order.number}. {tries} left.")


def _who(shipment: Shipment, proof: Proof) -> str:
    return f"{proof.other} ({proof.relation})" if proof.other else shipment.order.customer_name or "the customer"


def _how(proof: Proof) -> str:
    if proof.code:
        return "knew the code"
    if proof.has_shown_qr:
        return "showed the QR code"
    return f"showed a {ID_KINDS[proof.id_kind].lower()} ending in {proof.id_last.upper()}"


def _note(shipment: Shipment, what: str, actor: str) -> None:
    message = f"Pickup at {shipment.node.code}: {what}."
    record([TimelineEntry(order_id=shipment.order_id, kind="pickup", actor=actor, message=message,
                          data={"shipment": shipment.pk})])  # fmt: skip


def unlock_pickup(*, order_id: int, actor: str) -> bool:
    """Allow five more codes; False where the order was not locked."""

    def work() -> bool:
        order = lock_order(order_id)
        opened = Pickup.objects.filter(order=order, locked_at__isnull=False).update(locked_at=None, wrong_codes=0)
        if opened:
            message = "Pickup: unlocked after too many wrong codes."
            record([TimelineEntry(order_id=order.pk, kind="pickup", actor=actor, message=message)])
        return bool(opened)

    return run_atomic(work)


def stage_parcel(*, shipment_id: int, shelf: str, actor: str) -> StagedParcel:
    """A parcel lies on a shelf or in a locker now; moving it to another one is the same. Publishes ParcelStaged.

    Raises DomainError for a code of a shelf that is none, and Conflict for a parcel that does not wait for a customer.
    """
    code = shelf.strip().upper()
    if not code or len(code) > 40 or not all(sign.isalnum() or sign in "-_./ " for sign in code):
        raise DomainError("Scan the code of the shelf or locker.", field="code")

    def work() -> StagedParcel:
        shipment = next(iter(lock_shipments([shipment_id])), None)
        if shipment is None:
            raise NotFound(f"There is no parcel {shipment_id}.")
        if shipment.fulfillment_order.kind != FulfillmentOrderKind.PICKUP or shipment.state != ShipmentState.CREATED:
            raise Conflict(f"{shipment.order.number} does not wait for its customer.", field="code")
        row, _ = StagedParcel.objects.update_or_create(
            shipment=shipment, defaults={"shelf": code, "staged_by": actor}, create_defaults={
                "shelf": code, "staged_by": actor, "staged_at": now()
            },
        )  # fmt: skip
        _note(shipment, f"lies on {code}", actor)
        publish([ParcelStaged(shipment_id=shipment.pk, order_id=shipment.order_id)])
        return row

    return run_atomic(work)
