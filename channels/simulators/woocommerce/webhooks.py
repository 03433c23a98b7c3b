"""Webhooks of the store: registered over the API, queued with each change, delivered by a thread of their own.

As in WooCommerce: the payload is built when it is delivered and not when the change happened; all deliveries of one
webhook within one second carry the same delivery id; a delivery that fails is not tried again (unless the store is told
to, which WooCommerce cannot do); a webhook with more than five failures in a row is disabled.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from channels.simulators.woocommerce.context import VERSION, Context
from channels.simulators.woocommerce.database import Doc
from channels.simulators.woocommerce.errors import ApiError, invalid_id, invalid_param
from channels.simulators.woocommerce.faults import WEBHOOK_FAULTS, Faults
from channels.simulators.woocommerce.listing import Found, Query, page_of
from channels.simulators.woocommerce.wire import php_json

log = logging.getLogger(__name__)

MAX_FAILURES = 5
TIMEOUT_SECONDS = 15.0
RETRY_AFTER_SECONDS = 5.0
USER_AGENT = f"WooCommerce/{VERSION} Hookshot (WordPress/6.6)"

_HOOKS = {
    "order.created": ["woocommerce_new_order"],
    "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded"],
    "order.deleted": ["wp_trash_post", "woocommerce_trash_order"],
    "product.created": ["woocommerce_process_product_meta", "woocommerce_new_product"],
    "product.updated": ["woocommerce_process_product_meta", "woocommerce_update_product"],
}


class Webhooks:
    """Registration, queue and delivery. `render` gives the payload of an order or product, None where it is gone."""

    def __init__(
        self, context: Context, faults: Faults, render: Callable[[str, int], Doc | None], retries: int = 0
    ) -> None:
        self.context = context
        self.database = context.database
        self.faults = faults
        self.render = render
        self.retries = retries
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to deliver what is queued."""
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the delivery under way; the rest of the queue stays in the file."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def create(self, body: Mapping[str, Any]) -> Doc:
        """Register a webhook and queue its ping."""
        topic, url = str(body.get("topic") or ""), str(body.get("delivery_url") or "")
        if topic not in _HOOKS:
            raise ApiError(
                400, "woocommerce_rest_webhook_invalid_topic", "Webhook topic is required and must be valid."
            )
        if urlsplit(url).scheme not in ("http", "https"):
            message = "Webhook delivery URL must be a valid URL starting with http:// or https://."
            raise ApiError(400, "woocommerce_rest_webhook_invalid_delivery_url", message)
        resource, _, event = topic.partition(".")
        now = self.context.now_text()
        with self.database.transaction():
            number = self.database.next_id("webhook")
            doc = {
                "id": number,
                "name": str(body.get("name") or f"Webhook created on {now}"),
                "status": "active",
                "topic": topic,
                "resource": resource,
                "event": event,
                "hooks": _HOOKS[topic],
                "delivery_url": url,
                "date_created": now,
                "date_created_gmt": now,
                "date_modified": None,
                "date_modified_gmt": None,
            }
            values = (number, topic, "active", str(body.get("secret") or ""), 0, json.dumps(doc))
            self.database.run("INSERT INTO webhook VALUES (?, ?, ?, ?, ?, ?)", values)
            self._queue(number, 0, f"webhook_id={number}".encode(), 0.0)
        self._wake.set()
        return self._show(doc)

    def update(self, number: int, body: Mapping[str, Any]) -> Doc:
        """Change status, address or secret. Making it active again forgives its failures."""
        with self.database.transaction():
            doc = self._load(number)
            if (status := body.get("status")) is not None:
                if status not in ("active", "paused", "disabled"):
                    raise invalid_param(
                        "status", "rest_not_in_enum", "status is not one of active, paused, and disabled."
                    )
                doc["status"] = status
            for name in ("name", "delivery_url"):
                doc[name] = str(body.get(name) or doc[name])
            if body.get("secret"):
                self.database.run("UPDATE webhook SET secret = ? WHERE id = ?", (str(body["secret"]), number))
            doc["date_modified"] = doc["date_modified_gmt"] = self.context.now_text()
            self._save(doc, 0 if doc["status"] == "active" else self.failures(number))
            return self._show(doc)

    def delete(self, number: int) -> Doc:
        """Remove a webhook and what is queued for it."""
        with self.database.transaction():
            doc = self._load(number)
            self.database.run("DELETE FROM webhook WHERE id = ?", (number,))
            self.database.run("DELETE FROM delivery WHERE webhook_id = ?", (number,))
            return self._show(doc)

    def get(self, number: int) -> Doc:
        """One webhook, without its secret."""
        return self._show(self._load(number))

    def list(self, query: Query) -> Found:
        """All webhooks, newest first."""
        page = page_of(query)
        total = int(self.database.value("SELECT count(*) FROM webhook"))
        rows = self.database.rows(
            "SELECT doc FROM webhook ORDER BY id DESC LIMIT ? OFFSET ?", (page.per_page, page.offset)
        )
        return Found([self._show(json.loads(row["doc"])) for row in rows], total, page.per_page, page.page)

    def failures(self, number: int) -> int:
        """Failures in a row."""
        return int(self.database.value("SELECT failures FROM webhook WHERE id = ?", (number,)) or 0)

    def announce(self, topic: str, resource_id: int) -> None:
        """Queue a change for every active webhook of its topic. Called inside the transaction of the change."""
        rows = self.database.rows("SELECT id FROM webhook WHERE topic = ? AND state = 'active'", (topic,))
        for row in rows:
            fault = self.faults.strike(WEBHOOK_FAULTS, path=topic)
            match fault.kind if fault else "":
                case "lost_webhooks":
                    self.database.count("deliveries_lost")
                case "duplicate_webhooks":
                    for _ in range(2):
                        self._queue(row["id"], resource_id, None, 0.0)
                case "out_of_order_webhooks":
                    # The payload of now, delivered after younger ones.
                    assert fault is not None
                    self._queue(row["id"], resource_id, self._payload(topic, resource_id), fault.delay_seconds)
                case _:
                    self._queue(row["id"], resource_id, None, 0.0)
        if rows:
            self._wake.set()

    def pending(self) -> int:
        """Deliveries still queued."""
        return int(self.database.value("SELECT count(*) FROM delivery"))

    def _queue(self, webhook_id: int, resource_id: int, body: bytes | None, delay_seconds: float) -> None:
        due = time.time() + delay_seconds
        sql = "INSERT INTO delivery (webhook_id, resource_id, body, due, attempts) VALUES (?, ?, ?, ?, 0)"
        self.database.run(sql, (webhook_id, resource_id, body, due))

    def _payload(self, topic: str, resource_id: int) -> bytes | None:
        resource, _, event = topic.partition(".")
        doc = {"id": resource_id} if event == "deleted" else self.render(resource, resource_id)
        return None if doc is None else php_json(doc)

    def _work(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            row = self.database.row("SELECT * FROM delivery ORDER BY due, id LIMIT 1")
            wait_seconds = None if row is None else row["due"] - time.time()
            if row is None or (wait_seconds is not None and wait_seconds > 0):
                self._wake.wait(wait_seconds)
                continue
            self._deliver(dict(row))

    def _deliver(self, row: dict[str, Any]) -> None:
        hook = self.database.row("SELECT * FROM webhook WHERE id = ?", (row["webhook_id"],))
        is_ping = row["resource_id"] == 0
        body = row["body"]
        if hook is not None and body is None:
            body = self._payload(hook["topic"], row["resource_id"])
        if hook is None or body is None or hook["state"] != "active":
            self.database.run("DELETE FROM delivery WHERE id = ?", (row["id"],))
            return
        doc = json.loads(hook["doc"])
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if not is_ping:
            headers = self._headers(doc, body, hook["secret"])
        delivered = self._post(doc["delivery_url"], headers | {"User-Agent": USER_AGENT}, body)
        with self.database.transaction():
            if not delivered and not is_ping and row["attempts"] < self.retries:
                later = time.time() + RETRY_AFTER_SECONDS * (row["attempts"] + 1)
                sql = "UPDATE delivery SET attempts = attempts + 1, due = ? WHERE id = ?"
                self.database.run(sql, (later, row["id"]))
            else:
                self.database.run("DELETE FROM delivery WHERE id = ?", (row["id"],))
            self.database.count("deliveries_accepted" if delivered else "deliveries_failed")
            if not is_ping:
                self._judge(doc, delivered)

    def _headers(self, doc: Doc, body: bytes, secret: str) -> dict[str, str]:
        signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        # WooCommerce hashes the number of the webhook and the second, so one second has one delivery id.
        seed = f"{doc['id']}{int(time.time())}".encode()
        return {
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": f"{self.context.base_url}/",
            "X-WC-Webhook-Topic": doc["topic"],
            "X-WC-Webhook-Resource": doc["resource"],
            "X-WC-Webhook-Event": doc["event"],
            "X-WC-Webhook-Signature": signature,
            "X-WC-Webhook-ID": str(doc["id"]),
            "X-WC-Webhook-Delivery-ID": hashlib.md5(seed, usedforsecurity=False).hexdigest(),
        }

    def _post(self, url: str, headers: dict[str, str], body: bytes) -> bool:
        try:
            response = requests.post(url, data=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            log.info("Delivery to %s failed: %s", url, type(error).__name__)
            return False
        return 200 <= response.status_code < 303

    def _judge(self, doc: Doc, delivered: bool) -> None:
        failures = self.failures(doc["id"])
        if delivered:
            failures = 0
        elif failures > MAX_FAILURES:
            doc["status"] = "disabled"
        else:
            failures += 1
        self._save(doc, failures)

    def _load(self, number: int) -> Doc:
        raw = self.database.value("SELECT doc FROM webhook WHERE id = ?", (number,))
        if raw is None:
            raise invalid_id("woocommerce_rest_shop_webhook_invalid_id")
        doc: Doc = json.loads(raw)
        return doc

    def _save(self, doc: Doc, failures: int) -> None:
        sql = "UPDATE webhook SET state = ?, failures = ?, doc = ? WHERE id = ?"
        self.database.run(sql, (doc["status"], failures, json.dumps(doc), doc["id"]))

    def _show(self, doc: Doc) -> Doc:
        path = f"/webhooks/{doc['id']}"
        return doc | {"_links": {"self": self.context.link(path), "collection": self.context.link("/webhooks")}}
