"""Which messages are sent now, and by whom: one worker at a time for an endpoint, so that a slow one holds up one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from oms.core.db import execute, fetch_all, run_atomic
from oms.core.json_text import from_json, to_json
from oms.core.outbox import publish
from oms.integrations.events import WebhooksDue
from oms.integrations.services.levels import read_levels
from oms.integrations.topics import TEST_TOPIC

#: Longer than sending a wave takes; renewed with each wave.
LEASE_SECONDS = 60

#: Messages that could be sent now, apart from what holds up their endpoint. A paused one is still sent tests.
_DUE = f"""
    ((d.state IN ('pending', 'failed') AND d.next_try_at <= now()) OR (d.state = 'sending' AND d.lease_until < now()))
    AND (e.is_active OR d.topic = '{TEST_TOPIC}')
"""
_FREE = """
    (e.quiet_until IS NULL OR e.quiet_until <= now()) AND (e.lease_until IS NULL OR e.lease_until < now())
"""

_TAKE = f"""
UPDATE integrations_webhookendpoint e
SET lease_until = now() + make_interval(secs => %(lease)s), lease_token = %(token)s
WHERE e.id = %(endpoint)s AND {_FREE}
  AND EXISTS (SELECT FROM integrations_webhookdelivery d WHERE d.endpoint_id = e.id AND {_DUE})
"""  # noqa: S608


def take_endpoint(endpoint_id: int, token: UUID) -> bool:
    """Become the one who sends to this endpoint; False where somebody else does, it is quiet, or nothing is due."""
    return execute(_TAKE, {"endpoint": endpoint_id, "token": token, "lease": LEASE_SECONDS}) == 1


_RENEW = """
UPDATE integrations_webhookendpoint SET lease_until = now() + make_interval(secs => %s)
WHERE id = %s AND lease_token = %s
"""


def renew_endpoint(endpoint_id: int, token: UUID) -> bool:
    """Keep it for another while; False where somebody else took it over."""
    return execute(_RENEW, [LEASE_SECONDS, endpoint_id, token]) == 1


_LEAVE = (
    "UPDATE integrations_webhookendpoint SET lease_until = NULL, lease_token = NULL WHERE id = %s AND lease_token = %s"
)


def leave_endpoint(endpoint_id: int, token: UUID) -> None:
    """Let others send to it, and announce what came meanwhile: who was told of it found it taken."""
    execute(_LEAVE, [endpoint_id, token])
    announce_due(endpoint_id)


_READY = f"""
SELECT e.id FROM integrations_webhookendpoint e
WHERE (%(endpoint)s::bigint IS NULL OR e.id = %(endpoint)s) AND {_FREE}
  AND EXISTS (SELECT FROM integrations_webhookdelivery d WHERE d.endpoint_id = e.id AND {_DUE})
ORDER BY e.id
"""  # noqa: S608


def announce_due(endpoint_id: int | None = None) -> int:
    """Publish WebhooksDue for one endpoint, or all, that have something to be sent now; how many have."""

    def work() -> int:
        ready = fetch_all(_READY, {"endpoint": endpoint_id})
        publish([WebhooksDue(endpoint_id=row[0]) for row in ready])
        return len(ready)

    return run_atomic(work)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message in the hands of this worker. `attempts` counts this try; it also tells tries apart."""

    id: int
    uid: UUID
    topic: str
    attempts: int
    body: bytes


_CLAIM = f"""
UPDATE integrations_webhookdelivery m
SET state = 'sending', attempts = m.attempts + 1, tried_at = now(),
    lease_until = now() + make_interval(secs => %(lease)s)
FROM (
    SELECT d.id FROM integrations_webhookdelivery d JOIN integrations_webhookendpoint e ON e.id = d.endpoint_id
    WHERE d.endpoint_id = %(endpoint)s AND {_DUE}
    ORDER BY d.next_try_at, d.id LIMIT %(limit)s FOR UPDATE OF d SKIP LOCKED
) due
WHERE m.id = due.id
RETURNING m.id, m.uid, m.topic, m.attempts, m.payload, m.fold_key
"""  # noqa: S608


def claim_messages(endpoint_id: int, node_codes: list[str], *, limit: int) -> list[Claimed]:
    """Take up to `limit` messages that are due, oldest first, and fix what those say that tell the newest truth."""

    def work() -> list[Claimed]:
        rows = fetch_all(_CLAIM, {"endpoint": endpoint_id, "limit": limit, "lease": LEASE_SECONDS})
        payloads = {row[0]: from_json(row[4]) for row in rows if row[4] is not None}
        payloads |= _fix(endpoint_id, {row[0]: row[5] for row in rows if row[4] is None}, node_codes)
        return [
            Claimed(pk, uid, topic, attempts, _body(payloads[pk]))
            for pk, uid, topic, attempts, _, _ in sorted(rows)
            if pk in payloads
        ]

    return run_atomic(work)


def _body(payload: dict[str, Any]) -> bytes:
    """The same bytes at every try: of what the row holds, whose order of keys is PostgreSQL's own."""
    return to_json({name: payload[name] for name in ("type", "timestamp", "data")}).encode()


_FIX = """
UPDATE integrations_webhookdelivery d SET payload = fixed.payload
FROM jsonb_to_recordset(%s::jsonb) AS fixed(id bigint, payload jsonb) WHERE d.id = fixed.id
RETURNING d.id, d.payload
"""
#: Older ones that still wait for another try say less than what goes out now; and what is gone needs no message.
_OVERTAKE = """
UPDATE integrations_webhookdelivery d SET state = 'overtaken', settled_at = now(), lease_until = NULL
WHERE d.endpoint_id = %(endpoint)s
  AND (d.id = ANY(%(gone)s) OR (d.state = 'failed' AND d.fold_key <> '' AND d.fold_key = ANY(%(keys)s)))
"""


def _fix(endpoint_id: int, folds: dict[int, str], node_codes: list[str]) -> dict[int, Any]:
    if not folds:
        return {}
    sku_ids = {pk: int(key.partition("/")[2]) for pk, key in folds.items()}
    levels = read_levels(sku_ids.values(), node_codes)
    fresh = [{"id": pk, "payload": levels[sku_id]} for pk, sku_id in sku_ids.items() if sku_id in levels]
    payloads = {pk: from_json(payload) for pk, payload in fetch_all(_FIX, [to_json(fresh)])}
    gone = [pk for pk in folds if pk not in payloads]
    execute(_OVERTAKE, {"endpoint": endpoint_id, "gone": gone, "keys": sorted(set(folds.values()))})
    return payloads
