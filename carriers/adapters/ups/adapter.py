"""UPS: a carrier of the whole world. See README.md beside this file for the contract and what is certain.

`CarrierConfig.secrets`: `client_id`, `client_secret` (of an app in UPS's developer portal), `webhook_token`.
`CarrierConfig.settings`: `account_number` (six characters), `services` (our service level -> UPS's code), `currency`,
`country`, `duties_paid_by`, `country_of_origin`, `pickup_addresses`, `timeout_seconds`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

from carriers.adapters.abroad import Pickup, account_number, our_reference, pickups_of
from carriers.adapters.calls import REFUSED, Reply
from carriers.adapters.checks import WORLD, Wanted, faults_of, faults_of_places, faults_of_services
from carriers.adapters.lookups import the_one
from carriers.adapters.oauth import TokenClient, TokenClients
from carriers.adapters.panel import check_token
from carriers.adapters.ups import mapping, tracking
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
from oms.core.errors import PermanentError, TransientError
from oms.core.http import READ_TIMEOUT_SECONDS

BASE_URL = "https://onlinetools.ups.com"
VERSION = "v2409"
_VOIDED = "007"
#: What the tracking services answer for a number or reference that they do not show.
_NOT_SHOWN = frozenset({400, 404})
_SETTINGS = {
    "account_number": Wanted(pattern=r"[0-9A-Za-z]{6}", words="six letters or digits", needed=True),
    "pickup_ready": Wanted(pattern=r"([01]\d|2[0-3])[0-5]\d", words="an hour as 1000"),
    "pickup_close": Wanted(pattern=r"([01]\d|2[0-3])[0-5]\d", words="an hour as 1800"),
    "pickup_service": Wanted(pattern=r"\d{3}", words="three digits, as 065"),
}


class UpsAdapter:
    """Speaks UPS's REST APIs. Keeps nothing but sessions and tokens, in memory, per account."""

    code = "ups"
    name = "UPS"
    certainty = Certainty.SCHEMA
    not_offered = (
        "cash on delivery", "proof of delivery", "labels as ZPL", "answers to failed deliveries",
    )  # fmt: skip
    look_in = "UPS's shipping history"
    label_is_its_own = True
    collects_by_place = True
    both_ways_alike = True

    def __init__(self) -> None:
        self._clients = TokenClients(_client)

    # -- CarrierAdapter ------------------------------------------------------------------------------------------------

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        """Services that carry it, cheapest first; empty for cash on delivery, which is not offered.

        Raises NoPrices where UPS has none for this very parcel, or where its goal has no postcode.
        """
        if request.cod_minor:
            return []
        body = mapping.rate_request(request, config.settings)
        reply = self._call(
            config, "POST", f"/api/rating/{VERSION}/Shop", what="Rates", safe=True, accept=REFUSED, json=body,
        )  # fmt: skip
        if not reply.ok:
            raise NoPrices(mapping.message_of(reply.body))
        return mapping.read_rates(reply.as_object(), str(config.settings.get("currency", "INR")))

    def countries(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Prices are told for every country."""
        return frozenset({ANYWHERE})

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        """Ship it under our reference. UPS deduplicates by nothing: whatever is lost is looked up."""
        body = mapping.ship_request(request, config.settings)
        reply = self._call(
            config, "POST", f"/api/shipments/{VERSION}/ship", what="Shipment", safe=False,
            trans_id=our_reference(request.client_reference, 32), json=body,
        )  # fmt: skip
        booked = mapping.read_shipped(reply.as_object(), request)
        if booked is None:
            raise UnknownOutcome(f"UPS took the shipment and named no parcel: {str(reply.body)[:200]}")
        return booked

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        """The one live parcel under our reference, by label recovery and by tracking.

        Never None: raises NotProven where UPS shows none, or several.
        """
        found = {*self._by_recovery(config, client_reference), *self._by_tracking(config, client_reference)}
        alive = (awb for awb in found if not self._voided(config, awb))
        awb = the_one(alive, client_reference, name=self.name, look_in=self.look_in, several="Void all but one.")
        return mapping.booked_of(awb, awb, client_reference)

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Void the shipment. Doing it twice does no harm: a refusal counts only while the parcel is not voided."""
        shipment = booked.external_ids.get("shipment_id") or booked.awb
        path = f"/api/shipments/{VERSION}/void/cancel/{quote(shipment, safe='')}"
        reply = self._call(config, "DELETE", path, what="Void", safe=True, accept=frozenset({400, 404}))
        response = reply.as_object().get("VoidShipmentResponse")
        summary = response.get("SummaryResult") if isinstance(response, dict) else None
        status = summary.get("Status") if isinstance(summary, dict) else None
        if reply.ok and isinstance(status, dict) and str(status.get("Code")) == "1":
            return
        if not self._voided(config, booked.awb):
            raise PermanentError(f"Void was refused: {mapping.message_of(reply.body)}")

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """Every scan so far; none while UPS shows none."""
        return tracking.read_tracking(self._track(config, awb).body, awb)

    # -- GivesLabels, SchedulesPickups, ReceivesTracking ---------------------------------------------------------------

    def label(self, config: CarrierConfig, booked: Booked) -> bytes:
        """UPS's label as PDF: the reply to a shipment has none, label recovery does."""
        reply = self._recover(config, mapping.recovery_of(booked.awb), accept=frozenset())
        return mapping.pdf_of(mapping.recovered(reply.as_object()))

    def schedule_pickup(self, config: CarrierConfig, booked: Sequence[Booked], on: date) -> str:
        """One on-call pickup per place that parcels leave from; UPS's pickup numbers.

        A pickup that is pending already for the place and day is taken as it is, so the whole call may be repeated;
        one for a later day than tomorrow, which UPS does not list, is not: a lost reply raises PermanentError.
        """
        wanted = pickups_of(config.settings, booked)
        pending = self._pending_pickups(config)
        numbers = []
        for pickup in wanted:
            reference = our_reference(f"{on:%Y%m%d}-{pickup.node}", mapping.REFERENCE_WIDTH)
            numbers.append(pending.get(reference) or self._pick_up(config, pickup, on, reference))
        return ", ".join(numbers)

    def read_webhook(self, config: CarrierConfig, headers: Mapping[str, str], body: bytes) -> TrackingUpdate | None:
        """Check the agreed header, then parse one event of Track Alert; None for a call without a tracking number."""
        check_token(config, headers)
        try:
            parsed = json.loads(body)
        except ValueError as error:
            raise PermanentError(f"The tracking event is not JSON: {error}") from error
        return tracking.read_push(parsed) if isinstance(parsed, dict) else None

    # -- ChecksSettings ------------------------------------------------------------------------------------------------

    def settings_faults(self, settings: Mapping[str, Any]) -> list[str]:
        """What UPS could not be asked with."""
        return [
            *faults_of(settings, WORLD | _SETTINGS), *faults_of_services(settings), *faults_of_places(settings),
        ]  # fmt: skip

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _by_recovery(self, config: CarrierConfig, reference: str) -> list[str]:
        body = mapping.recovery_by_reference(reference, account_number(config.settings, self.name))
        reply = self._recover(config, body, accept=_NOT_SHOWN)
        return mapping.numbers_of(reply.as_object()) if reply.ok else []

    def _by_tracking(self, config: CarrierConfig, reference: str) -> list[str]:
        asked = our_reference(reference, mapping.REFERENCE_WIDTH)
        reply = self._call(
            config, "GET", f"/api/track/v1/reference/details/{quote(asked, safe='')}", what="Tracking by reference",
            safe=True, accept=_NOT_SHOWN,
            params={"locale": "en_US", "shipperNum": account_number(config.settings, self.name)},
        )  # fmt: skip
        rows = tracking.packages_of(reply.body) if reply.ok else iter(())
        return [str(row["trackingNumber"]) for row in rows if row.get("trackingNumber")]

    def _voided(self, config: CarrierConfig, awb: str) -> bool:
        reply = self._track(config, awb)
        packages = [row for row in tracking.packages_of(reply.body) if str(row.get("trackingNumber") or awb) == awb]
        return any(tracking.current_number(row) == _VOIDED for row in packages)

    def _track(self, config: CarrierConfig, awb: str) -> Reply:
        path = f"/api/track/v1/details/{quote(awb, safe='')}"
        params = {"locale": "en_US", "returnSignature": "false"}
        reply = self._call(
            config, "GET", path, what="Tracking", safe=True, accept=frozenset({404}), params=params
        )  # fmt: skip
        return reply if reply.ok else Reply(reply.status, None)

    def _recover(self, config: CarrierConfig, body: Mapping[str, Any], *, accept: frozenset[int]) -> Reply:
        return self._call(
            config, "POST", "/api/labels/v1/recovery", what="Label recovery", safe=True, accept=accept, json=body
        )

    def _pending_pickups(self, config: CarrierConfig) -> dict[str, str]:
        """Our references of on-call pickups that are to come -> UPS's pickup numbers."""
        reply = self._call(
            config, "GET", f"/api/shipments/{VERSION}/pickup/oncall", what="Pending pickups", safe=True,
            accept=_NOT_SHOWN, headers={"AccountNumber": account_number(config.settings, self.name)},
        )  # fmt: skip
        response = reply.as_object().get("PickupPendingStatusResponse") if reply.ok else None
        rows = response.get("PendingStatus") if isinstance(response, dict) else None
        found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return {str(row["ReferenceNumber"]): str(row.get("PRN") or "") for row in found if row.get("ReferenceNumber")}

    def _pick_up(self, config: CarrierConfig, pickup: Pickup, on: date, reference: str) -> str:
        body = mapping.pickup_request(pickup.place, len(pickup.parcels), on, config.settings, reference)
        try:
            reply = self._call(
                config, "POST", f"/api/pickupcreation/{VERSION}/pickup", what="Pickup", safe=False, json=body
            )
        except UnknownOutcome as error:
            if on > clock.now().date() + timedelta(days=1):
                # UPS lists what is pending today and tomorrow alone.
                raise PermanentError(
                    f"UPS may have taken the pickup of {pickup.node} on {on}: look before you ask again. {error}"
                ) from error
            # Asked again, it is found among the pending ones.
            raise TransientError(str(error)) from error
        response = reply.as_object().get("PickupCreationResponse")
        number = str(response.get("PRN") or "") if isinstance(response, dict) else ""
        if not number:
            raise TransientError(f"UPS gave no pickup number: {str(reply.body)[:200]}")
        return number

    def _call(
        self, config: CarrierConfig, method: str, path: str, *, what: str, safe: bool, trans_id: str = "",
        accept: frozenset[int] = frozenset(), headers: Mapping[str, str] | None = None, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        sent = {"transId": trans_id or uuid.uuid4().hex, "transactionSrc": "oms", **(headers or {})}
        client = self._clients.of(
            config.base_url or BASE_URL, config.secrets.get("client_id", ""), config.secrets.get("client_secret", ""),
            str(config.settings.get("account_number", "")),
            float(config.settings.get("timeout_seconds", READ_TIMEOUT_SECONDS)),
        )  # fmt: skip
        return client.call(method, path, what=what, safe=safe, accept=accept, headers=sent, **kwargs)


def _client(base_url: str, client_id: str, client_secret: str, number: str, timeout_seconds: float) -> TokenClient:
    sign_in: dict[str, Any] = {"auth": (client_id, client_secret), "data": {"grant_type": "client_credentials"}}
    if number:
        sign_in["headers"] = {"x-merchant-id": number}
    return TokenClient(
        base_url=base_url, sign_in_path="/security/v1/oauth/token", sign_in=sign_in, timeout_seconds=timeout_seconds,
        message_of=mapping.message_of,
    )  # fmt: skip
