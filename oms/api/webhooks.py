"""Webhooks over the API: endpoints, and what was sent to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Router, Schema

from inventory.models import Sku
from oms.accounts.access import Principal
from oms.api.gate import ErrorOut, idempotent, need
from oms.core.errors import DomainError, NotFound
from oms.integrations import services
from oms.integrations.models import WebhookDelivery, WebhookState
from oms.integrations.selectors import EndpointHealth, deliveries_of, endpoint_health, health_of
from oms.integrations.services import EndpointWish
from oms.integrations.topics import TOPICS

router = Router(tags=["webhooks"])
REFUSALS = {403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut}
#: Where an operation leaves a new secret for `shown_once`.
_SECRET = "_new_webhook_secret"  # noqa: S105


class WebhookIn(Schema):
    """What an endpoint is to be. Empty `nodes` or `skus` mean all of them."""

    name: str
    url: str
    topics: list[str]
    nodes: list[str] = []
    skus: list[str] = []


class WebhookChange(Schema):
    """What changes; what is left out stays. `active` pauses or resumes."""

    name: str | None = None
    url: str | None = None
    topics: list[str] | None = None
    nodes: list[str] | None = None
    skus: list[str] | None = None
    active: bool | None = None


class RotateIn(Schema):
    """For how many hours the old secret signs beside the new one: 0 to 720."""

    old_hours: int = services.CHANGEOVER_HOURS


def _owner(request: HttpRequest) -> Principal:
    """The caller, who may change settings and sees all of the business: endpoints are told of all of it."""
    principal = need(request, "settings.edit")
    principal.require_everywhere()
    return principal


def _endpoint(webhook_id: int) -> EndpointHealth:
    found = health_of(webhook_id)
    if found is None:
        raise NotFound(f"There is no webhook {webhook_id}.")
    return found


def shown_once(operation: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Add the new secret to the answer of this one request: the stored reply, for repetitions, does not hold it."""

    @wraps(operation)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = operation(request, *args, **kwargs)
        secret = getattr(request, _SECRET, "")
        if not secret:
            return response
        answer = JsonResponse(json.loads(response.content) | {"secret": secret}, status=response.status_code)
        answer["Cache-Control"] = "no-store"
        return answer

    return wrapped


def webhook_out(health: EndpointHealth, codes: dict[int, str]) -> dict[str, Any]:
    """An endpoint as the API shows it, without its secrets. `codes` are those of SKUs, by id."""
    row = health.endpoint
    return {
        "id": row.pk, "name": row.name, "url": row.url, "topics": row.topics, "nodes": row.node_codes,
        "skus": sorted(codes[pk] for pk in row.sku_ids if pk in codes), "active": row.is_active,
        "paused_reason": row.paused_reason, "paused_at": row.paused_at, "created_at": row.created_at,
        "last_success_at": row.last_success_at, "failing_since": row.failing_since, "last_failure": row.last_failure,
        "old_secret_until": row.old_secret_until, "waiting": health.waiting, "to_try_again": health.failed,
        "given_up": health.dead,
    }  # fmt: skip


def _out(found: list[EndpointHealth]) -> list[dict[str, Any]]:
    wanted = {pk for health in found for pk in health.endpoint.sku_ids}
    codes = dict(Sku.objects.filter(pk__in=wanted).values_list("pk", "code")) if wanted else {}
    return [webhook_out(health, codes) for health in found]


def _one(webhook_id: int) -> dict[str, Any]:
    """As JSON holds it, so that it can be stored for repetitions."""
    return dict(json.loads(JsonResponse(_out([_endpoint(webhook_id)])[0]).content))


@router.get("/webhooks", summary="Webhooks", response={200: dict[str, Any], 403: ErrorOut})
def list_webhooks(request: HttpRequest) -> Any:
    """Every endpoint, by name; there are at most a hundred."""
    _owner(request)
    return {"webhooks": _out(endpoint_health())}


@router.get("/webhook-topics", summary="Topics of webhooks", response={200: dict[str, Any], 403: ErrorOut})
def list_topics(request: HttpRequest) -> Any:
    """What an endpoint can be told, each with an example of its `data`."""
    _owner(request)
    return {"topics": [{"name": topic.name, "title": topic.title, "example": topic.example} for topic in TOPICS]}


@router.post("/webhooks", summary="Make a webhook", response={201: dict[str, Any], **REFUSALS})
@shown_once
@idempotent
def create_webhook(request: HttpRequest, body: WebhookIn) -> tuple[int, Any]:
    """Make an endpoint. Its `secret` stands in this answer and in no other, not in that to a repetition either."""
    principal = _owner(request)
    wish = EndpointWish(name=body.name, url=body.url, topics=body.topics, node_codes=body.nodes, sku_codes=body.skus)
    endpoint, secret = services.create_endpoint(wish, actor=principal.name)
    setattr(request, _SECRET, secret)
    return 201, _one(endpoint.pk)


@router.get("/webhooks/{webhook_id}", summary="One webhook", response={200: dict[str, Any], **REFUSALS})
def get_webhook(request: HttpRequest, webhook_id: int) -> Any:
    """An endpoint and how it does."""
    _owner(request)
    return _out([_endpoint(webhook_id)])[0]


@router.patch("/webhooks/{webhook_id}", summary="Change a webhook", response={200: dict[str, Any], **REFUSALS})
@idempotent
def change_webhook(request: HttpRequest, webhook_id: int, body: WebhookChange) -> tuple[int, Any]:
    """Change some of it; `active` pauses or resumes. What waits goes to the address that it has by then."""
    _owner(request)
    now = _one(webhook_id)
    said = body.dict(exclude_none=True)
    active = said.pop("active", None)
    if said:
        wish = {name: said.get(name, now[name]) for name in ("name", "url", "topics", "nodes", "skus")}
        services.edit_endpoint(webhook_id, EndpointWish(
            name=wish["name"], url=wish["url"], topics=wish["topics"], node_codes=wish["nodes"],
            sku_codes=wish["skus"],
        ))  # fmt: skip
    if active is not None:
        (services.resume_endpoint if active else services.pause_endpoint)(webhook_id)
    return 200, _one(webhook_id)


@router.delete("/webhooks/{webhook_id}", summary="Remove a webhook", response={200: dict[str, Any], **REFUSALS})
@idempotent
def remove_webhook(request: HttpRequest, webhook_id: int) -> tuple[int, Any]:
    """Forget an endpoint with everything that was sent to it."""
    _owner(request)
    services.remove_endpoint(webhook_id)
    return 200, {"removed": webhook_id}


@router.post("/webhooks/{webhook_id}/secret", summary="A new secret", response={200: dict[str, Any], **REFUSALS})
@shown_once
@idempotent
def rotate_secret(request: HttpRequest, webhook_id: int, body: RotateIn) -> tuple[int, Any]:
    """A new secret, shown in this answer alone; both sign for `old_hours`."""
    _owner(request)
    setattr(request, _SECRET, services.rotate_secret(webhook_id, old_hours=body.old_hours))
    return 200, _one(webhook_id)


@router.post("/webhooks/{webhook_id}/test", summary="Send a test", response={200: dict[str, Any], **REFUSALS})
@idempotent
def send_test(request: HttpRequest, webhook_id: int) -> tuple[int, Any]:
    """Queue a message that says nothing; its delivery tells what came of it."""
    principal = _owner(request)
    delivery = services.send_test(webhook_id, actor=principal.name)
    return 200, {"delivery": delivery.pk, "message_id": delivery.message_id}


def delivery_out(row: WebhookDelivery) -> dict[str, Any]:
    """A message as the API shows it. `payload` is null where the newest truth is read when it is sent."""
    return {
        "id": row.pk, "message_id": row.message_id, "topic": row.topic, "subject": row.subject, "state": row.state,
        "attempts": row.attempts, "created_at": row.created_at, "tried_at": row.tried_at,
        "next_try_at": row.next_try_at if row.is_waiting else None, "settled_at": row.settled_at,
        "response_status": row.response_status, "answer": row.answer, "error": row.error, "payload": row.payload,
    }  # fmt: skip


@router.get("/webhooks/{webhook_id}/deliveries", summary="What was sent", response={200: dict[str, Any], **REFUSALS})
def list_deliveries(
    request: HttpRequest, webhook_id: int, state: str = "", topic: str = "", before: int | None = None, limit: int = 50
) -> Any:
    """Messages to an endpoint, newest first; `before` is the `next` of the page before."""
    _owner(request)
    if state and state not in WebhookState.values:
        raise DomainError(f"There is no state {state}; expected {', '.join(WebhookState.values)}.", field="state")
    size = max(1, min(limit, 200))
    found = deliveries_of(_endpoint(webhook_id).endpoint.pk, state=state, topic=topic, before=before)
    rows = list(found[:size])
    return {"deliveries": [delivery_out(row) for row in rows], "next": rows[-1].pk if len(rows) == size else None}


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/resend",
    summary="Send a message again",
    response={200: dict[str, Any], **REFUSALS},
)
@idempotent
def resend(request: HttpRequest, webhook_id: int, delivery_id: int) -> tuple[int, Any]:
    """Send one message again under the id it had; `resent` is 0 where a newer report of the same levels exists."""
    _owner(request)
    _endpoint(webhook_id)
    if not WebhookDelivery.objects.filter(endpoint_id=webhook_id, pk=delivery_id).exists():
        raise NotFound(f"Webhook {webhook_id} has no delivery {delivery_id}.")
    return 200, {"resent": services.resend(webhook_id, [delivery_id])}


@router.post(
    "/webhooks/{webhook_id}/resend", summary="Send again what failed", response={200: dict[str, Any], **REFUSALS}
)
@idempotent
def resend_failed(request: HttpRequest, webhook_id: int) -> tuple[int, Any]:
    """Send everything again that was given up, at most 10,000 messages a call."""
    _owner(request)
    return 200, {"resent": services.resend_dead(webhook_id)}
