"""What happened between us and the carriers."""

from __future__ import annotations

from dataclasses import dataclass

from oms.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingRecorded(Event):
    """At least one new scan, or a new expected day, was written for a booking."""

    booking_id: int
    awb: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingCancelled(Event):
    """The carrier voided the booking, or it was proven that the carrier never had it."""

    booking_id: int
    parcel_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingSettled(Event):
    """A booking whose outcome was unknown is certain now: booked, or free to be asked for again with `book`."""

    booking_id: int
    parcel_uid: str
