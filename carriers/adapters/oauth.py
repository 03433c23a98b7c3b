"""Calls to carriers that want a token, as of OAuth 2: one for each account, kept in memory until it runs out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import requests

from carriers.adapters.calls import Calls, Reply, parsed
from oms.core.errors import PermanentError, TransientError
from oms.core.http import retry_after_seconds

#: A token is renewed so long before it runs out.
_EARLY_SECONDS = 60.0
_SHORTEST_SECONDS = 30.0


class TokenClient:
    """One account's door. Threads may share it; the token is never logged.

    `sign_in` holds what the call to `sign_in_path` is sent with: a form, and basic auth where the carrier wants that.
    `answer_field` is where the reply has the token, `lifetime_seconds` how long one lasts whose reply does not say it,
    `refused` what is said where sign-in is refused, in place of the carrier's words.
    """

    #: How the token is sent: the header, and what stands before it.
    token_header = ("Authorization", "Bearer ")

    def __init__(
        self,
        *,
        base_url: str,
        sign_in_path: str,
        sign_in: Mapping[str, Any],
        sign_in_method: str = "POST",
        timeout_seconds: float,
        message_of: Callable[[Any], str],
        answer_field: str = "access_token",
        lifetime_seconds: float = 0.0,
        refused: str = "",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._path, self._method = sign_in_path, sign_in_method
        self._sign_in_with = dict(sign_in)
        self._message_of = message_of
        self._answer_field = answer_field
        self._lifetime = lifetime_seconds
        self._refused = refused
        self._calls = Calls(timeout_seconds, message_of)
        self._token = ""
        self._token_until = 0.0
        self._lock = threading.Lock()

    def call(
        self, method: str, path: str, *, what: str, safe: bool, accept: frozenset[int] = frozenset(),
        headers: Mapping[str, str] | None = None, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """One call. `safe`: repeating it does no harm. Raises as `Calls` does; a status in `accept` is returned."""
        response = self.raw(method, path, what=what, safe=safe, headers=headers, **kwargs)
        return self._calls.judge(response, what=what, safe=safe, accept=accept)

    def raw(
        self, method: str, path: str, *, what: str, safe: bool, headers: Mapping[str, str] | None = None, **kwargs: Any
    ) -> requests.Response:
        """The response of one call, which nobody judged yet."""
        token = self._signed_in()
        response = self._send(method, path, token, what, safe, headers, kwargs)
        if response.status_code == 401:
            # Refused before anything was done, so even a write may be repeated with a new token.
            token = self._signed_in(stale=token)
            response = self._send(method, path, token, what, safe, headers, kwargs)
        return response

    def _send(
        self, method: str, path: str, token: str, what: str, safe: bool, headers: Mapping[str, str] | None,
        kwargs: Mapping[str, Any],
    ) -> requests.Response:  # fmt: skip
        name, before = self.token_header
        sent = {"Accept": "application/json", **(headers or {}), name: f"{before}{token}"}
        return self._calls.send(method, self.base_url + path, what=what, safe=safe, headers=sent, **kwargs)

    def _signed_in(self, stale: str = "") -> str:
        """A valid token. `stale` is one that was just refused: it is renewed once, whoever asks first."""
        with self._lock:
            if self._token and self._token != stale and time.monotonic() < self._token_until:
                return self._token
            url = self.base_url + self._path
            response = self._calls.send(self._method, url, what="Sign-in", safe=True, **self._sign_in_with)
            if response.status_code == 429 or response.status_code >= 500:
                raise TransientError(
                    f"Sign-in answered {response.status_code}.", retry_after_seconds=retry_after_seconds(response)
                )
            body = parsed(response)
            token = body.get(self._answer_field) if isinstance(body, dict) else None
            if not response.ok or not isinstance(token, str) or not token:
                said = self._message_of(body) if isinstance(body, dict) and not response.ok else "no token"
                said = self._refused or said
                raise PermanentError(f"Sign-in was refused ({response.status_code}): {said}")
            lifetime = (_seconds(body.get("expires_in")) or self._lifetime) - _EARLY_SECONDS
            self._token, self._token_until = token, time.monotonic() + max(lifetime, _SHORTEST_SECONDS)
            return token


Client = TypeVar("Client", bound=TokenClient)


class TokenClients(Generic[Client]):
    """The clients of an adapter, one per account and credentials."""

    def __init__(self, make: Callable[..., Client]) -> None:
        self._make = make
        self._clients: dict[tuple[object, ...], Client] = {}
        self._lock = threading.Lock()

    def of(self, *key: object) -> Client:
        """The client of these credentials; others under the same account are forgotten with the process."""
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make(*key)
            return self._clients[key]


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
