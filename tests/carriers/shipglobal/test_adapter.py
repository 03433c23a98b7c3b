"""ShipGlobal against a carrier of this process that answers as is publicly known, and against the vendor's excerpt."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carriers.adapters.shipglobal import mapping
from carriers.adapters.shipglobal.adapter import ShipGlobalAdapter
from carriers.base import (
    BookingRequest,
    CannotProveAbsence,
    CarrierAdapter,
    CarrierConfig,
    GivesLabels,
    LeavesOut,
    Milestone,
    NumbersInvoices,
    RateRequest,
    SubStatus,
    TakesOnlyItsLabel,
    UnknownOutcome,
)
from carriers.errors import NoPrices, NotProven
from carriers.simulators.faulty import Call, FaultyServer
from oms.core.errors import PermanentError, TransientError
from oms.core.values import Address
from tests.carriers.abroad_world import BERLIN, to_berlin

M = Milestone
S = SubStatus
SETTINGS = {"services": {"standard": "DPD-CLASSIC"}, "weight_unit": "grams", "default_email": "parcels@example.com"}
_PDF = base64.b64encode(b"%PDF-1.4 label").decode()
EVENT = {"awb_history_id": "42", "awb_history_datetime": "2026-11-20 12:01:00", "awb_history_location": "Delhi, India",
         "awb_history_comment": "Received at hub", "awb_event_code": "SGE_106"}  # fmt: skip


class SimulatedShipGlobal:
    """Orders of one account; it deduplicates by nothing."""

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.tokens: list[str] = []
        self.reply: dict[str, Any] | None = None

    def answer(self, call: Call) -> tuple[int, Any]:
        match call.path:
            case "/customers.php":
                if call.body != {"email": "kaveri@example.com", "password": "secret"}:
                    return 401, {"success": False, "message": "Invalid credentials"}
                self.tokens.append(f"T{len(self.tokens)}")
                return 200, {"token": self.tokens[-1], "expires_at": "2026-11-24 07:00:00", "customer": {"id": 1}}
            case "/addOrder.php":
                return self._order(call)
            case "/tracking":
                known = call.body["tracking"] == "WB1"
                return 200, {"success": known, "data": {"awbEvents": [EVENT] if known else []}}
            case _:
                return 404, {"message": "Not found"}

    def _order(self, call: Call) -> tuple[int, Any]:
        if call.headers.get("authorization") != f"Bearer {self.tokens[-1]}":
            return 401, {"message": "Token expired"}
        if self.reply is not None:
            return 200, self.reply
        if call.body["service"] == "?":
            return 422, {"message": "Validation failed", "errors": {"service": ["unknown"]}}
        self.orders.append(call.body["order_reference"])
        number = len(self.orders)
        data = {"order_number": f"SG{number}", "waybill_number": f"WB{number}", "pdf_base64": _PDF}
        return 200, {"success": True, "data": data}


@pytest.fixture
def carrier() -> SimulatedShipGlobal:
    return SimulatedShipGlobal()


@pytest.fixture
def server(carrier: SimulatedShipGlobal) -> Iterator[FaultyServer]:
    with FaultyServer(carrier.answer) as running:
        yield running


@pytest.fixture
def adapter() -> ShipGlobalAdapter:
    return ShipGlobalAdapter()


def config(server: FaultyServer, password: str = "secret", **settings: Any) -> CarrierConfig:
    return CarrierConfig(
        account_id=7, code="shipglobal", base_url=server.base_url,
        secrets={"email": "kaveri@example.com", "password": password},
        settings={**SETTINGS, "timeout_seconds": 1.0, "tracking_url": f"{server.base_url}/tracking"} | settings,
    )  # fmt: skip


def test_it_is_what_the_flow_expects(adapter: ShipGlobalAdapter) -> None:
    whole: CarrierAdapter = adapter
    for ability in (CannotProveAbsence, GivesLabels, TakesOnlyItsLabel, LeavesOut):
        assert isinstance(whole, ability)


def test_what_is_sent_has_every_field_of_the_published_sample(shared_dir: Path) -> None:
    path = shared_dir / "contracts" / "shipglobal" / "label-api.official-excerpt.json"
    if not path.is_file():
        pytest.skip("needs the vendor's excerpt, which is not part of the project")
    sample = json.loads(path.read_text(encoding="utf-8"))["sample"]

    body = mapping.order_request(to_berlin(), SETTINGS)

    assert set(sample) - set(body) == set()
    assert set(sample["vendor_order_items"][0]) - set(body["vendor_order_items"][0]) == set()
    assert {name: type(body[name]) for name in ("package_length", "csb5_status")} == {
        name: type(sample[name]) for name in ("package_length", "csb5_status")
    }


def test_the_paper_for_customs_has_the_number_that_was_declared(adapter: ShipGlobalAdapter) -> None:
    declared = mapping.order_request(to_berlin(), SETTINGS)["invoice_no"]
    assert isinstance(adapter, NumbersInvoices)
    assert adapter.invoice_number(to_berlin()) == declared != to_berlin().order_number


def test_the_weight_is_in_the_unit_of_the_account() -> None:
    request = to_berlin(weight_grams=1250)

    assert mapping.order_request(request, SETTINGS)["package_weight"] == 1250
    assert mapping.order_request(request, SETTINGS | {"weight_unit": "kilograms"})["package_weight"] == 1.25
    with pytest.raises(PermanentError, match="weight_unit is None: say grams or kilograms"):
        mapping.order_request(request, SETTINGS | {"weight_unit": None})


def without(**changes: str) -> Address:
    return type(BERLIN)(**(BERLIN.as_json() | changes))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (to_berlin(ship_to=without(phone="")), "needs customer_shipping_mobile: nothing is known"),
        (to_berlin(ship_to=without(postcode="", line1="")), "customer_shipping_address, customer_shipping_postcode"),
        (to_berlin(cod_minor=100), "collects no cash here"),
        (to_berlin(items=()), "needs its articles for customs"),
        (to_berlin(service_level="express"), "names no service of ShipGlobal for 'express'"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_sent(request_: BookingRequest, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        mapping.order_request(request_, SETTINGS)


def test_a_parcel_is_booked_with_its_label(
    adapter: ShipGlobalAdapter, server: FaultyServer, carrier: SimulatedShipGlobal
) -> None:
    made = adapter.book(config(server), to_berlin(ship_to=without(email="")))

    assert (made.awb, made.courier_name, made.label_pdf[:4]) == ("WB1", "ShipGlobal DPD-CLASSIC", b"%PDF")
    assert made.external_ids["order_number"] == "SG1"
    assert server.last("/addOrder").body["customer_shipping_email"] == "parcels@example.com"
    assert carrier.orders == ["OMS-100234-a1b2c3-1"]
    with pytest.raises(NotProven, match="no way to look up"):
        adapter.find_booking(config(server), carrier.orders[0])
    with pytest.raises(PermanentError, match="print it from"):
        adapter.label(config(server), made)
    with pytest.raises(PermanentError, match="no way to void"):
        adapter.cancel(config(server), made)
    adapter.cancel(config(server, void_by_hand=True), made)
    with pytest.raises(NoPrices, match="rate card"):
        adapter.rates(config(server), RateRequest(from_postcode="1", to_postcode="2", weight_grams=1))


@pytest.mark.parametrize(
    ("kind", "error"),
    [("lost", UnknownOutcome), ("cut", UnknownOutcome), ("500", UnknownOutcome), ("html", UnknownOutcome),
     ("429", TransientError)],
)  # fmt: skip
def test_what_a_failed_order_means(
    adapter: ShipGlobalAdapter, server: FaultyServer, carrier: SimulatedShipGlobal, kind: str, error: type[Exception]
) -> None:
    server.fault(kind, path="/addOrder", count=1)
    with pytest.raises(error):
        adapter.book(config(server), to_berlin())
    assert len(carrier.orders) == (kind in ("lost", "html"))
    assert len([call for call in server.calls if call.path == "/addOrder.php"]) == 1


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        ({"success": False, "message": "Validation failed"}, PermanentError, "refused the parcel: Validation failed"),
        ({"success": False, "data": {"order_number": "SG9"}}, UnknownOutcome, "made order SG9 without a waybill"),
        ({"success": True}, UnknownOutcome, "named neither an order nor a waybill"),
    ],
)
def test_a_reply_without_a_parcel_is_never_guessed(
    adapter: ShipGlobalAdapter, server: FaultyServer, carrier: SimulatedShipGlobal, reply: dict[str, Any],
    error: type[Exception], words: str,
) -> None:  # fmt: skip
    carrier.reply = reply
    with pytest.raises(error, match=words):
        adapter.book(config(server), to_berlin())


def test_a_token_that_ended_is_renewed_once_and_refusals_keep_their_words(
    adapter: ShipGlobalAdapter, server: FaultyServer, carrier: SimulatedShipGlobal
) -> None:
    adapter.book(config(server), to_berlin())
    carrier.tokens.append("another")

    assert adapter.book(config(server), to_berlin(client_reference="OMS-2")).awb == "WB2"
    assert carrier.orders == ["OMS-100234-a1b2c3-1", "OMS-2"]
    with pytest.raises(PermanentError, match="Validation failed service: "):
        adapter.book(config(server, services={"standard": "?"}), to_berlin())
    with pytest.raises(PermanentError, match="Invalid credentials") as refused:
        adapter.book(config(server, "wrong-password"), to_berlin())
    assert "wrong-password" not in str(refused.value)


def test_events_are_read_and_an_unknown_number_has_none(adapter: ShipGlobalAdapter, server: FaultyServer) -> None:
    [scan] = adapter.track(config(server), "WB1").scans

    assert (scan.milestone, scan.sub_status, scan.scan_key) == (M.IN_TRANSIT, S.ARRIVED_AT_HUB, "42")
    assert (scan.location, f"{scan.occurred_at:%H:%M %z}") == ("Delhi, India", "12:01 +0530")
    assert adapter.track(config(server), "WB2").scans == ()


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("SGE_001", (M.BOOKED, None)), ("SGE_104", (M.PICKED_UP, None)), ("SGE_301", (M.IN_TRANSIT, S.AT_DESTINATION)),
        ("SGE_303", (M.OUT_FOR_DELIVERY, None)), ("SGE_304", (M.DELIVERED, None)),
        ("SGE_403", (M.ATTEMPT_FAILED, None)),
        ("SGE_502", (M.RTO_IN_TRANSIT, None)), ("SGE_504", (M.RTO_DELIVERED, None)), ("SGE_506", (M.DAMAGED, None)),
        ("SGERROR_101", (M.ATTEMPT_FAILED, S.WRONG_ADDRESS)), ("SGERROR_102", (M.ATTEMPT_FAILED, S.REFUSED)),
        ("SGERROR_104", (M.LOST, None)), ("SGE_402", (M.UNKNOWN, None)), ("", (M.UNKNOWN, None)),
    ],
)  # fmt: skip
def test_codes_of_events_in_our_words(code: str, meaning: tuple[Milestone, SubStatus | None]) -> None:
    [scan] = mapping.read_tracking({"data": {"awbEvents": [EVENT | {"awb_event_code": code}, {}]}}, "1").scans
    assert (scan.milestone, scan.sub_status) == meaning
