"""A simulated store on loopback, an account for it, and a receiver for its webhooks."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from channels.base import AccountConfig
from channels.simulators.woocommerce.server import SimulatedStore, StoreOptions

WEBHOOK_SECRET = "whsec_simulated"


@contextmanager
def running_store(**options: Any) -> Iterator[SimulatedStore]:
    """A store that is stopped at the end."""
    store = SimulatedStore(StoreOptions(seed=7, **options))
    store.start()
    try:
        yield store
    finally:
        store.stop()


def account_of(store: SimulatedStore, **settings: Any) -> AccountConfig:
    """The account of a store, with the keys that a store has by default."""
    return AccountConfig(
        account_id=1,
        code="shop",
        base_url=store.base_url,
        secrets={
            "consumer_key": "ck_simulated",
            "consumer_secret": "cs_simulated",
            "webhook_secret": WEBHOOK_SECRET,
        },
        settings=settings,
    )


def control(store: SimulatedStore, method: str, path: str, body: Any = None) -> Any:
    """A call to the hand behind the store."""
    response = requests.request(method, f"{store.base_url}/_sim{path}", json=body, timeout=10)
    response.raise_for_status()
    return response.json()


def seed(store: SimulatedStore, *skus: str, stock: int = 100, price: str = "450.00") -> None:
    """Simple products."""
    control(store, "POST", "/products", [{"sku": sku, "price": price, "stock": stock} for sku in skus])


def place(store: SimulatedStore, count: int = 1, **wishes: Any) -> list[int]:
    """Orders of buyers, placed now."""
    placed: list[int] = control(store, "POST", "/orders", {"count": count, **wishes})["placed"]
    return placed


@dataclass
class Receiver:
    """Keeps every delivery; answers `status`."""

    url: str
    status: int = 200
    deliveries: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def orders(self) -> list[tuple[dict[str, str], bytes]]:
        """The deliveries that are no pings."""
        return [item for item in self.deliveries if "X-WC-Webhook-Topic" in item[0]]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """An HTTP server for webhooks."""
    found = Receiver(url="")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.deliveries.append((dict(self.headers.items()), body))
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_until(met: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Return as soon as something holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
