"""The models of this room. It knows nothing of orders or stock."""

from carriers.models.bookings import Booking, BookingState, Label, TrackingEvent
from carriers.models.network import CarrierAccount, RateCard, Serviceability

__all__ = [
    "Booking",
    "BookingState",
    "CarrierAccount",
    "Label",
    "RateCard",
    "Serviceability",
    "TrackingEvent",
]
