"""The adapter against a running simulator, with every fault."""

import socket
import threading
from datetime import date

import pytest

from carriers.adapters.shiprocket.adapter import ShiprocketAdapter
from carriers.base import (
    AnswersNdr,
    Booked,
    CarrierAdapter,
    CarrierConfig,
    GivesLabels,
    Milestone,
    NdrAction,
    NdrAnswer,
    RateRequest,
    ReceivesTracking,
    SchedulesPickups,
    UnknownOutcome,
)
from carriers.errors import NoPrices
from carriers.registry import ADAPTERS, adapter_for
from carriers.simulators.shiprocket.faults import Fault
from carriers.simulators.shiprocket.server import SimulatorServer
from oms.core.errors import PermanentError, TransientError
from tests.carriers.shiprocket.conftest import account, booking_request

ON = date(2026, 11, 23)


def live(simulator: SimulatorServer) -> list[str]:
    """References of the parcels that a courier would carry."""
    return [parcel.reference for parcel in simulator.carrier.store.parcels.values() if parcel.live]


def test_it_is_registered_with_all_its_abilities() -> None:
    adapter: CarrierAdapter = adapter_for("shiprocket")

    assert adapter is ADAPTERS["shiprocket"]
    for ability in (GivesLabels, SchedulesPickups, ReceivesTracking, AnswersNdr):
        assert isinstance(adapter, ability)


def test_rates_say_who_carries_it(adapter: ShiprocketAdapter, config: CarrierConfig) -> None:
    request = RateRequest(from_postcode="560058", to_postcode="421204", weight_grams=1250, cod_minor=249950)

    rates = adapter.rates(config, request)

    assert [rate.courier_name for rate in rates] == [
        "Xpressbees Surface",
        "Ecom Express Surface",
        "Delhivery Surface",
        "Blue Dart Air",
    ]
    assert all(rate.supports_cod and rate.expected_delivery for rate in rates)


def test_no_rate_means_not_serviceable(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    request = RateRequest(from_postcode="560058", to_postcode="421204", weight_grams=500)
    assert adapter.rates(config, RateRequest(from_postcode="560058", to_postcode="421999", weight_grams=500)) == []
    assert (
        adapter.rates(config, RateRequest(from_postcode="560058", to_postcode="1", weight_grams=5, country="US")) == []
    )

    with pytest.raises(NoPrices, match="The delivery postcode field is required"):
        adapter.rates(config, RateRequest(from_postcode="560058", to_postcode="", weight_grams=500))
    simulator.faults.add(Fault("no_serviceability", count=1))

    assert adapter.rates(config, request) == []
    assert adapter.rates(config, request) != []


def test_a_parcel_goes_from_booking_to_paper_and_pickup(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    booked = adapter.book(config, booking_request(courier_id="43"))

    assert booked == Booked(
        awb="19040116160001",
        courier_name="Delhivery Surface",
        external_ids={
            "order_id": "16160001",
            "shipment_id": "15150001",
            "reference": "OMS-P-1",
            "courier_id": "43",
            "routing_code": "THA/204",
        },
    )
    found = adapter.find_booking(config, "OMS-P-1")
    assert found is not None
    assert (found.awb, found.courier_name) == ("19040116160001", "Delhivery Surface")
    assert adapter.label(config, booked).startswith(b"%PDF")
    token = adapter.schedule_pickup(config, [booked], ON)
    assert token.startswith("Reference No: SIM_15150001_")
    assert adapter.schedule_pickup(config, [booked], ON) == "", "already in the queue counts as done"
    assert adapter.manifest(config, [booked]).startswith(b"%PDF")
    assert adapter.manifest(config, [booked]).startswith(b"%PDF"), "a second time it is printed again"
    assert [scan.milestone for scan in adapter.track(config, booked.awb).scans] == [Milestone.PICKUP_SCHEDULED] * 2


def test_booking_twice_gives_the_same_parcel(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    first = adapter.book(config, booking_request())

    assert adapter.book(config, booking_request()).awb == first.awb
    assert live(simulator) == ["OMS-P-1"]


def test_an_order_without_an_awb_is_found_and_completed_not_made_anew(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    # Given a process that died between the order and its AWB
    simulator.faults.add(Fault("drop_reply", count=1, path="/courier/assign"))
    simulator.faults.add(Fault("429", count=1, path="/courier/assign"))
    with pytest.raises(TransientError):
        adapter.book(config, booking_request())

    half_done = adapter.find_booking(config, "OMS-P-1")

    assert half_done is not None
    assert half_done.awb == ""
    assert half_done.external_ids["order_id"] == "16160001"
    # When the AWB's reply is lost and the booking is tried again, then the AWB that was assigned is adopted
    with pytest.raises(UnknownOutcome):
        adapter.book(config, booking_request())
    assert adapter.book(config, booking_request()).awb == "19040116160001"
    assert len(simulator.carrier.store.parcels) == 1


@pytest.mark.parametrize("kind", ["book_then_timeout", "drop_reply"])
@pytest.mark.parametrize("path", ["/orders/create", "/courier/assign"])
def test_a_lost_reply_is_an_unknown_outcome_and_then_found(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer, kind: str, path: str
) -> None:
    simulator.faults.add(Fault(kind, count=1, path=path, seconds=2.0))

    with pytest.raises(UnknownOutcome):
        adapter.book(config, booking_request())

    found = adapter.find_booking(config, "OMS-P-1")
    assert found is not None
    assert (found.awb == "") is (path == "/orders/create")
    assert adapter.book(config, booking_request()).external_ids["order_id"] == "16160001"
    assert live(simulator) == ["OMS-P-1"]


def test_a_cancelled_order_answered_with_200_is_never_adopted(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    simulator.faults.add(Fault("cancelled_200", count=1))

    booked = adapter.book(config, booking_request())

    assert booked.external_ids["reference"] == "OMS-P-1-R2"
    assert live(simulator) == ["OMS-P-1-R2"]
    found = adapter.find_booking(config, "OMS-P-1")
    assert found is not None
    assert found.awb == booked.awb
    assert adapter.book(config, booking_request()).awb == booked.awb, "the live round is adopted"


def test_each_cancellation_opens_the_next_round(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    for reference in ("OMS-P-1", "OMS-P-1-R2", "OMS-P-1-R3"):
        booked = adapter.book(config, booking_request())
        assert booked.external_ids["reference"] == reference
        adapter.cancel(config, booked)
        assert adapter.find_booking(config, "OMS-P-1") is None
    assert live(simulator) == []


def test_a_reference_that_begins_another_is_not_confused(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    adapter.book(config, booking_request("OMS-P-10"))

    assert adapter.find_booking(config, "OMS-P-1") is None


def test_a_cancellation_may_be_repeated(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    booked = adapter.book(config, booking_request())
    simulator.faults.add(Fault("drop_reply", count=1, path="/orders/cancel"))

    adapter.cancel(config, booked)
    adapter.cancel(config, booked)
    adapter.cancel(config, Booked(awb=booked.awb, courier_name=""))

    assert live(simulator) == []


def test_a_parcel_on_its_way_cannot_be_cancelled(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    booked = adapter.book(config, booking_request())
    parcel = simulator.carrier.store.by_awb[booked.awb]
    simulator.carrier.advance(parcel, Milestone.IN_TRANSIT)

    with pytest.raises(PermanentError, match="picked up"):
        adapter.cancel(config, booked)

    assert live(simulator) == ["OMS-P-1"]


def test_too_many_calls_is_transient_with_the_vendors_wait(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    simulator.faults.add(Fault("429", count=1))

    with pytest.raises(TransientError) as caught:
        adapter.book(config, booking_request())

    assert caught.value.retry_after_seconds == 1.0
    assert simulator.carrier.store.parcels == {}


def test_a_server_error_is_unknown_for_a_booking_and_transient_for_a_read(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    simulator.faults.add(Fault("500", count=1))
    with pytest.raises(UnknownOutcome):
        adapter.book(config, booking_request())
    simulator.faults.add(Fault("500", count=1))
    with pytest.raises(TransientError):
        adapter.track(config, "1")


def test_slow_within_the_timeout_is_only_slow(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    simulator.faults.add(Fault("slow", count=2, seconds=0.3))

    assert adapter.book(config, booking_request()).awb == "19040116160001"


def test_a_refused_order_is_permanent_with_the_field_messages(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    with pytest.raises(PermanentError, match="order_items: The order items field is required"):
        adapter.book(config, booking_request(items=()))

    assert simulator.carrier.store.parcels == {}


def test_a_refused_courier_is_permanent_and_leaves_the_order_to_be_completed(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    with pytest.raises(PermanentError, match="not serviceable"):
        adapter.book(config, booking_request(courier_id="225"))

    assert adapter.book(config, booking_request(courier_id="43")).external_ids["order_id"] == "16160001"


def test_a_host_that_nobody_serves_is_transient(adapter: ShiprocketAdapter) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(TransientError):
        adapter.book(account(f"http://127.0.0.1:{port}"), booking_request())


def test_a_token_that_expired_is_renewed_once(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    adapter.book(config, booking_request())
    simulator.api.tokens.clear()

    assert adapter.book(config, booking_request("OMS-P-2")).awb == "19040116160002"
    assert len(simulator.api.tokens) == 1


def test_threads_share_one_sign_in(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    references = [f"OMS-T-{number}" for number in range(8)]
    threads = [threading.Thread(target=adapter.book, args=(config, booking_request(name))) for name in references]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(live(simulator)) == references
    assert len(simulator.api.tokens) == 1


def test_a_refused_sign_in_is_permanent_and_names_no_password(simulator: SimulatorServer) -> None:
    config = CarrierConfig(
        account_id=1,
        code="shiprocket",
        base_url=simulator.base_url,
        secrets={"email": "api@example.com", "password": "wrong"},
    )

    with pytest.raises(PermanentError, match="Sign-in was refused") as caught:
        ShiprocketAdapter().track(config, "1")

    assert "wrong" not in str(caught.value)


def test_an_answer_to_a_failed_attempt_brings_the_parcel_back(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    booked = adapter.book(config, booking_request())
    parcel = simulator.carrier.store.by_awb[booked.awb]
    simulator.carrier.advance(parcel, Milestone.ATTEMPT_FAILED)

    adapter.answer_ndr(config, booked.awb, NdrAnswer(action=NdrAction.RETURN, comments="Customer refused"))
    simulator.carrier.advance(parcel, Milestone.RTO_DELIVERED)

    milestones = [scan.milestone for scan in adapter.track(config, booked.awb).scans]
    assert milestones[-4:] == [
        Milestone.RTO_INITIATED,
        Milestone.RTO_IN_TRANSIT,
        Milestone.RTO_IN_TRANSIT,
        Milestone.RTO_DELIVERED,
    ]


def test_an_unknown_awb_has_no_scans(adapter: ShiprocketAdapter, config: CarrierConfig) -> None:
    assert adapter.track(config, "999").scans == ()
