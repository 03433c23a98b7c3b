"""Delhivery: an Indian carrier. See README.md beside this file for the contract and what is certain.

`CarrierConfig.secrets`: `token` (of the API), `webhook_token` (chosen here, sent by them as `Authorization`).
`CarrierConfig.settings`: `client` (the name of the account in their panel), `pickup_locations` (our node code -> the
name of the warehouse there), or one `pickup_location` for all; `shipping_mode` (Surface or Express), `timeout_seconds`.
"""

from __future__ import annotations

import hmac
import json
import re
import threading
from collections.abc import Mapping
from typing import Any

from carriers.adapters.calls import Calls, Reply
from carriers.adapters.delhivery import mapping
from carriers.base import (
    Booked,
    BookingRequest,
    CarrierConfig,
    Certainty,
    NdrAction,
    NdrAnswer,
    Rate,
    RateRequest,
    TrackingUpdate,
    UnknownOutcome,
)
from carriers.errors import BadSignature, LaneRefused, NoPrices, NotProven
from carriers.zones import is_pin
from oms.core.errors import PermanentError
from oms.core.http import READ_TIMEOUT_SECONDS

BASE_URL = "https://track.delhivery.com"
_STATUS = re.compile(r"<status>\s*(true|false)\s*</status>", re.IGNORECASE)
_REMARK = re.compile(r"<remark>(.*?)</remark>", re.IGNORECASE | re.DOTALL)
#: Words of a reply that names no shipment.
_ABSENT = ("no such waybill", "not exist")


class DelhiveryAdapter:
    """Speaks Delhivery's express API. Keeps nothing but sessions, per account."""

    code = "delhivery"
    name = "Delhivery"
    certainty = Certainty.RECORDED
    not_offered = ("prices", "labels", "pickups", "parcels that cross a border", "parcels that need an e-way bill")

    def __init__(self) -> None:
        self._calls: dict[float, Calls] = {}
        self._lock = threading.Lock()

    # -- CarrierAdapter ------------------------------------------------------------------------------------------------

    def rates(self, config: CarrierConfig, request: RateRequest) -> list[Rate]:
        """Empty where the PIN code is not served. The price is no part of the published contract: it comes from the
        account's rate card, and without one this raises NoPrices."""
        if request.country != "IN" or not is_pin(request.to_postcode):
            return []
        place = self._place(config, request.to_postcode)
        if place is None or str(place.get("cod" if request.cod_minor else "pre_paid")).upper() != "Y":
            return []
        raise NoPrices("Delhivery tells no prices over its API: give the account a rate card.")

    def reserve_awb(self, config: CarrierConfig) -> str:
        """A waybill of our account that no parcel has yet: stored before the parcel is created, it is what a lost reply
        is looked up by."""
        query = {"cl": str(config.settings.get("client", "")), "count": 1}
        body = self._get(config, "/waybill/api/bulk/json/", query, what="Waybill").body
        waybill = str(body).split(",")[0].strip() if isinstance(body, str | int) else ""
        if not re.fullmatch(r"[0-9A-Za-z]{6,40}", waybill):
            raise PermanentError(f"Delhivery gave no waybill: {str(body)[:200]}")
        return waybill

    def book(self, config: CarrierConfig, request: BookingRequest) -> Booked:
        """Create the parcel under the waybill that was reserved for it.

        A reply of 200 says nothing: `success` and the package's own `status` do. "Might have been partially saved" is
        an unknown outcome, to be looked up by the waybill.
        """
        waybill = str(config.settings.get("awb", ""))
        if not waybill:
            raise PermanentError("No waybill was reserved for this booking.")
        payload = mapping.create_payload(request, waybill, config.settings)
        response = self._send(
            config, "POST", "/api/cmu/create.json", what="Create", safe=False,
            data={"format": "json", "data": json.dumps(payload)},
        )  # fmt: skip
        body = self._out(config).judge(response, what="Create", safe=False).as_object()
        package = _package(body, request.client_reference, waybill)
        if body.get("success") is True and _is_success(package):
            if package is None or str(package.get("waybill")) != waybill:
                given = package.get("waybill") if package else None
                raise UnknownOutcome(f"Reserved waybill {waybill}, and Delhivery answered with {given!r}.")
            return _booked(waybill, str(package.get("sort_code") or ""))
        words = _words(body, package)
        if "partially saved" in words.casefold() and "insufficient balance" not in words.casefold():
            # An empty wallet was seen to save nothing, although its words are the same.
            raise UnknownOutcome(words)
        if "duplicate order id" in words.casefold() and mapping.shipment_of(self._track(config, waybill)) is None:
            # It holds an order of ours, and does not show it yet: under another reference there would be two.
            raise UnknownOutcome(words)
        if package is not None and package.get("serviceable") is False:
            raise LaneRefused(words)
        raise PermanentError(words)

    def find_booking(self, config: CarrierConfig, client_reference: str) -> Booked | None:
        """What Delhivery holds under the waybill that was reserved; None where it holds nothing, or cancelled it.

        Raises NotProven for a reply that proves neither.
        """
        waybill = str(config.settings.get("awb", ""))
        if not waybill:
            return None
        body = self._track(config, waybill)
        shipment = mapping.shipment_of(body)
        if shipment is None:
            text = json.dumps(body).casefold()
            if any(words in text for words in _ABSENT):
                return None
            raise NotProven(f"Whether Delhivery holds {waybill} is not certain: {str(body)[:200]}")
        reference = str(shipment.get("ReferenceNo") or "")
        if reference != client_reference:
            raise NotProven(f"Waybill {waybill} is of {reference or 'no reference'}, not of {client_reference}.")
        return None if mapping.is_cancelled(shipment) else _booked(waybill, "")

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Void the parcel. Doing it twice does no harm: the second reply is that of the first."""
        body = {"waybill": booked.awb, "cancellation": "true"}
        response = self._send(config, "POST", "/api/p/edit", what="Cancellation", safe=True, json=body)
        # The reply to JSON is XML; other accounts were seen to get JSON.
        found = _STATUS.search(response.text)
        if response.ok and found is not None and found[1].casefold() == "true":
            return
        if response.ok and found is not None:
            remark = _REMARK.search(response.text)
            raise PermanentError(f"Cancellation was refused: {(remark[1] if remark else response.text).strip()[:300]}")
        reply = self._out(config).judge(response, what="Cancellation", safe=True)
        if reply.as_object().get("status") not in (True, "True", "true"):
            raise PermanentError(f"Cancellation was refused: {str(reply.body)[:300]}")

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """Every scan so far."""
        return mapping.read_tracking(self._track(config, awb), awb)

    # -- ReceivesTracking, AnswersNdr ----------------------------------------------------------------------------------

    def read_webhook(self, config: CarrierConfig, headers: Mapping[str, str], body: bytes) -> TrackingUpdate | None:
        """Check `Authorization` against `secrets["webhook_token"]`, then parse; None for a call without an AWB."""
        given = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
        expected = config.secrets.get("webhook_token", "")
        plain = given.removeprefix("Token ").removeprefix("Bearer ").strip()
        if not expected or not hmac.compare_digest(plain.encode(), expected.encode()):
            raise BadSignature("The scan push's token does not match the carrier account.")
        try:
            parsed = json.loads(body)
        except ValueError as error:
            raise PermanentError(f"The scan push is not JSON: {error}") from error
        return mapping.read_push(parsed) if isinstance(parsed, dict) else None

    def answer_ndr(self, config: CarrierConfig, awb: str, answer: NdrAnswer) -> None:
        """Another attempt, another day, or another phone and address.

        Accepted is not applied: the call is asynchronous, and the next scan tells. Raises PermanentError for what
        Delhivery does not take over its API.
        """
        for action in _ndr_actions(answer):
            body = {"data": [{"waybill": awb, **action}]}
            response = self._send(config, "POST", "/api/p/update", what="NDR answer", safe=True, json=body)
            self._out(config).judge(response, what="NDR answer", safe=True)

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _place(self, config: CarrierConfig, pin: str) -> dict[str, Any] | None:
        body = self._get(config, "/c/api/pin-codes/json/", {"filter_codes": pin}, what="Serviceability").as_object()
        rows = body.get("delivery_codes")
        first = rows[0] if isinstance(rows, list) and rows else None
        place = first.get("postal_code") if isinstance(first, dict) else None
        return place if isinstance(place, dict) else None

    def _track(self, config: CarrierConfig, awb: str) -> Any:
        return self._get(config, "/api/v1/packages/json/", {"waybill": awb, "verbose": 1}, what="Tracking").body

    def _get(self, config: CarrierConfig, path: str, query: Mapping[str, Any], *, what: str) -> Reply:
        response = self._send(config, "GET", path, what=what, safe=True, params=query)
        return self._out(config).judge(response, what=what, safe=True)

    def _send(self, config: CarrierConfig, method: str, path: str, *, what: str, safe: bool, **kwargs: Any) -> Any:
        url = (config.base_url or BASE_URL).rstrip("/") + path
        headers = {"Authorization": f"Token {config.secrets.get('token', '')}", "Accept": "application/json"}
        return self._out(config).send(method, url, what=what, safe=safe, headers=headers, **kwargs)

    def _out(self, config: CarrierConfig) -> Calls:
        seconds = float(config.settings.get("timeout_seconds", READ_TIMEOUT_SECONDS))
        with self._lock:
            return self._calls.setdefault(seconds, Calls(seconds, lambda body: _words(body, None)))


def _booked(waybill: str, sort_code: str) -> Booked:
    ids = {"waybill": waybill} | ({"routing_code": sort_code} if sort_code else {})
    return Booked(awb=waybill, courier_name="Delhivery", external_ids=ids)


def _package(body: Mapping[str, Any], reference: str, waybill: str) -> dict[str, Any] | None:
    """The package of a create reply that is ours."""
    rows = [row for row in body.get("packages") or [] if isinstance(row, dict)]
    ours = (row for row in rows if row.get("refnum") == reference or row.get("waybill") == waybill)
    return next(ours, rows[0] if len(rows) == 1 else None)


def _is_success(package: Mapping[str, Any] | None) -> bool:
    return package is not None and str(package.get("status")).casefold() == "success"


def _words(body: Any, package: Mapping[str, Any] | None) -> str:
    """What Delhivery says: the package's remarks, then its own."""
    if not isinstance(body, dict):
        return str(body)[:500]
    remarks = package.get("remarks") if package else None
    parts = remarks if isinstance(remarks, list) else [remarks]
    parts = [*parts, *(body.get(name) for name in ("rmk", "error", "Error", "remarks", "detail"))]
    return " ".join(str(part) for part in parts if part)[:1000] or str(body)[:500]


def _ndr_actions(answer: NdrAnswer) -> list[dict[str, Any]]:
    """The calls that one answer takes: details first, then when to come."""
    if answer.action != NdrAction.REATTEMPT:
        raise PermanentError(f"Delhivery takes no {answer.action.value!r} over its API: ask them in their panel.")
    details = {
        name: value
        for name, value in (("phone", mapping.phone_of(answer.phone)), ("add", ", ".join(
            part for part in (answer.address1, answer.address2) if part)))
        if value
    }  # fmt: skip
    found: list[dict[str, Any]] = [{"act": "EDIT_DETAILS", "action_data": details}] if details else []
    if answer.deferred_date:
        return [*found, {"act": "DEFER_DLV", "action_data": {"deferred_date": answer.deferred_date.isoformat()}}]
    return [*found, {"act": "RE-ATTEMPT"}]
