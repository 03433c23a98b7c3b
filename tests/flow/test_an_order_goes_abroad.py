"""From a checkout in Bengaluru to customs in Berlin: routed, packed, booked by the carrier's own price, declared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carriers.models import Booking, CarrierAccount
from carriers.simulators.ups.server import UpsServer
from fulfillment.models import Shipment
from fulfillment.selectors.customs import commercial_invoice_pdf
from fulfillment.services import book_shipment
from inventory.models import Node
from oms.core.values import Address
from routing.models import RoutingDecision
from tests.carriers.abroad_world import BERLIN, SENDER
from tests.carriers.labels.test_codes_are_read import codes, text_of
from tests.factories import make_line, make_world
from tests.fulfillment.floor import card_to, make_work, packed

pytestmark = pytest.mark.django_db(transaction=True)


def ups(server: UpsServer, **fields: object) -> CarrierAccount:
    return CarrierAccount.objects.create(
        code="ups", name="UPS", adapter="ups", base_url=server.base_url, supports_cod=False,
        secrets={"client_id": "client", "client_secret": "secret"},
        settings={"account_number": "A1B2C3", "services": {"standard": "65"}, "country_of_origin": "IN"}, **fields,
    )  # fmt: skip


def shipped_to(address: Address) -> Shipment:
    world = make_world()
    Node.objects.filter(pk=world.blr.pk).update(line1=SENDER.line1, phone=SENDER.phone, region=SENDER.region)
    parcel = packed(make_work(world, "1", make_line(world.kurta, 2), ship_to=address))
    book_shipment(parcel.pk)
    return Shipment.objects.select_related("order", "node").get(pk=parcel.pk)


def test_an_order_for_berlin_goes_with_the_carrier_that_goes_there() -> None:
    with UpsServer(seed=11) as server:
        ups(server)
        # Cheaper, and for India alone.
        CarrierAccount.objects.create(code="riders", name="Riders", adapter="manual", rate_card=card_to("A", "D"))
        parcel = shipped_to(BERLIN)
    booking = Booking.objects.get()
    assert (booking.account.code, booking.awb) == ("ups", parcel.awb)
    assert '"abroad"' in RoutingDecision.objects.get().trace
    pdf = commercial_invoice_pdf(parcel)
    assert parcel.awb in codes(pdf)
    declared = [call.body for call in server.calls if call.path.endswith("/ship")][-1]
    invoice = declared["ShipmentRequest"]["Shipment"]["ShipmentServiceOptions"]["InternationalForms"]
    text = text_of(pdf)
    for told in (invoice["InvoiceNumber"], invoice["Product"][0]["Unit"]["Value"], invoice["TermsOfShipment"],
                 "6204",
                 "Germany", "Torstrasse 1", parcel.awb):  # fmt: skip
        assert text.count(told) >= 3, told


def test_a_card_prices_what_the_carrier_does_not() -> None:
    """The United Arab Emirates have no postcodes, and UPS tells prices between postcodes."""
    with UpsServer(seed=11) as server:
        ups(server, rate_card=card_to("AE"))
        parcel = shipped_to(replace(BERLIN, city="Dubai", postcode="", country="AE", phone="+971 4 123 4567"))
    assert parcel.awb
    # A kilogram and a half by its volume: three slabs.
    assert Booking.objects.get().expected_charge_minor == 120_000 + 2 * 40_000
