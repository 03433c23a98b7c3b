"""Cash on delivery: each parcel is a debt of its carrier until a remittance pays it, and the book always adds up."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from carriers.base import Milestone, TrackingScan, TrackingUpdate
from carriers.models import (
    Booking,
    CarrierAccount,
    CashBook,
    CashEntry,
    CashPosition,
    CashTransaction,
    Finding,
    RemittanceLine,
)
from carriers.services import book, record_scans
from carriers.services.cash import collect_missing, write_off
from carriers.services.remittances import (
    PaidParcel,
    PaidTogether,
    assign_line,
    match_unknown,
    record_remittance,
    release_line,
)
from oms.core.clock import now
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.ids import uuid7
from tests.carriers.services.world import booking_request, manual_account
from tests.threads import at_once

pytestmark = pytest.mark.django_db
CASH = 50_000


def parcel(awb: str, *, cash: int = CASH, delivered: bool = True) -> Booking:
    """A booked parcel of the riders."""
    account = CarrierAccount.objects.filter(code="riders").first() or manual_account("riders")
    booking = book(request=booking_request(cod_minor=cash), parcel_uid=uuid7(), account_id=account.pk, awb=awb)
    if delivered:
        scan(booking, Milestone.DELIVERED)
    return booking


def scan(booking: Booking, milestone: Milestone, at: datetime | None = None) -> None:
    one = TrackingScan(scan_key=uuid7().hex, milestone=milestone, occurred_at=at or now(), carrier_status="x")
    record_scans(account=booking.account, update=TrackingUpdate(awb=booking.awb, scans=(one,)), source="poll")


def pay(*parcels: tuple[str, int] | tuple[str, int, int], utr: str = "UTR1", **changes: Any) -> Counter[str]:
    """A remittance of AWBs with amounts, and what was kept back of each."""
    account = CarrierAccount.objects.get(code="riders")
    rows = [PaidParcel(row=row, awb=each[0], amount_minor=each[1], deducted_minor=each[2] if len(each) > 2 else 0)
            for row, each in enumerate(parcels, start=2)]  # fmt: skip
    values: dict[str, Any] = {"account_id": account.pk, "utr": utr, "paid_on": date(2026, 11, 20), "currency": "INR"}
    return record_remittance(PaidTogether(**(values | {"parcels": rows} | changes)), actor="Farah")


def books() -> dict[str, int]:
    """The balance of each account of the book that is not zero."""
    rows = CashEntry.objects.values_list("book").annotate(total=Sum("amount_minor")).values_list("book", "total")
    return {name: total for name, total in rows if total}


def test_a_delivered_parcel_is_a_debt_of_its_carrier_once() -> None:
    booking = parcel("AW1", delivered=False)
    prepaid = parcel("AW2", cash=0)
    assert books() == {}

    for _ in range(2):
        scan(booking, Milestone.DELIVERED)
    collect_missing()

    assert books() == {CashBook.DUE: CASH, CashBook.CUSTOMERS: -CASH}
    assert CashPosition.objects.get().due_minor == CASH
    assert not CashTransaction.objects.filter(booking=prepaid).exists()


def test_a_parcel_that_was_not_delivered_after_all_owes_nothing_and_may_be_delivered_again() -> None:
    booking = parcel("AW1")

    scan(booking, Milestone.RTO_INITIATED)
    taken_back = books()
    scan(booking, Milestone.DELIVERED)

    assert taken_back == {}
    assert books() == {CashBook.DUE: CASH, CashBook.CUSTOMERS: -CASH}
    assert list(CashTransaction.objects.order_by("pk").values_list("event", flat=True)) == [
        "collected", "not_collected", "collected"
    ]  # fmt: skip


def test_a_remittance_says_of_each_parcel_what_it_is() -> None:
    for awb in ("FULL", "SHORT", "MORE", "KEPT"):
        parcel(awb)
    parcel("EARLY", delivered=False)

    findings = pay(("full", CASH), ("short", 30_000), ("more", 60_000), ("kept", 45_000, 5_000), ("early", CASH),
                   ("nobody", 700))  # fmt: skip

    assert findings == Counter(matched=2, short=1, excess=1, early=1, unknown=1)
    assert books() == {
        CashBook.BANK: CASH + 30_000 + 60_000 + 45_000 + CASH + 700, CashBook.DEDUCTED: 5_000,
        CashBook.DUE: 20_000, CashBook.EXCESS: -10_000 - CASH, CashBook.UNKNOWN: -700, CashBook.CUSTOMERS: -4 * CASH,
    }  # fmt: skip


def test_what_was_paid_before_delivery_is_set_against_it_then() -> None:
    booking = parcel("AW1", delivered=False)
    pay(("AW1", CASH))

    scan(booking, Milestone.DELIVERED)

    assert books() == {CashBook.BANK: CASH, CashBook.CUSTOMERS: -CASH}
    position = CashPosition.objects.get()
    assert (position.due_minor, position.excess_minor, position.remitted_minor) == (0, 0, CASH)


def test_the_same_remittance_again_changes_nothing_and_another_content_is_refused() -> None:
    parcel("AW1")
    parcel("AW2")
    pay(("AW1", CASH))

    again = pay(("AW1", CASH), ("AW2", CASH))
    with pytest.raises(DomainError) as refused:
        pay(("AW1", CASH - 1))
    with pytest.raises(DomainError, match="was paid on 2026-11-20"):
        pay(("AW1", CASH), paid_on=date(2026, 11, 21))

    assert again == Counter(matched=1)
    assert (refused.value.field, refused.value.data["row"]) == ("amount", 2)
    assert books()[CashBook.BANK] == 2 * CASH


def test_a_parcel_that_is_paid_twice_stands_as_paid_too_much() -> None:
    parcel("AW1")
    pay(("AW1", CASH))

    assert pay(("AW1", CASH), utr="UTR2") == Counter(again=1)
    assert CashPosition.objects.get().excess_minor == CASH


def test_a_payment_finds_its_parcel_by_hand_and_is_taken_off_it_again() -> None:
    parcel("AW1")
    pay(("AW1-TYPO", CASH))
    line = RemittanceLine.objects.get()

    assign_line(line_id=line.pk, awb=" AW1 ", actor="Farah")
    assigned = books()
    with pytest.raises(Conflict):
        assign_line(line_id=line.pk, awb="AW1", actor="Farah")
    release_line(line_id=line.pk, reason="It was another one.", actor="Farah")
    position = CashPosition.objects.get()

    assert assigned == {CashBook.BANK: CASH, CashBook.CUSTOMERS: -CASH}
    assert books() == {CashBook.BANK: CASH, CashBook.CUSTOMERS: -CASH, CashBook.DUE: CASH, CashBook.UNKNOWN: -CASH}
    assert (position.due_minor, position.remitted_minor) == (CASH, 0)
    line.refresh_from_db()
    assert (line.finding, line.booking_id) == (Finding.UNKNOWN, None)
    with pytest.raises(NotFound, match="no parcel with the AWB 'AW9'"):
        assign_line(line_id=line.pk, awb="AW9", actor="Farah")


def test_a_payment_for_a_parcel_that_is_known_later_is_matched_by_the_clock() -> None:
    manual_account("riders")
    pay(("AW1", CASH))
    parcel("AW1")

    assert match_unknown() == 1
    assert match_unknown() == 0
    assert books() == {CashBook.BANK: CASH, CashBook.CUSTOMERS: -CASH}


def test_payments_that_never_find_a_parcel_do_not_keep_others_from_theirs() -> None:
    manual_account("riders")
    pay(("NONE1", CASH), ("NONE2", CASH), ("aw1", CASH))
    parcel("AW1")

    assert match_unknown(limit=1) == 1
    assert RemittanceLine.objects.get(awb="aw1").finding == Finding.MATCHED


def test_what_is_due_in_one_currency_is_not_paid_in_another() -> None:
    parcel("AW1")
    before = books()

    with pytest.raises(DomainError, match="AW1 is collected in INR, the file says USD"):
        pay(("AW1", CASH), currency="USD")

    assert books() == before
    assert not RemittanceLine.objects.exists()


def test_what_is_given_up_leaves_the_open_items_with_a_reason() -> None:
    booking = parcel("AW1")
    pay(("AW1", 40_000))

    with pytest.raises(DomainError, match="Say why"):
        write_off(booking_id=booking.pk, reason=" ", actor="Farah")
    assert write_off(booking_id=booking.pk, reason="Too little to argue.", actor="Farah") == 10_000
    with pytest.raises(Conflict):
        write_off(booking_id=booking.pk, reason="Again", actor="Farah")

    assert books()[CashBook.WRITTEN_OFF] == 10_000
    assert CashPosition.objects.get().due_minor == 0


def test_parcels_that_came_in_without_their_scans_are_booked_by_the_clock() -> None:
    booking = parcel("AW1", delivered=False)
    Booking.objects.filter(pk=booking.pk).update(milestone="delivered")

    assert collect_missing() == 1
    assert collect_missing() == 0
    assert books()[CashBook.DUE] == CASH


@pytest.mark.django_db(transaction=True)
def test_the_book_is_kept_by_the_database() -> None:
    parcel("AW1")
    entry = CashEntry.objects.order_by("pk")[0]

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        CashEntry.objects.filter(pk=entry.pk).update(amount_minor=1)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        CashTransaction.objects.update(note="Nothing happened.")
    with pytest.raises(IntegrityError, match="does not add up"), transaction.atomic():
        CashEntry.objects.create(transaction=entry.transaction, account=entry.account, book="bank", amount_minor=5,
                                 currency="INR")  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_two_people_who_import_the_same_remittance_at_once_book_it_once() -> None:
    for nth in range(20):
        parcel(f"AW{nth}")
    together = Barrier(2)

    def one() -> Counter[str]:
        together.wait(10)
        return pay(*[(f"AW{nth}", CASH) for nth in range(20)])

    found = at_once([one, one])

    assert sum((each for each in found), Counter()) == Counter(matched=20)
    assert books() == {CashBook.BANK: 20 * CASH, CashBook.CUSTOMERS: -20 * CASH}


@pytest.mark.django_db(transaction=True)
def test_remittances_that_cross_and_scans_at_the_same_time_end_with_every_parcel_paid_once() -> None:
    bookings = [parcel(f"AW{nth}", delivered=nth % 2 == 0) for nth in range(12)]
    awbs = [booking.awb for booking in bookings]
    together = Barrier(3)

    def remit(utr: str, order: list[str]) -> None:
        together.wait(10)
        pay(*[(awb, CASH) for awb in order], utr=utr)

    def deliver() -> None:
        together.wait(10)
        for booking in bookings[1::2]:
            scan(booking, Milestone.DELIVERED, now() - timedelta(minutes=1))

    at_once([lambda: remit("U1", awbs), lambda: remit("U2", awbs[::-1]), deliver])

    assert books() == {CashBook.BANK: 24 * CASH, CashBook.CUSTOMERS: -12 * CASH, CashBook.EXCESS: -12 * CASH}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM carriers_cashposition p WHERE due_minor <> (SELECT coalesce(sum(amount_minor), 0) "
            "FROM carriers_cashentry e WHERE e.booking_id = p.booking_id AND book = 'due')"
        )
        assert cursor.fetchone() == (0,)
