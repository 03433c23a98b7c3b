"""DHL Express: a carrier of the whole world. See README.md beside this file for the contract and what is certain.

`CarrierConfig.secrets`: `username`, `password` (of the MyDHL API). `CarrierConfig.settings`: `account_number`,
`services` (our service level -> DHL's product code), `duties_paid_by`, `country_of_origin`, `pickup_addresses`,
`time_zone`, `void_by_hand`, `timeout_seconds`.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from carriers.adapters.abroad import Pickup, account_number, our_reference, pickups_of
from carriers.adapters.calls import Calls, Reply
from carriers.adapters.checks import WORLD, Wanted, faults_of, faults_of_places, faults_of_services
from carriers.adapters.dhl_express import mapping
from carriers.adapters.lookups import the_one, voided_by_hand
from carriers.adapters.replies import pdf, rows_of
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
from oms.core import clock
from oms.core.errors import PermanentError
from oms.core.http import READ_TIMEOUT_SECONDS

BASE_URL = "https://express.api.dhl.com/mydhlapi"
#: Of the interface: every call has to say it.
VERSION = "3.1.0"
_NOT_SHOWN = frozenset({400, 404})
_SETTINGS = {
    "account_number": Wanted(pattern=r"[0-9A-Za-z]{1,12}", words="up to twelve letters or digits", needed=True),
    "pickup_hour_utc": Wanted(pattern=r"1?\d|2[0-3]", words="an hour from 0 to 23"),
}


class DhlExpressAdapter:
    """Speaks the MyDHL API. Keeps nothing but sessions."""

    code = "dhl_express"
    name = "DHL Express"
    certainty = Certainty.SCHEMA
    not_offered = (
        "prices", "cancellations", "cash on delivery", "scans that are pushed", "labels as ZPL",
        "a label whose reply was lost", "answers to failed deliveries",
    )  # fmt: skip
    look_in = "MyDHL+, under manage shipments"
    label_is_its_own = True
    collects_by_place = True

    def __init__(self) -> None:
        self._calls: dict[float, Calls] = {}
        self._lock = threading.Lock()

    # -- CarrierAdapter ------------------------------------------------------------------------------------------------

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        """DHL prices no postcodes without their cities, which a question for prices does not hold: raises NoPrices."""
        raise NoPrices(
            "DHL Express tells prices between cities alone: give the account a rate card, or choose it for the parcel."
        )

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        """Ship it under our reference, with its label. DHL deduplicates by nothing: what is lost is looked up."""
        at = clock.now().astimezone(mapping.zone_of(config.settings)) + timedelta(hours=1)
        body = mapping.ship_request(request, config.settings, at)
        reply = self._call(
            config, "POST", "/shipments", what="Shipment", safe=False,
            reference=our_reference(request.client_reference, 36), json=body,
        )  # fmt: skip
        booked = mapping.read_shipped(reply.as_object(), request, config.settings)
        if booked is None:
            raise UnknownOutcome(f"DHL took the shipment and named no parcel: {str(reply.body)[:200]}")
        return booked

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        """The one parcel under our reference. Never None: raises NotProven where DHL shows none, or several."""
        today = clock.now().date()
        query = {
            "shipmentReference": our_reference(client_reference, mapping.REFERENCE_WIDTH),
            "shipmentReferenceType": "CU",
            "shipperAccountNumber": account_number(config.settings, self.name), "levelOfDetail": "shipment",
            "dateRangeFrom": f"{today - timedelta(days=30)}", "dateRangeTo": f"{today + timedelta(days=1)}",
            "trackingView": "shipment-details-only",
        }  # fmt: skip
        reply = self._call(
            config, "GET", "/tracking", what="Tracking by reference", safe=True, accept=_NOT_SHOWN, params=query
        )
        found = mapping.awbs_of(reply.body) if reply.ok else []
        awb = the_one(found, client_reference, name=self.name, look_in=self.look_in, several="Use one alone.")
        return Booked(awb=awb, courier_name=self.name, external_ids={"reference": client_reference})

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Raises PermanentError, as DHL publishes no way to void, unless `void_by_hand` is set: a person voids."""
        voided_by_hand(config, booked, name=self.name, look_in=self.look_in)

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """Every checkpoint so far; none while DHL shows none."""
        query = {"trackingView": "all-checkpoints", "levelOfDetail": "shipment", "requestGMTOffsetPerEvent": "true"}
        path = f"/shipments/{quote(awb, safe='')}/tracking"
        reply = self._call(
            config, "GET", path, what="Tracking", safe=True, accept=frozenset({404}), params=query
        )  # fmt: skip
        return mapping.read_tracking(reply.body if reply.ok else None, awb)

    # -- GivesLabels, SchedulesPickups, ProvesDelivery -----------------------------------------------------------------

    def label(self, config: CarrierConfig, booked: Booked) -> bytes:
        """Raises PermanentError: the label comes with the booking and is kept then; DHL publishes no second way."""
        raise PermanentError(
            f"DHL Express gives a label only with the reply to its booking, and that of {booked.awb} was lost: print "
            f"it from {self.look_in}."
        )

    def schedule_pickup(self, config: CarrierConfig, booked: Sequence[Booked], on: date) -> str:
        """One pickup per place that parcels leave from, at the setting `pickup_hour_utc`; DHL's confirmation numbers.

        Pickups cannot be listed: one whose reply was lost is not repeated blindly but raised as PermanentError.
        """
        wanted = pickups_of(config.settings, booked)
        at = datetime(on.year, on.month, on.day, int(config.settings.get("pickup_hour_utc", 9)), tzinfo=UTC)
        at = at.astimezone(mapping.zone_of(config.settings))
        return ", ".join(self._pick_up(config, pickup, at) for pickup in wanted)

    def proof_of_delivery(self, config: CarrierConfig, awb: str) -> bytes:
        """The electronic proof as PDF."""
        query = {"shipperAccountNumber": account_number(config.settings, self.name), "content": "epod-detail"}
        path = f"/shipments/{quote(awb, safe='')}/proof-of-delivery"
        reply = self._call(config, "GET", path, what="Proof of delivery", safe=True, params=query)
        documents = rows_of(reply.body, "documents")
        if not documents:
            raise PermanentError(f"DHL Express has no proof of delivery of {awb} yet.")
        return pdf(documents[0].get("content"), "proof of delivery")

    # -- ChecksSettings ------------------------------------------------------------------------------------------------

    def settings_faults(self, settings: Mapping[str, Any]) -> list[str]:
        """What DHL Express could not be asked with."""
        faults = [
            *faults_of(settings, WORLD | _SETTINGS), *faults_of_services(settings), *faults_of_places(settings),
        ]  # fmt: skip
        try:
            mapping.zone_of(settings)
        except PermanentError as error:
            faults.append(str(error))
        return faults

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _pick_up(self, config: CarrierConfig, pickup: Pickup, at: datetime) -> str:
        body = mapping.pickup_request(pickup.place, pickup.parcels, at, config.settings)
        try:
            reply = self._call(config, "POST", "/pickups", what="Pickup", safe=False, json=body)
        except UnknownOutcome as error:
            raise PermanentError(
                f"DHL may have taken the pickup of {pickup.node}: look before you ask again. {error}"
            ) from error
        numbers = reply.as_object().get("dispatchConfirmationNumbers")
        if not isinstance(numbers, list) or not numbers:
            raise PermanentError(f"DHL gave no pickup number: {str(reply.body)[:200]}")
        return ", ".join(str(number) for number in numbers)

    def _call(
        self, config: CarrierConfig, method: str, path: str, *, what: str, safe: bool, reference: str = "",
        accept: frozenset[int] = frozenset(), **kwargs: Any,
    ) -> Reply:  # fmt: skip
        seconds = float(config.settings.get("timeout_seconds", READ_TIMEOUT_SECONDS))
        with self._lock:
            calls = self._calls.setdefault(seconds, Calls(seconds, mapping.message_of))
        headers = {
            "Accept": "application/json", "Message-Reference": reference or str(uuid.uuid4()), "x-version": VERSION,
        }  # fmt: skip
        response = calls.send(
            method, (config.base_url or BASE_URL).rstrip("/") + path, what=what, safe=safe, headers=headers,
            auth=(config.secrets.get("username", ""), config.secrets.get("password", "")), **kwargs,
        )  # fmt: skip
        return calls.judge(response, what=what, safe=safe, accept=accept)
