"""The way to Blue Dart's gateway: a token per account, kept in memory, and errors that hold no secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from carriers.adapters.blue_dart.mapping import message_of
from carriers.adapters.oauth import TokenClient
from carriers.base import UnknownOutcome
from oms.core.errors import PermanentError, TransientError

#: How long the gateway's token lives is not published; one that it refuses earlier is renewed then.
TOKEN_SECONDS = 6 * 3600.0


class Gateway(TokenClient):
    """One account's door."""

    token_header = ("JWTToken", "")

    def __init__(self, base_url: str, timeout_seconds: float, client_id: str, client_secret: str) -> None:
        headers = {"ClientID": client_id, "clientSecret": client_secret, "Accept": "application/json"}
        super().__init__(
            base_url=base_url, sign_in_path="/token/v1/login", sign_in={"headers": headers}, sign_in_method="GET",
            timeout_seconds=timeout_seconds, message_of=message_of, answer_field="JWTToken",
            lifetime_seconds=TOKEN_SECONDS, refused="Blue Dart does not take client_id and client_secret.",
        )  # fmt: skip

    def get_text(self, path: str, query: Mapping[str, str], *, what: str) -> str:
        """A reading whose reply is text. Raises TransientError or PermanentError."""
        response = self.raw("GET", path, what=what, safe=True, headers={"Accept": "*/*"}, params=query)
        if not response.ok:
            self._calls.judge(response, what=what, safe=True)
        return response.text


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
