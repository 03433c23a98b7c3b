"""What a WMS says over the API, as it comes, as the service takes it, and what is answered."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from fulfillment.services.hand_off_answers import Confirmation, Heard
from fulfillment.services.hand_off_work import Left, PackedBox, Part


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("number", "Input should be a number: true and false are none")
    return value


Number = Annotated[int, BeforeValidator(_no_truth)]
Name = Annotated[str, StringConstraints(max_length=120)]
Words = Annotated[str, StringConstraints(max_length=500)]


class SaidSchema(Schema):
    """What a WMS says. A field that nobody knows is refused: a misspelt `units` of a box would pack all of the work."""

    model_config = ConfigDict(extra="forbid")


class UnitsIn(SaidSchema):
    """Units of one line, by its id or its SKU; `lots` (units by code) and `serials` where the SKU is kept by them.

    A short names its `reason`: not_found, damaged, display_worn, wrong_item, expired.
    """

    line_id: Number | None = None
    sku: Name = ""
    quantity: Number
    lots: dict[Name, Number] = {}
    serials: list[Name] = []
    reason: Words = ""
    note: Words = ""


class BoxIn(SaidSchema):
    """One box under your own name for it. Grams and millimetres; without units it holds all of the work."""

    box: Name
    units: list[UnitsIn] = []
    weight_grams: Number = 0
    length_mm: Number = 300
    width_mm: Number = 220
    height_mm: Number = 80


class LeftIn(SaidSchema):
    """A box that left; with `awb` and `carrier` where you booked it. No box named: all of them."""

    box: Name = ""
    awb: Name = ""
    carrier: Name = ""


class SaidIn(SaidSchema):
    """What you say of one piece of work; `version` is that of the instruction you did.

    `event_id` is your own name for it, counted once for ever; without one it is the Idempotency-Key.
    """

    event_id: str = ""
    version: Number
    reason: Words = ""
    units: list[UnitsIn] = []
    boxes: list[BoxIn] = []
    parcels: list[LeftIn] = []


class EventIn(SaidIn):
    """One of many, with the number of its `work`.

    `kind` is accept, reject, pick, short, pack, ship, cancel_accept or cancel_reject.
    """

    event_id: str
    work: Name
    kind: Name


class EventsIn(SaidSchema):
    """At most 200 events; those of the same work in the order in which they happened."""

    events: list[EventIn]


def confirmation_of(body: SaidIn, *, work: str, kind: str, event_id: str) -> Confirmation:
    """What came over the API, as the service takes it."""
    raw = body.dict() | {"work": work, "kind": kind, "event_id": event_id}
    return Confirmation(
        event_id=event_id, kind=kind, work=work, version=body.version, reason=body.reason, raw=raw,
        parts=tuple(map(_part, body.units)),
        boxes=tuple(
            PackedBox(ref=box.box, parts=tuple(map(_part, box.units)), weight_grams=box.weight_grams,
                      length_mm=box.length_mm, width_mm=box.width_mm, height_mm=box.height_mm)
            for box in body.boxes
        ),
        left=tuple(Left(ref=row.box, awb=row.awb, carrier=row.carrier) for row in body.parcels),
    )  # fmt: skip


def _part(row: UnitsIn) -> Part:
    return Part(
        quantity=row.quantity, line_id=row.line_id, sku=row.sku, lots=tuple(row.lots.items()),
        serials=tuple(row.serials), reason=row.reason, note=row.note,
    )  # fmt: skip


def heard_out(heard: Heard) -> dict[str, Any]:
    """What became of one event."""
    shown: dict[str, Any] = {"event_id": heard.event_id, "work": heard.work, "status": heard.status, **heard.result}
    if heard.error is not None:
        shown |= {"code": heard.error.code, "message": heard.error.message, "field": heard.error.field}
    return shown
