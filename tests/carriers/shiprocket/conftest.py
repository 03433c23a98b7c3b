"""The one known world of these tests: an account at a running simulator, a parcel from Bengaluru to Thane."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from carriers.adapters.shiprocket.adapter import ShiprocketAdapter
from carriers.base import BookingRequest, CarrierConfig, ParcelItem
from carriers.simulators.shiprocket.server import SimulatorServer
from oms.core.values import Address

WEBHOOK_TOKEN = "token-of-the-panel"


def booking_request(client_reference: str = "OMS-P-1", **changes: Any) -> BookingRequest:
    """A parcel of 1.25 kg with two articles, cash on delivery 2,499.50 rupees."""
    values: dict[str, Any] = {
        "client_reference": client_reference,
        "order_number": "OMS-100234",
        "order_date": datetime(2026, 11, 20, 4, 30, tzinfo=UTC),
        "ship_from": Address(company="Kaveri Handlooms", city="Bengaluru", region="Karnataka", postcode="560058"),
        "ship_from_code": "BLR-DC",
        "ship_to": Address(
            name="Ananya Krishnamurthy Rao",
            line1="Flat 1204, Tower B",
            line2="Palava City",
            city="Thane",
            region="Maharashtra",
            postcode="421204",
            phone="+91 98200 12345",
            email="ananya@example.com",
        ),
        "items": (
            ParcelItem(
                sku_code="SAR-07", name="Saree", quantity=1, unit_price_minor=199950, hsn="5208", tax_rate_bp=500
            ),
            ParcelItem(sku_code="STL-02", name="Stole", quantity=2, unit_price_minor=25000),
        ),
        "weight_grams": 1250,
        "length_mm": 300,
        "width_mm": 220,
        "height_mm": 85,
        "declared_value_minor": 249950,
        "cod_minor": 249950,
    }
    return BookingRequest(**(values | changes))


def account(base_url: str, **settings: Any) -> CarrierConfig:
    """An account whose replies may take one second."""
    return CarrierConfig(
        account_id=7,
        code="shiprocket",
        base_url=base_url,
        secrets={"email": "api@example.com", "password": "secret", "webhook_token": WEBHOOK_TOKEN},
        settings={"timeout_seconds": 1.0, "pickup_locations": {"BLR-DC": "Bengaluru DC"}, **settings},
    )


@pytest.fixture
def adapter() -> ShiprocketAdapter:
    return ShiprocketAdapter()


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """A simulator whose parcels stand still unless a test moves them."""
    with SimulatorServer(speed=0.0, share_failed=0.0, share_rto=0.0) as server:
        yield server


@pytest.fixture
def config(simulator: SimulatorServer) -> CarrierConfig:
    return account(simulator.base_url)


@pytest.fixture(scope="session")
def saved(shared_dir: Path) -> Any:
    """Reads one saved reply of the published collection: `saved(name)` is its `response` object."""
    folder = shared_dir / "contracts" / "shiprocket"
    if not folder.is_dir():
        pytest.skip("needs the published Shiprocket collection, which is not part of the project")

    def read(name: str) -> Any:
        return json.loads((folder / "examples" / f"{name}.json").read_text(encoding="utf-8"))["response"]

    return read


@pytest.fixture(scope="session")
def saved_webhook(shared_dir: Path) -> bytes:
    """The vendor's tracking webhook sample as sent."""
    path = shared_dir / "contracts" / "shiprocket" / "webhook-tracking-sample.json"
    if not path.is_file():
        pytest.skip("needs the published Shiprocket webhook sample, which is not part of the project")
    return path.read_bytes()


class Inbox:
    """A web server that takes webhooks, refusing the first few when told to."""

    def __init__(self, refuse_first: int = 0) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.raw: list[tuple[dict[str, str], bytes]] = []
        self.calls = 0
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.calls += 1
                taken = inbox.calls > refuse_first
                if taken:
                    inbox.bodies.append(json.loads(body))
                    inbox.raw.append((dict(self.headers), body))
                self.send_response(200 if taken else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/tracking"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    box = Inbox()
    yield box
    box.close()


@pytest.fixture
def reluctant_inbox() -> Iterator[Inbox]:
    """Refuses two calls before it takes one."""
    box = Inbox(refuse_first=2)
    yield box
    box.close()
