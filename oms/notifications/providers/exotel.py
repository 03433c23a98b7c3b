"""SMS in India by Exotel: the sender and the DLT ids without which operators drop a text.

Contract: https://developer.exotel.com/docs/sms-api/api-reference/send-sms (POST /v1/Accounts/<sid>/Sms/send with From,
To, Body, EncodingType, DltEntityId, DltTemplateId, StatusCallback, CustomField),
https://developer.exotel.com/docs/sms-api/api-reference/sms-details (the shape SMSMessage.Sid of replies as JSON) and
https://developer.exotel.com/docs/sms-support/sms-webhooks (SmsSid, Status, DetailedStatus, CustomField). Read in stored
copies; not tried against the live service. No signature of callbacks is documented, so each message gets an address of
its own that nobody can guess. There is no idempotency key. Replies of customers are not read: what Exotel posts of
them is not public enough.

Settings of an account: `account_sid`, `from` (the header), `dlt_entity_id`, `dlt_templates` (event/language -> DLT
template id, as "shipped/en"). Secrets: `api_key`, `api_token`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.utils.crypto import constant_time_compare, salted_hmac

from carriers.adapters.calls import Calls
from oms.core.clock import now
from oms.core.errors import PermanentError
from oms.notifications.base import (
    Accepted,
    BadSignature,
    Hook,
    HookRequest,
    MessageConfig,
    OutgoingMessage,
    ReceiptNews,
    UnknownOutcome,
)
from oms.notifications.models import Medium, ReceiptStatus
from oms.notifications.providers.replies import form_of, needed
from oms.notifications.sms import is_gsm7

_HOME = "https://api.in.exotel.com"
_SALT = "oms.messages.exotel"
_STATUSES = {
    "submitted": ReceiptStatus.SENT, "sent": ReceiptStatus.SENT, "delivered": ReceiptStatus.DELIVERED,
    "failed": ReceiptStatus.FAILED, "failed_dnd": ReceiptStatus.FAILED, "failed-dnd": ReceiptStatus.FAILED,
    "expired": ReceiptStatus.FAILED, "undelivered": ReceiptStatus.FAILED,
}  # fmt: skip


class ExotelSms:
    """Text messages of one Exotel account."""

    code = "exotel"
    name = "Exotel SMS (India, DLT)"
    medium = Medium.SMS

    def __init__(self) -> None:
        self._calls = Calls(20.0, _message_of)

    def send(self, config: MessageConfig, message: OutgoingMessage) -> Accepted:
        """Send one text under its DLT template. Raises PermanentError before the call where an id is missing."""
        sid = needed(config.settings, "account_sid", "settings")
        data = {
            "From": needed(config.settings, "from", "settings"), "To": message.to, "Body": message.text,
            "EncodingType": "plain" if is_gsm7(message.text) else "unicode", "CustomField": message.reference,
            "SmsType": "transactional",
        }  # fmt: skip
        if message.to.startswith("+91"):
            data["DltEntityId"] = needed(config.settings, "dlt_entity_id", "settings")
            data["DltTemplateId"] = _dlt_template(config, message)
        if config.hook_url:
            data["StatusCallback"] = f"{config.hook_url}?{urlencode(proof(config.code, message.reference))}"
        key, token = needed(config.secrets, "api_key", "secrets"), needed(config.secrets, "api_token", "secrets")
        response = self._calls.send(
            "POST", f"{config.base_url or _HOME}/v1/Accounts/{sid}/Sms/send.json", what="Exotel", safe=False, data=data,
            auth=(key, token),
        )  # fmt: skip
        reply = self._calls.judge(response, what="Exotel", safe=False).as_object().get("SMSMessage")
        if not isinstance(reply, dict) or not reply.get("Sid"):
            raise UnknownOutcome(f"Exotel answered without a Sid: {reply}")
        if str(reply.get("Status", "")).startswith("failed"):
            raise PermanentError(f"Exotel: {reply.get('DetailedStatus') or reply['Status']}")
        return Accepted(str(reply["Sid"]))

    def greet(self, config: MessageConfig, query: Mapping[str, str]) -> str | None:
        """There is no handshake."""
        return None

    def read_hook(self, config: MessageConfig, request: HookRequest) -> Hook:
        """The status of one message."""
        reference = request.query.get("reference", "")
        if not constant_time_compare(request.query.get("proof", ""), proof(config.code, reference)["proof"]):
            raise BadSignature("The address of the callback is not one that was given out.")
        form = form_of(request.body)
        word, said = form["Status"], form.get("DetailedStatus", "")
        status = ReceiptStatus.DELIVERED if said == "DELIVERED_TO_HANDSET" else _STATUSES.get(word.lower())
        if status is None:
            return Hook()
        detail = said if status == ReceiptStatus.FAILED else ""
        news = ReceiptNews(
            provider_id=form["SmsSid"], status=status, occurred_at=now(), reference=reference, detail=detail
        )
        return Hook((news,))


def proof(account_code: str, reference: str) -> dict[str, str]:
    """What the address of a callback carries, so that nobody else can call it."""
    digest = salted_hmac(_SALT, f"{account_code}/{reference}", algorithm="sha256").hexdigest()[:32]
    return {"reference": reference, "proof": digest}


def _dlt_template(config: MessageConfig, message: OutgoingMessage) -> str:
    name = f"{message.event}/{message.language}"
    found = (config.settings.get("dlt_templates") or {}).get(name)
    if not found:
        raise PermanentError(f"The setting dlt_templates of the account has no DLT template id for {name}.")
    return str(found)


def _message_of(body: Any) -> str:
    fault = body.get("RestException") if isinstance(body, dict) else None
    return str(fault.get("Message", "")) if isinstance(fault, dict) else ""
