"""Bills of carriers: every line beside what was expected, decided once, disputes closed by credit notes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from carriers.base import Milestone
from carriers.models import BillFinding, BillLine, Booking, CarrierAccount, CarrierBill, CashBook, CashEntry, CreditNote
from carriers.services import book
from carriers.services.bill_files import BillInvalid
from carriers.services.bills import (
    Credit,
    Decided,
    accept_lines,
    check_bill,
    dispute_lines,
    receive_bill,
    record_credit,
)
from oms.core.errors import Conflict, DomainError
from oms.core.ids import uuid7
from tests.carriers.services.world import booking_request, manual_account
from tests.threads import at_once

pytestmark = pytest.mark.django_db
HEAD = "Invoice number,Date,AWB,Weight (kg),Zone,Freight,Fuel,COD fee,RTO,GST,Total"
#: 1.25 kg to zone D by the card of the tests: 50 + 2 x 40 rupees, and 18 % GST.
NET, GROSS = 13_000, 15_340


def account() -> CarrierAccount:
    return CarrierAccount.objects.filter(code="riders").first() or manual_account("riders")


def parcel(awb: str, milestone: str = Milestone.DELIVERED, **changes: Any) -> Booking:
    """A booked parcel of 1.25 kg."""
    booking = book(request=booking_request(**changes), parcel_uid=uuid7(), account_id=account().pk, awb=awb)
    Booking.objects.filter(pk=booking.pk).update(milestone=milestone)
    return booking


def row(awb: str, freight: int = NET, *, kg: str = "1.25", rto: int = 0, number: str = "B-1", total: int = 0) -> str:
    """A row of a bill, amounts in paise with 18 % GST on top."""
    net = freight + rto
    gst = (net * 18 + 50) // 100
    amounts = [freight, 0, 0, rto, gst, total or net + gst]
    return ",".join([number, "30/11/2026", awb, kg, "D", *(f"{each / 100:.2f}" for each in amounts)])


def bill(*rows: str) -> CarrierBill:
    """The bill of these rows."""
    received = receive_bill(account_id=account().pk, raw=csv(rows), filename="nov.csv", actor="Farida")
    return CarrierBill.objects.get(pk=received.bill_id)


def csv(rows: Sequence[str]) -> bytes:
    return "\n".join([HEAD, *rows]).encode()


def ids(of: CarrierBill, *awbs: str) -> list[int]:
    lines = of.lines.filter(awb__in=awbs) if awbs else of.lines.all()
    return list(lines.values_list("pk", flat=True))


def charges() -> int:
    """What the book says that carrying cost."""
    return CashEntry.objects.filter(book=CashBook.CHARGES).aggregate(sum=Sum("amount_minor"))["sum"] or 0


def test_every_line_is_compared_with_what_was_expected() -> None:
    for awb in ("EQUAL", "HEAVY", "RATE", "LESS", "HOME"):
        parcel(awb)
    parcel("BACK", Milestone.RTO_DELIVERED)
    off = parcel("OFF")
    Booking.objects.filter(pk=off.pk).update(state="cancelled")

    made = bill(row("EQUAL", NET + 50), row("heavy", NET + 8_000, kg="2.4"), row("RATE", NET + 2_000),
                row("LESS", NET - 3_000), row("HOME", 0, rto=9_000), row("BACK", 0, rto=9_000), row("OFF"),
                row("STRANGE"), row("EQUAL"))  # fmt: skip

    found = {line.row: line for line in made.lines.all()}
    assert [(line.awb, line.finding, line.claim_minor) for line in found.values()] == [
        ("EQUAL", "equal", 59), ("HEAVY", "weight", 9_440), ("RATE", "rate", 2_360), ("LESS", "less", 0),
        ("HOME", "return", 10_620), ("BACK", "rate", 10_620), ("OFF", "cancelled", GROSS),
        ("STRANGE", "unknown", GROSS), ("EQUAL", "twice", GROSS),
    ]  # fmt: skip
    heavy = found[3]
    assert (heavy.expected_minor, heavy.expected_grams, heavy.slabs_over) == (GROSS, 1500, 2)
    assert (heavy.evidence["declared_grams"], heavy.evidence["size_mm"]) == (1250, [300, 220, 85])
    assert heavy.evidence["weight_minor"] == 9_440
    assert (made.state, made.billed_on, bytes(made.raw)[:7]) == ("checked", date(2026, 11, 30), b"Invoice")


def test_what_is_wrong_in_a_file_is_named_and_nothing_is_kept() -> None:
    third = row("AWB2").replace("1.25", "heavy").replace("30/11", "2026")
    with pytest.raises(BillInvalid) as refused:
        bill(row("AWB1", total=99_999), row("", number="B-2"), third)

    said = [(error["line"], error["column"], error["message"]) for error in refused.value.data["errors"]]
    assert said == [
        (2, "total", "999.99 came; the parts add up to 153.40."),
        (3, "invoice_number", "'B-2' came; 'B-1' was expected: one file is one bill."),
        (3, "awb", "'' came; an AWB of 1 to 60 characters was expected."),
        (4, "date", "'2026/2026' came; a day such as 2026-11-30 or 30/11/2026 was expected."),
        (4, "weight_kg", "'heavy' came; a weight in kilograms was expected."),
    ]
    with pytest.raises(BillInvalid, match="column awb: This column is missing. The file has Date, Invoice, Freight"):
        receive_bill(account_id=account().pk, raw=b"Date,Invoice,Freight,Total\n", filename="", actor="")
    assert not CarrierBill.objects.exists()


def test_the_same_bill_again_changes_nothing_and_another_of_its_number_is_refused() -> None:
    parcel("AWB1")
    first = bill(row("AWB1"))

    assert bill(row("AWB1")).pk == first.pk
    with pytest.raises(Conflict, match="Bill B-1 is here already with 1 rows over INR 153.40; this file has 1 rows"):
        bill(row("AWB1", NET + 1))
    second = bill(row("AWB1", number="B-2"))
    assert BillLine.objects.count() == 2
    assert second.lines.get().evidence == {"first_bill": "B-1"}


@pytest.mark.django_db(transaction=True)
def test_two_bills_at_once_bill_a_parcel_once_and_the_same_bill_is_one() -> None:
    parcel("AWB1")
    account()

    made = at_once([lambda n=n: bill(row("AWB1", number=n)).pk for n in ("B-1", "B-2", "B-2")])  # type: ignore[misc]

    assert len(set(made)) == 2
    assert sorted(BillLine.objects.values_list("finding", flat=True)) == ["equal", "twice"]


def test_accepted_lines_are_owed_once_and_settle_the_bill() -> None:
    parcel("AWB1")
    made = bill(row("AWB1"), row("STRANGE"))

    with pytest.raises(DomainError, match="1 of these lines are above what was expected"):
        accept_lines(bill_id=made.pk, line_ids=ids(made), actor="Farida")
    assert charges() == 0
    assert accept_lines(bill_id=made.pk, line_ids=ids(made), actor="Farida", reason="Ours") == Decided(
        lines=2, passed_over=0
    )
    assert accept_lines(bill_id=made.pk, line_ids=ids(made), actor="Farida", reason="Ours").lines == 0
    made.refresh_from_db()
    assert (made.state, charges()) == ("settled", 2 * GROSS)


@pytest.mark.django_db(transaction=True)
def test_accepted_and_disputed_at_once_a_line_is_one_of_them() -> None:
    made = bill(row("STRANGE"))
    keys = ids(made)

    done = at_once([
        lambda: accept_lines(bill_id=made.pk, line_ids=keys, actor="A", reason="Ours").lines,
        lambda: accept_lines(bill_id=made.pk, line_ids=keys, actor="B", reason="Ours").lines,
    ])  # fmt: skip

    assert sorted(done) == [0, 1]
    assert charges() == GROSS


def test_a_credit_note_closes_disputes_and_the_rest_is_owed() -> None:
    parcel("AWB1")
    parcel("AWB2")
    made = bill(row("AWB1", NET + 8_000, kg="2.4"), row("AWB2", NET + 2_000), row("STRANGE"))
    over, rate = ids(made, "AWB1"), ids(made, "AWB2")

    with pytest.raises(DomainError, match="Say why they are disputed"):
        dispute_lines(bill_id=made.pk, line_ids=over, reason=" ", actor="Farida")
    dispute_lines(bill_id=made.pk, line_ids=over + rate, reason="Weighed 1.25 kg", actor="Farida")
    made.refresh_from_db()
    assert (made.state, charges()) == ("disputed", 0)

    def credit(lines: list[int], minor: int, number: str = "CN-1") -> CreditNote:
        note = Credit(number=number, issued_on=date(2026, 12, 2), amount_minor=minor)
        return record_credit(bill_id=made.pk, line_ids=lines, credit=note, actor="Farida")

    with pytest.raises(DomainError, match="The note is over INR 118.01; the chosen lines dispute INR 118.00."):
        credit(over + rate, 11_801)
    with pytest.raises(Conflict, match="1 of 2 lines are not disputed"):
        credit([*over, *ids(made, "STRANGE")], 100)
    credit(over + rate, 5_901)
    with pytest.raises(Conflict, match="Credit note CN-1 of Riders is here already."):
        credit(over, 100)

    shares = dict(made.lines.filter(state="credited").values_list("awb", "credited_minor"))
    assert shares == {"AWB1": 4_720, "AWB2": 1_181}
    assert charges() == (GROSS + 9_440 - 4_720) + (GROSS + 2_360 - 1_181)
    accept_lines(bill_id=made.pk, line_ids=ids(made), actor="Farida", reason="Our parcel after all")
    made.refresh_from_db()
    assert made.state == "settled"


def test_a_parcel_that_becomes_known_is_found_by_another_check() -> None:
    made = bill(row("LATE"))
    parcel("LATE")

    check_bill(bill_id=made.pk, actor="Farida")

    assert made.lines.get().finding == BillFinding.EQUAL


def test_without_a_card_the_price_of_the_booking_counts() -> None:
    card = account().rate_card
    said, unsaid = parcel("SAID"), parcel("UNSAID")
    CarrierAccount.objects.update(rate_card=None)
    Booking.objects.filter(pk=said.pk).update(charge_minor=NET)
    Booking.objects.filter(pk=unsaid.pk).update(charge_minor=None, expected_charge_minor=None)

    made = bill(row("SAID", NET + 4_000, kg="2.0"), row("UNSAID"))

    found = {line.awb: (line.finding, line.slabs_over, line.claim_minor) for line in made.lines.all()}
    assert card is not None
    assert found == {"SAID": ("weight", 1, 4_720), "UNSAID": ("no_price", 0, GROSS)}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE carriers_billline SET total_minor = total_minor + 1 WHERE awb = 'STRANGE'", "stays as it was billed"),
        ("UPDATE carriers_billline SET why = 'x' WHERE awb = 'AWB1'", "was accepted already"),
        ("DELETE FROM carriers_billline", "stays as it was billed"),
        ("UPDATE carriers_carrierbill SET number = 'X'", "stays as it was received"),
        ("UPDATE carriers_carrierbill SET state = 'settled'", "has lines that are not settled"),
        ("INSERT INTO carriers_creditnote (bill_id, account_id, number, issued_on, amount_minor, created_by) "
         "SELECT id, account_id, 'CN', '2026-12-01', 5, '' FROM carriers_carrierbill", "its lines over 0"),
        ("UPDATE carriers_billline SET state = 'disputed', decided_at = now(), why = 'x' WHERE awb = 'STRANGE'",
         "bill_line_dispute_says_why"),
        ("INSERT INTO carriers_billline (bill_id, account_id, row, awb, zone, freight_minor, fuel_minor, "
         "cod_fee_minor, return_minor, other_minor, gst_minor, total_minor, finding, expected_zone, slabs_over, "
         "claim_minor, evidence, state, why, decided_by, disputed_minor, credited_minor) SELECT bill_id, "
         "account_id, 99, awb, '', 1, 0, 0, 0, 0, 0, 1, 'unchecked', '', 0, 0, '{}', 'open', '', '', 0, 0 "
         "FROM carriers_billline WHERE awb = 'AWB1'", "bill_line_way_out_once"),
    ],
)  # fmt: skip
def test_the_database_keeps_what_was_billed_and_decided(sql: str, words: str) -> None:
    parcel("AWB1")
    made = bill(row("AWB1"), row("STRANGE"))
    accept_lines(bill_id=made.pk, line_ids=ids(made, "AWB1"), actor="Farida")

    with pytest.raises(IntegrityError, match=words), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{sql}; SET CONSTRAINTS ALL IMMEDIATE")
