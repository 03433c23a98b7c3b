"""A carrier's bill is read, a line that is too heavy is disputed, and a credit note closes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from carriers.models import BillLine, Booking, CarrierAccount, RateCard
from oms.accounts.models import Role, User
from tests.carriers.services.world import flat_zones
from tests.e2e.conftest import Visitor
from tests.factories import World, make_line
from tests.fulfillment.floor import labelled, make_work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
HEAD = "Invoice number,Date,AWB,Weight (kg),Zone,Freight,GST,Total"


def test_a_bill_is_read_disputed_and_credited(visitor: Visitor, person: Callable[..., User], world: World) -> None:
    person("farida@example.com", name="Farida Contractor", role=Role.FINANCE, all_nodes=True)
    card = RateCard.objects.create(code="flat", name="Flat card", zones=flat_zones())
    CarrierAccount.objects.filter(code="riders").update(name="City Riders", rate_card=card)
    for nth in range(3):
        labelled(make_work(world, f"b{nth}", make_line(world.kurta)))
    heavy, *rest = Booking.objects.order_by("pk").values_list("awb", flat=True)
    rows = [f"CR-1107,30/11/2026,{heavy},1.9,A,170.00,30.60,200.60"]
    rows += [f"CR-1107,30/11/2026,{awb},0.5,A,50.00,9.00,59.00" for awb in rest]
    rows += ["CR-1107,30/11/2026,NOBODYS-7,0.5,A,50.00,9.00,59.00"]
    office = visitor()
    page = office.sign_in("farida@example.com")

    office.open("/carriers/bills/")
    page.get_by_label("Carrier", exact=True).first.select_option(label="City Riders")
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "nov.csv", "mimeType": "text/csv", "buffer": "\n".join([HEAD, *rows]).encode()}
    )
    page.get_by_role("button", name="Read and compare").click()
    expect(page.get_by_text("The bill is here, and every line was compared.")).to_be_visible()
    office.look()

    page.get_by_role("link", name="Heavier than ours").click()
    page.get_by_role("checkbox", name=f"Select {heavy}").check()
    page.get_by_role("button", name="Dispute").click()
    page.get_by_label("Why").fill("Weighed at our packing station.")
    office.look()
    page.get_by_role("button", name="Dispute them").click()
    expect(page.get_by_text("1 line is disputed.")).to_be_visible()
    assert BillLine.objects.get(awb=heavy).state == "disputed"

    page.get_by_role("checkbox", name=f"Select {heavy}").check()
    page.get_by_role("button", name="Credit note").click()
    page.get_by_label("Number of the credit note").fill("CN-88")
    page.get_by_role("button", name="Close the disputes").click()
    expect(page.get_by_text("1 dispute is closed.")).to_be_visible()
    office.open("/carriers/bills/")
    expect(page.get_by_role("link", name="CR-1107")).to_be_visible()
    office.look()
    assert BillLine.objects.get(awb=heavy).credited_minor > 0

    phone = visitor(width=360, height=740)
    phone.sign_in("farida@example.com")
    phone.open("/carriers/bills/")
    phone.look()
    phone.open(f"/carriers/bills/{BillLine.objects.get(awb=heavy).bill_id}/")
    phone.look()
