"""One way out: an HTTP session with timeouts, bounded retries of safe calls and errors the flow understands."""

from __future__ import annotations

import logging
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from oms.core.clock import now
from oms.core.errors import PermanentError, TransientError

CONNECT_TIMEOUT_SECONDS = 3.05
READ_TIMEOUT_SECONDS = 20.0
MAX_BODY_BYTES = 20 * 1024 * 1024
_LONGEST_WAIT_SECONDS = 86_400.0
_QUERY = re.compile(r"\?[^\s\"']+")


class _WithoutQueries(logging.Filter):
    """Cuts the query off every address in a log line: some carriers want their password in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _QUERY.sub("?...", record.getMessage()), ()
        return True


#: The transport logs the address of each call that it repeats.
logging.getLogger("urllib3.connectionpool").addFilter(_WithoutQueries())


class Session(requests.Session):
    """A `requests.Session` that never waits for ever and never follows a redirect."""

    def __init__(self, *, retries: int = 2, timeout_seconds: float = READ_TIMEOUT_SECONDS) -> None:
        super().__init__()
        self.timeout = (CONNECT_TIMEOUT_SECONDS, timeout_seconds)
        # Only GET and HEAD are repeated by the transport: a write whose reply was lost has an unknown outcome.
        retry = Retry(
            total=retries,
            backoff_factor=0.3,
            backoff_jitter=0.3,
            status_forcelist=(502, 503, 504),
            allowed_methods=frozenset({"GET", "HEAD"}),
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        adapter = HTTPAdapter(max_retries=retry, pool_maxsize=16)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self.headers["User-Agent"] = "oms/1.0"

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As `requests`, with the session's timeout and without redirects unless the caller says otherwise."""
        kwargs.setdefault("timeout", self.timeout)
        kwargs.setdefault("allow_redirects", False)
        return super().request(method, url, *args, **kwargs)


def retry_after_seconds(response: requests.Response) -> float | None:
    """How long a Retry-After header asks to wait, as seconds or until a date (RFC 9110, 10.2.3); at most a day.

    None where it is absent or cannot be read.
    """
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return min(float(value), _LONGEST_WAIT_SECONDS)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    # A date that names no zone is meant in UTC.
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return min(max((until - now()).total_seconds(), 0.0), _LONGEST_WAIT_SECONDS)


def raise_for_response(response: requests.Response, *, what: str) -> None:
    """Turn an unsuccessful reply into TransientError (429, 5xx) or PermanentError (the rest); `what` names the call."""
    if response.ok:
        return
    detail = response.text[:500]
    message = f"{what} answered {response.status_code}: {detail}"
    if response.status_code == 429 or response.status_code >= 500:
        raise TransientError(message, retry_after_seconds=retry_after_seconds(response))
    raise PermanentError(message)
