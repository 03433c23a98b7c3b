"""Meta's, Twilio's and Exotel's doors for messages as one HTTP server. Start it with `manage.py simulate_messages`."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

from oms.core.http import Session
from oms.notifications.providers.twilio import signature as twilio_signature
from oms.notifications.providers.whatsapp import signature as meta_signature

#: `500` and `429` do nothing; `stopped` is Twilio's word for who answered STOP; `lost` takes the message and never
#: answers; the others are about receipts.
KINDS = ("500", "429", "lost", "refused", "stopped", "duplicate_receipts", "receipts_out_of_order", "undelivered")
_CALLS = ("500", "429", "lost", "refused", "stopped")
#: A provider that gives receipts by itself remembers so many messages.
_REMEMBERED = 200
_GOOD = ("sent", "delivered", "read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One message that the simulated provider took."""

    contract: str
    provider_id: str
    to: str
    text: str
    body: dict[str, Any]


@dataclass(slots=True)
class Secrets:
    """What receipts are signed with: the same as in the account that is used."""

    app_secret: str
    auth_token: str
    meta_hook: str = ""
    told: list[int] = field(default_factory=list)


class MessageServer:
    """The whole simulator. `base_url` is what an account's base address is set to."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, secrets: Secrets | None = None, gives_receipts: bool = False
    ) -> None:
        self.taken: list[Taken] = []
        self.secrets = secrets or Secrets("simulated", "simulated")
        self._faults: dict[str, int] = {}
        self._lock = threading.Lock()
        self._http = _HttpServer((host, port), _Handler)
        self._http.simulator = self
        self._http.after = self._tell_and_forget if gives_receipts else None
        self.base_url = f"http://{host}:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True)

    def fault(self, kind: str, *, count: int = 1) -> None:
        """Put a fault in force for some calls. Raises ValueError for a kind that is not known."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not a fault; there are {', '.join(KINDS)}.")
        with self._lock:
            self._faults[kind] = self._faults.get(kind, 0) + count

    def strike(self, *kinds: str) -> str:
        """The fault of these that strikes; it counts as used."""
        with self._lock:
            for kind in kinds:
                if self._faults.get(kind, 0):
                    self._faults[kind] -= 1
                    return kind
        return ""

    def _tell_and_forget(self, message: Taken) -> None:
        """As a process that runs for weeks does it."""
        self.tell(message)
        with self._lock:
            del self.taken[:-_REMEMBERED], self.secrets.told[:-_REMEMBERED]

    def tell(self, message: Taken) -> None:
        """Send the receipts of a message, as the faults in force have them."""
        words = [_GOOD[0], "failed"] if self.strike("undelivered") else list(_GOOD)
        if self.strike("receipts_out_of_order"):
            words.reverse()
        if self.strike("duplicate_receipts"):
            words = [word for word in words for _ in range(2)]
        post = {"meta": self._tell_meta, "twilio": self._tell_twilio, "exotel": self._tell_exotel}[message.contract]
        for word in words:
            post(message, word)

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        reply = Session(timeout_seconds=10).post(url, data=body, headers=headers)
        self.secrets.told.append(reply.status_code)

    def _tell_meta(self, message: Taken, word: str) -> None:
        if not self.secrets.meta_hook:
            return
        status: dict[str, Any] = {
            "id": message.provider_id, "status": word, "timestamp": str(int(time.time())),
            "recipient_id": message.to, "biz_opaque_callback_data": message.body.get("biz_opaque_callback_data", ""),
        }  # fmt: skip
        if word == "failed":
            status["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
        value = {"messaging_product": "whatsapp", "statuses": [status]}
        entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
        body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
        headers = {"X-Hub-Signature-256": meta_signature(self.secrets.app_secret, body)}
        self._post(self.secrets.meta_hook, body, headers | {"Content-Type": "application/json"})

    def _tell_twilio(self, message: Taken, word: str) -> None:
        url = message.body.get("StatusCallback", "")
        if not url or word == "read":
            return
        form = {"MessageSid": message.provider_id, "MessageStatus": word, "To": message.to}
        if word == "failed":
            form["ErrorCode"] = "30003"
        headers = {"X-Twilio-Signature": twilio_signature(self.secrets.auth_token, url, form)}
        self._post(url, urlencode(form).encode(), headers | {"Content-Type": "application/x-www-form-urlencoded"})

    def _tell_exotel(self, message: Taken, word: str) -> None:
        url = message.body.get("StatusCallback", "")
        if not url or word == "read":
            return
        detail = {"sent": "SUBMITTED_TO_CARRIER", "delivered": "DELIVERED_TO_HANDSET"}.get(word, "FAILED_DLT_TEMPLATE")
        form = {"SmsSid": message.provider_id, "Status": word, "DetailedStatus": detail, "To": message.to}
        self._post(url, urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"})

    def start(self) -> None:
        """Serve in the background."""
        self._thread.start()

    def wait(self) -> None:
        """Until it is stopped from elsewhere."""
        self._thread.join()

    def stop(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._thread.join(timeout=5)
        self._http.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    simulator: MessageServer
    #: Called with what was taken, after the answer; the command sends receipts from here.
    after: Callable[[Taken], None] | None = None


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a message, or put a fault in force (POST /_sim/faults?kind=lost&count=2)."""
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path, simulator = urlsplit(self.path), self.server.simulator
        if path.path == "/_sim/faults":
            wanted = dict(parse_qsl(path.query))
            simulator.fault(wanted["kind"], count=int(wanted.get("count", 1)))
            return self._reply(200, {"fault": wanted["kind"]})
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        message = _taken(path.path, json.loads(raw) if is_json else dict(parse_qsl(raw, keep_blank_values=True)))
        if message is None or "Authorization" not in self.headers:
            return self._reply(401 if message else 404, {"message": "No such door, or no key."})
        fault = simulator.strike(*_CALLS)
        if fault in ("500", "429"):
            return self._reply(int(fault), {"message": "Not now"}, {"Retry-After": "30"} if fault == "429" else {})
        if fault == "refused":
            return self._reply(400, _refusal(message))
        if fault == "stopped":
            return self._reply(400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient"})
        simulator.taken.append(message)
        if fault == "lost":
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._reply(200, _answer(message))
        if self.server.after is not None:
            self.server.after(message)
        return None

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _reply(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        payload = json.dumps(content).encode()
        with suppress(ConnectionError):
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)


def _taken(path: str, body: dict[str, Any]) -> Taken | None:
    name = uuid4().hex
    if path.endswith("/messages"):
        template = body.get("template", {})
        values = [part["text"] for part in (template.get("components") or [{"parameters": []}])[0]["parameters"]]
        text = f"{template.get('name')}: {', '.join(values)}"
        return Taken(contract="meta", provider_id=f"wamid.{name}", to=str(body.get("to")), text=text, body=body)
    if path.startswith("/2010-04-01/Accounts/") and path.endswith("/Messages.json"):
        return Taken(contract="twilio", provider_id=f"SM{name}", to=body["To"], text=body["Body"], body=body)
    if path.endswith("/Sms/send.json"):
        return Taken(contract="exotel", provider_id=name, to=body["To"], text=body["Body"], body=body)
    return None


def _answer(message: Taken) -> dict[str, Any]:
    if message.contract == "meta":
        return {"messaging_product": "whatsapp", "contacts": [{"input": message.to, "wa_id": message.to}],
                "messages": [{"id": message.provider_id, "message_status": "accepted"}]}  # fmt: skip
    if message.contract == "twilio":
        return {"sid": message.provider_id, "status": "queued", "error_code": None, "error_message": None}
    return {"SMSMessage": {"Sid": message.provider_id, "Status": "queued", "To": message.to}}


def _refusal(message: Taken) -> dict[str, Any]:
    if message.contract == "meta":
        return {"error": {"code": 132001, "message": "Template name does not exist in the translation"}}
    if message.contract == "twilio":
        return {"code": 21211, "message": "The 'To' number is not a valid phone number.", "status": 400}
    return {"RestException": {"Status": 400, "Message": "Invalid Recipient"}}
