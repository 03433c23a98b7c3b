"""DTDC over real HTTP: what is public of its contract, and that nothing else is pretended."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from carriers.adapters.dtdc import mapping
from carriers.adapters.dtdc.adapter import DtdcAdapter
from carriers.base import (
    AnswersNdr,
    Booked,
    CarrierAdapter,
    CarrierConfig,
    GivesLabels,
    Milestone,
    ReceivesTracking,
    SchedulesPickups,
)
from oms.core.errors import PermanentError, TransientError
from tests.carriers.services.world import booking_request

M = Milestone
BOOKED = Booked(awb="G77001234", courier_name="DTDC")


class Vendor:
    """Answers what it was told to, in order; the last answer stays. Keeps every call."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, str]]] = {}
        self.calls: list[tuple[str, dict[str, str], Any]] = []
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body: Any) -> None:
                path = self.path.split("?")[0]
                vendor.calls.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                queue = vendor.answers.get(path, [(404, "not found")])
                status, text = queue.pop(0) if len(queue) > 1 else queue[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def says(self, path: str, *answers: tuple[int, Any]) -> None:
        self.answers[path] = [(code, body if isinstance(body, str) else json.dumps(body)) for code, body in answers]

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


SIGN_IN = "/dtdc-api/api/dtdc/authenticate"
TRACK = "/dtdc-api/rest/JSONCnTrk/getTrackDetails"
CANCEL = "/api/customer/integration/consignment/cancel"


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    running = Vendor()
    running.says(SIGN_IN, (200, "shop_trk:0123456789abcdef"))
    yield running
    running.close()


def config(url: str, **settings: Any) -> CarrierConfig:
    return CarrierConfig(
        account_id=3, code="dtdc", base_url=url,
        secrets={"api_key": "key", "username": "shop_trk", "password": "very secret"},
        settings={"customer_code": "XY12", "tracking_url": url, "timeout_seconds": 1.0} | settings,
    )  # fmt: skip


def row(word: str, day: str, hour: str, code: str = "X") -> dict[str, str]:
    return {"strCode": code, "strAction": word, "strActionDate": day, "strActionTime": hour, "strOrigin": "PUNE APEX",
            "strDestination": "", "sTrRemarks": "", "strManifestNo": "M1"}  # fmt: skip


def reply(*rows: dict[str, str], awb: str = "G77001234") -> dict[str, Any]:
    header = {"strShipmentNo": awb, "strExpectedDeliveryDate": "24112026"}
    return {"statusFlag": True, "trackHeader": header, "trackDetails": list(rows)}


def test_it_offers_what_is_public_and_nothing_else() -> None:
    whole: CarrierAdapter = DtdcAdapter()
    assert not isinstance(whole, (GivesLabels, SchedulesPickups, ReceivesTracking, AnswersNdr))
    assert whole.certainty == "excerpt"
    with pytest.raises(PermanentError, match="publishes no way to book"):
        whole.book(CarrierConfig(account_id=3, code="d"), booking_request(client_reference="R"))
    given = CarrierConfig(account_id=3, code="d", settings={"awb": "g77001234"})
    assert whole.book(given, booking_request(client_reference="R")).awb == "G77001234"


# -- cancellation ------------------------------------------------------------------------------------------------------


def test_a_parcel_is_voided_in_the_published_words(vendor: Vendor, shared_dir: Path) -> None:
    vendor.says(CANCEL, (200, {"status": "OK", "success": True}))
    DtdcAdapter().cancel(config(vendor.url), BOOKED)
    [(path, headers, body)] = vendor.calls
    assert (path, headers["api-key"], body) == (CANCEL, "key", {"AWBNo": ["G77001234"], "customerCode": "XY12"})
    contract = shared_dir / "contracts" / "dtdc" / "dtdc.official-excerpt.json"
    if contract.is_file():
        published = json.loads(contract.read_text())["cancel"]
        assert (path, set(body)) == (published["url"], set(published["body"]))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"status": "OK", "success": False, "failures": [{"message": "In transit"}]}, PermanentError),
        (400, {"error": "customerCode is wrong"}, PermanentError),
        (401, {"error": "key"}, PermanentError),
        (429, "slow down", TransientError),
        (503, "later", TransientError),
        (200, "<html>", TransientError),
    ],
)
def test_what_a_reply_to_a_cancellation_means(vendor: Vendor, status: int, body: Any, error: type[Exception]) -> None:
    vendor.says(CANCEL, (status, body))
    with pytest.raises(error):
        DtdcAdapter().cancel(config(vendor.url), BOOKED)


def test_a_second_cancellation_and_missing_keys(vendor: Vendor) -> None:
    vendor.says(CANCEL, (200, {"success": False, "failures": [{"message": "Consignment already cancelled"}]}))
    DtdcAdapter().cancel(config(vendor.url), BOOKED)
    vendor.says(CANCEL, (200, {"success": False, "failures": [{"message": "Already dispatched, cannot be cancelled"}]}))
    with pytest.raises(PermanentError, match="dispatched"):
        DtdcAdapter().cancel(config(vendor.url), BOOKED)
    with pytest.raises(PermanentError, match="customer_code"):
        DtdcAdapter().cancel(config(vendor.url, customer_code=""), BOOKED)


# -- tracking ----------------------------------------------------------------------------------------------------------


def test_scans_are_asked_for_with_a_token_that_is_kept(vendor: Vendor) -> None:
    rows = (row("Delivered", "23112026", "0905"), row("BOOKED", "21112026", "1830"), row("oddity", "bad", "1830"))
    vendor.says(TRACK, (200, reply(*rows)))
    adapter = DtdcAdapter()
    update = adapter.track(config(vendor.url), "G77001234")
    assert adapter.track(config(vendor.url), "G77001234") == update
    assert [scan.milestone for scan in update.scans] == [M.BOOKED, M.DELIVERED]
    assert update.scans[0].occurred_at.astimezone(UTC) == datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
    assert (update.expected_delivery, update.scans[0].location) == (date(2026, 11, 24), "PUNE APEX")
    assert [path.split("?")[0] for path, *_ in vendor.calls] == [SIGN_IN, TRACK, TRACK]
    _, headers, body = vendor.calls[1]
    assert headers["x-access-token"] == "shop_trk:0123456789abcdef"
    assert body == {"trkType": "cnno", "strcnno": "G77001234", "addtnlDtl": "Y"}


def test_a_token_that_is_refused_is_renewed_once(vendor: Vendor) -> None:
    vendor.says(TRACK, (401, ""), (200, reply()))
    assert DtdcAdapter().track(config(vendor.url), "G77001234").scans == ()
    assert [path.split("?")[0] for path, *_ in vendor.calls] == [SIGN_IN, TRACK, SIGN_IN, TRACK]
    vendor.says(TRACK, (401, ""))
    with pytest.raises(PermanentError, match="401"):
        DtdcAdapter().track(config(vendor.url), "G77001234")


@pytest.mark.parametrize("answer", [(200, '{"error": "no"}'), (200, ""), (401, "wrong"), (500, "down"), (429, "")])
def test_a_failed_sign_in_never_repeats_the_password(vendor: Vendor, answer: tuple[int, str]) -> None:
    vendor.says(SIGN_IN, answer)
    with pytest.raises((PermanentError, TransientError)) as caught:
        DtdcAdapter().track(config(vendor.url), "G77001234")
    assert "secret" not in str(caught.value)


def test_a_carrier_that_is_not_there_does_not_spill_the_password(vendor: Vendor) -> None:
    vendor.close()
    with pytest.raises(TransientError) as caught:
        DtdcAdapter().track(config(vendor.url), "G77001234")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_after_rto_the_same_words_tell_of_the_way_back(vendor: Vendor) -> None:
    words = ["BOOKED", "DISPATCHED", "Delivery  process in progress", "NOT DELIVERED", "HELDUP"]
    words += ["RTO", "RECEIVED", "DELIVERED"]
    rows = [row(word, "21112026", f"10{minute:02d}") for minute, word in enumerate(words)]
    update = mapping.read_tracking(reply(*reversed(rows)), "G77001234")
    assert [scan.milestone for scan in update.scans] == [
        M.BOOKED, M.IN_TRANSIT, M.OUT_FOR_DELIVERY, M.ATTEMPT_FAILED, M.UNKNOWN, M.RTO_INITIATED, M.RTO_IN_TRANSIT,
        M.RTO_DELIVERED,
    ]  # fmt: skip
    with pytest.raises(PermanentError, match="Asked for AWB G1"):
        mapping.read_tracking(reply(), "G1")
    assert mapping.read_tracking({"statusFlag": False, "trackDetails": None}, "G1").scans == ()


def test_the_words_are_those_that_are_published(shared_dir: Path) -> None:
    contract = shared_dir / "contracts" / "dtdc" / "dtdc.official-excerpt.json"
    if not contract.is_file():
        pytest.skip("needs the published excerpt, which is not part of the project")
    published = json.loads(contract.read_text())["tracking"]
    assert set(mapping.WORDS) == set(published["statuses"])
    assert published["json"] == TRACK
    assert f"{SIGN_IN}?username=" in published["authenticate"]


def test_a_sign_in_that_is_repeated_leaves_no_password_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    nobody = CarrierConfig(
        account_id=1,
        code="dtdc",
        settings={"tracking_url": "http://127.0.0.1:9"},
        secrets={"username": "me", "password": "geheim"},
    )

    with pytest.raises(TransientError):
        DtdcAdapter().track(nobody, "D1")

    assert "authenticate?..." in caplog.text
    assert "geheim" not in caplog.text
