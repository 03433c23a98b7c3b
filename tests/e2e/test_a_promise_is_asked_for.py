"""Somebody asks for a date on a desk and on a phone, with and without scripts, and reads why."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from oms.accounts.models import Role
from oms.core.clock import now
from routing.models import NodePace, OrderPromise
from routing.services import forget_promises
from tests.e2e.browsing import Visit
from tests.e2e.conftest import Visitor
from tests.factories import World, capture, make_line, make_order, stock

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def looked(visit: Visit, name: str) -> None:
    """The page is sound in both schemes; kept as pictures where OMS_PICTURES names a folder."""
    visit.look()
    if folder := os.environ.get("OMS_PICTURES"):
        for scheme in ("light", "dark"):
            visit.page.emulate_media(color_scheme=scheme)
            visit.page.screenshot(path=Path(folder) / f"{name}-{visit.width}-{scheme}.png", full_page=True)
        visit.page.emulate_media(color_scheme="light")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_a_date_is_asked_for_and_explained(
    world: World, visitor: Visitor, person: object, width: int, height: int
) -> None:
    assert callable(person)
    person("meera@example.com", role=Role.OPS_MANAGER, all_nodes=True, all_channels=True, name="Meera")
    stock(world.kurta, world.store, 4)
    NodePace.objects.create(node=world.blr, orders_ahead=40, orders_per_hour=12)
    for number in range(40):
        due = now() - timedelta(days=2 + number % 20)
        OrderPromise.objects.create(
            order_id=capture(world, make_order(f"P-{number}", make_line(world.saree))), made_at=due - timedelta(days=4),
            promised_by=due, said=0.92, level=0.92, service="standard", group="standard A", lane="blr-01 > karnataka",
            nodes=["blr-01"], state="kept" if number % 12 else "broken", judged_at=now(),
        )  # fmt: skip
    forget_promises()
    visit = visitor(width=width, height=height)
    page = visit.sign_in("meera@example.com")

    visit.open("/promise/")
    looked(visit, "promise-empty")
    page.get_by_label("PIN code").fill("110001")
    page.get_by_label("Items").fill("KURTA-M 1")
    page.get_by_role("button", name="Show the dates").click()
    expect(page.get_by_role("heading", name="Standard delivery")).to_be_visible()
    looked(visit, "promise")

    visit.open("/promise/bulk/")
    page.get_by_label("Items").fill("KURTA-M 1")
    page.get_by_label("PIN codes", exact=True).fill("110001 560001 781001 999999")
    page.get_by_role("button", name="Show the dates").click()
    expect(page.get_by_text("3 of 4 PIN codes are served.")).to_be_visible()
    looked(visit, "promise-bulk")

    visit.open("/promise/reliability/?by=lane")
    expect(page.get_by_text("As said", exact=True)).to_be_visible()
    looked(visit, "promise-reliability")
