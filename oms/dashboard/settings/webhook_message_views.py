"""What was sent to an endpoint: the list, one message, sending again, a test."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from oms.accounts.access import principal_of, requires
from oms.core.errors import NotFound
from oms.core.posting import once_per_form
from oms.dashboard.settings.webhook_rows import delivery_row, endpoint_row, payload_text
from oms.dashboard.settings.webhook_views import endpoint_for, to_endpoint
from oms.integrations import services
from oms.integrations.models import WebhookDelivery, WebhookState
from oms.integrations.selectors import deliveries_of
from oms.integrations.topics import TEST_TOPIC, TOPICS, topic_title

PAGE_ROWS = 50


@require_GET
@requires("settings.edit")
def webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """An endpoint and its messages, newest first."""
    health = endpoint_for(request, pk)
    state, topic = request.GET.get("state", ""), request.GET.get("topic", "")
    state = state if state in WebhookState.values else ""
    topics = [(topic.name, topic.title) for topic in TOPICS] + [(TEST_TOPIC, topic_title(TEST_TOPIC))]
    topic = topic if topic in dict(topics) else ""
    before = request.GET.get("before", "")
    mark = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
    page = list(deliveries_of(pk, state=state, topic=topic, before=mark).defer("payload", "answer")[: PAGE_ROWS + 1])
    chosen = {name: value for name, value in (("state", state), ("topic", topic)) if value}
    context: dict[str, Any] = {
        "row": endpoint_row(health), "endpoint": health.endpoint, "health": health,
        "messages_sent": [delivery_row(item) for item in page[:PAGE_ROWS]], "state": state, "topic": topic,
        "states": WebhookState.choices, "topics": topics,
        "next_url": f"?{urlencode(chosen | {'before': page[PAGE_ROWS - 1].pk})}" if len(page) > PAGE_ROWS else "",
        "first_url": f"?{urlencode(chosen)}" if mark is not None else "",
    }  # fmt: skip
    return render(request, "dashboard/settings/webhooks/detail.html", context)


def _message(request: HttpRequest, pk: int, message_pk: int) -> WebhookDelivery:
    found = deliveries_of(endpoint_for(request, pk).endpoint.pk).filter(pk=message_pk).first()
    if found is None:
        raise NotFound("There is no such message.")
    return found


@require_GET
@requires("settings.edit")
def webhook_message(request: HttpRequest, pk: int, message_pk: int) -> HttpResponse:
    """One message: what was sent, what came back, when it is tried again."""
    health = endpoint_for(request, pk)
    delivery = _message(request, pk, message_pk)
    version = f"{delivery.state}.{delivery.attempts}"
    fragment = bool(request.headers.get("HX-Request")) and not request.headers.get("HX-Boosted")
    if fragment and request.headers.get("X-Fragment-Version") == version:
        return HttpResponse(status=204)
    context = {
        "endpoint": health.endpoint, "row": delivery_row(delivery), "delivery": delivery, "version": version,
        "payload": payload_text(delivery), "most": 1 if delivery.topic == TEST_TOPIC else services.MAX_ATTEMPTS,
    }  # fmt: skip
    name = "_message" if fragment else "message"
    response = render(request, f"dashboard/settings/webhooks/{name}.html", context)
    response["Vary"] = "HX-Request"
    return response


def _to_message(pk: int, message_pk: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard:webhook_message", args=[pk, message_pk]))


@require_POST
@requires("settings.edit")
def send_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a message that says nothing, and look what comes of it."""
    endpoint_for(request, pk)
    actor = principal_of(request).name
    made = once_per_form(request, lambda: {"message": services.send_test(pk, actor=actor).pk})
    return _to_message(pk, int(made["message"]))


@require_POST
@requires("settings.edit")
def resend(request: HttpRequest, pk: int, message_pk: int) -> HttpResponse:
    """Send one message again, under the id it had."""
    delivery = _message(request, pk, message_pk)
    if once_per_form(request, lambda: {"count": services.resend(pk, [delivery.pk])})["count"]:
        messages.success(request, _("It is sent again, under the id it had."))
    else:
        messages.info(request, _("It is not sent again: a newer report of these levels exists, or it is on its way."))
    return _to_message(pk, message_pk)


@require_POST
@requires("settings.edit")
def resend_failed(request: HttpRequest, pk: int) -> HttpResponse:
    """Send everything again that was given up."""
    endpoint_for(request, pk)
    count = once_per_form(request, lambda: {"count": services.resend_dead(pk)})["count"]
    if count:
        text = ngettext("%(n)s message is sent again.", "%(n)s messages are sent again.", count)
        messages.success(request, text % {"n": count})
    else:
        messages.info(request, _("Nothing was left to send again."))
    return to_endpoint(pk)
