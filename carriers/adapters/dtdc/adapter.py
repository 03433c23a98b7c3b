"""DTDC: an Indian carrier; its tracking and cancellation are public, booking only in parts. See README.md beside this.

`CarrierConfig.secrets`: `api_key` (of orders), `username` and `password` (of tracking). `CarrierConfig.settings`:
`customer_code`, `tracking_url` (base address of tracking), `timeout_seconds`, and those of `carriers.adapters.panel`.
"""

from __future__ import annotations

import re
import threading
from typing import Any

import requests

from carriers.adapters.calls import REFUSED, Calls
from carriers.adapters.dtdc import mapping
from carriers.adapters.panel import BookedInPanel
from carriers.base import Booked, CarrierConfig, Certainty, TrackingUpdate
from oms.core.errors import PermanentError, TransientError
from oms.core.http import READ_TIMEOUT_SECONDS

BASE_URL = "https://dtdcapi.shipsy.io"
TRACKING_URL = "https://blktracksvc.dtdc.com"
#: A second cancellation of one parcel says so, whatever else it says.
_ALREADY = re.compile(r"already (been )?cancel", re.IGNORECASE)


class DtdcAdapter(BookedInPanel):
    """Tracks and cancels over DTDC's API; parcels are booked in its panel. Keeps tokens in memory, per account."""

    code = "dtdc"
    name = "DTDC"
    certainty = Certainty.EXCERPT
    not_offered = ("prices", "booking", "labels", "pickups", "webhooks", "NDR answers")

    def __init__(self) -> None:
        self._calls: dict[float, Calls] = {}
        self._tokens: dict[tuple[str, str, str], str] = {}
        self._lock = threading.Lock()

    def cancel(self, config: CarrierConfig, booked: Booked) -> None:
        """Void the parcel. A reply of 200 says nothing: `success` does."""
        key, customer = config.secrets.get("api_key", ""), str(config.settings.get("customer_code", ""))
        if not key or not customer:
            raise PermanentError("DTDC cancels with the secret api_key and the setting customer_code; one is missing.")
        url = f"{(config.base_url or BASE_URL).rstrip('/')}/api/customer/integration/consignment/cancel"
        body = {"AWBNo": [booked.awb], "customerCode": customer}
        out = self._out(config)
        response = out.send("POST", url, what="Cancellation", safe=True, headers={"api-key": key}, json=body)
        reply = out.judge(response, what="Cancellation", safe=True, accept=REFUSED).as_object()
        if response.ok and reply.get("success") is True:
            return
        if not _ALREADY.search(response.text):
            raise PermanentError(f"Cancellation of {booked.awb} was refused: {response.text[:300]}")

    def track(self, config: CarrierConfig, awb: str) -> TrackingUpdate:
        """Every scan so far; none while DTDC has none."""
        response = self._ask(config, awb, self._token(config))
        if response.status_code in (401, 403):
            response = self._ask(config, awb, self._token(config, renew=True))
        reply = self._out(config).judge(response, what="Tracking", safe=True)
        return mapping.read_tracking(reply.as_object(), awb)

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _ask(self, config: CarrierConfig, awb: str, token: str) -> requests.Response:
        body = {"trkType": "cnno", "strcnno": awb, "addtnlDtl": "Y"}
        url = f"{_tracking_url(config)}/dtdc-api/rest/JSONCnTrk/getTrackDetails"
        return self._out(config).send(
            "POST", url, what="Tracking", safe=True, headers={"X-Access-Token": token}, json=body
        )

    def _token(self, config: CarrierConfig, *, renew: bool = False) -> str:
        username, password = config.secrets.get("username", ""), config.secrets.get("password", "")
        if not username or not password:
            raise PermanentError("DTDC tracks with the secrets username and password; one is missing.")
        key = (_tracking_url(config), username, password)
        with self._lock:
            known = self._tokens.get(key)
        if known and not renew:
            return known
        token = self._sign_in(config, username, password)
        with self._lock:
            self._tokens[key] = token
        return token

    def _sign_in(self, config: CarrierConfig, username: str, password: str) -> str:
        """The token, which is the whole body. The address holds the password, so no error may repeat it."""
        url = f"{_tracking_url(config)}/dtdc-api/api/dtdc/authenticate"
        query = {"username": username, "password": password}
        try:
            response = self._out(config).send("GET", url, what="Sign-in", safe=True, params=query)
        except TransientError:
            raise TransientError("Sign-in: DTDC's tracking does not answer.") from None
        if response.status_code >= 500 or response.status_code == 429:
            raise TransientError(f"Sign-in answered {response.status_code}.")
        token = response.text.strip().strip('"')
        if not response.ok or not re.fullmatch(r"[\x21-\x7e]{8,300}", token) or token.startswith(("{", "<")):
            raise PermanentError(f"DTDC's tracking does not take the username and password ({response.status_code}).")
        return token

    def _out(self, config: CarrierConfig) -> Calls:
        seconds = float(config.settings.get("timeout_seconds", READ_TIMEOUT_SECONDS))
        with self._lock:
            return self._calls.setdefault(seconds, Calls(seconds, _words))


def _tracking_url(config: CarrierConfig) -> str:
    return str(config.settings.get("tracking_url") or TRACKING_URL).rstrip("/")


def _words(body: Any) -> str:
    return str(body)[:500]
