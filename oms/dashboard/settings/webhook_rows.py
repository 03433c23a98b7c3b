"""How webhooks are shown: their health in a word, and what a message has come to."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from oms.integrations.models import WebhookDelivery, WebhookState
from oms.integrations.selectors import EndpointHealth
from oms.integrations.topics import topic_title

#: Health -> tone of the pill and its word.
_HEALTH = {
    "good": ("good", gettext_lazy("Delivers")), "new": ("info", gettext_lazy("Nothing sent yet")),
    "failing": ("warn", gettext_lazy("Failing")), "paused": ("off", gettext_lazy("Paused")),
    "stopped": ("bad", gettext_lazy("Stopped")),
}  # fmt: skip
_STATES = {
    WebhookState.PENDING: ("info", gettext_lazy("To send")),
    WebhookState.SENDING: ("progress", gettext_lazy("Being sent")),
    WebhookState.SENT: ("good", gettext_lazy("Delivered")),
    WebhookState.FAILED: ("warn", gettext_lazy("To try again")),
    WebhookState.DEAD: ("bad", gettext_lazy("Given up")),
    WebhookState.OVERTAKEN: ("off", gettext_lazy("Overtaken")),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint with what its row needs."""

    health: EndpointHealth
    tone: str
    word: str
    reason: str
    topics: list[str]
    nodes: str
    skus: str


def endpoint_row(health: EndpointHealth) -> EndpointRow:
    """How an endpoint is shown."""
    endpoint = health.endpoint
    tone, word = _HEALTH[health.health]
    reason = endpoint.get_paused_reason_display() if not endpoint.is_active else ""
    if health.health == "failing":
        reason = endpoint.last_failure
    count = len(endpoint.sku_ids)
    return EndpointRow(
        health=health, tone=tone, word=str(word), reason=reason,
        topics=[topic_title(name) for name in endpoint.topics],
        nodes=", ".join(endpoint.node_codes) or _("all nodes"),
        skus=ngettext("%(n)s SKU", "%(n)s SKUs", count) % {"n": count} if count else _("all SKUs"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A message with what its row needs."""

    delivery: WebhookDelivery
    title: str
    tone: str
    word: str

    @property
    def can_resend(self) -> bool:
        """A person may have it sent again: it was tried, and it is not on its way."""
        return self.delivery.state in {WebhookState.SENT, WebhookState.FAILED, WebhookState.DEAD}


def delivery_row(delivery: WebhookDelivery) -> DeliveryRow:
    """How a message is shown."""
    tone, word = _STATES[WebhookState(delivery.state)]
    return DeliveryRow(delivery, topic_title(delivery.topic), tone, str(word))


def payload_text(delivery: WebhookDelivery) -> str:
    """What was sent, for people to read; empty where it is not known before it is sent."""
    if delivery.payload is None:
        return ""
    ordered = {name: delivery.payload.get(name) for name in ("type", "timestamp", "data")}
    return json.dumps(ordered, indent=2, ensure_ascii=False)
