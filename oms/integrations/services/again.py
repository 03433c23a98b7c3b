"""Sending on purpose: a test, one message again, everything that was given up."""

from __future__ import annotations

from collections.abc import Sequence

from oms.core.clock import now
from oms.core.db import execute, fetch_all, run_atomic
from oms.core.errors import NotFound
from oms.core.ids import uuid7
from oms.integrations.models import WebhookDelivery, WebhookEndpoint
from oms.integrations.services.claiming import announce_due
from oms.integrations.services.queueing import envelope, insert
from oms.integrations.topics import TEST_TOPIC

#: Messages that one call sends again; the others are sent by calling it once more.
MOST_RESENT = 10_000


def send_test(endpoint_id: int, *, actor: str) -> WebhookDelivery:
    """Queue a message that says nothing, to see whether it arrives; also to an endpoint that is paused. It is tried
    once. Raises NotFound.
    """

    def work() -> WebhookDelivery:
        _wake(endpoint_id)
        uid = uuid7()
        data = {"message": "This is a test. It tells nothing.", "sent_by": actor}
        insert([{
            "uid": uid, "endpoint": endpoint_id, "topic": TEST_TOPIC, "event_key": f"test/{uid}", "fold_key": "",
            "subject": "", "payload": envelope(TEST_TOPIC, now().isoformat(), data),
        }])  # fmt: skip
        return WebhookDelivery.objects.get(uid=uid)

    return run_atomic(work)


def _wake(endpoint_id: int) -> None:
    """A person asks: do not wait until the endpoint is tried by itself."""
    if not WebhookEndpoint.objects.filter(pk=endpoint_id).update(quiet_until=None):
        raise NotFound(f"There is no webhook {endpoint_id}.")


#: Of what tells the newest truth, only the newest is sent again: the others were overtaken.
_RESEND = """
WITH chosen AS (
    SELECT d.id, d.fold_key <> '' AND EXISTS (
        SELECT FROM integrations_webhookdelivery newer
        WHERE newer.endpoint_id = d.endpoint_id AND newer.fold_key = d.fold_key AND newer.id > d.id) AS overtaken
    FROM integrations_webhookdelivery d
    WHERE d.endpoint_id = %(endpoint)s AND d.state = ANY(%(states)s)
      AND (%(ids)s::bigint[] IS NULL OR d.id = ANY(%(ids)s))
    ORDER BY d.id LIMIT %(limit)s FOR UPDATE OF d
)
UPDATE integrations_webhookdelivery d
SET state = CASE WHEN chosen.overtaken THEN 'overtaken' ELSE 'failed' END,
    attempts = CASE WHEN chosen.overtaken THEN d.attempts ELSE 0 END,
    settled_at = CASE WHEN chosen.overtaken THEN now() END, next_try_at = now()
FROM chosen WHERE d.id = chosen.id AND NOT (chosen.overtaken AND d.state = 'sent')
RETURNING chosen.overtaken
"""


def resend(endpoint_id: int, ids: Sequence[int]) -> int:
    """Send messages again under the ids they had, delivered ones too; how many.

    A report of levels that a newer one has overtaken is not sent. Raises NotFound for an unknown endpoint.
    """
    return _resend(endpoint_id, ["dead", "failed", "sent"], list(ids))


def resend_dead(endpoint_id: int) -> int:
    """Send everything again that was given up (at most MOST_RESENT); how many. Raises NotFound."""
    return _resend(endpoint_id, ["dead"], None)


def _resend(endpoint_id: int, states: list[str], ids: list[int] | None) -> int:
    def work() -> int:
        _wake(endpoint_id)
        params = {"endpoint": endpoint_id, "states": states, "ids": ids, "limit": MOST_RESENT}
        count = sum(1 for (overtaken,) in fetch_all(_RESEND, params) if not overtaken)
        announce_due(endpoint_id)
        return count

    return run_atomic(work)


#: Days for which messages are kept after they were settled: delivered ones, and those that were given up.
KEPT_DAYS = 14
DEAD_KEPT_DAYS = 90
_PRUNE = """
DELETE FROM integrations_webhookdelivery WHERE id IN (
    SELECT id FROM integrations_webhookdelivery
    WHERE (state IN ('sent', 'overtaken') AND settled_at < now() - make_interval(days => %s))
       OR (state = 'dead' AND settled_at < now() - make_interval(days => %s))
    ORDER BY id LIMIT %s
)
"""


def prune_webhooks(*, limit: int = 10_000) -> int:
    """Delete old messages; how many. Nothing that waits is deleted."""
    return run_atomic(lambda: execute(_PRUNE, [KEPT_DAYS, DEAD_KEPT_DAYS, limit]))
