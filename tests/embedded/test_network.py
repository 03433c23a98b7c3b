"""The tests' own network guard."""

import socket

import pytest

from tests.plugin_network import NetworkBlocked


def test_an_address_outside_this_machine_is_refused() -> None:
    with socket.socket() as client, pytest.raises(NetworkBlocked, match=r"192\.0\.2\.1:80"):
        client.connect(("192.0.2.1", 80))


def test_a_name_outside_this_machine_is_not_even_looked_up() -> None:
    with pytest.raises(NetworkBlocked, match=r"example\.com"):
        socket.create_connection(("example.com", 443), timeout=1)


def test_a_datagram_to_the_outside_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as client, pytest.raises(NetworkBlocked):
        client.sendto(b"x", ("198.51.100.1", 53))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost"])
def test_loopback_is_open(host: str) -> None:
    with (
        socket.create_server(("0.0.0.0", 0)) as server,
        socket.create_connection((host, server.getsockname()[1]), timeout=5) as client,
    ):
        assert client.getpeername()[0].startswith("127.")
