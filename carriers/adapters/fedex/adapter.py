"""FedEx: a carrier of the whole world. See README.md beside this file for the contract and what is certain.

`CarrierConfig.secrets`: `client_id`, `client_secret` (of a project in FedEx's developer portal).
`CarrierConfig.settings`: `account_number`, `services` (our service level -> FedEx's service type), `currency`,
`country`, `duties_paid_by`, `country_of_origin`, `pickup_addresses`, `timeout_seconds`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from carriers.adapters.abroad import Pickup, our_reference, pickups_of
from carriers.adapters.calls import REFUSED, Reply
from carriers.adapters.checks import WORLD, Wanted, faults_of, faults_of_places, faults_of_services
from carriers.adapters.fedex import mapping
from carriers.adapters.lookups import the_one
from carriers.adapters.oauth import TokenClient, TokenClients
from carriers.adapters.replies import pdf
from carriers.base import (
    Booked,
    BookingRequest,
    CarrierConfig,
    Certainty,
    Rate,
    RateRequest,
    TrackingUpdate,
    UnknownOutcome,
)
from carriers.errors import NoPrices
from carriers.rates import ANYWHERE
from oms.core import clock
from oms.core.errors import PermanentError
from oms.core.http import READ_TIMEOUT_SECONDS

BASE_URL = "https://apis.fedex.com"
_NOT_SHOWN = frozenset({400, 404})
_SETTINGS = {
    "account_number": Wanted(pattern=r"\d{1,9}", words="up to nine digits", needed=True),
    "pickup_ready": Wanted(pattern=r"([01]\d|2[0-3]):[0-5]\d", words="an hour as 10:00"),
    "pickup_close": Wanted(pattern=r"([01]\d|2[0-3]):[0-5]\d", words="an hour as 18:00"),
}


class FedexAdapter:
    """Speaks FedEx's REST APIs. Keeps nothing but sessions and tokens, in memory, per account."""

    code = "fedex"
    name = "FedEx"
    certainty = Certainty.SCHEMA
    not_offered = (
        "cash on delivery", "scans that are pushed", "labels as ZPL",
        "a label whose reply was lost", "answers to failed deliveries",
    )  # fmt: skip
    look_in = "FedEx Ship Manager's shipping history"
    label_is_its_own = True
    collects_by_place = True

    def __init__(self) -> None:
        self._clients = TokenClients(_client)

    # -- CarrierAdapter ------------------------------------------------------------------------------------------------

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        """Services that carry it, cheapest first; empty for cash on delivery, which is not offered.

        Raises NoPrices where FedEx has none for this very parcel.
        """
        if request.cod_minor:
            return []
        body = mapping.rate_request(request, config.settings)
        reply = self._call(config, "POST", "/rate/v1/rates/quotes", what="Rates", safe=True, accept=REFUSED, json=body)
        if not reply.ok:
            raise NoPrices(mapping.message_of(reply.body))
        today = clock.now().date()
        return mapping.read_rates(reply.as_object(), str(config.settings.get("currency", "INR")), today)

    def countries(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Prices are told for every country."""
        return frozenset({ANYWHERE})

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        """Ship it under our reference, with its label. FedEx deduplicates by nothing: what is lost is looked up."""
        body = mapping.ship_request(request, config.settings)
        reply = self._call(
            config, "POST", "/ship/v1/shipments", what="Shipment", safe=False,
            transaction=our_reference(request.client_reference, 40), json=body,
        )  # fmt: skip
        booked = mapping.read_shipped(reply.as_object(), request)
        if booked is None:
            raise UnknownOutcome(f"FedEx took the shipment and named no parcel: {str(reply.body)[:200]}")
        return booked

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        """The one live parcel under our reference. Never None: raises NotProven where FedEx shows none, or several."""
        body = mapping.reference_request(client_reference, config.settings, clock.now().date())
        reply = self._call(
            config, "POST", "/track/v1/referencenumbers", what="Tracking by reference", safe=True, accept=_NOT_SHOWN,
            json=body,
        )  # fmt: skip
        rows = mapping.results_of(reply.body) if reply.ok else iter(())
        alive = (number for number, result in rows if not mapping.is_cancelled(result))
        awb = the_one(alive, client_reference, name=self.name, look_in=self.look_in, several="Void all but one.")
        return Booked(awb=awb, courier_name=self.name, external_ids={"reference": client_reference})

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Void the shipment. Doing it twice does no harm: a refusal counts only while it is not shown as cancelled."""
        body = mapping.cancel_request(booked, config.settings)
        reply = self._call(
            config, "PUT", "/ship/v1/shipments/cancel", what="Cancellation", safe=True, accept=_NOT_SHOWN, json=body
        )
        if reply.ok and mapping.output_of(reply.body).get("cancelledShipment") is True:
            return
        shown = mapping.results_of(self._track(config, booked.awb).body)
        if not any(number == booked.awb and mapping.is_cancelled(result) for number, result in shown):
            raise PermanentError(f"Cancellation was refused: {mapping.message_of(reply.body)}")

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """Every scan so far; none while FedEx shows none."""
        return mapping.read_tracking(self._track(config, awb).body, awb)

    # -- GivesLabels, SchedulesPickups, ProvesDelivery -----------------------------------------------------------------

    def label(self, config: CarrierConfig, booked: Booked) -> bytes:
        """Raises PermanentError: the label comes with the booking and is kept then; FedEx publishes no second way."""
        raise PermanentError(
            f"FedEx gives a label only with the reply to its booking, and that of {booked.awb} was lost: print it from "
            f"{self.look_in}, or void the parcel and book it again."
        )

    def schedule_pickup(self, config: CarrierConfig, booked: Sequence[Booked], on: date) -> str:
        """One pickup per place that parcels leave from; FedEx's confirmation codes.

        A pickup has no reference of ours and there is no list of them: one whose reply was lost is not repeated blindly
        but raised as PermanentError.
        """
        wanted = pickups_of(config.settings, booked, also=("region",))
        return ", ".join(self._pick_up(config, pickup, on) for pickup in wanted)

    def proof_of_delivery(self, config: CarrierConfig, awb: str) -> bytes:
        """The signed proof as PDF."""
        body = mapping.proof_request(awb, config.settings)
        reply = self._call(
            config, "POST", "/track/v1/trackingdocuments", what="Proof of delivery", safe=True, json=body
        )
        pages = mapping.output_of(reply.body).get("document") or mapping.output_of(reply.body).get("documents")
        if not isinstance(pages, list) or not pages:
            raise PermanentError(f"FedEx has no proof of delivery of {awb} yet.")
        return pdf(pages[0], "proof of delivery")

    # -- ChecksSettings ------------------------------------------------------------------------------------------------

    def settings_faults(self, settings: Mapping[str, Any]) -> list[str]:
        """What FedEx could not be asked with."""
        return [
            *faults_of(settings, WORLD | _SETTINGS), *faults_of_services(settings),
            *faults_of_places(settings, also=("region",)),
        ]  # fmt: skip

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _pick_up(self, config: CarrierConfig, pickup: Pickup, on: date) -> str:
        body = mapping.pickup_request(pickup.place, len(pickup.parcels), on, config.settings)
        try:
            reply = self._call(config, "POST", "/pickup/v1/pickups", what="Pickup", safe=False, json=body)
        except UnknownOutcome as error:
            raise PermanentError(
                f"FedEx may have taken the pickup of {pickup.node}: look before you ask again. {error}"
            ) from error
        code = str(mapping.output_of(reply.body).get("pickupConfirmationCode") or "")
        if not code:
            raise PermanentError(f"FedEx gave no pickup number: {str(reply.body)[:200]}")
        return code

    def _track(self, config: CarrierConfig, awb: str) -> Reply:
        reply = self._call(
            config, "POST", "/track/v1/trackingnumbers", what="Tracking", safe=True, accept=frozenset({404}),
            json=mapping.number_request(awb),
        )  # fmt: skip
        return reply if reply.ok else Reply(reply.status, None)

    def _call(
        self, config: CarrierConfig, method: str, path: str, *, what: str, safe: bool, transaction: str = "",
        accept: frozenset[int] = frozenset(), **kwargs: Any,
    ) -> Reply:  # fmt: skip
        client = self._clients.of(
            config.base_url or BASE_URL, config.secrets.get("client_id", ""), config.secrets.get("client_secret", ""),
            float(config.settings.get("timeout_seconds", READ_TIMEOUT_SECONDS)),
        )  # fmt: skip
        headers = {"x-customer-transaction-id": transaction or uuid.uuid4().hex, "x-locale": "en_US"}
        return client.call(method, path, what=what, safe=safe, accept=accept, headers=headers, **kwargs)


def _client(base_url: str, client_id: str, client_secret: str, timeout_seconds: float) -> TokenClient:
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    return TokenClient(
        base_url=base_url, sign_in_path="/oauth/token", sign_in={"data": form}, timeout_seconds=timeout_seconds,
        message_of=mapping.message_of,
    )  # fmt: skip
