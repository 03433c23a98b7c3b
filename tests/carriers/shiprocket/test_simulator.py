"""The simulated carrier: shapes as the vendor's, parcels that move, webhooks that arrive, control over it all."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from carriers.adapters.shiprocket.adapter import ShiprocketAdapter
from carriers.base import Booked, CarrierConfig, Milestone, TrackingUpdate
from carriers.simulators.shiprocket import movement
from carriers.simulators.shiprocket.faults import Fault
from carriers.simulators.shiprocket.movement import Outcome
from carriers.simulators.shiprocket.server import SimulatorServer
from tests.carriers.shiprocket.conftest import WEBHOOK_TOKEN, Inbox, account, booking_request

REPOSITORY = Path(__file__).resolve().parents[3]
#: Fast enough that a journey of days takes a second or two.
FAST = 400_000.0


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def booked_and_handed_over(adapter: ShiprocketAdapter, server: SimulatorServer, config: CarrierConfig) -> Booked:
    booked = adapter.book(config, booking_request())
    adapter.schedule_pickup(config, [booked], datetime.now(UTC).date())
    reply = requests.post(f"{server.base_url}/_sim/handover", json={"awbs": [booked.awb]}, timeout=5)
    assert reply.json() == {"handed_over": 1}
    return booked


def milestones(update: TrackingUpdate) -> list[Milestone]:
    """Each milestone where it first shows."""
    return list(dict.fromkeys(scan.milestone for scan in update.scans))


def keys(value: Any, path: str = "") -> set[str]:
    """Every key of a JSON body as a path; lists are looked at by their first item."""
    if isinstance(value, list):
        return keys(value[0], f"{path}[]") if value else set()
    if isinstance(value, dict):
        return {f"{path}.{name}" for name in value}.union(*(keys(value[name], f"{path}.{name}") for name in value))
    return set()


SAVED_SHAPES = {
    "create": "Create-Or-Update-Order-Create-Custom-Order-Successful-Call",
    "assign": "Couriers-Generate-AWB-for-Shipment-Successful-Call",
    "pickup": "Couriers-Request-for-Shipment-Pickup-Successful-Call",
    "label": "Labels-Manifests-Invoice-Generate-Label-Successful-Call",
    "manifest": "Labels-Manifests-Invoice-Generate-Manifest-Successful-Call",
    "manifest again": "Labels-Manifests-Invoice-Generate-Manifest-Bad-Request",
    "manifest print": "Labels-Manifests-Invoice-Print-Manifest-Successful-Call",
    "track": "Tracking-Get-Tracking-through-AWB-Successful-Call",
    "no track": "Tracking-Get-Tracking-through-AWB-Invalid-Data",
    "create missing": "Create-Or-Update-Order-Create-Custom-Order-Missing-Fields",
    "assign again": "Couriers-Generate-AWB-for-Shipment-Invalid-Data",
    "cancel missing": "Create-Or-Update-Order-Cancel-an-Order-Missing-Fields",
    "cancel unknown": "Create-Or-Update-Order-Cancel-an-Order-Invalid-Data",
    "cancel": "Create-Or-Update-Order-Cancel-an-Order-Successful-Call",
    "ndr": "NDR-Action-NDR-Successful-Call",
    "serviceability missing": "Couriers-Check-Courier-Serviceability-Missing-Fields",
    "show unknown": "Orders-Get-Specific-Order-Details-Invalid-Data",
}


def recorded_calls(server: SimulatorServer) -> dict[str, tuple[int, Any]]:
    """Status and body of every call that has a saved reply, made in the order in which a shipper makes them."""
    base = f"{server.base_url}/v1/external"
    login = requests.post(f"{base}/auth/login", json={"email": "a@example.com", "password": "b"}, timeout=5).json()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {login['token']}"

    def call(method: str, path: str, **kwargs: Any) -> tuple[int, Any]:
        reply = session.request(method, base + path, timeout=5, **kwargs)
        return reply.status_code, reply.json() if reply.content else None

    payload = {
        "order_id": "R-1", "order_date": "2026-11-20 10:00", "pickup_location": "Mumbai", "billing_customer_name": "A",
        "billing_address": "1", "billing_city": "Delhi", "billing_pincode": "110001", "billing_state": "Delhi",
        "billing_country": "India", "billing_email": "a@example.com", "billing_phone": "9876543210",
        "order_items": [{"name": "Kunai", "sku": "chakra123", "units": 10, "selling_price": "900"}],
        "payment_method": "Prepaid", "sub_total": 9000, "length": 10, "breadth": 15, "height": 20, "weight": 2.5,
    }  # fmt: skip
    calls = {"create": call("POST", "/orders/create/adhoc", json=payload)}
    order_id, shipment_id = calls["create"][1]["order_id"], calls["create"][1]["shipment_id"]
    calls["assign"] = call("POST", "/courier/assign/awb", json={"shipment_id": shipment_id})
    awb = calls["assign"][1]["response"]["data"]["awb_code"]
    calls["assign again"] = call("POST", "/courier/assign/awb", json={"shipment_id": shipment_id})
    calls["pickup"] = call("POST", "/courier/generate/pickup", json={"shipment_id": [shipment_id]})
    calls["label"] = call("POST", "/courier/generate/label", json={"shipment_id": [shipment_id]})
    calls["manifest"] = call("POST", "/manifests/generate", json={"shipment_id": [shipment_id]})
    calls["manifest again"] = call("POST", "/manifests/generate", json={"shipment_id": [shipment_id]})
    calls["manifest print"] = call("POST", "/manifests/print", json={"order_ids": [order_id]})
    calls["track"] = call("GET", f"/courier/track/awb/{awb}")
    calls["no track"] = call("GET", "/courier/track/awb/111111111111")
    calls["create missing"] = call("POST", "/orders/create/adhoc", json=payload | {"order_id": ""})
    calls["cancel missing"] = call("POST", "/orders/cancel", json={"ids": []})
    calls["cancel unknown"] = call("POST", "/orders/cancel", json={"ids": [12312312]})
    calls["ndr"] = call("POST", f"/ndr/{awb}/action", json={"action": "re-attempt", "comments": "Call first"})
    calls["serviceability missing"] = call("GET", "/courier/serviceability/")
    calls["show unknown"] = call("GET", "/orders/show/00000001")
    calls["orders"] = call("GET", "/orders", params={"search": "R-1"})
    calls["show"] = call("GET", f"/orders/show/{order_id}")
    query = {"pickup_postcode": "400001", "delivery_postcode": "110001", "cod": 0, "weight": 2.5}
    calls["serviceability"] = call("GET", "/courier/serviceability/", params=query)
    calls["cancel"] = call("POST", "/orders/cancel", json={"ids": [order_id]})
    return calls


def test_replies_have_the_status_and_the_keys_of_the_saved_replies(saved: Any, simulator: SimulatorServer) -> None:
    calls = recorded_calls(simulator)

    for call, name in SAVED_SHAPES.items():
        status, body = calls[call]
        example = saved(name)
        assert status == example["status"], call
        # The fields at fault are keys of their own: which ones they are depends on what was wrong.
        wanted = {key for key in keys(example["body"]) if ".errors." not in key}
        assert wanted - keys(body) == set(), call


def test_large_replies_have_no_key_that_the_vendor_has_not(saved: Any, simulator: SimulatorServer) -> None:
    calls = recorded_calls(simulator)

    for call, name in {
        "serviceability": "Couriers-Check-Courier-Serviceability-Successful-Call",
        "orders": "Orders-Get-all-Orders-Successful-Call-With-No-Parameters",
        "show": "Orders-Get-Specific-Order-Details-Successful-Call",
    }.items():
        status, body = calls[call]
        assert status == 200
        assert keys(body) - keys(saved(name)["body"]) == set(), call


def test_the_webhook_has_the_keys_of_the_saved_one(
    saved_webhook: bytes, adapter: ShiprocketAdapter, inbox: Inbox
) -> None:
    with SimulatorServer(speed=0, webhook_url=inbox.url, webhook_token=WEBHOOK_TOKEN) as server:
        booked = adapter.book(account(server.base_url), booking_request())
        server.carrier.advance(server.carrier.store.by_awb[booked.awb], Milestone.IN_TRANSIT)
        until(lambda: any(body["scans"] for body in inbox.bodies))

    assert keys(inbox.bodies[-1]) == keys(json.loads(saved_webhook))


def test_a_parcel_moves_by_itself_from_hand_over_to_delivery(adapter: ShiprocketAdapter) -> None:
    with SimulatorServer(speed=FAST, share_failed=0, share_rto=0) as server:
        config = account(server.base_url)
        booked = booked_and_handed_over(adapter, server, config)
        until(lambda: server.carrier.store.by_awb[booked.awb].finished)
        update = adapter.track(config, booked.awb)

    assert milestones(update) == [
        Milestone.PICKUP_SCHEDULED,
        Milestone.PICKED_UP,
        Milestone.IN_TRANSIT,
        Milestone.OUT_FOR_DELIVERY,
        Milestone.DELIVERED,
    ]
    assert update.scans[-1].location == "Thane_DC (Maharashtra)"
    assert len({scan.scan_key for scan in update.scans}) == len(update.scans)


def test_it_does_not_move_before_a_pickup_was_asked_for(adapter: ShiprocketAdapter) -> None:
    with SimulatorServer(speed=FAST) as server:
        config = account(server.base_url)
        booked = adapter.book(config, booking_request())
        server.carrier.hand_over(server.carrier.store.by_awb[booked.awb])
        time.sleep(0.6)
        assert adapter.track(config, booked.awb).scans[0].scan_key == "state:1"

        # When it is asked for and nobody tells of the hand-over, then the pickup slot starts the way
        server.carrier.store.by_awb[booked.awb].handed_over = False
        adapter.schedule_pickup(config, [booked], datetime.now(UTC).date())
        until(lambda: server.carrier.store.by_awb[booked.awb].finished)


def test_a_pickup_for_a_later_day_waits_for_it(adapter: ShiprocketAdapter) -> None:
    with SimulatorServer(speed=FAST) as server:
        config = account(server.base_url)
        booked = adapter.book(config, booking_request())
        adapter.schedule_pickup(config, [booked], date(2099, 1, 1))
        time.sleep(0.6)

        assert milestones(adapter.track(config, booked.awb)) == [Milestone.PICKUP_SCHEDULED]


@pytest.mark.parametrize(
    ("shares", "end"),
    [
        ({"share_failed": 1.0, "share_rto": 0.0}, [Milestone.ATTEMPT_FAILED, Milestone.DELIVERED]),
        (
            {"share_failed": 0.0, "share_rto": 1.0},
            [Milestone.ATTEMPT_FAILED, Milestone.RTO_INITIATED, Milestone.RTO_IN_TRANSIT, Milestone.RTO_DELIVERED],
        ),
    ],
)
def test_some_parcels_fail_and_some_come_back(
    adapter: ShiprocketAdapter, shares: dict[str, float], end: list[Milestone]
) -> None:
    with SimulatorServer(speed=FAST, share_failed=shares["share_failed"], share_rto=shares["share_rto"]) as server:
        config = account(server.base_url)
        booked = booked_and_handed_over(adapter, server, config)
        until(lambda: server.carrier.store.by_awb[booked.awb].finished)
        update = adapter.track(config, booked.awb)

    assert milestones(update)[-len(end) :] == end


def test_every_plan_runs_forward_in_time() -> None:
    for outcome in Outcome:
        for days in (1, 2, 5, 9):
            hours = [step.hours for step in movement.plan("560058", "421204", days, outcome)]
            assert hours == sorted(hours), (outcome, days)
            assert len(set(hours)) == len(hours), (outcome, days)


def test_webhooks_carry_the_token_and_are_sent_again_until_taken(
    adapter: ShiprocketAdapter, reluctant_inbox: Inbox
) -> None:
    with SimulatorServer(speed=0, webhook_url=reluctant_inbox.url, webhook_token=WEBHOOK_TOKEN) as server:
        config = account(server.base_url)
        adapter.book(config, booking_request())
        until(lambda: server.pusher.sent == 1)

    headers, body = reluctant_inbox.raw[0]
    update = adapter.read_webhook(config, headers, body)
    assert reluctant_inbox.calls == 3
    assert update is not None
    assert [scan.milestone for scan in update.scans] == [Milestone.BOOKED]


def test_a_webhook_and_a_poll_of_the_same_scans_have_the_same_keys(adapter: ShiprocketAdapter, inbox: Inbox) -> None:
    with SimulatorServer(speed=0, webhook_url=inbox.url, webhook_token=WEBHOOK_TOKEN) as server:
        config = account(server.base_url)
        booked = adapter.book(config, booking_request())
        server.carrier.advance(server.carrier.store.by_awb[booked.awb], Milestone.DELIVERED)
        until(lambda: server.pusher.waiting == 0 and bool(inbox.bodies) and inbox.bodies[-1]["shipment_status_id"] == 7)
        polled = adapter.track(config, booked.awb)

    pushed = adapter.read_webhook(config, *inbox.raw[-1])
    assert pushed is not None
    assert [scan.scan_key for scan in pushed.scans] == [scan.scan_key for scan in polled.scans]
    assert [scan.milestone for scan in pushed.scans] == [scan.milestone for scan in polled.scans]


def test_webhooks_can_be_lost_doubled_and_out_of_order(adapter: ShiprocketAdapter, inbox: Inbox) -> None:
    with SimulatorServer(speed=0, webhook_url=inbox.url, webhook_token=WEBHOOK_TOKEN) as server:
        config = account(server.base_url)
        server.faults.add(Fault("lost_webhooks", count=1))
        booked = adapter.book(config, booking_request())
        parcel = server.carrier.store.by_awb[booked.awb]
        server.faults.add(Fault("out_of_order_webhooks", count=1, seconds=1.0))
        server.carrier.advance(parcel, Milestone.PICKED_UP)
        server.faults.add(Fault("duplicate_webhooks", count=1))
        server.carrier.advance(parcel, Milestone.LOST)
        until(lambda: server.pusher.sent == 4)

    assert server.pusher.lost == 1
    assert [body["shipment_status_id"] for body in inbox.bodies] == [42, 12, 12, 19]


def test_the_control_plane_tells_and_steers(adapter: ShiprocketAdapter, simulator: SimulatorServer) -> None:
    control = f"{simulator.base_url}/_sim"
    booked = adapter.book(account(simulator.base_url), booking_request())

    moved = requests.post(f"{control}/advance", json={"awb": booked.awb, "to": "out_for_delivery"}, timeout=5)
    fault = {"kind": "slow", "share": 0.5, "count": 3, "seconds": 0.1}
    added = requests.post(f"{control}/faults", json=fault, timeout=5)
    unknown = requests.post(f"{control}/faults", json={"kind": "meteor"}, timeout=5)
    nobody = requests.post(f"{control}/advance", json={"awb": "1", "to": "delivered"}, timeout=5)
    speed = requests.post(f"{control}/speed", json={"speed": 120}, timeout=5)
    state = requests.get(f"{control}/state", timeout=5).json()

    assert moved.json()["order_status"] == "OUT FOR DELIVERY"
    assert added.json() == {"faults": [fault | {"path": ""}]}
    assert (unknown.status_code, nobody.status_code) == (422, 404)
    assert speed.json() == {"speed": 120.0}
    assert (state["orders"], state["live"], state["without_awb"]) == (1, 1, 0)
    assert state["states"] == {"OUT FOR DELIVERY": 1}
    assert requests.delete(f"{control}/faults", timeout=5).json() == {"faults": []}


def test_the_state_survives_a_restart(adapter: ShiprocketAdapter, tmp_path: Path) -> None:
    state_file = str(tmp_path / "carrier.sqlite3")
    with SimulatorServer(speed=0, state_file=state_file) as server:
        booked = adapter.book(account(server.base_url), booking_request())
        server.carrier.advance(server.carrier.store.by_awb[booked.awb], Milestone.PICKED_UP)

    with SimulatorServer(speed=0, state_file=state_file) as server:
        update = adapter.track(account(server.base_url), booked.awb)

    assert update.scans[-1].milestone is Milestone.PICKED_UP


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "manage.py", "simulate_carrier", "--port", "0", "--speed", "1"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        state = requests.get(line.split()[-1], timeout=10).json()
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=20)

    assert (state["orders"], state["speed"], code) == (0, 1.0, 0)
