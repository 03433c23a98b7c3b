"""Refuses every connection that would leave this machine, so that no test depends on, or talks to, the outside."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import pytest

LOCAL_NAMES = {"", "localhost", "localhost.localdomain", "ip6-localhost"}


class NetworkBlocked(OSError):
    """A test tried to reach something that is not on this machine."""


def is_local(host: str | bytes | None) -> bool:
    """True for loopback addresses and the names that always mean them."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def refuse_remote(family: int, address: Any) -> None:
    """Raise NetworkBlocked for an internet address outside loopback; other families are local by nature."""
    if family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
        raise NetworkBlocked(f"A test tried to reach {address[0]}:{address[1]}; only this machine may be talked to.")


def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap socket.connect, connect_ex or sendto, all of which take the address last."""

    def call(self: socket.socket, *arguments: Any) -> Any:
        refuse_remote(self.family, arguments[-1])
        return original(self, *arguments)

    return call


def guarded_lookup(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap socket.getaddrinfo, so that a name is refused at once instead of after a resolver's time-out."""

    def call(host: Any, *arguments: Any, **options: Any) -> Any:
        if not is_local(host):
            raise NetworkBlocked(f"A test tried to look up {host}; only this machine may be talked to.")
        return original(host, *arguments, **options)

    return call


def pytest_configure(config: pytest.Config) -> None:
    """Close the doors for the whole run."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex", "sendto"):
        patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    patch.setattr(socket, "getaddrinfo", guarded_lookup(socket.getaddrinfo))
    config.add_cleanup(patch.undo)
