"""An admin links the WMS of a node and sees a test arrive; a manager looks after what it does not answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from pytest_django.fixtures import Settings

from fulfillment.models import Shipment, WmsLink
from fulfillment.services import book_shipment, cancel_order
from oms.accounts.models import Role
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.flow.jobs import RUNNERS
from oms.integrations.services import send_instructions
from oms.integrations.services.hand_off_files import make_file
from tests.e2e.conftest import Visitor
from tests.factories import World, make_line
from tests.fulfillment.floor import make_work
from tests.fulfillment.linked import box, given, hand_off_of, link, says, time_passes
from tests.integrations.receiver import Receiver, receiver

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def other(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    with receiver() as made:
        yield made


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_a_wms_is_linked_and_a_test_arrives(
    world: World, visitor: Visitor, person: object, other: Receiver, width: int, height: int
) -> None:
    assert callable(person)
    person("meera@example.com", role=Role.ADMIN, all_nodes=True, all_channels=True, name="Meera")
    make_work(world, "1", make_line(world.kurta))
    visit = visitor(width=width, height=height)
    page = visit.sign_in("meera@example.com")

    visit.open("/settings/wms/")
    visit.look()
    page.get_by_role("link", name="blr-01").click()
    page.get_by_label("How it is told").select_option("webhook")
    page.get_by_label("Labels").select_option("theirs")
    page.get_by_label("Address").fill(other.url)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Choose the carrier account").first).to_be_visible()
    visit.look()
    assert all("422" in problem for problem in visit.problems)
    visit.problems.clear()
    page.get_by_label("Account of its AWBs").select_option(label="Riders")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#secret")).to_have_text(re.compile("^whsec_"))

    page.get_by_role("button", name="Send a test instruction").click()
    expect(page.locator(".pill", has_text="To send")).to_be_visible()
    send_instructions(WmsLink.objects.get().pk)
    visit.open("/settings/wms/blr-01/")
    expect(page.locator(".pill", has_text="Delivered")).to_be_visible()
    assert other.heard[0].type == "work.test"
    visit.look()
    page.get_by_role("button", name="Hand over to the WMS").click()
    expect(page.get_by_text("not yet")).to_be_visible()
    run_slice(Job.objects.get().pk, RUNNERS)
    expect(page.get_by_text("handed to the WMS")).to_be_visible()
    visit.look()
    visit.open("/settings/wms/blr-01/")
    expect(page.get_by_role("button", name="Take back to the floor")).to_be_visible()
    visit.look()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_a_manager_looks_after_what_a_wms_does(
    world: World, visitor: Visitor, person: object, width: int, height: int
) -> None:
    assert callable(person)
    person("asha@example.com", role=Role.WAREHOUSE_LEAD, node_codes=["blr-01"], all_channels=True, name="Asha")
    wms = link(world.blr)
    late, packed, asked = (given(world, str(number)) for number in range(3))
    make_file(wms.pk)
    time_passes(late)
    says(packed, "ship", "too early")
    says(packed, "pack", boxes=box(2))
    book_shipment(Shipment.objects.get().pk)
    cancel_order(order_id=asked.order_id, reason="Changed my mind", actor="Ravi")
    says(asked, "cancel_reject", reason="On the van")
    visit = visitor(width=width, height=height)
    page = visit.sign_in("asha@example.com")

    visit.open("/")
    expect(page.get_by_text("not answered in time").first).to_be_visible()
    visit.open("/fulfil/hand-offs/")
    expect(page.get_by_role("link", name=late.number)).to_be_visible()
    visit.look()
    page.get_by_role("link", name=late.number).click()
    visit.look()
    page.get_by_label("Why").fill("Their scanner is down")
    page.get_by_role("button", name="Take it over").click()
    expect(page.get_by_text("Its WMS is told to stop.").first).to_be_visible()
    assert hand_off_of(late).state == "closed"

    visit.open(f"/fulfil/hand-offs/{hand_off_of(packed).pk}/")
    page.get_by_text("As it came").first.click()
    visit.look()

    visit.open("/fulfil/hand-offs/?show=cancelling")
    page.get_by_role("link", name=asked.number).click()
    page.locator("#id_cancel_reason").fill("The customer called twice")
    visit.look()
    page.get_by_role("button", name="Cancel anyway").click()
    expect(page.get_by_text("is taken from its WMS").first).to_be_visible()

    visit.open("/fulfil/hand-offs/files/")
    visit.look()
    visit.open("/fulfil/hand-offs/confirmations/")
    rows = b"event,kind,work,version,sku,quantity,box\nE1,pack,OM-1-1,1,KURTA-M,two,B1\n"
    page.get_by_label("CSV file").set_input_files({"name": "done.csv", "mimeType": "text/csv", "buffer": rows})
    page.get_by_role("button", name="Hand it in").click()
    expect(page.get_by_role("cell", name="two expected a whole number")).to_be_visible()
    visit.look()
    assert all("422" in problem for problem in visit.problems)
    visit.problems.clear()
