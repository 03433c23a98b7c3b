"""One phone at the counter: a manager shares it, people take turns with a PIN, and it locks by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from oms.accounts.models import Role, User
from oms.store.sharing import set_pin
from tests.e2e.browsing import until_kept
from tests.e2e.conftest import Visitor
from tests.factories import World

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def touch_in(page: Page, name: str, pin: str) -> None:
    """One tap on the name and one on each digit: the last one sends them."""
    page.get_by_role("link", name=name).click()
    for digit in pin:
        page.get_by_role("button", name=digit, exact=True).click()


def test_people_take_turns_on_a_shared_phone(
    visitor: Visitor, world: World, person: Callable[..., User], settings: object
) -> None:
    person("manju@example.com", name="Manju", role=Role.STORE_MANAGER, node_codes=["blr-01"])
    asha = person("asha@example.com", name="Asha Gowda", role=Role.STORE_ASSOCIATE, node_codes=["blr-01"])
    person("ravi@example.com", name="Ravi", role=Role.STORE_ASSOCIATE, node_codes=["blr-01"])
    set_pin(person=asha, pin="2580", again="2580", by="test")
    visit = visitor(width=360, height=740)
    page = visit.sign_in("manju@example.com")
    visit.open("/s/pins/")
    page.locator("summary", has_text="Ravi").click()
    page.get_by_label("New PIN").locator("visible=true").fill("739102")
    page.get_by_label("The same PIN again").locator("visible=true").fill("739102")
    visit.look()
    page.get_by_role("button", name="Set the PIN").locator("visible=true").click()
    expect(page.get_by_text("Ravi has a new PIN.")).to_be_visible()

    visit.open("/s/more/")
    page.get_by_text("Share this phone").click()
    page.get_by_label("Name of the phone").fill("Counter 1")
    page.get_by_role("button", name="Share it").scroll_into_view_if_needed()
    visit.look()
    page.get_by_role("button", name="Share it").click()
    expect(page.get_by_role("heading", name="Who works now?")).to_be_visible()
    visit.look()

    touch_in(page, "Asha Gowda", "2580")
    expect(page.get_by_role("heading", name="To do now")).to_be_visible()
    visit.look()
    page.get_by_role("button", name="Lock, Asha works now").click()
    expect(page.get_by_role("heading", name="Who works now?")).to_be_visible()

    touch_in(page, "Ravi", "000000")
    expect(page.get_by_text("Wrong PIN. 4 more tries.")).to_be_visible()
    visit.look()
    visit.problems.clear()
    page.get_by_label("PIN").fill("739102")
    expect(page.get_by_role("button", name="Lock, Ravi works now")).to_be_visible()
    expect(page.get_by_text("1 wrong PIN was typed for you")).to_be_visible()
    visit.look()
    visit.open("/orders/")
    expect(page.get_by_role("heading", name="To do now")).to_be_visible()

    # Locked without a connection it shows nothing more; with one it asks who works, though the session was alive.
    until_kept(page, "/outbox/")
    visit.context.set_offline(True)
    page.get_by_role("button", name="Lock, Ravi works now").click()
    expect(page.get_by_text("This phone is locked.")).to_be_visible()
    visit.look()
    page.get_by_role("link", name="To the tasks").click()
    expect(page.get_by_text("This phone is locked.")).to_be_visible()
    visit.context.set_offline(False)
    page.get_by_role("link", name="To the tasks").click()
    expect(page.get_by_role("heading", name="Who works now?")).to_be_visible()
    visit.problems.clear()
    touch_in(page, "Ravi", "739102")
    expect(page.get_by_role("heading", name="To do now")).to_be_visible()

    # The server ended the session: what is sent leads to the people of the phone, and waits on.
    visit.context.clear_cookies(name="oms_session")
    page.evaluate("import('/static/js/sync.js').then(({ keep }) => keep({ kind: 'pick', work: [1], code: 'KURTA-M' }))")
    expect(page.get_by_role("heading", name="Who works now?")).to_be_visible()
    visit.problems.clear()
    touch_in(page, "Ravi", "739102")
    expect(page.get_by_role("heading", name="This was not done")).to_be_visible()
    visit.look()

    # Nobody touches it for a second longer than it waits.
    settings.STORE_IDLE_SECONDS = 2  # type: ignore[attr-defined]
    page.reload()
    expect(page.get_by_role("heading", name="Who works now?")).to_be_visible(timeout=15_000)
