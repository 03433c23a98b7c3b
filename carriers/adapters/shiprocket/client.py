"""HTTP with Shiprocket: the token, and the errors that the flow understands.

What a failed call means depends on how far it came: a connection that was never made did nothing (`TransientError`); a
reply that was lost, cut off or a server error after a write may have taken effect (`UnknownOutcome`), unless the caller
says that repeating the call does no harm.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from carriers.base import CarrierConfig, UnknownOutcome
from oms.core.errors import PermanentError, TransientError
from oms.core.http import CONNECT_TIMEOUT_SECONDS, MAX_BODY_BYTES, READ_TIMEOUT_SECONDS, Session, retry_after_seconds

BASE_URL = "https://apiv2.shiprocket.in"
PREFIX = "/v1/external"
#: A token lives ten days (Shiprocket's API help); it is renewed a day early.
TOKEN_LIFETIME_SECONDS = 9 * 86_400


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that the caller asked to judge itself. `body` is parsed JSON, None when there was none."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        """Whether the status is a success; the body may say otherwise."""
        return 200 <= self.status < 300

    def as_object(self) -> dict[str, Any]:
        """The body when it is a JSON object, else an empty one."""
        return self.body if isinstance(self.body, dict) else {}


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
        self._timeout = (CONNECT_TIMEOUT_SECONDS, read_timeout)
        self._session = Session(timeout_seconds=read_timeout)
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
        with self._send("GET", url, what=what, safe=True, stream=True) as response:
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
        status = response.status_code
        if status == 429:
            raise TransientError(
                f"{what}: the carrier limits our calls.", retry_after_seconds=retry_after_seconds(response)
            )
        body = _parsed(response)
        if status in accept or (response.ok and body is not _UNREADABLE):
            return Reply(status, None if body is _UNREADABLE else body)
        detail = response.text[:500] if body is _UNREADABLE else vendor_message(body)
        message = f"{what} answered {status}: {detail}"
        # A server error, or a success whose body cannot be read, says nothing of what was done.
        if status >= 500 or response.ok:
            raise TransientError(message) if safe else UnknownOutcome(message)
        raise PermanentError(message)

    def _authorised(self, method: str, path: str, *, what: str, safe: bool, **kwargs: Any) -> requests.Response:
        url = self.base_url + PREFIX + path
        token = self._sign_in()
        response = self._send(method, url, what=what, safe=safe, headers=_bearer(token), **kwargs)
        if response.status_code == 401:
            # Refused before anything was done, so even a write may be repeated with a new token.
            token = self._sign_in(stale=token)
            response = self._send(method, url, what=what, safe=safe, headers=_bearer(token), **kwargs)
        return response

    def _sign_in(self, stale: str = "") -> str:
        """A valid token. `stale` is one that was just refused: it is renewed once, whoever asks first."""
        with self._lock:
            if self._token and self._token != stale and time.monotonic() < self._token_until:
                return self._token
            credentials = {"email": self._email, "password": self._password}
            url = f"{self.base_url}{PREFIX}/auth/login"
            response = self._send("POST", url, what="Sign-in", safe=True, json=credentials)
            if response.status_code == 429 or response.status_code >= 500:
                raise TransientError(
                    f"Sign-in answered {response.status_code}.", retry_after_seconds=retry_after_seconds(response)
                )
            body = _parsed(response)
            token = body.get("token") if isinstance(body, dict) else None
            if not response.ok or not isinstance(token, str) or not token:
                raise PermanentError(
                    f"Sign-in was refused ({response.status_code}): check the API user of the account."
                )
            self._token, self._token_until = token, time.monotonic() + TOKEN_LIFETIME_SECONDS
            return token

    def _send(self, method: str, url: str, *, what: str, safe: bool, **kwargs: Any) -> requests.Response:
        try:
            return self._session.request(method, url, timeout=self._timeout, **kwargs)
        except requests.RequestException as error:
            if safe or never_sent(error):
                raise TransientError(f"{what}: {error}") from error
            raise UnknownOutcome(f"{what}: {error}") from error


_NEVER_SENT = (
    NewConnectionError,
    ConnectTimeoutError,
    ssl.SSLCertVerificationError,
    requests.ConnectTimeout,
    requests.exceptions.InvalidURL,
)


def never_sent(error: BaseException) -> bool:
    """Whether a failed call surely never reached the other side: no connection, or a certificate that was refused."""
    return any(isinstance(cause, _NEVER_SENT) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        cause = queue.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        # Not __context__: that may be an earlier attempt, and the later one did reach the carrier.
        queue += [*cause.args, getattr(cause, "reason", None)]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


_UNREADABLE = object()


def _parsed(response: requests.Response) -> Any:
    """The JSON body, None when it is empty, `_UNREADABLE` when it is not JSON (a gateway's HTML page)."""
    if not response.content.strip():
        return None
    try:
        return response.json()
    except ValueError:
        return _UNREADABLE
