"""Many bookings, a third of them with an unknown outcome: one live booking each, none orphaned."""

from concurrent.futures import ThreadPoolExecutor

from carriers.adapters.shiprocket.adapter import ShiprocketAdapter
from carriers.base import Booked, CarrierConfig, UnknownOutcome
from carriers.simulators.shiprocket.faults import Fault
from carriers.simulators.shiprocket.server import SimulatorServer
from oms.core.errors import TransientError
from tests.carriers.shiprocket.conftest import booking_request


def settle(adapter: ShiprocketAdapter, config: CarrierConfig, reference: str) -> tuple[Booked, int]:
    """Book as the flow does: after an unknown outcome look it up, and only then go on. Also counts the unknowns."""
    unknown = 0
    while True:
        try:
            held = adapter.find_booking(config, reference) if unknown else None
            return (held if held and held.awb else adapter.book(config, booking_request(reference))), unknown
        except UnknownOutcome:
            unknown += 1
        except TransientError:
            continue


def test_a_hundred_parcels_end_with_a_hundred_live_bookings_and_no_orphan(
    adapter: ShiprocketAdapter, config: CarrierConfig, simulator: SimulatorServer
) -> None:
    # Given a carrier that loses 15 % of the replies to an order and to an AWB, and now and then cancels or refuses
    for path in ("/orders/create", "/courier/assign"):
        simulator.faults.add(Fault("drop_reply", share=0.15, path=path))
    simulator.faults.add(Fault("cancelled_200", share=0.05))
    simulator.faults.add(Fault("429", share=0.03))
    references = [f"OMS-P-{number:03d}" for number in range(100)]

    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(lambda reference: settle(adapter, config, reference), references))

    parcels = list(simulator.carrier.store.parcels.values())
    alive = {parcel.reference.split("-R")[0]: parcel.awb for parcel in parcels if parcel.live}
    assert sum(unknown > 0 for _, unknown in results) >= 15, "the faults struck"
    assert len([parcel for parcel in parcels if parcel.live]) == 100
    assert [parcel.reference for parcel in parcels if not parcel.live and not parcel.cancelled] == []
    assert alive == {reference: booked.awb for reference, (booked, _) in zip(references, results, strict=True)}
    assert len(set(alive.values())) == 100
