"""An admin changes a text with a preview and sends a failed message again, on a desk and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from oms.accounts.models import Role
from oms.notifications.models import Message, MessageAccount, MessageText
from oms.notifications.receipts import opt_out
from oms.notifications.services import queue_messages, send_messages
from tests.e2e.conftest import Visitor
from tests.factories import World, capture, make_line, make_order

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_an_admin_edits_a_text_and_sends_a_message_again(
    world: World, visitor: Visitor, person: object, width: int, height: int
) -> None:
    assert callable(person)
    person("meera@example.com", role=Role.ADMIN, all_nodes=True, all_channels=True, name="Meera")
    ids = [capture(world, make_order(number, make_line(world.kurta))) for number in ("W-1", "W-2", "W-3")]
    queue_messages([("confirmation", order_id, "") for order_id in ids])
    failed, sent, _ = Message.objects.order_by("pk")
    send_messages([sent.pk])
    Message.objects.filter(pk=failed.pk).update(
        state="failed", error="131026 Message undeliverable", medium="whatsapp", recipient="+919845012345"
    )  # fmt: skip
    MessageAccount.objects.create(code="tw", name="Twilio", provider="twilio", secrets={"auth_token": "t"})
    opt_out(medium="sms", recipients=["+919845012345"], source="reply", said="STOP")
    visit = visitor(width=width, height=height)
    page = visit.sign_in("meera@example.com")
    for part in ("texts/", "channels/", "opt-outs/"):
        visit.open(f"/settings/messages/{part}")
        visit.look()

    visit.open("/settings/messages/texts/shipped/sms/en/")
    page.get_by_label("Text").fill("{brand}: ₹ {nubmer}")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("{nubmer} is not known for this event").first).to_be_visible()
    visit.problems.clear()
    page.get_by_label("Text").fill("{brand}: your parcel of {number} left. {link}")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_have_text("Kaveri: your parcel of W-1042 left. https://shop.example/t/1042-x/")
    expect(page.get_by_text("GSM-7")).to_be_visible()
    visit.look()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Version 2 is saved").first).to_be_visible()
    assert MessageText.objects.get().made_by == "Meera"
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_text("Version 3 says what version 1 said.").first).to_be_visible()
    page.get_by_label("Your own number").fill("98450 00001")
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("asked for by Meera")).to_be_visible()
    visit.look()
    test = Message.objects.get(is_test=True)
    assert (test.recipient, test.state) == ("+919845000001", "pending")
    test.delete()

    visit.open("/settings/messages/channels/web/")
    visit.look()
    visit.open("/settings/messages/")
    expect(page.locator("#messages tbody tr")).to_have_count(3)
    visit.look()
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#messages tbody tr")).to_have_count(1)
    page.locator("#messages tbody input[type=checkbox]").check()
    page.get_by_role("button", name="Send again").click()
    visit.look()
    page.get_by_role("button", name="Send 1 message again").click()
    expect(page.get_by_text("1 message is sent again.").first).to_be_visible()
    failed.refresh_from_db()
    assert failed.state == "pending"

    visit.open(f"/settings/messages/one/{sent.pk}/")
    visit.look()
