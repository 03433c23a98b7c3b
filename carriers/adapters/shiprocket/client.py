"""HTTP with Shiprocket: the token, and documents that it names."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import requests

from carriers.adapters.calls import Calls, Reply, parsed
from carriers.base import CarrierConfig
from oms.core.errors import PermanentError, TransientError
from oms.core.http import MAX_BODY_BYTES, READ_TIMEOUT_SECONDS, retry_after_seconds

BASE_URL = "https://apiv2.shiprocket.in"
PREFIX = "/v1/external"
#: A token lives ten days (Shiprocket's API help); it is renewed a day early.
TOKEN_LIFETIME_SECONDS = 9 * 86_400


def vendor_message(body: Any) -> str:
    """What the vendor said, with its field messages: `Oops! Invalid Data. order_id: The order id field is required.`"""
    if not isinstance(body, dict):
        return str(body)[:500]
    parts = [_text(body.get("message") or body.get("error") or body.get("response") or "")]
    errors = body.get("errors")
    if isinstance(errors, dict):
        parts += [f"{name}: {_text(messages)}" for name, messages in errors.items()]
    elif errors:
        parts.append(_text(errors))
    return " ".join(part for part in parts if part)[:1000] or str(body)[:500]


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(_text(part) for part in value)
    if isinstance(value, dict):
        return " ".join(_text(part) for part in value.values())
    return str(value)


class Client:
    """One account's door. Threads may share it; the token is kept in memory and never logged."""

    def __init__(self, config: CarrierConfig) -> None:
        self.base_url = (config.base_url or BASE_URL).rstrip("/")
        self._email = config.secrets.get("email", "")
        self._password = config.secrets.get("password", "")
        read_timeout = float(config.settings.get("timeout_seconds", READ_TIMEOUT_SECONDS))
        self._calls = Calls(read_timeout, vendor_message)
        self._token = ""
        self._token_until = 0.0
        self._lock = threading.Lock()

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, what: str, accept: frozenset[int] = frozenset()
    ) -> Reply:
        """Read. A status in `accept` is returned; other failures raise `TransientError` or `PermanentError`."""
        return self._call("GET", path, what=what, accept=accept, safe=True, params=params)

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        what: str,
        accept: frozenset[int] = frozenset(),
        repeatable: bool = False,
    ) -> Reply:
        """Write. Raises `UnknownOutcome` when it may have taken effect and `repeatable` is not set."""
        return self._call("POST", path, what=what, accept=accept, safe=repeatable, json=body)

    def download(self, url: str, *, what: str) -> bytes:
        """Fetch a document from an address that the vendor named; the token stays here."""
        if not url.startswith(("https://", "http://")):
            raise PermanentError(f"{what}: the carrier named no web address: {url[:200]!r}.")
        with self._calls.send("GET", url, what=what, safe=True, stream=True) as response:
            if response.status_code >= 500 or response.status_code == 429:
                raise TransientError(f"{what} answered {response.status_code}.")
            if not response.ok:
                raise PermanentError(f"{what} answered {response.status_code}.")
            content = bytearray()
            try:
                for chunk in response.iter_content(65_536):
                    content += chunk
                    if len(content) > MAX_BODY_BYTES:
                        raise PermanentError(f"{what} is larger than {MAX_BODY_BYTES} bytes.")
            except requests.RequestException as error:
                raise TransientError(f"{what} was cut off: {error}") from error
        return bytes(content)

    def _call(self, method: str, path: str, *, what: str, accept: frozenset[int], safe: bool, **kwargs: Any) -> Reply:
        response = self._authorised(method, path, what=what, safe=safe, **kwargs)
        return self._calls.judge(response, what=what, safe=safe, accept=accept)

    def _authorised(self, method: str, path: str, *, what: str, safe: bool, **kwargs: Any) -> requests.Response:
        url = self.base_url + PREFIX + path
        token = self._sign_in()
        response = self._calls.send(method, url, what=what, safe=safe, headers=_bearer(token), **kwargs)
        if response.status_code == 401:
            # Refused before anything was done, so even a write may be repeated with a new token.
            token = self._sign_in(stale=token)
            response = self._calls.send(method, url, what=what, safe=safe, headers=_bearer(token), **kwargs)
        return response

    def _sign_in(self, stale: str = "") -> str:
        """A valid token. `stale` is one that was just refused: it is renewed once, whoever asks first."""
        with self._lock:
            if self._token and self._token != stale and time.monotonic() < self._token_until:
                return self._token
            credentials = {"email": self._email, "password": self._password}
            url = f"{self.base_url}{PREFIX}/auth/login"
            response = self._calls.send("POST", url, what="Sign-in", safe=True, json=credentials)
            if response.status_code == 429 or response.status_code >= 500:
                raise TransientError(
                    f"Sign-in answered {response.status_code}.", retry_after_seconds=retry_after_seconds(response)
                )
            body = parsed(response)
            token = body.get("token") if isinstance(body, dict) else None
            if not response.ok or not isinstance(token, str) or not token:
                raise PermanentError(
                    f"Sign-in was refused ({response.status_code}): check the API user of the account."
                )
            self._token, self._token_until = token, time.monotonic() + TOKEN_LIFETIME_SECONDS
            return token


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}
