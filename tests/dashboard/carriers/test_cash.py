"""The screens of cash on delivery: who owes, what does not agree, and putting it right."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from carriers.models import Booking, CashPosition, RemittanceLine
from oms.accounts.models import Role
from oms.core.clock import now
from tests.carriers.services.test_cash import CASH, parcel, pay
from tests.dashboard.carriers.test_carriers import sign_in, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def finance() -> Client:
    return sign_in(Role.FINANCE)


def age(booking: Booking, days: int) -> None:
    CashPosition.objects.filter(pk=booking.pk).update(since=now() - timedelta(days=days, hours=1))


def test_what_carriers_owe_is_shown_by_age_and_what_is_overdue_first(finance: Client) -> None:
    old, young = parcel("OLD"), parcel("YOUNG")
    age(old, 8)
    age(young, 7)

    page = text(finance.get("/carriers/cash/"))
    export = finance.get("/carriers/cash.csv").content.decode()

    assert "With carriers ₹1,000.00" in page
    assert "Overdue ₹500.00" in page
    assert "OLD" in page
    assert "YOUNG" not in page
    assert export.splitlines()[1].startswith("Riders,OLD,OMS-100234,")


def test_a_payment_for_an_unknown_parcel_is_assigned_taken_off_and_written_off(finance: Client) -> None:
    booking = parcel("AW1")
    pay(("TYPO", CASH - 100))
    line = RemittanceLine.objects.get()

    unknown = text(finance.get("/carriers/cash/?show=unknown"))
    finance.post(f"/carriers/cash/lines/{line.pk}/assign/", {"awb": "AW1"})
    short = text(finance.get("/carriers/cash/?show=short"))
    paid = text(finance.get(f"/carriers/cash/remittances/{line.remittance_id}/"))
    finance.post(f"/carriers/cash/lines/{line.pk}/release/", {"reason": "Another one"})
    released = CashPosition.objects.get().due_minor
    finance.post(f"/carriers/cash/parcels/{booking.pk}/write-off/", {"reason": "Lost case"})
    book = text(finance.get(f"/carriers/cash/parcels/{booking.pk}/"))

    assert "TYPO" in unknown
    assert "AW1" in short
    assert "Too little" in paid
    assert released == CASH
    assert CashPosition.objects.get().due_minor == 0
    for words in ("Delivered and collected", "Assigned to its parcel", "Taken back", "Written off", "Lost case"):
        assert words in book


def test_ops_may_look_and_only_finance_may_change(finance: Client) -> None:
    booking = parcel("AW1")
    ops = sign_in(Role.OPS_MANAGER)

    assert "Import a remittance" in text(finance.get("/carriers/cash/"))
    assert "Import a remittance" not in text(ops.get("/carriers/cash/"))
    assert ops.post(f"/carriers/cash/parcels/{booking.pk}/write-off/", {"reason": "x"}).status_code == 403
    assert sign_in(Role.PACKER).get("/carriers/cash/").status_code == 403
    assert finance.get("/settings/import/?kind=remittances").status_code == 200
