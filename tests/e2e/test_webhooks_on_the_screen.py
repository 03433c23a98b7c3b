"""An admin makes a webhook, sends a test, and looks after what failed, on a desk and on a phone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from pytest_django.fixtures import Settings

from inventory.events import NodeSwitched, StockChanged
from oms.accounts.models import Role
from oms.core.clock import now
from oms.integrations.models import WebhookDelivery, WebhookEndpoint
from oms.integrations.services import EndpointWish, create_endpoint, queue_webhooks, send_webhooks
from oms.integrations.topics import BY_NAME
from tests.e2e.browsing import Visit
from tests.e2e.conftest import Visitor
from tests.factories import World
from tests.integrations.conftest import record
from tests.integrations.receiver import Receiver, receiver, status

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def other(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    with receiver() as made:
        yield made


def looked(visit: Visit, name: str) -> None:
    """The page is sound in both schemes; kept as pictures where OMS_PICTURES names a folder."""
    visit.look()
    if folder := os.environ.get("OMS_PICTURES"):
        for scheme in ("light", "dark"):
            visit.page.emulate_media(color_scheme=scheme)
            visit.page.screenshot(path=Path(folder) / f"{name}-{visit.width}-{scheme}.png", full_page=True)
        visit.page.emulate_media(color_scheme="light")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_an_admin_makes_a_webhook_and_sees_a_test_arrive(
    world: World, visitor: Visitor, person: object, other: Receiver, width: int, height: int
) -> None:
    assert callable(person)
    person("meera@example.com", role=Role.ADMIN, all_nodes=True, all_channels=True, name="Meera")
    visit = visitor(width=width, height=height)
    page = visit.sign_in("meera@example.com")

    visit.open("/settings/webhooks/")
    expect(page.get_by_text("No webhook", exact=True)).to_be_visible()
    looked(visit, "empty")
    page.get_by_role("link", name="New webhook").first.click()
    looked(visit, "new")
    page.get_by_role("textbox", name="Name").fill("The ERP")
    page.get_by_label("Address").fill("https://user@erp.example.com/")
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.get_by_text("Leave user and password out").first).to_be_visible()
    looked(visit, "refused")
    assert all("422" in problem for problem in visit.problems)
    visit.problems.clear()
    page.get_by_label("Address").fill(other.url)
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.locator("#secret")).to_have_text(re.compile("^whsec_"))
    looked(visit, "secret")

    page.get_by_role("button", name="Send a test").click()
    expect(page.locator(".pill", has_text="To send")).to_be_visible()
    endpoint = WebhookEndpoint.objects.get()
    send_webhooks(endpoint.pk)
    expect(page.locator(".pill", has_text="Delivered")).to_be_visible()
    assert other.heard[0].data["sent_by"] == "Meera"
    looked(visit, "message")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_an_admin_looks_after_what_failed(
    world: World, visitor: Visitor, person: object, other: Receiver, width: int, height: int
) -> None:
    assert callable(person)
    person("meera@example.com", role=Role.ADMIN, all_nodes=True, all_channels=True, name="Meera")
    wish = EndpointWish(name="The ERP", url=other.url, topics=list(BY_NAME))
    endpoint, _ = create_endpoint(wish, actor="Meera")
    create_endpoint(EndpointWish(name="The shop", url=other.url, topics=["stock.level_changed"],
                                 node_codes=["blr-01"], sku_codes=["KURTA-M"]), actor="Meera")  # fmt: skip
    gone, _ = create_endpoint(EndpointWish(name="An old one", url=other.url, topics=["order.captured"]), actor="Meera")
    WebhookEndpoint.objects.filter(pk=gone.pk).update(
        is_active=False, paused_reason="failing", paused_at=now(), failing_since=now() - timedelta(days=5),
        last_failure="No answer within 10 s.",
    )  # fmt: skip
    other.behave = status(500, b'{"error": "The database is away"}')
    queue_webhooks(record(*[NodeSwitched(node_id=world.blr.pk, active=True)] * 3,
                          StockChanged(sku_ids=[world.kurta.pk, world.saree.pk], reason="count")))  # fmt: skip
    send_webhooks(endpoint.pk)
    WebhookDelivery.objects.filter(endpoint=endpoint, topic="node.switched").update(state="dead", attempts=10)
    visit = visitor(width=width, height=height)
    page = visit.sign_in("meera@example.com")

    visit.open("/settings/")
    looked(visit, "settings")
    visit.open("/settings/webhooks/")
    expect(page.get_by_role("row")).to_have_count(4)
    looked(visit, "list")
    page.get_by_role("link", name="The ERP").click()
    expect(page.get_by_text("Nothing arrives at the moment")).to_be_visible()
    looked(visit, "detail")
    visit.open(f"/settings/webhooks/{gone.pk}/")
    looked(visit, "stopped")

    visit.open(f"/settings/webhooks/{endpoint.pk}/?state=dead")
    page.get_by_role("button", name="Send all 3 given up again").click()
    expect(page.get_by_text("3 messages are sent again.").first).to_be_visible()
    other.behave = status(200)
    send_webhooks(endpoint.pk)
    visit.open(f"/settings/webhooks/{endpoint.pk}/?state=sent&topic=node.switched")
    expect(page.get_by_role("row")).to_have_count(4)
    visit.open(f"/settings/webhooks/{endpoint.pk}/secret/")
    looked(visit, "rotate")

    visit.open(f"/settings/webhooks/{endpoint.pk}/")
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Remove", exact=True).first.click()
    expect(page.get_by_text("Remove The ERP?")).to_be_visible()
    looked(visit, "remove")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The ERP is removed.").first).to_be_visible()
    assert WebhookEndpoint.objects.count() == 2
