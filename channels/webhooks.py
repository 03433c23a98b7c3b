"""The machine door of the channels: POST /hooks/channels/<channel code>/.

It verifies, stores and answers; nothing is understood here, so that a channel never waits for us and never gives up a
delivery because of what is in it.
"""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from channels.base import ReceivesWebhooks
from channels.errors import BadSignature
from channels.models import ChannelAccount, InboundMessageSource
from channels.registry import adapter_for
from channels.services.accounts import account_config
from channels.services.inbox import receive_messages
from oms.accounts.access import public
from oms.core.errors import PermanentError

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 2 * 1024 * 1024


@public
@csrf_exempt
@require_POST
def receive_webhook(request: HttpRequest, code: str) -> HttpResponse:
    """Take one delivery: 200 once it is stored, or needs no storing.

    401 where the signature does not match, 413 beyond 2 MB, 400 for a signed body that is no message, 404 for a
    channel that does not exist, is switched off or has no webhooks.
    """
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
        return _plain("The body is larger than 2 MB.", 413)
    account = ChannelAccount.objects.select_related("channel").filter(channel__code=code).first()
    if account is None or not account.channel.is_active:
        return HttpResponseNotFound("There is no such channel.", content_type="text/plain")
    adapter = adapter_for(account.connector)
    if not isinstance(adapter, ReceivesWebhooks):
        return HttpResponseNotFound("This channel has no webhooks.", content_type="text/plain")
    try:
        message = adapter.read_webhook(account_config(account), request.headers, request.read(MAX_BODY_BYTES + 1))
    except BadSignature as error:
        log.warning("Delivery for channel %s refused: %s", code, error.message)
        return _plain("The signature does not match.", 401)
    except PermanentError as error:
        log.warning("Delivery for channel %s not understood: %s", code, error)
        return _plain("The body is not a message of this channel.", 400)
    if message is not None:
        receive_messages(account, [message], InboundMessageSource.WEBHOOK)
    return _plain("ok", 200)


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain")


urlpatterns = [path("hooks/channels/<slug:code>/", receive_webhook, name="channel-webhook")]
