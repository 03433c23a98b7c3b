"""The models of this room. It knows nothing of orders or stock."""

from carriers.models.bookings import Booking, BookingState, Label, TrackingEvent
from carriers.models.choice import LANE_DAYS, ChoiceRule, LaneRecord, RuleEffect, RulePayment, RuleStrategy
from carriers.models.network import CarrierAccount, RateCard, Serviceability

__all__ = [
    "LANE_DAYS",
    "Booking",
    "BookingState",
    "CarrierAccount",
    "ChoiceRule",
    "Label",
    "LaneRecord",
    "RateCard",
    "RuleEffect",
    "RulePayment",
    "RuleStrategy",
    "Serviceability",
    "TrackingEvent",
]
