"""Finance imports what a carrier paid, sees what does not agree, and puts it right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from carriers.models import CarrierAccount, CashPosition
from oms.accounts.models import Role, User
from oms.core.clock import now
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.flow.jobs import RUNNERS
from tests.carriers.services.test_cash import parcel
from tests.e2e.conftest import Visitor
from tests.factories import World

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

FILE = b"""UTR,Waybill,Remitted Amount,Deduction,Remittance Date
SBIN2262012345,AWB1001,500.00,0,2026-11-20
SBIN2262012345,AWB1002,400.00,0,2026-11-20
SBIN2262012345,AWB100X,500.00,0,2026-11-20
"""


def test_a_remittance_is_imported_and_what_does_not_agree_is_put_right(
    visitor: Visitor, person: Callable[..., User], world: World
) -> None:
    person("farah@example.com", name="Farah Khan", role=Role.FINANCE, all_nodes=True)
    assert CarrierAccount.objects.filter(code="riders").exists()
    for nth, days in (("1001", 9), ("1002", 9), ("1003", 12), ("1004", 1)):
        booking = parcel(f"AWB{nth}")
        CashPosition.objects.filter(pk=booking.pk).update(since=now() - timedelta(days=days))
    finance = visitor()
    page = finance.sign_in("farah@example.com")

    finance.open("/carriers/cash/")
    expect(page.get_by_role("heading", name="Cash on delivery")).to_be_visible()
    finance.look()
    page.get_by_role("link", name="Import a remittance").click()
    page.locator("#id_file").set_input_files({"name": "paid.csv", "mimeType": "text/csv", "buffer": FILE})
    page.get_by_role("main").locator("button[type=submit]").click()
    page.get_by_label("Carrier of the whole file").select_option(value="riders")
    page.get_by_role("button", name="Next: check every row").click()
    page.get_by_role("button", name="Import").click()
    page.wait_for_url("**/import/jobs/**")
    run_slice(Job.objects.get().pk, RUNNERS)
    expect(page.get_by_text("Created")).to_be_visible()

    finance.open("/carriers/cash/?show=unknown")
    page.get_by_label("AWB that AWB100X was meant for").fill("AWB1003")
    finance.look()
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("The payment is set against AWB1003.")).to_be_visible()
    finance.open("/carriers/cash/?show=short")
    page.get_by_role("link", name="AWB1002").click()
    expect(page.get_by_role("heading", name="Cash of AWB1002")).to_be_visible()
    finance.look()
    page.get_by_label("Why").fill("Agreed by phone.")
    page.get_by_role("button", name="Write it off").click()
    expect(page.get_by_text("It is closed.")).to_be_visible()
    finance.open("/carriers/cash/?show=remittances")
    page.get_by_role("link", name="SBIN2262012345").click()
    expect(page.get_by_role("heading", name="Remittance SBIN2262012345")).to_be_visible()
    finance.look()
    assert {position.due_minor for position in CashPosition.objects.all()} == {0, 50_000}
