"""The store's HTTP server, and the store as a whole."""

from __future__ import annotations

import json
import logging
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from channels.simulators.woocommerce.authentication import Call, KeyHolder
from channels.simulators.woocommerce.buyers import Buyers, Habits
from channels.simulators.woocommerce.catalog import Catalog
from channels.simulators.woocommerce.context import Context, utc_now
from channels.simulators.woocommerce.control import Control
from channels.simulators.woocommerce.database import Database, Doc
from channels.simulators.woocommerce.errors import ApiError
from channels.simulators.woocommerce.faults import API_FAULTS, Fault, Faults
from channels.simulators.woocommerce.order_book import OrderBook
from channels.simulators.woocommerce.order_details import Refunds
from channels.simulators.woocommerce.routes import Answer, Api
from channels.simulators.woocommerce.webhooks import Webhooks
from channels.simulators.woocommerce.wire import php_json

log = logging.getLogger(__name__)

API_PREFIX = "/wp-json/wc/v3"
CONTROL_PREFIX = "/_sim"
MAX_BODY_BYTES = 20 * 1024 * 1024
_HTML = b"<!DOCTYPE html><html><body><h1>Briefly unavailable for scheduled maintenance.</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """How a store is started. Port 0 takes a free one; without a file the store forgets everything when it stops."""

    host: str = "127.0.0.1"
    port: int = 0
    state_file: str = ":memory:"
    consumer_key: str = "ck_simulated"
    consumer_secret: str = "cs_simulated"  # noqa: S105 - a default for a store that only this machine can reach
    behind_tls: bool = False
    prices_include_tax: bool = False
    webhook_url: str = ""
    webhook_secret: str = "whsec_simulated"  # noqa: S105 - as above
    webhook_retries: int = 0
    seed: int | None = None
    habits: Habits = field(default_factory=Habits)
    clock: Callable[[], datetime] = utc_now


class SimulatedStore:
    """One store. `start` returns when it answers; `stop` ends its threads and closes its file."""

    def __init__(self, options: StoreOptions) -> None:
        self.options = options
        self.stopping = threading.Event()
        self._server = _Server((options.host, options.port), self)
        self.base_url = f"http://{options.host}:{self._server.server_address[1]}"
        self.database = Database(options.state_file)
        chance = random.Random(options.seed)
        self.context = Context(
            database=self.database,
            base_url=self.base_url,
            clock=options.clock,
            random=random.Random(chance.random()),
            prices_include_tax=options.prices_include_tax,
        )
        self.faults = Faults(random.Random(chance.random()))
        self.catalog = Catalog(self.context)
        self.orders = OrderBook(self.context, self.catalog)
        self.webhooks = Webhooks(self.context, self.faults, self._render, options.webhook_retries)
        self.context.announce = self.webhooks.announce
        self.buyers = Buyers(self.orders, Refunds(self.orders), chance, options.habits)
        self.keys = KeyHolder(options.consumer_key, options.consumer_secret, options.behind_tls)
        self.api = Api(self.catalog, self.orders, self.webhooks, self.base_url)
        self.control = Control(self.buyers, self.webhooks, self.faults)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Register the webhooks of the options and begin to answer, to deliver and to shop."""
        self._register_webhooks()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="store", daemon=True)
        self._thread.start()
        self.webhooks.start()
        self.buyers.start()

    def stop(self) -> None:
        """Stop in the order in which nothing is left behind: buyers, deliveries, server, file."""
        self.stopping.set()
        self.buyers.stop()
        self.webhooks.stop()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self.database.close()

    def _register_webhooks(self) -> None:
        url = self.options.webhook_url
        if not url:
            return
        rows = self.database.rows("SELECT id, topic, doc FROM webhook")
        known = {row["topic"]: row["id"] for row in rows if json.loads(row["doc"])["delivery_url"] == url}
        for topic in ("order.created", "order.updated", "order.deleted"):
            body = {"name": topic, "topic": topic, "delivery_url": url, "secret": self.options.webhook_secret}
            if topic in known:
                self.webhooks.update(known[topic], body | {"status": "active"})
            else:
                self.webhooks.create(body)

    def _render(self, resource: str, number: int) -> Doc | None:
        try:
            if resource == "order":
                return self.orders.get(number)
            kept = self.catalog.stored(number)
            return None if kept is None else self.catalog.show(kept, as_product=True)
        except ApiError:
            return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], store: SimulatedStore) -> None:
        self.store = store
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is not worth a traceback on the terminal."""
        log.info("A call from %s ended early.", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 60

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("%s %s", self.address_string(), format % args)

    def _handle(self) -> None:
        store = self.server.store
        parts = urlsplit(self.path)
        raw = self._read()
        if parts.path.startswith(CONTROL_PREFIX):
            path = parts.path.removeprefix(CONTROL_PREFIX)
            self._send(self._guarded(lambda: Answer(200, store.control.answer(self.command, path, _json(raw)))))
            return
        fault = store.faults.strike(API_FAULTS, self.command, parts.path)
        if fault and not self._before(fault):
            return
        answer = self._guarded(lambda: self._api(parts.path, parts.query, raw))
        self._send(answer, fault)

    def _api(self, path: str, query: str, raw: bytes) -> Answer:
        store = self.server.store
        if not path.startswith(API_PREFIX):
            raise ApiError(404, "rest_no_route", "No route was found matching the URL and request method.")
        authorization = self.headers.get("Authorization", "")
        host = self.headers.get("Host", "")
        store.keys.check(Call(method=self.command, host=host, path=path, query=query, authorization=authorization))
        values = parse_qs(query, keep_blank_values=True)
        return store.api.answer(self.command, path.removeprefix(API_PREFIX).rstrip("/"), values, _json(raw))

    def _guarded(self, work: Callable[[], Answer]) -> Answer:
        try:
            return work()
        except ApiError as error:
            return Answer(error.status, error.body())
        except Exception:
            log.exception("%s %s", self.command, urlsplit(self.path).path)
            message = "There has been a critical error on this website."
            return Answer(500, {"code": "internal_server_error", "message": message, "data": {"status": 500}})

    def _before(self, fault: Fault) -> bool:
        """Carry out a fault that replaces the work; True when the work is still to be done."""
        match fault.kind:
            case "429":
                body = {"code": "too_many_requests", "message": "Slow down.", "data": {"status": 429}}
                self._send(Answer(429, body, {"Retry-After": str(fault.retry_after_seconds)}))
            case "500":
                body = {"code": "internal_server_error", "message": "Database error.", "data": {"status": 500}}
                self._send(Answer(500, body))
            case "html200":
                self._write(200, {"Content-Type": "text/html; charset=UTF-8"}, _HTML)
            case "timeout":
                self.server.store.stopping.wait(fault.delay_seconds)
                self._hang_up()
            case "slow":
                self.server.store.stopping.wait(fault.delay_seconds)
                return True
            case _:
                return True
        return False

    def _send(self, answer: Answer, fault: Fault | None = None) -> None:
        if fault and fault.kind == "drop_reply":
            self._hang_up()
            return
        body = php_json(answer.data)
        headers = {"Content-Type": "application/json; charset=UTF-8"} | answer.headers
        cut = len(body) // 2 if fault and fault.kind == "truncated" else None
        self._write(answer.status, headers, body, cut)

    def _write(self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[:cut])

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _read(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdigit() else 0
        return self.rfile.read(min(size, MAX_BODY_BYTES))


def _json(raw: bytes) -> Any:
    if not raw:
        return {}
    try:
        return json.loads(raw)
    except ValueError as error:
        raise ApiError(400, "rest_invalid_json", "Invalid JSON body passed.") from error
