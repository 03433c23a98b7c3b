"""Nothing inside this network is reached through a webhook, however its address is spelled."""

from __future__ import annotations

import time
from ipaddress import ip_address

import pytest
from pytest_django.fixtures import Settings

from oms.integrations import addresses
from oms.integrations.addresses import BadUrl, NotAllowed, Target, allowed_addresses, is_allowed, read_url


@pytest.fixture(autouse=True)
def _public_only(settings: Settings) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = False


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
        "[::1]", "[::]", "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "[::127.0.0.1]",
        "169.254.169.254", "[fe80::1]", "[fe80::1%25eth0]", "[fd00:ec2::254]", "100.100.100.200", "10.0.0.1",
        "168.63.129.16", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.0.8", "192.88.99.1", "198.18.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "[fc00::1]", "[fec0::1]", "[ff02::1]",
        "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2001::1]", "[2001:db8::1]", "[::ffff:0:127.0.0.1]",
        "localhost", "LOCALHOST", "localhost.", "１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1",
    ],
)  # fmt: skip
def test_an_address_of_this_network_is_refused_when_it_is_given(host: str) -> None:
    with pytest.raises(BadUrl, match="not a public address"):
        read_url(f"https://{host}/hooks")


@pytest.mark.parametrize(
    "url",
    [
        "", "   ", "erp.example.com/hooks", "http://erp.example.com/", "ftp://erp.example.com/", "file:///etc/passwd",
        "gopher://erp.example.com/", "https://", "https:///hooks", "https://user@erp.example.com/",
        "https://user:pass@erp.example.com/", "https://erp.example.com:0/", "https://erp.example.com:99999/",
        "https://erp.example.com:no/", "https://erp.example.com/a b", "https://erp.example.com/\r\nX-Evil: 1",
        "https://erp.example.com\\@127.0.0.1/", "https://[::1/", "https://a..b/", f"https://{'a' * 64}.com/",
        f"https://erp.example.com/{'x' * 500}",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(BadUrl) as refused:
        read_url(url)
    assert refused.value.field == "url"


def test_an_address_is_taken_apart_for_the_request_line() -> None:
    assert read_url(" https://Bücher.example:8443/hooks/ü?to=a b".replace(" b", "%20b")) == Target(
        "https", "xn--bcher-kva.example", 8443, "/hooks/%C3%BC?to=a%20b"
    )
    assert read_url("https://erp.example.com") == Target("https", "erp.example.com", 443, "/")
    assert read_url("https://[2606:4700::1111]/") == Target("https", "2606:4700::1111", 443, "/")


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(text: str) -> None:
    assert is_allowed(ip_address(text))


@pytest.mark.parametrize("text", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe",
                                  "100.100.100.200", "168.63.129.16", "0.0.0.0", "::", "224.0.0.1",
                                  "::ffff:169.254.169.254"])  # fmt: skip
def test_where_clouds_keep_credentials_stays_closed_even_on_a_private_network(text: str, settings: Settings) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    assert not is_allowed(ip_address(text))
    assert is_allowed(ip_address("10.0.0.1"))
    assert is_allowed(ip_address("127.0.0.1"))
    assert is_allowed(ip_address("::1"))
    assert read_url("http://erp.internal:8080/").scheme == "http"


TARGET = Target("https", "erp.example.com", 443, "/")


def test_one_forbidden_answer_among_good_ones_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "look_up", lambda host, port: ["8.8.8.8", "10.0.0.5"])
    with pytest.raises(NotAllowed, match=r"erp\.example\.com leads to 10\.0\.0\.5, which is not a public address"):
        allowed_addresses(TARGET)


def test_every_good_answer_may_be_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "look_up", lambda host, port: ["8.8.8.8", "2606:4700::1111"])
    assert allowed_addresses(TARGET) == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize("answers", [[], ["fe80::1%eth0"], ["::ffff:127.0.0.1"]])
def test_a_name_that_leads_nowhere_or_home_is_refused(answers: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "look_up", lambda host, port: answers)
    with pytest.raises(NotAllowed):
        allowed_addresses(TARGET)


def test_a_resolver_that_fails_or_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    monkeypatch.setattr(addresses, "look_up", fail)
    with pytest.raises(NotAllowed, match="could not be looked up: Name or service not known"):
        allowed_addresses(TARGET)

    def hang(host: str, port: int) -> list[str]:
        time.sleep(0.5)
        return ["8.8.8.8"]

    monkeypatch.setattr(addresses, "LOOK_UP_SECONDS", 0.05)
    monkeypatch.setattr(addresses, "look_up", hang)
    with pytest.raises(NotAllowed, match="could not be looked up within"):
        allowed_addresses(TARGET)
