"""Signatures as the Standard Webhooks specification has them."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

from oms.integrations.signing import new_secret, sign, signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_signature_is_that_of_the_published_libraries() -> None:
    # The vector of the test suites of standard-webhooks/standard-webhooks.
    found = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_new_secret_holds_32_random_bytes() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


def test_two_live_secrets_give_two_signatures_apart_by_a_space() -> None:
    other = new_secret()
    headers = signed_headers([other, SECRET], "msg_1", 1700000000, b"{}")
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == "1700000000"
    assert headers["webhook-signature"] == (
        f"{sign(other, 'msg_1', 1700000000, b'{}')} {sign(SECRET, 'msg_1', 1700000000, b'{}')}"
    )


def test_the_example_of_the_documentation_verifies_what_is_sent() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    code = text.partition("```python\nimport base64, hashlib")[2].partition("```")[0]
    room: dict[str, Any] = {}
    exec(f"import base64, hashlib{code}", room)  # it is our own documentation
    stamp, body = int(time.time()), b'{"type":"webhook.test"}'
    headers = signed_headers([new_secret(), SECRET], "msg_1", stamp, body)
    assert room["is_ours"](SECRET, headers, body)
    assert not room["is_ours"](new_secret(), headers, body)
    assert not room["is_ours"](SECRET, headers, body + b" ")
    assert not room["is_ours"](SECRET, signed_headers([SECRET], "msg_1", stamp - 301, body), body)
