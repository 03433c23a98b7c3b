"""One POST, against a server that behaves in every way that servers do."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django.fixtures import Settings

from oms.integrations import transport
from oms.integrations.addresses import Target, read_url
from oms.integrations.transport import Answer, NoAnswer, post
from tests.integrations.receiver import (
    Behaviour,
    Receiver,
    drip_body,
    drip_head,
    endless,
    hang_up,
    not_http,
    receiver,
    silence,
    status,
)

HOME = ["127.0.0.1"]


@pytest.fixture
def target(other: Receiver, settings: Settings) -> Target:
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    return read_url(other.url)


def test_what_is_sent_arrives_byte_by_byte(other: Receiver, target: Target) -> None:
    body = '{"name":"कुर्ता"}'.encode()
    found = post(target, HOME, body, {"webhook-id": "msg_1"})
    [heard] = other.heard
    assert found == Answer(200, "thank you")
    assert (heard.path, heard.body) == ("/hooks?from=oms", body)
    assert heard.headers["host"] == f"127.0.0.1:{other.port}"
    assert heard.headers["webhook-id"] == "msg_1"
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["user-agent"] == "oms-webhooks/1.0"


@pytest.mark.parametrize("code", [201, 204, 302, 308, 400, 404, 410, 429, 500, 503])
def test_every_status_is_an_answer(other: Receiver, target: Target, code: int) -> None:
    other.behave = status(code, b"" if code == 204 else b"words")
    assert post(target, HOME, b"{}", {}).status == code


def test_a_redirect_is_not_followed(other: Receiver, target: Target) -> None:
    other.behave = status(307, Location="http://127.0.0.1:1/inside")
    assert post(target, HOME, b"{}", {}).status == 307
    assert len(other.heard) == 1


def test_how_long_to_wait_is_read_where_it_is_a_number(other: Receiver, target: Target) -> None:
    other.behave = status(503, Retry_After="120")
    assert post(target, HOME, b"{}", {}).retry_after_seconds == 120.0
    other.behave = status(503, Retry_After="Fri, 31 Dec 2027 23:59:59 GMT")
    assert post(target, HOME, b"{}", {}).retry_after_seconds is None


@pytest.mark.parametrize("behaviour", [silence, drip_head])
def test_who_does_not_come_to_an_answer_is_left_at_the_deadline(
    other: Receiver, target: Target, behaviour: Behaviour
) -> None:
    other.behave = behaviour
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=r"No answer within 0\.4 s\."):
        post(target, HOME, b"{}", {}, total_seconds=0.4)
    assert 0.3 < time.monotonic() - began < 2


def test_a_status_counts_even_where_its_words_never_end(
    other: Receiver, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "WORDS_SECONDS", 0.3)
    other.behave = drip_body
    began = time.monotonic()
    found = post(target, HOME, b"{}", {})
    assert found.status == 200
    assert found.text.startswith("well.")
    assert time.monotonic() - began < 2


def test_of_an_endless_answer_a_little_is_read_and_less_is_kept(other: Receiver, target: Target) -> None:
    other.behave = endless
    began = time.monotonic()
    assert post(target, HOME, b"{}", {}) == Answer(200, "x" * 1000)
    assert time.monotonic() - began < 2


def test_what_postgresql_cannot_keep_is_left_out_of_the_words(other: Receiver, target: Target) -> None:
    other.behave = status(200, b"\x00a\xffb\x00 ")
    assert post(target, HOME, b"{}", {}).text == "a�b"


@pytest.mark.parametrize("behaviour", [hang_up, not_http])
def test_a_line_that_breaks_or_speaks_no_http_is_no_answer(
    other: Receiver, target: Target, behaviour: Behaviour
) -> None:
    other.behave = behaviour
    with pytest.raises(NoAnswer) as found:
        post(target, HOME, b"{}", {})
    # The words are kept, and PostgreSQL keeps no NUL.
    assert "\x00" not in str(found.value)


def test_a_closed_port_is_no_answer(target: Target) -> None:
    with pytest.raises(NoAnswer, match="refused"):
        post(Target("http", "127.0.0.1", 1, "/"), HOME, b"{}", {})


def test_the_connection_goes_to_the_address_that_was_checked_and_names_the_host(other: Receiver) -> None:
    # The name is never looked up: .invalid leads nowhere (RFC 6761).
    named = Target("http", "erp.invalid", other.port, "/hooks")
    assert post(named, ["127.0.0.1"], b"{}", {}).status == 200
    assert other.heard[0].headers["host"] == f"erp.invalid:{other.port}"


def test_the_next_address_is_tried_where_one_takes_no_connection(other: Receiver) -> None:
    named = Target("http", "erp.invalid", other.port, "/hooks")
    assert post(named, ["127.0.0.99", "127.0.0.1"], b"{}", {}).status == 200


# -- TLS --------------------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> Path:
    """A certificate that vouches for itself and a name, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1)).not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / f"{name}.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver with a certificate for erp.invalid, which this process trusts."""
    file = certificate(tmp_path, "erp.invalid")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with receiver(file) as made:
        yield made


def test_over_tls_the_certificate_is_that_of_the_name_though_the_address_is_pinned(secure: Receiver) -> None:
    named = Target("https", "erp.invalid", secure.port, "/hooks")
    assert post(named, HOME, b"{}", {}).status == 200
    assert secure.heard[0].headers["host"] == f"erp.invalid:{secure.port}"


def test_a_certificate_of_another_name_is_no_answer_and_nothing_is_sent(secure: Receiver) -> None:
    named = Target("https", "bank.invalid", secure.port, "/hooks")
    with pytest.raises(NoAnswer, match=r"The certificate is not good for bank\.invalid"):
        post(named, HOME, b"{}", {})
    assert secure.heard == []


def test_a_certificate_that_nobody_vouches_for_is_no_answer(
    secure: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path, "somebody.invalid")))
    with pytest.raises(NoAnswer, match="The certificate is not good"):
        post(Target("https", "erp.invalid", secure.port, "/hooks"), HOME, b"{}", {})
