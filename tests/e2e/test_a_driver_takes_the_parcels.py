"""A driver takes the parcels: they are scanned, a foreign one is refused, missing ones are listed, and he signs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from playwright.sync_api import expect

from fulfillment.models import Manifest, Shipment
from fulfillment.services import book_shipment
from oms.accounts.models import Role, User
from tests.e2e.conftest import Visitor
from tests.e2e.scanner import scan
from tests.factories import World, make_line
from tests.fulfillment.floor import make_carrier, make_work, packed

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def parcel(world: World, name: str, account_id: int) -> Shipment:
    """A parcel with the label of this carrier."""
    shipment = packed(make_work(world, name, make_line(world.kurta)))
    book_shipment(shipment.pk, account_id=account_id)
    shipment.refresh_from_db()
    return shipment


@pytest.mark.parametrize("width", [1440, 360])
def test_parcels_are_scanned_a_foreign_one_refused_and_the_driver_signs(
    visitor: Visitor, person: Callable[..., User], world: World, settings: LazySettings, tmp_path: Path, width: int
) -> None:
    settings.MEDIA_ROOT, settings.HANDOVER_NEEDS_PROOF = tmp_path, True
    account = make_carrier("swift", name="Swift Couriers")
    foreign = parcel(world, "0", make_carrier("other", name="Other Couriers").pk)
    parcels = [parcel(world, str(n), account.pk) for n in range(1, 7)]
    person("lead@example.com", name="Leela", role=Role.WAREHOUSE_LEAD, node_codes=[world.blr.code])
    visit = visitor(width=width, height=740 if width < 500 else 900)
    visit.sign_in("lead@example.com")
    visit.open("/fulfil/manifests/")
    page = visit.page
    visit.look()
    page.get_by_role("button", name=f"Open a manifest for Swift Couriers at {world.blr.code}").click()

    expect(page.get_by_role("button", name="Close and hand over")).to_be_visible()
    for shipment in parcels[:5]:
        scan(page, shipment.awb)
        expect(page.get_by_text(f"{shipment.order.number} is on the list.")).to_be_visible()
    scan(page, foreign.awb)
    expect(page.get_by_text(f"{foreign.awb} goes with Other Couriers, not with Swift Couriers.")).to_be_visible()
    visit.look()

    page.locator("#driver_name").fill("Suresh")
    page.locator("[data-signature-pad]").scroll_into_view_if_needed()
    box = page.locator("[data-signature-pad]").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    for step in range(1, 8):
        page.mouse.move(box["x"] + 20 + step * 20, box["y"] + 20 + (step % 2) * 30)
    page.mouse.up()
    page.mouse.wheel(0, -5_000)
    visit.look()
    page.get_by_role("button", name="Close and hand over").click()
    expect(page.get_by_text("5 parcels handed to Suresh.")).to_be_visible()
    expect(page.get_by_text("1 parcel stays for the next driver.")).to_be_visible()
    expect(page.get_by_role("img", name="Signature of Suresh")).to_be_visible()
    visit.look()
    closed = Manifest.objects.get(carrier_account=account)
    assert (closed.left_behind, closed.shipments.count(), bool(closed.signature)) == (1, 5, True)
    stayed = Shipment.objects.filter(pk__in=[parcels[5].pk, foreign.pk])
    assert set(stayed.values_list("state", flat=True)) == {"labelled"}
