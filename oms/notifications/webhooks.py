"""The door through which providers of messages tell what became of them: /hooks/messages/<account code>/.

GET is the handshake of providers that have one. POST replies: 200 taken (however often), 400 unreadable, 401 not signed
as it should be, 404 no such account, 405 a GET without a handshake, 413 too large. Of messages that are not ours
nothing is kept.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from oms.accounts.access import public
from oms.core.errors import DomainError, PermanentError
from oms.notifications.base import BadSignature, HookRequest, ReceivesReceipts
from oms.notifications.models import MessageAccount
from oms.notifications.receipts import take_hook
from oms.notifications.registry import PROVIDERS
from oms.notifications.sending import config_of

logger = logging.getLogger(__name__)

#: Providers bundle some hundred receipts at most.
MAX_BODY_BYTES = 1024 * 1024


@public
@csrf_exempt
@require_http_methods(["GET", "POST"])
def receive_receipts(request: HttpRequest, account_code: str) -> HttpResponse:
    """Check, parse and keep one request."""
    # Of an account that is switched off, too: what it sent before, and who wants no more, is told still.
    account = MessageAccount.objects.filter(code=account_code).first()
    provider = PROVIDERS.get(account.provider) if account is not None else None
    if account is None or provider is None or not isinstance(provider, ReceivesReceipts):
        return _reply(404, "There is no such account.")
    query = {name: str(value) for name, value in request.GET.items()}
    try:
        if request.method == "GET":
            greeting = provider.greet(config_of(account), query)
            return _reply(405, "There is no handshake.") if greeting is None else _plain(greeting)
        body = request.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            return _reply(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
        heard = HookRequest(
            url=f"{settings.PUBLIC_URL}{request.get_full_path()}", query=query, body=body,
            headers={name.lower(): value for name, value in request.headers.items()},
        )  # fmt: skip
        hook = provider.read_hook(config_of(account), heard)
    except BadSignature as error:
        logger.warning("A receipt for message account %s was refused: %s", account.code, error)
        return _reply(401, "The signature does not match.")
    except (PermanentError, DomainError, TypeError, ValueError, LookupError, AttributeError) as error:
        # By its kind alone: the words of the error may be those of a customer.
        logger.warning("A receipt for message account %s cannot be read: %s", account.code, type(error).__name__)
        return _reply(400, "The body cannot be read.")
    found = take_hook(account, provider.medium, hook)
    return _reply(200, f"{found} of {len(hook.receipts)} receipts are of our messages.")


def _plain(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def _reply(status: int, message: str) -> JsonResponse:
    return JsonResponse({"message": message}, status=status)


urlpatterns: list[URLPattern] = [
    path("hooks/messages/<slug:account_code>/", receive_receipts, name="message_receipts"),
]
