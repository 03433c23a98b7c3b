"""Recordings of a real WooCommerce 9.8.5, and an account as an adapter is given it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from channels.base import AccountConfig

#: The secret that the recorded store signed its deliveries with.
RECORDED_SECRET = "s3cr3t"

Recording = Callable[[str], Any]


@pytest.fixture(scope="session")
def recordings(shared_dir: Path) -> Path:
    """The folder of recorded replies."""
    folder = shared_dir / "contracts" / "woocommerce" / "recorded-9.8.5-hpos"
    if not folder.is_dir():
        pytest.skip(f"needs the recordings in {folder}, which are not part of the project")
    return folder


@pytest.fixture(scope="session")
def recorded(recordings: Path) -> Recording:
    """Reads the body of one recorded reply by the beginning of its name."""

    def read(name: str) -> Any:
        (path,) = recordings.glob(f"{name}*.json")
        return json.loads(path.read_text())["response"]["body"]

    return read


@pytest.fixture(scope="session")
def recorded_deliveries(recordings: Path) -> list[dict[str, Any]]:
    """The webhook deliveries as they came: headers and raw body."""
    deliveries: list[dict[str, Any]] = json.loads((recordings / "webhook-deliveries.json").read_text())
    return deliveries


@pytest.fixture
def recorded_account() -> AccountConfig:
    """The account of the recorded store."""
    return AccountConfig(
        account_id=1,
        code="shop",
        base_url="https://shop.example",
        secrets={"consumer_key": "ck_1", "consumer_secret": "cs_1", "webhook_secret": RECORDED_SECRET},
    )
