"""The screens of carrier bills: upload, one bill, decisions, files, and for whom they are."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from carriers.models import BillLine, CarrierBill
from oms.accounts.models import Role
from tests.carriers.services.test_bills import NET, account, bill, csv, ids, parcel, row
from tests.dashboard.carriers.test_carriers import sign_in, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return sign_in(Role.FINANCE)


def upload(browser: Client, content: bytes) -> Any:
    file = SimpleUploadedFile("november.csv", content, content_type="text/csv")
    return browser.post("/carriers/bills/receive/", {"account": account().pk, "file": file})


def test_a_bill_is_taken_compared_and_shown_by_finding(browser: Client) -> None:
    parcel("HEAVY")
    assert "No bill yet" in text(browser.get("/carriers/bills/"))

    taken = upload(browser, csv([row("HEAVY", NET + 8_000, kg="2.4"), row("STRANGE")]))
    page = text(browser.get(taken["Location"]))
    again = upload(browser, csv([row("HEAVY", NET + 8_000, kg="2.4"), row("STRANGE")]))

    assert taken["Location"] == again["Location"]
    assert (
        "2 slabs above ours of 1.5 kg. By our card the weight adds ₹94.40. Declared 1.25 kg, 30 × 22 × 8.5 cm "
        "(1.122 kg by volume)."
    ) in page
    assert "All 2 Heavier than ours 1 Unknown AWB 1" in page
    assert "HEAVY" not in text(browser.get(f"{taken['Location']}?finding=unknown"))
    assert "B-1 30 Nov 2026 Riders Checked 2 2 ₹401.20 ₹247.80" in text(browser.get("/carriers/bills/"))
    assert browser.get(f"{taken['Location']}file/").content.startswith(b"Invoice number")


def test_faults_of_a_file_are_shown_by_row(browser: Client) -> None:
    answer = upload(browser, csv([row("AWB1", total=99_999), row("AWB2").replace("30/11/2026", "soon")]))

    assert answer.status_code == 422
    assert "Row 2, total: 999.99 came; the parts add up to 153.40." in text(answer)
    assert "Row 3, date: 'soon' came; a day such as 2026-11-30" in text(answer)
    bill(row("AWB1"))
    assert "Bill B-1 is here already" in text(upload(browser, csv([row("AWB2")])))


def test_lines_are_disputed_exported_and_credited(browser: Client) -> None:
    parcel("HEAVY")
    made = bill(row("HEAVY", NET + 8_000, kg="2.4"), row("=CMD()"))
    url = f"/carriers/bills/{made.pk}/"
    every = {"select_all": "1", "do": "dispute"}

    nothing = browser.post(f"{url}decide/", {"do": "accept"}, follow=True)
    preview = text(browser.post(f"{url}decide/?finding=weight", every))
    unsaid = browser.post(f"{url}decide/?finding=weight", every | {"confirmed": "1"})
    done = browser.post(f"{url}decide/", every | {"confirmed": "1", "reason": "=1+1"}, follow=True)

    assert "No line is selected." in nothing.content.decode()
    assert "1 line of bill B-1" in preview
    assert "Up to ₹94.40 are disputed." in preview
    assert (unsaid.status_code, "Say why they are disputed" in text(unsaid)) == (422, True)
    assert "2 lines are disputed." in done.content.decode()
    exported = browser.get(f"{url}disputes.csv").getvalue().decode()
    assert (
        "B-1,HEAVY,Heavier than ours,2400,1500,1250,300,220,85,D,D,247.80,153.40,94.40,INR,'=1+1,\"2 slabs" in exported
    )
    assert ",'=CMD()," in exported

    note = {"do": "credit", "confirmed": "1", "ids": ids(made, "HEAVY"), "number": "CN-1", "issued_on": "2026-12-01"}
    over = browser.post(f"{url}decide/", note | {"amount": "94.41"})
    closed = browser.post(f"{url}decide/", note | {"amount": "90"}, follow=True)
    assert "The note is over INR 94.41; the chosen lines dispute INR 94.40." in text(over)
    assert "1 dispute is closed." in closed.content.decode()
    assert "CN-1 1 Dec 2026 ₹90.00" in text(closed)


def test_only_finance_and_admins_decide_and_nobody_of_a_part_sees_them() -> None:
    made = bill(row("STRANGE"))
    url = f"/carriers/bills/{made.pk}/"
    reader, part = sign_in(Role.OPS_MANAGER), sign_in(Role.OPS_MANAGER, all_nodes=False, node_codes=["blr-01"])
    decide = {"do": "accept", "ids": ids(made), "confirmed": "1", "reason": "x"}

    assert reader.get(url).status_code == 200
    assert "A bill came" not in text(reader.get("/carriers/bills/"))
    assert "Bills" in text(reader.get("/carriers/"))
    assert reader.post(f"{url}decide/", decide).status_code == upload(reader, b"").status_code == 403
    for end in ("", "file/", "disputes.csv"):
        assert part.get(f"{url}{end}").status_code == 403
    assert part.get("/carriers/bills/").status_code == 403
    assert BillLine.objects.get().state == "open"
    assert sign_in(Role.ADMIN).post(f"{url}decide/", decide).status_code == 302


def test_lists_cost_the_same_for_more_rows(browser: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    bill(*(row(f"A-{n}") for n in range(3)))
    one = CarrierBill.objects.get()
    parcel("HEAVY")
    bill(*(row(f"B-{n}", number="B-2") for n in range(20)), row("HEAVY", number="B-2"))
    two = CarrierBill.objects.get(number="B-2")
    browser.get("/carriers/bills/")

    with django_assert_num_queries(7) as few:
        browser.get(f"/carriers/bills/{one.pk}/")
    with django_assert_num_queries(len(few)):
        browser.get(f"/carriers/bills/{two.pk}/")
