"""Blue Dart: a carrier of India over its REST gateway. See README.md beside this file for what is known and from where.

`CarrierConfig.secrets`: `client_id`, `client_secret` (of the gateway), `login_id`, `licence_key` (of the account) and,
where tracking has one of its own, `tracking_licence_key`. `CarrierConfig.settings`: `customer_code`, `origin_area` or
`origin_areas` (our node code -> area), `services` (our service level -> product code), `product_type`, `pack_type`,
`api_type`, `pickup_time`, `use_carrier_label`, `timeout_seconds`.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from carriers.adapters.blue_dart import mapping
from carriers.adapters.blue_dart.client import Gateway, without_secrets
from carriers.adapters.calls import REFUSED
from carriers.adapters.lookups import the_one
from carriers.adapters.oauth import TokenClients
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
from oms.core.errors import PermanentError, TransientError
from oms.core.http import READ_TIMEOUT_SECONDS

BASE_URL = "https://apigateway.bluedart.com/in/transportation"
_ALREADY_MADE = re.compile(r"already\s+generated", re.IGNORECASE)
_ALREADY_CANCELLED = re.compile(r"already\s+(been\s+)?cancel", re.IGNORECASE)


class BlueDartAdapter:
    """Speaks Blue Dart's gateway. Keeps nothing but tokens."""

    code = "blue_dart"
    name = "Blue Dart"
    certainty = Certainty.EXCERPT
    not_offered = (
        "prices", "pickups", "webhooks", "answers to failed deliveries", "parcels that need an e-way bill",
        "parcels that cross a border", "a label whose reply was lost", "the AWB of a return",
    )  # fmt: skip
    look_in = "Blue Dart's shipping portal"

    def __init__(self) -> None:
        self._gateways = TokenClients(Gateway)

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        """Blue Dart tells no prices here: raises NoPrices."""
        raise NoPrices("Blue Dart tells no prices over its API: give the account a rate card.")

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        """Make a waybill under our reference. Whether Blue Dart deduplicates by it is not certain: what is lost is
        looked up. A refusal that names a waybill is an UnknownOutcome too: it may be ours."""
        body = {"Request": mapping.waybill_request(request, config.settings, clock.now()), "Profile": _profile(config)}
        with without_secrets(config.secrets):
            reply = self._gateway(config).call(
                "POST", "/waybill/v1/GenerateWayBill", what="Booking", safe=False, accept=REFUSED, json=body
            )
            result = mapping.result_of(reply.body, "GenerateWayBillResult")
            words, awb = mapping.said(result), mapping.awb_of(result)
            if awb and reply.ok and not mapping.is_error(result):
                return Booked(
                    awb=awb, courier_name=self.name, label_pdf=mapping.label_of(result),
                    external_ids={
                        "reference": mapping.reference_of(request.client_reference),
                        "area": str(result.get("DestinationArea") or ""),
                        "location": str(result.get("DestinationLocation") or ""),
                    },
                )  # fmt: skip
            if awb or _ALREADY_MADE.search(words):
                held = f"waybill {awb}" if awb else "a waybill"
                raise UnknownOutcome(f"Blue Dart answered with an error and may hold {held} of this parcel: {words}")
            if reply.ok and not mapping.refuses(result):
                raise UnknownOutcome(f"Blue Dart took the call and named no waybill: {words}")
            raise PermanentError(f"Booking was refused: {words}")

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        """The one waybill under our reference. Never None: raises NotProven where Blue Dart shows none, or several."""
        reference = mapping.reference_of(client_reference)
        found = mapping.awbs_under(self._ask(config, "ref", reference), reference)
        awb = the_one(
            found, reference, name=self.name, look_in=self.look_in, what="waybill", several="Use one alone."
        )  # fmt: skip
        return Booked(awb=awb, courier_name=self.name, external_ids={"reference": reference})

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Void the waybill, which Blue Dart does until its first scan. One that is void already is a success."""
        body = {"Request": {"AWBNo": booked.awb}, "Profile": _profile(config)}
        with without_secrets(config.secrets):
            reply = self._gateway(config).call(
                "POST", "/waybill/v1/CancelWaybill", what="Cancellation", safe=True, accept=REFUSED, json=body
            )
            result = mapping.result_of(reply.body, "CancelWaybillResult")
            if (reply.ok and not mapping.is_error(result)) or _ALREADY_CANCELLED.search(mapping.said(result)):
                return
            raise PermanentError(f"Cancellation of {booked.awb} was refused: {mapping.said(result)}")

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """Every scan so far; none while Blue Dart has none."""
        return mapping.read_tracking(self._ask(config, "awb", awb), awb)

    def label(self, config: CarrierConfig, booked: Booked) -> bytes:
        """Raises PermanentError: the label comes with the booking alone and is kept then."""
        raise PermanentError(
            f"Blue Dart gives a label only with the reply to its booking, and none came for {booked.awb}: print it "
            f"from {self.look_in}, or turn the setting use_carrier_label off for our own."
        )

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _ask(self, config: CarrierConfig, by: str, number: str) -> list[ET.Element]:
        """What tracking shows under a waybill (`awb`) or a reference (`ref`)."""
        key = config.secrets.get("tracking_licence_key") or _secret(config, "licence_key")
        query = {
            "handler": "tnt", "action": "custawbquery", "loginid": _secret(config, "login_id"), "awb": by,
            "numbers": number, "format": "xml", "lickey": key, "verno": "1.3", "scan": "1",
        }  # fmt: skip
        with without_secrets(config.secrets):
            text = self._gateway(config).get_text("/tracking/v1/shipment", query, what="Tracking")
        shipments = mapping.shipments_of(text)
        if shipments is None:
            raise TransientError("Tracking answered with something that is no tracking reply of Blue Dart.")
        return shipments

    def _gateway(self, config: CarrierConfig) -> Gateway:
        seconds = float(config.settings.get("timeout_seconds", READ_TIMEOUT_SECONDS))
        return self._gateways.of(
            config.base_url or BASE_URL, seconds, _secret(config, "client_id"), _secret(config, "client_secret")
        )  # fmt: skip


def _profile(config: CarrierConfig) -> dict[str, str]:
    return {
        "LoginID": _secret(config, "login_id"), "LicenceKey": _secret(config, "licence_key"),
        "Api_type": str(config.settings.get("api_type", "S")),
    }  # fmt: skip


def _secret(config: CarrierConfig, name: str) -> str:
    value = config.secrets.get(name, "")
    if not value:
        raise PermanentError(f"Blue Dart is called with the secret {name}; it is missing.")
    return value
