"""How a request to WooCommerce proves who sends it: Basic, query string or OAuth 1.0a without a token.

Source of the rules: WooCommerce `class-wc-rest-authentication.php` and a recording of WooCommerce 9.8.5. Basic and
the query string count only where WordPress itself believes that the request came over TLS (`is_ssl()`). Over plain
HTTP, and behind a proxy that ends TLS without telling WordPress, they are silently ignored and the store answers 401
"Sorry, you cannot list resources", as if no key had been sent. There only OAuth 1.0a is read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

AuthScheme = Literal["basic", "query", "oauth1"]
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A consumer key and secret, and the way they are sent."""

    key: str
    secret: str
    scheme: AuthScheme


def choose_scheme(base_url: str, wanted: str = "") -> AuthScheme:
    """Basic over https, OAuth 1.0a over http, unless `wanted` names one of the three."""
    if wanted == "basic":
        return "basic"
    if wanted == "query":
        return "query"
    if wanted == "oauth1":
        return "oauth1"
    return "basic" if urlsplit(base_url).scheme == "https" else "oauth1"


def oauth_signature(method: str, url: str, pairs: Pairs, secret: str) -> str:
    """The HMAC-SHA256 signature of a request as WooCommerce computes it (RFC 5849 section 3.4, empty token).

    `pairs` are all query parameters, the oauth ones included, `oauth_signature` excluded. WooCommerce reads OAuth only
    when it takes the request for plain HTTP, so the base string names the http scheme whatever `url` says.
    """
    parts = urlsplit(url)
    normalized = "&".join(f"{key}={value}" for key, value in sorted((_encode(k), _encode(v)) for k, v in pairs))
    base_url = f"http://{parts.netloc}{parts.path}"
    text = f"{method.upper()}&{_encode(base_url)}&{_encode(normalized)}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def sign(method: str, url: str, pairs: Pairs, credentials: Credentials, *, timestamp: int, nonce: str) -> Pairs:
    """`pairs` with the OAuth parameters added. A nonce may be used once in fifteen minutes."""
    signed = [
        *pairs,
        ("oauth_consumer_key", credentials.key),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA256"),
        ("oauth_timestamp", str(timestamp)),
    ]
    return [*signed, ("oauth_signature", oauth_signature(method, url, signed, credentials.secret))]


def webhook_signature(body: bytes, secret: str) -> str:
    """What `X-WC-Webhook-Signature` holds: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def is_signed_by_any(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """True when one of the secrets made the signature. Compares in constant time; an empty secret signs nothing."""
    given = signature.encode()
    matches = [hmac.compare_digest(webhook_signature(body, secret).encode(), given) for secret in secrets if secret]
    return any(matches)


def live_webhook_secrets(secrets: Mapping[str, str]) -> list[str]:
    """The current and the previous webhook secret, so that a secret can be changed without losing a delivery."""
    return [secret for name in ("webhook_secret", "webhook_secret_previous") if (secret := secrets.get(name, ""))]


def _encode(text: str) -> str:
    return quote(text, safe="-._~")
