"""Parcels left a WMS: handed over where we booked them, else kept under the AWBs that it booked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from carriers.adapters.manual.awb import clean_awb
from fulfillment.events import LeftFromWms
from fulfillment.locks import lock_shipments
from fulfillment.models import (
    EventOutcome,
    FulfillmentOrder,
    FulfillmentOrderState,
    HandOffEvent,
    LinkLabels,
    Shipment,
    ShipmentState,
    WmsLink,
)
from fulfillment.selectors.held import held_parcels
from fulfillment.services.hand_off_work import Left
from fulfillment.services.shipping import book_shipment, hand_over
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.outbox import publish

State = FulfillmentOrderState
_LEAVING = (ShipmentState.CREATED, ShipmentState.LABELLED, ShipmentState.MANIFESTED)


def say_left(
    item: FulfillmentOrder, link: WmsLink, left: Sequence[Left], *, actor: str
) -> tuple[dict[str, Any], Callable[[HandOffEvent], None] | None]:
    """Parcels left the WMS: handed over where we have booked them, else booked under the AWBs that came, by the flow.

    The result to keep, and what follows once it is kept. Raises Conflict before the boxes were confirmed.
    """
    if item.state not in (State.PACKED, State.READY):
        raise Conflict(
            f"{item.number} is {item.get_state_display().lower()}: confirm its boxes first, then that they left."
        )
    chosen = _parcels(item, left)
    if link.labels == LinkLabels.OURS:
        named = next((row.awb for row, _ in chosen if row.awb), "")
        if named:
            text = f"AWB {named} came, but we book the carrier of this node: fetch the label, and leave the AWB out."
            raise DomainError(text, field="awb")
        gone = hand_over(shipment_ids=[parcel.pk for _, parcel in chosen], actor=actor)
        return {"shipments": gone}, None
    rows = [_with_awb(row, parcel) for row, parcel in chosen]
    _refuse_shared_awbs(item, rows, [parcel for _, parcel in chosen])
    held = held_parcels([parcel for _, parcel in chosen])
    if held:
        raise Conflict("; ".join(words.sentence for some in held.values() for words in some))
    return {"left": rows}, lambda event: publish([LeftFromWms(hand_off_event_id=event.pk, order_id=item.order_id)])


def _parcels(item: FulfillmentOrder, left: Sequence[Left]) -> list[tuple[Left, Shipment]]:
    """The parcels that are meant; all that are here where none is named."""
    here = [row for row in lock_shipments(item.shipments.values_list("pk", flat=True)) if row.state in _LEAVING]
    by_pk = {row.pk: row for row in here}
    if not here:
        raise Conflict(f"{item.number} has no parcel that could leave.")
    if len(left) <= 1 and not (left and left[0].ref):
        row = left[0] if left else Left()
        if row.awb and len(here) > 1:
            raise DomainError(f"{item.number} has {len(here)} boxes: say which of them has this AWB.", field="box")
        return [(row, parcel) for parcel in here]
    boxes = _boxes(item)
    twice = next((ref for ref, times in Counter(row.ref for row in left).items() if times > 1), None)
    if twice is not None:
        raise DomainError(f"Box {twice!r} is named more than once, expected each box once.", field="box")
    found = []
    for row in left:
        parcel = by_pk.get(boxes.get(row.ref, 0))
        if parcel is None:
            known = ", ".join(ref for ref, pk in boxes.items() if pk in by_pk)
            raise DomainError(f"Box {row.ref!r} is not here: expected one of {known or 'none'}.", field="box")
        found.append((row, parcel))
    return found


def _boxes(item: FulfillmentOrder) -> Mapping[str, int]:
    """The WMS's own name of each box and the parcel that it became."""
    packs = HandOffEvent.objects.filter(hand_off__fulfillment_order=item, kind="pack", outcome=EventOutcome.APPLIED)
    results = packs.order_by("pk").values_list("result", flat=True)
    return {str(row["box"]): int(row["shipment"]) for result in results for row in result.get("shipments", ())}


def _with_awb(row: Left, parcel: Shipment) -> dict[str, Any]:
    if not row.awb:
        raise DomainError("You book the carrier of this node: say which AWB each box has.", field="awb")
    awb = clean_awb(row.awb)
    other = Shipment.objects.filter(awb=awb).exclude(pk=parcel.pk).select_related("order").first()
    if other is not None:
        raise Conflict(f"AWB {awb} is that of a parcel of {other.order.number}.", field="awb")
    return {"shipment": parcel.pk, "awb": awb, "carrier": row.carrier.strip()[:120]}


def _refuse_shared_awbs(item: FulfillmentOrder, rows: Sequence[dict[str, Any]], parcels: Sequence[Shipment]) -> None:
    """Raises DomainError for an AWB of two boxes; Conflict for a box that is being booked under another AWB."""
    shared = next((awb for awb, times in Counter(row["awb"] for row in rows).items() if times > 1), None)
    if shared is not None:
        raise DomainError(f"AWB {shared} came for several boxes: each has an AWB of its own.", field="awb")
    before = _ship_events(item).values_list("result", flat=True)
    said = {int(row["shipment"]): str(row["awb"]) for result in before for row in result.get("left", ())}
    for row, parcel in zip(rows, parcels, strict=True):
        # Where the booking failed, another AWB is the way out.
        if not parcel.problem and said.get(parcel.pk, row["awb"]) != row["awb"]:
            text = f"AWB {row['awb']} came for parcel {parcel.pk}, which left under {said[parcel.pk]}."
            raise Conflict(text, field="awb")


def _ship_events(item: FulfillmentOrder) -> QuerySet[HandOffEvent]:
    events = HandOffEvent.objects.filter(hand_off__fulfillment_order=item, kind="ship", outcome=EventOutcome.APPLIED)
    return events.order_by("pk")


def book_what_left(hand_off_event_id: int) -> int:
    """Keep the AWBs that a WMS booked, and hand those parcels over; how many left now. Never in a transaction.

    Again, it finds what was done. What cannot be booked keeps its problem, for a person.
    """
    event = HandOffEvent.objects.select_related("link__carrier_account").get(pk=hand_off_event_id)
    gone = 0
    for row in event.result.get("left", ()):
        parcel = book_shipment(int(row["shipment"]), account_id=event.link.carrier_account_id, awb=str(row["awb"]))
        parcel.refresh_from_db()
        if parcel.state == ShipmentState.CREATED:
            continue
        if row["carrier"] and parcel.state == ShipmentState.LABELLED:
            Shipment.objects.filter(pk=parcel.pk).update(courier_name=row["carrier"])
        gone += len(_hand_over(parcel.pk, event.actor))
    return gone


def _hand_over(shipment_id: int, actor: str) -> list[int]:
    return run_atomic(
        lambda: hand_over(shipment_ids=[shipment_id], actor=actor, reason="its WMS said so", is_gone=True)
    )
