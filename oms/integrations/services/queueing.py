"""Messages are written in the transaction of the step that follows an event, once per event and endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from oms.core.db import fetch_all, run_atomic
from oms.core.events import Recorded
from oms.core.ids import uuid7
from oms.core.json_text import to_json
from oms.core.outbox import publish
from oms.integrations.events import WebhooksDue
from oms.integrations.models import WebhookEndpoint
from oms.integrations.news import News, Topic
from oms.integrations.topics import TOPICS

#: An event that was told before, or that is folded into a message that waits, changes nothing. A message that a worker
#: takes at this moment makes this statement wait for it, and is not folded into any more.
INSERT = """
INSERT INTO integrations_webhookdelivery
    (uid, endpoint_id, topic, event_key, fold_key, subject, payload, state, attempts, next_try_at, answer, error)
SELECT uid, endpoint, topic, event_key, fold_key, subject, payload, 'pending', 0, now(), '', ''
FROM jsonb_to_recordset(%(rows)s::jsonb) AS fresh(
    position int, uid uuid, endpoint bigint, topic text, event_key text, fold_key text, subject text, payload jsonb)
ORDER BY position
ON CONFLICT DO NOTHING
RETURNING endpoint_id
"""


def queue_webhooks(found: Sequence[Recorded]) -> int:
    """Write a message for every active endpoint that wants to hear of these events; how many are new.

    Runs in the caller's transaction, where there is one. Publishes WebhooksDue for each endpoint with new messages.
    """
    return run_atomic(lambda: _queue(found))


def _queue(found: Sequence[Recorded]) -> int:
    endpoints = list(active_endpoints())
    if not endpoints:
        return 0
    wanted = {name for endpoint in endpoints for name in endpoint.topics}
    rows = [
        row(endpoint, topic.name, news)
        for topic, some in _news(found, wanted)
        for news in some
        for endpoint in endpoints
        if wants(endpoint, topic.name, news)
    ]
    return insert(rows)


def has_listeners() -> bool:
    """True where there is an endpoint that is not paused."""
    return WebhookEndpoint.objects.filter(is_active=True).exists()


def active_endpoints() -> Iterable[WebhookEndpoint]:
    """Endpoints that are not paused, without their secrets: those take time to decrypt."""
    return WebhookEndpoint.objects.filter(is_active=True).defer("secret", "old_secret").order_by("pk")


def _news(found: Sequence[Recorded], wanted: set[str]) -> Iterable[tuple[Topic, list[News]]]:
    kinds = {type(item.event) for item in found}
    for topic in TOPICS:
        if topic.name in wanted and topic.event in kinds:
            yield topic, topic.build([item for item in found if type(item.event) is topic.event])


def wants(endpoint: WebhookEndpoint, topic: str, news: News) -> bool:
    """True where the endpoint asked for the topic and the news concerns what it is limited to."""
    if topic not in endpoint.topics:
        return False
    if endpoint.node_codes and news.node_codes is not None and news.node_codes.isdisjoint(endpoint.node_codes):
        return False
    return not (endpoint.sku_ids and news.sku_ids is not None and news.sku_ids.isdisjoint(endpoint.sku_ids))


def row(endpoint: WebhookEndpoint, topic: str, news: News) -> dict[str, Any]:
    """A message as `insert` takes it."""
    payload = None if news.data is None else envelope(topic, news.at.isoformat(), news.data)
    return {
        "uid": uuid7(), "endpoint": endpoint.pk, "topic": topic, "event_key": news.key, "fold_key": news.fold_key,
        "subject": news.subject[:120], "payload": payload,
    }  # fmt: skip


def envelope(topic: str, at: str, data: dict[str, Any]) -> dict[str, Any]:
    """A payload in the shape that the Standard Webhooks specification recommends."""
    return {"type": topic, "timestamp": at, "data": data}


def insert(rows: Sequence[dict[str, Any]]) -> int:
    """Write messages and announce them; how many were new. Only inside a transaction."""
    if not rows:
        return 0
    numbered = [{"position": number} | item for number, item in enumerate(rows)]
    fresh = [found[0] for found in fetch_all(INSERT, {"rows": to_json(numbered)})]
    publish([WebhooksDue(endpoint_id=pk) for pk in dict.fromkeys(fresh)])
    return len(fresh)
