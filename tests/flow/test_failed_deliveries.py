"""A failed delivery from the scan to the return, with the simulated aggregator: what it accepts is not yet done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from carriers.base import Milestone
from carriers.models import Booking, CarrierAccount
from carriers.services import poll_tracking
from carriers.simulators.shiprocket.faults import Fault
from carriers.simulators.shiprocket.server import SimulatorServer
from fulfillment.models import AnsweredBy, AnswerKind, DeliveryAnswer, FailedDelivery, Shipment
from fulfillment.services import hand_over
from fulfillment.services.answers import Wish, answer_failure
from fulfillment.services.road import look_after_failures
from oms.core.models import Delivery
from oms.notifications.links import tracking_url
from oms.notifications.models import Message
from returns.models import Return
from tests.factories import World, make_line, make_world
from tests.flow.driver import drain
from tests.fulfillment.failing import failed, scan
from tests.fulfillment.floor import labelled, make_carrier, make_work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def carrier(world: World) -> Iterator[SimulatorServer]:
    with SimulatorServer(speed=0.0, share_failed=0.0, share_rto=0.0) as server:
        CarrierAccount.objects.create(
            code="swift", name="Swift", adapter="shiprocket", base_url=server.base_url,
            secrets={"email": "a@example.com", "password": "x"},
        )  # fmt: skip
        yield server


def look(server: SimulatorServer, milestone: Milestone) -> FailedDelivery:
    """The parcel gets there, and is asked about."""
    [parcel] = server.carrier.store.parcels.values()
    server.carrier.advance(parcel, milestone)
    Booking.objects.update(next_poll_at=timezone.now())
    assert poll_tracking() == 1
    drain()
    return FailedDelivery.objects.latest("number")


def answer(failure: FailedDelivery, kind: AnswerKind) -> DeliveryAnswer:
    return answer_failure(failure_id=failure.pk, wish=Wish(kind=kind), by=AnsweredBy.PERSON, actor="Asha")


def test_accepted_is_not_done_and_a_scan_proves_it(world: World, carrier: SimulatorServer) -> None:
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))
    hand_over(shipment_ids=[shipment.pk], actor="dock")
    first = look(carrier, Milestone.ATTEMPT_FAILED)
    assert (first.number, first.state, first.said.startswith("Pending - ")) == (1, "waiting", True)
    assert first.reason != "other"

    again = answer(first, AnswerKind.AGAIN)
    carrier.faults.add(Fault("500", count=1, path="/ndr/"))
    drain_with_one_failure()
    again.refresh_from_db()
    assert again.state == "accepted"
    [parcel] = carrier.carrier.store.parcels.values()
    assert "NDR_RE-ATTEMPT" in parcel.history
    first.refresh_from_db()
    assert first.state == "told"
    # 202, and nothing moves.
    FailedDelivery.objects.update(act_by=timezone.now() - timedelta(hours=1))
    look_after_failures()
    first.refresh_from_db()
    assert first.state == "not_done"

    answer(first, AnswerKind.RETURN)
    drain()
    look(carrier, Milestone.RTO_INITIATED)
    first.refresh_from_db()
    assert (first.state, first.ended) == ("closed", "again")
    assert FailedDelivery.objects.get(number=2).ended == "returning"
    assert Shipment.objects.get().state == "rto_initiated"
    assert Return.objects.filter(kind="rto").count() == 1


def drain_with_one_failure() -> None:
    """The carrier is out of order once; the flow comes back to it."""
    with pytest.raises(AssertionError, match="NDR answer"):
        drain()
    Delivery.objects.exclude(last_error="").update(last_error="", next_try_at=timezone.now())
    drain()


def test_a_customer_is_written_to_after_each_attempt(world: World) -> None:
    make_carrier()
    shipment = failed(world, "1", 30).shipment
    drain()
    scan(shipment, "out_for_delivery", 8)
    scan(shipment, "attempt_failed", 4)
    scan(shipment, "attempt_failed", 3, scan_key="said again")
    drain()
    letters = Message.objects.filter(template="delivery_failed").order_by("pk")
    assert [tracking_url(shipment.order) in letter.text for letter in letters] == [True, True]
