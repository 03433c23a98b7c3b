"""The one known world of these tests: accounts, a parcel from Bengaluru to Thane, a carrier of our own making."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from carriers.base import (
    Booked,
    BookingRequest,
    CarrierConfig,
    Certainty,
    ParcelItem,
    Rate,
    RateRequest,
    TrackingUpdate,
)
from carriers.models import Booking, CarrierAccount, RateCard
from carriers.simulators.shiprocket.server import SimulatorServer
from oms.core.values import Address

WEBHOOK_TOKEN = "token-of-the-panel"
ORDER_DATE = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)


def booking_request(**changes: Any) -> BookingRequest:
    """A prepaid parcel of 1.25 kg with two articles."""
    values: dict[str, Any] = {
        "client_reference": "",
        "order_number": "OMS-100234",
        "order_date": ORDER_DATE,
        "ship_from": Address(
            company="Kaveri Handlooms", line1="7 Peenya", city="Bengaluru", region="Karnataka", postcode="560058"
        ),
        "ship_from_code": "BLR-DC",
        "ship_to": Address(
            name="Ananya Rao",
            line1="Flat 1204, Tower B",
            city="Thane",
            region="Maharashtra",
            postcode="421204",
            phone="+91 98200 12345",
            email="ananya@example.com",
        ),
        "items": (
            ParcelItem(
                sku_code="SAR-07", name="Saree", quantity=1, unit_price_minor=199_950, hsn="5208", tax_rate_bp=500
            ),
            ParcelItem(sku_code="STL-02", name="Stole", quantity=2, unit_price_minor=25_000),
        ),
        "weight_grams": 1250,
        "length_mm": 300,
        "width_mm": 220,
        "height_mm": 85,
        "declared_value_minor": 249_950,
    }
    return BookingRequest(**(values | changes))


def rate_request(**changes: Any) -> RateRequest:
    """The question for a price of 1.25 kg from Bengaluru to Thane."""
    values: dict[str, Any] = {"from_postcode": "560058", "to_postcode": "421204", "weight_grams": 1250}
    return RateRequest(**(values | changes))


def shiprocket_account(simulator: SimulatorServer, code: str = "aggregator", **changes: Any) -> CarrierAccount:
    """An account at the simulated carrier whose replies may take one second and whose lost calls are over at once."""
    values: dict[str, Any] = {
        "code": code,
        "name": "Aggregator",
        "adapter": "shiprocket",
        "base_url": simulator.base_url,
        "secrets": {"email": "api@example.com", "password": "secret", "webhook_token": WEBHOOK_TOKEN},
        "settings": {"timeout_seconds": 1.0, "proof_after_seconds": 0, "pickup_locations": {"BLR-DC": "Bengaluru DC"}},
    }
    return CarrierAccount.objects.create(**(values | changes))


def manual_account(code: str = "riders", **changes: Any) -> CarrierAccount:
    """A courier without an API, priced by a rate card: 50 rupees within the first 500 g to zone D, 40 each further."""
    card, _ = RateCard.objects.get_or_create(code="flat", defaults={"name": "Flat card", "zones": flat_zones()})
    values: dict[str, Any] = {"code": code, "name": code.title(), "adapter": "manual", "rate_card": card}
    return CarrierAccount.objects.create(**(values | changes))


def flat_zones(first_minor: int = 5000, days: int = 4) -> dict[str, Any]:
    """The same price in zones A to D; E and F are not served."""
    row = {
        "first_grams": 500,
        "first_minor": first_minor,
        "additional_grams": 500,
        "additional_minor": 4000,
        "days": days,
    }
    return dict.fromkeys("ABCD", row)


class ScriptedCarrier:
    """A carrier in this process that does what a test scripts: `on_book` is called with each request."""

    code = "scripted"
    certainty = Certainty.OWN
    name = "Scripted"

    def __init__(self) -> None:
        self.booked: dict[str, Booked] = {}
        self.cancelled: list[str] = []
        self.asked_rates = 0
        self.on_book: Callable[[BookingRequest], Booked] = self.accept
        self.on_rates: Callable[[RateRequest], list[Rate]] = lambda request: []
        self.on_cancel: Callable[[Booked], None] = lambda booked: None
        self.on_find: Callable[[str], Booked | None] = lambda reference: self.booked.get(reference)
        self.on_track: Callable[[str], TrackingUpdate] = lambda awb: TrackingUpdate(awb=awb, scans=())

    def accept(self, request: BookingRequest) -> Booked:
        """Hold the parcel under the caller's reference."""
        booked = Booked(awb=f"AWB-{request.client_reference}", courier_name="Scripted Air", charge_minor=6100)
        return self.booked.setdefault(request.client_reference, booked)

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        self.asked_rates += 1
        return self.on_rates(request)

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        return self.on_book(request)

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        return self.on_find(client_reference)

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        self.on_cancel(booked)
        self.cancelled.append(booked.awb)

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        return self.on_track(awb)


def scripted_account(code: str = "scripted", **changes: Any) -> CarrierAccount:
    """An account with the scripted carrier."""
    values: dict[str, Any] = {"code": code, "name": "Scripted", "adapter": "scripted"}
    return CarrierAccount.objects.create(**(values | changes))


def rate(charge_minor: int, days: int = 3, **changes: Any) -> Rate:
    """One service of a carrier."""
    values: dict[str, Any] = {
        "courier_id": "1",
        "courier_name": "Air",
        "charge_minor": charge_minor,
        "transit_days": days,
        "supports_cod": True,
    }
    return Rate(**(values | changes))


def pass_time(booking: Booking, **time: float) -> None:
    """Let the moment until which a caller, or the carrier, has time with this booking lie in the past."""
    Booking.objects.filter(pk=booking.pk).update(next_poll_at=datetime.now(UTC) - timedelta(**(time or {"seconds": 1})))
    booking.refresh_from_db()


TODAY = date(2026, 11, 21)
