"""Calls to a carrier, and what a failed one means.

It depends on how far the call came: a connection that was never made did nothing (`TransientError`); a reply that was
lost, cut off or a server error after a write may have taken effect (`UnknownOutcome`), unless the caller says that
repeating the call does no harm.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from carriers.base import UnknownOutcome
from oms.core.errors import PermanentError, TransientError
from oms.core.http import CONNECT_TIMEOUT_SECONDS, Session, retry_after_seconds

#: The carrier has something against what was asked, not against the account.
REFUSED = frozenset({400})


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


class Calls:
    """The way out of an account, or of several. `message_of` finds a vendor's words in a parsed body."""

    def __init__(self, timeout_seconds: float, message_of: Callable[[Any], str]) -> None:
        self._timeout = (CONNECT_TIMEOUT_SECONDS, timeout_seconds)
        self._session = Session(timeout_seconds=timeout_seconds)
        # Accounts may share the way out: what the carrier remembers of one call must not go along with another's.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._message_of = message_of

    def send(self, method: str, url: str, *, what: str, safe: bool, **kwargs: Any) -> requests.Response:
        """The raw response. Raises TransientError where nothing was done or may be repeated, else UnknownOutcome."""
        try:
            return self._session.request(method, url, timeout=self._timeout, **kwargs)
        except requests.RequestException as error:
            if safe or never_sent(error):
                raise TransientError(f"{what}: {error}") from error
            raise UnknownOutcome(f"{what}: {error}") from error

    def judge(
        self, response: requests.Response, *, what: str, safe: bool, accept: frozenset[int] = frozenset()
    ) -> Reply:
        """A success that can be read, or a status in `accept`. Raises what the failure means."""
        status = response.status_code
        if status == 429:
            raise TransientError(
                f"{what}: the carrier limits our calls.", retry_after_seconds=retry_after_seconds(response)
            )
        body = parsed(response)
        if status in accept or (response.ok and body is not UNREADABLE):
            return Reply(status, None if body is UNREADABLE else body)
        detail = response.text[:500] if body is UNREADABLE else self._message_of(body)
        message = f"{what} answered {status}: {detail}"
        # A server error, a time-out that the other side reports, or a success whose body cannot be read, says nothing
        # of what was done.
        if status >= 500 or status == 408 or response.ok:
            raise TransientError(message) if safe else UnknownOutcome(message)
        raise PermanentError(message)


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


UNREADABLE = object()


def parsed(response: requests.Response) -> Any:
    """The JSON body, None when it is empty, `UNREADABLE` when it is not JSON (a gateway's HTML page)."""
    if not response.content.strip():
        return None
    try:
        return response.json()
    except ValueError:
        return UNREADABLE
