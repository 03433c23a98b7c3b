"""SMS by Twilio: the Messages resource, and its status callback.

Contract: https://www.twilio.com/docs/messaging/api/message-resource (POST
/2010-04-01/Accounts/<sid>/Messages.json with To, From or MessagingServiceSid, Body, StatusCallback),
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks (MessageSid, MessageStatus,
ErrorCode) and https://www.twilio.com/docs/usage/security#validating-requests (X-Twilio-Signature). Read in stored
copies; not tried against the live service. The Messages resource takes no idempotency key; our reference goes into the
address of the callback, by which a message whose reply was lost is known again. For India Twilio keeps DLT ids with the
sender, so only the sender is set here.

Settings of an account: `account_sid`, and `from` or `messaging_service_sid`. Secrets: `auth_token`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from carriers.adapters.calls import Calls
from oms.core.clock import now
from oms.core.errors import PermanentError
from oms.notifications.base import (
    Accepted,
    BadSignature,
    Hook,
    HookRequest,
    MessageConfig,
    OptReply,
    OutgoingMessage,
    ReceiptNews,
    Stopped,
    UnknownOutcome,
)
from oms.notifications.models import Medium, ReceiptStatus
from oms.notifications.providers.replies import form_of, needed

_HOME = "https://api.twilio.com"
#: The recipient answered STOP, and Twilio remembers it (https://www.twilio.com/docs/api/errors/21610).
_STOPPED = 21610
_STATUSES = {
    "sent": ReceiptStatus.SENT, "delivered": ReceiptStatus.DELIVERED, "read": ReceiptStatus.READ,
    "undelivered": ReceiptStatus.FAILED, "failed": ReceiptStatus.FAILED, "canceled": ReceiptStatus.FAILED,
}  # fmt: skip


class TwilioSms:
    """Text messages of one Twilio account."""

    code = "twilio"
    name = "Twilio SMS"
    medium = Medium.SMS

    def __init__(self) -> None:
        self._calls = Calls(20.0, _message_of)

    def send(self, config: MessageConfig, message: OutgoingMessage) -> Accepted:
        """Send one text; whether it is cut into parts is Twilio's."""
        sid = needed(config.settings, "account_sid", "settings")
        data = {"To": message.to, "Body": message.text}
        if service := config.settings.get("messaging_service_sid"):
            data["MessagingServiceSid"] = str(service)
        else:
            data["From"] = needed(config.settings, "from", "settings")
        if config.hook_url:
            data["StatusCallback"] = f"{config.hook_url}?{urlencode({'reference': message.reference})}"
        response = self._calls.send(
            "POST", f"{config.base_url or _HOME}/2010-04-01/Accounts/{sid}/Messages.json", what="Twilio", safe=False,
            data=data, auth=(sid, needed(config.secrets, "auth_token", "secrets")),
        )  # fmt: skip
        try:
            reply = self._calls.judge(response, what="Twilio", safe=False).as_object()
        except PermanentError as error:
            raise (Stopped if _code_of(response.content) == _STOPPED else PermanentError)(str(error)) from error
        if not reply.get("sid"):
            raise UnknownOutcome(f"Twilio answered without a sid: {reply}")
        if reply.get("status") in ("failed", "undelivered"):
            raise PermanentError(f"Twilio: {reply.get('error_code')} {reply.get('error_message') or ''}".strip())
        return Accepted(str(reply["sid"]))

    def greet(self, config: MessageConfig, query: Mapping[str, str]) -> str | None:
        """There is no handshake."""
        return None

    def read_hook(self, config: MessageConfig, request: HookRequest) -> Hook:
        """The status of one message, or one text that a customer wrote."""
        form = form_of(request.body)
        expected = signature(needed(config.secrets, "auth_token", "secrets"), request.url, form)
        if not hmac.compare_digest(request.headers.get("x-twilio-signature", "").encode(), expected.encode()):
            raise BadSignature("X-Twilio-Signature does not match.")
        if "MessageStatus" not in form:
            return Hook(replies=(OptReply(form["From"], form["Body"], now()),))
        status = _STATUSES.get(form["MessageStatus"])
        if status is None:
            return Hook()
        code = form.get("ErrorCode", "")
        detail = f"{form['MessageStatus']}, error {code}" if code else ""
        news = ReceiptNews(
            provider_id=form["MessageSid"], status=status, occurred_at=now(),
            reference=request.query.get("reference", ""), detail=detail,
        )  # fmt: skip
        return Hook((news,))


def signature(auth_token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature of a form that was posted to an address."""
    signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def _message_of(body: Any) -> str:
    return f"{body.get('code', '')} {body.get('message', '')}".strip() if isinstance(body, dict) else ""


def _code_of(content: bytes) -> object:
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return body.get("code") if isinstance(body, dict) else None
