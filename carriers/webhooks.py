"""The door through which carriers push scans: POST /hooks/carriers/<account code or number>/.

Replies: 200 taken (however often), 400 unreadable, 401 wrong token, 404 no such account or not yet this AWB, 405 not a
POST, 413 too large. Shiprocket takes nothing but 200 for taken.

An AWB that no booking has is a parcel that somebody booked on the same contract outside this system: taken and left
alone. But while a booking of the account is unsettled its reply may be on its way still, and the AWB may be its own:
then 404 makes the carrier tell us again. Nothing is kept meanwhile: a poll of the adopted booking brings every scan.

The number may stand in place of the code because Shiprocket takes no address that holds "shiprocket", "sr" or "kr".
"""

from __future__ import annotations

import logging

from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from carriers.base import ReceivesTracking
from carriers.errors import BadSignature
from carriers.models import CarrierAccount
from carriers.registry import adapter_for
from carriers.selectors import account_of_webhook, has_unsettled
from carriers.services import account_config, record_scans
from oms.accounts.access import public
from oms.core.errors import DomainError, PermanentError

logger = logging.getLogger(__name__)

#: A parcel's whole history of scans fits many times.
MAX_BODY_BYTES = 512 * 1024


@public
@csrf_exempt
@require_POST
def receive_tracking(request: HttpRequest, account_key: str) -> JsonResponse:
    """Check, parse and record one push."""
    account = account_of_webhook(account_key)
    if account is None:
        return _reply(404, "There is no such carrier account.")
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        return _reply(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        return _receive(account, dict(request.headers), body)
    except BadSignature as error:
        logger.warning("A push for carrier account %s was refused: %s", account.code, error)
        return _reply(401, "The token does not match.")
    except (PermanentError, DomainError) as error:
        logger.warning("A push for carrier account %s cannot be read: %s", account.code, error)
        return _reply(400, "The body cannot be read.")


def _receive(account: CarrierAccount, headers: dict[str, str], body: bytes) -> JsonResponse:
    adapter = adapter_for(account.adapter)
    if not isinstance(adapter, ReceivesTracking):
        return _reply(404, "This carrier account receives nothing.")
    try:
        update = adapter.read_webhook(account_config(account), headers, body)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        # A body of another shape than the adapter knows is the sender's fault, and asking again does not help.
        raise PermanentError(f"unexpected shape: {error!r}") from error
    if update is None:
        return _reply(200, "Nothing to record.")
    if record_scans(account=account, update=update, source="webhook") is not None:
        return _reply(200, "Recorded.")
    logger.info("A push for carrier account %s names AWB %.60r, which no booking has.", account.code, update.awb)
    if has_unsettled(account):
        return _reply(404, "This AWB is not known yet. Tell us again later.")
    return _reply(200, "This AWB was not booked here.")


def _reply(status: int, message: str) -> JsonResponse:
    return JsonResponse({"message": message}, status=status)


urlpatterns: list[URLPattern] = [
    path("hooks/carriers/<slug:account_key>/", receive_tracking, name="carrier_tracking_webhook"),
]
