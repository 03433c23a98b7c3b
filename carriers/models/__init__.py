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
from carriers.models.bookings import Booking, BookingState, DeliveryProof, Label, TrackingEvent
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
from carriers.models.network import WHOLE_COUNTRY, CarrierAccount, RateCard, Serviceability

__all__ = [
    "BillFinding",
    "BillLine",
    "BillLineState",
    "BillState",
    "Booking",
    "BookingState",
    "CarrierAccount",
    "CarrierBill",
    "CashBook",
    "CashEntry",
    "CashEvent",
    "CashPosition",
    "CashTransaction",
    "ChoiceRule",
    "CreditNote",
    "DeliveryProof",
    "Finding",
    "LANE_DAYS",
    "Label",
    "LaneRecord",
    "ROUNDING_MINOR",
    "RateCard",
    "Remittance",
    "RemittanceLine",
    "RuleEffect",
    "RulePayment",
    "RuleStrategy",
    "Serviceability",
    "WHOLE_COUNTRY",
    "TrackingEvent",
]
