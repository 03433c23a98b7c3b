"""Where webhooks may go: https to public addresses only, so that nobody reaches into this network through them.

A name is looked up once, every answer must be allowed, and the connection is made to the very address that was checked:
a name that answers differently a moment later changes nothing. OMS_WEBHOOKS_ALLOW_PRIVATE also lets plain http and
addresses of one's own network pass, never those that clouds serve credentials at.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Thread
from urllib.parse import quote, urlsplit

from django.conf import settings

from oms.core.errors import DomainError

MAX_URL_LENGTH = 500
LOOK_UP_SECONDS = 5.0

Address = IPv4Address | IPv6Address

#: Special uses that `is_global` of Python 3.11 lets pass (registries of RFC 6890): 6to4 relays and IETF protocols.
_NOT_PUBLIC = [ip_network("192.0.0.0/24"), ip_network("192.88.99.0/24")]
#: The only IPv6 space that is handed out (RFC 4291, 2.4), and what within it leads elsewhere or nowhere: Teredo and
#: other protocols, documentation, 6to4.
_PUBLIC_V6 = ip_network("2000::/3")
_NOT_PUBLIC_V6 = [ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
#: Where a cloud answers with credentials of the machine (Amazon, Google and Oracle also in IPv6, Alibaba, Azure); never
#: allowed.
_METADATA = [
    ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128", "fd00:c1::a9fe:a9fe/128",
                 "100.100.100.200/32", "168.63.129.16/32")
]  # fmt: skip


class BadUrl(DomainError):
    """Nothing can be sent to such an address."""

    code = "bad_url"


class NotAllowed(Exception):
    """The name leads to an address that webhooks may not reach, or to none."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart: `host` in ASCII, without brackets; `path` with its query, ready for the request line."""

    scheme: str
    host: str
    port: int
    path: str


def read_url(url: str) -> Target:
    """The parts of an address. Raises BadUrl, with a sentence for people, for one that can never be allowed."""
    text = url.strip()
    if not text or len(text) > MAX_URL_LENGTH:
        raise BadUrl(f"Give an address of at most {MAX_URL_LENGTH} characters.", field="url")
    if any(sign.isspace() or not sign.isprintable() or sign == "\\" for sign in text):
        raise BadUrl("The address holds a space or a sign that no address has.", field="url")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode() if ":" not in (parts.hostname or "") else parts.hostname
    except ValueError as error:
        raise BadUrl(f"This is not an address: {error}.", field="url") from error
    schemes = ("https", "http") if settings.WEBHOOKS_ALLOW_PRIVATE else ("https",)
    if parts.scheme not in schemes:
        raise BadUrl("The address must begin with https://.", field="url")
    if not host or port == 0:
        raise BadUrl("The address names no host.", field="url")
    if parts.username is not None or parts.password is not None:
        raise BadUrl("Leave user and password out of the address: messages are signed.", field="url")
    literal = as_literal(host)
    if literal is not None and not is_allowed(literal) or host.rstrip(".") == "localhost" and not _private_too():
        raise BadUrl(f"{host} is not a public address.", field="url")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (
        f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~')}" if parts.query else ""
    )
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def as_literal(host: str) -> Address | None:
    """The address that a host spells out, also in the old ways that resolvers still read: 127.1, 0x7f.1, 2130706433."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_allowed(address: Address) -> bool:
    """True where messages may be sent to this address."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _METADATA) or address.is_multicast or address.is_unspecified:
        return False
    if isinstance(address, IPv4Address):
        public = address.is_global and not any(address in network for network in _NOT_PUBLIC)
    else:
        public = address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)
    return public or (_private_too() and (address.is_private or address.is_loopback))


def _private_too() -> bool:
    return bool(settings.WEBHOOKS_ALLOW_PRIVATE)


def look_up(host: str, port: int) -> list[str]:
    """What the resolver answers for a name. Raises OSError where it answers nothing."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def allowed_addresses(target: Target) -> list[str]:
    """The addresses to connect to. Raises NotAllowed where one of them is forbidden, or none is found in time.

    One forbidden answer among good ones is enough: an honest name has none.
    """
    literal = as_literal(target.host)
    found = [str(literal)] if literal is not None else _look_up_in_time(target)
    for text in found:
        if not is_allowed(ip_address(text.partition("%")[0])):
            raise NotAllowed(f"{target.host} leads to {text}, which is not a public address.")
    if not found:
        raise NotAllowed(f"{target.host} leads nowhere.")
    return found


def _look_up_in_time(target: Target) -> list[str]:
    """The resolver has no time-out of its own; a thread that it keeps waiting ends by itself."""
    found: list[str] = []
    failed: list[Exception] = []

    def work() -> None:
        try:
            found.extend(look_up(target.host, target.port))
        except (OSError, UnicodeError) as error:
            failed.append(error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(LOOK_UP_SECONDS)
    if thread.is_alive():
        raise NotAllowed(f"{target.host} could not be looked up within {LOOK_UP_SECONDS:.0f} s.")
    if failed:
        raise NotAllowed(f"{target.host} could not be looked up: {failed[0]}.")
    return found
