"""The way to Blue Dart's gateway: a token per account, kept in memory, and errors that hold no secret."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import requests

from carriers.adapters.blue_dart.mapping import message_of
from carriers.adapters.calls import Calls, Reply, parsed
from carriers.base import UnknownOutcome
from oms.core.errors import PermanentError, TransientError
from oms.core.http import retry_after_seconds

#: How long the gateway's token lives is not published; one that it refuses earlier is renewed then.
TOKEN_SECONDS = 6 * 3600.0


class Gateway:
    """One account's door. Threads may share it."""

    def __init__(self, base_url: str, timeout_seconds: float, client_id: str, client_secret: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._calls = Calls(timeout_seconds, message_of)
        self._headers = {"ClientID": client_id, "clientSecret": client_secret, "Accept": "application/json"}
        self._token, self._token_until = "", 0.0
        self._lock = threading.Lock()

    def post(
        self, path: str, body: Mapping[str, Any], *, what: str, safe: bool, accept: frozenset[int] = frozenset()
    ) -> Reply:
        """A call whose reply is JSON. Raises as `Calls` does; a status in `accept` is returned."""
        response = self._send("POST", path, what, safe, {"json": body})
        return self._calls.judge(response, what=what, safe=safe, accept=accept)

    def get_text(self, path: str, query: Mapping[str, str], *, what: str) -> str:
        """A reading whose reply is text. Raises TransientError or PermanentError."""
        response = self._send("GET", path, what, True, {"params": query})
        if not response.ok:
            self._calls.judge(response, what=what, safe=True)
        return response.text

    def _send(self, method: str, path: str, what: str, safe: bool, kwargs: Mapping[str, Any]) -> requests.Response:
        token = self._signed_in()
        response = self._once(method, path, token, what, safe, kwargs)
        if response.status_code == 401:
            # Refused before anything was done, so even a write may be repeated with a new token.
            token = self._signed_in(stale=token)
            response = self._once(method, path, token, what, safe, kwargs)
        return response

    def _once(
        self, method: str, path: str, token: str, what: str, safe: bool, kwargs: Mapping[str, Any]
    ) -> requests.Response:
        headers = {"JWTToken": token, "Accept": "application/json" if method == "POST" else "*/*"}
        return self._calls.send(method, self._base_url + path, what=what, safe=safe, headers=headers, **kwargs)

    def _signed_in(self, stale: str = "") -> str:
        """A token. `stale` is one that was just refused: it is renewed once, whoever asks first."""
        with self._lock:
            if self._token and self._token != stale and time.monotonic() < self._token_until:
                return self._token
            url = f"{self._base_url}/token/v1/login"
            response = self._calls.send("GET", url, what="Sign-in", safe=True, headers=self._headers)
            if response.status_code == 429 or response.status_code >= 500:
                raise TransientError(
                    f"Sign-in answered {response.status_code}.", retry_after_seconds=retry_after_seconds(response)
                )
            body = parsed(response)
            token = body.get("JWTToken") if isinstance(body, dict) else None
            if not response.ok or not isinstance(token, str) or not token:
                raise PermanentError(f"Blue Dart does not take client_id and client_secret ({response.status_code}).")
            self._token, self._token_until = token, time.monotonic() + TOKEN_SECONDS
            return token


@contextmanager
def without_secrets(secrets: Mapping[str, str]) -> Iterator[None]:
    """Errors that leave this block name no secret, and carry no cause that does: tracking has one in its address."""
    try:
        yield
    except (TransientError, PermanentError, UnknownOutcome) as error:
        text = str(error)
        for secret in filter(None, secrets.values()):
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        if isinstance(error, TransientError):
            raise TransientError(text, retry_after_seconds=error.retry_after_seconds) from None
        raise (UnknownOutcome if isinstance(error, UnknownOutcome) else PermanentError)(text) from None
