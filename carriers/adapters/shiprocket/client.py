"""HTTP with Shiprocket: the token, and documents that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from carriers.adapters.calls import Reply
from carriers.adapters.oauth import TokenClient
from oms.core.errors import PermanentError, TransientError
from oms.core.http import MAX_BODY_BYTES

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


class Client(TokenClient):
    """One account's door."""

    def __init__(self, base_url: str, email: str, password: str, timeout_seconds: float) -> None:
        super().__init__(
            base_url=base_url + PREFIX, sign_in_path="/auth/login",
            sign_in={"json": {"email": email, "password": password}}, timeout_seconds=timeout_seconds,
            message_of=vendor_message, answer_field="token", lifetime_seconds=TOKEN_LIFETIME_SECONDS,
            refused="check the API user of the account.",
        )  # fmt: skip

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, what: str, accept: frozenset[int] = frozenset()
    ) -> Reply:
        """Read. A status in `accept` is returned; other failures raise `TransientError` or `PermanentError`."""
        return self.call("GET", path, what=what, accept=accept, safe=True, params=params)

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
        return self.call("POST", path, what=what, accept=accept, safe=repeatable, json=body)

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
