"""WhatsApp by Meta's Cloud API: approved template messages, and receipts by webhook.

Contract: https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-message-templates (POST
/<version>/<phone number id>/messages), .../cloud-api/webhooks/payload-examples (statuses, errors, text replies) and
https://developers.facebook.com/docs/graph-api/webhooks/getting-started (hub.challenge, X-Hub-Signature-256). Read in
stored copies and in public clients; not tried against the live service. `biz_opaque_callback_data` is handed back with
each status: by it a message whose reply was lost is known again. The API takes no idempotency key.

Settings of an account: `phone_number_id`, `version` (v23.0), `languages` (ours to Meta's, as {"en": "en_US"}). Secrets:
`access_token`, `app_secret`, `verify_token`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from carriers.adapters.calls import Calls
from oms.core.clock import now
from oms.core.errors import PermanentError, TransientError
from oms.notifications.base import (
    Accepted,
    BadSignature,
    Hook,
    HookRequest,
    MessageConfig,
    OptReply,
    OutgoingMessage,
    ReceiptNews,
    UnknownOutcome,
)
from oms.notifications.models import Medium, ReceiptStatus
from oms.notifications.providers.replies import needed

_HOME = "https://graph.facebook.com"
_VERSION = "v23.0"
#: Rate limits of the app, of the account and of the pair of numbers: nothing was sent.
_LIMITED = frozenset({4, 80007, 130429, 131048, 131056})
_STATUSES = {status.value: status for status in ReceiptStatus}


class WhatsAppCloud:
    """Template messages of one WhatsApp Business number."""

    code = "whatsapp_cloud"
    name = "WhatsApp Business (Meta Cloud API)"
    medium = Medium.WHATSAPP

    def __init__(self) -> None:
        self._calls = Calls(20.0, _message_of)

    def send(self, config: MessageConfig, message: OutgoingMessage) -> Accepted:
        """Send the approved template with its parameters in order."""
        if not message.template:
            raise PermanentError(
                f"The text for {message.event} in {message.language} has no name of an approved WhatsApp template."
            )
        template: dict[str, Any] = {"name": message.template, "language": {"code": _language(config, message)}}
        if message.parameters:
            # Meta refuses parameters with line ends, tabs and runs of spaces (error 132018).
            texts = [{"type": "text", "text": " ".join(value.split()) or "-"} for value in message.parameters]
            template["components"] = [{"type": "body", "parameters": texts}]
        version = config.settings.get("version", _VERSION)
        number = needed(config.settings, "phone_number_id", "settings")
        body = {
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": message.to.removeprefix("+"),
            "type": "template", "template": template, "biz_opaque_callback_data": message.reference,
        }  # fmt: skip
        what = "WhatsApp"
        response = self._calls.send(
            "POST", f"{config.base_url or _HOME}/{version}/{number}/messages", what=what, safe=False, json=body,
            headers={"Authorization": f"Bearer {needed(config.secrets, 'access_token', 'secrets')}"},
        )  # fmt: skip
        if _code_of(response.content) in _LIMITED:
            raise TransientError("WhatsApp limits our messages.", retry_after_seconds=60)
        reply = self._calls.judge(response, what=what, safe=False).as_object()
        try:
            return Accepted(str(reply["messages"][0]["id"]))
        except (LookupError, TypeError) as error:
            raise UnknownOutcome(f"WhatsApp answered without the id of a message: {reply}") from error

    def greet(self, config: MessageConfig, query: Mapping[str, str]) -> str | None:
        """Meta asks once whether the address is ours: the challenge comes back where the word is right."""
        if query.get("hub.mode") != "subscribe":
            return None
        expected = needed(config.secrets, "verify_token", "secrets")
        if not hmac.compare_digest(query.get("hub.verify_token", "").encode(), expected.encode()):
            raise BadSignature("The verify token does not match.")
        return query.get("hub.challenge", "")

    def read_hook(self, config: MessageConfig, request: HookRequest) -> Hook:
        """Statuses of messages, and texts that customers wrote."""
        secret = needed(config.secrets, "app_secret", "secrets")
        if not hmac.compare_digest(
            request.headers.get("x-hub-signature-256", "").encode(), signature(secret, request.body).encode()
        ):
            raise BadSignature("X-Hub-Signature-256 does not match.")
        receipts: list[ReceiptNews] = []
        replies: list[OptReply] = []
        for entry in json.loads(request.body)["entry"]:
            for change in entry["changes"]:
                value = change["value"]
                receipts += [_news(item) for item in value.get("statuses", []) if item["status"] in _STATUSES]
                replies += [reply for item in value.get("messages", []) if (reply := _reply(item)) is not None]
        return Hook(tuple(receipts), tuple(replies))


def signature(app_secret: str, body: bytes) -> str:
    """X-Hub-Signature-256 of a body."""
    return f"sha256={hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()}"


def _language(config: MessageConfig, message: OutgoingMessage) -> str:
    return str((config.settings.get("languages") or {}).get(message.language, message.language))


def _reply(item: dict[str, Any]) -> OptReply | None:
    """What a customer wrote, or the button of a template that they pressed; None for a picture and the like."""
    match item.get("type"):
        case "text":
            text = str(item["text"]["body"])
        case "button":
            text = str(item["button"]["text"])
        case _:
            return None
    at = datetime.fromtimestamp(int(item["timestamp"]), UTC) if "timestamp" in item else now()
    return OptReply(f"+{item['from']}", text, at)


def _news(item: dict[str, Any]) -> ReceiptNews:
    faults = [
        f"{fault.get('code', '')} {fault.get('title', '')} {(fault.get('error_data') or {}).get('details', '')}".strip()
        for fault in item.get("errors", [])
    ]
    return ReceiptNews(
        provider_id=str(item["id"]), status=_STATUSES[item["status"]],
        occurred_at=datetime.fromtimestamp(int(item["timestamp"]), UTC),
        reference=str(item.get("biz_opaque_callback_data", "")), detail="; ".join(faults),
    )  # fmt: skip


def _fault(body: Any) -> dict[str, Any]:
    fault = body.get("error") if isinstance(body, dict) else None
    return fault if isinstance(fault, dict) else {}


def _message_of(body: Any) -> str:
    fault = _fault(body)
    details = (fault.get("error_data") or {}).get("details", "")
    return f"{fault.get('code', '')} {fault.get('message', '')} {details}".strip()


def _code_of(content: bytes) -> int | None:
    try:
        code = _fault(json.loads(content)).get("code")
    except ValueError:
        return None
    return code if isinstance(code, int) else None
