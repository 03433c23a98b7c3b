"""Sending: a few messages at a time to one endpoint, signed, each bounded in time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import uuid4

from oms.core.clock import now
from oms.integrations.addresses import BadUrl, NotAllowed, Target, allowed_addresses, read_url
from oms.integrations.models import WebhookEndpoint
from oms.integrations.services.claiming import (
    Claimed,
    announce_due,
    claim_messages,
    leave_endpoint,
    renew_endpoint,
    take_endpoint,
)
from oms.integrations.services.settling import Outcome, settle
from oms.integrations.signing import signed_headers
from oms.integrations.transport import NoAnswer, post

#: Messages that are on their way to one endpoint at the same time.
CONCURRENCY = 8
#: A worker turns to other work after this long; what is left is announced again.
TURN_SECONDS = 20.0


def send_webhooks(endpoint_id: int) -> int:
    """Send an endpoint what is due; how many messages were tried.

    Does nothing where another worker sends to it, or where it is left alone for a while. An endpoint that does not
    answer is left after one wave, an endpoint that failed before is tried with a single message first.
    """
    token = uuid4()
    if not take_endpoint(endpoint_id, token):
        return 0
    tried = 0
    try:
        endpoint = WebhookEndpoint.objects.get(pk=endpoint_id)
        ends, limit = time.monotonic() + TURN_SECONDS, 1 if endpoint.silent_tries else CONCURRENCY
        while time.monotonic() < ends and renew_endpoint(endpoint_id, token):
            wave = claim_messages(endpoint_id, endpoint.node_codes, limit=limit)
            tried += len(wave)
            if not wave or not settle(endpoint_id, _send(endpoint, wave)):
                break
            limit = CONCURRENCY
    finally:
        leave_endpoint(endpoint_id, token)
    return tried


def wake_webhooks() -> int:
    """Announce every endpoint that has something to be sent now, such as another try; how many have."""
    return announce_due()


def live_secrets(endpoint: WebhookEndpoint, moment: datetime) -> list[str]:
    """The secrets that sign at this moment, newest first."""
    old = endpoint.old_secret if endpoint.old_secret_until and endpoint.old_secret_until > moment else None
    return [endpoint.secret, *([old] if old else [])]


def _send(endpoint: WebhookEndpoint, wave: Sequence[Claimed]) -> list[Outcome]:
    """What came of a wave. The name is looked up once for all of it."""
    began = time.monotonic()
    try:
        target = read_url(endpoint.url)
        addresses = allowed_addresses(target)
    except (BadUrl, NotAllowed) as error:
        spent = _milliseconds(began)
        return [Outcome(message, None, str(error), spent) for message in wave]
    secrets = live_secrets(endpoint, now())
    with ThreadPoolExecutor(max_workers=len(wave)) as pool:
        return list(pool.map(lambda message: _send_one(target, addresses, secrets, message), wave))


def _send_one(target: Target, addresses: Sequence[str], secrets: Sequence[str], message: Claimed) -> Outcome:
    """One try. Runs in a thread of its own and touches no database."""
    began = time.monotonic()
    headers = signed_headers(secrets, f"msg_{message.uid.hex}", int(time.time()), message.body)
    try:
        answer = post(target, addresses, message.body, headers)
    except NoAnswer as error:
        return Outcome(message, None, str(error), _milliseconds(began))
    problem = "" if 200 <= answer.status < 300 else _words(answer.status)
    return Outcome(message, answer, problem, _milliseconds(began))


def _words(status: int) -> str:
    if 300 <= status < 400:
        return f"It answered {status}: redirects are not followed, give the address they lead to."
    return f"It answered {status}."


def _milliseconds(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
