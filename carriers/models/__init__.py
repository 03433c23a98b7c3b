"""The models of this room. It knows nothing of orders or stock."""

from carriers.models.bills import (
    ROUNDING_MINOR,
    BillFinding,
    BillLine,
    BillLineState,
    BillState,
    CarrierBill,
    CreditNote,
)
from carriers.models.bookings import Booking, BookingState, Label, TrackingEvent
from carriers.models.choice import LANE_DAYS, ChoiceRule, LaneRecord, RuleEffect, RulePayment, RuleStrategy
from carriers.models.ledger import (
    CashBook,
    CashEntry,
    CashEvent,
    CashPosition,
    CashTransaction,
    Finding,
    Remittance,
    RemittanceLine,
)
from carriers.models.network import CarrierAccount, RateCard, Serviceability

__all__ = [
    "ROUNDING_MINOR",
    "CreditNote",
    "CarrierBill",
    "BillState",
    "BillLineState",
    "BillLine",
    "BillFinding",
    "Booking",
    "BookingState",
    "CarrierAccount",
    "CashBook",
    "CashEntry",
    "CashEvent",
    "CashPosition",
    "CashTransaction",
    "ChoiceRule",
    "Finding",
    "LANE_DAYS",
    "Label",
    "LaneRecord",
    "RateCard",
    "Remittance",
    "RemittanceLine",
    "RuleEffect",
    "RulePayment",
    "RuleStrategy",
    "Serviceability",
    "TrackingEvent",
]
