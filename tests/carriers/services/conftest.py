"""A running simulated carrier and a scripted one."""

from collections.abc import Iterator

import pytest

from carriers import registry
from carriers.services.quotes import forget_rates
from carriers.simulators.shiprocket.server import SimulatorServer
from tests.carriers.services.world import ScriptedCarrier


@pytest.fixture(autouse=True)
def _no_remembered_rates() -> None:
    forget_rates()


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """A simulator whose parcels stand still unless a test moves them."""
    with SimulatorServer(speed=0.0, share_failed=0.0, share_rto=0.0) as server:
        yield server


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> ScriptedCarrier:
    """The scripted carrier, registered."""
    carrier = ScriptedCarrier()
    monkeypatch.setitem(registry.ADAPTERS, "scripted", carrier)
    return carrier
