"""Who may call: a consumer key, signed by OAuth 1.0a over plain HTTP, or sent plainly where the store believes in TLS.

Written from WooCommerce's rules and not from the connector, so that each checks the other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote

from channels.simulators.woocommerce.errors import ApiError

_WINDOW_SECONDS = 15 * 60
_OAUTH = ("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")
_ANONYMOUS = {
    "GET": ("woocommerce_rest_cannot_view", "Sorry, you cannot list resources."),
    "POST": ("woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources."),
    "PUT": ("woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource."),
    "DELETE": ("woocommerce_rest_cannot_delete", "Sorry, you are not allowed to delete this resource."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a request says of itself. `path` and `query` are as they stand in the request line."""

    method: str
    host: str
    path: str
    query: str
    authorization: str = ""


@dataclass(slots=True)
class KeyHolder:
    """The one key of the store. `behind_tls`: the store believes that requests come over TLS."""

    key: str
    secret: str
    behind_tls: bool = False
    _nonces: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, call: Call) -> None:
        """Raise the 401 that WooCommerce sends; return where the call is allowed."""
        if self.behind_tls and self._is_plain_key(call):
            return
        pairs = parse_qsl(call.query, keep_blank_values=True)
        given = {name: value for name, value in pairs if name in _OAUTH}
        if not given:
            code, message = _ANONYMOUS.get(call.method, _ANONYMOUS["PUT"])
            raise ApiError(401, code, message)
        missing = [name for name in _OAUTH if not given.get(name)]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            message = f"Missing OAuth parameter{plural} {', '.join(missing)}"
            raise ApiError(401, "woocommerce_rest_authentication_missing_parameter", message)
        if not hmac.compare_digest(given["oauth_consumer_key"].encode(), self.key.encode()):
            raise _refused("Consumer key is invalid.")
        if not hmac.compare_digest(self._signature(call, pairs).encode(), given["oauth_signature"].encode()):
            raise _refused("Invalid signature - provided signature does not match.")
        self._use(given["oauth_timestamp"], given["oauth_nonce"])

    def _is_plain_key(self, call: Call) -> bool:
        pairs = dict(parse_qsl(call.query))
        key, secret = pairs.get("consumer_key", ""), pairs.get("consumer_secret", "")
        if not key and call.authorization.startswith("Basic "):
            decoded = base64.b64decode(call.authorization[6:]).decode("utf-8", "replace")
            key, _, secret = decoded.partition(":")
        if not key or key != self.key:
            return False
        if not hmac.compare_digest(secret.encode(), self.secret.encode()):
            raise _refused("Consumer secret is invalid.")
        return True

    def _signature(self, call: Call, pairs: list[tuple[str, str]]) -> str:
        method = dict(pairs).get("oauth_signature_method")
        if method not in ("HMAC-SHA1", "HMAC-SHA256"):
            raise _refused("Invalid signature - signature method is invalid.")
        signed = sorted((_rfc3986(k), _rfc3986(v)) for k, v in pairs if k != "oauth_signature")
        joined = "%26".join(_rfc3986(f"{key}={value}") for key, value in signed)
        text = f"{call.method}&{_rfc3986(f'http://{call.host}{call.path}')}&{joined}"
        algorithm = hashlib.sha1 if method == "HMAC-SHA1" else hashlib.sha256
        return base64.b64encode(hmac.new(f"{self.secret}&".encode(), text.encode(), algorithm).digest()).decode()

    def _use(self, timestamp: str, nonce: str) -> None:
        now = int(time.time())
        if not timestamp.isdigit() or abs(int(timestamp) - now) > _WINDOW_SECONDS:
            raise _refused("Invalid timestamp.")
        with self._lock:
            self._nonces = {seen: at for seen, at in self._nonces.items() if at > now - _WINDOW_SECONDS}
            if nonce in self._nonces:
                raise _refused("Invalid nonce - nonce has already been used.")
            self._nonces[nonce] = int(timestamp)


def _refused(message: str) -> ApiError:
    return ApiError(401, "woocommerce_rest_authentication_error", message)


def _rfc3986(text: str) -> str:
    return quote(text, safe="-._~")
