"""Labels and pickups of booked parcels."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers import registry
from carriers.base import Booked, BookingRequest, CarrierConfig, ParcelItem
from carriers.models import Booking, CarrierAccount, Label
from carriers.services import book, make_label, schedule_pickups
from carriers.services.stored_request import read_request, write_request
from carriers.simulators.shiprocket.faults import Fault
from carriers.simulators.shiprocket.server import SimulatorServer
from oms.core.clock import now
from oms.core.errors import Conflict, NotFound, PermanentError, TransientError
from oms.core.ids import uuid7
from oms.core.values import Address
from tests.carriers.services.world import (
    ScriptedCarrier,
    booking_request,
    manual_account,
    scripted_account,
    shiprocket_account,
)
from tests.threads import beside

TOMORROW = date(2026, 11, 23)


@pytest.mark.django_db
def test_our_own_label_is_the_same_bytes_however_often_it_is_made(scripted: ScriptedCarrier) -> None:
    booking = book(request=booking_request(cod_minor=249_950), parcel_uid=uuid7(), account_id=scripted_account().pk)

    label = make_label(booking.pk)
    again = make_label(booking.pk)
    Label.objects.all().delete()
    anew = make_label(booking.pk)

    assert again.pk == label.pk
    assert (bytes(anew.pdf), anew.zpl) == (bytes(label.pdf), label.zpl)
    assert bytes(label.pdf).startswith(b"%PDF")
    assert label.zpl.startswith("^XA")
    assert booking.awb in label.zpl
    assert "Ananya Rao" in label.zpl
    assert label.from_carrier is False


@pytest.mark.django_db
def test_the_carriers_label_is_taken_where_the_account_says_so(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    own = make_label(book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk).pk)
    account.settings |= {"use_carrier_label": True}
    account.save()
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    simulator.faults.add(Fault("500", count=3, path="/courier/generate/label"))
    with pytest.raises(TransientError):
        make_label(booking.pk)
    simulator.faults.clear()
    theirs = make_label(booking.pk)

    assert (own.from_carrier, theirs.from_carrier) == (False, True)
    assert bytes(theirs.pdf).startswith(b"%PDF")
    # A second paper with another barcode must not be printed beside the carrier's.
    assert theirs.zpl == ""


@pytest.mark.django_db
def test_only_a_booked_parcel_has_a_label(scripted: ScriptedCarrier) -> None:
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=scripted_account().pk)
    Booking.objects.filter(pk=booking.pk).update(state="cancelled")

    with pytest.raises(Conflict, match="only a booked parcel has a label"):
        make_label(booking.pk)
    with pytest.raises(NotFound):
        make_label(999_999)


@pytest.mark.django_db
def test_a_pickup_is_asked_for_once_for_each_parcel(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    bookings = [book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk) for _ in range(2)]
    ids = [booking.pk for booking in bookings]

    first = schedule_pickups(account_id=account.pk, booking_ids=ids[:1], on=TOMORROW).reference
    both = schedule_pickups(account_id=account.pk, booking_ids=ids, on=TOMORROW).reference
    again = schedule_pickups(account_id=account.pk, booking_ids=ids, on=TOMORROW).reference

    assert first
    assert both
    assert again == first
    assert all(parcel.pickup_token for parcel in simulator.carrier.store.parcels.values())
    assert list(Booking.objects.order_by("pk").values_list("pickup_reference", flat=True)) == [first, both]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_ask_at_once_one_is_told_that_the_other_asks(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    began, may_end = Event(), Event()
    asked: list[date] = []

    def slow(config: CarrierConfig, booked: Sequence[Booked], on: date) -> str:
        asked.append(on)
        began.set()
        may_end.wait(20)
        return "P-1"

    scripted.schedule_pickup = slow  # type: ignore[attr-defined]

    def ask() -> str:
        return schedule_pickups(account_id=account.pk, booking_ids=[booking.pk], on=TOMORROW).reference

    with ThreadPoolExecutor(1) as pool:
        first = beside(pool, ask)
        assert began.wait(20)
        with pytest.raises(Conflict, match="Somebody is asking Scripted to come at this moment"):
            ask()
        may_end.set()
        assert first.result(20) == "P-1"

    assert (ask(), asked) == ("P-1", [TOMORROW])
    # Somebody died while asking: others wait for minutes, and not for ever.
    Booking.objects.update(pickup_reference="", pickup_asking_at=now() - timedelta(minutes=6))
    assert (ask(), len(asked)) == ("P-1", 2)


@pytest.mark.django_db
def test_a_carrier_that_comes_unasked_is_asked_for_nothing() -> None:
    account = manual_account()
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    assert schedule_pickups(account_id=account.pk, booking_ids=[booking.pk], on=TOMORROW).reference == ""
    with pytest.raises(NotFound):
        schedule_pickups(account_id=999_999, booking_ids=[], on=TOMORROW)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
ADDRESS = st.builds(Address, name=TEXT, line1=TEXT, city=TEXT, region=TEXT, postcode=TEXT, phone=TEXT, email=TEXT)
ITEM = st.builds(
    ParcelItem,
    sku_code=TEXT,
    name=TEXT,
    quantity=st.integers(1, 10**6),
    unit_price_minor=st.integers(0, 10**12),
    hsn=TEXT,
    tax_rate_bp=st.integers(0, 10_000),
)
REQUEST = st.builds(
    BookingRequest,
    client_reference=TEXT,
    order_number=TEXT,
    order_date=st.datetimes(timezones=st.timezones()).map(lambda moment: moment.astimezone()),
    ship_from=ADDRESS,
    ship_from_code=TEXT,
    ship_to=ADDRESS,
    items=st.lists(ITEM, max_size=3).map(tuple),
    weight_grams=st.integers(0, 10**6),
    length_mm=st.integers(0, 10**4),
    width_mm=st.integers(0, 10**4),
    height_mm=st.integers(0, 10**4),
    declared_value_minor=st.integers(0, 10**12),
    cod_minor=st.integers(0, 10**12),
    service_level=TEXT,
    courier_id=TEXT,
)


@given(REQUEST)
def test_a_request_survives_being_stored(request_given: BookingRequest) -> None:
    assert read_request(write_request(request_given, "R101")) == request_given


@pytest.mark.django_db
@given(REQUEST)
def test_a_request_survives_the_database(request_given: BookingRequest) -> None:
    account = manual_account(f"m{uuid7().hex}")
    booking = Booking.objects.create(
        account=account,
        client_reference="r",
        parcel_uid=uuid7(),
        order_number="1",
        request=write_request(request_given),
    )

    booking.refresh_from_db()

    assert read_request(booking.request) == request_given


def test_a_request_of_another_version_is_read() -> None:
    stored = write_request(booking_request()) | {"fragile": True}
    stored["items"][0]["colour"] = "red"
    del stored["courier_id"]

    assert read_request(stored) == booking_request()


@pytest.mark.django_db
def test_a_carrier_that_is_asked_in_its_panel_says_so() -> None:
    account = CarrierAccount.objects.create(code="dtdc", name="DTDC", adapter="dtdc")

    with pytest.raises(Conflict, match="DTDC is not asked over an API"):
        schedule_pickups(account_id=account.pk, booking_ids=[], on=TOMORROW)


class AskedCarrier(ScriptedCarrier):
    """Comes when it is asked, but not for the parcels in `bad`."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: set[str] = set()
        self.asked: list[list[str]] = []

    def schedule_pickup(self, config: CarrierConfig, booked: Sequence[Booked], on: date) -> str:
        """A token for each day."""
        if self.bad & {parcel.awb for parcel in booked}:
            raise PermanentError("Address not verified.")
        self.asked.append([parcel.awb for parcel in booked])
        return f"T-{on:%d}"


@pytest.mark.django_db
def test_one_refused_parcel_keeps_no_other_and_a_driver_who_did_not_come_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    carrier = AskedCarrier()
    monkeypatch.setitem(registry.ADAPTERS, "scripted", carrier)
    account = scripted_account()
    rows = [book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk) for _ in range(2)]
    ids, awbs = [row.pk for row in rows], [row.awb for row in rows]
    carrier.bad = {awbs[0]}

    with pytest.raises(PermanentError, match=f"Refused of 2 parcels: {awbs[0]}: Address not verified"):
        schedule_pickups(account_id=account.pk, booking_ids=ids, on=TOMORROW)
    carrier.bad = set()
    schedule_pickups(account_id=account.pk, booking_ids=ids, on=TOMORROW + timedelta(days=1), today=TOMORROW)
    later = TOMORROW + timedelta(days=2)
    asked = schedule_pickups(account_id=account.pk, booking_ids=ids, on=later, today=TOMORROW + timedelta(days=1))

    assert carrier.asked == [[awbs[1]], [awbs[0]], [awbs[1]]]
    assert asked.on == later
    last = schedule_pickups(account_id=account.pk, booking_ids=ids[:1], on=later, today=TOMORROW + timedelta(days=1))
    assert last.on == TOMORROW + timedelta(days=1)
