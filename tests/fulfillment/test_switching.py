"""A packed parcel changes its carrier: one live label at any moment, and none where something stays in doubt."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from carriers import registry
from carriers.base import Booked, Rate
from carriers.models import Booking, BookingState, CarrierAccount
from carriers.services.bookings import live_booking
from fulfillment.models import FulfillmentOrderState, Shipment, ShipmentState
from fulfillment.services import add_to_manifest, book_shipment, hand_over, open_manifest, shipping, switching
from fulfillment.services.switching import accounts_of, change_carrier, preview_change
from oms.core.errors import Conflict, PermanentError, TransientError
from orders.models import OrderEvent
from tests.carriers.services.world import ScriptedCarrier, scripted_account
from tests.factories import make_line, make_world
from tests.fulfillment.floor import labelled, make_carrier, make_work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> ScriptedCarrier:
    carrier = ScriptedCarrier()
    carrier.on_rates = lambda request: [
        Rate(courier_id="", courier_name="Scripted Air", charge_minor=100, transit_days=1, supports_cod=True)
    ]
    monkeypatch.setitem(registry.ADAPTERS, "scripted", carrier)
    return carrier


@pytest.fixture
def parcel(scripted: ScriptedCarrier) -> Shipment:
    """A parcel with a label of the scripted carrier; the riders could take it, too."""
    scripted_account()
    world = make_world()
    shipment = labelled(make_work(world, "O-1", make_line(world.kurta)))
    assert shipment.courier_name == "Scripted Air"
    make_carrier("riders")
    return shipment


def live(shipment: Shipment) -> list[str]:
    rows = Booking.objects.filter(parcel_uid=shipment.uid, state__in=Booking.LIVE)
    return [f"{row.account.code} {row.state}" for row in rows]


def switch(shipment: Shipment, **changes: Any) -> Shipment:
    return change_carrier(shipment.pk, **({"account_id": None, "reason": "Strike", "actor": "Asha"} | changes))


def test_the_old_label_is_void_and_the_parcel_has_one_of_the_new_carrier(
    parcel: Shipment, scripted: ScriptedCarrier
) -> None:
    after = switch(parcel)

    assert (after.state, after.carrier_account and after.carrier_account.code) == (ShipmentState.LABELLED, "riders")
    assert live(parcel) == ["riders booked"]
    assert scripted.cancelled == [parcel.awb]
    assert after.awb != parcel.awb
    assert after.fulfillment_order.state == FulfillmentOrderState.READY
    told = OrderEvent.objects.filter(order=parcel.order, message__startswith="Carrier changed").get()
    assert told.message == f"Carrier changed from Scripted {parcel.awb} to Riders {after.awb}: Strike"


def test_a_parcel_on_an_open_manifest_leaves_it(parcel: Shipment) -> None:
    assert parcel.carrier_account_id
    manifest = open_manifest(node_id=parcel.node_id, carrier_account_id=parcel.carrier_account_id, actor="Ravi")
    add_to_manifest(manifest_id=manifest.pk, awb=parcel.awb, actor="Ravi")

    after = switch(parcel)

    assert (after.state, after.manifest_id) == (ShipmentState.LABELLED, None)
    assert list(manifest.dropped.values_list("shipment", "awb")) == [(parcel.pk, parcel.awb)]


def test_a_parcel_that_nobody_else_takes_keeps_its_label(parcel: Shipment, scripted: ScriptedCarrier) -> None:
    CarrierAccount.objects.filter(code="riders").update(max_weight_grams=1)

    [exchange] = preview_change([Shipment.objects.get(pk=parcel.pk)], None)
    with pytest.raises(Conflict, match="Riders: Carries up to"):
        switch(parcel)

    assert exchange.quote is None
    assert live(parcel) == ["scripted booked"]
    assert scripted.cancelled == []
    assert Shipment.objects.get(pk=parcel.pk).awb == parcel.awb


def test_a_carrier_that_does_not_void_keeps_the_parcel(parcel: Shipment, scripted: ScriptedCarrier) -> None:
    def refuse(booked: Booked) -> None:
        raise PermanentError("It was picked up.")

    scripted.on_cancel = refuse

    with pytest.raises(Conflict, match=r"does not void .*: It was picked up\."):
        switch(parcel)

    again = Shipment.objects.get(pk=parcel.pk)
    assert (again.state, again.awb) == (ShipmentState.LABELLED, parcel.awb)
    assert live(parcel) == ["scripted booked"]


def test_a_carrier_that_does_not_answer_leaves_a_parcel_without_a_label_and_the_next_try_goes_on(
    parcel: Shipment, scripted: ScriptedCarrier
) -> None:
    def silent(booked: Booked) -> None:
        raise TransientError("No answer.")

    scripted.on_cancel = silent
    with pytest.raises(TransientError):
        switch(parcel)
    waiting = Shipment.objects.get(pk=parcel.pk)
    with pytest.raises(Conflict, match="has no label yet"):
        hand_over(shipment_ids=[parcel.pk], actor="Asha")
    scripted.on_cancel = lambda booked: None
    riders = CarrierAccount.objects.get(code="riders")

    after = switch(parcel, account_id=riders.pk)

    assert (waiting.state, waiting.awb) == (ShipmentState.CREATED, "")
    assert "has not voided" in waiting.problem
    assert str(after.carrier_account) == "Riders"
    assert live(parcel) == ["riders booked"]


def test_one_that_died_before_the_old_label_was_void_has_it_back_when_it_is_asked_again(
    parcel: Shipment, scripted: ScriptedCarrier
) -> None:
    def die(booked: Booked) -> None:
        raise KeyboardInterrupt

    scripted.on_cancel = die
    with pytest.raises(KeyboardInterrupt):
        switch(parcel)
    scripted.on_cancel = lambda booked: None

    Booking.objects.filter(state=BookingState.CANCELLING).update(state=BookingState.BOOKED)  # died a moment earlier
    again = book_shipment(parcel.pk)

    assert (again.courier_name, live(parcel)) == ("Scripted Air", ["scripted booked"])


def test_a_label_that_is_void_by_the_time_it_is_made_is_not_put_on_the_parcel(
    parcel: Shipment, scripted: ScriptedCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    Shipment.objects.filter(pk=parcel.pk).update(
        state=ShipmentState.CREATED, booking=None, awb="", carrier_account=None
    )  # fmt: skip
    riders = CarrierAccount.objects.get(code="riders")

    def slow(booking_id: int) -> None:
        monkeypatch.undo()
        monkeypatch.setitem(registry.ADAPTERS, "scripted", scripted)
        switch(parcel, account_id=riders.pk)
        Shipment.objects.filter(pk=parcel.pk).update(state=ShipmentState.CREATED, booking=None)

    monkeypatch.setattr(shipping, "make_label", slow)
    with pytest.raises(TransientError, match="is cancelled by now"):
        book_shipment(parcel.pk)

    assert Shipment.objects.get(pk=parcel.pk).state == ShipmentState.CREATED
    assert live(parcel) == ["riders booked"]


def test_a_booking_that_was_labelled_meanwhile_is_not_voided(
    parcel: Shipment, scripted: ScriptedCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(uid: UUID) -> Booking | None:
        monkeypatch.setattr(switching, "live_booking", live_booking)
        book_shipment(parcel.pk)
        return live_booking(uid)

    monkeypatch.setattr(switching, "live_booking", meanwhile)
    with pytest.raises(Conflict, match="Meanwhile it was booked with Scripted"):
        switch(parcel)

    assert (scripted.cancelled, live(parcel)) == ([], ["scripted booked"])
    assert Shipment.objects.get(pk=parcel.pk).awb == parcel.awb


def test_nothing_leaves_with_a_void_label(parcel: Shipment) -> None:
    Booking.objects.update(state=BookingState.CANCELLED)

    with pytest.raises(Conflict, match="is not valid any more: it is cancelled"):
        hand_over(shipment_ids=[parcel.pk], actor="Asha")


@pytest.mark.parametrize("named", [True, False])
def test_a_change_that_is_done_again_changes_nothing_more(
    parcel: Shipment, scripted: ScriptedCarrier, *, named: bool
) -> None:
    riders = CarrierAccount.objects.get(code="riders")
    job = accounts_of([parcel.pk])
    wish = {"account_id": riders.pk if named else None, "leave": job[parcel.pk]}

    awbs = [switch(parcel, **wish).awb for _ in range(2)]

    assert awbs[0] == awbs[1]
    assert live(parcel) == ["riders booked"]
    # It died between the new booking and its label.
    Shipment.objects.filter(pk=parcel.pk).update(
        state=ShipmentState.CREATED, booking=None, awb="", carrier_account=None
    )  # fmt: skip
    assert switch(parcel, **wish).awb == awbs[0]


def test_what_it_would_cost_and_when_it_would_come_is_shown_first(parcel: Shipment) -> None:
    riders = CarrierAccount.objects.get(code="riders")
    there = Shipment.objects.select_related("booking", "order__channel", "node", "fulfillment_order").get(pk=parcel.pk)

    assert len(preview_change([there, there], riders.pk, seconds=-1)) == 1
    [exchange] = preview_change([there], riders.pk)
    own = preview_change([there], parcel.carrier_account_id)

    assert exchange.quote is not None
    assert exchange.quote.charge_minor is not None
    assert exchange.more_minor == exchange.quote.charge_minor - 100
    assert isinstance(exchange.quote.expected_delivery, date)
    assert own[0].refusal == f"It goes with Scripted {parcel.awb} already."


def test_a_parcel_that_left_stays_as_it_is(parcel: Shipment) -> None:
    hand_over(shipment_ids=[parcel.pk], actor="Asha")

    with pytest.raises(Conflict, match="handed over"):
        switch(parcel)
