"""What a carrier connector is: a small Protocol and the values that cross it.

An adapter speaks HTTP and nothing else and never touches the database. Weights are grams, lengths millimetres, money
minor units. Errors: `TransientError` (surely nothing happened, try again), `PermanentError` (surely refused),
`UnknownOutcome` (the call may have taken effect: look it up by `client_reference`, never retry blindly).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from oms.core.values import Address


class Milestone(StrEnum):
    """One vocabulary of tracking for every carrier. Raw carrier words are kept beside it."""

    BOOKED = "booked"
    PICKUP_SCHEDULED = "pickup_scheduled"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    ATTEMPT_FAILED = "attempt_failed"
    RTO_INITIATED = "rto_initiated"
    RTO_IN_TRANSIT = "rto_in_transit"
    RTO_DELIVERED = "rto_delivered"
    CANCELLED = "cancelled"
    LOST = "lost"
    DAMAGED = "damaged"
    UNKNOWN = "unknown"


class SubStatus(StrEnum):
    """What a milestone does not say by itself: why an attempt failed, where on its way a parcel is, who took it.

    One vocabulary for every carrier, as that of milestones; a scan of which it is not known has none.
    """

    # Why an attempt to deliver failed.
    CUSTOMER_UNAVAILABLE = "customer_unavailable"
    REFUSED = "refused"
    WRONG_ADDRESS = "wrong_address"
    PHONE_UNREACHABLE = "phone_unreachable"
    COD_NOT_READY = "cod_not_ready"
    OUT_OF_AREA = "out_of_area"
    RESCHEDULED = "rescheduled"
    # Where it is between pickup and door.
    ARRIVED_AT_HUB = "arrived_at_hub"
    LEFT_HUB = "left_hub"
    AT_DESTINATION = "at_destination"
    MISROUTED = "misrouted"
    DELAYED = "delayed"
    # Who took it.
    TO_CUSTOMER = "to_customer"
    TO_NEIGHBOUR = "to_neighbour"
    TO_SECURITY = "to_security"
    # Before it is with the carrier.
    PICKUP_FAILED = "pickup_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierConfig:
    """One contract with one carrier, as an adapter sees it. `secrets` are decrypted, never logged."""

    account_id: int
    code: str
    base_url: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelItem:
    """What is in the parcel. `tax_rate_bp` is in basis points (1800 = 18 %)."""

    sku_code: str
    name: str
    quantity: int
    unit_price_minor: int
    hsn: str = ""
    tax_rate_bp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRequest:
    """Ask a carrier to carry one parcel. `client_reference` is ours, stored before the call, stable over retries."""

    client_reference: str
    order_number: str
    order_date: datetime
    ship_from: Address
    ship_from_code: str
    ship_to: Address
    items: tuple[ParcelItem, ...]
    weight_grams: int
    length_mm: int
    width_mm: int
    height_mm: int
    declared_value_minor: int
    currency: str = "INR"
    cod_minor: int = 0
    service_level: str = "standard"
    courier_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """The carrier accepted the parcel. `external_ids` holds the carrier's own keys for later calls."""

    awb: str
    courier_name: str
    external_ids: Mapping[str, str] = field(default_factory=dict)
    charge_minor: int | None = None
    expected_delivery: date | None = None
    label_url: str = ""
    #: The carrier's label as PDF, where it comes with the reply to the booking: it is kept in the same transaction.
    label_pdf: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRequest:
    """Which services carry this, from where to where. `country` is that of the goal."""

    from_postcode: str
    to_postcode: str
    weight_grams: int
    from_country: str = "IN"
    cod_minor: int = 0
    declared_value_minor: int = 0
    length_mm: int = 0
    width_mm: int = 0
    height_mm: int = 0
    country: str = "IN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One service that carries it. `transit_days` counts calendar days from pickup to delivery."""

    courier_id: str
    courier_name: str
    charge_minor: int
    transit_days: int
    supports_cod: bool
    expected_delivery: date | None = None
    rating: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingScan:
    """One scan. `scan_key` is unique per AWB, so that a webhook and a poll of the same scan are one row.

    `sub_status` says more than the milestone where the carrier does.
    """

    scan_key: str
    milestone: Milestone
    occurred_at: datetime
    carrier_status: str
    description: str = ""
    location: str = ""
    sub_status: SubStatus | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingUpdate:
    """What a webhook or a poll says of one AWB."""

    awb: str
    scans: tuple[TrackingScan, ...]
    expected_delivery: date | None = None


class UnknownOutcome(Exception):
    """The call may or may not have taken effect. Look it up; never repeat it blindly."""


class CarrierAdapter(Protocol):
    """What every carrier can do."""

    code: str
    name: str
    certainty: Certainty

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        """Services that carry it; an empty list means not serviceable."""
        ...

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        """Book once. Raises UnknownOutcome when the reply was lost."""
        ...

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        """What the carrier holds under our reference; None when it surely holds nothing live.

        Raises `carriers.errors.NotProven` where an empty answer proves nothing: a person decides then.
        """
        ...

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Void the booking. Idempotent."""
        ...

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """Every scan so far."""
        ...


class Certainty(StrEnum):
    """How well a connector is known to fit its carrier. The README of each says what was tested against what."""

    #: Nothing outside is spoken to.
    OWN = "own"
    #: Against replies that were recorded from the live service.
    RECORDED = "recorded"
    #: Against the vendor's published schema.
    SCHEMA = "schema"
    #: Against excerpts: parts of the contract are not public, and what they hold is not offered.
    EXCERPT = "excerpt"

    @property
    def sentence(self) -> str:
        """What it means, for the people who decide whether to rely on it."""
        return {
            Certainty.OWN: "Nothing outside is spoken to.",
            Certainty.RECORDED: "Tested against replies that were recorded from the live service.",
            Certainty.SCHEMA: "Tested against the schema that the carrier publishes, not yet against the live service.",
            Certainty.EXCERPT: "Only parts of the contract are public; what is missing is not offered.",
        }[self]


@runtime_checkable
class LeavesOut(Protocol):
    """Parts of the carrier's contract are not public: `not_offered` names them for people."""

    not_offered: tuple[str, ...]


@runtime_checkable
class ChecksSettings(Protocol):
    """The connector says of an account's settings what it could not work with, before they are saved."""

    def settings_faults(self, settings: Mapping[str, Any]) -> list[str]:
        """A sentence for each fault: the setting, what came, what was expected."""
        ...


@runtime_checkable
class ReservesAwb(Protocol):
    """The carrier gives an AWB before it gets the parcel: it is stored first, and a lost reply is looked up by it."""

    def reserve_awb(self, config: CarrierConfig) -> str:
        """An AWB that no parcel has yet. Raises TransientError or PermanentError; one that is not used is lost."""
        ...


@runtime_checkable
class CannotProveAbsence(Protocol):
    """A search by our reference that finds nothing proves nothing: such a booking waits for a person."""

    #: Where the person looks, as a sentence begins: "UPS's shipping history".
    look_in: str


@runtime_checkable
class TakesOnlyItsLabel(Protocol):
    """The carrier sorts by codes that only its own label has: ours is never printed for its parcels."""

    label_is_its_own: bool


@runtime_checkable
class NumbersInvoices(Protocol):
    """Goods are declared to customs under another number than the order's."""

    def invoice_number(self, request: BookingRequest) -> str:
        """The number of the invoice that the booking declared."""
        ...


@runtime_checkable
class PricesAbroad(Protocol):
    """The carrier, or the card in an account's settings, prices parcels across borders."""

    def countries(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """The countries that parcels can go to, `*` for all of them."""
        ...


@runtime_checkable
class ProvesDelivery(Protocol):
    """The carrier gives a proof of delivery."""

    def proof_of_delivery(self, config: CarrierConfig, awb: str) -> bytes:
        """The proof as PDF. Raises PermanentError where there is none (yet)."""
        ...


@runtime_checkable
class GivesLabels(Protocol):
    """The carrier prints its own label."""

    def label(self, config: CarrierConfig, booked: Booked) -> bytes:
        """The label as PDF."""
        ...


@runtime_checkable
class SchedulesPickups(Protocol):
    """The carrier is asked to come."""

    def schedule_pickup(self, config: CarrierConfig, booked: Sequence[Booked], on: date) -> str:
        """Returns the carrier's pickup token or reference."""
        ...


@runtime_checkable
class CollectsByPlace(Protocol):
    """A pickup is of one place, whatever lies there: asked for parcel by parcel, a vehicle comes for each of them."""

    collects_by_place: bool


@runtime_checkable
class ReceivesTracking(Protocol):
    """The carrier pushes scans."""

    def read_webhook(self, config: CarrierConfig, headers: Mapping[str, str], body: bytes) -> TrackingUpdate | None:
        """Verify and parse. Raises `carriers.errors.BadSignature` when the token does not match."""
        ...


@runtime_checkable
class TellsBothWaysAlike(Protocol):
    """Scans that are pushed tell of the way back in the words of the way there: what follows a return is of it."""

    both_ways_alike: bool


class NdrAction(StrEnum):
    """What to do after a failed attempt to deliver. The values are the words that Indian carriers use."""

    REATTEMPT = "re-attempt"
    RETURN = "return"
    FAKE_ATTEMPT = "fake-attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class NdrAnswer:
    """Our answer to a non-delivery report; what is empty stays as the carrier has it."""

    action: NdrAction
    comments: str
    phone: str = ""
    address1: str = ""
    address2: str = ""
    deferred_date: date | None = None


@runtime_checkable
class AnswersNdr(Protocol):
    """The carrier takes our answer to a non-delivery report."""

    def answer_ndr(self, config: CarrierConfig, awb: str, answer: NdrAnswer) -> None:
        """Pass it on. Accepted is not applied: only a later scan proves it.

        Raises UnknownOutcome only for a complaint (`FAKE_ATTEMPT`) whose reply was lost; the others may be repeated.
        """
        ...
