"""HTTP with one WooCommerce store: authentication, size limit, and errors the flow understands."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from channels.adapters.woocommerce.auth import Credentials, choose_scheme, sign
from channels.base import AccountConfig
from oms.core.errors import PermanentError, TransientError
from oms.core.http import MAX_BODY_BYTES, Session, raise_for_response

API_PATH = "/wp-json/wc/v3"
#: WooCommerce refuses a page or a batch of more than 100 (recorded: rest_out_of_bounds).
PAGE_SIZE = 100
BATCH_SIZE = 100

_RETRYABLE_STATUS = frozenset({408, 425})
_CHUNK_BYTES = 64 * 1024

Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A successful reply: decoded JSON and the counts that WordPress sends with a list."""

    data: Any
    total: int = 0
    total_pages: int = 0

    def rows(self) -> list[dict[str, Any]]:
        """The reply as a list of objects. Raises TransientError where the store sent something else."""
        if not isinstance(self.data, list) or not all(isinstance(row, dict) for row in self.data):
            raise TransientError("WooCommerce answered with something that is not a list of objects.")
        return self.data

    def row(self) -> dict[str, Any]:
        """The reply as one object. Raises TransientError where the store sent something else."""
        if not isinstance(self.data, dict):
            raise TransientError("WooCommerce answered with something that is not an object.")
        return self.data


class WooCommerceClient:
    """One store and its key. Raises TransientError or PermanentError, never an error of `requests`."""

    def __init__(self, account: AccountConfig) -> None:
        self.base_url = account.base_url.rstrip("/")
        if urlsplit(self.base_url).scheme not in ("http", "https"):
            raise PermanentError(f"A store's address begins with https:// or http://, not {self.base_url!r}.")
        self.credentials = Credentials(
            key=account.secrets.get("consumer_key", ""),
            secret=account.secrets.get("consumer_secret", ""),
            scheme=choose_scheme(self.base_url, str(account.settings.get("auth", ""))),
        )
        # A signed request must not be repeated by the transport: WooCommerce refuses a nonce it has seen.
        retries = 0 if self.credentials.scheme == "oauth1" else 2
        timeout_seconds = float(account.settings.get("timeout_seconds", 20.0))
        self._session = Session(retries=retries, timeout_seconds=timeout_seconds)

    def get(self, path: str, params: Params | None = None) -> Reply:
        """Read. `path` is relative to `/wp-json/wc/v3`."""
        return self._call("GET", path, params or {}, None)

    def post(self, path: str, body: Any) -> Reply:
        """Create, or run a batch. An unknown outcome raises TransientError: look before writing again."""
        return self._call("POST", path, {}, body)

    def put(self, path: str, body: Any) -> Reply:
        """Change an existing object."""
        return self._call("PUT", path, {}, body)

    def _call(self, method: str, path: str, params: Params, body: Any) -> Reply:
        url = f"{self.base_url}{API_PATH}{path}"
        what = f"WooCommerce {method} {path}"
        query = [(key, str(value)) for key, value in params.items()]
        auth: tuple[str, str] | None = None
        match self.credentials.scheme:
            case "basic":
                auth = (self.credentials.key, self.credentials.secret)
            case "query":
                query += [("consumer_key", self.credentials.key), ("consumer_secret", self.credentials.secret)]
            case "oauth1":
                nonce = secrets.token_hex(16)
                query = list(sign(method, url, query, self.credentials, timestamp=int(time.time()), nonce=nonce))
        try:
            response = self._session.request(method, url, params=query, json=body, auth=auth, stream=True)
            with response:
                self._check_status(response, what)
                content = _read_limited(response, what)
        except requests.RequestException as error:
            # The message and the traceback of `requests` name the URL, and with it the key: neither may reach a log.
            raise TransientError(f"{what} failed: {type(error).__name__}") from None
        return Reply(
            data=_decode(content, what),
            total=_header_number(response, "X-WP-Total"),
            total_pages=_header_number(response, "X-WP-TotalPages"),
        )

    def _check_status(self, response: requests.Response, what: str) -> None:
        if response.is_redirect or 300 <= response.status_code < 400:
            target = urlsplit(response.headers.get("Location", ""))
            place = f"{target.scheme}://{target.netloc}"
            raise PermanentError(f"{what} is redirected to {place}: give the store's final address in the account.")
        if response.status_code in _RETRYABLE_STATUS:
            raise TransientError(f"{what} answered {response.status_code}.")
        if response.status_code == 401 and self.credentials.scheme != "oauth1":
            raise PermanentError(
                f"{what} answered 401. The key is wrong or lacks permission, or WordPress does not see TLS: behind a "
                'proxy that ends TLS set "auth" to "oauth1", and where the server drops the Authorization header to '
                '"query".'
            )
        raise_for_response(response, what=what)


def _read_limited(response: requests.Response, what: str) -> bytes:
    """The whole body of a successful reply."""
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise PermanentError(f"{what} answered with more than {MAX_BODY_BYTES} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)


def _decode(content: bytes, what: str) -> Any:
    """JSON of a successful reply. HTML (a maintenance page, a login wall) and a cut body are passing faults."""
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except ValueError as error:
        raise TransientError(f"{what} answered with a body that is not JSON ({len(content)} bytes).") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON.")


def _header_number(response: requests.Response, name: str) -> int:
    value = response.headers.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else 0
