"""The two doors through which orders come, and the dock through which goods do: real HTTP, as outsiders use it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests

from benchmarks.replay.history import Delivery, Sale
from benchmarks.replay.world import MARKET
from channels.adapters.woocommerce.client import WooCommerceClient
from channels.base import AccountConfig
from oms.core.http import Session

_ATTEMPTS = 5
_PERSON = {"first_name": "Asha", "last_name": "Rao", "address_1": "12 MG Road", "phone": "+919845012345"}


class Refused(Exception):
    """A door did not take what the history says it took."""


@dataclass(slots=True)
class Market:
    """The marketplace's side of the REST API: orders, their cancellations, and the supplier's goods."""

    web_url: str
    token: str
    country: str
    #: Orders as they were handed in, by their id.
    placed: dict[str, dict[str, Any]] = field(default_factory=dict)
    _local: threading.local = field(default_factory=threading.local)

    def place(self, sale: Sale, *, again: bool) -> None:
        """Hand in an order; `again` hands in the same bytes a second time, as a caller does whose answer was lost."""
        payload = self._payload(sale, datetime.now(UTC))
        for _ in range(2 if again else 1):
            self._hand_in(payload)
        self.placed[sale.order_id] = payload

    def cancel(self, sale: Sale) -> None:
        """The channel says that units were cancelled: a newer version of the same order."""
        payload = dict(self.placed[sale.order_id])
        payload["external_updated_at"] = datetime.now(UTC).isoformat()
        if sale.is_cancelled_whole:
            payload["cancelled"] = True
        else:
            cancelled = {item.sku: item.cancelled for item in sale.items}
            payload["lines"] = [line | {"cancelled_quantity": cancelled[line["sku_code"]]} for line in payload["lines"]]
        self._hand_in(payload)

    def receive(self, delivery: Delivery) -> None:
        """Goods of a supplier come on hand."""
        lines = [{"sku": sku, "quantity": units} for sku, units in delivery.units.items()]
        body = {"node": delivery.node, "reference": delivery.reference, "lines": lines}
        self.call("/inventory/receipts", body, key=f"receive/{delivery.reference}")

    def call(self, path: str, body: Mapping[str, Any], *, key: str = "") -> dict[str, Any]:
        """One write. What may have been lost on the way is sent again; raises Refused for any other answer."""
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key} if key else {})
        problem = ""
        for attempt in range(_ATTEMPTS):
            time.sleep(0.2 * attempt)
            try:
                reply = self._session().request("POST", f"{self.web_url}/api/v1{path}", json=body, headers=headers)
            except requests.RequestException as error:
                problem = type(error).__name__
                continue
            if reply.ok:
                return dict(reply.json())
            problem = f"{reply.status_code} {reply.text[:300]}"
            if reply.status_code < 500 and reply.status_code not in (409, 429):
                break
        raise Refused(f"{path}: {problem}")

    def _hand_in(self, payload: dict[str, Any]) -> None:
        reply = self.call(f"/orders?channel={MARKET}", {"orders": [payload]})
        state = reply["orders"][0]["state"]
        if state == "quarantined":
            raise Refused(f"{payload['external_id']} went to quarantine: {reply['orders'][0]['issues']}")

    def _payload(self, sale: Sale, moment: datetime) -> dict[str, Any]:
        address = {"name": "Asha Rao", "line1": "12 MG Road", "city": sale.city or "Town", "postcode": sale.postcode,
                   "country": self.country, "phone": _PERSON["phone"]}  # fmt: skip
        return {
            "external_id": sale.order_id, "placed_at": moment.isoformat(), "external_updated_at": moment.isoformat(),
            "customer_name": "Asha Rao", "ship_to": address, "payment": {"method": "prepaid", "state": "paid"},
            "lines": [
                {"sku_code": item.sku, "quantity": item.quantity, "unit_price_minor": item.price_minor}
                for item in sale.items
            ],
        }  # fmt: skip

    def _session(self) -> Session:
        if not hasattr(self._local, "session"):
            self._local.session = Session(retries=0, timeout_seconds=30.0)
        session: Session = self._local.session
        return session


@dataclass(slots=True)
class Shop:
    """Buyers of the web shop. The store itself tells us, by webhooks; what gets lost on the way we poll."""

    account: AccountConfig
    country: str
    #: The store's numbers of the orders placed, and the orders by their number.
    numbers: dict[str, str] = field(default_factory=dict)
    by_number: dict[str, str] = field(default_factory=dict)
    _local: threading.local = field(default_factory=threading.local)

    def place(self, sale: Sale) -> None:
        """A buyer orders and pays."""
        person = _PERSON | {"city": sale.city or "Town", "postcode": sale.postcode, "country": self.country}
        body = {
            "status": "processing", "set_paid": True, "payment_method": "razorpay",
            "payment_method_title": "Online payment", "billing": person | {"email": "asha@example.com"},
            "shipping": person,
            "line_items": [{"sku": item.sku, "quantity": item.quantity} for item in sale.items],
        }  # fmt: skip
        row = self._client().post("/orders", body).row()
        number = self.numbers[sale.order_id] = str(row["id"])
        self.by_number[number] = sale.order_id

    def cancel(self, sale: Sale) -> None:
        """The shop cancels the whole order."""
        self._client().put(f"/orders/{self.numbers[sale.order_id]}", {"status": "cancelled"})

    def _client(self) -> WooCommerceClient:
        if not hasattr(self._local, "client"):
            self._local.client = WooCommerceClient(self.account)
        client: WooCommerceClient = self._local.client
        return client


def hand_behind(store_url: str) -> Callable[..., Any]:
    """Calls of the hand behind the simulated store: state, faults."""

    def call(method: str, path: str, body: Any = None) -> Any:
        reply = requests.request(method, f"{store_url}/_sim{path}", json=body, timeout=30)
        reply.raise_for_status()
        return reply.json()

    return call
