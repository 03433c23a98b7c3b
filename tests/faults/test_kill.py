"""Power cuts: whatever process dies in the middle of an import, the end is that of an import where nothing died."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from oms.core.models import Delivery
from oms.notifications.models import Message
from orders.models import Order
from tests.faults.broker import Broker
from tests.faults.scenario import (
    ORDERS,
    SCARCE,
    assert_sound,
    at_rest,
    end_state,
    make_merchant,
    orders_file,
    rest,
    start_import,
    undisturbed,
)
from tests.flow.processes import Pipeline, pipeline, until

pytestmark = pytest.mark.django_db(transaction=True)

#: Long enough for a batch on a slow machine, short enough to wait for.
LEASE_SECONDS = "4"


@pytest.fixture(autouse=True)
def own_folders(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The processes find the uploads and leave the letters where this test does."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    monkeypatch.setenv("OMS_MEDIA_ROOT", settings.MEDIA_ROOT)
    monkeypatch.setenv("OMS_LEASE_SECONDS", LEASE_SECONDS)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A broker that only this test's processes use."""
    own = Broker.create()
    monkeypatch.setenv("REDIS_URL", own.url)
    yield own
    own.stop()


Moment = Callable[[], bool]


def some_captured() -> bool:
    return Order.objects.count() >= 1


def some_routed() -> bool:
    return Order.objects.exclude(stage="captured").count() >= ORDERS // 4


def some_told() -> bool:
    return Message.objects.filter(state="sent").count() >= ORDERS // 4


def kill_worker(processes: Pipeline, broker: Broker) -> None:
    processes.kill("worker")
    processes.start("worker")


def kill_relay(processes: Pipeline, broker: Broker) -> None:
    processes.kill("relay")
    processes.start("relay")


def empty_broker(processes: Pipeline, broker: Broker) -> None:
    with broker.client() as client:
        client.flushall()


def kill_broker(processes: Pipeline, broker: Broker) -> None:
    broker.kill()
    time.sleep(1.0)
    broker.start()


def kill_all(processes: Pipeline, broker: Broker) -> None:
    processes.kill("relay")
    processes.kill("worker")
    broker.kill()
    broker.start()
    processes.start("worker")
    processes.start("relay")


Fault = Callable[[Pipeline, Broker], None]


@pytest.mark.parametrize("fault", [kill_worker, kill_relay, empty_broker, kill_broker, kill_all])
def test_an_import_ends_as_if_nothing_had_died(fault: Fault, broker: Broker, tmp_path: Path) -> None:
    # Given what comes of the file where nothing dies
    wanted = undisturbed(tmp_path)
    assert (len(wanted.orders), wanted.scarce.total(), wanted.inbox["quarantined"]) == (ORDERS, SCARCE, 1)
    # When something dies in the midst of capture, of routing and of telling customers
    make_merchant()
    with pipeline() as processes:
        start_import(orders_file(tmp_path))
        cut_short = 0
        for moment in (some_captured, some_routed, some_told):
            until(moment, seconds=120, what=moment.__name__)
            cut_short += not at_rest()
            fault(processes, broker)
        rest(seconds=240)
    # Then the end is the same
    assert cut_short >= 2, "The machine was faster than the faults: nothing was interrupted."
    assert_sound()
    found = end_state()
    assert found.orders == wanted.orders
    assert found == wanted


def test_a_worker_that_dies_in_a_batch_leaves_it_to_the_next_after_the_lease(broker: Broker, tmp_path: Path) -> None:
    make_merchant()
    with pipeline() as processes:
        start_import(orders_file(tmp_path))
        until(lambda: Delivery.objects.filter(state="running").exists(), what="a batch is claimed")
        processes.kill("worker")
        left = set(Delivery.objects.filter(state="running").values_list("pk", flat=True))
        assert left
        died_at = time.monotonic()

        processes.start("worker")
        until(lambda: not Delivery.objects.filter(pk__in=left).exclude(state="done").exists(), what="it is taken over")

        assert time.monotonic() - died_at >= float(LEASE_SECONDS) - 1
        assert set(Delivery.objects.filter(pk__in=left).values_list("attempts", flat=True)) == {2}
