"""Processes that book parcels as packing stations do: at once, the same parcel twice, and killed in the middle."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.context import ForkProcess
from uuid import UUID

import requests
from django.db import connections

from carriers.base import BookingRequest, ParcelItem
from carriers.models import Booking, BookingState, CarrierAccount, Label
from carriers.services import book, make_label
from oms.core.errors import PermanentError, TransientError
from oms.core.values import Address
from tests.labels_once.carrier import TIMEOUT_SECONDS

_CITIES = (("Thane", "421204", "Maharashtra"), ("Delhi", "110001", "Delhi"), ("Chennai", "600001", "Tamil Nadu"))
#: How long a run may take before it counts as stuck.
MOST_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel that wants one label."""

    uid: UUID
    request: BookingRequest


@dataclass(frozen=True, slots=True)
class Worked:
    """How it went: seconds, processes that were killed, and parcels that were given up on for the time."""

    seconds: float
    kills: int
    stuck: int


def make_parcels(count: int, chance: random.Random) -> list[Parcel]:
    """Parcels from Bengaluru, a third of them cash on delivery."""
    return [Parcel(UUID(int=chance.getrandbits(128), version=4), _request(number, chance)) for number in range(count)]


def _request(number: int, chance: random.Random) -> BookingRequest:
    city, postcode, region = chance.choice(_CITIES)
    value = chance.randrange(20_000, 500_000)
    return BookingRequest(
        client_reference="", order_number=f"OM-{100_000 + number}", order_date=datetime(2026, 11, 20, tzinfo=UTC),
        ship_from=Address(company="Kaveri Handlooms", line1="7 Peenya", city="Bengaluru", region="Karnataka",
                          postcode="560058"),
        ship_from_code="BLR-DC",
        ship_to=Address(name="Ananya Rao", line1="12 Lake Road", city=city, region=region, postcode=postcode,
                        phone="+91 98200 12345", email="ananya@example.com"),
        items=(ParcelItem(sku_code="SAR-07", name="Saree", quantity=1, unit_price_minor=value),),
        weight_grams=chance.randrange(200, 3_000), length_mm=300, width_mm=220, height_mm=85,
        declared_value_minor=value, cod_minor=value if chance.random() < 0.33 else 0,
    )  # fmt: skip


def make_account(base_url: str) -> CarrierAccount:
    """The account at the simulator; a lost call is over, and a dead caller replaced, after seconds and not minutes."""
    return CarrierAccount.objects.create(
        code="aggregator", name="Aggregator", adapter="shiprocket", base_url=base_url,
        secrets={"email": "api@example.com", "password": "secret"},
        settings={"timeout_seconds": TIMEOUT_SECONDS, "proof_after_seconds": 2, "lease_seconds": 12,
                  "pickup_locations": {"BLR-DC": "Bengaluru DC"}},
    )  # fmt: skip


def work(parcels: Sequence[Parcel], *, packers: int, kills: int, chance: random.Random) -> Worked:
    """Let so many processes book all of them, killing one now and then; every process that dies is replaced."""
    connections.close_all()
    context = multiprocessing.get_context("fork")
    started, killed = time.monotonic(), 0

    def start() -> ForkProcess:
        process = context.Process(target=_pack, args=(parcels, chance.random(), os.getpid()), daemon=True)
        process.start()
        return process

    running = [start() for _ in range(packers)]
    try:
        while any(process.is_alive() or process.exitcode for process in running):
            if time.monotonic() - started > MOST_SECONDS:
                break
            time.sleep(0.4)
            if killed < kills and chance.random() < 0.5:
                alive = [process for process in running if process.is_alive() and process.pid is not None]
                if alive:
                    os.kill(chance.choice(alive).pid or 0, signal.SIGKILL)
                    killed += 1
            running = [start() if process.exitcode else process for process in running]
    finally:
        for process in running:
            process.kill()
    left = len(parcels) - Label.objects.count()
    return Worked(time.monotonic() - started, killed, left)


def _pack(parcels: Sequence[Parcel], seed: float, parent: int) -> None:
    """Book one parcel after the other that has no label, in an order of one's own, until all have one."""
    chance = random.Random(seed)
    while os.getppid() == parent:
        done = set(Label.objects.values_list("booking__parcel_uid", flat=True))
        left = [parcel for parcel in parcels if parcel.uid not in done]
        if not left:
            break
        for parcel in chance.sample(left, len(left)):
            _pack_one(parcel)
    connections.close_all()


def _pack_one(parcel: Parcel) -> None:
    try:
        booking = book(request=parcel.request, parcel_uid=parcel.uid)
    except (TransientError, PermanentError):
        return
    if booking.state == BookingState.BOOKED:
        make_label(booking.pk)


def ask_blindly(parcels: Sequence[Parcel], account: CarrierAccount) -> int:
    """The control: what asks again under a new name whenever a reply is missing. How many labels it believes it has."""
    answer = requests.post(f"{account.base_url}/v1/external/auth/login", json=account.secrets, timeout=10)
    headers, got = {"Authorization": f"Bearer {answer.json()['token']}"}, 0
    for number, parcel in enumerate(parcels):
        for attempt in range(20):
            body = {
                "order_id": f"naive-{number}-{attempt}", "order_date": "2026-11-20 10:00",
                "pickup_location": "Bengaluru DC", "billing_customer_name": "Ananya", "billing_address": "12 Lake Road",
                "billing_city": parcel.request.ship_to.city, "billing_pincode": parcel.request.ship_to.postcode,
                "billing_state": parcel.request.ship_to.region, "billing_country": "India",
                "billing_email": "ananya@example.com", "billing_phone": "9820012345", "payment_method": "Prepaid",
                "order_items": [{"name": "Saree", "sku": "SAR-07", "units": 1, "selling_price": 999}],
                "sub_total": 999, "length": 30, "breadth": 22, "height": 9, "weight": 0.5,
            }  # fmt: skip
            if _blind_call(account.base_url, headers, body):
                got += 1
                break
    return got


def _blind_call(base_url: str, headers: dict[str, str], body: dict[str, object]) -> bool:
    try:
        url = f"{base_url}/v1/external"
        made = requests.post(f"{url}/orders/create/adhoc", json=body, headers=headers, timeout=TIMEOUT_SECONDS)
        shipment = {"shipment_id": made.json()["shipment_id"]}
        assigned = requests.post(f"{url}/courier/assign/awb", json=shipment, headers=headers, timeout=TIMEOUT_SECONDS)
        return bool(assigned.json()["response"]["data"]["awb_code"])
    except (requests.RequestException, KeyError, TypeError, ValueError):
        return False


def bookings_of(parcels: Sequence[Parcel]) -> list[Booking]:
    """Every booking that was ever opened for them."""
    return list(Booking.objects.filter(parcel_uid__in=[parcel.uid for parcel in parcels]).select_related("label"))
