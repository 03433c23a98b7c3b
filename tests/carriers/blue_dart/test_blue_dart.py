"""Blue Dart against a carrier of this process that answers as is publicly known. Nothing here was recorded."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from carriers.adapters.blue_dart import mapping
from carriers.adapters.blue_dart.adapter import BlueDartAdapter
from carriers.adapters.blue_dart.statuses import WORDS, milestone_of
from carriers.base import (
    Booked,
    CannotProveAbsence,
    CarrierAdapter,
    CarrierConfig,
    GivesLabels,
    LeavesOut,
    Milestone,
    SubStatus,
    UnknownOutcome,
)
from carriers.errors import NotProven
from carriers.simulators.faulty import Call, FaultyServer
from oms.core.errors import PermanentError, TransientError
from tests.carriers.abroad_world import to_thane
from tests.carriers.services.world import rate_request

M = Milestone
REFERENCE = "OMS-100234-a1b2c3-1"
SECRETS = {
    "client_id": "key-of-ours", "client_secret": "s3cret/of+ours", "login_id": "BLR00001", "licence_key": "l1cence&key",
}  # fmt: skip
SETTINGS = {"customer_code": "123456", "origin_area": "BLR", "services": {"standard": "E"}, "timeout_seconds": 1.0}
PDF = b"%PDF-1.4 label"
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
REFUSED = "CNEE REFUSED ID/OTP NOT SHARED-INCORRECT"
BOOK, TRACK, CANCEL, LOGIN = "/GenerateWayBill", "/tracking", "/CancelWaybill", "/login"


def refusal(code: str, words: str, name: str = "error-response", **more: Any) -> dict[str, Any]:
    """A refusal as the gateway words it."""
    row = {"IsError": True, "Status": [{"StatusCode": code, "StatusInformation": words}]} | more
    return {name: [row] if name == "error-response" else row}


class SimulatedBlueDart:
    """Waybills of one account. `dedupes` says whether a reference is taken once; tracking shows what was scanned."""

    def __init__(self) -> None:
        self.waybills: dict[str, str] = {}
        self.cancelled: set[str] = set()
        self.scanned: set[str] = set()
        self.dedupes = True
        self.tokens = 0
        self.expired = 0
        self.booking_reply: tuple[int, Any] | None = None

    def answer(self, call: Call) -> tuple[int, Any]:
        if call.path.endswith(LOGIN):
            if (call.method, call.headers.get("clientid"), call.headers.get("clientsecret")) != (
                "GET", SECRETS["client_id"], SECRETS["client_secret"],
            ):  # fmt: skip
                return 401, {"title": "Unauthorized", "detail": f"{call.headers.get('clientsecret')} is wrong"}
            self.tokens += 1
            return 200, {"JWTToken": f"token-{self.tokens}"}
        if call.headers.get("jwttoken") != f"token-{self.tokens}" or self.tokens <= self.expired:
            return 401, {"title": "Unauthorized", "detail": "The token has expired"}
        if call.path.startswith(TRACK):
            return self._tracked(call.query)
        profile = call.body["Profile"]
        if (profile["LoginID"], profile["Api_type"]) != (SECRETS["login_id"], "S"):
            return 400, refusal("InvalidLogin", f"Licence {profile['LicenceKey']} is not valid")
        return self._book(call.body["Request"]) if call.path.endswith(BOOK) else self._void(call.body["Request"])

    def _book(self, request: Mapping[str, Any]) -> tuple[int, Any]:
        if self.booking_reply is not None:
            return self.booking_reply
        reference = request["Services"]["CreditReferenceNo"]
        if self.dedupes and reference in self.waybills.values():
            [awb] = [awb for awb, known in self.waybills.items() if known == reference]
            return 400, refusal("WaybillAlreadyGenerated", f"Waybill already generated. Waybill No: {awb}")
        awb = str(80_000_000_001 + len(self.waybills))
        self.waybills[awb] = reference
        content = None if request["Services"]["PDFOutputNotRequired"] else list(PDF)
        return 200, {"GenerateWayBillResult": {
            "AWBNo": awb, "AWBPrintContent": content, "DestinationArea": "BOM", "DestinationLocation": "THA",
            "IsError": False, "Status": [{"StatusCode": "Valid", "StatusInformation": "Waybill Generation Successful"}],
        }}  # fmt: skip

    def _void(self, request: Mapping[str, Any]) -> tuple[int, Any]:
        awb = request["AWBNo"]
        if awb in self.cancelled:
            return 400, refusal("InvalidAWB", "Waybill is already cancelled")
        if awb in self.scanned:
            return 200, refusal("NotAllowed", "Shipment is in scanned", "CancelWaybillResult")
        self.cancelled.add(awb)
        return 200, {"CancelWaybillResult": {"IsError": False, "Status": [{"StatusCode": "Valid"}]}}

    def _tracked(self, query: Mapping[str, str]) -> tuple[int, Any]:
        assert (query["lickey"], query["action"], query["scan"]) == (SECRETS["licence_key"], "custawbquery", "1")
        number, by_reference = query["numbers"], query["awb"] == "ref"
        shown = [awb for awb in sorted(self.scanned) if number == (self.waybills[awb] if by_reference else awb)]
        if not shown:
            return 200, tracking(f'<Shipment WaybillNo="{number}" RefNo=""><StatusType>NF</StatusType></Shipment>')
        scan = scan_xml("PU", "SHIPMENT PICKED UP")
        return 200, tracking(*(shipment_xml(awb, scan, reference=self.waybills[awb]) for awb in shown))


def tracking(*shipments: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<ShipmentData>{"".join(shipments)}</ShipmentData>'.encode()


def shipment_xml(awb: str, *scans: str, reference: str = REFERENCE) -> str:
    return (
        f'<Shipment WaybillNo="{awb}" RefNo="{reference}"><Status>x</Status><StatusType>UD</StatusType>'
        f"<ExpectedDeliveryDate>27 November 2026</ExpectedDeliveryDate><Scans>{''.join(scans)}</Scans></Shipment>"
    )


def scan_xml(kind: str, words: str, at: str = "09:15", day: str = "24-Nov-2026") -> str:
    return (
        f"<ScanDetail><Scan>{words}</Scan><ScanCode>015</ScanCode><ScanType>{kind}</ScanType>"
        f"<ScanDate>{day}</ScanDate><ScanTime>{at}</ScanTime><ScannedLocation>PEENYA</ScannedLocation></ScanDetail>"
    )


@pytest.fixture
def carrier() -> SimulatedBlueDart:
    return SimulatedBlueDart()


@pytest.fixture
def server(carrier: SimulatedBlueDart) -> Iterator[FaultyServer]:
    with FaultyServer(carrier.answer) as running:
        yield running


@pytest.fixture
def adapter() -> BlueDartAdapter:
    return BlueDartAdapter()


def config(server: FaultyServer, secrets: Mapping[str, str] = SECRETS, **settings: Any) -> CarrierConfig:
    return CarrierConfig(
        account_id=7, code="blue_dart", base_url=server.base_url, secrets=secrets, settings=SETTINGS | settings
    )


def test_it_is_what_the_flow_expects_and_says_what_it_leaves_out(adapter: BlueDartAdapter) -> None:
    whole: CarrierAdapter = adapter
    for ability in (CannotProveAbsence, GivesLabels, LeavesOut):
        assert isinstance(whole, ability)
    assert whole.certainty.value == "excerpt"


def test_a_parcel_in_the_words_of_blue_dart() -> None:
    settings = SETTINGS | {"use_carrier_label": True, "origin_areas": {"BLR-DC": "BLX"}}
    body = mapping.waybill_request(to_thane(cod_minor=249_950, weight_grams=1241), settings, AT)
    services = body["Services"]
    assert services["Dimensions"] == [{"Length": 30.0, "Breadth": 22.0, "Height": 8.5, "Count": 1}]
    assert (services["ProductCode"], services["SubProductCode"], services["CollectableAmount"]) == ("E", "C", 2499.5)
    assert (services["ActualWeight"], services["CreditReferenceNo"]) == ("1.25", REFERENCE)
    assert (services["RegisterPickup"], services["PDFOutputNotRequired"]) == (False, False)
    # 09:00 in London is 14:30 in India: the pickup of that day at 16:00 is still to come.
    assert services["PickupDate"] == f"/Date({int(datetime(2026, 11, 24, 10, 30, tzinfo=UTC).timestamp())}000)/"
    assert (body["Consignee"]["ConsigneePincode"], body["Consignee"]["ConsigneeMobile"]) == ("421204", "9820012345")
    assert (body["Shipper"]["CustomerCode"], body["Shipper"]["OriginArea"]) == ("123456", "BLX")
    assert body["Returnadds"]["ReturnAddress1"] == "7 Peenya Industrial Area"
    prepaid = mapping.waybill_request(to_thane(), SETTINGS, AT.replace(hour=11))["Services"]
    assert (prepaid["SubProductCode"], prepaid["CollectableAmount"], prepaid["PDFOutputNotRequired"]) == (
        "P",
        0.0,
        True,
    )
    assert prepaid["PickupDate"] == f"/Date({int(datetime(2026, 11, 25, 10, 30, tzinfo=UTC).timestamp())}000)/"


@pytest.mark.parametrize(
    ("changes", "settings", "words"),
    [
        ({"currency": "USD"}, {}, "in USD"),
        ({"declared_value_minor": 5_000_000}, {}, "e-way bill"),
        ({}, {"origin_area": ""}, "origin_areas for BLR-DC"),
        ({}, {"services": {}}, "names no service of Blue Dart"),
        ({}, {"pickup_time": "4 pm"}, "pickup_time is '4 pm'"),
    ],
)
def test_what_cannot_be_taken_is_refused_before_any_call(
    changes: dict[str, Any], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(PermanentError, match=words):
        mapping.waybill_request(to_thane(**changes), SETTINGS | settings, AT)


def test_a_parcel_is_booked_with_its_label_and_found_after_its_first_scan(
    adapter: BlueDartAdapter, server: FaultyServer, carrier: SimulatedBlueDart
) -> None:
    made = adapter.book(config(server, use_carrier_label=True), to_thane())
    assert (made.awb, made.label_pdf) == ("80000000001", PDF)
    assert made.external_ids == {"reference": REFERENCE, "area": "BOM", "location": "THA"}
    with pytest.raises(NotProven, match="shows no waybill under"):
        adapter.find_booking(config(server), REFERENCE)
    assert adapter.track(config(server), made.awb).scans == ()
    carrier.scanned.add(made.awb)
    found = adapter.find_booking(config(server), REFERENCE)
    assert found is not None
    assert found.awb == made.awb
    with pytest.raises(PermanentError, match="none came for 80000000001"):
        adapter.label(config(server), found)
    assert adapter.book(config(server), to_thane(client_reference="OMS-2")).label_pdf == b""
    with pytest.raises(PermanentError, match="rate card"):
        adapter.rates(config(server), rate_request())


@pytest.mark.parametrize(
    ("content", "pdf"), [(list(PDF), PDF), ("JVBERi0xLjQgbGFiZWw=", PDF), ([60, 104], b""), ([999], b""), ("?", b"")]
)
def test_a_label_is_kept_only_where_it_is_a_pdf(content: Any, pdf: bytes) -> None:
    assert mapping.label_of({"AWBPrintContent": content}) == pdf


@pytest.mark.parametrize(
    ("kind", "error", "made"),
    [("lost", UnknownOutcome, 1), ("cut", UnknownOutcome, 0), ("500", UnknownOutcome, 0), ("html", UnknownOutcome, 1),
     ("429", TransientError, 0)],
)  # fmt: skip
def test_what_a_failed_booking_means(
    adapter: BlueDartAdapter, server: FaultyServer, carrier: SimulatedBlueDart, kind: str, error: type[Exception],
    made: int,
) -> None:  # fmt: skip
    server.fault(kind, path=BOOK, count=1)
    with pytest.raises(error):
        adapter.book(config(server), to_thane())
    assert (len(carrier.waybills), len([call for call in server.calls if call.path.endswith(BOOK)])) == (made, 1)
    with pytest.raises(NotProven):
        adapter.find_booking(config(server), REFERENCE)
    assert len(carrier.waybills) == made
    carrier.scanned.update(carrier.waybills)
    if made:
        found = adapter.find_booking(config(server), REFERENCE)
        assert found is not None
        assert found.awb in carrier.waybills


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (200, refusal("InvalidPin", "No such pin", "GenerateWayBillResult"), PermanentError, "InvalidPin: No such pin"),
        (400, refusal("InvalidPinCode", "Pincode cannot be blank"), PermanentError, "Pincode cannot be blank"),
        (200, refusal("PickupFailed", "No pickup", "GenerateWayBillResult", AWBNo="80000000009"), UnknownOutcome,
         "may hold waybill 80000000009"),
        (200, {"GenerateWayBillResult": {"IsError": False}}, UnknownOutcome, "named no waybill"),
        (200, {"GenerateWayBillResult": {"IsError": "false", "Status": []}}, UnknownOutcome, "named no waybill"),
        (200, ["?"], UnknownOutcome, "named no waybill"),
        (403, {"title": "Forbidden"}, PermanentError, "Forbidden"),
    ],
)  # fmt: skip
def test_what_an_answer_without_a_waybill_means(
    adapter: BlueDartAdapter, server: FaultyServer, carrier: SimulatedBlueDart, status: int, body: Any,
    error: type[Exception], words: str,
) -> None:  # fmt: skip
    carrier.booking_reply = (status, body)
    with pytest.raises(error, match=words):
        adapter.book(config(server), to_thane())


def test_the_same_reference_twice_is_never_a_second_booking(
    adapter: BlueDartAdapter, server: FaultyServer, carrier: SimulatedBlueDart
) -> None:
    made = adapter.book(config(server), to_thane())
    with pytest.raises(UnknownOutcome, match=f"already generated. Waybill No: {made.awb}"):
        adapter.book(config(server), to_thane())
    assert list(carrier.waybills) == [made.awb]


def test_several_under_one_reference_prove_nothing(
    adapter: BlueDartAdapter, server: FaultyServer, carrier: SimulatedBlueDart
) -> None:
    carrier.dedupes = False
    carrier.scanned.update(adapter.book(config(server), to_thane()).awb for _ in range(2))
    with pytest.raises(NotProven, match="several waybills under OMS-100234-a1b2c3-1: 80000000001, 80000000002"):
        adapter.find_booking(config(server), REFERENCE)


def test_an_expired_token_is_renewed_once(
    adapter: BlueDartAdapter, server: FaultyServer, carrier: SimulatedBlueDart
) -> None:
    adapter.book(config(server), to_thane())
    carrier.expired = carrier.tokens
    adapter.book(config(server), to_thane(client_reference="OMS-2"))
    assert (carrier.tokens, len(carrier.waybills)) == (2, 2)
    carrier.expired = 99
    with pytest.raises(PermanentError, match="The token has expired"):
        adapter.book(config(server), to_thane(client_reference="OMS-3"))
    assert (carrier.tokens, len(carrier.waybills)) == (3, 2)


def test_a_cancellation_may_be_repeated_until_the_first_scan(
    adapter: BlueDartAdapter, server: FaultyServer, carrier: SimulatedBlueDart
) -> None:
    made = adapter.book(config(server), to_thane())
    server.fault("lost", path=CANCEL, count=1)
    with pytest.raises(TransientError):
        adapter.cancel(config(server), made)
    adapter.cancel(config(server), made)
    assert carrier.cancelled == {made.awb}
    later = adapter.book(config(server), to_thane(client_reference="OMS-2"))
    carrier.scanned.add(later.awb)
    with pytest.raises(PermanentError, match="NotAllowed: Shipment is in scanned"):
        adapter.cancel(config(server), later)


@pytest.mark.parametrize("kind", ["lost", "cut", "500", "429", "html"])
def test_tracking_that_fails_is_asked_again_and_names_no_secret(
    adapter: BlueDartAdapter, server: FaultyServer, kind: str
) -> None:
    server.fault(kind, path=TRACK)
    with pytest.raises(TransientError) as caught:
        adapter.track(config(server), "80000000001")
    assert_no_secret(caught.value)


def assert_no_secret(error: BaseException) -> None:
    """Neither in the error nor in what a log would print as its cause."""
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    for value in ("s3cret", "l1cence", SECRETS["client_id"]):
        assert value not in str(error)


def test_refused_credentials_are_not_repeated(adapter: BlueDartAdapter, server: FaultyServer) -> None:
    for wrong, words in (
        ({"client_secret": "s3cret-wrong"}, "client_id and client_secret"),
        ({"login_id": "?"}, r"\*{3}"),
    ):
        with pytest.raises(PermanentError, match=words) as caught:
            adapter.book(config(server, SECRETS | wrong), to_thane())
        assert_no_secret(caught.value)
    with pytest.raises(PermanentError, match="the secret licence_key; it is missing"):
        adapter.book(config(server, {**SECRETS, "licence_key": ""}), to_thane())


@pytest.mark.parametrize(("words", "milestone"), sorted(WORDS.items()))
def test_every_listed_word_moves_as_listed(words: str, milestone: Milestone) -> None:
    kind = "DL" if milestone is M.DELIVERED else "UD"
    assert milestone_of(kind, f" {words.upper()} ") is milestone
    assert milestone_of("", words) is milestone


@pytest.mark.parametrize(
    ("kind", "words", "milestone"),
    [
        ("DL", "Shipment delivered back to shipper", M.UNKNOWN), ("DL", "?", M.UNKNOWN), ("RT", "?", M.RTO_INITIATED),
        ("UD", "Shipment delivered", M.UNKNOWN), ("UD", "Shipment Outscan", M.UNKNOWN), ("UD", "Delayed", M.UNKNOWN),
        ("IT", "?", M.UNKNOWN), ("NF", "", M.UNKNOWN),
    ],
)  # fmt: skip
def test_what_is_not_listed_moves_nothing(kind: str, words: str, milestone: Milestone) -> None:
    assert milestone_of(kind, words) is milestone


def scans_of(*scans: str) -> list[tuple[str, Milestone]]:
    shown = mapping.shipments_of(tracking(shipment_xml("1", *scans)).decode())
    assert shown is not None
    return [(scan.scan_key, scan.milestone) for scan in mapping.read_tracking(shown, "1").scans]


def test_scans_in_any_order_are_the_same_and_a_return_turns_them() -> None:
    rows = [
        scan_xml("PU", "Shipment Picked Up", "09:15"), scan_xml("UD", "Shipment Out For Delivery", "11:00"),
        scan_xml("UD", REFUSED, "12:00"), scan_xml("RT", "Shipment Returned", "13:00"),
        scan_xml("UD", "Shipment Arrived At Hub", "13:00"), scan_xml("DL", "Shipment Delivered", "18:00"),
    ]  # fmt: skip
    told = scans_of(*rows)
    assert [milestone for _, milestone in told] == [
        M.PICKED_UP, M.OUT_FOR_DELIVERY, M.ATTEMPT_FAILED, M.RTO_INITIATED, M.RTO_IN_TRANSIT, M.RTO_DELIVERED,
    ]  # fmt: skip
    random.Random(7).shuffle(rows)
    assert scans_of(*rows, rows[0]) == told


def test_a_scan_is_read_whole() -> None:
    shown = mapping.shipments_of(tracking(shipment_xml("1", scan_xml("UD", REFUSED))).decode())
    assert shown is not None
    update = mapping.read_tracking(shown, "1")
    [scan] = update.scans
    assert (scan.occurred_at.isoformat(), scan.location) == ("2026-11-24T09:15:00+05:30", "PEENYA")
    assert (scan.sub_status, scan.raw["ScanCode"]) == (SubStatus.REFUSED, "015")
    assert f"{update.expected_delivery}" == "2026-11-27"
    assert scans_of(scan_xml("DL", "Shipment delivered", "25:61"), scan_xml("DL", "Shipment delivered", day="?")) == []
    with pytest.raises(PermanentError, match="Asked for AWB 2, Blue Dart answered with '1'"):
        mapping.read_tracking(shown, "2")


@pytest.mark.parametrize(
    "text", ["<html>", "", "<Other/>", '<!DOCTYPE a [<!ENTITY b "c">]><ShipmentData>&b;</ShipmentData>']
)
def test_what_is_no_tracking_reply_is_not_read(text: str) -> None:
    assert mapping.shipments_of(text) is None


def test_a_waybill_is_voided_by_its_own_number(adapter: BlueDartAdapter, server: FaultyServer) -> None:
    adapter.cancel(config(server), Booked(awb="80000000077", courier_name="Blue Dart"))
    assert server.last(CANCEL).body["Request"] == {"AWBNo": "80000000077"}
