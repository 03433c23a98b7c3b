"""What the simulated store does by itself: buyers, webhooks, faults, restarts."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.adapters.woocommerce.client import WooCommerceClient
from channels.adapters.woocommerce.mapping import to_canonical
from channels.base import MappingError
from channels.simulators.woocommerce.bad_orders import BAD_ORDERS
from channels.simulators.woocommerce.buyers import Habits
from channels.simulators.woocommerce.server import SimulatedStore
from tests.channels.woocommerce.store import account_of, control, place, receiver, running_store, seed, wait_until

ADAPTER = WooCommerceAdapter()
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store() -> Iterator[SimulatedStore]:
    with running_store() as found:
        yield found


def order(store: SimulatedStore, number: int) -> dict[str, Any]:
    return store.orders.get(number)


def stock(store: SimulatedStore, sku: str) -> int:
    product = store.catalog.by_sku(sku)
    assert product is not None
    return int(product["stock_quantity"])


def test_a_webhook_and_a_poll_of_the_same_change_have_one_event_id() -> None:
    with receiver() as hook, running_store(webhook_url=hook.url) as store:
        seed(store, "A-1")
        (number,) = place(store, cod=True)
        control(store, "POST", f"/orders/{number}/address_edit")
        control(store, "POST", f"/orders/{number}/cancel")
        wait_until(lambda: len(hook.orders()) == 4)

        delivered = [ADAPTER.read_webhook(account_of(store), headers, body) for headers, body in hook.orders()]
        polled = [m for page in ADAPTER.fetch_orders(account_of(store), {}) for m in page.messages]

    assert all(message is not None for message in delivered)
    assert delivered[-1] == polled[0]
    assert [headers["X-WC-Webhook-Topic"] for headers, _ in hook.orders()][:2] == ["order.created", "order.updated"]
    pings = [body for headers, body in hook.deliveries if "X-WC-Webhook-Topic" not in headers]
    assert pings == [b"webhook_id=1", b"webhook_id=2", b"webhook_id=3"]


def test_a_webhook_is_disabled_after_more_than_five_failures_in_a_row() -> None:
    with receiver() as hook, running_store(webhook_url=hook.url) as store:
        seed(store, "A-1")
        hook.status = 500
        for _ in range(8):
            place(store)
        wait_until(lambda: control(store, "GET", "/state")["deliveries_pending"] == 0)

        hooks = {row["topic"]: (row["state"], row["failures"]) for row in control(store, "GET", "/state")["webhooks"]}
        assert hooks["order.created"] == ("disabled", 6)
        # Seven attempts each: the sixth failure is the last that is forgiven. Nothing is tried twice.
        assert len(hook.orders()) == 14

        hook.status = 200
        WooCommerceClient(account_of(store)).put("/webhooks/1", {"status": "active"})
        place(store)
        wait_until(lambda: len(hook.orders()) == 15)


def test_deliveries_can_be_lost_doubled_and_late() -> None:
    with receiver() as hook, running_store(webhook_url=hook.url) as store:
        seed(store, "A-1")
        control(store, "POST", "/faults", {"kind": "lost_webhooks", "count": 2})
        place(store)
        control(store, "POST", "/faults", {"kind": "duplicate_webhooks", "count": 1})
        (second,) = place(store)
        wait_until(lambda: len(hook.orders()) == 3)
        assert {json.loads(body)["id"] for _, body in hook.orders()} == {second}
        hook.deliveries.clear()

        fault = {"kind": "out_of_order_webhooks", "count": 1, "path": "order.updated", "delay_seconds": 0.4}
        control(store, "POST", "/faults", fault)
        control(store, "POST", f"/orders/{second}/address_edit")
        control(store, "POST", f"/orders/{second}/cancel")
        wait_until(lambda: len(hook.orders()) == 2)

    assert [json.loads(body)["status"] for _, body in hook.orders()] == ["cancelled", "processing"]


def test_buyers_take_only_what_is_in_stock(store: SimulatedStore) -> None:
    seed(store, "A-1", stock=3)

    answer = control(store, "POST", "/orders", {"count": 10, "sku": "A-1"})

    assert (len(answer["placed"]), answer["refused"]) == (3, 7)
    assert stock(store, "A-1") == 0
    state = control(store, "GET", "/state")
    assert (state["out_of_stock"], state["units_in_stock"]) == (1, 0)
    assert control(store, "POST", "/orders", {})["placed"] == []
    control(store, "POST", f"/orders/{answer['placed'][0]}/cancel")
    assert stock(store, "A-1") == 1


def test_orders_follow_the_figures_they_are_drawn_from(store: SimulatedStore) -> None:
    seed(store, *(f"A-{number}" for number in range(50)), stock=100_000)

    orders = [order(store, number) for number in place(store, 1500)]

    assert sum(len(item["line_items"]) == 1 for item in orders) / 1500 == pytest.approx(0.95, abs=0.03)
    assert sum(item["payment_method"] == "cod" for item in orders) / 1500 == pytest.approx(0.60, abs=0.05)
    states = Counter(item["shipping"]["state"] for item in orders)
    assert states["MH"] / 1500 == pytest.approx(0.1646, abs=0.04)
    popularity = Counter(line["sku"] for item in orders for line in item["line_items"]).most_common()
    # Under a Zipf law of exponent 0.6 the first of 50 sells 0.088 of all.
    assert popularity[0][1] / 1500 == pytest.approx(0.088, abs=0.03)
    for item in orders:
        mapped = to_canonical(item)
        assert mapped.computed_total_minor() == mapped.total_minor


def test_afterthoughts_change_orders_that_are_still_open(store: SimulatedStore) -> None:
    seed(store, "A-1", "A-2")
    (number,) = place(store, cod=False, lines=[{"sku": "A-1", "quantity": 2}, {"sku": "A-2"}], status="processing")
    before = order(store, number)

    assert control(store, "POST", f"/orders/{number}/address_edit") == {"done": True}
    assert control(store, "POST", f"/orders/{number}/partial_refund") == {"done": True}
    after = order(store, number)

    assert after["shipping"]["address_1"] != before["shipping"]["address_1"]
    assert after["refunds"] == [{"id": after["refunds"][0]["id"], "reason": "One too many", "total": "-531.00"}]
    assert stock(store, "A-1") == 99
    store.orders.update(number, {"status": "completed"})
    assert control(store, "POST", f"/orders/{number}/cancel") == {"done": False}


def test_a_pending_order_is_paid_later(store: SimulatedStore) -> None:
    seed(store, "A-1")
    (number,) = place(store, cod=False, status="pending")
    assert (order(store, number)["status"], stock(store, "A-1")) == ("pending", 100)

    control(store, "POST", f"/orders/{number}/pay")

    assert order(store, number)["status"] == "processing"
    assert order(store, number)["date_paid"] is not None
    assert stock(store, "A-1") < 100


def test_buyers_shop_by_themselves_at_the_rate_that_is_set(store: SimulatedStore) -> None:
    seed(store, "A-1", stock=100_000)
    rate = {"per_minute": 6000, "hour_weights": False, "cancel": 1.0}
    assert control(store, "POST", "/rate", rate)["per_minute"] == 6000

    wait_until(lambda: sum(control(store, "GET", "/state")["orders"].values()) >= 30)

    assert control(store, "POST", "/rate", {"per_minute": 0})["cancel"] == 1.0
    state = control(store, "GET", "/state")
    assert state["intentions"] > 0
    store.database.run("UPDATE intention SET due = 0")
    wait_until(lambda: control(store, "GET", "/state")["orders"].get("cancelled", 0) > 0)


def test_the_night_is_quieter_than_the_day() -> None:
    night, day = (datetime(2026, 11, 21, hour, 30, tzinfo=UTC) for hour in (23, 11))  # 05:00 and 17:00 in India
    pauses = []
    for moment in (night, day):
        with running_store(clock=lambda moment=moment: moment) as store:
            store.buyers.habits = Habits(per_minute=60)
            pauses.append(sum(store.buyers._pause() for _ in range(2000)) / 2000)
            store.buyers.habits = Habits()

    assert pauses[0] == pytest.approx(1 / (0.0019 * 24), rel=0.1)
    assert pauses[1] == pytest.approx(1 / (0.0618 * 24), rel=0.1)


@pytest.mark.parametrize("kind", list(BAD_ORDERS))
def test_each_bad_order_is_refused_by_the_mapping_or_left_to_people(store: SimulatedStore, kind: str) -> None:
    seed(store, "A-1")
    number = control(store, "POST", "/bad_order", {"kind": kind})["placed"]
    message = ADAPTER.fetch_order(account_of(store), str(number))

    fields: set[str] = set()
    try:
        ADAPTER.to_canonical(account_of(store), message)
    except MappingError as error:
        fields = {issue.field for issue in error.issues}

    refused = {
        "deleted_product": {"line_items[0].sku"},
        "bad_price": {"line_items[0].subtotal", "line_items[0].total"},
        "fraction_quantity": {"line_items[0].quantity"},
        "no_lines": {"line_items"},
    }
    assert fields == refused.get(kind, set())


def test_the_hand_behind_the_store_refuses_nonsense(store: SimulatedStore) -> None:
    calls: list[tuple[str, Any]] = [
        ("/faults", {"kind": "earthquake"}),
        ("/faults", {"kind": "500", "share": 2}),
        ("/rate", {"per_minute": -1}),
        ("/rate", {"speed": 1}),
        ("/orders", {"count": 0}),
        ("/bad_order", {"kind": "nice"}),
    ]
    for path, body in calls:
        response = requests.post(f"{store.base_url}/_sim{path}", json=body, timeout=5)
        assert response.status_code == 400, path


def test_faults_end_by_count_by_time_and_by_hand(store: SimulatedStore) -> None:
    control(store, "POST", "/faults", {"kind": "500", "count": 1, "path": "/webhooks"})
    control(store, "POST", "/faults", {"kind": "429", "seconds": 0})
    control(store, "POST", "/faults", {"kind": "html200", "share": 0.5})

    kinds = [(fault["kind"], fault["remaining"]) for fault in control(store, "GET", "/faults")["faults"]]
    assert kinds == [("500", 1), ("html200", None)]
    assert control(store, "DELETE", "/faults") == {"faults": []}


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    file = str(tmp_path / "store.sqlite")
    with receiver() as hook:
        with running_store(state_file=file, webhook_url=hook.url) as store:
            seed(store, "A-1")
            (number,) = place(store)
            control(store, "POST", "/rate", {"cod": 0.25})
            kept = store.orders.stored(number)
            wait_until(lambda: control(store, "GET", "/state")["deliveries_pending"] == 0)
        with running_store(state_file=file, webhook_url=hook.url) as store:
            assert store.orders.stored(number) == kept
            assert stock(store, "A-1") < 100
            assert control(store, "GET", "/state")["habits"]["cod"] == 0.25
            assert len(control(store, "GET", "/state")["webhooks"]) == 3
            assert place(store)[0] > number


def test_the_command_runs_without_django_and_stops_cleanly_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "channels.simulators.woocommerce", "--port", "0"]
    command += ["--state-file", str(tmp_path / "store.sqlite"), "--seed", "3", "--rate-per-minute", "0"]
    environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        made = requests.post(f"{url}/_sim/products", json=[{"sku": "A-1", "stock": 5}], timeout=5)
        assert made.json() == {"products": [19]}
        assert requests.get(f"{url}/wp-json/wc/v3/orders", timeout=5).status_code == 401
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
    assert rest == "Stopped.\n"
    assert process.returncode == 0
